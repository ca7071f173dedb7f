//! Messages that nobody took, kept for a while: to be looked into, sent again, thrown away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What there is of undelivered messages.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letters {
    /// How many there ever were.
    pub total: u64,
    /// How many were pushed out by newer ones.
    pub forgotten: u64,
    /// How many were sent again or thrown away.
    pub taken: u64,
    /// How many there ever were, by the word for why.
    pub by_reason: BTreeMap<String, u64>,
    /// Those that are kept, the newest first.
    pub kept: Vec<LetterLine>,
}

/// A message that was not delivered.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterLine {
    /// Its number among all there ever were on this node.
    pub number: u64,
    /// When it was given up, RFC 3339.
    pub at: String,
    /// A word for why: `full`, `waited_too_long`, `closed`, `displaced`, `left_over`, `too_many_deliveries` or `expired`.
    pub reason: String,
    /// The same in a sentence.
    pub why: String,
    /// Who sent it, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Whom it was for; empty if it cannot be read.
    pub receivers: Vec<String>,
    /// The act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub act: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// When the answer was due, RFC 3339; past that it is not sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_by: Option<String>,
    /// Bytes of the whole.
    pub bytes: u64,
    /// Why it cannot be read, of one whose signature nobody can check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
}

/// An undelivered message closely.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterShown {
    /// As it stands in the list.
    #[serde(flatten)]
    pub line: LetterLine,
    /// What it says, if that is text, at most [`LetterShown::CONTENT_MAX`] bytes of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Whether there is more of it.
    pub cut: bool,
}

impl LetterShown {
    /// Bytes of the content that are shown.
    pub const CONTENT_MAX: usize = 16 * 1024;
}

/// An undelivered message was handed over once more.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resent {
    /// Whom it reached. They verify it as always: what they have taken before they refuse.
    pub receivers: Vec<String>,
}
