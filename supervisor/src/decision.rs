//! The deciding core: what a supervisor knows, what it is told, and what it does about it. No clock, no chance, no
//! actor: `step(input, now)` writes a plan, and [`crate::supervisor`] carries it out and reports back what came of it.
//!
//! Where to read next: `exits` (who comes back), `group` (restarts that touch siblings), `orders` (what people ask),
//! `shutdown` (ask, wait, kill). Timers live here too, as data: a child that is told to stay down has no timer left,
//! so nothing stale can revive it; the shell only wakes the core up.

mod departure;
mod exits;
mod group;
mod orders;
mod shutdown;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod rules;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use rand::{SeedableRng, rngs::SmallRng};

use crate::{
    events::EventKind,
    exit::ExitReason,
    fault::StartError,
    intensity::{Intensity, Window},
    order::OrderError,
    policy::Policy,
    snapshot::{ChildCounts, ChildState, SupervisorState},
    strategy::{AutoShutdown, Kind, Strategy},
};
use group::Group;

/// A child's place in the start order. Never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(pub(crate) u64);

/// Stands for the group's own timer among the children's.
const GROUP: Key = Key(u64::MAX);

/// Names one asker who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(pub(crate) u64);

/// What the core is told.
#[derive(Debug)]
pub(crate) enum Input<L = ()> {
    /// Start the children for the first time.
    Boot,
    /// A start succeeded.
    Started { key: Key, incarnation: u64 },
    /// A start failed, and nothing is left of it.
    StartFailed {
        key: Key,
        incarnation: u64,
        error: StartError,
    },
    /// A child that had started has ended. `warm`: it could resume from a checkpoint. `gone`: nothing of it, and below
    /// it, is left; otherwise [`Input::Gone`] will follow.
    Exited {
        key: Key,
        incarnation: u64,
        exit: ExitReason,
        warm: bool,
        gone: bool,
    },
    /// What an ended child had left behind is gone.
    Gone { key: Key, incarnation: u64 },
    /// Time has passed.
    Tick,
    /// Somebody asks for something.
    Order { order: Order<L>, ticket: Ticket },
    /// Stop every child, then leave.
    Stop,
}

/// What can be asked.
#[derive(Debug)]
pub(crate) enum Order<L = ()> {
    /// Add this child and start it.
    Start {
        id: Arc<str>,
        policy: Arc<Policy>,
        live: L,
    },
    /// Stop it and keep it down.
    Terminate { id: Arc<str> },
    /// Start a child that is down.
    Restart { id: Arc<str> },
    /// Forget a child that is down.
    Delete { id: Arc<str> },
    /// Kill it and let the policy answer, as if it had crashed.
    Kill { id: Arc<str> },
}

/// What the shell is to do, in this order.
#[derive(Debug)]
pub(crate) enum Action<L = ()> {
    /// Start this incarnation.
    Start { key: Key, incarnation: u64 },
    /// Ask it to leave; if its start is still under way, call that off.
    Ask { key: Key },
    /// Kill it, or abort its start.
    Kill { key: Key },
    /// It will not leave; stop holding on to it.
    Abandon { key: Key },
    /// Its record is gone; here is what the shell kept in it.
    Forget {
        #[cfg_attr(
            not(test),
            expect(dead_code, reason = "tests see by it that nobody alive is forgotten")
        )]
        key: Key,
        live: L,
    },
    /// There will be no record; here is what was to be kept in it.
    Discard(L),
    /// Tell the asker.
    Answer {
        ticket: Ticket,
        answer: Result<Key, OrderError>,
    },
    /// Tell the listeners.
    Emit {
        id: Option<Arc<str>>,
        kind: EventKind,
    },
    /// The first start is over.
    Ready(Result<(), StartError>),
    /// Every child is down: leave.
    Exit(Outcome),
}

/// Why a supervisor leaves.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// It was told to.
    Ordered,
    /// A significant child ended.
    AutoShutdown,
    /// A child failed too often; its parent has to decide.
    GaveUp {
        id: Arc<str>,
        limit: Intensity,
        last: String,
    },
    /// A child's first start failed.
    BootFailed { id: Arc<str>, error: StartError },
}

