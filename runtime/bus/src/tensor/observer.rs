//! Who is told about the slots of a pool: the bus knows nothing of agents, an observer may be made of them.

use std::sync::Arc;

use parking_lot::Mutex;

use super::state::{Phase, State};

/// Hears what happens to slots and has a say in which are given out. An owner is a number of one process's end of the
/// pool, never 0. Called from within the bus, so it must not block and must not call the bus.
pub trait SlotObserver: Send + Sync {
    /// Whether the slot may be given out now.
    fn may_lease(&self, slot: u32) -> bool;

    /// An owner has it.
    fn leased(&self, slot: u32, owner: u32);

    /// Its owner gave it back or handed it on.
    fn released(&self, slot: u32, owner: u32);

    /// It was taken back from an owner who died.
    fn reclaimed(&self, slot: u32, owner: u32);

    /// Somebody released what it did not hold.
    fn misused(&self, slot: u32, owner: u32);
}

/// Turns states of slots into calls of an observer, each once and in order, whoever saw them first.
pub(super) struct Watch {
    observer: Arc<dyn SlotObserver>,
    told: Mutex<Vec<State>>,
}

impl Watch {
    pub(super) fn new(observer: Arc<dyn SlotObserver>, slots: usize) -> Self {
        Self {
            observer,
            told: Mutex::new(vec![State::FRESH; slots]),
        }
    }

    pub(super) fn may_lease(&self, slot: usize) -> bool {
        self.observer.may_lease(slot as u32)
    }

    pub(super) fn misused(&self, slot: usize, owner: u32) {
        self.observer.misused(slot as u32, owner);
    }

    /// Tells what is new in a state. One that is older than what was told already is history and says nothing.
    pub(super) fn note(&self, slot: usize, now: State, reclaimed: bool) {
        let mut told = self.told.lock();
        let before = &mut told[slot];
        if (now.generation, now.phase.rank()) <= (before.generation, before.phase.rank()) {
            return;
        }
        let (had, has) = (before.owner(), now.owner());
        let another = had != has || before.generation != now.generation;
        if another && had != 0 {
            if reclaimed {
                self.observer.reclaimed(slot as u32, had);
            } else {
                self.observer.released(slot as u32, had);
            }
        }
        if another && has != 0 {
            self.observer.leased(slot as u32, has);
        }
        *before = now;
    }

    /// Forgets what was told of a slot whose observer begins anew; the next look tells it as it is.
    pub(super) fn forget(&self, slot: usize) {
        let mut told = self.told.lock();
        if told[slot].phase != Phase::Free {
            told[slot] = State::FRESH;
        }
    }
}
