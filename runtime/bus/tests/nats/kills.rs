//! Kills under load: of the server, and of the process that publishes and follows. Every message that was accepted has its effect once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aios_bus::data::nats::{self, Follow, FollowCounts, JournalView, Outbox, streams};
use aios_journal::{Draft, Payload};
use aios_protocols::Timestamp;
use bytes::Bytes;

use crate::rig;

const ROLE: &str = "AIOS_BUS_TEST_FOLDER";
const SERVER: &str = "AIOS_BUS_TEST_SERVER";
const RUN: &str = "AIOS_BUS_TEST_RUN";
/// Subjects that are published on.
const SUBJECTS: u64 = 8;

/// A view that remembers what had an effect, in a journal.
fn view(folder: &Path, reached: Arc<AtomicU64>) -> JournalView {
    let write = move |sequence, message: &nats::frame::Proven| {
        reached.store(sequence, Ordering::Relaxed);
        let text = String::from_utf8_lossy(&message.frame.payload).into_owned();
        let subject = message.frame.subject.clone();
        let effect = Payload::new("effect", 1, text.clone());
        Ok(vec![Draft::set(text, "view", subject, effect)])
    };
    JournalView::open(folder, rig::identity(1), Box::new(write)).unwrap()
}

/// What had an effect, by subject, in order.
fn effects(view: &JournalView) -> BTreeMap<String, Vec<u64>> {
    let mut effects: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for entry in view.journal().read(1) {
        let entry = entry.unwrap();
        let payload = entry.draft.after.unwrap();
        if let Ok(bytes) = payload.of_kind("effect", 1) {
            let number = String::from_utf8_lossy(bytes).parse().unwrap();
            effects.entry(entry.draft.key).or_default().push(number);
        }
    }
    effects
}

fn what() -> Follow {
    Follow {
        stream: &streams::EVENTS,
        pattern: "aios.events.task.>".into(),
        name: "effects".into(),
        attempts_max: 3,
    }
}

fn subject(number: u64) -> String {
    format!("aios.events.task.g{}", number % SUBJECTS)
}

async fn accept(outbox: &Outbox, number: u64) -> bool {
    let now: Timestamp = rig::clock()();
    let payload = Bytes::from(number.to_string());
    let taken = outbox.accept(subject(number), now, None, payload).await;
    taken.is_ok()
}

/// Prints and asserts what every one of these tests is about.
fn count(what: &str, accepted: &[u64], effects: &BTreeMap<String, Vec<u64>>) {
    count_seen(
        what,
        accepted,
        effects.values().flatten().copied().collect(),
    );
    for (subject, numbers) in effects {
        assert!(numbers.is_sorted(), "{subject} is out of order");
    }
}

fn count_seen(what: &str, accepted: &[u64], mut seen: Vec<u64>) {
    let delivered = seen.len();
    seen.sort_unstable();
    let doubled = seen.windows(2).filter(|pair| pair[0] == pair[1]).count();
    let lost = accepted
        .iter()
        .filter(|number| seen.binary_search(number).is_err())
        .count();
    // Past the capture of the test's output: the figures are what the test is for.
    let mut shown = std::io::stderr().lock();
    writeln!(
        shown,
        "{what}: accepted {}, delivered {delivered}, lost {lost}, doubled {doubled}",
        accepted.len()
    )
    .unwrap();
    assert_eq!((lost, doubled), (0, 0));
}

