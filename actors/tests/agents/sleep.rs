//! Agents that sleep: what is left of one, what wakes it, and that nothing said to it is lost.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{
    Agent, AgentError, AgentOptions, Context, Incoming, Snapshot, SnapshotError,
};
use aios_actors::{Sleep, async_trait};
use aios_memory::{InMemoryStore, Store};
use aios_protocols::AgentId;

use crate::house::{Book, House, SECOND};

/// Counts what it was asked and how often its timers came; "in N" sets one.
struct Sleeper {
    me: AgentId,
    seen: u32,
    book: Arc<Book>,
}

#[async_trait]
impl Agent for Sleeper {
    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let asked = incoming.content.as_str().unwrap_or_default().to_owned();
        if let Some(seconds) = asked.strip_prefix("in ") {
            let seconds = Duration::from_secs(seconds.parse().unwrap());
            ctx.wake_at("alarm", ctx.now() + seconds)?;
        }
        if asked == "never mind" {
            ctx.unset_timer("alarm")?;
        }
        self.seen += 1;
        Ok(incoming.inform(self.seen.to_string())?)
    }

    async fn timer(&mut self, name: &str, ctx: &Context) -> Result<(), AgentError> {
        self.book.write(format!("{name} of {}", self.me));
        assert!(
            name != "alarm" || self.book.times("fall") == 0 || ctx.incarnation() > 1,
            "falls over it"
        );
        self.seen += 100;
        Ok(())
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::json(1, &self.seen).ok()
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        self.seen = snapshot.read_json(1)?;
        Ok(())
    }
}

fn sleep() -> Sleep {
    Sleep {
        after: 5 * SECOND,
        look: SECOND,
        options: AgentOptions::default(),
    }
}

fn sleeper(number: usize) -> AgentId {
    format!("macro.executor.{number}@global").parse().unwrap()
}

/// A house in which so many sleep.
async fn house(store: Arc<dyn Store>, asleep: usize) -> House {
    let house = House::with_store(store).await;
    let book = Arc::clone(&house.book);
    house
        .system
        .factories()
        .register("macro.executor", move |blueprint| {
            Ok(Sleeper {
                me: blueprint.id.clone(),
                seen: 0,
                book: Arc::clone(&book),
            })
        });
    house
        .system
        .let_sleep(house.supervisor.clone(), sleep())
        .unwrap();
    for number in 0..asleep {
        house.system.register_asleep(&sleeper(number)).unwrap();
    }
    house
}

impl House {
    /// Long enough for whoever has nothing to do.
    async fn night(&self) {
        tokio::time::sleep(20 * SECOND).await;
        self.settle().await;
    }

    fn awake(&self) -> usize {
        self.system.sleep_counts().unwrap().awake
    }

