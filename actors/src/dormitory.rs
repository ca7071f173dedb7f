//! Agents that sleep: registered, with their state on record, and without an actor, a cell or a key of their own until they are wanted.
//!
//! An agent that has had nothing to do for a while is stopped in good order, which saves its snapshot, and leaves the directory. What is left
//! of it in memory is its name. The next message to it, or a timer of its own, enrols it again and starts it under the supervisor; what is
//! sent meanwhile waits in its mailbox. To the supervisor it is a child that was stopped and one that was started: no restart is counted.
//!
//! A sleeping agent is found by its name alone, not by its role or what it can do: who is to be found so stays awake.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use aios_memory::StoreError;
use aios_protocols::{AgentId, Party};
use aios_supervisor::{Backlog, Restart, SupervisorRef};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::agent::{AgentOptions, AgentState, Cell, MessageCounts, agents_with_mail};
use crate::{AgentSystem, AgentSystemError};

/// Where those that are registered lie in the store.
const PREFIX: &str = "dormant/";
/// Records read at once.
const PAGE: usize = 1_024;

/// How agents sleep.
#[derive(Debug, Clone)]
pub struct Sleep {
    /// So long without a message, an answer or a timer, and it sleeps.
    pub after: Duration,
    /// How often those that are awake are looked at.
    pub look: Duration,
    /// The numbers of each when it is awake. What waits when it falls asleep is finished first, whatever they say.
    pub options: AgentOptions,
}

impl Default for Sleep {
    fn default() -> Self {
        Self {
            after: Duration::from_secs(60),
            look: Duration::from_secs(10),
            options: AgentOptions::default(),
        }
    }
}

/// Those that sleep and those that are awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SleepCounts {
    /// Registered.
    pub registered: usize,
    /// Of them awake, or on the way.
    pub awake: usize,
    /// How often one was woken.
    pub woken: u64,
    /// How often one fell asleep.
    pub slept: u64,
}

/// The sleeping agents of a world.
pub(crate) struct Dormitory {
    supervisor: SupervisorRef,
    sleep: Sleep,
    places: Mutex<Places>,
    /// Rung when one has left.
    left: Notify,
}

#[derive(Default)]
struct Places {
    /// Nothing but their names, each in one piece of memory.
    asleep: HashSet<Box<str>>,
    awake: HashMap<Box<str>, Awake>,
    woken: u64,
    slept: u64,
}

#[derive(Debug, Clone, Copy)]
struct Awake {
    /// What it had sent and verified when it was looked at last, and since when that is all.
    seen: MessageCounts,
    since: Instant,
    /// It is falling asleep, and takes nothing.
    leaving: bool,
}

impl Dormitory {
    pub(crate) fn new(supervisor: SupervisorRef, mut sleep: Sleep) -> Self {
        sleep.options.backlog = Backlog::Finish;
        Self {
            supervisor,
            sleep,
            places: Mutex::default(),
            left: Notify::new(),
        }
    }

    pub(crate) fn counts(&self) -> SleepCounts {
        let places = self.places.lock();
        SleepCounts {
            registered: places.asleep.len() + places.awake.len(),
            awake: places.awake.len(),
            woken: places.woken,
            slept: places.slept,
        }
    }

    /// Enters an agent among those that sleep.
    pub(crate) fn enter(&self, name: &str) {
        let mut places = self.places.lock();
        if !places.awake.contains_key(name) {
            places.asleep.insert(name.into());
        }
    }

    /// Whether an agent is on its way to sleep: what is sent to it now waits for that.
    pub(crate) fn is_leaving(&self, party: &Party) -> bool {
        let places = self.places.lock();
        let awake = places.awake.get(party.as_str());
        awake.is_some_and(|awake| awake.leaving)
    }

    /// Returns when an agent is not on its way to sleep any more.
    pub(crate) async fn left(&self, party: &Party) {
        loop {
            let left = self.left.notified();
            tokio::pin!(left);
            // Heard from here on, so that one that leaves between the look and the wait is not missed.
            left.as_mut().enable();
            if !self.is_leaving(party) {
                return;
            }
            left.await;
        }
    }

    /// Wakes an agent that sleeps: it takes messages at once, and is started meanwhile. None if it is not registered, or awake already.
    pub(crate) fn wake(
        self: &Arc<Self>,
        system: &AgentSystem,
        id: &AgentId,
    ) -> Result<Option<Arc<Cell>>, AgentSystemError> {
        let mut places = self.places.lock();
        if !places.asleep.remove(id.as_str()) {
            return Ok(None);
        }
        // Under the lock, so that of two who wake it the second finds it in the directory.
        let spec = match system.child_spec(id, self.sleep.options.clone()) {
            Ok(spec) => spec.restart(Restart::Transient),
            Err(error) => {
                places.asleep.insert(id.as_str().into());
                return Err(error);
            }
        };
        let cell = system.directory().get(&Party::from(id));
        places.woken += 1;
        let awake = Awake {
            seen: MessageCounts::default(),
            since: Instant::now(),
            leaving: false,
        };
        places.awake.insert(id.as_str().into(), awake);
        drop(places);
        let (dormitory, system, id) = (Arc::clone(self), system.clone(), id.clone());
        tokio::spawn(async move {
            if let Err(error) = dormitory.supervisor.start_child(spec).await {
                tracing::error!(agent = %id, %error, "an agent could not be woken");
                system.leave(&Party::from(&id));
                dormitory.asleep(&id);
            }
        });
        Ok(cell)
    }

