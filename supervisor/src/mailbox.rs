//! A bounded queue that outlives whoever reads it.
//!
//! ractor's own ports are unbounded and die with the actor. A [`Mailbox`] belongs to whoever made it: an actor that is
//! restarted takes up where the last incarnation stopped. When it is full, the admission policy decides, and every item
//! is queued, handed back, or in the dead letters: [`Counts`] adds up.

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::dead_letters::{DeadLetters, Reason};

/// What happens to an item that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// The sender waits for a place, at most this long; then it gets its item back.
    Wait(Duration),
    /// The sender gets its item back at once.
    Fail,
    /// The oldest item gives way: to the dead letters when there are any, else back to the sender that displaced it.
    DropOldest,
    /// The new item gives way: to the dead letters when there are any, else back to its sender.
    DropNewest,
    /// The new item goes to the dead letters; it comes back to its sender when there are none.
    DeadLetter,
}

/// An item that was not taken, with the reason; the item is the sender's again.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused<T> {
    /// The item.
    pub item: T,
    /// Why it was not taken.
    pub reason: Reason,
}

impl<T> fmt::Display for Refused<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl<T: fmt::Debug> std::error::Error for Refused<T> {}

/// What became of a push that was not refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Admitted<T> {
    /// Queued.
    Queued,
    /// Queued, and the oldest item gave way; here it is, since there are no dead letters to keep it.
    Displaced(T),
    /// The new item, or the oldest in its stead, is in the dead letters.
    DeadLettered,
}

/// Where a mailbox's items went since it was made; `pushed` is the sum of all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Items offered.
    pub pushed: u64,
    /// Items handed to a consumer.
    pub popped: u64,
    /// Items queued now.
    pub queued: u64,
    /// Items handed back: refused, displaced without dead letters, or returned by a close.
    pub returned: u64,
    /// Items given to the dead letters.
    pub dead_lettered: u64,
    /// Items whose sender gave up waiting (its future was dropped) and took them along.
    pub withdrawn: u64,
    /// Items whose sender is waiting for a place now.
    pub waiting: u64,
}

impl Counts {
    /// Whether every item is accounted for.
    pub fn balance(&self) -> bool {
        self.pushed
            == self.popped
                + self.queued
                + self.returned
                + self.dead_lettered
                + self.withdrawn
                + self.waiting
    }
}

/// How full a mailbox is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Depth {
    /// Items queued.
    pub queued: usize,
    /// Places there are.
    pub capacity: usize,
}

/// What becomes of the items still queued when a mailbox closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backlog {
    /// Consumers finish it; `pop` gives `None` after the last.
    Finish,
    /// It is returned to whoever closes.
    Return,
    /// It goes to the dead letters; without any it is returned.
    DeadLetter,
}

/// A bounded queue shared by its clones.
pub struct Mailbox<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    label: Arc<str>,
    capacity: usize,
    admission: Admission,
    dead_letters: Option<DeadLetters<T>>,
    queue: Mutex<Queue<T>>,
    item_came: Notify,
    place_came: Notify,
}

struct Queue<T> {
    items: VecDeque<T>,
    closed: bool,
    counts: Counts,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox")
            .field("label", &self.inner.label)
            .field("depth", &self.depth())
            .field("admission", &self.inner.admission)
            .finish()
    }
}

impl<T> Mailbox<T> {
    /// A mailbox of `capacity` places (at least one).
    pub fn new(label: impl Into<Arc<str>>, capacity: usize, admission: Admission) -> Self {
        Self::build(label.into(), capacity, admission, None)
    }

    /// The same, with dead letters for what it cannot keep.
    pub fn with_dead_letters(
        label: impl Into<Arc<str>>,
        capacity: usize,
        admission: Admission,
        dead_letters: DeadLetters<T>,
    ) -> Self {
        Self::build(label.into(), capacity, admission, Some(dead_letters))
    }

    fn build(
        label: Arc<str>,
        capacity: usize,
        admission: Admission,
        dead_letters: Option<DeadLetters<T>>,
    ) -> Self {
        let queue = Queue {
            items: VecDeque::new(),
            closed: false,
            counts: Counts::default(),
        };
        Self {
            inner: Arc::new(Inner {
                label,
                capacity: capacity.max(1),
                admission,
                dead_letters,
                queue: Mutex::new(queue),
                item_came: Notify::new(),
                place_came: Notify::new(),
            }),
        }
    }

