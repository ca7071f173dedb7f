//! What any agent may ask the Critic: to judge a text, a JSON object or a patch, and what it refused before.

use serde::{Deserialize, Serialize};

use crate::{Fact, Material, Report, Status};

/// Kinds of work that can be judged by criteria.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Prose, a report, an answer.
    #[default]
    Text,
    /// A JSON value.
    Json,
    /// A change of files.
    Patch,
}

/// Asks the Critic to judge a work of the asker's own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeRequest {
    /// What kind of work it is.
    #[serde(default)]
    pub kind: WorkKind,
    /// What was asked of the writer.
    pub goal: String,
    /// The work.
    pub text: String,
    /// What it may rest on.
    #[serde(default)]
    pub materials: Vec<Material>,
    /// What it may rest on and could not be read, each with the reason: what rests on it cannot be checked.
    #[serde(default)]
    pub unread: Vec<String>,
    /// Figures that were signed for it.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// What a good one is, as a criteria file has it; without it all checks of the kind run.
    #[serde(default)]
    pub criteria: Option<String>,
    /// Whether this is a beginning: only what no later word can mend is looked for, and a report without a critical issue says "go on".
    #[serde(default)]
    pub growing: bool,
    /// Whether it stays between asker and Critic: it is not remembered, and nobody else is asked. A command, tool or model of the criteria
    /// counts as a check that could not run.
    #[serde(default)]
    pub alone: bool,
}

/// Has a text judged while it is written. The first piece says by what; the last one has the whole judged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamRequest {
    /// What the asker calls this text; of each asker another one. A node's front that asks for many says before a slash for whom.
    pub stream: String,
    /// By what it is judged, with the first piece; its own text is left empty.
    #[serde(default)]
    pub begin: Option<Box<JudgeRequest>>,
    /// What was written since the piece before.
    #[serde(default)]
    pub more: String,
    /// Whether nothing follows.
    #[serde(default)]
    pub last: bool,
    /// Whether its writer has broken off: nothing is judged any more, and the text is forgotten.
    #[serde(default)]
    pub dropped: bool,
}

/// What the Critic says to a piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamReply {
    /// Whether the writer should stop: no later word can mend what is wrong. The stream is over with it.
    pub stop: bool,
    /// Why, or what came of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
}

/// Asks the Critic what it judged before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRequest {
    /// Of which agent; of all without it.
    #[serde(default)]
    pub agent: Option<String>,
    /// Of which kind; of all without it.
    #[serde(default)]
    pub kind: Option<WorkKind>,
}

/// One work that was judged: a row for whoever learns from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedWork {
    /// Who asked.
    pub agent: String,
    /// What it was.
    pub kind: WorkKind,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// The goal, shortened.
    pub goal: String,
    /// What came of it.
    pub status: Status,
    /// Its score.
    pub score: f64,
    /// The criteria it was judged by.
    pub criteria: String,
    /// What was wrong, each as "check: what".
    pub why: Vec<String>,
}
