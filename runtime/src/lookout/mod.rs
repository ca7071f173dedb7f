//! The node's own window: what happens on it, noted for whoever watches, and published pictures of how it stands.
//!
//! Nothing here is sent to what is drawn: agents are seen through what passes by them and through the snapshots they leave, so a watcher
//! cannot slow what it watches. Messages are noted only while somebody looks; the flag for that is all that a message costs otherwise.
//!
//! `ring` keeps what happened, `stream` is one watcher's way through it, `pace` says when watchers are woken, `observer` what agents and
//! their world tell, `heard` what supervisors and the data bus tell; `tree`, `talks`, `letters` and `ledger` are the pictures; `recorded` is where the trail lies.

mod choice;
mod heard;
mod ledger;
mod letters;
mod observer;
mod pace;
mod recorded;
mod ring;
mod stream;
mod talks;
mod traces;
mod tree;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use aios_actors::agent::Clock;
use aios_control::{EndedAgent, EventKind, GoalHappened, GoalPhase, Happened, InHand};
use aios_protocols::{Timestamp, TraceContext};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::falls::Falls;
use crate::metric;
use ledger::Trail;
use pace::{BEAT, Pace, Wakes};
use ring::Rings;

pub(crate) use heard::{EVENTS, QUEUE, bus, supervision};
pub(crate) use ledger::{breaker, budgets};
pub(crate) use letters::{list, one, refusal};
pub(crate) use stream::Watcher;
pub(crate) use tree::{TreeWatcher, memory_bytes};

/// Agents that ended and are told of.
const ENDED: usize = 200;
/// Goals whose traces are known.
const GOALS: usize = 1_024;
/// Agents whose inheritance waits to be told with their start.
const HEIRS: usize = 1_024;
/// How long messages are still noted after somebody asked for conversations.
const LINGERS: Duration = Duration::from_secs(60);

/// The window of one node.
pub(crate) struct Lookout {
    clock: Arc<dyn Clock>,
    /// Whether messages are noted now.
    on: AtomicBool,
    /// Watchers that want messages, and those of them who look for something in particular.
    watchers: AtomicUsize,
    choosy: AtomicUsize,
    /// Whether messages are only counted until the beat is over, and how many were.
    full: AtomicBool,
    let_pass: AtomicU64,
    /// Until when messages are noted though nobody watches, in milliseconds since the beginning.
    lingers_until: AtomicU64,
    began: Instant,
    rings: Mutex<Rings>,
    pace: Mutex<Pace>,
    /// Wakes everybody who watches.
    news: watch::Sender<()>,
    /// Wakes whoever keeps the beat.
    beat: watch::Sender<()>,
    closed: AtomicBool,
    ended: Mutex<VecDeque<EndedAgent>>,
    heirs: Mutex<HashMap<String, InHand>>,
    /// When each child that is down and may come back ended; as many as there are children.
    fell: Mutex<HashMap<String, Instant>>,
    goals: Mutex<Goals>,
    /// Goals that are under way.
    under_way: Mutex<BTreeSet<String>>,
    /// Where what fell is on record.
    falls: OnceLock<Falls>,
    trail: Mutex<Trail>,
    recorded: recorded::Recorded,
    rates: tree::Rates,
    /// Whether anybody traces what is done.
    tracing: AtomicBool,
    #[cfg(feature = "telemetry")]
    spans: OnceLock<crate::telemetry::otlp::Spans>,
}

/// Which goal a trace is of, and which trace a goal.
#[derive(Default)]
struct Goals {
    of: HashMap<[u8; 16], Arc<str>>,
    /// By the last token of the subjects on which it is told of the goal.
    traces: HashMap<String, TraceContext>,
    order: VecDeque<[u8; 16]>,
}

impl Goals {
    fn forget(&mut self, trace: &[u8; 16]) {
        let Some(goal) = self.of.remove(trace) else {
            return;
        };
        let told = told_on(&goal);
        // A goal that was asked for again is carried by its last trace.
        if self
            .traces
            .get(&told)
            .is_some_and(|last| last.trace_id() == trace)
        {
            self.traces.remove(&told);
        }
    }
}

/// How a goal is called in subjects.
fn told_on(goal_id: &str) -> String {
    aios_protocols::subject::token(goal_id)
}

impl Lookout {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let begin = clock.now().as_micros();
        Arc::new(Self {
            clock,
            on: AtomicBool::new(false),
            watchers: AtomicUsize::new(0),
            choosy: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            let_pass: AtomicU64::new(0),
            lingers_until: AtomicU64::new(0),
            began: Instant::now(),
            rings: Mutex::new(Rings::new(begin)),
            pace: Mutex::new(Pace::new(Instant::now())),
            news: watch::Sender::new(()),
            beat: watch::Sender::new(()),
            closed: AtomicBool::new(false),
            ended: Mutex::default(),
            heirs: Mutex::default(),
            fell: Mutex::default(),
            goals: Mutex::default(),
            under_way: Mutex::default(),
            falls: OnceLock::new(),
            trail: Mutex::default(),
            recorded: recorded::Recorded::default(),
            rates: tree::Rates::default(),
            tracing: AtomicBool::new(false),
            #[cfg(feature = "telemetry")]
            spans: OnceLock::new(),
        })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn at(&self) -> String {
        self.now().to_string()
    }