pub(crate) fn of_the_server(kills: u32) {
    rig::run(async move {
        let folder = tempfile::tempdir().unwrap();
        let mut server = rig::server(&folder.path().join("nats"));
        let link = rig::link(&rig::settings(&server)).await;
        let outbox = rig::outbox(&folder.path().join("outbox"));
        let own = rig::own(1, &[1]);
        let drain = nats::drain(link.clone(), outbox.clone(), own.clone());
        let over = Arc::new(AtomicBool::new(false));
        let (begun, accepted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let publish = tokio::spawn({
            let (outbox, over) = (outbox.clone(), over.clone());
            let (begun, accepted) = (begun.clone(), accepted.clone());
            async move {
                let mut taken = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let number = begun.fetch_add(1, Ordering::Relaxed);
                    if accept(&outbox, number).await {
                        taken.push(number);
                        accepted.fetch_add(1, Ordering::Relaxed);
                    }
                }
                taken
            }
        });
        let follow = tokio::spawn({
            let (link, own, over, accepted) =
                (link.clone(), own.clone(), over.clone(), accepted.clone());
            let mut view = view(&folder.path().join("view"), Arc::default());
            async move {
                let mut counts = FollowCounts::default();
                let all = move |counts: &FollowCounts| {
                    over.load(Ordering::Relaxed)
                        && counts.applied >= accepted.load(Ordering::Relaxed)
                };
                nats::follow(&link, &own, &what(), &mut view, &mut counts, &all).await;
                (view, counts)
            }
        });
        for kill in 0..kills {
            let before = accepted.load(Ordering::Relaxed);
            rig::until("some load", || {
                accepted.load(Ordering::Relaxed) > before + 200
            })
            .await;
            server.kill();
            // Published on meanwhile: it waits in the outbox.
            let away = accepted.load(Ordering::Relaxed);
            let more = 20 + u64::from(kill % 4) * 60;
            rig::until("some more", || {
                accepted.load(Ordering::Relaxed) > away + more
            })
            .await;
            server.start_again().unwrap();
            assert!(link.up_within(Duration::from_secs(20)).await);
        }
        // The last message tells the follower that it may look whether it is done.
        rig::until("the outbox is empty but for what comes in", || {
            outbox.counts().waiting < 64
        })
        .await;
        over.store(true, Ordering::Relaxed);
        let mut taken = publish.await.unwrap();
        let last = begun.fetch_add(1, Ordering::Relaxed);
        accepted.fetch_add(1, Ordering::Relaxed);
        assert!(accept(&outbox, last).await);
        taken.push(last);
        let (view, counts) = follow.await.unwrap();
        rig::until("the outbox is empty", || outbox.counts().waiting == 0).await;
        count(
            &format!("{kills} kills of the server"),
            &taken,
            &effects(&view),
        );
        assert_eq!(outbox.counts().delivered, taken.len() as u64);
        assert!(link.counts().disconnects >= u64::from(kills));
        assert_eq!(counts.applied, taken.len() as u64, "{counts:?}");
        drain.abort();
    });
}

/// Connections that are lost again and again: a day has some 288 if it is one in five minutes.
pub(crate) fn of_connections(lost: u64) {
    rig::run(async move {
        let folder = tempfile::tempdir().unwrap();
        let server = rig::server(&folder.path().join("nats"));
        let link = rig::link(&rig::settings(&server)).await;
        let outbox = rig::outbox(&folder.path().join("outbox"));
        let drain = nats::drain(link.clone(), outbox.clone(), rig::own(1, &[1]));
        let (mut sent, mut accepted) = (0, Vec::new());
        for connects in 1..=lost {
            for _ in 0..4 {
                assert!(accept(&outbox, sent * SUBJECTS).await);
                accepted.push(sent * SUBJECTS);
                sent += 1;
            }
            link.client().force_reconnect().await.unwrap();
            rig::until("another connection", || link.counts().connects > connects).await;
        }
        rig::until("all has left", || outbox.counts().waiting == 0).await;
        let stream = link.context().get_stream("AIOS_EVENTS").await.unwrap();
        let mut seen = Vec::new();
        for sequence in 1..=stream.cached_info().state.last_sequence {
            let message = stream.get_raw_message(sequence).await.unwrap();
            let number = std::str::from_utf8(&message.payload).unwrap();
            seen.push(number.parse().unwrap());
        }
        assert!(seen.is_sorted(), "out of order");
        count_seen(&format!("{lost} lost connections"), &accepted, seen);
        assert_eq!(stream.cached_info().state.messages, sent);
        drain.abort();
    });
}

/// The process that `of_the_process` kills: it publishes, drains and follows until then.
#[test]
fn the_process_that_is_killed() {
    let Some(folder) = std::env::var_os(ROLE) else {
        return;
    };
    be_killed(&PathBuf::from(folder));
}

