//! Engines, as the contract speaks of them: which there are, what one writes, which vectors it makes.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// An engine of a node.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineLine {
    /// Its name in the configuration; `local` for the node's own.
    pub name: String,
    /// The models that are loaded, by what they are called.
    pub models: Vec<String>,
    /// What it runs on.
    pub device: String,
    /// How long its vectors are, if it makes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<u32>,
    /// The one of its models that writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<String>,
    /// Whether that one is loaded, freed and exchanged by command; what a server holds is the server's to decide.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub loads: bool,
}

/// Who speaks in a turn.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Standing instructions.
    System,
    /// The one who asks.
    User,
    /// The engine.
    Assistant,
    /// A tool that was called.
    Tool,
}

/// What somebody says to an engine, or it said before.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Who speaks.
    pub who: Speaker,
    /// What is said.
    pub text: String,
}

/// Has an engine write, without any agent.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generate {
    /// Which, by its name or by that of a model it has loaded.
    pub engine: String,
    /// What was said so far.
    #[cfg_attr(feature = "http", schemars(length(min = 1, max = Self::TURNS_MAX)))]
    pub turns: Vec<Turn>,
    /// At most so many new tokens.
    #[serde(
        default = "usual_max_tokens",
        deserialize_with = "crate::integer::integer"
    )]
    pub max_tokens: u32,
    /// Above 1 flattens, below 1 sharpens; without it the most likely token is taken each time.
    #[cfg_attr(
        feature = "http",
        schemars(with = "Option<f64>", range(min = 0.0, max = 2.0))
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Number>,
    /// Only the likeliest tokens whose probabilities reach this sum.
    #[cfg_attr(
        feature = "http",
        schemars(with = "Option<f64>", range(min = 0.0, max = 1.0))
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<Number>,
    /// Of the draw.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::integer::may_be"
    )]
    pub seed: Option<u64>,
    /// Texts that end it; they are not part of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// A JSON schema that what is written must follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "http",
        schemars(with = "Option<serde_json::Map<String, Value>>")
    )]
    pub schema: Option<Value>,
    /// How long it may take, in milliseconds: from 1 to [`Generate::DEADLINE_MS_MAX`].
    #[serde(
        default = "usual_deadline_ms",
        deserialize_with = "crate::integer::integer"
    )]
    #[cfg_attr(feature = "http", schemars(range(min = 1, max = Generate::DEADLINE_MS_MAX)))]
    pub deadline_ms: u64,
    /// Watched as it is written: events of kind `text`, then one of kind `answer` or `refused`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub watch: bool,
}

fn usual_max_tokens() -> u32 {
    Generate::MAX_TOKENS
}

fn usual_deadline_ms() -> u64 {
    Generate::DEADLINE_MS
}

impl Generate {
    /// New tokens unless somebody says otherwise.
    pub const MAX_TOKENS: u32 = 1_024;
    /// The longest an engine may be given: ten minutes.
    pub const DEADLINE_MS_MAX: u64 = 600_000;
    /// What it is given unless somebody says otherwise: two minutes.
    pub const DEADLINE_MS: u64 = 120_000;
    /// Turns that are taken.
    pub const TURNS_MAX: usize = 1_024;
}

/// What an engine wrote.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// The engine.
    pub engine: String,
    /// Its model.
    pub model: String,
    /// The text.
    pub text: String,
    /// Why it ended: `stop`, `length`, `tools`, `cancelled` or `deadline`.
    pub finish: String,
    /// Tokens that were read.
    pub prompt_tokens: u64,
    /// Tokens that were written.
    pub new_tokens: u64,
}

/// Has an engine turn texts into vectors.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedTexts {
    /// Which, by its name or by that of a model it has loaded.
    pub engine: String,
    /// The texts: 1 to [`EmbedTexts::TEXTS_MAX`].
    #[cfg_attr(feature = "http", schemars(length(min = 1, max = Self::TEXTS_MAX)))]
    pub texts: Vec<String>,
    /// How long it may take, in milliseconds: from 1 to [`Generate::DEADLINE_MS_MAX`].
    #[serde(
        default = "usual_deadline_ms",
        deserialize_with = "crate::integer::integer"
    )]
    #[cfg_attr(feature = "http", schemars(range(min = 1, max = Generate::DEADLINE_MS_MAX)))]
    pub deadline_ms: u64,
}

impl EmbedTexts {
    /// Texts that are taken at a time; their vectors fit an answer.
    pub const TEXTS_MAX: usize = 128;
}

/// Texts as vectors.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedded {
    /// The engine.
    pub engine: String,
    /// A vector of length 1 for each text.
    pub vectors: Vec<Vec<f32>>,
    /// Texts that were longer than the engine reads, by their place: the vector stands for the start alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<usize>,
}