    /// Agents that the supervisor knows, the driver aside.
    fn children(&self) -> usize {
        self.supervisor.which_children().len() - 1
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_agent_is_nothing_but_its_name_and_goes_on_where_it_was() {
    let house = house(Arc::new(InMemoryStore::default()), 1_000).await;
    let cells = house.system.directory().view().len();
    assert_eq!((house.awake(), house.children()), (0, 0));
    for night in 1..=3 {
        for number in 0..20 {
            let said = house.ask(&sleeper(number), "work").await.unwrap().unwrap();
            assert_eq!(said, night.to_string(), "agent {number}");
        }
        assert_eq!((house.awake(), house.children()), (20, 20));
        house.night().await;
        assert_eq!((house.awake(), house.children()), (0, 0));
        assert_eq!(house.system.directory().view().len(), cells);
    }
    let counts = house.system.sleep_counts().unwrap();
    assert_eq!(
        (counts.registered, counts.woken, counts.slept),
        (1_000, 60, 60)
    );
    let restarts: u64 = house
        .supervisor
        .which_children()
        .iter()
        .map(|child| u64::from(child.restarts))
        .sum();
    assert_eq!(restarts, 0, "waking is no restart");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_busy_stays_awake_and_what_comes_while_one_falls_asleep_is_not_lost() {
    let house = house(Arc::new(InMemoryStore::default()), 1).await;
    let worker = sleeper(0);
    // Asked at every moment of its falling asleep.
    for at in 0..400_u32 {
        let said = house.ask(&worker, "work").await.unwrap();
        assert_eq!(said.unwrap(), (at + 1).to_string());
        let pause = 4 * SECOND + Duration::from_millis(u64::from(at) * 10);
        tokio::time::sleep(pause).await;
        if at % 3 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let counts = house.system.sleep_counts().unwrap();
    assert!(counts.slept > 10, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_timer_wakes_its_agent_from_its_sleep_and_after_a_crash() {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    {
        let house = house(Arc::clone(&store), 3).await;
        house.ask(&sleeper(0), "in 100").await.unwrap().unwrap();
        house.ask(&sleeper(1), "in 100000").await.unwrap().unwrap();
        house.night().await;
        assert_eq!(house.awake(), 0);
        let alarm = format!("alarm of {}", sleeper(0));
        house.book.wait(&alarm, 1).await;
        house.night().await;
        assert_eq!(house.book.times(&alarm), 1, "it is handled once");
        let said = house.ask(&sleeper(0), "work").await.unwrap().unwrap();
        assert_eq!(said, "102");
    }
    // Another process over the same store: who was registered is, and the timer that was set is.
    let house = house(store, 0).await;
    assert_eq!(house.system.sleep_counts().unwrap().registered, 3);
    tokio::time::sleep(Duration::from_secs(100_000)).await;
    let alarm = format!("alarm of {}", sleeper(1));
    house.book.wait(&alarm, 1).await;
    house.night().await;
    assert_eq!(house.book.lines(), [alarm]);
    assert!(
        house
            .store
            .scan_prefix(b"timer/", None, 9)
            .unwrap()
            .is_empty(),
        "what was handled is off the record"
    );
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_was_taken_back_never_comes() {
    let house = house(Arc::new(InMemoryStore::default()), 2).await;
    for number in 0..2 {
        house
            .ask(&sleeper(number), "in 100")
            .await
            .unwrap()
            .unwrap();
    }
    house.ask(&sleeper(0), "never mind").await.unwrap().unwrap();
    house
        .book
        .wait(&format!("alarm of {}", sleeper(1)), 1)
        .await;
    house.night().await;
    assert_eq!(house.book.lines(), [format!("alarm of {}", sleeper(1))]);
    let left = house.store.scan_prefix(b"timer/", None, 9).unwrap();
    assert!(left.is_empty(), "nor is it on record");
    // There is none to take back any more.
    house.ask(&sleeper(0), "never mind").await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_falls_over_its_timer_is_given_it_again() {
    let house = house(Arc::new(InMemoryStore::default()), 1).await;
    house.book.write("fall");
    house.ask(&sleeper(0), "in 10").await.unwrap().unwrap();
    let alarm = format!("alarm of {}", sleeper(0));
    house.book.wait(&alarm, 2).await;
    house.night().await;
    assert_eq!(house.book.times(&alarm), 2);
}

#[tokio::test]
async fn who_cannot_sleep_is_told_so() {
    let house = House::new().await;
    assert!(house.system.register_asleep(&sleeper(0)).is_err());
    house
        .system
        .let_sleep(house.supervisor.clone(), sleep())
        .unwrap();
    let nobody = "macro.nobody.1@global".parse().unwrap();
    let refused = house.system.register_asleep(&nobody).unwrap_err();
    assert!(
        refused.to_string().contains("cannot be spawned"),
        "{refused}"
    );
}

/// Memory of this process that is in use, in bytes.
#[cfg(feature = "heavy")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1_024
}

/// Registered are as many as AIOS_TEST_SLEEPERS says, a million; asked are a thousand of them.
#[cfg(feature = "heavy")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout)]
async fn a_million_sleep_and_a_thousand_of_them_are_woken() {
    let many: usize =
        std::env::var("AIOS_TEST_SLEEPERS").map_or(1_000_000, |it| it.parse().unwrap());
    let house = house(Arc::new(Nowhere::default()), 0).await;
    let before = resident();
    for number in 0..many {
        house.system.register_asleep(&sleeper(number)).unwrap();
    }
    let each = resident().saturating_sub(before) / many as u64;
    let mut took = Vec::new();
    for number in (0..many).step_by(many / 1_000) {
        let begun = std::time::Instant::now();
        house.ask(&sleeper(number), "work").await.unwrap().unwrap();
        took.push(begun.elapsed());
    }
    took.sort();
    let (p50, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("{many} asleep, {each} bytes each; woken and answered in p50 {p50:?}, p99 {p99:?}");
    assert_eq!(house.awake(), took.len());
    assert!(each <= 300, "{each} bytes each");
}

/// A disk that is not this process's memory: it keeps what is asked for again here, the snapshots of those that were awake.
#[cfg(feature = "heavy")]
#[derive(Default)]
struct Nowhere(InMemoryStore);

#[cfg(feature = "heavy")]
impl Store for Nowhere {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, aios_memory::StoreError> {
        self.0.get(key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), aios_memory::StoreError> {
        if key.starts_with(b"dormant/") {
            return Ok(());
        }
        self.0.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<bool, aios_memory::StoreError> {
        self.0.delete(key)
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<aios_memory::Entry>, aios_memory::StoreError> {
        self.0.scan_prefix(prefix, after, limit)
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<aios_memory::Swap, aios_memory::StoreError> {
        self.0.compare_and_swap(key, expected, new)
    }

    fn flush(&self) -> Result<(), aios_memory::StoreError> {
        self.0.flush()
    }
}
