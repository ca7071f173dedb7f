//! Durable agents: what was acknowledged is there after the process, in its order, and has one outcome, whatever ends the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aios_actors::agent::{
    Agent, AgentError, AgentOptions, AskError, Context, Incoming, MailOutcome, SendError,
    TimerClock,
};
use aios_actors::{Sleep, async_trait};
use aios_memory::{Entry, InMemoryStore, Store, StoreError, Swap};
use aios_protocols::{AgentId, Draft, Party, PrincipalId, Sealed, SigningIdentity, Timestamp};
use parking_lot::Mutex;

use crate::house::{Book, House, PATIENCE, SECOND};

/// A store in which nothing lasts that was not flushed, and which is gone from an operation on.
#[derive(Default)]
pub(crate) struct Mortal {
    now: InMemoryStore,
    /// What is there after the end.
    lasting: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
    pub(crate) operations: AtomicU64,
    /// From this operation on nothing is taken.
    ends_at: AtomicU64,
    /// Flushes fail, and everything else goes on.
    full: AtomicBool,
}

impl Mortal {
    /// What an earlier one has left.
    pub(crate) fn after(earlier: &Self) -> Arc<Self> {
        let lasting = earlier.lasting.lock().clone();
        let store = Self {
            ends_at: AtomicU64::new(u64::MAX),
            ..Self::default()
        };
        for (key, value) in &lasting {
            store.now.put(key, value).unwrap();
        }
        *store.lasting.lock() = lasting;
        Arc::new(store)
    }

    pub(crate) fn fresh() -> Arc<Self> {
        Self::after(&Self::default())
    }

    pub(crate) fn end_within(&self, operations: u64) {
        let end = self.operations.load(Ordering::Acquire) + operations;
        self.ends_at.store(end, Ordering::Release);
    }

    fn is_over(&self) -> bool {
        self.operations.load(Ordering::Acquire) >= self.ends_at.load(Ordering::Acquire)
    }

