//! Who is at the door, and who makes place for one more.
//!
//! Places are few, because each may hold a request and an answer in memory. A place is held by whoever is being answered; whoever says
//! nothing, or does not take the answer that is held out, holds it only while nobody else wants it. And no process has more than its
//! share, so that none can keep the others out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Visitors at a time; each may hold one request and one answer of at most [`LINE_MAX`](super::LINE_MAX) bytes.
const VISITORS: usize = 16;
/// Visitors of one process at a time.
const SHARE: usize = 4;
/// An answer that is taken up so slowly is held out to somebody who does not read.
const SLOW: Duration = Duration::from_millis(500);

/// What a visitor is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It has come and asked nothing yet.
    Silent,
    /// It has been answered and may ask again.
    Idle,
    /// It is being answered.
    Answered,
    /// It has an answer to read.
    Reading,
}

#[derive(Debug)]
struct Visitor {
    /// The number of its process.
    process: i32,
    doing: Doing,
    since: Instant,
    /// Tells it that it must leave, and what it was doing.
    leave: oneshot::Sender<Doing>,
}

impl Visitor {
    /// How readily it makes place, the lowest first; none if it does not.
    fn place(&self, now: Instant) -> Option<(u8, Instant)> {
        let rank = match self.doing {
            Doing::Silent => 0,
            Doing::Idle => 1,
            Doing::Reading if now.duration_since(self.since) >= SLOW => 2,
            Doing::Answered | Doing::Reading => return None,
        };
        Some((rank, self.since))
    }
}

/// The visitors of one door. Cheap to clone; clones are the same visitors.
#[derive(Clone, Default)]
pub(super) struct Visitors(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    next: u64,
    visitors: BTreeMap<u64, Visitor>,
}

/// A visitor's place; dropped, it is free.
pub(super) struct Place {
    visitors: Visitors,
    number: u64,
}

/// Hears when a place was given to another, with what its visitor was doing.
pub(super) type Leave = oneshot::Receiver<Doing>;

impl Table {
    /// Who of these makes place first.
    fn first_to_go(&self, process: Option<i32>, now: Instant) -> Option<u64> {
        self.visitors
            .iter()
            .filter(|(_, visitor)| process.is_none_or(|process| visitor.process == process))
            .filter_map(|(number, visitor)| Some((visitor.place(now)?, *number)))
            .min()
            .map(|(_, number)| number)
    }

    /// Makes place for one of a process; false if everybody whose place it could have is being answered.
    fn make_place(&mut self, process: i32, now: Instant) -> bool {
        let of_process = self
            .visitors
            .values()
            .filter(|visitor| visitor.process == process)
            .count();
        let from = if of_process >= SHARE {
            Some(process)
        } else if self.visitors.len() >= VISITORS {
            None
        } else {
            return true;
        };
        let Some(number) = self.first_to_go(from, now) else {
            return false;
        };
        if let Some(visitor) = self.visitors.remove(&number) {
            let _ = visitor.leave.send(visitor.doing);
        }
        true
    }
}

impl Visitors {
    /// One of a process has come; none if there is no place and nobody to make any.
    pub(super) fn enter(&self, process: i32) -> Option<(Place, Leave)> {
        let now = Instant::now();
        let mut table = self.0.lock();
        if !table.make_place(process, now) {
            return None;
        }
        let number = table.next;
        table.next += 1;
        let (leave, left) = oneshot::channel();
        let visitor = Visitor {
            process,
            doing: Doing::Silent,
            since: now,
            leave,
        };
        table.visitors.insert(number, visitor);
        let visitors = self.clone();
        Some((Place { visitors, number }, left))
    }
}

