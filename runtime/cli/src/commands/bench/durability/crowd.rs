//! A node with ten thousand agents and a journal of a million entries is killed: how soon does its successor answer?
//!
//! Half of the agents sleep, each with a checkpoint, and half are awake by charters, which the successor has to start again. The journal's
//! entries are mostly of keys that were written many times, as checkpoints and goals are. What is waited for is one who sleeps: to be woken,
//! to have its checkpoint back, and to answer.

use std::path::Path;
use std::time::{Duration, Instant};

use aios_actors::Sleep;
use aios_actors::agent::{Agent, AgentError, Context, Incoming, Snapshot, SnapshotError};
use aios_bench::{Bar, BenchError, Report, Samples};
use aios_protocols::{AgentCard, AgentId, PrincipalKind};
use aios_runtime::{Config, Node};
use aios_work::Charter;
use async_trait::async_trait;

use super::super::{failed, threads};
use super::{Subject, place, say};

pub(super) const FILLS: &str = "fills";
pub(super) const SERVES: &str = "serves";

/// Agents that sleep, and that are awake.
const ASLEEP: usize = 5_000;
const AWAKE: usize = 5_000;
/// Charters that the awake ones follow.
const CHARTERS: usize = 10;
/// Entries that are written beside those of the agents, and how many keys they are of.
const ENTRIES: usize = 1_000_000;
const KEYS: usize = 50_000;
/// Entries that last together.
const STEP: usize = 2_000;
/// The most that may pass from the start of the process to the answer.
const LIMIT_MS: f64 = 2_000.0;
/// Nothing here takes longer unless it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// Counts what it is asked, and has the count in its checkpoint.
struct Counter(u64);

#[async_trait]
impl Agent for Counter {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        self.0 += 1;
        Ok(incoming.inform(self.0.to_string())?)
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::json(1, &self.0).ok()
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        self.0 = snapshot.read_json(1)?;
        Ok(())
    }
}

async fn node(folder: &Path) -> Result<Node, BenchError> {
    let mut config = Config::default();
    config.door.open = false;
    config.storage.folder = folder.display().to_string();
    let node = Node::builder()
        .config(config)
        .factory("macro.counter", |_| Ok(Counter(0)))
        .sleeping(Sleep {
            after: Duration::from_millis(100),
            look: Duration::from_millis(50),
            ..Sleep::default()
        });
    node.start().await.map_err(failed)
}

fn sleeper(number: usize) -> Result<AgentId, BenchError> {
    let name = format!("macro.counter.{number}@global");
    name.parse().map_err(failed)
}

/// Asks one who sleeps; how often it was asked by then.
async fn asked(node: &Node, number: usize) -> Result<u64, BenchError> {
    let name = sleeper(number)?.to_string();
    let answer = node.ask(&name, "?", DEADLINE).await.map_err(failed)?;
    let count = answer.content.as_str().unwrap_or_default();
    count.parse().map_err(failed)
}

/// Makes the state, says so, and waits to be killed.
pub(super) fn fills(folder: &Path) -> Result<(), BenchError> {
    threads()?.block_on(async {
        let node = node(folder).await?;
        let system = node.system();
        for number in 0..ASLEEP {
            system.register_asleep(&sleeper(number)?).map_err(failed)?;
        }
        // Those that were asked once have a checkpoint when they sleep again.
        for number in 0..ASLEEP {
            asked(&node, number).await?;
        }
        for number in 0..AWAKE {
            let name = format!("clerk-{}", number % CHARTERS);
            let text = format!(
                "---\nname: {name}\nrole: macro.{name}\ndescription: Answers.\n---\nAnswer.\n"
            );
            let charter = Charter::parse(&text).map_err(failed)?;
            node.spawn_charter(charter, None).await.map_err(failed)?;
        }
        let store = system.store();
        for entry in 0..ENTRIES {
            let key = format!("bench/{:05}", entry % KEYS);
            store.put(key.as_bytes(), &[7; 96]).map_err(failed)?;
            if entry % STEP == 0 {
                store.flush().map_err(failed)?;
            }
        }
        store.flush().map_err(failed)?;
        let begun = Instant::now();
        while system.sleep_counts().is_some_and(|counts| counts.awake > 0) {
            if begun.elapsed() > DEADLINE {
                return Err(BenchError("they do not sleep".to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        say("filled")?;
        std::future::pending().await
    })
}

/// Starts over that state, asks, and says what it has.
pub(super) fn serves(folder: &Path) -> Result<(), BenchError> {
    threads()?.block_on(async {
        let node = node(folder).await?;
        let count = asked(&node, ASLEEP / 2).await?;
        let directory = node.system().directory();
        let clerks = (0..CHARTERS).map(|at| directory.of_role(&format!("macro.clerk-{at}")).len());
        let awake: usize = clerks.sum();
        let asleep = node.system().sleep_counts();
        let asleep = asleep.map_or(0, |counts| counts.registered);
        say(&format!("{count} {awake} {asleep}"))?;
        std::future::pending().await
    })
}

pub(super) fn measure(report: &mut Report, rounds: u32) -> Result<(), BenchError> {
    let place = place()?;
    let folder = place.path().join("crowd");
    let mut filler = Subject::start(FILLS, &folder)?;
    filler.says()?;
    filler.kill()?;
    let mut serves = Samples::new();
    for round in 0..rounds {
        let begun = Instant::now();
        let mut successor = Subject::start(SERVES, &folder)?;
        let said = successor.says()?;
        serves.push(begun.elapsed().as_secs_f64() * 1e3);
        successor.kill()?;
        let (count, there) = said.split_once(' ').unwrap_or_default();
        // It was asked before, and once more in each round that it slept after.
        let count: u64 = count.parse().map_err(failed)?;
        let expected = format!("{AWAKE} {ASLEEP}");
        if count < 2 || there != expected {
            return Err(BenchError(format!(
                "round {round}: asked, awake and registered are {said}, and should be at least 2, and {expected}"
            )));
        }
    }
    report.figure("serves_again_ms", serves.median());
    report.bar(Bar::at_most(
        "serves again",
        "a node with 10,000 agents and a journal of a million entries, from the start of its process after a kill to an answer",
        serves.median(),
        LIMIT_MS,
        "ms",
    ));
    Ok(())
}