    /// Notes what happened.
    pub(crate) fn note(&self, happened: Happened) {
        let is_message = happened.kind() == EventKind::Message;
        self.rings.lock().push(happened);
        self.wake(is_message);
    }

    /// Notes a message that passes by.
    fn pass(&self, passing: observer::Passing) {
        self.rings.lock().pass(passing);
        self.wake(true);
    }

    /// Something was noted.
    fn wake(&self, is_message: bool) {
        if self.news.receiver_count() == 0 {
            return;
        }
        let mut pace = self.pace.lock();
        let wakes = pace.noted(is_message, Instant::now);
        self.full.store(pace.is_full(), Ordering::Relaxed);
        drop(pace);
        match wakes {
            Wakes::All => self.news.send_replace(()),
            Wakes::Beat => self.beat.send_replace(()),
            Wakes::Nobody => {}
        }
    }

    /// The beat is over.
    fn wake_all(&self) {
        let mut pace = self.pace.lock();
        pace.beat(Instant::now());
        self.full.store(false, Ordering::Relaxed);
        drop(pace);
        drop(self.settled());
        self.news.send_replace(());
    }

    /// What keeps the beat at which watchers are woken in a flood, as long as the node is there.
    pub(crate) fn beating(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        beat(Arc::downgrade(self), self.beat.subscribe())
    }

    /// Whether messages come faster than anybody is told.
    fn is_flooded(&self) -> bool {
        self.full.load(Ordering::Relaxed) && !self.lingers()
    }

    /// Whether a message is worth a look now: in a flood, if somebody looks for something in particular. One that is not is counted, and told
    /// of as left out.
    fn notes(&self) -> bool {
        if !self.is_flooded() || self.choosy.load(Ordering::Relaxed) > 0 {
            return true;
        }
        self.let_pass.fetch_add(1, Ordering::Relaxed);
        false
    }

    fn rings(&self) -> MutexGuard<'_, Rings> {
        self.rings.lock()
    }

    /// The rings, with what was let pass until now: one entry for each beat, so that they do not push messages out.
    fn settled(&self) -> MutexGuard<'_, Rings> {
        let mut rings = self.rings();
        rings.let_pass(self.let_pass.swap(0, Ordering::Relaxed));
        rings
    }

    fn left_out(&self, events: u64) {
        metrics::counter!(metric::WATCH_LEFT_OUT_TOTAL).increment(events);
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Nothing happens here any more: watchers are told what there is, and end.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(self.settled());
        self.news.send_replace(());
    }

    /// Messages are noted for a while.
    fn linger(&self) {
        let until = self.began.elapsed() + LINGERS;
        let until_ms = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.lingers_until.store(until_ms, Ordering::Release);
        self.on.store(true, Ordering::Release);
    }

    fn lingers(&self) -> bool {
        let until_ms = self.lingers_until.load(Ordering::Acquire);
        // For most nobody ever asked, and the clock is left alone.
        until_ms > 0 && self.began.elapsed().as_millis() < u128::from(until_ms)
    }

    /// Turns itself off when nobody looks any more. Asked only while it is on.
    fn rests(&self) -> bool {
        if self.watchers.load(Ordering::Acquire) > 0 || self.lingers() {
            return false;
        }
        self.on.store(false, Ordering::Release);
        // Somebody may have come in this very moment.
        if self.watchers.load(Ordering::Acquire) > 0 {
            self.on.store(true, Ordering::Release);
            return false;
        }
        true
    }

    /// A goal was accepted or moved on.
    pub(crate) fn goal(&self, goal_id: &str, phase: GoalPhase) {
        let mut under_way = self.under_way.lock();
        match phase {
            GoalPhase::Running => under_way.insert(goal_id.to_owned()),
            _ => under_way.remove(goal_id),
        };
        drop(under_way);
        self.note(Happened::Goal(GoalHappened {
            at: self.at(),
            goal_id: goal_id.to_owned(),
            phase,
        }));
    }

    /// From now on what falls is put on record there.
    pub(crate) fn keep_falls(&self, falls: Falls) {
        // There is one record of a node.
        let _ = self.falls.set(falls);
    }

    /// The trace that a goal is carried in: that of whoever asked, unless another goal is carried in it already and this one would pass for
    /// that, or a fresh one.
    pub(crate) fn carried(
        &self,
        goal_id: &str,
        within: Option<TraceContext>,
        fresh: TraceContext,
    ) -> TraceContext {
        if let Some(within) = within.filter(|within| self.traced(goal_id, within)) {
            return within;
        }
        self.traced(goal_id, &fresh);
        fresh
    }

    /// What is said in this trace is said for this goal from now on; false if it is said for another one already.
    fn traced(&self, goal_id: &str, trace: &TraceContext) -> bool {
        let mut goals = self.goals.lock();
        let known = goals.of.get(trace.trace_id());
        match known {
            Some(known) if **known != *goal_id => return false,
            Some(_) => {}
            None => {
                if goals.order.len() >= GOALS
                    && let Some(oldest) = goals.order.pop_front()
                {
                    goals.forget(&oldest);
                }
                goals.of.insert(*trace.trace_id(), goal_id.into());
                goals.order.push_back(*trace.trace_id());
            }
        }
        goals.traces.insert(told_on(goal_id), *trace);
        true
    }

    /// The trace that carries the goal which is told of on a subject.
    #[cfg(feature = "nats")]
    pub(crate) fn trace_of(&self, subject: &aios_protocols::Subject) -> Option<TraceContext> {
        let last = subject.as_str().rsplit('.').next()?;
        self.goals.lock().traces.get(last).copied()
    }

    fn goal_of(&self, trace: Option<&TraceContext>) -> Option<Arc<str>> {
        self.goals.lock().of.get(trace?.trace_id()).cloned()
    }

    /// The last that ended, newest first.
    pub(crate) fn ended(&self) -> Vec<EndedAgent> {
        self.ended.lock().iter().rev().cloned().collect()
    }
}

