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
        let replayed = ReplayProblem::Replayed {
            sequence,
            highest: self.highest,
        };
        if sequence == 0 || self.highest.saturating_sub(sequence) >= Self::SIZE {
            return Err(replayed);
        }
        if sequence > self.highest {
            self.forget(self.highest + 1, sequence);
            self.highest = sequence;
        }
        let (word, bit) = Self::place(sequence);
        if self.bits[word] & bit != 0 {
            return Err(replayed);
        }
        self.bits[word] |= bit;
        Ok(())
    }

    /// The highest number accepted, 0 if none.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Clears the places of the numbers `from..=to`, which still hold what was seen one window earlier.
    fn forget(&mut self, from: u64, to: u64) {
        if to - from >= Self::SIZE - 1 {
            self.bits = [0; WORDS];
            return;
        }
        for sequence in from..=to {
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
/// The number of senders is bounded. The sender heard from longest ago is forgotten first, and with it the time of its
/// newest message becomes the floor: who has no window must be newer than that, so forgetting never reopens the door
/// to an old message. A receiver that lived before and lost its windows sets the floor to its new start.
#[derive(Debug, Clone)]
pub struct ReplayWindows {
    senders: HashMap<Party, Stream>,
    capacity: usize,
    floor: Timestamp,
    /// Counts acceptances, to know who was heard from longest ago.
    turn: u64,
}

#[derive(Debug, Clone)]
struct Stream {
    epoch: u64,
    newest: Timestamp,
    turn: u64,
    window: ReplayWindow,
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
            turn: 0,
        }
    }

    /// Accepts a message's place in its sender's stream, at most once.
    pub fn accept(
        &mut self,
        sender: &Party,
        epoch: u64,
        sequence: u64,
        sent: Timestamp,
    ) -> Result<(), ReplayProblem> {
        self.turn += 1;
        if let Some(stream) = self.senders.get_mut(sender) {
            if epoch < stream.epoch {
                return Err(ReplayProblem::StaleEpoch {
                    asked: epoch,
                    current: stream.epoch,
                });
            }
            if epoch > stream.epoch {
                stream.epoch = epoch;
                stream.window = ReplayWindow::default();
            }
            stream.window.accept(sequence)?;
            stream.newest = stream.newest.max(sent);
            stream.turn = self.turn;
            return Ok(());
        }
        if sent < self.floor {
            return Err(ReplayProblem::BeforeMemory {
                sent,
                floor: self.floor,
            });
        }
        let mut window = ReplayWindow::default();
        window.accept(sequence)?;
        if self.senders.len() >= self.capacity {
            self.forget_one();
        }
        let stream = Stream {
            epoch,
            newest: sent,
            turn: self.turn,
            window,
        };
        self.senders.insert(sender.clone(), stream);
        Ok(())
    }

    /// How many senders are remembered.
    pub fn len(&self) -> usize {
        self.senders.len()
    }

    /// True if nobody was heard from.
    pub fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    fn forget_one(&mut self) {
        let oldest = self.senders.iter().min_by_key(|(_, stream)| stream.turn);
        if let Some(party) = oldest.map(|(party, _)| party.clone())
            && let Some(stream) = self.senders.remove(&party)
        {
            self.floor = self.floor.max(stream.newest + Duration::from_micros(1));
        }
    }
}