    fn operation(&self) -> Result<(), StoreError> {
        if self.is_over() {
            return Err(gone());
        }
        self.operations.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

fn gone() -> StoreError {
    StoreError::Io {
        reason: "the process has ended".to_owned(),
    }
}

impl Store for Mortal {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.now.get(key)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.operation()?;
        self.now.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.operation()?;
        self.now.delete(key)
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.now.scan_prefix(prefix, after, limit)
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError> {
        self.operation()?;
        self.now.compare_and_swap(key, expected, new)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.operation()?;
        if self.full.load(Ordering::Acquire) {
            return Err(gone());
        }
        let all = self.now.scan_prefix(b"", None, usize::MAX)?;
        *self.lasting.lock() = all.into_iter().collect();
        Ok(())
    }
}

/// splitmix64
struct Chance(u64);

impl Chance {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

pub(crate) fn owner() -> SigningIdentity {
    let owner: PrincipalId = "user:owner@local".parse().unwrap();
    SigningIdentity::from_seed(owner, [7; 32])
}

pub(crate) fn durable() -> AgentOptions {
    AgentOptions {
        durable: true,
        ..AgentOptions::default()
    }
}

pub(crate) fn clerk() -> AgentId {
    "macro.clerk.001@global".parse().unwrap()
}

/// Writes down what it is handed; answers what wants an answer; "fall" ends it.
struct Clerk {
    book: Arc<Book>,
    kept: Vec<Incoming>,
}

impl Clerk {
    fn new(book: &Arc<Book>) -> Self {
        Self {
            book: Arc::clone(book),
            kept: Vec::new(),
        }
    }
}

#[async_trait]
impl Agent for Clerk {
    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        let said = incoming.content.as_str().unwrap_or_default().to_owned();
        self.book.write(said.clone());
        assert!(said != "fall", "it falls");
        match said.as_str() {
            "stay" => incoming.cancelled().await,
            "hold" => self.book.wait("go", 1).await,
            "keep" => {
                self.kept.push(incoming);
                return Ok(());
            }
            "release" => self.kept.clear(),
            _ => {}
        }
        if incoming.performative.expects_reply() {
            incoming.inform(format!("done {said}"))?;
        }
        Ok(())
    }
}

/// Each process has other keys for whoever is not durable.
static LIVES: AtomicU64 = AtomicU64::new(1_000);

/// A house in which there may be a durable clerk.
pub(crate) async fn house(store: Arc<dyn Store>) -> House {
    let life = LIVES.fetch_add(1, Ordering::Relaxed);
    // And comes a while after the one before.
    let begin = Timestamp::since_epoch(Duration::from_secs(1_000_000 + 100 * life));
    let house = House::with(store, |world| {
        world
            .seed(life)
            .clock(Arc::new(TimerClock::starting_at(begin)))
            .durable_keys(|agent| owner().derive(agent))
    })
    .await;
    let book = Arc::clone(&house.book);
    house
        .system
        .factories()
        .register("macro.clerk", move |_| Ok(Clerk::new(&book)));
    house
}

impl House {
    pub(crate) async fn with_clerk(store: Arc<dyn Store>) -> Self {
        let house = house(store).await;
        house
            .system
            .spawn_as(&clerk(), &house.supervisor, durable())
            .await
            .unwrap();
        house
    }

    pub(crate) async fn tell(&self, what: &str) -> Result<(), SendError> {
        self.driver.tell(&clerk(), what).await
    }

    /// Waits until nothing waits for the clerk.
    pub(crate) async fn all_settled(&self) {
        let settled = async {
            while !self.system.mail(&clerk()).unwrap().waiting.is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, settled).await.unwrap();
    }

    pub(crate) fn outcomes(&self) -> Vec<MailOutcome> {
        let settled = self.system.mail(&clerk()).unwrap().settled;
        settled.into_iter().map(|mailed| mailed.outcome).collect()
    }
}

/// The process ends at an operation of its store that chance chooses, again and again. What was acknowledged is handed over until it has an
/// outcome, and it has one.
#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_outlives_every_end_in_its_order_and_has_one_outcome() {
    let mut ends = 0;
    for seed in 0..60 {
        let mut chance = Chance(seed);
        let mut store = Mortal::fresh();
        let mut acknowledged = Vec::new();
        let mut handed = Vec::new();
        let mut next = 0;
        for _ in 0..4 {
            let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
            store.end_within(chance.below(40));
            for _ in 0..5 {
                let what = format!("m{next:03}");
                next += 1;
                if house.tell(&what).await.is_ok() {
                    acknowledged.push(what);
                }
                if chance.below(3) == 0 {
                    tokio::task::yield_now().await;
                }
            }
            if chance.below(2) == 0 {
                house.settle().await;
            }
            handed.push(house.book.lines());
            ends += u32::from(store.is_over());
            // Whatever it still does reaches nothing.
            store.end_within(0);
            store = Mortal::after(&store);
        }
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.all_settled().await;
        handed.push(house.book.lines());
        for lines in &handed {
            // Within one life each is handed over once, and in the order in which they were taken.
            assert!(lines.is_sorted(), "seed {seed}: {lines:?}");
            assert_eq!(lines.len(), lines.iter().collect::<BTreeSet<_>>().len());
        }
        let ever: BTreeSet<&String> = handed.iter().flatten().collect();
        for what in &acknowledged {
            assert!(ever.contains(what), "seed {seed}: {what} is lost");
        }
        let view = house.system.mail(&clerk()).unwrap();
        assert!(view.unread.is_empty());
        let names: BTreeSet<_> = view.settled.iter().map(|it| &it.message).collect();
        assert_eq!(names.len(), view.settled.len(), "seed {seed}: one each");
        assert!(names.len() >= acknowledged.len(), "seed {seed}");
        let handled = |it: &&MailOutcome| **it == MailOutcome::Handled;
        let outcomes = house.outcomes();
        assert_eq!(outcomes.iter().filter(handled).count(), outcomes.len());
    }
    assert!(ends > 60, "{ends} ends prove nothing");
}

#[tokio::test(start_paused = true)]
async fn nobody_hears_an_answer_whose_outcome_is_not_on_record() {
    let store = Mortal::fresh();
    let answered = MailOutcome::Answered("inform".to_owned());
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        let said = house.ask(&clerk(), "one").await.unwrap().unwrap();
        assert_eq!(said, "done one");
        assert_eq!(house.outcomes(), std::slice::from_ref(&answered));
        // On record, in its hands; and then nothing can be written any more.
        let asked = Draft::request(Party::from(&clerk()), "hold");
        let begun = house.ask_within(&clerk(), asked, SECOND);
        house.book.wait("hold", 1).await;
        store.full.store(true, Ordering::Release);
        house.book.write("go");
        let outcome = begun.await.unwrap();
        assert!(
            matches!(outcome, Err(AskError::Deadline { .. })),
            "{outcome:?}"
        );
        store.end_within(0);
    }
    let store = Mortal::after(&store);
    let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
    house.all_settled().await;
    // Nobody waits for it any more, so it is not carried out; that is its outcome.
    let outcomes = house.outcomes();
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert_eq!(outcomes[0], answered);
    assert!(
        matches!(outcomes[1], MailOutcome::Refused(_)),
        "{outcomes:?}"
    );
    assert_eq!(house.book.lines(), [""; 0]);
}