async fn beat(lookout: Weak<Lookout>, mut due: watch::Receiver<()>) {
    while due.changed().await.is_ok() {
        tokio::time::sleep(BEAT).await;
        let Some(lookout) = lookout.upgrade() else {
            return;
        };
        lookout.wake_all();
    }
}

#[cfg(test)]
mod tests {
    use aios_actors::agent::SystemClock;
    use aios_control::{EventStream, Gap, MessageHappened, Reset, Told, Watch};

    use super::*;

    fn message(at: u64) -> Happened {
        Happened::Message(MessageHappened {
            at: at.to_string(),
            what: "sent".to_owned(),
            message: None,
            act: None,
            sender: None,
            receiver: "macro.critic.001@local".to_owned(),
            conversation: None,
            protocol: None,
            reply_by: None,
            content_bytes: 0,
            trace_id: None,
            goal_id: None,
            label: None,
            why: None,
        })
    }

    async fn next(watcher: &mut Watcher) -> Told {
        tokio::time::timeout(Duration::from_secs(20), watcher.next())
            .await
            .unwrap()
            .unwrap()
    }

    #[tokio::test]
    async fn a_watcher_goes_on_where_it_was_and_hears_of_what_is_lost_once() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        lookout.goal("a", GoalPhase::Running);
        lookout.goal("b", GoalPhase::Running);
        let mut all = Watcher::new(Arc::clone(&lookout), Watch::default());
        let (first, second) = (next(&mut all).await, next(&mut all).await);
        assert_eq!(
            (first.body["goal_id"].as_str(), second.seq),
            (Some("a"), first.seq + 1)
        );
        let after = |after_seq| Watch {
            after_seq,
            ..Watch::default()
        };
        let mut again = Watcher::new(Arc::clone(&lookout), after(first.seq));
        assert_eq!(next(&mut again).await, second);
        // A number of another life of the node.
        for lost in [1, u64::MAX] {
            let mut lost = Watcher::new(Arc::clone(&lookout), after(lost));
            let reset = next(&mut lost).await;
            assert_eq!(reset.kind, EventKind::Reset);
            assert_eq!(reset.read::<Reset>().unwrap().first_seq, first.seq);
            assert_eq!(next(&mut lost).await, first, "then all that is kept");
        }
        let fresh = Watch {
            fresh: true,
            ..Watch::default()
        };
        let mut fresh = Watcher::new(Arc::clone(&lookout), fresh);
        lookout.goal("c", GoalPhase::Running);
        assert_eq!(next(&mut fresh).await.body["goal_id"], "c");
        lookout.close();
        assert_eq!(fresh.next().await, None, "it ends with its node");
    }

    #[tokio::test]
    async fn a_flood_is_told_as_a_gap_and_rare_events_get_through() {
        let lookout = Lookout::new(Arc::new(SystemClock));
        let mut watcher = Watcher::new(Arc::clone(&lookout), Watch::default());
        assert!(lookout.on.load(Ordering::Relaxed));
        let flood = 30_000;
        for at in 0..flood {
            lookout.note(message(at));
            if at == flood - 5 {
                lookout.goal("a", GoalPhase::Running);
            }
        }
        let (mut told, mut left_out, mut goals) = (0, 0, 0);
        while told + left_out < flood {
            let event = next(&mut watcher).await;
            match event.kind {
                EventKind::Message => told += 1,
                EventKind::Gap => left_out += event.read::<Gap>().unwrap().left_out,
                EventKind::Goal => goals += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(goals, 1);
        assert!((1..=2_000).contains(&told), "{told} of {flood}");
        drop(watcher);
        assert!(lookout.rests(), "nobody looks any more");
        assert!(!lookout.on.load(Ordering::Relaxed));
        lookout.linger();
        assert!(!lookout.rests(), "for a while after a question");
    }
}
