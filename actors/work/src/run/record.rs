//! The records of a run. Each version of each of them stays readable for ever: golden files hold them, and an unknown one is refused by name.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::run::{Blob, Held};
use crate::{ContentHash, Decision, Effect, Verdict};

/// One run: a goal of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId {
    /// Whose.
    pub tenant: String,
    /// The goal's id.
    pub goal: String,
}

/// Something that happened. Times and numbers are the journal's, so none stands here but those that were decided.
///
/// A variant is only ever added at the end, and a field never: what must say more is a variant of its own, with a new [`Record::VERSION`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A goal was accepted: from here on it is not lost.
    GoalAccepted {
        /// Which.
        run: RunId,
        /// What the asker called the request; the same asked again is the same goal.
        idempotency_key: Option<String>,
        /// The hash of what was asked, files included.
        content: ContentHash,
        /// The goal as it was asked.
        goal: Blob,
        /// Who asked.
        principal: String,
    },
    /// A plan was made, or made anew.
    Planned {
        /// Which run.
        run: RunId,
        /// Counted from 1.
        version: u32,
        /// The hash of the plan.
        hash: ContentHash,
        /// The plan.
        plan: Blob,
        /// Versions of the packs and charters that it was made under, by name.
        made_under: Vec<(String, String)>,
    },
    /// An operation is about to be begun. It is written down before the tool is called.
    Intended {
        /// Which run.
        run: RunId,
        /// Which task.
        task: String,
        /// Which revision of its work.
        revision: u32,
        /// Which attempt, counted from 1.
        attempt: u32,
        /// The idempotency key that the tool is handed.
        operation: String,
        /// The tool.
        tool: String,
        /// What it means to call it twice.
        effect: Effect,
        /// The hash of the arguments.
        arguments: ContentHash,
    },
    /// An operation ended in some way.
    Resulted {
        /// Which run.
        run: RunId,
        /// Which operation.
        operation: String,
        /// How.
        outcome: Outcome,
    },
    /// What the operation gave is part of the run for good; it is never begun again.
    Committed {
        /// Which run.
        run: RunId,
        /// Which operation.
        operation: String,
    },
    /// A result or an answer was judged.
    Judged {
        /// Which run.
        run: RunId,
        /// Which task; none for the answer.
        task: Option<String>,
        /// The hash of exactly what was judged.
        of: ContentHash,
        /// What follows.
        verdict: Verdict,
        /// Who judged.
        by: String,
    },
    /// A person was asked.
    ApprovalAsked {
        /// Which run.
        run: RunId,
        /// The question's name.
        approval: String,
        /// The operation it is about.
        operation: String,
        /// The question.
        question: String,
        /// Until when it can be decided, in microseconds since 1970.
        deadline_us: u64,
    },
    /// A person decided.
    ApprovalDecided {
        /// Which run.
        run: RunId,
        /// Which question.
        approval: String,
        /// What.
        decision: Decision,
        /// Who.
        by: String,
        /// The signed decision.
        signed: Blob,
    },
    /// What was allowed was begun, and is not allowed a second time.
    ApprovalSpent {
        /// Which run.
        run: RunId,
        /// Which question.
        approval: String,
    },
    /// Something was set aside before it was spent.
    BudgetReserved {
        /// Which run.
        run: RunId,
        /// The reservation's name.
        reservation: String,
        /// How much.
        cost: Cost,
    },
    /// It was spent, and the rest went back.
    BudgetSpent {
        /// Which run.
        run: RunId,
        /// The reservation's name.
        reservation: String,
        /// How much.
        cost: Cost,
    },
    /// An agent was made of a charter.
    AgentSpawned {
        /// Its tenant.
        tenant: String,
        /// The agent.
        agent: String,
        /// The hash of its charter.
        charter: ContentHash,
        /// Who made it; none for a person.
        by: Option<String>,
    },
    /// An agent was stopped for good.
    AgentStopped {
        /// Its tenant.
        tenant: String,
        /// The agent.
        agent: String,
        /// Why.
        why: String,
    },
    /// A message for a durable agent was accepted.
    MessageAccepted {
        /// Its tenant.
        tenant: String,
        /// The agent.
        agent: String,
        /// The message's id.
        message: String,
        /// The frame as it was signed.
        frame: Held,
    },
    /// The agent has handled it.
    MessageHandled {
        /// Its tenant.
        tenant: String,
        /// The agent.
        agent: String,
        /// The message's id.
        message: String,
    },
    /// An agent was started again.
    Restarted {
        /// Its tenant.
        tenant: String,
        /// The agent.
        agent: String,
        /// What is known of it.
        restart: Restart,
    },
    /// A supervisor gave up on an agent and told its own.
    Escalated {
        /// Its tenant.
        tenant: String,
        /// The agent.
        agent: String,
        /// To whom.
        to: String,
        /// Why.
        why: String,
    },
    /// An agent's state was saved.
    CheckpointSaved {
        /// Its tenant.
        tenant: String,
        /// The agent.
        agent: String,
        /// The state's name and place.
        hash: ContentHash,
        /// The round of all agents it belongs to.
        superstep: u64,
    },
    /// The run waits until it is told to go on.
    GoalPaused {
        /// Which run.
        run: RunId,
        /// By whom.
        by: String,
    },
    /// The run goes on.
    GoalResumed {
        /// Which run.
        run: RunId,
        /// By whom.
        by: String,
    },
    /// The run ends without an answer, because somebody said so.
    GoalCancelled {
        /// Which run.
        run: RunId,
        /// By whom.
        by: String,
    },
    /// The run is put aside with what speaks against it; the others go on.
    GoalParked {
        /// Which run.
        run: RunId,
        /// Why.
        why: String,
        /// What was seen.
        evidence: Vec<String>,
    },
    /// The answer left.
    GoalDelivered {
        /// Which run.
        run: RunId,
        /// What it is worth, in the contract's word.
        status: String,
        /// The answer.
        answer: Held,
    },
    /// A provider was asked whether an operation happened.
    Inquired {
        /// Which run.
        run: RunId,
        /// Which operation.
        operation: String,
        /// What it said.
        found: Inquiry,
    },
    /// The node fell while this operation was under way.
    NodeFell {
        /// Which run.
        run: RunId,
        /// The operation that was under way.
        operation: String,
        /// The opening of the journal that ended by it.
        epoch: u64,
        /// What is known of the fall.
        evidence: String,
    },
    /// Somebody is to be woken.
    TimerSet {
        /// Its tenant.
        tenant: String,
        /// Who.
        agent: String,
        /// The timer's name.
        timer: String,
        /// When, in microseconds since 1970.
        at_us: u64,
    },
    /// It was woken, or the timer was taken back.
    TimerDone {
        /// Its tenant.
        tenant: String,
        /// Who.
        agent: String,
        /// The timer's name.
        timer: String,
    },
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was carried out.
    Done(Held),
    /// It was not, and had no effect.
    Failed {
        /// Why.
        why: String,
    },
    /// It was called off.
    Cancelled,
}

