//! What the Critic judged lately, for whoever asks or learns from it: so many works, on the store, so that they outlive it.
//!
//! The places are a ring: the newest takes that of the oldest, so nothing is ever deleted and the store holds no more than the ring. What is
//! private stays in memory and ends with the node.

use std::collections::VecDeque;
use std::sync::Arc;

use aios_actors::agent::{AgentError, Incoming};
use aios_memory::{Store, StoreError};
use aios_protocols::Content;
use aios_work::{HistoryRequest, JudgedWork};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Works that are remembered; the oldest leave first.
const REMEMBERED: usize = 1_000;
/// Where they lie in the store: `judged/{place}`.
const PREFIX: &str = "judged/";

/// The works that were judged lately.
pub(crate) struct History {
    store: Arc<dyn Store>,
    /// Read from the store when it is wanted for the first time.
    rows: Mutex<Option<Rows>>,
}

#[derive(Default)]
struct Rows {
    /// The number of the next one.
    next: u64,
    /// The newest first.
    works: VecDeque<JudgedWork>,
}

/// As it lies in the store.
#[derive(Serialize, Deserialize)]
struct Row {
    /// Which judgement it was, counted from 0.
    number: u64,
    work: JudgedWork,
}

impl History {
    pub(crate) fn over(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            rows: Mutex::default(),
        }
    }

    /// Remembers a work; one that is private in memory only. It lasts when the store is flushed next, which the end of each goal does.
    pub(super) fn add(&self, work: JudgedWork, private: bool) {
        let mut rows = self.rows.lock();
        let rows = rows.get_or_insert_with(|| self.read());
        if !private && let Err(error) = self.write(rows.next, &work) {
            tracing::warn!(%error, "a judgement is not remembered beyond this run");
        }
        rows.next += 1;
        rows.works.push_front(work);
        rows.works.truncate(REMEMBERED);
    }

    fn write(&self, number: u64, work: &JudgedWork) -> Result<(), StoreError> {
        let row = Row {
            number,
            work: work.clone(),
        };
        let bytes = serde_json::to_vec(&row).map_err(|error| StoreError::Io {
            reason: error.to_string(),
        })?;
        self.store.put(place(number).as_bytes(), &bytes)
    }

    /// What the store has of them. What is damaged is named and counts as one that is not there.
    fn read(&self) -> Rows {
        let found = self
            .store
            .scan_prefix(PREFIX.as_bytes(), None, REMEMBERED)
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "what was judged before cannot be read");
                Vec::new()
            });
        let mut rows: Vec<Row> = Vec::with_capacity(found.len());
        for (key, bytes) in found {
            match serde_json::from_slice(&bytes) {
                Ok(row) => rows.push(row),
                Err(error) => {
                    let key = String::from_utf8_lossy(&key);
                    tracing::warn!(%error, %key, "a judgement that was remembered cannot be read");
                }
            }
        }
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.number));
        Rows {
            next: rows.first().map_or(0, |row| row.number + 1),
            works: rows.into_iter().map(|row| row.work).collect(),
        }
    }

    fn find(&self, asked: &HistoryRequest) -> Vec<JudgedWork> {
        let mut rows = self.rows.lock();
        let rows = rows.get_or_insert_with(|| self.read());
        let fits = |work: &&JudgedWork| {
            asked
                .agent
                .as_ref()
                .is_none_or(|agent| *agent == work.agent)
                && asked.kind.is_none_or(|kind| kind == work.kind)
        };
        rows.works.iter().filter(fits).cloned().collect()
    }

    /// Answers with what was judged.
    pub(crate) fn answer(&self, incoming: &Incoming) -> Result<(), AgentError> {
        let asked: HistoryRequest = incoming.json()?;
        incoming.inform(Content::json(&self.find(&asked))?)?;
        Ok(())
    }
}

/// The place of a judgement in the ring.
fn place(number: u64) -> String {
    format!("{PREFIX}{:04}", number % REMEMBERED as u64)
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;
    use aios_work::{Status, WorkKind};

    use super::*;

    fn work(agent: &str, kind: WorkKind, at_ms: u64) -> JudgedWork {
        JudgedWork {
            agent: agent.to_owned(),
            kind,
            at_ms,
            goal: String::new(),
            status: Status::Rejected,
            score: 0.0,
            criteria: String::new(),
            why: Vec::new(),
        }
    }

    fn times(history: &History) -> Vec<u64> {
        let all = history.find(&HistoryRequest::default());
        all.iter().map(|work| work.at_ms).collect()
    }

    #[test]
    fn it_is_bounded_and_found_by_agent_and_kind() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let history = History::over(Arc::clone(&store));
        for at in 0..REMEMBERED as u64 + 5 {
            let agent = if at % 2 == 0 { "a" } else { "b" };
            history.add(work(agent, WorkKind::Text, at), false);
        }
        history.add(work("a", WorkKind::Patch, 9_999), false);
        let all = times(&history);
        assert_eq!((all.len(), all[0]), (REMEMBERED, 9_999));
        let asked = HistoryRequest {
            agent: Some("a".to_owned()),
            kind: Some(WorkKind::Patch),
        };
        assert_eq!(history.find(&asked).len(), 1);
        let stored = store.scan_prefix(PREFIX.as_bytes(), None, 9_999).unwrap();
        assert_eq!(stored.len(), REMEMBERED, "nor does the store hold more");
    }

    #[test]
    fn it_outlives_the_critic_but_for_what_is_private_or_damaged() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let first = History::over(Arc::clone(&store));
        for at in 0..REMEMBERED as u64 + 3 {
            first.add(work("a", WorkKind::Text, at), false);
        }
        first.add(work("a", WorkKind::Text, 7_777), true);
        assert_eq!(times(&first)[0], 7_777);
        let second = History::over(Arc::clone(&store));
        let before = times(&second);
        assert_eq!((before.len(), before[0]), (REMEMBERED, 1_002));
        second.add(work("a", WorkKind::Text, 8_888), false);
        store.put(place(5).as_bytes(), b"?").unwrap();
        let third = times(&History::over(store));
        assert_eq!((third.len(), third[0]), (REMEMBERED - 1, 8_888));
        assert!(third.is_sorted_by(|a, b| a > b), "the newest first");
    }

    #[test]
    fn what_was_judged_is_read_and_written_the_same() {
        let read = |bytes: &[u8]| serde_json::from_slice::<Row>(bytes).ok();
        crate::golden::holds("judged", 1, read, |row| serde_json::to_vec(row).unwrap());
    }
}
