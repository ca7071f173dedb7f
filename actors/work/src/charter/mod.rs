//! Charters: who an agent is and what it may do, as a person writes it down in `agents/NAME.md`.
//!
//! [`Charter::parse`] reads one, `front_matter` keeps a hostile one within bounds, [`import`] reads the agent files of other systems and
//! says what it could not honour. What a charter grants is enforced by whoever runs the agent; no prompt is relied on for it.

mod fields;
mod front_matter;
pub mod import;
mod parse;
mod write;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use parse::CharterError;

/// Bytes of a charter's file, instructions included.
pub const CHARTER_BYTES: usize = 128 << 10;
/// What a skill of an agent is called among the tools: `agent__NAME`.
pub const AGENT_TOOLS: &str = "agent__";

/// Who an agent is: what it is for, what it may use and spend, what it takes and gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charter {
    /// What it is called: a lower-case letter, then lower-case letters, digits, `-` and `_`, at most 32 bytes.
    pub name: String,
    /// One or a few sentences for people and for whoever looks for an agent.
    pub description: String,
    /// The role of its identity: `macro.NAME` unless said otherwise.
    pub role: String,
    /// The tools it is granted, by name; nothing beyond them, whatever the node has.
    pub tools: Vec<String>,
    /// The model it thinks with; none for the node's own.
    pub model: Option<String>,
    /// What it knows about; found by it, and offered as skills beside its name.
    pub domains: Vec<String>,
    /// JSON schema of what it is asked; none for text.
    pub input: Option<Value>,
    /// JSON schema of what it answers; none for text.
    pub output: Option<Value>,
    /// What one question to it may take.
    pub budget: CharterBudget,
    /// When it comes back after its end.
    pub restart: RestartRule,
    /// Whether what it was asked outlives the process: on record before it is acknowledged, and taken up again after a crash.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub durable: bool,
    /// The agents it may hand work to, by the names of their charters.
    pub delegates: Vec<String>,
    /// The criteria that its answers are judged by, by name; none if they are not judged beside their schema.
    pub criteria: Option<String>,
    /// Where its words may go.
    pub privacy: Privacy,
    /// What it is told: the body of the file.
    pub instructions: String,
}

/// What one question to an agent may take. Each is a ceiling, and whoever asks may set a lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CharterBudget {
    /// Model tokens, prompts included.
    pub tokens: u64,
    /// Millionths of the currency that the model's price is in; none for as much as the tokens cost.
    pub money_micros: Option<u64>,
    /// Wall time in milliseconds.
    pub time_ms: u64,
    /// Turns: thoughts, each followed by a tool's call or an answer.
    pub turns: u32,
}

impl Default for CharterBudget {
    fn default() -> Self {
        Self {
            tokens: 20_000,
            money_micros: None,
            time_ms: 120_000,
            turns: 12,
        }
    }
}

impl CharterBudget {
    /// Most tokens of one question.
    pub const TOKENS_MAX: u64 = 10_000_000;
    /// Longest time of one question, in milliseconds: a day.
    pub const TIME_MS_MAX: u64 = 86_400_000;
    /// Most turns of one question.
    pub const TURNS_MAX: u32 = 500;

    /// The time as a duration.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_millis(self.time_ms)
    }

    /// The lower of two in every respect.
    #[must_use]
    pub fn within(&self, ceiling: &Self) -> Self {
        Self {
            tokens: self.tokens.min(ceiling.tokens),
            money_micros: match (self.money_micros, ceiling.money_micros) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            },
            time_ms: self.time_ms.min(ceiling.time_ms),
            turns: self.turns.min(ceiling.turns),
        }
    }
}

/// When an agent that ended comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartRule {
    /// Always.
    #[default]
    Permanent,
    /// After an abnormal end.
    Transient,
    /// Never.
    Temporary,
}

/// Where the words of an agent may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// To whichever model the node thinks with.
    #[default]
    Any,
    /// To models on this machine alone.
    Local,
}

impl Charter {
    /// What the agent is called among the tools of others.
    #[must_use]
    pub fn tool_name(&self) -> String {
        format!("{AGENT_TOOLS}{}", self.name)
    }

    /// All that its agents offer: its name and what it knows about.
    pub fn skills(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.domains.iter().map(String::as_str))
    }
}
