//! Who is connected, and who makes place for one more; the same for every transport that listens.
//!
//! Places are few, because each may hold a request and an answer in memory. A place is held by whoever is being answered; whoever says
//! nothing, or does not take the answer that is held out, holds it only while nobody else wants it; so does whoever watches and waits for
//! the next event, because a watch can be gone on with. And no process has more than its share, so that none can keep the others out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How many places there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    /// Connections at a time; each may hold one request and one answer of at most [`LINE_MAX`](crate::LINE_MAX) bytes.
    pub(crate) all: usize,
    /// Connections of one process at a time.
    pub(crate) share: usize,
}

/// An answer that is taken up so slowly is held out to somebody who does not read.
const SLOW: Duration = Duration::from_millis(500);

/// What a client is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It has come and asked nothing yet.
    Silent,
    /// It has been answered and may ask again, or it waits for an event.
    Idle,
    /// It is being answered.
    Answered,
    /// It has an answer to read.
    Reading,
}

#[derive(Debug)]
struct Connection {
    /// The number of its process.
    process: i32,
    doing: Doing,
    since: Instant,
    /// Tells it that it must leave, and what it was doing.
    leave: oneshot::Sender<Doing>,
}

impl Connection {
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

/// The connections of one server. Cheap to clone; clones are the same connections.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Mutex<Table>>);

struct Table {
    places: Places,
    next: u64,
    connections: BTreeMap<u64, Connection>,
}

/// A connection's place; dropped, it is free.
pub(crate) struct Place {
    connections: Connections,
    number: u64,
}

/// Hears when a place was given to another, with what its client was doing.
pub(crate) type Leave = oneshot::Receiver<Doing>;

impl Table {
    fn new(places: Places) -> Self {
        Self {
            places,
            next: 0,
            connections: BTreeMap::new(),
        }
    }

    /// Who of these makes place first.
    fn first_to_go(&self, process: Option<i32>, now: Instant) -> Option<u64> {
        self.connections
            .iter()
            .filter(|(_, connection)| process.is_none_or(|process| connection.process == process))
            .filter_map(|(number, connection)| Some((connection.place(now)?, *number)))
            .min()
            .map(|(_, number)| number)
    }

    /// Makes place for one of a process; false if everybody whose place it could have is being answered.
    fn make_place(&mut self, process: i32, now: Instant) -> bool {
        let of_process = self
            .connections
            .values()
            .filter(|connection| connection.process == process)
            .count();
        let from = if of_process >= self.places.share {
            Some(process)
        } else if self.connections.len() >= self.places.all {
            None
        } else {
            return true;
        };
        let Some(number) = self.first_to_go(from, now) else {
            return false;
        };
        if let Some(connection) = self.connections.remove(&number) {
            let _ = connection.leave.send(connection.doing);
        }
        true
    }
}

impl Connections {
    /// Nobody is connected yet.
    pub(crate) fn new(places: Places) -> Self {
        Self(Arc::new(Mutex::new(Table::new(places))))
    }

    /// One of a process has come; none if there is no place and nobody to make any.
    pub(crate) fn enter(&self, process: i32) -> Option<(Place, Leave)> {
        let now = Instant::now();
        let mut table = self.0.lock();
        if !table.make_place(process, now) {
            return None;
        }
        let number = table.next;
        table.next += 1;
        let (leave, left) = oneshot::channel();
        let connection = Connection {
            process,
            doing: Doing::Silent,
            since: now,
            leave,
        };
        table.connections.insert(number, connection);
        let connections = self.clone();
        Some((
            Place {
                connections,
                number,
            },
            left,
        ))
    }
}

impl Place {
    /// The client does something else from now on.
    pub(crate) fn turns_to(&self, doing: Doing) {
        if let Some(connection) = self.connections.0.lock().connections.get_mut(&self.number) {
            connection.doing = doing;
            connection.since = Instant::now();
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.0.lock().connections.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use Doing::{Answered, Idle, Reading, Silent};

    use super::*;

    const CONNECTIONS: usize = 16;
    const SHARE: usize = 4;

    /// Connections by process, what they do and for how many milliseconds.
    fn table(now: Instant, connections: &[(i32, Doing, u64)]) -> Table {
        let mut table = Table::new(Places {
            all: CONNECTIONS,
            share: SHARE,
        });
        for (process, doing, ms) in connections {
            let connection = Connection {
                process: *process,
                doing: *doing,
                since: now - Duration::from_millis(*ms),
                leave: oneshot::channel().0,
            };
            table.connections.insert(table.next, connection);
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
            let mut all = busy(CONNECTIONS - more.len());
            all.splice(0..0, more.iter().copied());
            all
        };
        // The connections, of whom the newcomer is, and whose place it gets: its number, `Some(None)` for a free one.
        type Row = (Vec<(i32, Doing, u64)>, i32, Option<Option<u64>>);
        let rows: [Row; 10] = [
            (vec![], 1, Some(None)),
            (busy(CONNECTIONS - 1), 1, Some(None)),
            (busy(CONNECTIONS), 1, None),
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
        for (at, (connections, newcomer, expected)) in rows.into_iter().enumerate() {
            let mut table = table(now, &connections);
            let before: Vec<u64> = table.connections.keys().copied().collect();
            let made = table.make_place(newcomer, now);
            let left: Vec<u64> = before
                .into_iter()
                .filter(|number| !table.connections.contains_key(number))
                .collect();
            let got = made.then(|| left.first().copied());
            assert_eq!((got, left.len() <= 1), (expected, true), "{at}");
        }
    }

    #[tokio::test]
    async fn a_place_is_told_that_it_is_taken_and_is_free_when_it_is_dropped() {
        let connections = Connections::new(Places {
            all: CONNECTIONS,
            share: SHARE,
        });
        let enter = |process| connections.enter(process);
        let count = || connections.0.lock().connections.len();
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
