//! The checkpoints of agents, as they lie in the store.

use aios_memory::StoreError;
use aios_protocols::AgentId;

use super::AgentSystem;
use crate::agent::{AgentError, Snapshot};

/// Where snapshots lie in the store.
const SNAPSHOTS: &str = "snapshot/";
/// So many of each agent are kept.
const CHECKPOINTS: u8 = 3;

impl AgentSystem {
    /// The last checkpoint of an agent; where it cannot be read, the one before it.
    ///
    /// # Errors
    /// There are some and none can be read, which is not the same as none.
    pub(crate) fn load_snapshot(&self, id: &AgentId) -> Result<Option<Snapshot>, AgentError> {
        let mut unread = None;
        for age in 0..CHECKPOINTS {
            let Some(stored) = self.0.store.get(&snapshot_key(id, age))? else {
                continue;
            };
            match Snapshot::decode(&stored) {
                Ok(snapshot) => {
                    if let Some(error) = unread {
                        tracing::error!(agent = %id, %error, age, "its last checkpoint cannot be read; it goes on from an earlier one");
                    }
                    return Ok(Some(snapshot));
                }
                Err(error) => unread = unread.or(Some(error)),
            }
        }
        unread.map_or(Ok(None), |error| Err(error.into()))
    }

    /// Keeps a checkpoint, and the two before it.
    pub(crate) fn save_snapshot(
        &self,
        id: &AgentId,
        snapshot: &Snapshot,
    ) -> Result<(), StoreError> {
        let (store, new) = (&self.0.store, snapshot.encode());
        let last = store.get(&snapshot_key(id, 0))?;
        if last.as_ref() == Some(&new) {
            return store.flush();
        }
        // What cannot be read takes no place from what can.
        let readable = |stored: &Vec<u8>| Snapshot::decode(stored).is_ok();
        let mut moved = last.filter(readable);
        for age in 1..CHECKPOINTS {
            let Some(younger) = moved.take() else { break };
            moved = store.get(&snapshot_key(id, age))?.filter(readable);
            store.put(&snapshot_key(id, age), &younger)?;
        }
        store.put(&snapshot_key(id, 0), &new)?;
        store.flush()
    }

    /// Throws an agent's checkpoints away: its next incarnation begins as if there had never been one. For one that is parked because they
    /// cannot be read, when nobody has a copy of them.
    ///
    /// # Errors
    /// The store fails.
    pub fn discard_checkpoints(&self, id: &AgentId) -> Result<(), StoreError> {
        for age in 0..CHECKPOINTS {
            self.0.store.delete(&snapshot_key(id, age))?;
        }
        self.0.store.flush()
    }
}

/// The last one lies under the agent's name alone; the name of no agent holds this sign.
fn snapshot_key(id: &AgentId, age: u8) -> Vec<u8> {
    match age {
        0 => format!("{SNAPSHOTS}{id}"),
        age => format!("{SNAPSHOTS}{id}~{age}"),
    }
    .into_bytes()
}
