//! What the messages of a goal carry: one serde type per ontology, JSON on the way.
//!
//! Agents meet by these types and never by each other's structs. Paths are text here, because a message may be read on another machine;
//! the executor alone turns them into files, inside its workspace.

mod agent;
mod model;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use crate::hex::{hex, unhex};
use crate::{
    Artifact, Capabilities, Capability, Dimensions, Effect, Ended, Fact, Goal, InputFile, Issue,
    Plan, PlanFile, Spent, Task, ToolOutput, ToolSpec, Verdict,
};

pub use agent::{AgentAnswer, AgentCall, AgentOffer, AgentOrder, AgentReply, NoAnswer};
pub use model::{ModelReport, SamplingReport, THOUGHTS_TOLD, ThoughtReport, ThoughtSettings};

/// Names of the schemas that a message's content may follow.
pub mod ontology {
    /// [`GoalRequest`](super::GoalRequest) in, [`Answer`](super::Answer) out.
    pub const GOAL: &str = "aios.goal";
    /// [`GoalRequest`](super::GoalRequest) in, [`PlanFile`](crate::PlanFile) out: what would be done, and nothing of it is.
    pub const PLAN: &str = "aios.plan";
    /// [`TaskOrder`](super::TaskOrder) in, [`TaskResult`](super::TaskResult) out.
    pub const TASK: &str = "aios.task";
    /// [`ValidationRequest`](super::ValidationRequest) in, a [`Judgement`](super::Judgement) out, of results a list of them.
    pub const VALIDATE: &str = "aios.validate";
    /// [`JudgeRequest`](crate::JudgeRequest) in, a [`Report`](crate::Report) out.
    pub const JUDGE: &str = "aios.judge";
    /// [`StreamRequest`](crate::StreamRequest) in, a [`StreamReply`](crate::StreamReply) out.
    pub const STREAM: &str = "aios.judge.stream";
    /// [`HistoryRequest`](crate::HistoryRequest) in, a list of [`JudgedWork`](crate::JudgedWork) out, the newest first.
    pub const HISTORY: &str = "aios.judge.history";
    /// [`LeaseRequest`](super::LeaseRequest) in, [`Lease`](super::Lease) out.
    pub const LEASE: &str = "aios.lease";
    /// [`LookupRequest`](super::LookupRequest) in, a list of [`Found`](super::Found) out.
    pub const LOOKUP: &str = "aios.lookup";
    /// [`RecallRequest`](super::RecallRequest) in, a list of [`Recalled`](super::Recalled) out.
    pub const RECALL: &str = "aios.recall";
    /// [`RememberRequest`](super::RememberRequest) in, nothing but the act out.
    pub const REMEMBER: &str = "aios.remember";
    /// [`AgentOrder`](super::AgentOrder) in, [`AgentAnswer`](super::AgentAnswer) out; in a contract net [`AgentCall`](super::AgentCall)
    /// in, [`AgentOffer`](super::AgentOffer) out, and the order with the acceptance.
    pub const AGENT: &str = "aios.agent";
}

/// A goal as it is asked, and what it may cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoalRequest {
    /// What is wanted. It was checked when it was made, and one that breaks the rules is not read, so nobody on the way looks again. Its id is
    /// chosen by whoever asks; asking again with the same id continues the same goal.
    pub goal: Goal,
    /// The folder artefacts are written to.
    pub out_dir: String,
    /// Wall time from request to answer, in milliseconds.
    pub deadline_ms: u64,
    /// Wall time of one attempt at one task, in milliseconds.
    pub task_deadline_ms: u64,
    /// Tokens the model may be asked for in all.
    pub tokens: u32,
    /// Tasks the plan may hold.
    pub tasks: u32,
    /// Money the model may cost in all, in millionths of the currency its price is in.
    #[serde(default)]
    pub money_micros: u64,
    /// How it is done; without it whoever knows such goals makes a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<PlanFile>>,
    /// It goes on from where another goal was, and another way: what nobody can take back was perhaps done by that one already, so a person
    /// is asked before it is done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forked: bool,
}

