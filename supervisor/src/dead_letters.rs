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
    /// Its number among all there ever were, from 1: names it for whoever looks, takes or sends it again.
    pub number: u64,
    /// The thing.
    pub item: T,
    /// Why.
    pub reason: Reason,
    /// Who sent it, or the mailbox that gave it up.
    pub sender: Option<Arc<str>>,
    /// When, on the clock the dead letters were made with.
    pub at: Duration,
}

/// How much is kept.
#[derive(Debug)]
pub struct Room<T> {
    /// Letters, at least one.
    pub letters: usize,
    /// Bytes of all of them together, as `weigh` tells them; a letter that has more than these alone is not kept at all.
    pub bytes: usize,
    /// What one takes.
    pub weigh: fn(&T) -> usize,
}

/// A bounded ring of dead letters, shared by its clones. The counts remember what the ring has forgotten.
pub struct DeadLetters<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    room: Room<T>,
    clock: Arc<dyn Clock>,
    ring: Mutex<Ring<T>>,
    told: Option<Told<T>>,
}

/// Who is told of each letter as it is kept.
type Told<T> = Box<dyn Fn(&DeadLetter<T>) + Send + Sync>;

struct Ring<T> {
    letters: VecDeque<DeadLetter<T>>,
    bytes: usize,
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
    /// Taken out, by [`DeadLetters::drain`] or one by one.
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
        let room = Room {
            letters: capacity,
            bytes: usize::MAX,
            weigh: |_| 0,
        };
        Self::build(room, clock, None)
    }

    /// Keeps the latest that find room, and `told` hears of each letter before it is kept. It is called where the letter comes from, so it must be quick.
    pub fn telling(
        room: Room<T>,
        clock: Arc<dyn Clock>,
        told: impl Fn(&DeadLetter<T>) + Send + Sync + 'static,
    ) -> Self {
        Self::build(room, clock, Some(Box::new(told)))
    }

    fn build(room: Room<T>, clock: Arc<dyn Clock>, told: Option<Told<T>>) -> Self {
        let ring = Ring {
            letters: VecDeque::new(),
            bytes: 0,
            total: 0,
            forgotten: 0,
            by_reason: BTreeMap::new(),
        };
        Self {
            inner: Arc::new(Inner {
                room,
                clock,
                ring: Mutex::new(ring),
                told,
            }),
        }
    }

    /// Keeps a letter; the oldest give way until there is room.
    pub fn push(&self, item: T, reason: Reason, sender: Option<Arc<str>>) {
        let at = self.inner.clock.now();
        let mut ring = self.inner.ring.lock();
        ring.total += 1;
        *ring.by_reason.entry(reason.label()).or_default() += 1;
        let letter = DeadLetter {
            number: ring.total,
            item,
            reason,
            sender,
            at,
        };
        if let Some(told) = &self.inner.told {
            told(&letter);
        }
        ring.bytes += (self.inner.room.weigh)(&letter.item);
        ring.letters.push_back(letter);
        let Room { letters, bytes, .. } = self.inner.room;
        while ring.letters.len() > letters.max(1) || ring.bytes > bytes {
            let Some(oldest) = ring.letters.pop_front() else {
                break;
            };
            ring.bytes -= (self.inner.room.weigh)(&oldest.item);
            ring.forgotten += 1;
        }
    }

    /// Takes one letter out; none if it is not kept (any more).
    pub fn take(&self, number: u64) -> Option<DeadLetter<T>> {
        let mut ring = self.inner.ring.lock();
        let at = ring
            .letters
            .iter()
            .position(|letter| letter.number == number)?;
        let letter = ring.letters.remove(at)?;
        ring.bytes -= (self.inner.room.weigh)(&letter.item);
        Some(letter)
    }

    /// A copy of one letter; none if it is not kept (any more).
    pub fn get(&self, number: u64) -> Option<DeadLetter<T>>
    where
        T: Clone,
    {
        let ring = self.inner.ring.lock();
        let mut letters = ring.letters.iter();
        letters.find(|letter| letter.number == number).cloned()
    }

    /// Takes out every letter kept, oldest first, to be looked at or sent again.
    pub fn drain(&self) -> Vec<DeadLetter<T>> {
        let mut ring = self.inner.ring.lock();
        ring.bytes = 0;
        std::mem::take(&mut ring.letters).into()
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn a_letter_has_a_number_that_nobody_else_gets_and_is_told_and_taken_once() {
        let told = Arc::new(AtomicU64::new(0));
        let heard = Arc::clone(&told);
        let room = Room {
            letters: 2,
            bytes: 8,
            weigh: |item: &&str| item.len(),
        };
        let letters = DeadLetters::telling(room, Arc::new(Still), move |letter: &DeadLetter<_>| {
            heard.fetch_add(letter.number, Relaxed);
        });
        for item in ["a", "b", "c"] {
            letters.push(item, Reason::Closed, None);
        }
        assert_eq!(told.load(Relaxed), 1 + 2 + 3);
        assert_eq!(letters.get(1), None, "forgotten");
        assert_eq!(letters.get(2).map(|letter| letter.item), Some("b"));
        assert_eq!(letters.take(2).map(|letter| letter.item), Some("b"));
        assert_eq!(letters.take(2), None);
        letters.push("d", Reason::Expired, None);
        let numbers: Vec<_> = letters.list().iter().map(|letter| letter.number).collect();
        assert_eq!(numbers, [3, 4]);
        let counts = letters.counts();
        assert_eq!(
            (counts.total, counts.kept, counts.forgotten, counts.taken),
            (4, 2, 1, 1)
        );
    }

    #[test]
    fn the_letters_kept_have_no_more_bytes_together_than_there_is_room_for() {
        let room = Room {
            letters: 4,
            bytes: 8,
            weigh: |item: &&str| item.len(),
        };
        let letters = DeadLetters::telling(room, Arc::new(Still), |_| {});
        let kept = || {
            let kept = letters.list();
            kept.iter().map(|letter| letter.item).collect::<Vec<_>>()
        };
        // What is pushed, and what is there then.
        let rows = [
            ("four", vec![("four")]),
            ("five!", vec!["five!"]),
            ("abc", vec!["five!", "abc"]),
            ("d", vec!["abc", "d"]),
            ("much too much", vec![]),
            ("eightful", vec!["eightful"]),
        ];
        for (item, there) in rows {
            letters.push(item, Reason::Closed, None);
            assert_eq!(kept(), there, "after {item:?}");
        }
        // What is taken out leaves its room.
        let counts = letters.counts();
        assert_eq!((counts.total, counts.forgotten), (6, 5));
        assert!(letters.take(6).is_some());
        letters.push("again", Reason::Closed, None);
        assert_eq!(letters.drain().len(), 1);
        letters.push("and more", Reason::Closed, None);
        assert_eq!(kept(), ["and more"]);
    }
}
