//! What follows an attempt to store a message. Pure; the shell is `drain`.
//!
//! A lane is one subject of one outbox. In a lane one message is under way at a time and the next is begun when it is settled, so a
//! subject's messages lie in its stream in the order in which they were accepted. Every attempt but a lane's very first carries the
//! sequence that its predecessor was stored at: a server that meanwhile took something else on that subject refuses it, and the lane looks
//! into the stream before it sends again. So an attempt whose answer was lost is found instead of stored twice, however long ago it was.

use std::fmt;
use std::time::Duration;

/// The longest wait between two attempts.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The wait after the first attempt.
const WAIT_FIRST: Duration = Duration::from_millis(20);

/// The name of a message: which outbox, and the number it has there. The same whenever it is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxId {
    /// The outbox.
    pub outbox: String,
    /// The number.
    pub sequence: u64,
}

impl fmt::Display for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.outbox, self.sequence)
    }
}

impl OutboxId {
    /// Reads a name that an outbox gave.
    pub fn read(text: &str) -> Option<Self> {
        let (outbox, sequence) = text.rsplit_once('-')?;
        Some(Self {
            outbox: outbox.to_owned(),
            sequence: sequence.parse().ok()?,
        })
    }
}

/// What is known of the end of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing of this outbox was ever sent to it.
    Fresh,
    /// How it ends.
    Known {
        /// The sequence of its last message in the stream; 0 for none.
        last: u64,
        /// The number of the last message of this outbox that is known to be there; 0 for none.
        ours: u64,
    },
    /// An attempt was made and what became of it is not known.
    Unknown,
}

/// What to do with the message in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Look into the stream whether it is there.
    Look,
    /// Send it, whatever the subject holds.
    Send,
    /// Send it, to be taken only if the subject ends with this sequence.
    SendAfter(u64),
    /// Nothing: it is there.
    Leave,
}

/// What became of an attempt to store it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The stream has it at this sequence.
    At {
        /// The sequence.
        sequence: u64,
        /// Whether it was there already.
        again: bool,
    },
    /// The subject does not end where it was said to.
    AnotherEnd,
    /// The server cannot be reached, or did not answer, or has no such stream now.
    NoAnswer,
    /// No server will ever take it.
    Never(Unfit),
}

/// Why no server will ever take a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is larger than the server carries.
    TooLarge,
    /// Its subject is none.
    Subject,
}

impl Unfit {
    /// The word for it.
    pub fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Subject => "bad-subject",
        }
    }
}

/// What a look into the stream showed: the last message of the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// There is none.
    Nothing,
    /// It has this sequence and this name.
    Last {
        /// The sequence.
        sequence: u64,
        /// The name, if it has one.
        id: Option<String>,
    },
    /// The server did not answer.
    NoAnswer,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored; the subject ends like this.
    Settled {
        /// What is known of the end now.
        end: End,
        /// Whether an earlier attempt had stored it.
        again: bool,
    },
    /// Once more, with this knowledge, after a wait if the server was not to be had.
    Again {
        /// What is known of the end now.
        end: End,
        /// Whether to wait first.
        wait: bool,
    },
    /// It is given up.
    GivenUp(Unfit),
}

/// What to do first with the message of this number. Within a lane the order is strict: of what an earlier process may have sent, and `found`
/// says that, whatever is not behind the last of ours is there, and may have been sent longer ago than the server remembers names. What this
/// process accepted nobody else has sent.
pub fn begin(end: End, number: u64, found: bool) -> Step {
    match end {
        End::Fresh => Step::Send,
        End::Known { ours, .. } if found && number <= ours => Step::Leave,
        End::Known { last, .. } => Step::SendAfter(last),
        End::Unknown => Step::Look,
    }
}

/// What follows an attempt to store the message of this number.
pub fn after_attempt(stored: Stored, number: u64) -> Verdict {
    match stored {
        Stored::At { sequence, again } => Verdict::Settled {
            end: End::Known {
                last: sequence,
                ours: number,
            },
            again,
        },
        Stored::AnotherEnd => Verdict::Again {
            end: End::Unknown,
            wait: false,
        },
        Stored::NoAnswer => Verdict::Again {
            end: End::Unknown,
            wait: true,
        },
        Stored::Never(unfit) => Verdict::GivenUp(unfit),
    }
}

