//! An agent is killed in the middle of its turns, again and again, at points that chance chooses: what a turn submits to the outside is not
//! submitted again once its step is on record, whoever asked is answered once, and nothing is lost.
//!
//! What happened is known outside, by a ledger that no kill reaches. It does what is asked of whoever takes orders: it knows an order by its
//! key. A kill between the order and its record lets the successor send it again, under the same key; that is counted, and no doubling.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aios_actors::agent::{
    Agent, AgentError, AgentOptions, Context, Incoming, Snapshot, SnapshotError,
};
use aios_actors::{AgentSystem, async_trait};
use aios_memory::{InMemoryStore, Store};
use aios_protocols::{AgentCard, AgentId, PrincipalId, PrincipalKind, SigningIdentity};
use aios_supervisor::{Supervisor, SupervisorRef, SupervisorSpec};
use tokio::sync::watch;

/// Points of a turn at which it may be killed, and what is behind the last of them.
const POINTS: u64 = 8;
/// Nothing here takes longer unless it stands still.
const WATCHDOG: Duration = Duration::from_secs(60);

/// One order, as the ledger knows it.
#[derive(Default)]
struct Order {
    /// How often it was submitted.
    submitted: u32,
    /// Whether the agent that submitted it has its step on record.
    recorded: bool,
    /// How often it was submitted after that.
    after_record: u32,
}

#[derive(Default)]
struct Ledger {
    orders: Mutex<BTreeMap<String, Order>>,
    /// Turns that were begun and not ended by whoever had them in hand.
    cut: AtomicU64,
    /// Points that turns have come to.
    points: watch::Sender<u64>,
}

impl Ledger {
    fn submit(&self, key: &str) {
        let mut orders = self.orders.lock().unwrap();
        let order = orders.entry(key.to_owned()).or_default();
        order.submitted += 1;
        order.after_record += u32::from(order.recorded);
    }

    fn recorded(&self, key: &str) {
        let mut orders = self.orders.lock().unwrap();
        orders.entry(key.to_owned()).or_default().recorded = true;
    }

    /// A place at which a turn may be killed.
    async fn point(&self) {
        self.points.send_modify(|points| *points += 1);
        tokio::task::yield_now().await;
    }
}

/// Counts a turn as cut unless it comes to its end.
struct Turn {
    ledger: Arc<Ledger>,
    ended: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            self.ledger.cut.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Submits one order in each turn, and says which that was.
struct Clerk {
    ledger: Arc<Ledger>,
    /// Orders that it has said done of; in its checkpoint.
    done: u64,
}

#[async_trait]
impl Agent for Clerk {
    fn card(&self, card: &mut AgentCard) {
        card.open_to.add(PrincipalKind::User);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let mut turn = Turn {
            ledger: Arc::clone(&self.ledger),
            ended: false,
        };
        let key = incoming.content.as_str().unwrap_or_default().to_owned();
        self.ledger.point().await;
        let ledger = Arc::clone(&self.ledger);
        let order = || async move {
            ledger.point().await;
            ledger.submit(&key);
            ledger.point().await;
            Ok::<_, AgentError>(key)
        };
        let what = incoming.content.as_str().unwrap_or_default();
        let submitted = ctx.once(what, order).await?;
        self.ledger.recorded(&submitted);
        self.ledger.point().await;
        self.done += 1;
        ctx.checkpoint();
        self.ledger.point().await;
        incoming.inform(submitted)?;
        self.ledger.point().await;
        turn.ended = true;
        Ok(())
    }

    fn snapshot(&self) -> Option<Snapshot> {
        Snapshot::json(1, &self.done).ok()
    }

