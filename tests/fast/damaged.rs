//! A bit of the disk is another one than was written: what an agent goes on from then, and what is said of it.

use std::path::Path;
use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, Context, Incoming, Snapshot, SnapshotError};
use aios_protocols::{AgentCard, AgentId, PrincipalKind};
use aios_runtime::{Config, Node, SpawnOptions};
use async_trait::async_trait;

use crate::house::soon;

/// Counts what it is asked; each count is a checkpoint.
struct Tally(u64);

#[async_trait]
impl Agent for Tally {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::Service);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        self.0 += 1;
        ctx.checkpoint();
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

async fn node(folder: &Path) -> Node {
    let mut config = Config::default();
    config.storage.folder = folder.display().to_string();
    config.door.open = false;
    let node = Node::builder()
        .config(config)
        .factory("macro.tally", |_| Ok(Tally(0)));
    node.start().await.unwrap()
}

async fn asked(node: &Node, agent: &AgentId) -> String {
    let answer = node.ask(agent.as_str(), "?", Duration::from_secs(30)).await;
    answer.unwrap().content.as_str().unwrap().to_owned()
}

/// Waits until so many checkpoints of an agent are on record.
async fn kept(node: &Node, agent: &AgentId, many: usize) {
    let prefix = format!("checkpoint/{agent}/");
    let kept = async {
        let store = node.system().store();
        while store.scan_prefix(prefix.as_bytes(), None, 9).unwrap().len() < many {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon("a checkpoint", kept).await;
}

/// Another bit in what a checkpoint holds, as the journal has it.
fn spoil(journal: &Path, holds: u64) {
    let written = Snapshot::json(1, &holds).unwrap();
    let mut spoilt = 0;
    for file in std::fs::read_dir(journal).unwrap() {
        let path = file.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap_or_default();
        // Behind its magic stand the version, a checksum of 16 bytes and the payload.
        let head = [b"AISN".as_slice(), &written.version.to_le_bytes()].concat();
        let payload = head.len() + 16;
        let begins = |at: &usize| {
            bytes[*at..].starts_with(&head)
                && bytes.get(at + payload..at + payload + written.bytes.len())
                    == Some(written.bytes.as_slice())
        };
        let Some(at) = (0..bytes.len()).find(begins) else {
            continue;
        };
        bytes[at + payload] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        spoilt += 1;
    }
    assert_eq!(spoilt, 1, "it lies in one file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_whose_last_checkpoint_is_spoilt_goes_on_from_the_one_before_and_it_is_said() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("state");
    let first = node(&folder).await;
    let spawned = first.spawn("macro.tally", SpawnOptions::default()).await;
    let agent = spawned.unwrap();
    for count in 1..=3 {
        assert_eq!(asked(&first, &agent).await, count.to_string());
        kept(&first, &agent, count).await;
    }
    first.stop().await;
    drop(first);
    spoil(&folder.join("journal"), 3);
    // As long as the view has it, nothing is missed: what is spoilt is found by whoever looks at the whole journal.
    std::fs::remove_dir_all(folder.join("view")).unwrap();
    let second = node(&folder).await;
    let found = second.found().join("; ");
    assert!(
        found.contains("is damaged") && found.contains("everything else is kept"),
        "{found}"
    );
    assert_eq!(
        asked(&second, &agent).await,
        "3",
        "two were counted in the checkpoint before"
    );
    assert_eq!(asked(&second, &agent).await, "4", "and so it goes on");
    second.stop().await;
}
