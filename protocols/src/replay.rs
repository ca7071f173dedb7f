//! No message twice: sliding windows of sequence numbers, one per sender.

use std::collections::HashMap;
use std::time::Duration;

use thiserror::Error;

use crate::{Party, Timestamp};

const WORD: u64 = u64::BITS as u64;
const WORDS: usize = (ReplayWindow::SIZE / WORD) as usize;

/// Why a sequence number is not new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReplayProblem {
    /// Seen before, or too old to tell.
    #[error(
        "sequence number {sequence} was used before or is more than {} behind {highest}",
        ReplayWindow::SIZE
    )]
    Replayed {
        /// The number.
        sequence: u64,
        /// The highest number accepted so far.
        highest: u64,
    },
    /// The sender has gone on to a later epoch.
    #[error("epoch {asked} is over, the sender is in epoch {current}")]
    StaleEpoch {
        /// The message's epoch.
        asked: u64,
        /// The sender's latest epoch.
        current: u64,
    },
    /// From before the time this receiver can vouch for.
    #[error(
        "the message of {sent} is older than the memory of this receiver, which begins at {floor}"
    )]
    BeforeMemory {
        /// When the message was signed.
        sent: Timestamp,
        /// Messages before this moment may have been seen and forgotten.
        floor: Timestamp,
    },
}

/// The last [`ReplayWindow::SIZE`] sequence numbers of one stream, each accepted at most once, in any order.
///
/// The bitmap of IPsec (RFC 6479): number n has bit n modulo the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayWindow {
    highest: u64,
    bits: [u64; WORDS],
}

impl ReplayWindow {
    /// How far behind the highest number one may still arrive.
    pub const SIZE: u64 = 1024;

    /// Accepts a number if it is new. Numbers begin at 1.
    pub fn accept(&mut self, sequence: u64) -> Result<(), ReplayProblem> {
        self.check(sequence)?;
        if sequence > self.highest {
            self.forget(self.highest + 1, sequence);
            self.highest = sequence;
        }
        let (word, bit) = Self::place(sequence);
        self.bits[word] |= bit;
        Ok(())
    }

    /// Whether a number would be accepted.
    pub fn check(&self, sequence: u64) -> Result<(), ReplayProblem> {
        let (word, bit) = Self::place(sequence);
        // Above the highest a place still holds what was seen one window earlier.
        let seen = sequence <= self.highest && self.bits[word] & bit != 0;
        if sequence == 0 || self.highest.saturating_sub(sequence) >= Self::SIZE || seen {
            return Err(ReplayProblem::Replayed {
                sequence,
                highest: self.highest,
            });
        }
        Ok(())
    }

    /// The highest number accepted, 0 if none.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Clears the places of the numbers `from..=to`, which still hold what was seen one window earlier.
    fn forget(&mut self, from: u64, to: u64) {
        // No more than all places, however far the number is ahead.
        let last = from + (to - from).min(Self::SIZE);
        for sequence in from..=last {
            let (word, bit) = Self::place(sequence);
            self.bits[word] &= !bit;
        }
    }

    fn place(sequence: u64) -> (usize, u64) {
        let place = sequence % Self::SIZE;
        ((place / WORD) as usize, 1 << (place % WORD))
    }
}

/// The windows of all senders of one receiver. Lives outside the agent that may crash.
///
/// The rule, in docs/formats/message.md too: whatever was accepted and is not remembered number by number was signed
/// before the floor of its stream, and what was signed before that floor is refused. A stream is made under the floor
/// of its moment and keeps it as long as it lives, through every later epoch. The number of senders is bounded: when
/// there is no place, the stream whose newest message is the oldest gives way, and the floor for streams to come rises
/// above that message. Choosing by the message and not by who was silent longest keeps a sender whose clock is ahead
/// from raising the floor for the others.
#[derive(Debug, Clone)]
pub struct ReplayWindows {
    senders: HashMap<Party, Stream>,
    capacity: usize,
    /// For streams to come.
    floor: Timestamp,
}