/// What a provider says about an operation when it is asked by its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inquiry {
    /// It happened, with this result.
    Happened(Told),
    /// It did not.
    NotHappened,
    /// Nobody can tell.
    Inconclusive {
        /// Why.
        why: String,
    },
}

/// What a provider that remembers an operation tells of its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The result.
    Result(Held),
    /// That it happened, and no more.
    Nothing,
}

/// Tokens, money and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Tokens.
    pub tokens: u64,
    /// Millionths of the unit of money.
    pub money_micros: u64,
    /// Milliseconds.
    pub time_ms: u64,
}

/// What is known of a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Which incarnation began.
    pub incarnation: u64,
    /// Why the one before ended.
    pub why: String,
    /// The checkpoint that it began from; none if it had none.
    pub from: Option<ContentHash>,
}

/// Why a record cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecordError {
    /// A newer program wrote it.
    #[error(
        "a record of a run of version {found}, this program reads 1 to {newest}: go on with the program that wrote it, or a newer one"
    )]
    Version {
        /// Its version.
        found: u16,
        /// The newest that is read.
        newest: u16,
    },
    /// It is none.
    #[error("no record of a run: {0}")]
    Form(String),
}

impl Record {
    /// What a journal calls these records.
    pub const KIND: &str = "run";
    /// The version that is written, and the newest that is read.
    pub const VERSION: u16 = 1;

    /// As it is kept.
    ///
    /// # Errors
    /// Never for the types here; the encoder's word is handed on all the same.
    pub fn to_bytes(&self) -> Result<Vec<u8>, RecordError> {
        postcard::to_stdvec(self).map_err(|error| RecordError::Form(error.to_string()))
    }

    /// Reads what was kept, to its last byte.
    ///
    /// # Errors
    /// It is of a newer version, or no record.
    pub fn from_bytes(version: u16, bytes: &[u8]) -> Result<Self, RecordError> {
        if version == 0 || version > Self::VERSION {
            return Err(RecordError::Version {
                found: version,
                newest: Self::VERSION,
            });
        }
        let (record, rest) = postcard::take_from_bytes(bytes)
            .map_err(|error| RecordError::Form(error.to_string()))?;
        if rest.is_empty() {
            Ok(record)
        } else {
            let left = rest.len();
            Err(RecordError::Form(format!("{left} bytes are left over")))
        }
    }

    /// The run it belongs to, if it belongs to one.
    #[must_use]
    pub fn run(&self) -> Option<&RunId> {
        match self {
            Self::GoalAccepted { run, .. }
            | Self::Planned { run, .. }
            | Self::Intended { run, .. }
            | Self::Resulted { run, .. }
            | Self::Committed { run, .. }
            | Self::Judged { run, .. }
            | Self::ApprovalAsked { run, .. }
            | Self::ApprovalDecided { run, .. }
            | Self::ApprovalSpent { run, .. }
            | Self::BudgetReserved { run, .. }
            | Self::BudgetSpent { run, .. }
            | Self::GoalPaused { run, .. }
            | Self::GoalResumed { run, .. }
            | Self::GoalCancelled { run, .. }
            | Self::GoalParked { run, .. }
            | Self::GoalDelivered { run, .. }
            | Self::Inquired { run, .. }
            | Self::NodeFell { run, .. } => Some(run),
            Self::AgentSpawned { .. }
            | Self::AgentStopped { .. }
            | Self::MessageAccepted { .. }
            | Self::MessageHandled { .. }
            | Self::Restarted { .. }
            | Self::Escalated { .. }
            | Self::CheckpointSaved { .. }
            | Self::TimerSet { .. }
            | Self::TimerDone { .. } => None,
        }
    }

    /// The operation it is about, if it is about one.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        match self {
            Self::Intended { operation, .. }
            | Self::Resulted { operation, .. }
            | Self::Committed { operation, .. }
            | Self::ApprovalAsked { operation, .. }
            | Self::Inquired { operation, .. }
            | Self::NodeFell { operation, .. } => Some(operation),
            _ => None,
        }
    }
}
