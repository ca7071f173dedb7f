//! An act of the demo: as it is announced, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An act as it is announced.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(super) struct Act {
    /// From 1 to 6.
    pub(super) act: u8,
    pub(super) title: String,
    pub(super) says: String,
    /// The same by hand.
    pub(super) commands: Vec<String>,
}

/// What became of an act, or of a part of one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Played {
    /// What was seen, in order.
    pub(super) steps: Vec<String>,
    /// Whether it is as it was promised.
    pub(super) holds: bool,
    /// The goal it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) goal: Option<String>,
    /// The process that is to be killed next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<u32>,
    /// The question that a person is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<String>,
}

impl Played {
    pub(super) fn step(&mut self, words: impl Into<String>) {
        self.steps.push(words.into());
    }
}