/// What was kept of a goal's plan: what a person forks and compares it by, and what a replay is made under.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptPlan {
    /// The plan as it is carried out.
    pub plan: crate::Plan,
    /// What the model could be asked for when it was made.
    pub thinks: crate::Thinks,
    /// The goal's files in the state they had.
    pub files: Vec<InputFile>,
    /// The version of the program that made it.
    pub made_by: String,
    /// Whether it calls anything of which nobody but its provider or a person knows whether it was done. What was kept before it was said may.
    #[serde(default = "yes")]
    pub binds: bool,
}

const fn yes() -> bool {
    true
}

/// A call of a tool that changes something, as it was begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptCall {
    /// The task.
    pub task_id: String,
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub args: serde_json::Value,
}

/// The name under which a goal's plan is kept among its planner's steps.
#[must_use]
pub fn plan_step(goal: &str) -> String {
    format!("{goal}/plan")
}

/// The name under which the call of an operation is kept among its executor's steps.
#[must_use]
pub fn call_step(operation: &str) -> String {
    format!("{operation}{CALL_MARK}")
}

/// What the names of kept calls end with; no task is called so.
pub const CALL_MARK: &str = "/~call";

/// How a goal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GoalStatus {
    /// The Critic approved the whole answer.
    Approved,
    /// The Critic found nothing wrong with the whole answer, but no check of the node could say whether it is right.
    Unverified,
    /// Something is missing, and the answer names it.
    Partial,
    /// There is no answer; the reason says why.
    Failed,
}

impl GoalStatus {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Unverified => "unverified",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    /// Waits for other tasks.
    Pending,
    /// An executor holds it.
    Running,
    /// Its result passed the Critic.
    Completed,
    /// All attempts are used up.
    Failed,
    /// Not needed any more.
    Cancelled,
    /// An attempt failed and the next is due.
    Retrying,
}

/// One task of a finished goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskReport {
    /// Unique within the goal.
    pub id: String,
    /// The tool that did it.
    #[serde(alias = "action")] // as records of earlier versions have it
    pub tool: String,
    /// Where it ended.
    pub status: TaskStatus,
    /// Attempts, the successful one included.
    pub attempts: u32,
    /// The Critic's score of the result, 0 to 1; none if it was never scored.
    pub score: Option<f64>,
    /// From the first order to the accepted result, in milliseconds.
    pub duration_ms: f64,
    /// Who did it last.
    pub agent: Option<String>,
    /// How it was come by when the usual way failed: an earlier result, something simpler, another executor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
}

/// The Critic's view of the whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct CriticReport {
    /// The weighted mean, 0 to 1.
    pub score: f64,
    /// Each dimension, 0 to 1.
    pub dimensions: BTreeMap<String, f64>,
    /// What it found wrong with what leaves, worst first, each with what shows it; at most [`ISSUES_TOLD`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
}

/// Issues of one judgement that are told on; the Critic has all of them.
pub const ISSUES_TOLD: usize = 8;

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
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            sent: self.sent.saturating_sub(earlier.sent),
            verified: self.verified.saturating_sub(earlier.verified),
            refused: self.refused.saturating_sub(earlier.refused),
        }
    }
}

/// What a goal ends with. Serialised, this is the object that `aios run --json` prints.
///
/// The node adds what only it can see when the answer has left its agents: `model`, `messages`, `restarts` and `duration_ms`.
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
    /// The Critic's sealed verdict frame over [`Answer::digest`], in hexadecimal; nothing is delivered without it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub verdict: String,
    /// What thought.
    #[serde(default)]
    pub model: ModelReport,
    /// Messages between agents while the goal ran.
    #[serde(default)]
    pub messages: MessageReport,
    /// Agents restarted while the goal ran.
    #[serde(default)]
    pub restarts: u64,
    /// From request to answer, in milliseconds.
    #[serde(default)]
    pub duration_ms: f64,
}

impl Answer {
    /// The answer to a goal of which nothing is known yet.
    #[must_use]
    pub fn none(goal_id: &str) -> Self {
        Self {
            goal_id: goal_id.to_owned(),
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            artifacts: Vec::new(),
            tasks: Vec::new(),
            critic: CriticReport::default(),
            gaps: Vec::new(),
            waits_for: Vec::new(),
            spent: Spent::default(),
            ended_by: None,
            reason: None,
            verdict: String::new(),
            model: ModelReport::default(),
            messages: MessageReport::default(),
            restarts: 0,
            duration_ms: 0.0,
        }
    }