    /// Offers an item under the mailbox's admission. `sender` names the offerer in the dead letters.
    pub async fn push_from(
        &self,
        item: T,
        sender: Option<Arc<str>>,
    ) -> Result<Admitted<T>, Refused<T>> {
        match self.inner.admission {
            Admission::Wait(limit) => self.push_waiting(item, limit).await,
            _ => self.try_push_from(item, sender),
        }
    }

    /// Offers an item whose sender has no name.
    pub async fn push(&self, item: T) -> Result<Admitted<T>, Refused<T>> {
        self.push_from(item, None).await
    }

    /// Offers an item without waiting: under [`Admission::Wait`] a full mailbox refuses at once.
    pub fn try_push(&self, item: T) -> Result<Admitted<T>, Refused<T>> {
        self.try_push_from(item, None)
    }

    /// Offers an item without waiting, with its sender's name.
    pub fn try_push_from(
        &self,
        item: T,
        sender: Option<Arc<str>>,
    ) -> Result<Admitted<T>, Refused<T>> {
        let inner = &*self.inner;
        let full = Reason::Full {
            capacity: inner.capacity,
        };
        let mut queue = inner.queue.lock();
        queue.counts.pushed += 1;
        if queue.closed {
            queue.counts.returned += 1;
            return Err(Refused {
                item,
                reason: Reason::Closed,
            });
        }
        if queue.items.len() < inner.capacity {
            queue.items.push_back(item);
            drop(queue);
            inner.item_came.notify_one();
            return Ok(Admitted::Queued);
        }
        match (inner.admission, &inner.dead_letters) {
            (Admission::DropOldest, dead_letters) => {
                let Some(oldest) = queue.items.pop_front() else {
                    queue.counts.returned += 1;
                    return Err(Refused { item, reason: full });
                };
                queue.items.push_back(item);
                match dead_letters {
                    Some(dead_letters) => {
                        queue.counts.dead_lettered += 1;
                        drop(queue);
                        // The oldest item's own sender is not known any more; the mailbox answers for it.
                        dead_letters.push(
                            oldest,
                            Reason::Displaced,
                            Some(Arc::clone(&inner.label)),
                        );
                        Ok(Admitted::DeadLettered)
                    }
                    None => {
                        queue.counts.returned += 1;
                        Ok(Admitted::Displaced(oldest))
                    }
                }
            }
            (Admission::DropNewest | Admission::DeadLetter, Some(dead_letters)) => {
                queue.counts.dead_lettered += 1;
                drop(queue);
                dead_letters.push(item, full, sender);
                Ok(Admitted::DeadLettered)
            }
            _ => {
                queue.counts.returned += 1;
                Err(Refused { item, reason: full })
            }
        }
    }

    async fn push_waiting(&self, item: T, limit: Duration) -> Result<Admitted<T>, Refused<T>> {
        let inner = &*self.inner;
        let Some(mut waiting) = Waiting::enter(inner, item) else {
            return Ok(Admitted::Queued);
        };
        let placed = tokio::time::timeout(limit, async {
            loop {
                // Registered before looking, so that a place coming free in between is not missed.
                let place = inner.place_came.notified();
                tokio::pin!(place);
                place.as_mut().enable();
                match waiting.try_place() {
                    Some(outcome) => return outcome,
                    None => place.await,
                }
            }
        })
        .await;
        match placed {
            Ok(outcome) => outcome,
            Err(_) => {
                let waited_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                waiting.give_back(Reason::WaitedTooLong { waited_ms })
            }
        }
    }

    /// Takes the oldest item, waiting for one; `None` when the mailbox is closed and empty. Dropping the future loses
    /// nothing.
    pub async fn pop(&self) -> Option<T> {
        loop {
            let item = self.inner.item_came.notified();
            tokio::pin!(item);
            item.as_mut().enable();
            {
                let mut queue = self.inner.queue.lock();
                if let Some(item) = self.take(&mut queue) {
                    return Some(item);
                }
                if queue.closed {
                    return None;
                }
            }
            item.await;
        }
    }

