//! What can be done with a goal that was carried out: forked, gone through again, compared, taken elsewhere, undone.

use std::sync::Arc;

use aios_work::content::Answer;
use aios_work::{PlanFile, ToolSpec};
use serde::{Deserialize, Serialize};

use crate::{ControlError, Event, GoalPhase, Submit};

/// A goal that goes on from where another one was, another way.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// Which goal.
    pub goal_id: String,
    /// The task from which on everything is done anew. What was finished and does not rest on it is taken over.
    pub at: String,
    /// How it is done instead; without it as before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(schema_with = "crate::goals::plan_schema"))]
    pub plan: Option<Box<PlanFile>>,
    /// A name for the new one, or none for a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "http",
        schemars(regex(pattern = Submit::ID), length(min = 1, max = Submit::ID_MAX))
    )]
    pub new_id: Option<String>,
}

/// A goal that was forked.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// Its name.
    pub goal_id: String,
    /// The tasks whose results were taken over: they are not done again.
    pub inherited: Vec<String>,
}

/// What came of going through a goal again.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// Its name.
    pub goal_id: String,
    /// Whether it comes to the same answer, byte for byte.
    pub same: bool,
    /// What differs, a sentence each.
    pub differs: Vec<String>,
    /// Calls of tools that would have been made, and were not.
    pub would_call: Vec<String>,
    /// How often a model would have been asked, and was not.
    pub would_think: u64,
    /// Steps whose results were on record.
    pub steps: u64,
}

/// What is different between two goals.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// In what was asked.
    pub asked: Vec<String>,
    /// In their plans.
    pub plan: Vec<String>,
    /// In what came of their tasks.
    pub results: Vec<String>,
    /// In their answers.
    pub answer: Vec<String>,
}

impl Compared {
    /// Whether nothing is.
    pub fn is_same(&self) -> bool {
        [&self.asked, &self.plan, &self.results, &self.answer]
            .iter()
            .all(|differences| differences.is_empty())
    }
}

/// What was taken back of a goal, the last thing that it did first.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Its name.
    pub goal_id: String,
    /// Each thing that it did.
    pub effects: Vec<UndoneEffect>,
}

/// What became of one thing that a goal did.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneEffect {
    /// The task that did it.
    pub task: String,
    /// By which tool.
    pub tool: String,
    /// What became of it.
    pub outcome: UndoOutcome,
    /// Why, where it stands.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Whether something was taken back.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoOutcome {
    /// It was.
    Undone,
    /// Its tool names nothing that takes it back.
    NoUndo,
    /// It was tried, and it stands or nobody knows.
    Failed,
    /// It was not tried, because something that was done after it stands.
    NotTried,
}

/// A goal with all that is on record of it, in one file: on another machine it can be looked at, compared, forked and gone through again.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    /// The number of this form.
    pub form: u16,
    /// The version of the program that wrote it.
    pub made_by: String,
    /// The goal's name.
    pub goal_id: String,
    /// What was asked.
    pub asked: Submit,
    /// When it was accepted; microseconds since 1970.
    pub accepted_us: u64,
    /// Where it stood.
    pub phase: GoalPhase,
    /// What it ended with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(with = "Option<serde_json::Value>"))]
    pub answer: Option<Arc<Answer>>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ControlError>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// What was done, and what came of it.
    pub steps: Vec<RunStep>,
    /// What its tools say of themselves.
    #[cfg_attr(feature = "http", schemars(with = "Vec<serde_json::Value>"))]
    pub tools: Vec<ToolSpec>,
    /// SHA-256 over everything else, in hexadecimal: a file that was cut or changed is refused.
    pub sum: String,
}

/// A step as it stood.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunStep {
    /// The role of whoever did it.
    pub role: String,
    /// What it is called among the goal's steps of that role.
    pub name: String,
    /// When it was begun last; microseconds since 1970.
    pub at_us: u64,
    /// How often it was begun, of one that never ended.
    #[serde(default)]
    pub attempts: u32,
    /// What came of it, of one that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
}

impl RunFile {
    /// The form that is written, and the newest that is read.
    pub const FORM: u16 = 1;
}
