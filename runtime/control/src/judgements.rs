//! Texts that are judged without a goal, as the contract speaks of them: as a whole, or piece by piece while they grow.

use aios_work::WorkKind;
use serde::{Deserialize, Serialize};

use crate::GivenFile;

/// Has the node's Critic judge a text.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judge {
    /// What was asked of whoever wrote it, at most [`Judge::GOAL_CHARS_MAX`] characters.
    #[cfg_attr(feature = "http", schemars(regex(pattern = r"\S"), length(min = 1, max = Judge::GOAL_CHARS_MAX)))]
    pub goal: String,
    /// The text, at most [`Judge::ANSWER_CHARS_MAX`] characters; empty where a text that grows is begun.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "http", schemars(length(max = Judge::ANSWER_CHARS_MAX)))]
    pub answer: String,
    /// What kind of work it is: `text`, `json` or `patch`.
    #[serde(default)]
    #[cfg_attr(feature = "http", schemars(with = "String", extend("enum" = ["text", "json", "patch"])))]
    pub kind: WorkKind,
    /// What a good one is, as a file of criteria has it (TOML), at most [`Judge::CRITERIA_CHARS_MAX`] characters; without it all checks run.
    /// Commands, tools and models that it names are asked for whoever may name any path of the node; for others they are checks that could
    /// not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(length(max = Judge::CRITERIA_CHARS_MAX)))]
    pub criteria: Option<String>,
    /// What it rests on, at most [`Judge::FILES_MAX`] files of at most [`Judge::FILES_BYTES_MAX`] bytes together. They are read and not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "http", schemars(length(max = Judge::FILES_MAX)))]
    pub files: Vec<GivenFile>,
    /// Nothing of it may leave the node's machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// Nobody else is asked, whoever asks: commands, tools and models that the criteria name are checks that could not run, and nothing is
    /// remembered of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
    /// How long it may take, in milliseconds: from 1 to [`Judge::DEADLINE_MS_MAX`].
    #[serde(
        default = "usual_deadline_ms",
        deserialize_with = "crate::integer::integer"
    )]
    #[cfg_attr(feature = "http", schemars(range(min = 1, max = Judge::DEADLINE_MS_MAX)))]
    pub deadline_ms: u64,
}

fn usual_deadline_ms() -> u64 {
    Judge::DEADLINE_MS
}

impl Judge {
    /// Characters of what was asked.
    pub const GOAL_CHARS_MAX: usize = 8 * 1024;
    /// Characters of the text.
    pub const ANSWER_CHARS_MAX: usize = 128 * 1024;
    /// Characters of the criteria.
    pub const CRITERIA_CHARS_MAX: usize = 64 * 1024;
    /// Files that it may rest on.
    pub const FILES_MAX: usize = 16;
    /// Bytes that these have together: what is read of them travels to the Critic in one message.
    pub const FILES_BYTES_MAX: usize = 512 * 1024;
    /// The longest it may be given: ten minutes.
    pub const DEADLINE_MS_MAX: u64 = 600_000;
    /// What it is given unless somebody says otherwise: a minute.
    pub const DEADLINE_MS: u64 = 60_000;

    /// A text that answers this.
    pub fn new(goal: impl Into<String>, answer: impl Into<String>) -> Self {
        Self {
            goal: goal.into(),
            answer: answer.into(),
            kind: WorkKind::Text,
            criteria: None,
            files: Vec::new(),
            private: false,
            alone: false,
            deadline_ms: Self::DEADLINE_MS,
        }
    }
}

/// Has a text judged while it is written, piece by piece. The first piece says by what; with the last the whole is judged. The answer is a
/// [`StreamReply`](aios_work::StreamReply): whether the writer should stop, because no later word can mend what is wrong.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeMore {
    /// What the asker calls this text: of its texts that grow another one, at most 64 characters.
    #[cfg_attr(feature = "http", schemars(regex(pattern = "^[A-Za-z0-9._-]{1,64}$")))]
    pub stream: String,
    /// By what it is judged, with the first piece; its own text is left empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Box<Judge>>,
    /// What was written since the piece before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "http", schemars(length(max = Judge::ANSWER_CHARS_MAX)))]
    pub more: String,
    /// Whether nothing follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// Whether its writer has broken off: nothing is judged any more, and the text is forgotten.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
    /// How long the Critic may take over this piece, in milliseconds: from 1 to [`Judge::DEADLINE_MS_MAX`].
    #[serde(
        default = "usual_deadline_ms",
        deserialize_with = "crate::integer::integer"
    )]
    #[cfg_attr(feature = "http", schemars(range(min = 1, max = Judge::DEADLINE_MS_MAX)))]
    pub deadline_ms: u64,
}
