//! Durable timers: who is to be woken when, whatever ends the process meanwhile.
//!
//! A timer lies in the store under its agent and its name until the agent has handled it, so one that fell due while nobody ran is handled
//! at the next start, and one whose agent falls over it is handled again. It is handled at least once, and at most as often as a message is
//! handed over.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aios_memory::{Store, StoreError};
use aios_protocols::{AgentId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Where timers lie in the store: `timer/{agent}\0{name}`.
const PREFIX: &str = "timer/";
/// Records read at once.
const PAGE: usize = 256;
/// The clock may be set meanwhile: it is looked at again so soon.
const LOOK: Duration = Duration::from_secs(60);
/// The longest name of a timer, in bytes.
const NAME_MAX: usize = 200;

/// The timers of one world.
#[derive(Default)]
pub(crate) struct Timers {
    set: Mutex<Set>,
    /// How many are due and not handled: an agent without any looks no further.
    due: AtomicUsize,
    changed: Notify,
    /// Whether somebody waits for the next one.
    pub(crate) kept: AtomicBool,
    /// Nobody is woken any more.
    stopped: AtomicBool,
}

#[derive(Default)]
struct Set {
    /// Whether the store was read.
    read: bool,
    /// When each is due, the next first.
    order: BTreeSet<(u64, Box<str>, Box<str>)>,
    /// By agent and name, those that are due too.
    by_agent: HashMap<Box<str>, BTreeMap<Box<str>, Timer>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timer {
    at_us: u64,
    due: bool,
    /// How often its agent was given it.
    given: u32,
}

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) name: Box<str>,
    pub(crate) at_us: u64,
    /// How often the agent was given it, this time included.
    pub(crate) given: u32,
}

/// Why a timer is not set.
#[derive(Debug, thiserror::Error)]
pub enum TimerError {
    /// Its name cannot be kept.
    #[error("a timer's name has 1 to {NAME_MAX} bytes and no control character, not {0:?}")]
    Name(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Set {
    fn insert(&mut self, agent: &str, name: &str, at_us: u64) {
        self.remove(agent, name);
        self.order.insert((at_us, agent.into(), name.into()));
        let timer = Timer {
            at_us,
            due: false,
            given: 0,
        };
        let of_agent = self.by_agent.entry(agent.into()).or_default();
        of_agent.insert(name.into(), timer);
    }

    fn remove(&mut self, agent: &str, name: &str) -> Option<Timer> {
        let of_agent = self.by_agent.get_mut(agent)?;
        let timer = of_agent.remove(name)?;
        if of_agent.is_empty() {
            self.by_agent.remove(agent);
        }
        self.order.remove(&(timer.at_us, agent.into(), name.into()));
        Some(timer)
    }

    /// Those that are due now; whose they are.
    fn fall_due(&mut self, now_us: u64) -> Vec<Box<str>> {
        let mut whose = Vec::new();
        while let Some((at_us, ..)) = self.order.first()
            && *at_us <= now_us
        {
            let Some((_, agent, name)) = self.order.pop_first() else {
                break;
            };
            let timers = self.by_agent.get_mut(&agent);
            if let Some(timer) = timers.and_then(|timers| timers.get_mut(&name)) {
                timer.due = true;
            }
            whose.push(agent);
        }
        whose.sort_unstable();
        whose.dedup();
        whose
    }
}

impl Timers {
    /// Sets a timer; one of the same name is set anew. It lasts when this returns.
    pub(crate) fn set(
        &self,
        store: &dyn Store,
        agent: &AgentId,
        name: &str,
        at: Timestamp,
    ) -> Result<(), TimerError> {
        if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
            return Err(TimerError::Name(name.chars().take(NAME_MAX).collect()));
        }
        let at_us = at.as_micros();
        store.put(&key(agent, name), &at_us.to_le_bytes())?;
        store.flush()?;
        let mut set = self.set.lock();
        if set
            .remove(agent.as_str(), name)
            .is_some_and(|timer| timer.due)
        {
            self.due.fetch_sub(1, Ordering::AcqRel);
        }
        set.insert(agent.as_str(), name, at_us);
        drop(set);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes a timer back; whether there was one.
    pub(crate) fn unset(
        &self,
        store: &dyn Store,
        agent: &AgentId,
        name: &str,
    ) -> Result<bool, StoreError> {
        let there = store.delete(&key(agent, name))?;
        let removed = self.set.lock().remove(agent.as_str(), name);
        if removed.is_some_and(|timer| timer.due) {
            self.due.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(there)
    }

    /// A timer was handled, unless it was set anew meanwhile. Were this lost in a crash, it would be handled once more.
    pub(crate) fn done(
        &self,
        store: &dyn Store,
        agent: &AgentId,
        name: &str,
        at_us: u64,
    ) -> Result<(), StoreError> {
        let same = {
            let set = self.set.lock();
            let timers = set.by_agent.get(agent.as_str());
            timers
                .and_then(|timers| timers.get(name))
                .is_some_and(|timer| timer.due && timer.at_us == at_us)
        };
        if same {
            self.unset(store, agent, name)?;
        }
        Ok(())
    }

    /// The next timer of an agent that is due. It counts as given.
    pub(crate) fn give(&self, agent: &AgentId) -> Option<Due> {
        if self.due.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut set = self.set.lock();
        let timers = set.by_agent.get_mut(agent.as_str())?.iter_mut();
        let (name, timer) = timers
            .filter(|(_, timer)| timer.due)
            .min_by_key(|(_, timer)| timer.at_us)?;
        timer.given += 1;
        Some(Due {
            name: name.clone(),
            at_us: timer.at_us,
            given: timer.given,
        })
    }

    /// Whether an agent has something to do because of a timer.
    pub(crate) fn is_due(&self, agent: &str) -> bool {
        self.due.load(Ordering::Acquire) > 0
            && self
                .set
                .lock()
                .by_agent
                .get(agent)
                .is_some_and(|timers| timers.values().any(|timer| timer.due))
    }

    /// Reads what an earlier process has left, once; whether there is any.
    pub(crate) fn read(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let mut set = self.set.lock();
        if set.read {
            return Ok(!set.by_agent.is_empty());
        }
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = store.scan_prefix(PREFIX.as_bytes(), after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in &page {
                let named = std::str::from_utf8(&key[PREFIX.len()..]).ok();
                let named = named.and_then(|named| named.split_once('\0'));
                let at = value.as_slice().try_into().map(u64::from_le_bytes);
                match (named, at) {
                    (Some((agent, name)), Ok(at_us)) => {
                        let known = set.by_agent.get(agent);
                        if known.is_none_or(|known| !known.contains_key(name)) {
                            set.insert(agent, name, at_us);
                        }
                    }
                    _ => tracing::error!(
                        key = %String::from_utf8_lossy(key),
                        "a timer on record cannot be read; it wakes nobody"
                    ),
                }
            }
        }
        set.read = true;
        Ok(!set.by_agent.is_empty())
    }

    /// Whose timers are due now.
    pub(crate) fn fall_due(&self, now: Timestamp) -> Vec<Box<str>> {
        let mut set = self.set.lock();
        let before = set.order.len();
        let whose = set.fall_due(now.as_micros());
        self.due
            .fetch_add(before - set.order.len(), Ordering::AcqRel);
        whose
    }

    /// Wakes nobody from now on.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.changed.notify_one();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Returns when the next one may be due, or one was set.
    pub(crate) async fn pass(&self, now: Timestamp) {
        let next = self.set.lock().order.first().map(|(at_us, ..)| *at_us);
        let wait = next.map_or(LOOK, |at_us| {
            Duration::from_micros(at_us.saturating_sub(now.as_micros())).min(LOOK)
        });
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.changed.notified() => {}
        }
    }
}

fn key(agent: &AgentId, name: &str) -> Vec<u8> {
    [PREFIX, agent.as_str(), "\0", name].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(seconds))
    }

