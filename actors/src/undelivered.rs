//! The dead letters, to be looked into, sent once more, or thrown away.
//!
//! A letter is the frame that its sender signed, and it is sent again as it is: its receiver verifies it as always, and refuses what it
//! has taken before or what is too old. Nobody can sign it anew but its sender, and nobody tries.

use std::sync::Arc;

use aios_protocols::{Limits, Message, Party, Refusal, Timestamp, authenticate};
use aios_supervisor::{DeadLetter, Reason};

use crate::AgentSystem;
use crate::agent::SendError;
use crate::remains::Remains;

/// One dead letter, looked into.
#[derive(Debug, Clone)]
pub struct Undelivered {
    /// Its number.
    pub number: u64,
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// Who sent it, or the mailbox that gave it up.
    pub sender: Option<Arc<str>>,
    /// Bytes of the frame.
    pub bytes: usize,
    /// Whether what it says is kept; if not, its content is empty.
    pub whole: bool,
    /// What it says, if its signature is right; else why it cannot be read.
    pub message: Result<Message, Refusal>,
}

/// Why a dead letter was not sent again; it is still there.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ResendError {
    /// It is not there.
    #[error(
        "no dead letter has the number {number}; it was sent again, thrown away, or pushed out by newer ones"
    )]
    Unknown {
        /// The number.
        number: u64,
    },
    /// Nobody could verify it.
    #[error("dead letter {number} cannot be read: {why}")]
    Unreadable {
        /// The number.
        number: u64,
        /// Why.
        why: String,
    },
    /// What it says was for its receiver alone.
    #[error(
        "of dead letter {number} only the head is kept, since what it says was for its receiver alone; its sender has to say it anew"
    )]
    HeadAlone {
        /// The number.
        number: u64,
    },
    /// Whoever sent it has given up.
    #[error(
        "dead letter {number} was to be answered by {reply_by}, which has passed; its sender waits no more"
    )]
    Late {
        /// The number.
        number: u64,
        /// When it was due.
        reply_by: Timestamp,
    },
    /// It reaches nobody now either.
    #[error("dead letter {number} was not delivered again: {source}")]
    NotSent {
        /// The number.
        number: u64,
        /// Why.
        source: SendError,
    },
}

impl AgentSystem {
    /// The dead letters that are kept, oldest first.
    #[must_use]
    pub fn undelivered(&self) -> Vec<Undelivered> {
        let letters = self.dead_letters().list();
        letters
            .into_iter()
            .map(|letter| self.look_into(letter))
            .collect()
    }

    /// One of them.
    #[must_use]
    pub fn undelivered_one(&self, number: u64) -> Option<Undelivered> {
        let letter = self.dead_letters().get(number)?;
        Some(self.look_into(letter))
    }

    /// Looks into a letter.
    pub fn look_into(&self, letter: DeadLetter<Remains>) -> Undelivered {
        let bytes = letter.item.frame_bytes();
        let (whole, message) = match letter.item {
            Remains::Whole(frame) => {
                let message = authenticate(&frame, self.keys(), &Limits::default(), self.now());
                (true, message.map(|authentic| authentic.message().clone()))
            }
            Remains::Head { message, .. } => (false, message.map(|message| *message)),
        };
        Undelivered {
            number: letter.number,
            at: Timestamp::since_epoch(letter.at),
            reason: letter.reason,
            sender: letter.sender,
            bytes,
            whole,
            message,
        }
    }

    /// Hands a dead letter to its receivers once more, and returns them. It is no dead letter any more when one of them has it.
    ///
    /// # Errors
    /// Why not; then it stays where it is.
    pub async fn resend(&self, number: u64) -> Result<Vec<Party>, ResendError> {
        let letter = self.dead_letters().get(number);
        let letter = letter.ok_or(ResendError::Unknown { number })?;
        let item = letter.item.clone();
        let message = self.look_into(letter).message;
        let message = message.map_err(|why| ResendError::Unreadable {
            number,
            why: why.to_string(),
        })?;
        let Remains::Whole(frame) = item else {
            return Err(ResendError::HeadAlone { number });
        };
        if let Some(reply_by) = message.reply_by
            && message.is_past_reply_by(self.now())
        {
            return Err(ResendError::Late { number, reply_by });
        }
        // Taken out first: should it come to nothing again, it comes back under a number of its own.
        if self.dead_letters().take(number).is_none() {
            return Err(ResendError::Unknown { number });
        }
        let opens = message.performative.can_open() && message.in_reply_to.is_none();
        let (mut reached, mut failed) = (Vec::new(), None);
        for party in &message.receivers {
            let handed = match self.directory().get(party) {
                Some(cell) => cell.post(frame.clone(), opens).await,
                None => Err(SendError::NoReceiver {
                    address: party.to_string(),
                }),
            };
            match handed {
                Ok(()) => reached.push(party.clone()),
                Err(source) => failed = Some(source),
            }
        }
        match failed {
            Some(source) if reached.is_empty() => {
                let sender = Some(message.sender.as_str().into());
                self.dead_letter(frame, Reason::Closed, sender);
                Err(ResendError::NotSent { number, source })
            }
            _ => Ok(reached),
        }
    }
}
