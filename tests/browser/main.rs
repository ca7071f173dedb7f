//! The page in a real browser, before a real node. The checks themselves are programs for the browser (`page.mjs`, `models.mjs`, `gone.mjs`, `demo.mjs`);
//! here are the node they look at, the browser's packages, and the time they have.
//!
//! It needs `aios` beside the tests (`cargo test` builds it), Node with npm, and Chromium: Debian's, or the one that `AIOS_CHROMIUM` names.
//! What was seen is kept as pictures in `target/browser/seen`.

#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod models;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// What one program for the browser may take: a minute and a half on a quiet machine, several times that where others use it too.
const PATIENCE: Duration = Duration::from_secs(420);

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// `target/debug`, in whose `deps` these tests lie.
fn built() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.ancestors().nth(2).unwrap().to_owned()
}

fn aios() -> PathBuf {
    let aios = built().join("aios");
    assert!(
        aios.exists(),
        "{} is not there: build it with `cargo test -p aios --no-run`",
        aios.display()
    );
    aios
}

/// The packages that drive the browser, exactly those of the lock file, fetched once.
fn modules() -> PathBuf {
    static MODULES: OnceLock<PathBuf> = OnceLock::new();
    let fetched = MODULES.get_or_init(|| {
        let folder = built().parent().unwrap().join("browser/packages");
        fs::create_dir_all(&folder).unwrap();
        let known = fs::read(here().join("package-lock.json")).unwrap();
        let done = folder.join("done");
        if fs::read(&done).is_ok_and(|done| done == known) {
            return folder;
        }
        for file in ["package.json", "package-lock.json"] {
            fs::copy(here().join(file), folder.join(file)).unwrap();
        }
        let npm = Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output();
        let npm = npm.unwrap_or_else(|error| panic!("npm is needed: {error}"));
        assert!(
            npm.status.success(),
            "{}",
            String::from_utf8_lossy(&npm.stderr)
        );
        fs::write(done, known).unwrap();
        folder
    });
    fetched.clone()
}

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A node that serves, and what it said when it was ready.
struct Served {
    running: Running,
    ready: Value,
}

fn served(folder: &Path, arguments: &[&str]) -> Served {
    let notes = File::options()
        .create(true)
        .append(true)
        .open(folder.join("notes"))
        .unwrap();
    let mut child = Command::new(aios())
        .args(arguments)
        .current_dir(folder)
        .env_remove("AIOS_CONFIG")
        .env_remove("AIOS_NODE")
        .env("AIOS_CACHE", folder.join("no-models"))
        .env("AIOS_DOOR_FOLDER", folder.join("doors"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(notes)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    // What it says later is taken, so that it never waits for a reader.
    thread::spawn(move || out.lines().for_each(drop));
    let notes = fs::read_to_string(folder.join("notes")).unwrap();
    let ready = serde_json::from_str(&line);
    let ready = ready.unwrap_or_else(|error| panic!("{error}: {line:?}: {notes}"));
    Served {
        running: Running(child),
        ready,
    }
}

impl Served {
    fn said(&self, field: &str) -> String {
        let found = self.ready[field].as_str();
        found
            .unwrap_or_else(|| panic!("{field} is not in {}", self.ready))
            .to_owned()
    }
}

/// Runs a program for the browser. What it asks for by `please ..` is done while it waits.
fn drives(program: &str, environment: &[(&str, String)], mut please: impl FnMut(&str)) {
    let seen = built().parent().unwrap().join("browser/seen");
    fs::create_dir_all(&seen).unwrap();
    let mut node = Command::new("node");
    node.arg(here().join(program))
        .env("AIOS_BROWSER_MODULES", modules())
        .env("AIOS_BROWSER_OUT", seen)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut running = Running(
        node.spawn()
            .unwrap_or_else(|error| panic!("Node is needed: {error}")),
    );
    let mut answers: ChildStdin = running.0.stdin.take().unwrap();
    let out = BufReader::new(running.0.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + PATIENCE;
    let mut heard = String::new();
    loop {
        match told.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                heard.push_str(&line);
                heard.push('\n');
                if let Some(what) = line.strip_prefix("please ") {
                    please(what);
                    writeln!(answers, "done").unwrap();
                }
            }
            Err(RecvTimeoutError::Timeout) => panic!("{program} took too long:\n{heard}"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    let ended = running.0.wait().unwrap();
    assert!(ended.success(), "{program}:\n{heard}");
    println!("{heard}");
}

const SERVE: [&str; 6] = [
    "serve",
    "--http",
    "127.0.0.1:0",
    "--json",
    "--engine",
    "scripted",
];

/// A table with markup of somebody else in a cell.
fn table(folder: &Path) -> String {
    let file = folder.join("sales.csv");
    let mut text = "date,region,revenue\n".to_owned();
    for day in 1..=28 {
        for (region, revenue) in [
            ("North", 120 + day),
            ("\"<img src=x onerror=alert('cell')>\"", 300 + day),
        ] {
            text.push_str(&format!("2025-07-{day:02},{region},{revenue}.50\n"));
        }
    }
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn every_view_is_seen_and_used_in_a_browser() {
    let folder = tempfile::tempdir().unwrap();
    let served = served(folder.path(), &[&SERVE[..], &["--read-only-link"]].concat());
    drives(
        "page.mjs",
        &[
            ("AIOS_NODE", served.said("http")),
            ("AIOS_LINK", served.said("link")),
            ("AIOS_READ_ONLY_LINK", served.said("read_only_link")),
            ("AIOS_TABLE", table(folder.path())),
        ],
        |what| panic!("nobody knows how to {what}"),
    );
}

#[test]
fn a_node_that_goes_and_comes_back_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let arguments = |http: &str| {
        let mut arguments = SERVE.map(str::to_owned).to_vec();
        arguments[2] = http.to_owned();
        arguments.extend([
            "--token-file".to_owned(),
            token.to_str().unwrap().to_owned(),
        ]);
        arguments
    };
    let begin = |http: &str| {
        let arguments = arguments(http);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        served(folder.path(), &arguments)
    };
    let first = begin("127.0.0.1:0");
    let (http, link) = (first.said("http"), first.said("link"));
    let mut node = Some(first);
    let address = http.strip_prefix("http://").unwrap().to_owned();
    let environment = [
        ("AIOS_NODE", http.clone()),
        ("AIOS_LINK", link),
        (
            "AIOS_TOKEN",
            fs::read_to_string(&token).unwrap().trim().to_owned(),
        ),
    ];
    drives("gone.mjs", &environment, |what| match what {
        "kill" => drop(node.take().map(|node| node.running)),
        "start" => node = Some(begin(&address)),
        other => panic!("nobody knows how to {other}"),
    });
}

#[test]
fn the_six_acts_are_played_from_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let demo = served(folder.path(), &["demo", "--json", "--asleep", "1000000"]);
    drives(
        "demo.mjs",
        &[
            ("AIOS_NODE", demo.said("http")),
            ("AIOS_LINK", demo.said("link")),
        ],
        |what| panic!("nobody knows how to {what}"),
    );
    // Killed, it cannot tell its node to end, and leaves none behind.
    let address = demo.said("http").replace("http://", "");
    drop(demo.running);
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(&address).is_ok() {
        assert!(Instant::now() < end, "the node outlives who started it");
        thread::sleep(Duration::from_millis(20));
    }
}