    /// What the Critic signs: SHA-256 over the whole answer but the judgement itself and what the node adds, in hexadecimal.
    pub fn digest(&self) -> String {
        let Self {
            goal_id,
            status,
            answer,
            facts,
            artifacts,
            tasks,
            critic: _,
            gaps,
            waits_for,
            spent,
            ended_by,
            reason,
            verdict: _,
            model: _,
            messages: _,
            restarts: _,
            duration_ms: _,
        } = self;
        let said = (goal_id, status, answer, facts, artifacts, tasks, gaps);
        let beside = (waits_for, spent, ended_by, reason);
        let mut hash = Hashed(Sha256::new());
        // Texts and numbers always have a JSON form, lists have their length by their brackets, and a hash takes what it is given.
        let _ = serde_json::to_writer(&mut hash, &(said, beside));
        hex(&hash.0.finalize())
    }
}

/// Takes what is written into a hash, so that it need not lie anywhere first.
struct Hashed(Sha256);

impl std::io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Asks the Critic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationRequest {
    /// Which goal.
    pub goal_id: String,
    /// Which task of it; empty for the answer as a whole, and for results, which name theirs.
    pub task_id: String,
    /// What is to be judged.
    pub work: Submission,
}

/// What a Critic can judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Submission {
    /// A paragraph, against the facts it may state.
    Prose {
        /// The paragraph.
        text: String,
        /// The results it may be written from.
        grounds: Box<Grounds>,
    },
    /// Tools' results, each judged by itself; the Critic recomputes one where its task says how. It answers with a list of judgements, in
    /// the order of the results.
    Results {
        /// What was asked: its files are those that may be read.
        goal: Box<Goal>,
        /// The results.
        results: Vec<Candidate>,
        /// Where frames that are not in the exhibits lie: see [`Grounds::folder`].
        folder: u64,
        /// Files the Critic may read to recompute, in the state that the results were made from.
        inputs: Vec<InputFile>,
        /// The folder it may not write to but must name.
        out_dir: String,
    },
    /// The whole answer. The judgement of it, signed, is what lets it leave.
    Answer {
        /// The answer, without its verdict.
        answer: Box<Answer>,
        /// The results it was written from.
        grounds: Box<Grounds>,
    },
}

/// A task, and where a result of it can be seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The task as it was carried out.
    pub task: Task,
    /// Where the executor's word for the result lies.
    pub exhibit: Exhibit,
}

/// What a text was written from. The Critic takes none of its figures from here: it reads them from what executors signed, opens the plan
/// in its domain as the planner did, and sees which facts follow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grounds {
    /// What was asked.
    pub goal: Goal,
    /// The plan as it was carried out: where a task was done in the place of another, that one.
    pub plan: Plan,
    /// The goal's files in the state that is meant.
    pub inputs: Vec<InputFile>,
    /// Where the frames lie that are not in the exhibits themselves: the number of a folder of this node.
    pub folder: u64,
    /// One for each result, in the order in which they were accepted.
    pub exhibits: Vec<Exhibit>,
    /// The memory's word for the passages that were recalled; none if nothing was.
    pub recalled: Option<Exhibit>,
    /// What is missing, each with its reason.
    pub gaps: Vec<String>,
    /// Tasks that failed, by their ids.
    pub told: Vec<String>,
}

/// Where a result can be seen in the words of who gave it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exhibit {
    /// The task.
    pub task_id: String,
    /// The task itself where the plan does not hold it, such as a look before there was a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Box<Task>>,
    /// Who gave it.
    pub origin: Origin,
    /// The signed frame, in hexadecimal, from a planner whose folders the Critic does not share; otherwise it lies in the folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<String>,
}

/// Who gave a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// An executor (or the memory, for passages), asked for this goal: the frame is its reply.
    Signed {
        /// Under which operation.
        operation: String,
    },
    /// An executor, asked the same for an earlier goal.
    Earlier {
        /// Under which operation this goal would have had it done.
        operation: String,
        /// When it was taken up again, in microseconds since the Unix epoch.
        found_us: u64,
        /// Its files as they were copied for this goal.
        artifacts: Vec<Artifact>,
    },
    /// Nobody: the domain knows it without asking, and the Critic lets the domain say it again.
    Known,
}

