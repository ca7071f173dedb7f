//! What a goal costs beside the work of its tools: messages between agents and writes that are waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aios_memory::{InMemoryStore, Store, StoreError, Swap};
use aios_supervisor::Recourse;
use aios_work::content::{Answer, GoalStatus};

use crate::goals::{Team, about};

/// A store that counts how often somebody waits for it to be safe.
#[derive(Default)]
struct Counting {
    store: InMemoryStore,
    flushes: AtomicU64,
}

impl Store for Counting {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.store.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.store.delete(key)
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.store.scan_prefix(prefix, after, limit)
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError> {
        self.store.compare_and_swap(key, expected, new)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        self.store.flush()
    }
}

async fn analyzed(team: &Team, goal: &str) -> Answer {
    let table = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/examples/q3_sales.csv"
    );
    let asked = team.ask_with(goal, Duration::from_secs(300), |request| {
        request.task_deadline_ms = 30_000;
        about(request, "Analyze Q3 sales", Some(vec![table.to_owned()]));
    });
    asked.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goal_costs_few_messages_and_few_writes_that_are_waited_for() {
    let store = Arc::new(Counting::default());
    let shared: Arc<dyn Store> = store.clone();
    let team = Team::over(shared, Recourse::Partial, Arc::new(|| Ok(()))).await;
    for goal in ["first", "second"] {
        let before = team.house.system.messages().sent;
        store.flushes.store(0, Ordering::SeqCst);
        let answer = analyzed(&team, goal).await;
        assert_eq!(answer.status, GoalStatus::Approved, "{answer:?}");
        let messages = team.house.system.messages().sent - before;
        let flushes = store.flushes.load(Ordering::SeqCst);
        assert_eq!(answer.tasks.len(), 11);
        // Four a task and revision (the paragraph is written three times), and ten for lease, registry, judgement and the goal itself.
        assert!(messages <= 62, "{messages} messages");
        // One for each result and each step of the planner, one more where a tool writes a file, one to forget the steps.
        assert!(flushes <= 18, "{flushes} flushes");
    }
}