impl Outcome {
    /// Why its exit is abnormal, if it is.
    pub(crate) fn failure(&self) -> Option<String> {
        match self {
            Self::Ordered | Self::AutoShutdown => None,
            Self::GaveUp { id, limit, last } => Some(format!(
                "child `{id}` exceeded {} restarts in {:?}; it last ended with: {last}",
                limit.restarts, limit.within
            )),
            Self::BootFailed { id, error } => Some(format!("child `{id}` did not start: {error}")),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Mode {
    Booting,
    Serving,
    Closing {
        outcome: Outcome,
        left: BTreeSet<Key>,
    },
    Closed,
}

/// What a child is doing, and what follows when that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    /// Its turn to start has come, but what its last incarnation left behind is not gone yet.
    Clearing,
    Starting,
    Running,
    Backoff,
    Stopping {
        then: Then,
        killed: bool,
    },
    Stopped,
    Finished,
    /// Its spec is forgotten; the record stays, unlisted, until what it left behind is gone.
    Going,
}

/// What follows when a child that was told to leave is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It stays down.
    Down,
    /// Its group starts it again.
    Again,
    /// Its start took too long and counts as failed.
    StartFailed,
}

/// Who wanted the start that is due or under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The supervisor's own start.
    Boot,
    /// Somebody asked for a new child.
    New(Ticket),
    /// Somebody asked for a stopped child to be started again.
    Again(Ticket),
    /// It ended, or one of its group did.
    Restart,
}

/// What is known of one child. `L` is the shell's: the core keeps it and never looks inside.
#[derive(Debug)]
pub(crate) struct Child<L = ()> {
    pub(crate) id: Arc<str>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) phase: Phase,
    pub(crate) cause: Cause,
    pub(crate) incarnation: u64,
    /// When the phase began.
    pub(crate) since: Duration,
    /// When something is due for it.
    pub(crate) timer: Option<Duration>,
    /// Its last incarnation has ended, but something of it is still alive: it is not started again before that is gone.
    pub(crate) leaving: bool,
    /// Somebody ordered it down, and nobody ordered it up since.
    barred: bool,
    /// Nothing for one that never fell: of many children most never do.
    past: Option<Box<Past>>,
    pub(crate) live: L,
}

/// What a child has only once something has happened to it.
#[derive(Debug, Default)]
pub(crate) struct Past {
    /// Restarts in a row without a stable run.
    attempt: u32,
    /// Restarts ever.
    pub(crate) restarts: u32,
    pub(crate) last_exit: Option<ExitReason>,
    /// The try that failed and is still to be repeated.
    failed: Option<FailedStart>,
    /// The generation that ended so.
    exit_of: u64,
    /// Its own limit, made at its first restart.
    window: Option<Window>,
    /// Who waits for it to be down.
    waiters: Vec<Ticket>,
}

/// A restart that did not come off. The next try counts when it is made.
#[derive(Debug)]
struct FailedStart {
    error: String,
    /// How long the next try waits.
    delay: Duration,
}

impl<L> Child<L> {
    pub(crate) fn past(&self) -> Option<&Past> {
        self.past.as_deref()
    }

    fn past_mut(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }

    /// The latest generation has ended so.
    pub(crate) fn ended_with(&mut self, exit: ExitReason) {
        let incarnation = self.incarnation;
        let past = self.past_mut();
        past.exit_of = incarnation;
        past.last_exit = Some(exit);
    }
}

impl Past {
    /// The last end on record, and which generation it was.
    pub(crate) fn last_end(&self) -> Option<(u64, &ExitReason)> {
        Some((self.exit_of, self.last_exit.as_ref()?))
    }
}

/// What a supervisor is made of, for the core.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) kill_grace: Duration,
    pub(crate) seed: u64,
    /// Generations up to here have been used by earlier incarnations of the supervisor.
    pub(crate) floor: u64,
}

/// The state of one supervisor.
#[derive(Debug)]
pub(crate) struct Tree<L = ()> {
    pub(crate) settings: Settings,
    pub(crate) mode: Mode,
    pub(crate) window: Window,
    pub(crate) children: BTreeMap<Key, Box<Child<L>>>,
    /// One entry for each child that is not [`Phase::Going`].
    ids: HashMap<Arc<str>, Key>,
    /// The names of those that are [`Phase::Going`]. A new child of such a name is not started before the old one is
    /// gone, so there is at most one of a name.
    going: HashSet<Arc<str>>,
    next_key: u64,
    booted: bool,
    group: Option<Group>,
    timers: BTreeSet<(Duration, Key)>,
    rng: SmallRng,
    running: usize,
    stopping: usize,
    supervisors: usize,
    /// Significant children that are not down for good.
    significant: usize,
}