    fn asleep(&self, id: &AgentId) {
        let mut places = self.places.lock();
        places.awake.remove(id.as_str());
        places.asleep.insert(id.as_str().into());
        drop(places);
        self.left.notify_waiters();
    }

    /// Those that have had nothing to do for long enough.
    fn idle(&self, system: &AgentSystem) -> Vec<AgentId> {
        let mut places = self.places.lock();
        let now = Instant::now();
        let mut idle = Vec::new();
        for (name, awake) in &mut places.awake {
            let Ok(id) = name.parse::<AgentId>() else {
                continue;
            };
            if awake.leaving {
                continue;
            }
            let cell = system.directory().get(&Party::from(&id));
            let resting = cell.filter(|cell| cell.is_resting());
            let seen = resting.as_ref().map(|cell| cell.messages());
            if seen != Some(awake.seen) || system.timers().is_due(name) {
                awake.seen = seen.unwrap_or(awake.seen);
                awake.since = now;
            } else if now.duration_since(awake.since) >= self.sleep.after {
                awake.leaving = true;
                idle.push(id);
            }
        }
        idle
    }

    /// Puts one to sleep: it finishes what waits, saves its snapshot and leaves.
    async fn put_to_sleep(&self, system: &AgentSystem, id: &AgentId) {
        let name = id.as_str();
        let stopped = self.supervisor.terminate_child(name).await;
        if let Err(error) = &stopped {
            // It fell, say, and is being started again.
            tracing::debug!(agent = %id, %error, "it does not fall asleep");
            if let Some(awake) = self.places.lock().awake.get_mut(name) {
                awake.leaving = false;
                awake.since = Instant::now();
            }
            return self.left.notify_waiters();
        }
        if self.supervisor.child(name).is_some()
            && let Err(error) = self.supervisor.delete_child(name).await
        {
            tracing::debug!(agent = %id, %error, "its place in the tree stays");
        }
        system.leave(&Party::from(id));
        self.places.lock().slept += 1;
        self.asleep(id);
    }
}

impl AgentSystem {
    /// From now on agents of this world may sleep; those that were registered before are registered again. Woken they stand under this
    /// supervisor. Of a world that has a dormitory already nothing changes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn let_sleep(&self, supervisor: SupervisorRef, sleep: Sleep) -> Result<(), StoreError> {
        let look = sleep.look;
        let dormitory = Arc::new(Dormitory::new(supervisor, sleep));
        if self.set_dormitory(Arc::clone(&dormitory)).is_err() {
            return Ok(());
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .store()
                .scan_prefix(PREFIX.as_bytes(), after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, _) in &page {
                if let Ok(name) = std::str::from_utf8(&key[PREFIX.len()..]) {
                    dormitory.enter(name);
                }
            }
        }
        let world = self.weak();
        tokio::spawn(look_in(world, Arc::downgrade(&dormitory), look));
        self.keep_timers()?;
        if dormitory.sleep.options.durable {
            // Whoever sleeps with something to do was not let finish.
            for id in agents_with_mail(self.store())? {
                if let Err(error) = dormitory.wake(self, &id) {
                    tracing::error!(agent = %id, %error, "an agent with messages on record could not be woken");
                }
            }
        }
        Ok(())
    }

    /// Registers an agent that sleeps until it is wanted. It lasts with the next thing that must, so many can be registered at once.
    ///
    /// # Errors
    /// Its role cannot be spawned here, agents do not sleep in this world, or the store fails.
    pub fn register_asleep(&self, id: &AgentId) -> Result<(), AgentSystemError> {
        let Some(dormitory) = self.dormitory() else {
            return Err(AgentSystemError::Awake);
        };
        if self.factories().get(id.role()).is_none() {
            return Err(AgentSystemError::UnknownRole {
                role: id.role().to_owned(),
                known: self.factories().roles(),
            });
        }
        self.store()
            .put(&[PREFIX.as_bytes(), id.as_str().as_bytes()].concat(), b"")?;
        dormitory.enter(id.as_str());
        Ok(())
    }

    /// Those that sleep and those that are awake; none where agents do not sleep.
    #[must_use]
    pub fn sleep_counts(&self) -> Option<SleepCounts> {
        self.dormitory().map(|dormitory| dormitory.counts())
    }
}

/// Looks in on those that are awake for as long as their world is there.
async fn look_in(
    world: impl Fn() -> Option<AgentSystem> + Send + 'static,
    dormitory: Weak<Dormitory>,
    every: Duration,
) {
    loop {
        tokio::time::sleep(every).await;
        let (Some(system), Some(dormitory)) = (world(), dormitory.upgrade()) else {
            return;
        };
        for id in dormitory.idle(&system) {
            dormitory.put_to_sleep(&system, &id).await;
        }
    }
}

/// Whether an agent has nothing to do and nothing to wait for.
impl Cell {
    fn is_resting(&self) -> bool {
        let view = self.view();
        view.state == AgentState::Active
            && view.mailbox.queued + view.in_flight + view.running == 0
            && view.conversations + view.asks == 0
    }
}
