//! Two nodes in two processes whose zones are tied by their configurations.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use aios_micro::kinds::page;
use aios_micro::{Act, Event, Handle};
use aios_protocols::TraceContext;
use aios_runtime::config::LinkConfig;
use aios_runtime::swarm::LinkView;
use aios_runtime::{Config, Node};

const SOON: Duration = Duration::from_secs(60);
const PAGES: u32 = 100;
const SOCKET: &str = "AIOS_TEST_ZONE";

async fn node(zone: &str, link: LinkConfig) -> (Node, Vec<Handle>) {
    let mut config = Config::default();
    config.node.zone = zone.to_owned();
    config.swarm.pages = PAGES;
    config.swarm.links.insert("other".to_owned(), link);
    let node = Node::builder().config(config).start().await.unwrap();
    let mut pages = Vec::new();
    for resource in 0..u64::from(PAGES) {
        let found = node.population().find("page", resource, SOON).await;
        pages.push(found.unwrap().unwrap());
    }
    (node, pages)
}

fn view(node: &Node) -> LinkView {
    node.zone_links().remove(0)
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "{what}: nothing within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn touches(pages: &[Handle], count: usize) -> Vec<Event> {
    let touch = |at: usize| Event::new(pages[at % pages.len()], Act::Inform, page::TOUCH, 0, 0);
    (0..count).map(touch).collect()
}

fn numbers(pages: &[Handle]) -> String {
    let numbers: Vec<String> = pages.iter().map(|page| page.bits().to_string()).collect();
    numbers.join(" ")
}

fn handles(line: &str) -> Vec<Handle> {
    line.split_ascii_whitespace()
        .map(|bits| Handle::from_bits(bits.parse().unwrap()).unwrap())
        .collect()
}

/// The other node: says its pages, tells those it hears of, and says what came.
#[test]
fn the_other_node() {
    let Ok(socket) = std::env::var(SOCKET) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let link = LinkConfig {
            connect: socket,
            ..LinkConfig::default()
        };
        let (node, pages) = node("there", link).await;
        println!("@{}", numbers(&pages));
        let mut lines = std::io::stdin().lines();
        let theirs = handles(&lines.next().unwrap().unwrap());
        node.tell_zone("other", touches(&theirs, 300)).unwrap();
        // Until the other one says how many it sent.
        let sent: u64 = lines.next().unwrap().unwrap().trim().parse().unwrap();
        until("what was sent", || view(&node).came.told == sent).await;
        println!("@{}", serde_json::to_string(&view(&node)).unwrap());
        // Stays until it is killed.
        lines.next();
    });
}

struct Other {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    fn start(socket: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "zones::the_other_node", "--nocapture"])
            .env(SOCKET, socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            input: child.stdin.take().unwrap(),
            lines: BufReader::new(child.stdout.take().unwrap()).lines(),
            child,
        }
    }

    fn hear(&mut self) -> String {
        loop {
            let line = self.lines.next().expect("the other node ended").unwrap();
            if let Some((_, line)) = line.split_once('@') {
                return line.to_owned();
            }
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.child.kill(); // SIGKILL
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_of_two_nodes_are_tied_and_tied_again_when_one_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("zones.sock");
    let link = LinkConfig {
        listen: socket.to_str().unwrap().to_owned(),
        ..LinkConfig::default()
    };
    let (node, pages) = node("here", link).await;
    let trace = TraceContext::new([0xA5; 16], [7; 8], 1).unwrap();
    let unknown = node.tell_zone("nowhere", Vec::new()).unwrap_err();
    assert!(unknown.to_string().contains("there are other"), "{unknown}");
    for life in 1..=2_u64 {
        let mut other = Other::start(&socket);
        let theirs = handles(&other.hear());
        until("the other node", || view(&node).met == life).await;
        assert_eq!(view(&node).peer.as_deref(), Some("there"));
        let mut events = touches(&theirs, 2_000);
        // Not sent at all.
        events.push(Event::new(theirs[0], Act::Request, page::TOUCH, 0, 0));
        node.tell_zone_in(&trace, "other", events).unwrap();
        other.tell(&numbers(&pages));
        other.tell("2000");
        until("what it told", || view(&node).came.told == 300 * life).await;
        let there: LinkSeen = serde_json::from_str(&other.hear()).unwrap();
        assert_eq!(
            (there.came.told, there.peer.as_deref()),
            (2_000, Some("here"))
        );
        let named = there.trace.unwrap_or_default();
        assert!(
            trace.to_string().contains(&named) && named.len() == 32,
            "{named}"
        );
        // Counted a moment after it is told.
        until("the count of what was sent", || {
            let here = view(&node);
            (here.sent, here.forbidden) == (2_000 * life, life)
        })
        .await;
        let here = view(&node);
        assert_eq!(here.came.refused(), 0);
        assert_eq!(here.trace, None, "the other one told nothing in a trace");
        drop(other);
        until("that it is gone", || view(&node).peer.is_none()).await;
    }
    node.stop().await;
    assert!(!socket.exists(), "whoever listened takes the socket away");
}

/// What the other node shows of its link.
#[derive(serde::Deserialize)]
struct LinkSeen {
    peer: Option<String>,
    trace: Option<String>,
    came: Came,
}

#[derive(serde::Deserialize)]
struct Came {
    told: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_somebody_elses_is_left_alone_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").unwrap();
    for listens in [true, false] {
        let path = file.to_str().unwrap().to_owned();
        let link = match listens {
            true => LinkConfig {
                listen: path,
                ..LinkConfig::default()
            },
            false => LinkConfig {
                connect: path,
                ..LinkConfig::default()
            },
        };
        let (node, _) = node("here", link).await;
        until("why nobody is there", || view(&node).trouble.is_some()).await;
        let said = view(&node).trouble.unwrap();
        assert!(said.contains("is not a socket of this user"), "{said}");
        node.stop().await;
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
}