/// What the Critic found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Which goal.
    pub goal_id: String,
    /// Which task of it; empty for the answer as a whole.
    pub task_id: String,
    /// The digest of the answer that was judged; empty for anything but an answer.
    pub digest: String,
    /// The digest of the goal that the answer was judged to be for; empty for anything but an answer.
    pub goal_digest: String,
    /// Whether the answer may leave as it is: approved, or partial and honest about it.
    pub deliverable: bool,
    /// Whether any check looked at accuracy.
    pub checked: bool,
    /// What follows from the score.
    pub verdict: Verdict,
    /// The weighted mean, 0 to 1.
    pub score: f64,
    /// What it is the mean of.
    pub dimensions: Dimensions,
    /// What is wrong, worst first.
    pub issues: Vec<Issue>,
    /// What to tell whoever makes it anew.
    pub feedback: String,
}

/// An order to an executor: one task, once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskOrder {
    /// Which goal.
    pub goal_id: String,
    /// Which task of it.
    pub task_id: String,
    /// The idempotency key: the same operation is never done twice, however often it is ordered.
    pub operation: String,
    /// The tool.
    pub tool: String,
    /// What the tool is called with.
    pub args: serde_json::Value,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Files that may be read, in the state that is meant.
    pub inputs: Vec<InputFile>,
    /// The one folder that may be written.
    pub out_dir: String,
    /// What the tool may do; a tool whose capability is not among them is refused.
    pub capabilities: Capabilities,
    /// Wall time for this attempt, in milliseconds.
    pub deadline_ms: u64,
}

impl TaskOrder {
    /// What is to be done, as one name: SHA-256 over the tool, its arguments and the contents of the files it may read, in hexadecimal.
    /// An executor signs it with the result, so that the result cannot be passed off as one of another question.
    #[must_use]
    pub fn asked(&self) -> String {
        asked(&self.tool, &self.args, &self.inputs)
    }
}

/// The name of a question, see [`TaskOrder::asked`].
#[must_use]
pub fn asked(tool: &str, args: &serde_json::Value, inputs: &[InputFile]) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    part(tool.as_bytes());
    part(args.to_string().as_bytes());
    for file in inputs {
        part(file.name.as_bytes());
        part(file.path.as_os_str().as_encoded_bytes());
        part(
            file.state
                .content
                .map(String::from)
                .unwrap_or_default()
                .as_bytes(),
        );
    }
    hex(&hash.finalize())
}

/// An executor's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// Which task.
    pub task_id: String,
    /// Which operation.
    pub operation: String,
    /// What was asked, see [`TaskOrder::asked`].
    pub asked: String,
    /// What the tool gave.
    pub output: ToolOutput,
    /// Time in the tool, in milliseconds; what a stored result took when it was made.
    pub duration_ms: f64,
    /// Who did it.
    pub agent: String,
}

/// Asks for the right to drive a goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRequest {
    /// What is to be held.
    pub resource: String,
    /// How long without renewal, in milliseconds.
    pub ttl_ms: u64,
}

/// The right to drive a goal, until it runs out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// What is held.
    pub resource: String,
    /// The fencing token: the higher one is in force.
    pub token: u64,
}

/// Asks who offers something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct LookupRequest {
    /// Skills that one agent must have all of.
    pub skills: Vec<String>,
    /// A role such as `macro.executor`; empty means any.
    pub role: String,
}

/// An agent that offers what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its identity.
    pub agent: String,
    /// Everything it offers.
    pub skills: Vec<String>,
    /// Its state in the registry, such as `active`.
    pub status: String,
    /// Of those skills that are tools, what calling them takes and does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolOffer>,
}

/// A tool as it is found, before anybody has seen its whole description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOffer {
    /// Its name.
    pub name: String,
    /// What the caller must grant.
    pub needs: Capabilities,
    /// What it means to call it twice.
    pub effect: Effect,
}

impl ToolOffer {
    const NEEDS: &str = "needs";
    const EFFECT: &str = "effect";

