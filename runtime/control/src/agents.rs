//! Agents, as the contract speaks of them.

use serde::{Deserialize, Serialize};

/// An agent to be spawned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spawn {
    /// Its role, such as `macro.executor`; it is the next free instance of it.
    pub role: String,
    /// The supervisor it stands under, or none for the one of agents that are spawned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
    /// When it comes back.
    #[serde(default)]
    pub restart: RestartRule,
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

/// An agent that was spawned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spawned {
    /// Its name.
    pub agent: String,
}

/// A question to an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Its name or its role.
    pub agent: String,
    /// What is said to it: text, or JSON as text, whichever it takes.
    pub content: String,
    /// How long it may take, in milliseconds: from 1 to [`Ask::DEADLINE_MS_MAX`].
    pub deadline_ms: u64,
}

impl Ask {
    /// The longest an agent may be given: ten minutes.
    pub const DEADLINE_MS_MAX: u64 = 600_000;
}

/// What an agent said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Its name.
    pub agent: String,
    /// The act it answered with, such as `inform`.
    pub act: String,
    /// What it said.
    pub content: String,
}

/// What may be asked about the swarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "view", rename_all = "snake_case", deny_unknown_fields)]
pub enum SwarmQuestion {
    /// Every zone and kind in numbers.
    Show {},
    /// The strongest agents of a kind and how all are spread.
    Top {
        /// The kind, such as `page`.
        kind: String,
        /// How many.
        most: usize,
    },
    /// One agent closely.
    Agent {
        /// Its name, such as `micro.page.0x0000000102000A2F@local`.
        id: String,
    },
}
