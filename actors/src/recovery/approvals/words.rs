//! The words of a question and its decision: what is signed, what is listed, and why something is refused.

use aios_memory::StoreError;
use aios_protocols::{Party, Refusal, Timestamp};
use serde::{Deserialize, Serialize};

/// The ontology of proposals and decisions.
pub const APPROVAL: &str = "aios.approval";

/// What a human says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Do it.
    Accept,
    /// Leave it.
    Reject,
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalStatus {
    /// Nobody has decided.
    Open,
    /// It may be done.
    Accepted,
    /// It may not.
    Rejected,
    /// Nobody decided in time.
    Expired,
}

impl ApprovalStatus {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }
}

/// One question, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its name.
    pub id: String,
    /// Which goal it is about.
    pub goal: String,
    /// Which task of it.
    pub task: String,
    /// What is proposed, in one or two sentences.
    pub question: String,
    /// The agent that asked.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// Until when it can be decided.
    pub deadline: Timestamp,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// Who decided.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
    /// Why, in the words of whoever decided.
    pub reason: Option<String>,
}

/// What a proposal says. Signed by the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The approval's name.
    pub approval: String,
    /// Which goal.
    pub goal: String,
    /// Which task of it.
    pub task: String,
    /// What is proposed.
    pub question: String,
}

/// What a decision says. Signed by the human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The approval's name.
    pub approval: String,
    /// SHA-256 of the proposal's frame, in hexadecimal.
    pub proposal: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Why a question was not asked or a decision not taken.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// There is no such question.
    #[error("there is no approval {id}; `aios approvals` lists those there are")]
    Unknown {
        /// The name asked for.
        id: String,
    },
    /// It was decided.
    #[error("approval {id} was {status} already by {by}; a decision stands")]
    AlreadyDecided {
        /// Which.
        id: String,
        /// How.
        status: &'static str,
        /// By whom.
        by: String,
    },
    /// This very message was taken before.
    #[error("this decision about approval {id} was taken before; nothing is done twice")]
    Replayed {
        /// Which.
        id: String,
    },
    /// Its time is over.
    #[error("approval {id} could be decided until {until}; run the goal again to be asked anew")]
    Expired {
        /// Which.
        id: String,
        /// The last moment.
        until: Timestamp,
    },
    /// Somebody else may decide.
    #[error("{by} may not decide; {owner} may")]
    NotTheOwner {
        /// Who tried.
        by: Party,
        /// Who may.
        owner: String,
    },
    /// The message is not what its sender signed, or its key is not known.
    #[error("the decision is refused: {0}")]
    Refused(#[from] Refusal),
    /// It is signed, and says something else.
    #[error("the message is no decision about approval {id}: {why}")]
    NotADecision {
        /// Which.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// A record that its frames do not prove.
    #[error("approval {id} is not what was signed: {why}; it is not used")]
    NotProven {
        /// Which.
        id: String,
        /// What does not fit.
        why: String,
    },
    /// Nobody can be asked.
    #[error("this node has no owner who could be asked")]
    NoOwner,
    /// The queue is full of open questions.
    #[error("{asked} open approvals where {allowed} are kept; decide some first")]
    Full {
        /// How many there would be.
        asked: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// The agent's message could not be made.
    #[error("the proposal could not be signed: {0}")]
    Unsigned(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApprovalError {
    /// A word from a closed list, for the audit.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => "approval-unknown",
            Self::AlreadyDecided { .. } => "approval-decided",
            Self::Replayed { .. } => "approval-replayed",
            Self::Expired { .. } => "approval-expired",
            Self::NotTheOwner { .. } => "approval-not-owner",
            Self::Refused(_) => "approval-bad-frame",
            Self::NotADecision { .. } => "approval-no-decision",
            Self::NotProven { .. } => "approval-not-proven",
            Self::NoOwner | Self::Full { .. } | Self::Unsigned(_) | Self::Store(_) => {
                "approval-failed"
            }
        }
    }
}

pub(super) fn not_a_decision(id: &str, why: String) -> ApprovalError {
    ApprovalError::NotADecision {
        id: id.to_owned(),
        why,
    }
}