impl<L> Tree<L> {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            window: Window::new(settings.intensity),
            rng: SmallRng::seed_from_u64(settings.seed),
            settings,
            mode: Mode::Booting,
            children: BTreeMap::new(),
            ids: HashMap::new(),
            going: HashSet::new(),
            next_key: 0,
            booted: false,
            group: None,
            timers: BTreeSet::new(),
            running: 0,
            stopping: 0,
            supervisors: 0,
            significant: 0,
        }
    }

    /// Adds a child that is started by [`Input::Boot`].
    pub(crate) fn add(&mut self, id: Arc<str>, policy: Arc<Policy>, live: L) -> Key {
        // Names are checked to differ before a tree is built.
        self.insert(id, policy, Cause::Boot, Duration::ZERO, live)
            .unwrap_or_else(|(known, _)| known)
    }

    /// Makes room for that many more children.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.ids.reserve(more);
    }

    /// The one way in: `out` is extended by what is to be done.
    pub(crate) fn step(&mut self, input: Input<L>, now: Duration, out: &mut Vec<Action<L>>) {
        let mut step = Step {
            tree: self,
            now,
            out,
        };
        match input {
            Input::Boot => step.boot(),
            Input::Started { key, incarnation } => step.started(key, incarnation),
            Input::StartFailed {
                key,
                incarnation,
                error,
            } => step.start_failed(key, incarnation, error),
            Input::Exited {
                key,
                incarnation,
                exit,
                warm,
                gone,
            } => step.exited(key, incarnation, exit, warm, gone),
            Input::Gone { key, incarnation } => step.gone(key, incarnation),
            Input::Tick => step.tick(),
            Input::Order { order, ticket } => step.order(order, ticket),
            Input::Stop => step.close(Outcome::Ordered),
        }
    }

    /// When the core wants to be woken by [`Input::Tick`].
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        self.timers.first().map(|(at, _)| *at)
    }

    pub(crate) fn key_of(&self, id: &str) -> Option<Key> {
        self.ids.get(id).copied()
    }

    pub(crate) fn state(&self) -> SupervisorState {
        match self.mode {
            Mode::Booting => SupervisorState::Starting,
            Mode::Serving => SupervisorState::Running,
            Mode::Closing { .. } => SupervisorState::Stopping,
            Mode::Closed => SupervisorState::Down,
        }
    }

    /// How many children are listed.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The children that are listed, in start order.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (Key, &Child<L>)> {
        self.children
            .iter()
            .filter(|(_, child)| child.phase != Phase::Going)
            .map(|(key, child)| (*key, &**child))
    }

    pub(crate) fn counts(&self) -> ChildCounts {
        ChildCounts {
            // Children of one template share its spec.
            specs: match self.settings.strategy {
                Strategy::Dynamic => 1,
                _ => self.len(),
            },
            active: self.running + self.stopping_alive(),
            supervisors: self.supervisors,
            workers: self.len() - self.supervisors,
        }
    }

    /// The highest generation used so far.
    pub(crate) fn ceiling(&self) -> u64 {
        let used = self
            .children
            .values()
            .map(|child| child.incarnation)
            .max()
            .unwrap_or(0);
        used.max(self.settings.floor)
    }

    /// A child told to leave counts as active until it is gone, as in OTP.
    fn stopping_alive(&self) -> usize {
        self.stopping
    }

    /// A new child's key, or that of the child that has the name already and what was to be kept.
    fn insert(
        &mut self,
        id: Arc<str>,
        policy: Arc<Policy>,
        cause: Cause,
        now: Duration,
        live: L,
    ) -> Result<Key, (Key, L)> {
        let key = Key(self.next_key);
        match self.ids.entry(Arc::clone(&id)) {
            Entry::Occupied(known) => return Err((*known.get(), live)),
            Entry::Vacant(free) => free.insert(key),
        };
        self.next_key += 1;
        self.supervisors += usize::from(policy.kind == Kind::Supervisor);
        self.significant += usize::from(policy.significant);
        let child = Child {
            id,
            policy,
            phase: Phase::Waiting,
            cause,
            incarnation: self.settings.floor,
            since: now,
            timer: None,
            leaving: false,
            barred: false,
            past: None,
            live,
        };
        self.children.insert(key, Box::new(child));
        Ok(key)
    }
}

