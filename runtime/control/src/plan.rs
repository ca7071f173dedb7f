//! The plan of a goal and how far it has come: its tasks, their attempts, what they took, what the Critic said of them.

use aios_work::Spent;
use aios_work::content::{CriticReport, TaskJudged, TaskStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::GoalPhase;

/// The plan of a goal, under way or over. It is the plan that is carried out, not one that is guessed from what happened.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanShown {
    /// Which goal.
    pub goal_id: String,
    /// Where the goal stands.
    pub phase: GoalPhase,
    /// Who made it: `model`, `file`, or the name of a pack whose rules did; none as long as there is no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Its tasks, in the order of the plan; none as long as there is no plan.
    pub tasks: Vec<PlanTask>,
    /// What was looked at before there was a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub looks: Vec<PlanPart>,
    /// What was asked for and is not in the plan, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
    /// The tasks of the chain that took longest, the first first: nothing but these being quicker makes the goal quicker.
    pub critical_path: Vec<String>,
    /// What that chain took, in milliseconds.
    pub critical_path_ms: f64,
    /// What the Critic said of the whole answer, of a goal that has one or whose answer was held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(with = "Option<Value>"))]
    pub judged: Option<CriticReport>,
    /// What the model was used for all of it, of a goal that is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(with = "Option<Value>"))]
    pub spent: Option<Spent>,
}

/// A task of a plan.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanTask {
    /// Its name, unique in the plan.
    pub id: String,
    /// The tool that does it.
    pub tool: String,
    /// What it is for, in a few words.
    pub title: String,
    /// What the tool is given, with references to what other tasks give.
    pub args: Value,
    /// Tasks whose results it needs, those that its arguments refer to among them.
    pub needs: Vec<String>,
    /// Tasks whose end it waits for, whatever came of them.
    pub after: Vec<String>,
    /// The list for each element of which it is done once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub each: Option<Value>,
    /// The most that one attempt may take, in milliseconds.
    pub deadline_ms: u64,
    /// The most model tokens that it may take; zero where no model is used.
    pub tokens_max: u32,
    /// How it went so far.
    #[serde(flatten)]
    pub work: PlanWork,
    /// The same of each element, of a task that is done for each of a list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PlanPart>,
}

/// A piece of work that is no task of the plan itself: an element of a task's list, or a look before there was a plan.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanPart {
    /// Its name.
    pub id: String,
    /// The tool.
    pub tool: String,
    /// What it is for, in a few words.
    pub title: String,
    /// How it went so far.
    #[serde(flatten)]
    pub work: PlanWork,
}

/// How a piece of work went so far.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanWork {
    /// Where it stands.
    #[cfg_attr(feature = "http", schemars(with = "String"))]
    pub status: TaskStatus,
    /// Each time that it was given to somebody, the first first.
    pub attempts: Vec<PlanAttempt>,
    /// Who had it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The Critic's last score, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// Time in the tool that made the accepted result, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_ms: Option<f64>,
    /// What all its attempts took, judgements included, in milliseconds; of one under way up to now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<f64>,
    /// Model tokens that all its attempts took, prompts included; known when it has ended and a model may have been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Why it waits, is tried again or came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How its result was come by when the usual way failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
}

impl Default for PlanWork {
    /// Nothing was done yet.
    fn default() -> Self {
        Self {
            status: TaskStatus::Pending,
            attempts: Vec::new(),
            agent: None,
            score: None,
            tool_ms: None,
            took_ms: None,
            tokens: None,
            reason: None,
            recovered: None,
        }
    }
}

/// One time that a task was given to somebody.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanAttempt {
    /// Its number, from 1. A goal that is gone on with counts on.
    pub number: u32,
    /// Where it stands, or how it ended: `completed`, `retrying` where another follows, `failed`.
    #[cfg_attr(feature = "http", schemars(with = "String"))]
    pub status: TaskStatus,
    /// Who had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// When it was given, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// From then to what followed, the Critic's judgement included, in milliseconds; of one under way up to now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<f64>,
    /// What the Critic said of its result: `verdict`, `score`, `dimensions`, and `issues` with the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "http", schemars(with = "Option<Value>"))]
    pub judged: Option<Box<TaskJudged>>,
    /// Why it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is other than at the attempt before, and because of what; a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
}