    /// Takes the oldest item if there is one.
    pub fn try_pop(&self) -> Option<T> {
        self.take(&mut self.inner.queue.lock())
    }

    fn take(&self, queue: &mut Queue<T>) -> Option<T> {
        let item = queue.items.pop_front()?;
        queue.counts.popped += 1;
        self.inner.place_came.notify_one();
        if !queue.items.is_empty() {
            // A permit is worth one wake-up; hand it on while there is more, so that several consumers all wake.
            self.inner.item_came.notify_one();
        }
        Some(item)
    }

    /// Closes for good. Waiting senders get their items back, and the backlog goes where `backlog` says; what is
    /// returned comes in queue order.
    pub fn close(&self, backlog: Backlog) -> Vec<T> {
        let mut queue = self.inner.queue.lock();
        queue.closed = true;
        let left = match backlog {
            Backlog::Finish => VecDeque::new(),
            Backlog::Return | Backlog::DeadLetter => std::mem::take(&mut queue.items),
        };
        let count = left.len() as u64;
        let sink = self
            .inner
            .dead_letters
            .as_ref()
            .filter(|_| backlog == Backlog::DeadLetter);
        match sink {
            Some(_) => queue.counts.dead_lettered += count,
            None => queue.counts.returned += count,
        }
        drop(queue);
        self.inner.place_came.notify_waiters();
        self.inner.item_came.notify_waiters();
        match sink {
            Some(dead_letters) => {
                for item in left {
                    dead_letters.push(item, Reason::LeftOver, Some(Arc::clone(&self.inner.label)));
                }
                Vec::new()
            }
            None => left.into(),
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.inner.queue.lock().closed
    }

    /// Items queued.
    pub fn len(&self) -> usize {
        self.inner.queue.lock().items.len()
    }

    /// Whether nothing is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Places there are.
    pub fn capacity(&self) -> usize {
        self.inner.capacity
    }

    /// Items queued and places there are.
    pub fn depth(&self) -> Depth {
        Depth {
            queued: self.len(),
            capacity: self.inner.capacity,
        }
    }

    /// Where every item went.
    pub fn counts(&self) -> Counts {
        let queue = self.inner.queue.lock();
        Counts {
            queued: queue.items.len() as u64,
            ..queue.counts
        }
    }
}

/// A sender that waits for a place. Dropped while it still holds its item, it has withdrawn.
struct Waiting<'a, T> {
    inner: &'a Inner<T>,
    item: Option<T>,
}

impl<'a, T> Waiting<'a, T> {
    /// `None` when there was a place at once.
    fn enter(inner: &'a Inner<T>, item: T) -> Option<Self> {
        let mut queue = inner.queue.lock();
        queue.counts.pushed += 1;
        if !queue.closed && queue.items.len() < inner.capacity {
            queue.items.push_back(item);
            drop(queue);
            inner.item_came.notify_one();
            return None;
        }
        queue.counts.waiting += 1;
        Some(Self {
            inner,
            item: Some(item),
        })
    }

    fn try_place(&mut self) -> Option<Result<Admitted<T>, Refused<T>>> {
        let mut queue = self.inner.queue.lock();
        if queue.closed {
            drop(queue);
            return Some(self.give_back(Reason::Closed));
        }
        if queue.items.len() >= self.inner.capacity {
            return None;
        }
        queue.items.push_back(self.item.take()?);
        queue.counts.waiting -= 1;
        if queue.items.len() < self.inner.capacity {
            self.inner.place_came.notify_one();
        }
        drop(queue);
        self.inner.item_came.notify_one();
        Some(Ok(Admitted::Queued))
    }

    fn give_back(&mut self, reason: Reason) -> Result<Admitted<T>, Refused<T>> {
        match self.item.take() {
            Some(item) => {
                let mut queue = self.inner.queue.lock();
                queue.counts.waiting -= 1;
                queue.counts.returned += 1;
                Err(Refused { item, reason })
            }
            // Placed in the same moment the deadline struck.
            None => Ok(Admitted::Queued),
        }
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if self.item.take().is_some() {
            let mut queue = self.inner.queue.lock();
            queue.counts.waiting -= 1;
            queue.counts.withdrawn += 1;
            drop(queue);
            // The place this sender may have been woken for belongs to the next one.
            self.inner.place_came.notify_one();
        }
    }
}
