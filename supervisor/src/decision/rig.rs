//! A world without actors for the core's tests: it carries plans out on paper, writes down what happened, and checks
//! after every action what must hold always.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{Action, Cause, Input, Key, Order, Outcome, Phase, Settings, Then, Ticket, Tree};
use crate::{
    events::EventKind,
    exit::ExitReason,
    fault::StartError,
    intensity::Intensity,
    order::OrderError,
    policy::Policy,
    strategy::{AutoShutdown, Restart, Shutdown, Strategy},
};

/// What a child on paper does when it is started, asked or killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    /// Starts at once, leaves when asked.
    Good,
    /// Its start does not end until [`World::finish_start`].
    SlowStart,
    /// Its start fails.
    FailsToStart,
    /// Declines to run.
    Ignores,
    /// Does not leave when asked.
    Deaf,
    /// Does not even leave when killed.
    Blocked,
    /// Leaves when asked, but something of it stays until [`World::clear`].
    Lingers,
    /// Everything is up to the test.
    Manual,
}

pub(super) fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) fn settings(strategy: Strategy, restarts: u32, within: Duration) -> Settings {
    Settings {
        strategy,
        intensity: Intensity::new(restarts, within),
        auto_shutdown: AutoShutdown::Never,
        kill_grace: ms(1_000),
        seed: 1,
        floor: 0,
    }
}

pub(super) fn policy(restart: Restart) -> Policy {
    Policy {
        restart,
        shutdown: Shutdown::Timeout(ms(100)),
        ..Policy::default()
    }
}

pub(super) struct World {
    pub(super) tree: Tree,
    pub(super) now: Duration,
    pub(super) log: Vec<String>,
    pub(super) habits: HashMap<String, Habit>,
    pub(super) default_habit: Habit,
    /// Incarnations whose start is under way or that run.
    pub(super) starting: BTreeMap<Key, u64>,
    pub(super) alive: BTreeMap<Key, u64>,
    /// Incarnations that have ended and left something behind.
    pub(super) lingering: BTreeMap<Key, u64>,
    pub(super) answers: BTreeMap<u64, Result<(), OrderError>>,
    pub(super) open_tickets: BTreeMap<u64, Option<String>>,
    pub(super) outcome: Option<Outcome>,
    pub(super) ready: Option<Result<(), StartError>>,
    names: HashMap<Key, String>,
    next_ticket: u64,
    asked: BTreeSet<(Key, u64)>,
    restarts_at: Vec<Duration>,
    /// Children that were terminated and have not been started by order since.
    barred: BTreeSet<String>,
}

