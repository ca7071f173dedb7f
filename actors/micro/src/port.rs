//! Where everything for one shard arrives, and where its numbers can be read. The port belongs to the zone and outlives
//! the shard: what waits in it is handled by the next incarnation.
//!
//! What waits is in the inbox; the numbers are plain atomics that the shard stores after each batch and others load.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use serde::Serialize;
use tokio::sync::oneshot;

use crate::counts::{Counts, SharedCounts};
use crate::event::Event;
use crate::handle::Handle;
use crate::inbox::{Full, Inbox};
use crate::refusal::Refusal;
use crate::slot::Life;
use crate::step::PanicNote;
use crate::survey::{Survey, SurveyRequest};

/// Orders that may wait at one shard.
pub(crate) const ORDERS: usize = 1024;

pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What the population may ask of a shard.
pub(crate) enum Order {
    Spawn(u64, Reply<Result<Handle, Refusal>>),
    SpawnRange(Range<u64>, Reply<Result<u64, Refusal>>),
    SpawnMany(Vec<u64>, Reply<Vec<Result<Handle, Refusal>>>),
    Free(Handle, Reply<Result<(), Refusal>>),
    FreeMany(Vec<Handle>, Reply<Vec<Refusal>>),
    Suspend(Handle, bool, Reply<Result<(), Refusal>>),
    Look(Handle, Reply<Result<AgentView, Refusal>>),
    Find(u64, Reply<Option<Handle>>),
    Sweep(Event, Reply<()>),
    Survey(SurveyRequest, Reply<Survey>),
    LastPanic(Reply<Option<PanicNote>>),
    /// Makes the shard fall.
    #[cfg(test)]
    Fall,
}

/// One agent, for whoever looks closely.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentView {
    /// The agent, as a number.
    pub agent: u64,
    /// What it stands for.
    pub resource: u64,
    /// Awake or asleep.
    pub life: Life,
    /// Restarts so far, at most 255 shown.
    pub restarts: u8,
    /// Its pheromone now.
    pub pheromone: f32,
    /// Milliseconds since its last event.
    pub idle_ms: u32,
    /// Its state, as its kind prints it.
    pub state: String,
}

/// Numbers beside the counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gauges {
    pub(crate) live: u64,
    pub(crate) asleep: u64,
    pub(crate) slots: u64,
    pub(crate) bytes: u64,
    pub(crate) pheromone_sum: f64,
    pub(crate) waiting: u64,
}

pub(crate) struct Port {
    pub(crate) kind: &'static str,
    pub(crate) number: u8,
    inbox: Inbox<Order>,
    counts: SharedCounts,
    live: AtomicU64,
    asleep: AtomicU64,
    slots: AtomicU64,
    bytes: AtomicU64,
    pheromone_sum: AtomicU64,
    next_generation: AtomicU32,
    incarnations: AtomicU64,
}

impl Port {
    pub(crate) fn new(kind: &'static str, number: u8, allowed: usize) -> Self {
        Self {
            kind,
            number,
            inbox: Inbox::new(allowed, ORDERS),
            counts: SharedCounts::default(),
            live: AtomicU64::new(0),
            asleep: AtomicU64::new(0),
            slots: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            pheromone_sum: AtomicU64::new(0),
            next_generation: AtomicU32::new(1),
            incarnations: AtomicU64::new(0),
        }
    }

    /// Events that may wait here.
    pub(crate) fn allowed(&self) -> usize {
        self.inbox.allowed()
    }

    /// Takes as many of `events` as there is room for.
    pub(crate) fn push(&self, events: &[Event]) -> Result<(), Full> {
        self.inbox.push(events)
    }

    /// Takes the events that are for this shard out of a mixed list, as many as there is room for, in order.
    pub(crate) fn push_own(&self, events: &mut Vec<Event>) {
        self.inbox
            .push_own(events, |event| event.to.shard() == self.number);
    }

    /// Queues an order; it comes back when too many wait.
    pub(crate) fn order(&self, order: Order) -> Result<(), Order> {
        self.inbox.order(order)
    }

    /// Makes a new incarnation the owner and sends the one before away; its first generation and the counts to go on from.
    pub(crate) fn begin(&self) -> Option<(u64, u32, Counts)> {
        let incarnation = self.incarnations.fetch_add(1, Relaxed) + 1;
        self.inbox.begin(incarnation);
        let mut counts = self.counts.load();
        counts.falls += u64::from(incarnation > 1);
        let generation = self.next_generation.load(Relaxed);
        (generation != 0).then_some((incarnation, generation, counts))
    }

    /// Sends an incarnation away, if it still is the owner.
    pub(crate) fn dismiss(&self, incarnation: u64) {
        self.inbox.dismiss(incarnation);
    }