impl Place {
    /// The visitor does something else from now on.
    pub(super) fn turns_to(&self, doing: Doing) {
        if let Some(visitor) = self.visitors.0.lock().visitors.get_mut(&self.number) {
            visitor.doing = doing;
            visitor.since = Instant::now();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.visitors.0.lock().visitors.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use Doing::{Answered, Idle, Reading, Silent};

    use super::*;

    /// Visitors by process, what they do and for how many milliseconds.
    fn table(now: Instant, visitors: &[(i32, Doing, u64)]) -> Table {
        let mut table = Table::default();
        for (process, doing, ms) in visitors {
            let visitor = Visitor {
                process: *process,
                doing: *doing,
                since: now - Duration::from_millis(*ms),
                leave: oneshot::channel().0,
            };
            table.visitors.insert(table.next, visitor);
            table.next += 1;
        }
        table
    }

    /// So many of processes of their own, all being answered.
    fn busy(many: usize) -> Vec<(i32, Doing, u64)> {
        (0..many)
            .map(|at| (100 + at as i32, Answered, 9_000))
            .collect()
    }

    #[tokio::test]
    async fn whoever_says_least_makes_place_and_nobody_who_is_answered_does() {
        let now = Instant::now() + Duration::from_secs(3_600);
        let with = |more: &[(i32, Doing, u64)]| {
            let mut all = busy(VISITORS - more.len());
            all.splice(0..0, more.iter().copied());
            all
        };
        // The visitors, of whom the newcomer is, and whose place it gets: its number, `Some(None)` for a free one.
        type Row = (Vec<(i32, Doing, u64)>, i32, Option<Option<u64>>);
        let rows: [Row; 10] = [
            (vec![], 1, Some(None)),
            (busy(VISITORS - 1), 1, Some(None)),
            (busy(VISITORS), 1, None),
            // Silent before idle, the longest silent first.
            (
                with(&[(2, Idle, 9_000), (3, Silent, 5), (4, Silent, 7)]),
                1,
                Some(Some(2)),
            ),
            (with(&[(2, Idle, 3), (3, Idle, 8)]), 1, Some(Some(1))),
            // An answer that nobody reads, but not one that is just being read.
            (with(&[(2, Reading, 499)]), 1, None),
            (with(&[(2, Reading, 500)]), 1, Some(Some(0))),
            // A share: the process makes place itself, though others could, and is turned away if it cannot.
            (
                vec![
                    (7, Silent, 1),
                    (7, Idle, 1),
                    (8, Silent, 99),
                    (7, Idle, 2),
                    (7, Answered, 9),
                ],
                7,
                Some(Some(0)),
            ),
            (
                vec![
                    (7, Answered, 1),
                    (7, Answered, 1),
                    (8, Silent, 99),
                    (7, Answered, 2),
                    (7, Reading, 9),
                ],
                7,
                None,
            ),
            (
                vec![
                    (7, Answered, 1),
                    (7, Answered, 1),
                    (7, Answered, 2),
                    (7, Reading, 9),
                ],
                8,
                Some(None),
            ),
        ];
        for (at, (visitors, newcomer, expected)) in rows.into_iter().enumerate() {
            let mut table = table(now, &visitors);
            let before: Vec<u64> = table.visitors.keys().copied().collect();
            let made = table.make_place(newcomer, now);
            let left: Vec<u64> = before
                .into_iter()
                .filter(|number| !table.visitors.contains_key(number))
                .collect();
            let got = made.then(|| left.first().copied());
            assert_eq!((got, left.len() <= 1), (expected, true), "{at}");
        }
    }

    #[tokio::test]
    async fn a_place_is_told_that_it_is_taken_and_is_free_when_it_is_dropped() {
        let visitors = Visitors::default();
        let enter = |process| visitors.enter(process);
        let count = || visitors.0.lock().visitors.len();
        let mut silent: Vec<(Place, Leave)> = (0..SHARE).filter_map(|_| enter(1)).collect();
        let (newcomer, _left) = enter(1).unwrap();
        let (place, left) = silent.remove(0);
        assert_eq!(left.await, Ok(Silent));
        assert_eq!(count(), SHARE);
        drop(place);
        assert_eq!(count(), SHARE, "it had none any more");
        for place in silent.iter().map(|(place, _)| place).chain([&newcomer]) {
            place.turns_to(Answered);
        }
        assert!(enter(1).is_none());
        assert!(enter(2).is_some());
        drop(newcomer);
        assert!(enter(1).is_some());
    }
}
