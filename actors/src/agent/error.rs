//! What can go wrong between agents, by what the caller can do next.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use aios_protocols::access::Denied;
use aios_protocols::{
    Content, OutOfProtocol, Party, Printable, Reason, ReasonKind, SealError, Trusted,
};

use super::AgentState;

/// What an author returns when a message cannot be handled. The variant decides what the sender hears.
///
/// Any error becomes a `failure` by `?`. This type is deliberately no [`Error`] itself; that is what makes the general
/// conversion possible.
#[derive(Clone, PartialEq, Eq)]
pub enum AgentError {
    /// The sender is answered `refuse`.
    Refused(Reason),
    /// The sender is answered `failure`.
    Failed(Reason),
    /// The sender is answered `not-understood`.
    NotUnderstood(Reason),
    /// The agent itself is broken: nobody is answered, the agent is restarted and gets the message again.
    Broken(String),
}

impl AgentError {
    /// The sender hears that it may not, or that this agent does not do such things.
    pub fn refuse(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self::Refused(Reason::new(kind, detail))
    }

    /// The sender hears that it was tried and failed.
    pub fn failure(detail: impl Into<String>) -> Self {
        Self::Failed(Reason::new(ReasonKind::InternalError, detail))
    }

    /// The agent gives up on itself and is restarted.
    pub fn broken(why: impl Into<String>) -> Self {
        Self::Broken(why.into())
    }

    /// The reason the sender hears; none for a broken agent.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Refused(reason) | Self::Failed(reason) | Self::NotUnderstood(reason) => {
                Some(reason)
            }
            Self::Broken(_) => None,
        }
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Failed(reason) => write!(f, "failed: {reason}"),
            Self::NotUnderstood(reason) => write!(f, "not understood: {reason}"),
            Self::Broken(why) => write!(f, "the agent is broken: {}", Printable(why)),
        }
    }
}

impl fmt::Debug for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for AgentError {
    fn from(error: E) -> Self {
        let any = &error as &dyn Any;
        let kind = match (any.downcast_ref(), any.downcast_ref::<SendError>()) {
            // What another agent gave as its reason is passed on with FIPA's word intact.
            (Some(AskError::Refused { reason, .. } | AskError::Failed { reason, .. }), _) => {
                reason.kind
            }
            // It passes, and whoever asked may ask again.
            (Some(AskError::NotSent(unsent)), _) | (_, Some(unsent))
                if unsent.is_for_want_of_room() =>
            {
                ReasonKind::Overloaded
            }
            _ => ReasonKind::InternalError,
        };
        Self::Failed(Reason::new(kind, error.to_string()))
    }
}

/// Why a message did not go out. Nothing was delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody has this name, or no agent of this role is there.
    #[error("no agent answers to `{}`; spawn one or correct the name", Printable(.address))]
    NoReceiver {
        /// The name or role.
        address: String,
    },
    /// The receiver takes no messages any more.
    #[error("{to} is {state} and takes no messages")]
    NotTaking {
        /// The receiver.
        to: Party,
        /// Its state.
        state: AgentState,
    },
    /// The receiver's mailbox had no place.
    #[error("{to}: {reason}; try later or send less")]
    MailboxFull {
        /// The receiver.
        to: Party,
        /// How full it is.
        reason: aios_supervisor::Reason,
    },
    /// The receiver is durable, and what is said to it, or what it says, could not be put on record.
    #[error("{to} is durable and the record cannot be written: {}; try again when there is room", Printable(.why))]
    NotKept {
        /// Whose record.
        to: Party,
        /// What the store said.
        why: String,
    },
    /// The sender may not open such a conversation.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The conversation does not expect this act of the sender.
    #[error(transparent)]
    OutOfProtocol(#[from] OutOfProtocol),
    /// A rule of messages forbids it.
    #[error("the message must not be sent: {}", Printable(.why))]
    NotAllowed {
        /// The rule.
        why: String,
    },
    /// It cannot be written as a message.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The sender has too many conversations open.
    #[error("{asked} open conversations, {allowed} allowed; end some first")]
    TooManyConversations {
        /// How many there would be.
        asked: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// The sender waits for too many answers.
    #[error("{asked} asks at once, {allowed} allowed; await some first")]
    TooManyAsks {
        /// How many there would be.
        asked: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// One message led to another too often.
    #[error("{asked} messages deep, {allowed} allowed: who orders from whom goes round in circles")]
    TooDeep {
        /// How deep it would be.
        asked: u32,
        /// How deep it may be.
        allowed: u32,
    },
    /// An ask is to one receiver.
    #[error("the draft has {asked} receivers where an ask has 1; open a dialogue instead")]
    NotOneReceiver {
        /// How many the draft has.
        asked: usize,
    },
    /// The sending incarnation was replaced or stopped meanwhile.
    #[error("this incarnation is over; its successor sends from now on")]
    Over,
}

/// Why an ask has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The receiver will not do it.
    #[error("{by} refused: {reason}")]
    Refused {
        /// Who.
        by: Party,
        /// Why.
        reason: Reason,
    },
    /// The receiver tried and failed.
    #[error("{by} failed: {reason}")]
    Failed {
        /// Who.
        by: Party,
        /// Why.
        reason: Reason,
    },
    /// The receiver did not understand the act.
    #[error("{by} did not understand: {reason}")]
    NotUnderstood {
        /// Who.
        by: Party,
        /// Why.
        reason: Reason,
    },
    /// No answer came in time.
    #[error("{to} did not answer within {} ms", after.as_millis())]
    Deadline {
        /// Who was asked.
        to: Party,
        /// How long was waited.
        after: Duration,
    },
    /// The question did not go out.
    #[error(transparent)]
    NotSent(#[from] SendError),
    /// The asker stopped while it waited.
    #[error("the asking agent stopped while it waited for {to}")]
    AskerStopped {
        /// Who was asked.
        to: Party,
    },
}

impl SendError {
    /// Whether there was no room, at the receiver or at the sender: a while later there may be some.
    #[must_use]
    pub fn is_for_want_of_room(&self) -> bool {
        matches!(
            self,
            Self::MailboxFull { .. } | Self::TooManyAsks { .. } | Self::TooManyConversations { .. }
        )
    }
}

impl AskError {
    /// Whether nothing was sent for want of room, at whoever was asked or at the asker: a while later there may be some.
    #[must_use]
    pub fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::NotSent(unsent) if unsent.is_for_want_of_room())
    }
}

/// The reason in an answer; a content that is no reason is taken as its detail.
pub(crate) fn reason_of(content: &Content) -> Reason {
    Reason::from_content(content).unwrap_or_else(|| {
        let detail = content
            .as_str()
            .map_or_else(|| format!("{} bytes", content.len()), str::to_owned);
        Reason::new(ReasonKind::InternalError, detail)
    })
}

/// Reads a final answer: a plain one, or the reason why there is none.
pub(crate) fn outcome(answer: Trusted) -> Result<Trusted, AskError> {
    use aios_protocols::Performative::{Failure, NotUnderstood, Refuse};
    let by = || answer.sender.clone();
    let reason = || reason_of(&answer.content);
    match answer.performative {
        Refuse => Err(AskError::Refused {
            by: by(),
            reason: reason(),
        }),
        Failure => Err(AskError::Failed {
            by: by(),
            reason: reason(),
        }),
        NotUnderstood => Err(AskError::NotUnderstood {
            by: by(),
            reason: reason(),
        }),
        _ => Ok(answer),
    }
}
