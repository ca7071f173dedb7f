//! The words of a question and its decision: what is signed, what is listed, and why something is refused.

use aios_memory::StoreError;
use aios_protocols::{AgentId, Party, Refusal, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use aios_work::content::hex;
pub use aios_work::{ApprovalStatus, Decision};

/// The ontology of proposals and decisions.
pub const APPROVAL: &str = "aios.approval";
/// What a question's digest begins with, so that it is no digest of anything else.
const QUESTION: &str = "aios.approval.question/1";
/// Digits of the digest in a question's name: half of it is what nobody finds a second question for.
const NAMED: usize = 32;

/// What a human is asked: the words they read, and what their answer lets happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Which goal it is about.
    pub goal: String,
    /// Which task of it.
    pub task: String,
    /// The tool that would be called once more.
    pub tool: String,
    /// SHA-256 of the arguments it would be called with, in hexadecimal.
    pub arguments: String,
    /// How often the same was asked before and its approval used up.
    pub round: u32,
    /// The text that is read. Nothing in it may change by itself from one try to the next, as a countdown does, or a yes would
    /// never find its question again.
    pub text: String,
}

impl Question {
    /// SHA-256 over all of it, in hexadecimal: the parts in their order, each behind its length as eight bytes, lowest first.
    #[must_use]
    pub fn digest(&self, tenant: &TenantId) -> String {
        let Self {
            goal,
            task,
            tool,
            arguments,
            round,
            text,
        } = self;
        let round = round.to_string();
        let mut hash = Sha256::new();
        for part in [
            QUESTION,
            tenant.as_str(),
            goal,
            task,
            tool,
            arguments,
            &round,
            text,
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hex(&hash.finalize())
    }

    /// The name it goes by: whoever names it means these words.
    #[must_use]
    pub fn id(&self, tenant: &TenantId) -> String {
        format!("ap-{}", &self.digest(tenant)[..NAMED])
    }

    /// A question that nobody has decided.
    pub(super) fn open(
        &self,
        tenant: &TenantId,
        asked_by: String,
        asked_at: Timestamp,
        deadline: Timestamp,
    ) -> Approval {
        let asked = self.clone();
        Approval {
            id: self.id(tenant),
            goal: asked.goal,
            task: asked.task,
            tool: asked.tool,
            arguments: asked.arguments,
            round: asked.round,
            question: asked.text,
            digest: self.digest(tenant),
            asked_by,
            asked_at,
            deadline,
            status: ApprovalStatus::Open,
            decided_by: None,
            decided_at: None,
            reason: None,
            spent_at: None,
        }
    }
}

impl From<&Approval> for Question {
    /// What is asked.
    fn from(approval: &Approval) -> Self {
        Self {
            goal: approval.goal.clone(),
            task: approval.task.clone(),
            tool: approval.tool.clone(),
            arguments: approval.arguments.clone(),
            round: approval.round,
            text: approval.question.clone(),
        }
    }
}

/// Whether a text can be a question's name.
pub(super) fn is_id(text: &str) -> bool {
    text.strip_prefix("ap-")
        .is_some_and(|rest| rest.len() == NAMED && rest.bytes().all(|c| c.is_ascii_hexdigit()))
}

/// One question, as it is kept and listed.
pub type Approval = aios_work::Approval<Timestamp>;

/// What a proposal says. Signed by the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The approval's name: [`Question::id`].
    pub approval: String,
    /// What is asked.
    pub question: Question,
}

/// What a decision says. Signed by the human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionContent {
    /// The approval's name.
    pub approval: String,
    /// SHA-256 of the proposal's frame, in hexadecimal.
    pub proposal: String,
    /// [`Question::digest`] of what was read.
    pub question: String,
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
    /// It is kept in the same folder for another tenant.
    #[error(
        "approval {id} is of tenant {tenant}, this node of tenant {ours}; start it with node.tenant = {tenant:?} to see it"
    )]
    OtherTenant {
        /// The name asked for.
        id: String,
        /// Whose it is.
        tenant: String,
        /// Who looked.
        ours: TenantId,
    },
    /// What it allowed was begun before.
    #[error(
        "approval {id} was used at {at}, and one approval is for one more try; run the goal again to be asked anew"
    )]
    AlreadySpent {
        /// Which.
        id: String,
        /// When.
        at: Timestamp,
    },
    /// Nobody has said yes.
    #[error("approval {id} is {status}; only an accepted one can be used")]
    NotAccepted {
        /// Which.
        id: String,
        /// Where it stands.
        status: &'static str,
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
    /// It was asked by others, or for another goal.
    #[error("approval {id} is another's: {why}")]
    NotTheAsker {
        /// Which.
        id: String,
        /// Who asked for it, and who tried to use it.
        why: String,
    },
    /// One agent has as many open questions as it may.
    #[error("{by} would have {asked} open approvals, allowed are {allowed}; decide some first")]
    TooManyOfOne {
        /// Who.
        by: AgentId,
        /// How many there would be.
        asked: usize,
        /// How many there may be.
        allowed: usize,
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
            Self::OtherTenant { .. } => "approval-other-tenant",
            Self::AlreadySpent { .. } => "approval-spent",
            Self::NotAccepted { .. } => "approval-not-accepted",
            Self::AlreadyDecided { .. } => "approval-decided",
            Self::Replayed { .. } => "approval-replayed",
            Self::Expired { .. } => "approval-expired",
            Self::NotTheOwner { .. } => "approval-not-owner",
            Self::Refused(_) => "approval-bad-frame",
            Self::NotADecision { .. } => "approval-no-decision",
            Self::NotProven { .. } => "approval-not-proven",
            Self::NotTheAsker { .. } => "approval-not-asker",
            Self::NoOwner
            | Self::Full { .. }
            | Self::TooManyOfOne { .. }
            | Self::Unsigned(_)
            | Self::Store(_) => "approval-failed",
        }
    }
}

pub(super) fn not_a_decision(id: &str, why: String) -> ApprovalError {
    ApprovalError::NotADecision {
        id: id.to_owned(),
        why,
    }
}