#[allow(clippy::print_stdout)] // what the parent reads
fn be_killed(folder: &Path) {
    let number = |name: &str| std::env::var(name).unwrap();
    let run: u64 = number(RUN).parse().unwrap();
    let settings = nats::NatsSettings {
        address: number(SERVER),
        ..nats::NatsSettings::default()
    };
    rig::run(async {
        let link = rig::link(&settings).await;
        let own = rig::own(1, &[1]);
        let outbox = rig::outbox(&folder.join("outbox"));
        let _drain = nats::drain(link.clone(), outbox.clone(), own.clone());
        let reached = Arc::new(AtomicU64::new(0));
        let mut view = view(&folder.join("view"), reached.clone());
        let begun = Instant::now();
        let publish = async {
            let mut at = 0;
            // Until it is killed; the last run publishes nothing and finishes what is there.
            while run > 0 && begun.elapsed() < Duration::from_secs(60) {
                at += 1;
                let number = run * 1_000_000 + at;
                if accept(&outbox, number).await {
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "accepted {number}").unwrap();
                    out.flush().unwrap();
                }
            }
            rig::until("all has left", || outbox.counts().waiting == 0).await;
            let mut out = std::io::stdout().lock();
            writeln!(out, "empty").unwrap();
            out.flush().unwrap();
            drop(out);
            let stream = link.context().get_stream("AIOS_EVENTS").await.unwrap();
            let last = stream.cached_info().state.last_sequence;
            // What the view has written when this is polled is lasting: both are of one task, and it writes in one go.
            rig::until("the view has all", || {
                reached.load(Ordering::Relaxed) >= last
            })
            .await;
            let mut out = std::io::stdout().lock();
            writeln!(out, "followed").unwrap();
            out.flush().unwrap();
        };
        let mut counts = FollowCounts::default();
        let what = what();
        let follow = nats::follow(&link, &own, &what, &mut view, &mut counts, &|_| false);
        tokio::select! {
            () = follow => {}
            () = async { publish.await; std::future::pending::<()>().await } => {}
        }
    });
}

pub(crate) fn of_the_process(kills: u64, test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let server = rig::server(&folder.path().join("nats"));
    let begun = Instant::now();
    let mut accepted = Vec::new();
    let start = |run: u64| {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(ROLE, folder.path())
            .env(SERVER, server.url())
            .env(RUN, run.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        (Killed(child), said.lines())
    };
    for run in 1..=kills {
        let (mut child, lines) = start(run);
        let enough = 200 + 100 * (run % 3);
        let mut taken = 0;
        for line in lines {
            let line = line.unwrap();
            if let Some(number) = line.strip_prefix("accepted ") {
                accepted.push(number.parse::<u64>().unwrap());
                taken += 1;
            }
            if taken == enough {
                // What it says from here on until it is dead is read too.
                child.0.kill().unwrap();
            }
        }
        assert!(taken >= enough, "run {run} ended by itself");
        child.0.wait().unwrap();
        assert!(begun.elapsed() < Duration::from_secs(110), "too slow");
    }
    // One that lives: it sends what was left and follows to the end.
    let (mut child, mut lines) = start(0);
    assert!(lines.any(|line| line.unwrap() == "followed"));
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    let view = view(&folder.path().join("view"), Arc::default());
    count(
        &format!("{kills} kills of the process"),
        &accepted,
        &effects(&view),
    );
}

/// A child that does not outlive the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where the server lies that is started by a process that is killed.
const LEFT: &str = "AIOS_TEST_LEFT";

/// The process that is killed starts a server, says which it is, and waits for its end.
#[test]
#[allow(clippy::print_stdout)] // what the parent reads
fn a_server_does_not_outlive_the_process_that_started_it_and_was_killed() {
    if let Some(folder) = std::env::var_os(LEFT) {
        let server = rig::server(Path::new(&folder));
        println!("serves {}", server.process().unwrap());
        std::thread::sleep(Duration::from_secs(120));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let name = "kills::a_server_does_not_outlive_the_process_that_started_it_and_was_killed";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(LEFT, folder.path().join("nats"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let mut killed = Killed(child);
    let mut lines = said.lines().map_while(Result::ok);
    let server = lines.find_map(|line| Some(line.split_once("serves ")?.1.to_owned()));
    let process = PathBuf::from("/proc").join(server.unwrap().trim());
    assert!(process.exists(), "it runs");
    killed.0.kill().unwrap();
    killed.0.wait().unwrap();
    let begun = Instant::now();
    let runs =
        || std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
    while runs() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it runs on");
        std::thread::sleep(Duration::from_millis(10));
    }
}
