//! What waits for one shard: two bounded queues behind one lock that is held for a copy or a swap, never while anything is
//! handled. Events are taken all at once by swapping buffers; orders come from the population.
//!
//! The lock and the wake-up come from `super::sync`, so that the same file is also compiled against a model checker, which
//! goes through the orders in which tellers, the shard and its successor can meet here.

use std::collections::VecDeque;
use std::sync::PoisonError;

use super::sync::{Condvar, Mutex, MutexGuard};
use crate::event::Event;

struct Waiting<O> {
    events: Vec<Event>,
    orders: VecDeque<O>,
    /// Incarnation that may take from here; an older one is told to go.
    owner: u64,
    asleep: bool,
}

/// Events that found no room; the first `accepted` were taken, the rest are still the sender's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full {
    pub(crate) accepted: usize,
    pub(crate) allowed: usize,
}

pub(crate) struct Inbox<O> {
    events: usize,
    orders: usize,
    waiting: Mutex<Waiting<O>>,
    wake: Condvar,
}

impl<O> Inbox<O> {
    /// Room for so many events and so many orders.
    pub(crate) fn new(events: usize, orders: usize) -> Self {
        Self {
            events,
            orders,
            waiting: Mutex::new(Waiting {
                events: Vec::with_capacity(events),
                orders: VecDeque::new(),
                owner: 0,
                asleep: false,
            }),
            wake: Condvar::new(),
        }
    }

    /// Events that may wait here.
    pub(crate) fn allowed(&self) -> usize {
        self.events
    }

    /// Events that wait here now.
    pub(crate) fn len(&self) -> usize {
        self.lock().events.len()
    }

    /// Takes as many of `events` as there is room for.
    pub(crate) fn push(&self, events: &[Event]) -> Result<(), Full> {
        let mut waiting = self.lock();
        let accepted = events.len().min(self.events - waiting.events.len());
        waiting.events.extend_from_slice(&events[..accepted]);
        self.rouse(&mut waiting);
        if accepted == events.len() {
            Ok(())
        } else {
            Err(Full {
                accepted,
                allowed: self.events,
            })
        }
    }

    /// Takes the events that `is_own` out of a mixed list, as many as there is room for, in order.
    pub(crate) fn push_own(&self, events: &mut Vec<Event>, is_own: impl Fn(&Event) -> bool) {
        let mut waiting = self.lock();
        let before = waiting.events.len();
        let room = self.events - before;
        events.retain(|event| {
            let taken = is_own(event) && waiting.events.len() - before < room;
            if taken {
                waiting.events.push(*event);
            }
            !taken
        });
        if waiting.events.len() > before {
            self.rouse(&mut waiting);
        }
    }

    /// Queues an order; it comes back when too many wait.
    pub(crate) fn order(&self, order: O) -> Result<(), O> {
        let mut waiting = self.lock();
        if waiting.orders.len() >= self.orders {
            return Err(order);
        }
        waiting.orders.push_back(order);
        self.rouse(&mut waiting);
        Ok(())
    }

    /// Makes an incarnation the owner and sends the one before away.
    pub(crate) fn begin(&self, incarnation: u64) {
        self.lock().owner = incarnation;
        self.wake.notify_all();
    }

    /// Sends an incarnation away, if it still is the owner.
    pub(crate) fn dismiss(&self, incarnation: u64) {
        let mut waiting = self.lock();
        if waiting.owner == incarnation {
            waiting.owner = 0;
            self.wake.notify_all();
        }
    }

    /// Swaps what waits for empty buffers, sleeping until there is something if `wait`; false when it is time to go.
    pub(crate) fn take(
        &self,
        incarnation: u64,
        events: &mut Vec<Event>,
        orders: &mut VecDeque<O>,
        wait: bool,
    ) -> bool {
        let mut waiting = self.lock();
        while wait
            && waiting.owner == incarnation
            && waiting.events.is_empty()
            && waiting.orders.is_empty()
        {
            waiting.asleep = true;
            waiting = self
                .wake
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.owner != incarnation {
            return false; // and leaves `asleep` alone: it is the new owner's
        }
        waiting.asleep = false;
        std::mem::swap(&mut waiting.events, events);
        std::mem::swap(&mut waiting.orders, orders);
        true
    }

    fn rouse(&self, waiting: &mut Waiting<O>) {
        if waiting.asleep {
            waiting.asleep = false;
            self.wake.notify_one(); // only the owner sleeps: whoever was sent away has been woken
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<O>> {
        // Nothing under this lock panics, and what it guards is whole between any two statements.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
