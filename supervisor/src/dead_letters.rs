//! What could not be delivered, kept for a while with its reason.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::options::Clock;

/// Why an item did not reach, or did not stay in, a mailbox.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No place; try later or send less.
    #[error("mailbox is full ({capacity} of {capacity} places taken)")]
    Full {
        /// Places there are.
        capacity: usize,
    },
    /// No place came free in time.
    #[error("mailbox stayed full for {waited_ms} ms")]
    WaitedTooLong {
        /// Time waited.
        waited_ms: u64,
    },
    /// The mailbox is closed for good.
    #[error("mailbox is closed")]
    Closed,
    /// It was the oldest when a newer item needed its place.
    #[error("displaced by a newer item")]
    Displaced,
    /// It was waiting when the mailbox was closed.
    #[error("left over when the mailbox closed")]
    LeftOver,
    /// It was handed out as often as allowed and never finished.
    #[error("gave up after {deliveries} deliveries")]
    TooManyDeliveries {
        /// Deliveries made.
        deliveries: u32,
    },
    /// Its time had passed when it was taken up.
    #[error("expired before it was taken up")]
    Expired,
}

impl Reason {
    /// One word for metrics and tables.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Full { .. } => "full",
            Self::WaitedTooLong { .. } => "waited_too_long",
            Self::Closed => "closed",
            Self::Displaced => "displaced",
            Self::LeftOver => "left_over",
            Self::TooManyDeliveries { .. } => "too_many_deliveries",
            Self::Expired => "expired",
        }
    }
}

/// One thing that was not delivered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadLetter<T> {
    /// The thing.
    pub item: T,
    /// Why.
    pub reason: Reason,
    /// Who sent it, or the mailbox that gave it up.
    pub sender: Option<Arc<str>>,
    /// When, on the clock the dead letters were made with.
    pub at: Duration,
}

/// A bounded ring of dead letters, shared by its clones. The counts remember what the ring has forgotten.
pub struct DeadLetters<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    capacity: usize,
    clock: Arc<dyn Clock>,
    ring: Mutex<Ring<T>>,
}

struct Ring<T> {
    letters: VecDeque<DeadLetter<T>>,
    total: u64,
    forgotten: u64,
    by_reason: BTreeMap<&'static str, u64>,
}

/// How many dead letters there were; `total` is `kept + forgotten + taken`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeadLetterCounts {
    /// Ever.
    pub total: u64,
    /// In the ring now.
    pub kept: u64,
    /// Pushed out of the ring by newer ones.
    pub forgotten: u64,
    /// Taken out by [`DeadLetters::drain`].
    pub taken: u64,
    /// Ever, by reason.
    pub by_reason: BTreeMap<&'static str, u64>,
}

impl<T> Clone for DeadLetters<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T> DeadLetters<T> {
    /// Keeps the latest `capacity` letters (at least one).
    pub fn new(capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let ring = Ring {
            letters: VecDeque::new(),
            total: 0,
            forgotten: 0,
            by_reason: BTreeMap::new(),
        };
        Self {
            inner: Arc::new(Inner {
                capacity: capacity.max(1),
                clock,
                ring: Mutex::new(ring),
            }),
        }
    }

    /// Keeps a letter; the oldest gives way when the ring is full.
    pub fn push(&self, item: T, reason: Reason, sender: Option<Arc<str>>) {
        let at = self.inner.clock.now();
        let mut ring = self.inner.ring.lock();
        ring.total += 1;
        *ring.by_reason.entry(reason.label()).or_default() += 1;
        if ring.letters.len() >= self.inner.capacity {
            ring.letters.pop_front();
            ring.forgotten += 1;
        }
        ring.letters.push_back(DeadLetter {
            item,
            reason,
            sender,
            at,
        });
    }

    /// Takes out every letter kept, oldest first, to be looked at or sent again.
    pub fn drain(&self) -> Vec<DeadLetter<T>> {
        std::mem::take(&mut self.inner.ring.lock().letters).into()
    }

    /// Copies of the letters kept, oldest first.
    pub fn list(&self) -> Vec<DeadLetter<T>>
    where
        T: Clone,
    {
        self.inner.ring.lock().letters.iter().cloned().collect()
    }

    /// How many there were.
    pub fn counts(&self) -> DeadLetterCounts {
        let ring = self.inner.ring.lock();
        let kept = ring.letters.len() as u64;
        DeadLetterCounts {
            total: ring.total,
            kept,
            forgotten: ring.forgotten,
            taken: ring.total - kept - ring.forgotten,
            by_reason: ring.by_reason.clone(),
        }
    }
}

impl<T> fmt::Debug for DeadLetters<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters")
            .field("counts", &self.counts())
            .finish()
    }
}