impl World {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            tree: Tree::new(settings),
            now: Duration::ZERO,
            log: Vec::new(),
            habits: HashMap::new(),
            default_habit: Habit::Good,
            starting: BTreeMap::new(),
            alive: BTreeMap::new(),
            lingering: BTreeMap::new(),
            answers: BTreeMap::new(),
            open_tickets: BTreeMap::new(),
            outcome: None,
            ready: None,
            names: HashMap::new(),
            next_ticket: 0,
            asked: BTreeSet::new(),
            restarts_at: Vec::new(),
            barred: BTreeSet::new(),
        }
    }

    /// `a`, `b`, `c`, ... with one policy each, booted; the log starts after that.
    pub(super) fn booted(settings: Settings, children: &[(&str, Policy)]) -> Self {
        let mut world = Self::new(settings);
        for (id, policy) in children {
            world.add(id, policy.clone());
        }
        world.tell(Input::Boot);
        world.log.clear();
        world
    }

    pub(super) fn add(&mut self, id: &str, policy: Policy) {
        let key = self.tree.add(id.into(), Arc::new(policy), ());
        self.names.insert(key, id.to_string());
    }

    pub(super) fn habit(&mut self, id: &str, habit: Habit) {
        self.habits.insert(id.to_string(), habit);
    }

    pub(super) fn key(&self, id: &str) -> Key {
        self.tree.key_of(id).unwrap()
    }

    pub(super) fn take_log(&mut self) -> String {
        std::mem::take(&mut self.log).join(" ")
    }

    pub(super) fn tell(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut actions = Vec::new();
            self.tree.step(input, self.now, &mut actions);
            for child in self.tree.children.iter() {
                self.names
                    .entry(*child.0)
                    .or_insert_with(|| child.1.id.to_string());
            }
            for action in actions {
                self.act(action, &mut inputs);
            }
        }
        self.check_counts();
    }

    fn act(&mut self, action: Action, inputs: &mut std::collections::VecDeque<Input>) {
        assert!(self.outcome.is_none(), "nothing after the exit: {action:?}");
        let name = |key: &Key| self.names.get(key).cloned().unwrap_or_default();
        match action {
            Action::Start { key, incarnation } => {
                let id = name(&key);
                self.check_start(key, &id);
                self.log.push(format!("start {id}#{incarnation}"));
                self.starting.insert(key, incarnation);
                let outcome = match self.habits.get(&id).copied().unwrap_or(self.default_habit) {
                    Habit::Good | Habit::Deaf | Habit::Blocked | Habit::Lingers => Some(Ok(())),
                    Habit::FailsToStart => Some(Err(StartError::Failed("no".into()))),
                    Habit::Ignores => Some(Err(StartError::Ignored)),
                    Habit::SlowStart | Habit::Manual => None,
                };
                if let Some(outcome) = outcome {
                    inputs.extend(self.start_ends(key, outcome));
                }
            }
            Action::Ask { key } => {
                let id = name(&key);
                // Asked again when its start came off meanwhile; the plan's turn was the first time.
                if self
                    .asked
                    .insert((key, self.tree.children[&key].incarnation))
                {
                    self.check_stop(key);
                }
                self.log.push(format!("ask {id}"));
                if self.habits.get(&id).copied().unwrap_or(self.default_habit) == Habit::Manual {
                    return;
                }
                if self.starting.contains_key(&key) {
                    inputs.extend(self.start_ends(key, Err(StartError::Cancelled)));
                } else if !matches!(self.habits.get(&id), Some(Habit::Deaf | Habit::Blocked)) {
                    inputs.extend(self.ends(key, ExitReason::Shutdown("shutdown".into())));
                }
            }
            Action::Kill { key } => {
                let id = name(&key);
                self.log.push(format!("kill {id}"));
                if self.habits.get(&id).copied().unwrap_or(self.default_habit) == Habit::Manual {
                    return;
                }
                if self.starting.contains_key(&key) {
                    inputs.extend(self.start_ends(key, Err(StartError::Cancelled)));
                } else if self.habits.get(&id) != Some(&Habit::Blocked) {
                    inputs.extend(self.ends(key, ExitReason::Killed));
                }
            }
            Action::Abandon { key } => {
                self.log.push(format!("abandon {}", name(&key)));
                self.alive.remove(&key);
                self.starting.remove(&key);
                self.lingering.remove(&key);
            }
            Action::Discard(()) => {}
            Action::Forget { key, .. } => {
                assert!(
                    !self.alive.contains_key(&key) && !self.lingering.contains_key(&key),
                    "a child is forgotten only when it is gone"
                );
                self.log.push(format!("forget {}", name(&key)));
            }
            Action::Answer { ticket, answer } => {
                let terminated = self.open_tickets.remove(&ticket.0);
                assert!(terminated.is_some(), "one answer an order: {ticket:?}");
                if let (Some(Some(id)), Ok(_)) = (terminated, &answer) {
                    self.barred.insert(id);
                }
                self.answers.insert(ticket.0, answer.map(drop));
            }
            Action::Emit { kind, .. } => match kind {
                EventKind::Restarting { .. } => {
                    self.restarts_at.push(self.now);
                    self.check_intensity();
                }
                EventKind::GaveUp { .. } => self.log.push("give-up".into()),
                EventKind::AutoShutdown => self.log.push("auto-shutdown".into()),
                EventKind::Stuck => self.log.push("stuck".into()),
                _ => {}
            },
            Action::Ready(result) => {
                assert!(self.ready.is_none(), "ready once");
                self.ready = Some(result);
            }
            Action::Exit(outcome) => {
                assert!(
                    self.alive.is_empty() && self.starting.is_empty() && self.lingering.is_empty(),
                    "all are down when the supervisor leaves"
                );
                self.log.push("exit".into());
                self.outcome = Some(outcome);
            }
        }
    }

    /// A start comes to an end; nothing happens when that incarnation is not starting any more.
    pub(super) fn start_ends(
        &mut self,
        key: Key,
        outcome: Result<(), StartError>,
    ) -> Option<Input> {
        let incarnation = self.starting.remove(&key)?;
        Some(match outcome {
            Ok(()) => {
                self.alive.insert(key, incarnation);
                Input::Started { key, incarnation }
            }
            Err(error) => Input::StartFailed {
                key,
                incarnation,
                error,
            },
        })
    }

    pub(super) fn ends(&mut self, key: Key, exit: ExitReason) -> Option<Input> {
        let lingers = self.habits.get(self.names.get(&key)?) == Some(&Habit::Lingers);
        self.ends_leaving(key, exit, lingers)
    }

    pub(super) fn ends_leaving(
        &mut self,
        key: Key,
        exit: ExitReason,
        lingers: bool,
    ) -> Option<Input> {
        let incarnation = self.alive.remove(&key)?;
        if lingers {
            self.lingering.insert(key, incarnation);
        }
        Some(Input::Exited {
            key,
            incarnation,
            exit,
            warm: false,
            gone: !lingers,
        })
    }

    /// What the earliest child of that name that lingers left behind is gone.
    pub(super) fn clear(&mut self, id: &str) {
        let mut keys = self.lingering.keys();
        let key = *keys.find(|key| self.names[key] == id).unwrap();
        self.clear_at(key);
    }

    pub(super) fn clear_at(&mut self, key: Key) {
        if let Some(incarnation) = self.lingering.remove(&key) {
            self.tell(Input::Gone { key, incarnation });
        }
    }

    pub(super) fn finish_start(&mut self, id: &str) {
        let input = self.start_ends(self.key(id), Ok(())).unwrap();
        self.tell(input);
    }

    pub(super) fn exit(&mut self, id: &str, exit: ExitReason) {
        let input = self.ends(self.key(id), exit).unwrap();
        self.tell(input);
    }

    pub(super) fn crash(&mut self, id: &str) {
        self.exit(id, ExitReason::Failed("boom".into()));
    }

    /// Time passes; every deadline on the way is met in turn.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.tree.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.tell(Input::Tick);
        }
        self.now = until;
    }

    pub(super) fn order(&mut self, order: Order) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let terminated = match &order {
            Order::Terminate { id } => Some(id.to_string()),
            Order::Restart { id } | Order::Start { id, .. } => {
                self.barred.remove(&**id);
                None
            }
            _ => None,
        };
        self.open_tickets.insert(ticket, terminated);
        self.tell(Input::Order {
            order,
            ticket: Ticket(ticket),
        });
        ticket
    }

    pub(super) fn start(&mut self, id: &str, policy: Policy) -> u64 {
        self.order(Order::Start {
            id: id.into(),
            policy: Arc::new(policy),
            live: (),
        })
    }

    pub(super) fn terminate(&mut self, id: &str) -> u64 {
        self.order(Order::Terminate { id: id.into() })
    }

    pub(super) fn restart(&mut self, id: &str) -> u64 {
        self.order(Order::Restart { id: id.into() })
    }

    pub(super) fn delete(&mut self, id: &str) -> u64 {
        self.order(Order::Delete { id: id.into() })
    }

    /// What an order came to, in one word.
    pub(super) fn answer(&self, ticket: u64) -> &'static str {
        match self.answers.get(&ticket) {
            None => "none yet",
            Some(Ok(())) => "ok",
            Some(Err(error)) => match error {
                OrderError::NotFound { .. } => "not_found",
                OrderError::AlreadyStarted { .. } => "already_started",
                OrderError::AlreadyPresent { .. } => "already_present",
                OrderError::Running { .. } => "running",
                OrderError::Restarting { .. } => "restarting",
                OrderError::NotAlive { .. } => "not_alive",
                OrderError::Stuck { .. } => "stuck",
                OrderError::Stopping => "stopping",
                OrderError::Start(StartError::Cancelled) => "cancelled",
                OrderError::Start(_) => "start_failed",
                _ => "other",
            },
        }
    }

    /// Every listed child and its state: `a:running b:stopped`.
    pub(super) fn states(&self) -> String {
        let states: Vec<String> = self
            .tree
            .listed()
            .map(|(_, child)| format!("{}:{}", child.id, child.phase.shown().label()))
            .collect();
        states.join(" ")
    }

    fn check_start(&self, key: Key, id: &str) {
        assert!(
            !self.alive.contains_key(&key) && !self.starting.contains_key(&key),
            "one incarnation: `{id}` is started while another one lives"
        );
        let left = self.lingering.keys().any(|other| self.names[other] == id);
        assert!(!left, "`{id}` is started while something of it lives");
        assert!(
            !self.barred.contains(id),
            "nothing after terminate: `{id}` is started again"
        );
        let in_group = self.tree.settings.strategy.is_group();
        for (earlier, child) in self.tree.children.range(..key) {
            let up = match child.phase {
                Phase::Running | Phase::Stopped | Phase::Finished | Phase::Going => true,
                Phase::Stopping { then, .. } => then == Then::Down || !in_group,
                // Children that stand alone keep an order only in the supervisor's own start.
                Phase::Waiting | Phase::Clearing | Phase::Starting | Phase::Backoff => {
                    !in_group && child.cause != Cause::Boot
                }
            };
            assert!(
                up,
                "start order: {key:?} before {earlier:?}, which is {:?}",
                child.phase
            );
        }
    }

    fn check_stop(&self, key: Key) {
        let ordered = self.tree.settings.strategy != Strategy::Dynamic;
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let by_plan = matches!(
            child.phase,
            Phase::Stopping {
                then: Then::Again,
                ..
            }
        ) || self.tree.state() == crate::SupervisorState::Stopping;
        if !ordered || !by_plan {
            return;
        }
        for (later, child) in self.tree.children.range(key..).skip(1) {
            let down = !matches!(child.phase, Phase::Running | Phase::Starting)
                && !matches!(
                    child.phase,
                    Phase::Stopping {
                        then: Then::Again,
                        ..
                    }
                );
            assert!(
                down,
                "reverse stop order: {key:?} before {later:?}, which is {:?}",
                child.phase
            );
        }
    }

    fn check_intensity(&self) {
        let Intensity { restarts, within } = self.tree.settings.intensity;
        let recent = self
            .restarts_at
            .iter()
            .filter(|at| self.now - **at <= within)
            .count();
        assert!(
            recent <= restarts as usize,
            "{recent} restarts in {within:?}, {restarts} allowed"
        );
    }

    fn check_counts(&self) {
        let counts = self.tree.counts();
        let count = |wanted: fn(Phase) -> bool| {
            self.tree
                .children
                .values()
                .filter(|child| wanted(child.phase))
                .count()
        };
        let active = count(|phase| matches!(phase, Phase::Running | Phase::Stopping { .. }));
        assert_eq!(counts.active, active, "the running count is kept right");
        let significant = self
            .tree
            .children
            .values()
            .filter(|child| child.policy.significant && !child.phase.is_at_rest())
            .count();
        assert_eq!(
            self.tree.significant, significant,
            "the significant count is kept right"
        );
        let planned = |key| {
            let group = self.tree.group.as_ref();
            group.is_some_and(|group| group.starting.contains(key))
        };
        for (key, child) in &self.tree.children {
            assert!(
                child.phase != Phase::Waiting || planned(key),
                "whoever waits for its turn has one"
            );
        }
        let timers = self
            .tree
            .children
            .values()
            .filter(|child| child.timer.is_some())
            .count();
        let group = usize::from(self.tree.timers.iter().any(|(_, key)| *key == super::GROUP));
        assert_eq!(self.tree.timers.len(), timers + group, "no stale timer");
    }
}