/// A request that sets no time is carried out by whoever comes after, and answered into the void: its sender is gone.
#[tokio::test(start_paused = true)]
async fn a_request_is_carried_out_by_the_next_process_and_its_answer_is_its_outcome() {
    let store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        let asked = Draft::request(Party::from(&clerk()), "hold");
        house.driver.tell(&clerk(), asked).await.unwrap();
        house.book.wait("hold", 1).await;
        store.end_within(0);
    }
    let house = House::with_clerk(Mortal::after(&store)).await;
    house.book.wait("hold", 1).await;
    house.book.write("go");
    house.all_settled().await;
    let answered = MailOutcome::Answered("inform".to_owned());
    assert_eq!(house.outcomes(), [answered]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_on_record_is_refused_and_nobody_is_handed_it() {
    let store = Mortal::fresh();
    let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
    store.full.store(true, Ordering::Release);
    let refused = house.tell("one").await.unwrap_err();
    assert!(matches!(refused, SendError::NotKept { .. }), "{refused}");
    assert!(refused.to_string().contains("when there is room"));
    house.settle().await;
    assert!(house.book.lines().is_empty());
    assert_eq!(house.system.mail(&clerk()).unwrap().waiting, []);
    store.full.store(false, Ordering::Release);
    house.tell("two").await.unwrap();
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["two"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_refuses_and_nothing_of_it_is_on_record() {
    let store = Mortal::fresh();
    let first = {
        let house = house(Arc::clone(&store) as Arc<dyn Store>).await;
        let options = AgentOptions {
            mailbox: 3,
            admission: aios_supervisor::Admission::DropOldest,
            ..durable()
        };
        house
            .system
            .spawn_as(&clerk(), &house.supervisor, options)
            .await
            .unwrap();
        house.tell("stay").await.unwrap();
        house.book.wait("stay", 1).await;
        for what in ["a", "b", "c"] {
            house.tell(what).await.unwrap();
        }
        let refused = house.tell("d").await.unwrap_err();
        assert!(matches!(refused, SendError::MailboxFull { .. }));
        assert_eq!(house.system.mail(&clerk()).unwrap().waiting.len(), 4);
        let key = house.cell(&clerk()).public_key();
        store.end_within(0);
        key
    };
    // The next process has all four, in their order, under the same key; what an earlier one left takes places too.
    let store = Mortal::after(&store);
    let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
    assert_eq!(house.cell(&clerk()).public_key(), first);
    house.book.wait("stay", 1).await;
    assert_eq!(house.book.lines(), ["stay"], "in their order");
}

#[tokio::test(start_paused = true)]
async fn a_message_over_which_each_process_ends_is_given_up_and_the_next_is_handled() {
    let mut store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.tell("stay").await.unwrap();
        house.tell("next").await.unwrap();
        house.book.wait("stay", 1).await;
    }
    for _ in 0..2 {
        store.end_within(0);
        store = Mortal::after(&store);
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.book.wait("stay", 1).await;
        assert_eq!(house.book.lines(), ["stay"]);
    }
    store.end_within(0);
    let store = Mortal::after(&store);
    let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["next"]);
    let [given_up, handled] = &house.outcomes()[..] else {
        panic!("{:?}", house.outcomes());
    };
    assert!(matches!(given_up, MailOutcome::GivenUp(_)), "{given_up:?}");
    assert_eq!(*handled, MailOutcome::Handled);
    let letters = house.system.undelivered();
    assert_eq!(letters.len(), 1, "and it is a dead letter");
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_good_order_keeps_what_waits_and_blames_nothing() {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    for life in 0..6 {
        let house = House::with_clerk(Arc::clone(&store)).await;
        if life == 0 {
            house.tell("keep").await.unwrap();
        }
        house.book.wait("keep", 1).await;
        house.supervisor.stop().await;
        let waiting = house.system.mail(&clerk()).unwrap().waiting;
        assert_eq!(waiting.len(), 1, "life {life}");
        assert!(house.outcomes().is_empty());
    }
    let house = House::with_clerk(store).await;
    house.book.wait("keep", 1).await;
    house.tell("release").await.unwrap();
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["keep", "release"]);
    assert_eq!(
        house.outcomes(),
        [MailOutcome::Handled, MailOutcome::Handled]
    );
    // By order it is gone for good: what it had taken is for nobody.
    house.cell(&clerk()).suspend();
    house.tell("three").await.unwrap();
    house
        .supervisor
        .terminate_child(clerk().as_str())
        .await
        .unwrap();
    house.system.dismiss(&Party::from(&clerk()));
    assert!(house.system.mail(&clerk()).unwrap().waiting.is_empty());
    let last = house.outcomes().pop();
    assert!(
        matches!(&last, Some(MailOutcome::Failed(why)) if why.contains("by order")),
        "{last:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_falls_over_a_message_keeps_the_others() {
    let store: Arc<dyn Store> = Arc::new(InMemoryStore::default());
    let house = House::with_clerk(store).await;
    for what in ["a", "fall", "b"] {
        house.tell(what).await.unwrap();
    }
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["a", "fall", "fall", "fall", "b"]);
    let outcomes = house.outcomes();
    assert!(
        matches!(outcomes[1], MailOutcome::GivenUp(_)),
        "{outcomes:?}"
    );
    assert_eq!(outcomes.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_named_and_the_others_are_handed_over() {
    let store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.cell(&clerk()).suspend();
        for what in ["one", "two", "three"] {
            house.tell(what).await.unwrap();
        }
        store.end_within(0);
    }
    let damaged = Mortal::after(&store);
    let prefix = format!("mail/{}/", clerk());
    let kept = damaged.scan_prefix(prefix.as_bytes(), None, 9).unwrap();
    assert_eq!(kept.len(), 3);
    // Whatever byte of it is another one, or missing: it is not handed over, nor is it taken off.
    let (key, whole) = &kept[1];
    for at in (0..whole.len()).step_by(7) {
        let mut altered = whole.clone();
        altered[at] ^= 1;
        damaged.put(key, &altered).unwrap();
        let house = House::with_clerk(Arc::clone(&damaged) as Arc<dyn Store>).await;
        house.book.wait("three", 1).await;
        assert_eq!(house.book.lines(), ["one", "three"], "byte {at}");
        let view = house.system.mail(&clerk()).unwrap();
        assert_eq!(view.unread.len(), 1, "byte {at}: {view:?}");
        assert_eq!(house.outcomes().len(), 2, "byte {at}");
        house.supervisor.stop().await;
        for (key, bytes) in &kept {
            damaged.put(key, bytes).unwrap();
        }
        for (key, _) in damaged.scan_prefix(b"mailed/", None, 99).unwrap() {
            damaged.delete(&key).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_on_record_is_taken_once_and_what_has_an_outcome_is_not_handed_over() {
    let store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.cell(&clerk()).suspend();
        house.tell("keep").await.unwrap();
        house.tell("one").await.unwrap();
        // Somebody hands the same frame in once more, who never heard that it was taken.
        let prefix = format!("mail/{}/", clerk());
        let kept = store.scan_prefix(prefix.as_bytes(), None, 9).unwrap();
        let frame = Sealed::from_bytes(kept[0].1[113..].to_vec());
        house
            .cell(&clerk())
            .post(frame.clone(), true)
            .await
            .unwrap();
        // Who brings it anew is told that it is kept only when all that was written lasts.
        store.full.store(true, Ordering::Release);
        let refused = house.cell(&clerk()).post(frame, true).await.unwrap_err();
        assert!(matches!(refused, SendError::NotKept { .. }), "{refused}");
        store.full.store(false, Ordering::Release);
        assert_eq!(house.system.mail(&clerk()).unwrap().waiting.len(), 2);
        assert_eq!(house.view(&clerk()).mailbox.queued, 2);
        house.cell(&clerk()).resume();
        house.book.wait("one", 1).await;
        house.settle().await;
        assert_eq!(house.outcomes(), [MailOutcome::Handled]);
        // The process ends between an outcome and the end of its message.
        let (key, message) = &kept[1];
        store.put(key, message).unwrap();
        store.flush().unwrap();
        store.end_within(0);
    }
    let house = House::with_clerk(Mortal::after(&store)).await;
    house.book.wait("keep", 1).await;
    house.tell("release").await.unwrap();
    house.all_settled().await;
    assert_eq!(house.book.lines(), ["keep", "release"]);
    assert_eq!(house.outcomes().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_cut_off_since_says_nothing_any_more() {
    let store = Mortal::fresh();
    {
        let house = House::with_clerk(Arc::clone(&store) as Arc<dyn Store>).await;
        house.cell(&clerk()).suspend();
        house.tell("one").await.unwrap();
        store.end_within(0);
    }
    let house = house(Mortal::after(&store)).await;
    let driver = Party::from(house.driver.me());
    house.system.key_registry().revoke_party(&driver);
    house
        .system
        .spawn_as(&clerk(), &house.supervisor, durable())
        .await
        .unwrap();
    house.all_settled().await;
    assert!(house.book.lines().is_empty());
    let outcomes = house.outcomes();
    assert!(
        matches!(&outcomes[..], [MailOutcome::Refused(_)]),
        "{outcomes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_durable_agent_that_sleeps_is_woken_by_what_an_earlier_process_left() {
    async fn sleeping(store: Arc<dyn Store>) -> House {
        let house = house(store).await;
        let sleep = Sleep {
            options: durable(),
            ..Sleep::default()
        };
        let asleep = house.system.let_sleep(house.supervisor.clone(), sleep);
        asleep.unwrap();
        house
    }
    let store = Mortal::fresh();
    {
        let house = sleeping(Arc::clone(&store) as Arc<dyn Store>).await;
        house.system.register_asleep(&clerk()).unwrap();
        house.tell("hold").await.unwrap();
        house.book.wait("hold", 1).await;
        house.tell("next").await.unwrap();
        store.end_within(0);
    }
    let house = sleeping(Mortal::after(&store)).await;
    house.book.wait("hold", 1).await;
    house.book.write("go");
    house.book.wait("next", 1).await;
    assert_eq!(house.book.lines(), ["hold", "go", "next"]);
}

#[tokio::test(start_paused = true)]
async fn a_world_without_lasting_keys_has_no_durable_agents() {
    let house = House::new().await;
    let book = Arc::clone(&house.book);
    house
        .system
        .factories()
        .register("macro.clerk", move |_| Ok(Clerk::new(&book)));
    let refused = house
        .system
        .spawn("macro.clerk", &house.supervisor, durable())
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("outlasts the process"),
        "{refused}"
    );
}
