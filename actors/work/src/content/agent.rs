//! What agents of charters are asked, offer and answer among each other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Artifact, Capabilities, Ended, Fact, InputFile, Spent, Status};

/// An order to an agent of a charter. Whoever gives it can only take away: what the charter does not grant is not granted by an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentOrder {
    /// The work's name: the same is never done twice, however often it is ordered. It begins with the name of the work it is a part of, up
    /// to a slash, and so on; what it costs is paid from what those may spend.
    pub operation: String,
    /// What is asked, as the charter's `input` says.
    pub input: Value,
    /// The agents through which the order came, by the names of their charters, the first first.
    pub chain: Vec<String>,
    /// The only tools it may use, by name; none for those of its charter.
    pub tools: Option<BTreeSet<String>>,
    /// What its tools may touch.
    pub granted: Capabilities,
    /// Files that may be read, in the state that is meant.
    #[serde(default)]
    pub inputs: Vec<InputFile>,
    /// The one folder that may be written; empty for none.
    #[serde(default)]
    pub out_dir: String,
    /// Wall time for all of it, in milliseconds.
    pub deadline_ms: u64,
}

/// What somebody who looks for an agent says first: which work it is. The order follows to whoever is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentCall {
    /// The skill that is wanted: the name of a charter, or one of its domains.
    pub skill: String,
    /// [`AgentOrder::operation`].
    pub operation: String,
}

/// An agent's proposal: what it is busy with. The least busy is chosen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentOffer {
    /// Questions it is at work on.
    pub at_work: u32,
}

/// An agent's answer to an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentAnswer {
    /// [`AgentOrder::operation`].
    pub operation: String,
    /// What it says, as the charter's `output` says.
    pub value: Value,
    /// Figures of the tools it used.
    pub facts: Vec<Fact>,
    /// Files its tools wrote.
    pub artifacts: Vec<Artifact>,
    /// Turns it took.
    pub turns: u32,
    /// What its thinking cost.
    pub spent: Spent,
    /// Who it was.
    pub agent: String,
    /// What the Critic said of it by the criteria of its charter; none if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Status>,
}

/// Why an agent has no answer, for a program; for a person it is told in the reason of the failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NoAnswer {
    /// A guard or a budget stopped it.
    Stopped {
        /// Which, and by how much.
        by: Ended,
    },
    /// A person must decide first.
    Waits {
        /// The approval's name.
        approval: String,
    },
    /// It ended with a call of which nobody knows whether it was carried out: done again under another name, it may be done twice.
    InDoubt {
        /// Which.
        reason: String,
    },
    /// It came to nothing.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What an agent says to an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentReply {
    /// Its answer.
    Done(AgentAnswer),
    /// Why there is none.
    None(NoAnswer),
}
