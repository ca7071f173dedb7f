//! The line in which messages wait, without the journal and the server: who is next, what is held in memory, how far all have left.

use std::collections::{BTreeSet, VecDeque};

use super::entry::Waiting;

/// Payloads that are held in memory too, so that the usual case reads nothing again.
pub(super) const HELD_BYTES: usize = 8 << 20;
/// So many messages leave before it is written down: after a crash as many are looked up in the stream.
const MARK_EVERY: u64 = 512;

/// What an outbox shows of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Messages accepted by this process.
    pub accepted: u64,
    /// Messages that were waiting when it was opened.
    pub found: u64,
    /// Messages that a stream has now, because this process sent or found them.
    pub delivered: u64,
    /// Of these, those that an earlier attempt had stored.
    pub found_stored: u64,
    /// Messages that were given up.
    pub given_up: u64,
    /// Attempts that had to be made again.
    pub retries: u64,
    /// Messages that were not accepted, because the outbox was full.
    pub refused: u64,
    /// Messages that wait now.
    pub waiting: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Line {
    /// In the order in which they were handed to the journal.
    places: VecDeque<Place>,
    /// How many have left the line at its front.
    gone: u64,
    /// Messages taken out and not settled.
    out: BTreeSet<u64>,
    /// All that was settled up to here, if nothing is out.
    settled: u64,
    unmarked: u64,
    pub(super) held: usize,
    pub(super) bytes: u64,
    pub(super) counts: OutboxCounts,
}

struct Place {
    /// Its number in the journal, once it is lasting.
    sequence: Option<u64>,
    bytes: usize,
    /// None if it is on disk alone.
    message: Option<Waiting>,
    /// Its append failed: it is no message any more.
    void: bool,
}

/// Who is next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nobody whose turn has come.
    Nobody,
    /// The message of this number, which is on disk alone.
    Cold(u64),
    /// This one; it is out from now on.
    Message(Waiting),
}

/// How a message left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::data::nats) enum Settled {
    Stored,
    Found,
    GivenUp,
}

impl Line {
    /// Messages that wait or are out.
    pub(super) fn len(&self) -> usize {
        self.places.len() + self.out.len()
    }

    /// Bytes of all that waits, with so many more.
    pub(super) fn bytes_with(&self, more: usize) -> u64 {
        self.bytes.saturating_add(more as u64)
    }

    /// A message that is in the journal, or is being written to it; its place in the line of all that ever were. Its payload is held in
    /// memory while there is room for it.
    pub(super) fn push(&mut self, waiting: Waiting) -> u64 {
        let at = self.gone + self.places.len() as u64;
        let bytes = waiting.payload.len();
        let sequence = (waiting.sequence > 0).then_some(waiting.sequence);
        let message = (self.held + bytes <= HELD_BYTES).then(|| {
            self.held += bytes;
            waiting
        });
        self.bytes += bytes as u64;
        self.places.push_back(Place {
            sequence,
            bytes,
            message,
            void: false,
        });
        at
    }

    /// Begins behind what was written down as left, with what an earlier process left behind it.
    pub(super) fn begin_behind(&mut self, mark: u64) {
        while let Some(front) = self.places.front() {
            if front.sequence > Some(mark) {
                break;
            }
            self.bytes -= front.bytes as u64;
            self.held -= front.message.as_ref().map_or(0, |it| it.payload.len());
            self.places.pop_front();
        }
        self.settled = mark;
        self.counts.found = self.places.len() as u64;
    }

    /// The message at a place is lasting, under this number. False if it is not in the line.
    pub(super) fn lasts(&mut self, at: u64, sequence: u64) -> bool {
        let Some(place) = self.at(at) else {
            return false;
        };
        place.sequence = Some(sequence);
        self.counts.accepted += 1;
        true
    }

    /// The message at a place is none: nobody was told that it is accepted.
    pub(super) fn is_void(&mut self, at: u64) {
        if let Some(place) = self.at(at) {
            place.void = true;
        }
    }

    fn at(&mut self, at: u64) -> Option<&mut Place> {
        let at = usize::try_from(at.checked_sub(self.gone)?).ok()?;
        self.places.get_mut(at)
    }

    /// Takes the next one out, if it is lasting and in memory.
    pub(super) fn next(&mut self) -> Next {
        while let Some(front) = self.places.front() {
            if front.void {
                self.bytes -= front.bytes as u64;
                self.places.pop_front();
                self.gone += 1;
                continue;
            }
            let Some(sequence) = front.sequence else {
                return Next::Nobody;
            };
            if front.message.is_none() {
                return Next::Cold(sequence);
            }
            self.gone += 1;
            let Some(mut message) = self.places.pop_front().and_then(|place| place.message) else {
                return Next::Nobody;
            };
            self.out.insert(sequence);
            self.held -= message.payload.len();
            message.sequence = sequence;
            return Next::Message(message);
        }
        Next::Nobody
    }

    /// What was read again from the disk, from the front's number on and in order. False if the front was not among it: it cannot be read,
    /// and is given up.
    pub(super) fn warm(&mut self, from: u64, read_again: Vec<Waiting>) -> bool {
        let mut read_again = read_again.into_iter().peekable();
        for place in &mut self.places {
            let Some(sequence) = place.sequence else {
                break;
            };
            while read_again.next_if(|it| it.sequence < sequence).is_some() {}
            match read_again.next_if(|it| it.sequence == sequence) {
                Some(waiting) if place.message.is_none() => {
                    self.held += waiting.payload.len();
                    place.message = Some(waiting);
                }
                Some(_) => {}
                None if sequence == from => {
                    place.void = true;
                    self.counts.given_up += 1;
                    return false;
                }
                None => break,
            }
        }
        true
    }

    /// A message that was out has left; how far all have, when it is time to write that down.
    pub(super) fn settle(&mut self, waiting: &Waiting, how: Settled) -> Option<u64> {
        self.out.remove(&waiting.sequence);
        self.bytes -= waiting.payload.len() as u64;
        self.settled = self.settled.max(waiting.sequence);
        self.unmarked += 1;
        match how {
            Settled::Stored => self.counts.delivered += 1,
            Settled::Found => {
                self.counts.delivered += 1;
                self.counts.found_stored += 1;
            }
            Settled::GivenUp => self.counts.given_up += 1,
        }
        if self.unmarked < MARK_EVERY && self.len() > 0 {
            return None;
        }
        self.unmarked = 0;
        Some(self.left_up_to())
    }

    /// All up to here have left: those below the first that is still out.
    pub(super) fn left_up_to(&self) -> u64 {
        self.out.first().map_or(self.settled, |first| first - 1)
    }
}
