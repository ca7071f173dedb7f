//! The seams for a kind of goals: where a plan comes from, and who reads what comes of it.
//!
//! A pack fills both for its own kind. A [`PlanSource`] turns a goal into a [`Plan`]; the [`Domain`] of the same name is asked what a
//! task is called with once it is due, what could be done instead of it, and what the answer says. Neither runs anything: tools and
//! models are reached through the [`Bench`] alone, and every plan is checked before its tasks run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Artifact, Check, Evidence, Fact, Goal, Plan, PlanLimits, Reader, Task, ToolOutput, ToolSpec,
    fill,
};

/// What a model is asked, and the form its answer must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// What the model is, in a sentence.
    pub role: String,
    /// What the model reads.
    pub prompt: String,
    /// JSON schema of what it may write.
    pub schema: Value,
    /// Most tokens of the answer.
    pub max_tokens: u32,
}

/// A look that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Why.
    pub reason: String,
    /// Whether the tool's policy lets the goal go on without it.
    pub tolerable: bool,
}

/// What the node's model can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinks {
    /// Nothing: there is none, or one that follows rules.
    #[default]
    Nothing,
    /// One small question at a time.
    InSteps,
    /// A whole plan.
    WholePlans,
}

/// What a plan may be made with.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The names of the tools that somebody offers.
    fn tools(&self) -> &[String];

    /// What those say of themselves that are known here.
    fn specs(&self) -> Vec<ToolSpec> {
        Vec::new()
    }

    /// What the plan may cost.
    fn limits(&self) -> PlanLimits {
        PlanLimits::default()
    }

    /// Whether a plan whose arguments are whole would be carried out.
    ///
    /// # Errors
    /// The rule that it breaks, in a sentence.
    fn check(&self, plan: &Plan) -> Result<(), String> {
        let _ = plan;
        Ok(())
    }

    /// What can be asked of the model.
    fn thinks(&self) -> Thinks {
        Thinks::default()
    }

    /// The places of some texts, those nearest in meaning to what is wanted first; none where nobody can tell.
    async fn rank(&self, wanted: &str, texts: &[String]) -> Option<Vec<usize>> {
        let _ = (wanted, texts);
        None
    }

    /// The time that is left.
    fn left(&self) -> Duration;

    /// Carries out a task before there is a plan, such as a look into a file. Its result is judged and kept like every other: a task of
    /// the same id in the plan counts as done.
    async fn look(&self, task: &Task) -> Result<Value, Missed>;

    /// Asks the model, once: a planner that comes back is given the same answer, which is empty when no model answers. None when the goal
    /// cannot pay for it.
    async fn think(&self, question: &Question) -> Option<String>;
}

/// How strongly a source claims a goal. The strongest claim makes the plan; of two that are as strong the one of the source that stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// The goal is not of this source's kind.
    Not,
    /// A plan could be made, and who says more would make a better one.
    Can,
    /// Some of what the goal brings is of this kind, by what it holds.
    Part,
    /// All of what the goal brings is of this kind, by what it holds.
    Whole,
    /// The words of the goal ask for what this source does, whatever it brings.
    Asked,
}

/// Where plans come from.
#[async_trait]
pub trait PlanSource: Send + Sync {
    /// The name of the domain that reads the results.
    fn name(&self) -> &str;

    /// How far the goal is of this source's kind. A goal's files may be looked into, by how they begin and no further: what they are called
    /// says little about what they hold. Nothing else may be done, and the same goal over the same files is claimed the same.
    fn claims(&self, goal: &Goal) -> Claim;

    /// Whether something can be made of what the memory recalled about a goal that this source does not claim for itself. It counts as
    /// [`Claim::Can`].
    fn answers(&self, goal: &Goal, recalled: &[String]) -> bool {
        let _ = (goal, recalled);
        false
    }

    /// The plan.
    ///
    /// # Errors
    /// In a sentence why there is none; the goal fails with it.
    async fn plan(&self, goal: &Goal, bench: &dyn Bench) -> Result<Plan, String>;
}

/// How far a goal has come.
#[derive(Debug, Clone, Copy)]
pub struct SoFar<'a> {
    /// The plan as it was carried out: where a task was done in the place of another, that one.
    pub plan: &'a Plan,
    /// What each accepted task gave, by its id; of prose the text.
    pub results: &'a BTreeMap<String, Value>,
    /// Files that were written.
    pub artifacts: &'a [Artifact],
    /// Passages from memory, best first.
    pub recalled: &'a [String],
    /// How results were come by that did not come the usual way.
    pub notes: &'a [String],
    /// What is missing, each with its reason.
    pub gaps: &'a [String],
    /// Tasks that failed and whose gap is among `gaps`, by their ids.
    pub told: &'a BTreeSet<String>,
}

/// Something simpler than a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Simpler {
    /// Another task under the same id, with all its arguments; and what is lost by it.
    Task {
        /// The task.
        task: Box<Task>,
        /// What is lost.
        says: String,
    },
    /// A result that needs nothing.
    Known {
        /// The result.
        output: ToolOutput,
        /// Where it comes from.
        says: String,
    },
}

/// An answer as its domain writes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Markdown.
    pub answer: String,
    /// Every figure it rests on.
    pub facts: Vec<Fact>,
    /// What is missing; an answer with gaps is partial.
    pub gaps: Vec<String>,
    /// What the answer is judged against.
    pub evidence: Evidence,
}

/// A kind of goals. Pure.
pub trait Domain: Send + Sync {
    /// What plans call it in `source`.
    fn name(&self) -> &str;

    /// A goal of this kind, with its plan.
    ///
    /// # Errors
    /// When the plan is not one of this domain.
    fn open(&self, goal: &Goal, plan: &Plan) -> Result<Box<dyn Case>, String>;

    /// One task more, behind all others: the answer in words, where a model can write it. A domain whose plans hold such a task has none.
    fn closing(&self, plan: &Plan) -> Option<Task> {
        let _ = plan;
        None
    }
}

/// One goal in its domain's hands. Pure: everything it says follows from the goal, the plan and the results.
pub trait Case: Send + Sync {
    /// What a task is called with, now that what it needs is there; none when there is nothing to do it with. `feedback` is what the
    /// critic said of the text before.
    fn args(&self, task: &Task, so_far: &SoFar<'_>, feedback: Option<&str>) -> Option<Value> {
        let _ = feedback;
        fill(&task.args, so_far.results)
    }

    /// What can be done instead of a task that was called with `args`; none where less would be nothing.
    fn simpler(&self, task: &Task, args: &Value) -> Option<Simpler> {
        let _ = (task, args);
        None
    }

    /// A model's text without what surrounds it.
    fn tidy(&self, text: &str) -> String {
        text.trim().to_owned()
    }

    /// What the prose of a task may say and must cover.
    fn prose(&self, task: &Task, so_far: &SoFar<'_>) -> Evidence;

    /// The answer.
    fn write(&self, so_far: &SoFar<'_>) -> Written;
}

/// What a pack brings; each part may be empty.
#[derive(Clone, Default)]
pub struct Pack {
    /// Where its plans come from, asked in this order.
    pub sources: Vec<Arc<dyn PlanSource>>,
    /// Who reads the results of such plans.
    pub domains: Vec<Arc<dyn Domain>>,
    /// What it judges by. The checks of a pack with domains look at the texts of these alone; those of a pack without any at all texts.
    pub checks: Vec<Arc<dyn Check>>,
    /// Who reads a goal's files for whoever judges its answer, asked in this order.
    pub readers: Vec<Arc<dyn Reader>>,
}
