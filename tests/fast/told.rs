//! A node on a NATS server is killed with SIGKILL while it works for goals, at random and in the moment in which an answer is heard: each goal
//! that was accepted has its answer told once, nothing that is told is stored twice, and no effect is made under two keys.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant};

use aios_bus::data::nats::NatsLink;
use aios_bus::data::nats::frame::header;
use aios_bus::data::nats::rpc::Notification;
use aios_control::{ClientError, ErrorKind, GoalPhase};
use aios_work::content::{TaskEvent, TaskStatus};
use futures::StreamExt;
use serde_json::Value;

use crate::crash::{PATIENCE, Victim, client, goal};
use crate::house::Chance;
use crate::rig;
use crate::shop::{Ledger, TASKS};

/// Goals that are handed in before a kill.
const GOALS: usize = 3;

/// A message as a stream has it.
struct Stored {
    subject: String,
    id: String,
    contents: Vec<Value>,
}

/// All that a stream has.
async fn stored(link: &NatsLink, stream: &str) -> Vec<Stored> {
    let stream = link.context().get_stream(stream).await.unwrap();
    let last = stream.cached_info().state.last_sequence;
    let mut all = Vec::new();
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let id = message.headers.get(header::MESSAGE_ID).unwrap().to_string();
        let contents = Notification::read_all(&message.payload).unwrap();
        let contents = contents
            .into_iter()
            .map(|it| it.params.semantic.content)
            .collect();
        let subject = message.subject.to_string();
        all.push(Stored {
            subject,
            id,
            contents,
        });
    }
    all
}

/// What the node says that waits in its outbox.
async fn waiting(link: &NatsLink) -> Option<u64> {
    let asked = link.client().request("aios.node.local.status", "".into());
    let status: Value = serde_json::from_slice(&asked.await.ok()?.payload).ok()?;
    status["bus"]["waiting"].as_u64()
}

