//! What a goal ends with, as the node hands it out: the planner's answer and what only the node can see.

use std::time::Duration;

use aios_actors::content::{CriticReport, GoalAnswer, GoalStatus, TaskReport};
use aios_actors::recovery::{Ended, Spent};
use aios_work::{Artifact, Fact};
use serde::{Deserialize, Serialize};

/// A finished goal. Serialised, this is the object that `aios run --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Which goal.
    pub goal_id: String,
    /// How it ended.
    pub status: GoalStatus,
    /// Markdown.
    pub answer: String,
    /// Every figure the answer rests on, with its source.
    pub facts: Vec<Fact>,
    /// Files written.
    pub artifacts: Vec<Artifact>,
    /// What was done.
    pub tasks: Vec<TaskReport>,
    /// The judgement.
    pub critic: CriticReport,
    /// What is missing, in a partial answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
    /// Approvals that nobody decided in time; the same goal asked again goes on with the decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<String>,
    /// What the model was used for it.
    #[serde(default)]
    pub spent: Spent,
    /// What guard or budget cut it short, if one did. Rules and templates cost nothing, so the answer may still be whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<Ended>,
    /// Why there is no answer, in a failed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What thought.
    pub model: ModelReport,
    /// Messages between agents while the goal ran.
    pub messages: MessageReport,
    /// Agents restarted while the goal ran.
    pub restarts: u64,
    /// From request to answer, in milliseconds.
    pub duration_ms: f64,
}

/// What thought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct ModelReport {
    /// `burn` or `scripted`, or what an embedder brought.
    pub engine: String,
    /// Where it computed.
    pub device: String,
    /// The language model's name; empty for an engine without one.
    pub name: String,
}

/// Messages between agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct MessageReport {
    /// Signed and handed over.
    pub sent: u64,
    /// Verified and admitted.
    pub verified: u64,
    /// Refused, each with a reason in the audit.
    pub refused: u64,
}

impl MessageReport {
    /// What was added since an earlier count.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            verified: self.verified.saturating_sub(earlier.verified),
            refused: self.refused.saturating_sub(earlier.refused),
        }
    }
}

impl Answer {
    /// Adds what only the node can see.
    pub fn new(
        goal: GoalAnswer,
        model: ModelReport,
        messages: MessageReport,
        restarts: u64,
        duration: Duration,
    ) -> Self {
        let GoalAnswer {
            goal_id,
            status,
            answer,
            facts,
            artifacts,
            tasks,
            critic,
            gaps,
            waits_for,
            spent,
            ended_by,
            reason,
            verdict: _,
        } = goal;
        let duration_ms = duration.as_secs_f64() * 1_000.0;
        Self {
            goal_id,
            status,
            answer,
            facts,
            artifacts,
            tasks,
            critic,
            gaps,
            waits_for,
            spent,
            ended_by,
            reason,
            model,
            messages,
            restarts,
            duration_ms,
        }
    }
}