    /// See [`Inbox::take`].
    pub(crate) fn take(
        &self,
        incarnation: u64,
        events: &mut Vec<Event>,
        orders: &mut VecDeque<Order>,
        wait: bool,
    ) -> bool {
        self.inbox.take(incarnation, events, orders, wait)
    }

    /// Remembers the first generation a later incarnation may give out; 0 says there is none.
    pub(crate) fn reserve(&self, next_generation: Option<u32>) {
        self.next_generation
            .store(next_generation.unwrap_or(0), Relaxed);
    }

    pub(crate) fn publish(&self, counts: &Counts, gauges: &Gauges) {
        self.counts.store(counts);
        self.live.store(gauges.live, Relaxed);
        self.asleep.store(gauges.asleep, Relaxed);
        self.slots.store(gauges.slots, Relaxed);
        self.bytes.store(gauges.bytes, Relaxed);
        self.pheromone_sum
            .store(gauges.pheromone_sum.to_bits(), Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.load()
    }

    pub(crate) fn gauges(&self) -> Gauges {
        Gauges {
            live: self.live.load(Relaxed),
            asleep: self.asleep.load(Relaxed),
            slots: self.slots.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            pheromone_sum: f64::from_bits(self.pheromone_sum.load(Relaxed)),
            waiting: self.inbox.len() as u64,
        }
    }

    /// The shard in a line, for the supervision tree.
    pub(crate) fn note(&self) -> String {
        let (counts, gauges) = (self.counts(), self.gauges());
        format!(
            "{} agents, {} handled, {} panics, {} waiting",
            gauges.live, counts.handled, counts.panics, gauges.waiting
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(shard: u8, count: u32) -> Vec<Event> {
        let to = Handle::new(shard, 0, 1).unwrap();
        (0..count).map(|i| Event::inform(to, 0, i)).collect()
    }

    fn take(port: &Port, incarnation: u64) -> Option<Vec<Event>> {
        let (mut taken, mut orders) = (Vec::new(), VecDeque::new());
        port.take(incarnation, &mut taken, &mut orders, false)
            .then_some(taken)
    }

    #[test]
    fn a_full_port_takes_what_fits_and_says_how_much() {
        let port = Port::new("counter", 0, 10);
        let (incarnation, ..) = port.begin().unwrap();
        assert_eq!(port.push(&events(0, 7)), Ok(()));
        assert_eq!(
            port.push(&events(0, 7)),
            Err(Full {
                accepted: 3,
                allowed: 10
            })
        );
        let taken: Vec<u32> = take(&port, incarnation)
            .unwrap()
            .iter()
            .map(|event| event.value)
            .collect();
        assert_eq!(taken, [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]);
        assert_eq!(port.push(&events(0, 10)), Ok(()), "room again");
    }

    #[test]
    fn a_shard_takes_its_own_from_a_mixed_list_in_order_and_leaves_what_has_no_room() {
        let port = Port::new("counter", 1, 3);
        let (incarnation, ..) = port.begin().unwrap();
        let mut mixed: Vec<Event> = events(1, 5)
            .into_iter()
            .zip(events(2, 5))
            .flat_map(|(a, b)| [a, b])
            .collect();
        port.push_own(&mut mixed);
        assert_eq!(take(&port, incarnation).unwrap(), events(1, 5)[..3]);
        let left: Vec<(u8, u32)> = mixed
            .iter()
            .map(|event| (event.to.shard(), event.value))
            .collect();
        assert_eq!(
            left,
            [(2, 0), (2, 1), (2, 2), (1, 3), (2, 3), (1, 4), (2, 4)]
        );
    }

    #[test]
    fn only_the_newest_incarnation_is_served_and_what_waits_stays_for_it() {
        let port = Port::new("counter", 0, 10);
        let (first, ..) = port.begin().unwrap();
        port.push(&events(0, 2)).unwrap();
        let (second, _, counts) = port.begin().unwrap();
        assert_eq!(counts.falls, 1);
        assert_eq!(take(&port, first), None);
        assert_eq!(take(&port, second).map(|taken| taken.len()), Some(2));
        port.dismiss(first);
        assert!(
            take(&port, second).is_some(),
            "an old dismissal is not for the new owner"
        );
        port.dismiss(second);
        assert_eq!(take(&port, second), None);
    }

    #[test]
    fn too_many_orders_come_back() {
        let port = Port::new("counter", 0, 10);
        for _ in 0..ORDERS {
            assert!(
                port.order(Order::Sweep(events(0, 1)[0], oneshot::channel().0))
                    .is_ok()
            );
        }
        assert!(port.order(Order::Fall).is_err());
    }

    #[test]
    fn a_port_whose_generations_are_used_up_begins_no_more() {
        let port = Port::new("counter", 0, 10);
        port.reserve(None);
        assert!(port.begin().is_none());
    }
}