pub(crate) async fn kills(kills: usize) {
    let seed = crate::storm::seed();
    let mut chance = Chance::new(seed);
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let server = rig::server(&folder.join("nats"));
    let link = rig::link(&rig::settings(&server)).await;
    let mut answers = link
        .client()
        .subscribe("aios.data.results.>")
        .await
        .unwrap();
    let (ledger, address) = Ledger::open();
    let start = || Victim::telling(folder, &address, &server.url());
    let (mut accepted, mut next) = (BTreeSet::new(), 0);
    for kill in 0..kills {
        let mut victim = start();
        let mut node = client(folder, &mut victim).await;
        for _ in 0..GOALS {
            let goal = goal(next, folder);
            let id = goal.goal_id.clone().unwrap();
            next += 1;
            if node.submit(goal).await.is_ok() {
                accepted.insert(id);
            }
        }
        // An answer that is heard may not be on record yet; the others fall wherever it happens.
        let moment = Duration::from_millis(chance.below(200));
        if kill % 2 == 0 {
            let _ = tokio::time::timeout(Duration::from_secs(5), answers.next()).await;
        } else {
            tokio::time::sleep(moment).await;
        }
        victim.kill();
    }
    // Left alone, the last one ends all that is owed.
    let mut victim = start();
    let mut node = client(folder, &mut victim).await;
    let begun = Instant::now();
    for id in &accepted {
        loop {
            match node.goal(id).await {
                Ok(state) if state.phase == GoalPhase::Answered => break,
                Ok(state) if state.phase == GoalPhase::Parked => match node.resume(id).await {
                    Ok(()) => {}
                    Err(ClientError::Refused(full)) if full.kind == ErrorKind::Busy => {}
                    Err(error) => panic!("seed {seed}: {id} does not go on: {error}"),
                },
                Ok(state) => assert_eq!(state.phase, GoalPhase::Running, "seed {seed}: {id}"),
                Err(ClientError::Gone { .. }) => node = client(folder, &mut victim).await,
                Err(error) => panic!("seed {seed}: {id}: {error}"),
            }
            assert!(begun.elapsed() < PATIENCE, "seed {seed}: {id} does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    while waiting(&link).await != Some(0) {
        assert!(begun.elapsed() < PATIENCE, "seed {seed}: not all is told");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    victim.kill();

    let results = stored(&link, "AIOS_RESULTS").await;
    let events = stored(&link, "AIOS_EVENTS").await;
    let mut answers: BTreeMap<String, usize> = BTreeMap::new();
    let told = results
        .iter()
        .filter(|it| it.subject.starts_with("aios.data.results."));
    for answer in told.flat_map(|it| &it.contents) {
        let of = answer["goal_id"].as_str().unwrap().to_owned();
        *answers.entry(of).or_default() += 1;
    }
    let lost = accepted.iter().filter(|id| !answers.contains_key(*id));
    let lost = lost.count();
    let doubled = answers.values().filter(|told| **told > 1).count();
    let ids: BTreeSet<&str> = results
        .iter()
        .chain(&events)
        .map(|it| it.id.as_str())
        .collect();
    let stored_twice = results.len() + events.len() - ids.len();
    let mut done: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for content in events.iter().flat_map(|it| &it.contents) {
        if let Ok(event) = serde_json::from_value::<TaskEvent>(content.clone())
            && event.status == TaskStatus::Completed
        {
            done.entry(event.goal_id).or_default().insert(event.task_id);
        }
    }
    let books = ledger.0.lock().unwrap();
    let keys = |id: &str| {
        let own = books
            .keys()
            .filter(|key| key.split_once('/').unwrap().0 == id);
        own.count()
    };
    let effects: usize = accepted.iter().map(|id| keys(id)).sum();
    // Not captured: the counts are what the test is for.
    let mut shown = std::io::stderr().lock();
    writeln!(shown,
        "{kills} kills of a node on NATS: goals accepted {}, answers delivered {}, lost {lost}, doubled {doubled}; messages {}, stored twice {stored_twice}; effects {effects}",
        accepted.len(),
        answers.len(),
        ids.len(),
    )
    .unwrap();
    assert_eq!(
        (lost, doubled, stored_twice),
        (0, 0, 0),
        "seed {seed}: {answers:?}"
    );
    for id in &accepted {
        assert_eq!(keys(id), TASKS, "seed {seed}: effects of {id}: {books:?}");
        let told = done.get(id).map_or(0, BTreeSet::len);
        assert_eq!(
            told, TASKS,
            "seed {seed}: ends of tasks told of {id}: {done:?}"
        );
    }
}

/// What a process holds of a NATS server: names of files, connections and threads.
#[cfg(target_os = "linux")]
struct Holds {
    files: BTreeSet<String>,
    connections: usize,
    threads: BTreeMap<String, usize>,
}

#[cfg(target_os = "linux")]
impl Holds {
    fn look(victim: &Victim, state: &std::path::Path) -> Self {
        use std::fs;

        let own = std::path::PathBuf::from("/proc").join(victim.process().to_string());
        let listed = |folder: &std::path::Path| -> Vec<std::path::PathBuf> {
            let entries = fs::read_dir(folder).unwrap().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let files = listed(state).into_iter();
        let files = files.map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        // Sockets of the internet's families, of this process.
        let known: BTreeSet<String> = ["tcp", "tcp6", "udp", "udp6"]
            .into_iter()
            .filter_map(|table| fs::read_to_string(own.join("net").join(table)).ok())
            .flat_map(|text| {
                let inode = |line: &str| line.split_ascii_whitespace().nth(9).map(str::to_owned);
                text.lines().skip(1).filter_map(inode).collect::<Vec<_>>()
            })
            .collect();
        let connections = listed(&own.join("fd")).into_iter().filter(|descriptor| {
            let to = fs::read_link(descriptor).unwrap_or_default();
            let to = to.to_string_lossy();
            let inode = to
                .strip_prefix("socket:[")
                .and_then(|to| to.strip_suffix(']'));
            inode.is_some_and(|inode| known.contains(inode))
        });
        let mut threads = BTreeMap::new();
        for thread in listed(&own.join("task")) {
            if let Ok(name) = fs::read_to_string(thread.join("comm")) {
                *threads.entry(name.trim().to_owned()).or_insert(0) += 1;
            }
        }
        Self {
            files: files.collect(),
            connections: connections.count(),
            threads,
        }
    }
}

/// The other node shows that what is looked for would be seen.
#[cfg(target_os = "linux")]
#[test]
fn a_node_without_a_nats_server_has_no_file_no_connection_and_no_thread_of_one() {
    rig::run(async {
        let place = tempfile::tempdir().unwrap();
        let server = rig::server(&place.path().join("nats"));
        let (_ledger, address) = Ledger::open();
        let (without, with) = (place.path().join("without"), place.path().join("with"));
        let (mut quiet, mut telling) = (
            Victim::start(&without, &address),
            Victim::telling(&with, &address, &server.url()),
        );
        client(&without, &mut quiet).await;
        client(&with, &mut telling).await;
        let link = rig::link(&rig::settings(&server)).await;
        let begun = Instant::now();
        while waiting(&link).await.is_none() {
            assert!(begun.elapsed() < PATIENCE, "the other is not on its server");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let one = Holds::look(&quiet, &without.join("state"));
        let other = Holds::look(&telling, &with.join("state"));
        let more: Vec<&String> = other.files.difference(&one.files).collect();
        assert_eq!(more, ["node.key", "outbox"]);
        assert_eq!((one.connections, other.connections), (0, 1));
        // A pool of threads grows with its work; the journal's writer is one of each journal.
        let writers = |holds: &Holds| -> usize {
            let of = holds
                .threads
                .iter()
                .filter(|(name, _)| name.contains("journal"));
            of.map(|(_, count)| count).sum()
        };
        assert_eq!(
            writers(&other),
            writers(&one) + 1,
            "{:?} {:?}",
            one.threads,
            other.threads
        );
        quiet.kill();
        telling.kill();
    });
}