/// What follows a look. Within a lane the order is strict, so if the last message of the subject is this outbox's and not older than the
/// one in hand, the one in hand is there; of one that no earlier process can have sent it must be that very one. If the last one is somebody
/// else's, the server's own memory of names tells the two apart.
pub fn after_look(seen: &Seen, mine: &OutboxId, found: bool) -> Verdict {
    match seen {
        Seen::NoAnswer => Verdict::Again {
            end: End::Unknown,
            wait: true,
        },
        Seen::Nothing => Verdict::Again {
            end: End::Known { last: 0, ours: 0 },
            wait: false,
        },
        Seen::Last { sequence, id } => {
            let last = id.as_deref().and_then(OutboxId::read);
            let ours = last.filter(|last| last.outbox == mine.outbox);
            let ours = ours.map_or(0, |last| last.sequence);
            let end = End::Known {
                last: *sequence,
                ours,
            };
            if ours == mine.sequence || (found && ours > mine.sequence) {
                Verdict::Settled { end, again: true }
            } else {
                Verdict::Again { end, wait: false }
            }
        }
    }
}

/// How long to wait before another attempt.
pub fn wait(attempts: u32) -> Duration {
    WAIT_FIRST
        .saturating_mul(1 << attempts.min(10))
        .min(WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mine() -> OutboxId {
        OutboxId {
            outbox: "a1-b2".into(),
            sequence: 7,
        }
    }

    #[test]
    fn a_name_reads_back() {
        assert_eq!(OutboxId::read(&mine().to_string()), Some(mine()));
        for none in ["", "a", "a-", "a-x", "a--"] {
            assert_eq!(OutboxId::read(none), None, "{none}");
        }
    }

    fn known(last: u64, ours: u64) -> End {
        End::Known { last, ours }
    }

    #[test]
    fn every_attempt_but_the_first_says_what_it_follows() {
        for found in [false, true] {
            assert_eq!(begin(End::Fresh, 7, found), Step::Send);
            assert_eq!(begin(known(9, 6), 7, found), Step::SendAfter(9));
            assert_eq!(begin(known(9, 0), 7, found), Step::SendAfter(9));
            assert_eq!(begin(End::Unknown, 7, found), Step::Look);
        }
        for there in [7, 8, u64::MAX] {
            assert_eq!(begin(known(9, there), 7, true), Step::Leave, "{there}");
            assert_eq!(begin(known(9, there), 7, false), Step::SendAfter(9));
        }
    }

    #[test]
    fn what_follows_an_attempt() {
        let again = |end, wait| Verdict::Again { end, wait };
        let settled = |again| Verdict::Settled {
            end: known(9, 7),
            again,
        };
        let at = |again| Stored::At { sequence: 9, again };
        for (stored, verdict) in [
            (at(false), settled(false)),
            (at(true), settled(true)),
            (Stored::AnotherEnd, again(End::Unknown, false)),
            (Stored::NoAnswer, again(End::Unknown, true)),
            (
                Stored::Never(Unfit::TooLarge),
                Verdict::GivenUp(Unfit::TooLarge),
            ),
        ] {
            assert_eq!(after_attempt(stored, 7), verdict, "{stored:?}");
        }
    }

    #[test]
    fn what_follows_a_look() {
        let last = |sequence, id: &str| Seen::Last {
            sequence,
            id: Some(id.to_owned()),
        };
        let settled = |ours| Verdict::Settled {
            end: known(5, ours),
            again: true,
        };
        let again = |end, wait| Verdict::Again { end, wait };
        let unnamed = Seen::Last {
            sequence: 5,
            id: None,
        };
        for (seen, verdict) in [
            (Seen::NoAnswer, again(End::Unknown, true)),
            (Seen::Nothing, again(known(0, 0), false)),
            // The answer was lost, the message was not.
            (last(5, "a1-b2-7"), settled(7)),
            // Those behind it are there too: this outbox stored them, and fell before it was written down.
            (last(5, "a1-b2-12"), settled(12)),
            (last(5, "a1-b2-6"), again(known(5, 6), false)),
            (last(5, "another-9"), again(known(5, 0), false)),
            (unnamed, again(known(5, 0), false)),
        ] {
            assert_eq!(after_look(&seen, &mine(), true), verdict, "{seen:?}");
        }
        // What this process accepted is there by its own name alone: a copy of the folder that is older than the stream, or somebody who
        // makes up names, keeps nothing out.
        assert_eq!(after_look(&last(5, "a1-b2-7"), &mine(), false), settled(7));
        let later = again(known(5, 12), false);
        assert_eq!(after_look(&last(5, "a1-b2-12"), &mine(), false), later);
    }

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(wait(0), WAIT_FIRST);
        assert!(wait(3) > wait(2));
        assert_eq!(wait(60), WAIT_MAX);
    }
}
