//! Tools, as the contract speaks of them: what there is, what each needs, and a call of one by hand.

use aios_work::{Artifact, Capabilities, Effect, Fact, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A tool of a node.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolLine {
    /// What it says of itself.
    #[serde(flatten)]
    #[cfg_attr(feature = "http", schemars(with = "serde_json::Map<String, Value>"))]
    pub spec: ToolSpec,
    /// What it needs and the node grants to nobody; with any of it the tool is refused to every caller.
    #[serde(default, skip_serializing_if = "Capabilities::is_empty")]
    #[cfg_attr(feature = "http", schemars(with = "Vec<String>"))]
    pub missing: Capabilities,
    /// Why it cannot be called at all; nothing for one that can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unusable: Option<String>,
}

/// A call of a tool in the owner's name, granted what the node grants at most.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallTool {
    /// Which.
    pub tool: String,
    /// Its arguments, as its schema says.
    pub args: Value,
    /// The files it may read. Absolute, unless the asker is in the node's own process.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "http", schemars(inner(regex(pattern = "^/"))))]
    pub data: Vec<String>,
    /// The one folder it may write into, absolute as the files are; without it nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(regex(pattern = "^/")))]
    pub out: Option<String>,
    /// How long it may take, in milliseconds: from 1 to [`CallTool::DEADLINE_MS_MAX`].
    #[serde(
        default = "usual_deadline_ms",
        deserialize_with = "crate::integer::integer"
    )]
    #[cfg_attr(feature = "http", schemars(range(min = 1, max = Self::DEADLINE_MS_MAX)))]
    pub deadline_ms: u64,
}

fn usual_deadline_ms() -> u64 {
    CallTool::DEADLINE_MS
}

impl CallTool {
    /// The longest a tool may be given: ten minutes.
    pub const DEADLINE_MS_MAX: u64 = 600_000;
    /// What it is given unless somebody says otherwise: half a minute, as a task of a goal.
    pub const DEADLINE_MS: u64 = 30_000;

    /// A call without files.
    #[must_use]
    pub fn new(tool: impl Into<String>, args: Value) -> Self {
        Self {
            tool: tool.into(),
            args,
            data: Vec::new(),
            out: None,
            deadline_ms: Self::DEADLINE_MS,
        }
    }
}

/// What a tool gave.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCalled {
    /// Which.
    pub tool: String,
    /// What it means to call it twice.
    #[cfg_attr(feature = "http", schemars(with = "String"))]
    pub effect: Effect,
    /// The result, as its schema says.
    pub value: Value,
    /// Figures that it vouches for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "http", schemars(with = "Vec<Value>"))]
    pub facts: Vec<Fact>,
    /// Files that it wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "http", schemars(with = "Vec<Value>"))]
    pub artifacts: Vec<Artifact>,
    /// What it did, in its own words.
    pub log: String,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
}
