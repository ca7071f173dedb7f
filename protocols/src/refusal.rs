//! Why a message was not admitted: one closed list for verifier, access table and conversations.

use std::time::Duration;

use thiserror::Error;

use crate::access::Denied;
use crate::conversation::{NoPlace, OutOfProtocol, Share};
use crate::{
    DecodeError, KeyId, KeyProblem, Party, Performative, Reason, ReasonKind, ReplayProblem,
    TenantId, Timestamp,
};

/// A message that was not admitted. Each is audited under its [`Refusal::label`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Larger than the bus carries.
    #[error("the frame has {asked} bytes, {allowed} are allowed")]
    TooLarge {
        /// Bytes found.
        asked: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// No message at all.
    #[error("malformed message: {0}")]
    Malformed(#[from] DecodeError),
    /// The sender is not registered.
    #[error("{sender} is not registered")]
    UnknownSender {
        /// The claimed sender.
        sender: Party,
    },
    /// The sender has no such key.
    #[error("{sender} has no key {key}")]
    UnknownKey {
        /// The claimed sender.
        sender: Party,
        /// The claimed key.
        key: KeyId,
    },
    /// The key, or the sender with all its keys, was revoked.
    #[error("the key {key} of {sender} was revoked")]
    RevokedKey {
        /// The claimed sender.
        sender: Party,
        /// The claimed key.
        key: KeyId,
    },
    /// The key is not valid now: replaced too long ago, or not yet valid.
    #[error("the key {key} of {sender} is not valid now: {problem}")]
    ExpiredKey {
        /// The claimed sender.
        sender: Party,
        /// The claimed key.
        key: KeyId,
        /// When it is.
        problem: KeyProblem,
    },
    /// The signature does not fit: the message was altered, or somebody else wrote it.
    #[error("the signature is not one of {sender} over this message")]
    BadSignature {
        /// The claimed sender.
        sender: Party,
    },
    /// Addressed to others.
    #[error("the message is not addressed to {receiver}")]
    WrongReceiver {
        /// Who got it.
        receiver: Party,
    },
    /// About a tenant that sender or receiver has no part in.
    #[error("{party} does not belong to tenant {tenant}")]
    WrongTenant {
        /// Who is outside.
        party: Party,
        /// The message's tenant.
        tenant: TenantId,
    },
    /// Signed by a clock that is ahead.
    #[error("the message was signed at {sent}, which is after {now}; set the sender's clock")]
    FromTheFuture {
        /// The message's time.
        sent: Timestamp,
        /// The receiver's time.
        now: Timestamp,
    },
    /// Signed longer ago than a message may be under way.
    #[error(
        "the message was signed at {sent}, it is now {now}, and {} s are allowed between; send it anew",
        .allowed.as_secs()
    )]
    TooOld {
        /// The message's time.
        sent: Timestamp,
        /// The receiver's time.
        now: Timestamp,
        /// How old a message may be.
        allowed: Duration,
    },
    /// Seen before, or too old to tell.
    #[error("replayed message: {0}")]
    Replayed(ReplayProblem),
    /// From an epoch that its sender has left.
    #[error("stale message: epoch {asked} is over, the sender is in epoch {current}")]
    StaleEpoch {
        /// The message's epoch.
        asked: u64,
        /// The sender's latest.
        current: u64,
    },
    /// From an epoch that has not come: whoever holds a stolen key could shut its owner out by one.
    #[error(
        "epoch {asked} is ahead of the time, {allowed} is the highest now; set the sender's clock"
    )]
    FutureEpoch {
        /// The message's epoch.
        asked: u64,
        /// The highest epoch now.
        allowed: u64,
    },
    /// A directive taken up after its reply-by.
    #[error("the message asked for an answer by {reply_by}, it is now {now}")]
    Expired {
        /// Latest time of an answer.
        reply_by: Timestamp,
        /// The receiver's time.
        now: Timestamp,
    },
    /// The sender may not open such a conversation.
    #[error(transparent)]
    TierForbidden(#[from] Denied),
    /// The conversation does not expect the act.
    #[error(transparent)]
    OutOfProtocol(#[from] OutOfProtocol),
    /// No room for another conversation, or none in the sender's share.
    #[error(
        "{asked} conversations {share} are too many at once, {allowed} are allowed; end some or ask again later"
    )]
    TooManyConversations {
        /// Of which share there is no more.
        share: Share,
        /// Conversations there would be.
        asked: usize,
        /// Conversations allowed.
        allowed: usize,
    },
}