#[derive(Debug, Clone)]
struct Stream {
    /// Accepted messages that were forgotten before this stream was made are older than this.
    floor: Timestamp,
    epoch: u64,
    newest: Timestamp,
    window: ReplayWindow,
}

impl Stream {
    /// Made under a floor; nothing accepted yet.
    fn new(floor: Timestamp, epoch: u64) -> Self {
        Self {
            floor,
            epoch,
            newest: Timestamp::ZERO,
            window: ReplayWindow::default(),
        }
    }

    fn check(&self, epoch: u64, sequence: u64, sent: Timestamp) -> Result<(), ReplayProblem> {
        if sent < self.floor {
            return Err(ReplayProblem::BeforeMemory {
                sent,
                floor: self.floor,
            });
        }
        if epoch < self.epoch {
            return Err(ReplayProblem::StaleEpoch {
                asked: epoch,
                current: self.epoch,
            });
        }
        if epoch > self.epoch {
            return ReplayWindow::default().check(sequence);
        }
        self.window.check(sequence)
    }

    /// On an error nothing has changed.
    fn accept(&mut self, epoch: u64, sequence: u64, sent: Timestamp) -> Result<(), ReplayProblem> {
        self.check(epoch, sequence, sent)?;
        if epoch > self.epoch {
            self.window = ReplayWindow::default();
            self.epoch = epoch;
        }
        self.window.accept(sequence)?;
        self.newest = self.newest.max(sent);
        Ok(())
    }
}

/// The first moment after this one.
fn just_after(moment: Timestamp) -> Timestamp {
    moment + Duration::from_micros(1)
}

impl ReplayWindows {
    /// Senders remembered unless said otherwise; each takes about 200 bytes.
    pub const CAPACITY: usize = 1024;

    /// For at most this many senders, refusing what is older than the floor.
    pub fn new(capacity: usize, floor: Timestamp) -> Self {
        Self {
            senders: HashMap::new(),
            capacity: capacity.max(1),
            floor,
        }
    }

    /// Accepts a message's place in its sender's stream, at most once. On an error nothing has changed.
    pub fn accept(
        &mut self,
        sender: &Party,
        epoch: u64,
        sequence: u64,
        sent: Timestamp,
    ) -> Result<(), ReplayProblem> {
        if let Some(stream) = self.senders.get_mut(sender) {
            return stream.accept(epoch, sequence, sent);
        }
        let mut stream = Stream::new(self.floor, epoch);
        stream.accept(epoch, sequence, sent)?;
        if self.senders.len() >= self.capacity {
            self.forget_one();
        }
        self.senders.insert(sender.clone(), stream);
        Ok(())
    }

    /// Whether a message's place in its sender's stream would be accepted.
    pub fn check(
        &self,
        sender: &Party,
        epoch: u64,
        sequence: u64,
        sent: Timestamp,
    ) -> Result<(), ReplayProblem> {
        match self.senders.get(sender) {
            Some(stream) => stream.check(epoch, sequence, sent),
            None => Stream::new(self.floor, epoch).check(epoch, sequence, sent),
        }
    }

    /// How many senders are remembered.
    pub fn len(&self) -> usize {
        self.senders.len()
    }

    /// True if nobody was heard from.
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// The floor under which all of this may be forgotten: everything accepted so far was signed before it.
    pub fn successor_floor(&self) -> Timestamp {
        let newest = self.senders.values().map(|stream| stream.newest).max();
        newest.map_or(self.floor, |newest| self.floor.max(just_after(newest)))
    }

    fn forget_one(&mut self) {
        let oldest = self
            .senders
            .iter()
            .min_by_key(|(party, stream)| (stream.newest, *party));
        if let Some(party) = oldest.map(|(party, _)| party.clone())
            && let Some(stream) = self.senders.remove(&party)
        {
            self.floor = self.floor.max(just_after(stream.newest));
        }
    }
}