    /// What a tool's description says of it.
    #[must_use]
    pub fn of(spec: &ToolSpec) -> Self {
        Self {
            name: spec.name.clone(),
            needs: spec.needs.clone(),
            effect: spec.effect,
        }
    }

    /// As the card of whoever has the tool says it.
    #[must_use]
    pub fn properties(spec: &ToolSpec) -> BTreeMap<String, String> {
        let needs: Vec<&str> = spec.needs.iter().map(Capability::as_str).collect();
        BTreeMap::from([
            (Self::NEEDS.to_owned(), needs.join(" ")),
            (Self::EFFECT.to_owned(), spec.effect.as_str().to_owned()),
        ])
    }

    /// As a card says it; none if it says nothing of a tool.
    #[must_use]
    pub fn read(name: &str, properties: &BTreeMap<String, String>) -> Option<Self> {
        let needs = properties.get(Self::NEEDS)?.split_whitespace();
        let needs: Result<Vec<Capability>, _> = needs.map(Capability::new).collect();
        Some(Self {
            name: name.to_owned(),
            needs: needs.ok()?.into_iter().collect(),
            effect: Effect::named(properties.get(Self::EFFECT)?)?,
        })
    }
}

/// Asks the memory agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecallRequest {
    /// What about.
    pub text: String,
    /// At most this many.
    pub most: usize,
}

/// One thing remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recalled {
    /// Where it came from.
    pub source: String,
    /// The text.
    pub text: String,
    /// How well it fits; higher is better, comparable within one answer only.
    pub score: f64,
}

/// Gives the memory agent something to keep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberRequest {
    /// Where it comes from; the same source replaces what was kept of it.
    pub source: String,
    /// The text to be found by.
    pub text: String,
    /// What came of the goal that it comes from, if it comes from one.
    #[serde(default)]
    pub result: Option<Remembered>,
}

/// What came of a goal, as it is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// Which goal.
    pub goal_id: String,
    /// How it ended.
    pub status: GoalStatus,
    /// Markdown.
    pub answer: String,
    /// The Critic's score, 0 to 1.
    pub score: f64,
}

/// What the Critic said of a result, as it is told on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskJudged {
    /// What follows from the score.
    pub verdict: Verdict,
    /// The weighted mean, 0 to 1.
    pub score: f64,
    /// What it is the mean of.
    pub dimensions: Dimensions,
    /// Whether any check looked at accuracy.
    pub checked: bool,
    /// What is wrong, worst first, each with what shows it; at most [`ISSUES_TOLD`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
}

impl From<&Judgement> for TaskJudged {
    fn from(judgement: &Judgement) -> Self {
        Self {
            verdict: judgement.verdict,
            score: judgement.score,
            dimensions: judgement.dimensions,
            checked: judgement.checked,
            issues: judgement.issues.iter().take(ISSUES_TOLD).cloned().collect(),
        }
    }
}

/// A task moved; published on `aios.events.task.{goal_id}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskEvent {
    /// Which goal.
    pub goal_id: String,
    /// Which task.
    pub task_id: String,
    /// The tool.
    pub tool: String,
    /// What it is for, in a few words.
    pub title: String,
    /// Where it stands now.
    pub status: TaskStatus,
    /// Which attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// Who holds it.
    #[serde(default)]
    pub agent: Option<String>,
    /// The Critic's score, once there is one.
    #[serde(default)]
    pub score: Option<f64>,
    /// Time in the tool that made the accepted result, in milliseconds; none if nothing was made.
    #[serde(default)]
    pub duration_ms: Option<f64>,
    /// Why it is retried or has failed.
    #[serde(default)]
    pub reason: Option<String>,
    /// When, RFC 3339; none in what earlier versions told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What the Critic said since the task was told of last: of the attempt before where it is `running`, of this one otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Box<TaskJudged>>,
    /// Model tokens that all its attempts took, prompts included; told when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
}

/// An agent started, fell or came back; published on `aios.events.agent.{agent}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentEvent {
    /// Who.
    pub agent: String,
    /// `started`, `exited`, `restarting` or `gave-up`.
    pub kind: String,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
    /// Its supervisor.
    pub supervisor: String,
}