impl Refusal {
    /// All labels, for metrics and audit.
    pub const LABELS: [&'static str; 17] = [
        "too-large",
        "malformed",
        "unknown-sender",
        "unknown-key",
        "revoked-key",
        "expired-key",
        "bad-signature",
        "wrong-receiver",
        "wrong-tenant",
        "from-the-future",
        "replayed",
        "stale-epoch",
        "expired",
        "tier-forbidden",
        "out-of-protocol",
        "too-many-conversations",
        "too-old",
    ];

    /// A word from a closed list, for the audit trail and as a metric's label.
    pub const fn label(&self) -> &'static str {
        Self::LABELS[match self {
            Refusal::TooLarge { .. } => 0,
            Refusal::Malformed(_) => 1,
            Refusal::UnknownSender { .. } => 2,
            Refusal::UnknownKey { .. } => 3,
            Refusal::RevokedKey { .. } => 4,
            Refusal::ExpiredKey { .. } => 5,
            Refusal::BadSignature { .. } => 6,
            Refusal::WrongReceiver { .. } => 7,
            Refusal::WrongTenant { .. } => 8,
            Refusal::FromTheFuture { .. } | Refusal::FutureEpoch { .. } => 9,
            Refusal::Replayed(_) => 10,
            Refusal::StaleEpoch { .. } => 11,
            Refusal::Expired { .. } => 12,
            Refusal::TierForbidden(_) => 13,
            Refusal::OutOfProtocol(_) => 14,
            Refusal::TooManyConversations { .. } => 15,
            Refusal::TooOld { .. } => 16,
        }]
    }

    /// FIPA's word for it.
    pub const fn kind(&self) -> ReasonKind {
        match self {
            Refusal::TooLarge { .. } => ReasonKind::UnsupportedValue,
            Refusal::Malformed(_) => ReasonKind::UnrecognisedValue,
            Refusal::UnknownSender { .. } => ReasonKind::NotRegistered,
            Refusal::UnknownKey { .. }
            | Refusal::RevokedKey { .. }
            | Refusal::ExpiredKey { .. }
            | Refusal::BadSignature { .. }
            | Refusal::WrongReceiver { .. }
            | Refusal::WrongTenant { .. }
            | Refusal::FromTheFuture { .. }
            | Refusal::FutureEpoch { .. }
            | Refusal::Replayed(_)
            | Refusal::StaleEpoch { .. }
            | Refusal::TierForbidden(_) => ReasonKind::Unauthorised,
            Refusal::Expired { .. } | Refusal::TooOld { .. } => ReasonKind::DeadlinePassed,
            Refusal::OutOfProtocol(_) => ReasonKind::UnexpectedAct,
            Refusal::TooManyConversations { .. } => ReasonKind::Overloaded,
        }
    }

    /// The reason as a message's content.
    pub fn reason(&self) -> Reason {
        Reason::new(self.kind(), self.to_string())
    }

    /// The act that answers the refused message, if it may be answered at all.
    ///
    /// Only a proven sender is answered: else anyone could make us write to others in their name. What is replayed,
    /// expired or too old is reported, not answered; nor is anything answered that says not-understood.
    pub const fn answer(&self, refused: Performative) -> Option<Performative> {
        if matches!(refused, Performative::NotUnderstood) {
            return None;
        }
        match self {
            Refusal::TierForbidden(_)
            | Refusal::WrongTenant { .. }
            | Refusal::TooManyConversations { .. } => Some(Performative::Refuse),
            Refusal::OutOfProtocol(_) => Some(Performative::NotUnderstood),
            _ => None,
        }
    }
}

impl From<ReplayProblem> for Refusal {
    fn from(problem: ReplayProblem) -> Self {
        match problem {
            ReplayProblem::StaleEpoch { asked, current } => Refusal::StaleEpoch { asked, current },
            other => Refusal::Replayed(other),
        }
    }
}

impl From<NoPlace> for Refusal {
    fn from(full: NoPlace) -> Self {
        Refusal::TooManyConversations {
            share: full.share,
            asked: full.asked,
            allowed: full.allowed,
        }
    }
}