impl Phase {
    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping { .. })
    }

    /// Down, and nothing but an order or its group brings it back.
    fn is_at_rest(self) -> bool {
        matches!(self, Self::Stopped | Self::Finished | Self::Going)
    }

    pub(crate) fn shown(self) -> ChildState {
        match self {
            Self::Waiting | Self::Clearing => ChildState::Waiting,
            Self::Starting => ChildState::Starting,
            Self::Running => ChildState::Running,
            Self::Backoff => ChildState::Backoff,
            Self::Stopping { .. } | Self::Going => ChildState::Stopping,
            Self::Stopped => ChildState::Stopped,
            Self::Finished => ChildState::Finished,
        }
    }
}

/// One input being answered.
struct Step<'a, L> {
    tree: &'a mut Tree<L>,
    now: Duration,
    out: &'a mut Vec<Action<L>>,
}

impl<L> Step<'_, L> {
    fn boot(&mut self) {
        let mut group = Group::default();
        group.starting.extend(self.tree.children.keys());
        self.tree.group = Some(group);
        self.advance_group();
    }

    /// The first start is over when the boot's group has nothing left to do.
    fn booted(&mut self) {
        if self.tree.mode == Mode::Booting {
            self.tree.mode = Mode::Serving;
            self.tree.booted = true;
            self.emit(None, EventKind::Ready);
            self.out.push(Action::Ready(Ok(())));
        }
    }

    fn tick(&mut self) {
        while let Some((at, key)) = self.tree.timers.first().copied() {
            if at > self.now {
                break;
            }
            self.tree.timers.pop_first();
            if key == GROUP {
                self.group_is_due();
                continue;
            }
            let Some(child) = self.tree.children.get_mut(&key) else {
                continue;
            };
            child.timer = None;
            match child.phase {
                Phase::Backoff => self.backoff_is_over(key),
                Phase::Starting => self.start_too_slow(key),
                Phase::Stopping { .. } | Phase::Going => self.stop_is_due(key),
                Phase::Clearing => self.report_stuck(key),
                Phase::Waiting | Phase::Running | Phase::Stopped | Phase::Finished => {}
            }
        }
    }

    /// Starts it, or, if something is left of its last incarnation, sees to it that it starts when that is gone.
    fn begin_start(&mut self, key: Key) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        if child.leaving || self.tree.going.contains(&child.id) {
            self.set_phase(key, Phase::Clearing);
            return self.set_timer(key, self.tree.settings.kill_grace);
        }
        let Some(child) = self.set_phase(key, Phase::Starting) else {
            return;
        };
        child.incarnation += 1;
        let incarnation = child.incarnation;
        let limit = child.policy.start_within;
        if let Some(limit) = limit {
            self.set_timer(key, limit);
        }
        self.out.push(Action::Start { key, incarnation });
    }

    /// Moves a child to its next phase. What was due in the last one is due no more.
    fn set_phase(&mut self, key: Key, phase: Phase) -> Option<&mut Child<L>> {
        let child = self.tree.children.get_mut(&key)?;
        let before = child.phase;
        child.phase = phase;
        child.since = self.now;
        if let Some(at) = child.timer.take() {
            self.tree.timers.remove(&(at, key));
        }
        let shift = |count: &mut usize, was: bool, is: bool| {
            *count = *count + usize::from(is) - usize::from(was);
        };
        let running = |phase| phase == Phase::Running;
        let stopping = |phase| matches!(phase, Phase::Stopping { .. });
        shift(&mut self.tree.running, running(before), running(phase));
        shift(&mut self.tree.stopping, stopping(before), stopping(phase));
        if child.policy.significant {
            shift(
                &mut self.tree.significant,
                !before.is_at_rest(),
                !phase.is_at_rest(),
            );
        }
        Some(child)
    }

    fn set_timer(&mut self, key: Key, after: Duration) {
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        let at = self.now.saturating_add(after);
        if let Some(old) = child.timer.replace(at) {
            self.tree.timers.remove(&(old, key));
        }
        self.tree.timers.insert((at, key));
    }

    fn emit(&mut self, id: Option<Arc<str>>, kind: EventKind) {
        self.out.push(Action::Emit { id, kind });
    }

    fn emit_of(&mut self, key: Key, kind: EventKind) {
        let id = self
            .tree
            .children
            .get(&key)
            .map(|child| Arc::clone(&child.id));
        self.emit(id, kind);
    }

    fn answer(&mut self, ticket: Ticket, answer: Result<Key, OrderError>) {
        self.out.push(Action::Answer { ticket, answer });
    }
}