    fn agent(name: &str) -> AgentId {
        format!("macro.clerk.{name}@local").parse().unwrap()
    }

    #[test]
    fn timers_fall_due_in_their_order_and_stay_until_they_are_handled() {
        let (store, timers) = (InMemoryStore::new(), Timers::default());
        let (a, b) = (agent("001"), agent("002"));
        timers.set(&store, &a, "late", at(20)).unwrap();
        timers.set(&store, &a, "early", at(10)).unwrap();
        timers.set(&store, &b, "early", at(10)).unwrap();
        assert!(timers.fall_due(at(9)).is_empty());
        assert_eq!(timers.give(&a), None);
        let whose = timers.fall_due(at(25));
        assert_eq!(whose.len(), 2);
        let due = timers.give(&a).unwrap();
        assert_eq!((&*due.name, due.given), ("early", 1));
        // It falls over it, and is given it once more.
        let again = timers.give(&a).unwrap();
        assert_eq!((&*again.name, again.given), ("early", 2));
        timers.done(&store, &a, "early", due.at_us).unwrap();
        assert_eq!(&*timers.give(&a).unwrap().name, "late");
        // Set anew while it was handled, it is to come again.
        timers.set(&store, &a, "late", at(30)).unwrap();
        timers.done(&store, &a, "late", at(20).as_micros()).unwrap();
        assert_eq!(timers.give(&a), None);
        assert_eq!(timers.fall_due(at(30)), [Box::from(a.as_str())]);
        assert!(timers.is_due(a.as_str()) && timers.is_due(b.as_str()));
    }

    #[test]
    fn what_an_earlier_process_left_is_read_once_and_what_is_taken_back_is_gone() {
        let store = InMemoryStore::new();
        let (a, b) = (agent("001"), agent("002"));
        let before = Timers::default();
        before.set(&store, &a, "x", at(10)).unwrap();
        before.set(&store, &b, "y", at(20)).unwrap();
        assert!(before.unset(&store, &b, "y").unwrap());
        store.put(b"timer/torn", b"?").unwrap();
        let timers = Timers::default();
        assert!(timers.read(&store).unwrap());
        assert_eq!(timers.fall_due(at(99)).len(), 1);
        timers.done(&store, &a, "x", at(10).as_micros()).unwrap();
        assert!(!timers.is_due(a.as_str()));
        assert!(!Timers::default().read(&store).unwrap());
    }

    #[test]
    fn a_name_that_cannot_be_kept_is_refused() {
        let (store, timers) = (InMemoryStore::new(), Timers::default());
        for name in ["", "a\0b", "a\nb", &"x".repeat(201)] {
            assert!(timers.set(&store, &agent("001"), name, at(1)).is_err());
        }
    }
}
