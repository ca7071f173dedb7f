//! Agents, as the contract speaks of them.

use aios_work::content::NoAnswer;
use aios_work::{Charter, RestartRule, Spent};
use serde::{Deserialize, Serialize};

/// An agent to be spawned: of a registered role, or of a charter.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "http", schemars(transform = role_or_charter))]
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spawn {
    /// Its role, such as `macro.executor`; it is the next free instance of it. Empty for an agent of a charter.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(
        feature = "http",
        schemars(regex(pattern = r"^[a-z]+\.[a-z][a-z0-9_-]{0,31}$"))
    )]
    pub role: String,
    /// The text of its charter, as it stands in `agents/NAME.md`; none for an agent of a registered role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charter: Option<String>,
    /// The supervisor it stands under, or none for the one of agents that are spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// When it comes back; none for what its charter says, or always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "http",
        schemars(with = "Option<String>", extend("enum" = ["permanent", "transient", "temporary", null]))
    )]
    pub restart: Option<RestartRule>,
    /// Whether what it is asked is on record before it is acknowledged and is taken up again after a crash; false for what its charter says.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub durable: bool,
    /// The public key that the agent's own process signs with, as 64 hexadecimal digits, of an agent of a charter that runs in another
    /// process; none for one that the node runs itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub key: Option<String>,
    /// How long an agent in another process may be away before whoever waits for it hears so, in milliseconds; none for half a minute.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::integer::may_be"
    )]
    #[cfg_attr(feature = "http", schemars(range(min = 100, max = 3_600_000)))]
    pub away_ms: Option<u64>,
}

/// An agent has a role, or a charter that says its role; a key and a time away are of one with a charter.
#[cfg(feature = "http")]
fn role_or_charter(schema: &mut schemars::Schema) {
    let none = || serde_json::json!({"type": "null"});
    schema.insert(
        "oneOf".to_owned(),
        serde_json::json!([
            {
                "required": ["role"],
                "properties": {"role": {"minLength": 1}, "charter": none(), "key": none(), "away_ms": none()},
            },
            {
                "required": ["charter"],
                "properties": {"charter": {"type": "string"}, "role": false},
            },
        ]),
    );
}

/// An agent that was spawned.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spawned {
    /// Its name.
    pub agent: String,
}

/// A question to an agent.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Its name or its role.
    pub agent: String,
    /// What is said to it: text, or JSON as text, whichever it takes.
    pub content: String,
    /// How long it may take, in milliseconds: from 1 to [`Ask::DEADLINE_MS_MAX`].
    #[serde(deserialize_with = "crate::integer::integer")]
    #[cfg_attr(feature = "http", schemars(range(min = 1, max = Self::DEADLINE_MS_MAX)))]
    pub deadline_ms: u64,
}

impl Ask {
    /// The longest an agent may be given: ten minutes.
    pub const DEADLINE_MS_MAX: u64 = 600_000;
}

/// What an agent said.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its name.
    pub agent: String,
    /// The act it answered with, such as `inform`.
    pub act: String,
    /// What it said.
    pub content: String,
}

/// An agent in a list.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentLine {
    /// Its name.
    pub agent: String,
    /// The name of its charter, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charter: Option<String>,
    /// What it is for, in a sentence of its own; may be empty.
    pub description: String,
    /// What it offers.
    pub skills: Vec<String>,
    /// What it is doing, such as `active` or `waiting`.
    pub state: String,
    /// Requests that wait for it.
    pub waiting: u64,
    /// Requests it is at work on.
    pub at_work: u64,
}

/// One agent closely.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentShown {
    /// As it stands in the list.
    #[serde(flatten)]
    pub line: AgentLine,
    /// Whom its card lets ask it, such as `macro` or `service`.
    pub open_to: Vec<String>,
    /// The whole of its charter, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(with = "Option<serde_json::Value>"))]
    pub follows: Option<Charter>,
    /// The tools it has now: those of its charter, without what was taken from it and with what was given to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// What it was asked last, the latest first.
    pub questions: Vec<Question>,
}

/// The tools that an agent has.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentTools {
    /// Its name.
    pub agent: String,
    /// What it may call; whom it hands work to is its charter's to say.
    pub tools: Vec<String>,
}

/// A question to an agent of a charter, as it stands.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The work's name.
    pub operation: String,
    /// When it was begun, RFC 3339.
    pub began: String,
    /// Turns that were begun.
    pub turns: u32,
    /// What was spent.
    #[cfg_attr(feature = "http", schemars(with = "serde_json::Value"))]
    pub spent: Spent,
    /// How it stands: `at_work`, `answered`, `left` or `unanswered`.
    pub status: String,
    /// Why there is no answer, of one that is unanswered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(with = "Option<serde_json::Value>"))]
    pub why: Option<NoAnswer>,
}

/// What may be asked about the swarm.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "view", rename_all = "snake_case", deny_unknown_fields)]
pub enum SwarmQuestion {
    /// Every zone and kind in numbers.
    Show {},
    /// The strongest agents of a kind and how all are spread.
    Top {
        /// The kind, such as `page`.
        kind: String,
        /// How many; of many only the first thousand are told.
        #[serde(deserialize_with = "crate::integer::integer")]
        most: usize,
    },
    /// One agent closely.
    Agent {
        /// Its name, such as `micro.page.0x0000000102000A2F@local`.
        #[cfg_attr(
            feature = "http",
            schemars(regex(
                pattern = r"^micro\.[a-z][a-z0-9_-]{0,31}\.0x[0-9A-F]{16}@[A-Za-z0-9_-]{1,64}$"
            ))
        )]
        id: String,
    },
}