    fn restore(&mut self, snapshot: Snapshot) -> Result<(), SnapshotError> {
        self.done = snapshot.read_json(1)?;
        Ok(())
    }
}

/// Small, fast and repeatable (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// Kills the agent at points that chance chooses, until it was killed so often in the middle of a turn.
async fn kills(supervisor: &SupervisorRef, agent: &AgentId, ledger: &Ledger, cuts: u64, seed: u64) {
    let mut chance = Chance(seed);
    let mut points = ledger.points.subscribe();
    while ledger.cut.load(Ordering::Relaxed) < cuts {
        let at = *points.borrow() + 1 + chance.below(POINTS);
        points.wait_for(|points| *points >= at).await.unwrap();
        if let Some(host) = supervisor
            .child(agent.as_str())
            .and_then(|child| child.cell())
        {
            host.kill();
        }
    }
}

/// Kills an agent so often in the middle of a turn.
#[allow(clippy::print_stdout)]
pub(crate) async fn storm(cuts: u64, watchdog: Duration) {
    let seed = match std::env::var("AIOS_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(std::process::id()),
    };
    let owner: PrincipalId = "user:owner@local".parse().unwrap();
    let owner = Arc::new(SigningIdentity::from_seed(owner, [7; 32]));
    let keys = Arc::clone(&owner);
    let system = AgentSystem::builder()
        .store(Arc::new(InMemoryStore::default()) as Arc<dyn Store>)
        .durable_keys(move |agent| keys.derive(agent))
        .build();
    let ledger = Arc::new(Ledger::default());
    let made = Arc::clone(&ledger);
    system.factories().register("macro.clerk", move |_| {
        Ok(Clerk {
            ledger: Arc::clone(&made),
            done: 0,
        })
    });
    let spec = SupervisorSpec::new("clerks").intensity(u32::MAX, Duration::from_secs(1));
    let supervisor = Supervisor::start(spec).await.unwrap();
    // A kill has nobody to blame, so what was in many hands is no poison here.
    let options = AgentOptions {
        durable: true,
        deliveries: u32::MAX,
        ..AgentOptions::default()
    };
    let (clerk, _) = system
        .spawn("macro.clerk", &supervisor, options)
        .await
        .unwrap();
    let client = system.client(owner.party().principal().unwrap().clone());
    let client = client.await.unwrap();
    let asks = async {
        let mut asked = 0;
        while ledger.cut.load(Ordering::Relaxed) < cuts {
            let what = format!("order-{asked}");
            let answer = client.ask(&clerk, what.as_str(), WATCHDOG).await;
            let answer = answer.unwrap_or_else(|error| panic!("seed {seed}: {what}: {error}"));
            assert_eq!(answer.content.as_str(), Some(what.as_str()), "seed {seed}");
            asked += 1;
        }
        asked
    };
    let begun = Instant::now();
    let both = async {
        tokio::select! {
            biased;
            asked = asks => asked,
            () = async {
                kills(&supervisor, &clerk, &ledger, cuts, seed).await;
                std::future::pending::<()>().await;
            } => unreachable!(),
        }
    };
    let asked = tokio::time::timeout(watchdog, both).await;
    let asked = asked.unwrap_or_else(|_| panic!("seed {seed}: it stands still"));
    let orders = ledger.orders.lock().unwrap();
    let lost = (0..asked)
        .filter(|at| !orders.contains_key(&format!("order-{at}")))
        .count();
    let doubled: u32 = orders.values().map(|order| order.after_record).sum();
    let again = orders.values().filter(|order| order.submitted > 1).count();
    let mail = system.mail(&clerk).unwrap();
    let killed = ledger.cut.load(Ordering::Relaxed);
    println!(
        "killed in the middle of a turn {killed}, submitted {}, doubled {doubled}, lost {lost}, sent again under the same key before it was on record {again}, in {:.1} s",
        orders.len(),
        begun.elapsed().as_secs_f64()
    );
    assert!(killed >= cuts, "seed {seed}");
    assert_eq!((doubled, lost), (0, 0), "seed {seed}");
    assert_eq!(
        orders.len(),
        asked,
        "seed {seed}: an order nobody asked for"
    );
    assert!(mail.waiting.is_empty(), "seed {seed}: {:?}", mail.waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_killed_in_the_middle_of_its_turns_submits_nothing_twice() {
    storm(300, WATCHDOG).await;
}
