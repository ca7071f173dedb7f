//! The alerts of `docs/operating`, in a real Prometheus: each fires when what it is for happens, and is resolved when that is over.
//!
//! Needs `prometheus` and `promtool`, as Debian's package `prometheus` has them, and fails without.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use aios_control::{Caller, Control, Place};
use aios_runtime::Node;
use serde_json::Value;

/// How long Prometheus may take over anything.
const SOON: Duration = Duration::from_secs(90);
/// Between two looks.
const BEAT: Duration = Duration::from_millis(200);
/// The six.
const ALERTS: [&str; 6] = [
    "AiosAgentDown",
    "AiosElectionsUnstable",
    "AiosErrorRate",
    "AiosSlowFirstToken",
    "AiosSwarmShrunk",
    "AiosWorkingMemory",
];

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating");
    folder.canonicalize().unwrap()
}

fn promtool(arguments: &[&str]) -> String {
    let done = Command::new("promtool")
        .args(arguments)
        .current_dir(folder().join("prometheus"))
        .output()
        .expect("promtool is installed: apt-get install prometheus");
    let said = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "promtool {arguments:?}: {said}");
    said.into_owned()
}

#[test]
fn the_rules_are_sound_and_each_fires_and_is_resolved_at_its_own_time() {
    let said = promtool(&["check", "rules", "rules.yml"]);
    assert!(said.contains("6 rules found"), "{said}");
    promtool(&["test", "rules", "rules.test.yml"]);
    let rules = std::fs::read_to_string(folder().join("prometheus/rules.yml")).unwrap();
    for line in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook: docs/operating/"))
    {
        let page = std::fs::read_to_string(folder().join(line)).unwrap();
        for part in ["**Look.**", "**Do.**"] {
            assert!(
                page.contains(part),
                "{line} says what to look at and what to do"
            );
        }
    }
}

/// A node's figures, and what is wrong with it for as long as it is.
struct Figures {
    text: String,
    wrong: AtomicBool,
    /// How often it was asked: what only grows grows with it.
    asked: AtomicU64,
}

impl Figures {
    fn told(&self) -> String {
        let wrong = self.wrong.load(Relaxed);
        let grown = match wrong {
            true => self.asked.fetch_add(1, Relaxed),
            false => self.asked.load(Relaxed),
        } as f64;
        let pick = |bad: f64, good: f64| if wrong { bad } else { good };
        let engine = r#"aios_inference_time_to_first_token_seconds_bucket{engine="e",le="#;
        let page = r#"{zone="z",kind="page"}"#;
        let mut text = self.text.clone();
        for (series, value) in [
            ("aios_supervisor_children_down".to_owned(), pick(2.0, 0.0)),
            (
                r#"aios_orchestrator_tasks_total{status="failed"}"#.to_owned(),
                grown * 3.0,
            ),
            (
                r#"aios_orchestrator_tasks_total{status="completed"}"#.to_owned(),
                grown,
            ),
            (format!("{engine}\"2\"}}"), 0.0),
            (format!("{engine}\"5\"}}"), grown * 2.0),
            (format!("{engine}\"+Inf\"}}"), grown * 2.0),
            ("aios_memory_working_bytes".to_owned(), pick(95.0, 10.0)),
            ("aios_memory_working_limit_bytes".to_owned(), 100.0),
            (format!("aios_micro_agents{page}"), pick(50.0, 100.0)),
            (format!("aios_micro_agents_expected{page}"), 100.0),
            ("aios_consensus_takeovers_total".to_owned(), grown * 2.0),
        ] {
            put(&mut text, &series, value);
        }
        text
    }
}

/// Gives a series another value, or makes it.
fn put(text: &mut String, series: &str, value: f64) {
    let line = format!("{series} {value}");
    let old = text.lines().find(|line| {
        line.rsplit_once(' ')
            .is_some_and(|(name, _)| name == series)
    });
    match old.map(str::to_owned) {
        Some(old) => *text = text.replacen(&old, &line, 1),
        None => {
            text.push_str(&line);
            text.push('\n');
        }
    }
}

/// Says these figures to whoever asks.
fn serve(figures: Arc<Figures>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut head = [0; 4_096];
            let _ = stream.read(&mut head);
            let body = figures.told();
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}

/// A Prometheus, ended with whoever holds it.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// With the rules of the documentation, minutes made seconds: what they say stays what it is.
    fn begin(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = std::fs::read_to_string(self::folder().join("prometheus/rules.yml")).unwrap();
        let rules = rules
            .replace("interval: 15s", "interval: 1s")
            .replace("for: 1m", "for: 1s")
            .replace("for: 2m", "for: 1s")
            .replace("[5m]", "[5s]")
            .replace("[10m]", "[5s]");
        assert!(
            !rules.contains("m]") && !rules.contains("for: 1m"),
            "{rules}"
        );
        std::fs::write(folder.path().join("rules.yml"), rules).unwrap();
        let config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\n\
             scrape_configs: [{{ job_name: aios, static_configs: [{{ targets: [\"{target}\"] }}] }}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        // Free a moment ago; should somebody else take it, Prometheus says so and the test fails.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new("prometheus")
            .arg("--config.file=prometheus.yml")
            .arg(format!("--web.listen-address={address}"))
            .arg("--storage.tsdb.path=data")
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed: apt-get install prometheus");
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    /// The alerts that fire now; none while it does not answer yet.
    fn firing(&self) -> Option<BTreeSet<String>> {
        let mut stream = TcpStream::connect_timeout(&self.address, BEAT).ok()?;
        let asked = "GET /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(asked.as_bytes()).ok()?;
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        let json = &said[said.find('{')?..=said.rfind('}')?];
        let answer: Value = serde_json::from_str(json).ok()?;
        let alerts = answer["data"]["alerts"].as_array()?;
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        let names = firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap_or_default());
        Some(names.map(str::to_owned).collect())
    }

    fn until(&self, what: &str, wanted: &BTreeSet<String>) {
        let deadline = Instant::now() + SOON;
        let mut last = None;
        while Instant::now() < deadline {
            last = self.firing();
            if last.as_ref() == Some(wanted) {
                return;
            }
            std::thread::sleep(BEAT);
        }
        panic!("{what}: {last:?} and not {wanted:?}");
    }
}

#[test]
fn each_alert_fires_and_is_resolved_in_a_real_prometheus() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let text = runtime.block_on(async {
        let node = Node::builder().start().await.unwrap();
        let caller = Caller::named(node.owner_name().clone(), Place::Here);
        let text = node.metrics(&caller).unwrap().unwrap();
        node.stop().await;
        text
    });
    let figures = Arc::new(Figures {
        text,
        wrong: AtomicBool::new(false),
        asked: AtomicU64::new(0),
    });
    let prometheus = Prometheus::begin(serve(Arc::clone(&figures)));
    let (none, all) = (
        BTreeSet::new(),
        ALERTS.iter().map(|name| (*name).to_owned()).collect(),
    );
    prometheus.until("at first", &none);
    figures.wrong.store(true, Relaxed);
    prometheus.until("when all is wrong", &all);
    figures.wrong.store(false, Relaxed);
    prometheus.until("when all is well again", &none);
}
