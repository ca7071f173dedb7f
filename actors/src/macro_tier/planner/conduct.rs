//! One task from order to accepted result: who does it, how often it is tried, what the critic says.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aios_protocols::subject::EventKind;
use aios_protocols::{Content, Draft, Performative, ProtocolName, ReasonKind, Subject, Trusted};
use aios_tools::{Capability, ToolOutput};
use serde_json::Value;
use tokio::time::Instant;

use super::dag::{Filling, fill};
use super::writing;
use crate::agent::{Address, AgentError, AskError, Context, SendError};
use crate::content::{
    GoalRequest, Judgement, TaskEvent, TaskOrder, TaskReport, TaskResult, TaskStatus,
    ValidationRequest, Work, ontology,
};
use crate::macro_tier::critic::{Evidence, REGENERATIONS};
use crate::macro_tier::plan::Task;

/// Attempts after the first, for what may pass by itself.
const RETRIES: u32 = 3;
/// The wait before the first of them; it doubles up to the longest.
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// What an order may take beyond its own deadline: an executor that hangs is found out, restarted and given the order again.
const ORDER_GRACE: Duration = Duration::from_secs(3);
/// How long one judgement may take.
const VALIDATE_DEADLINE: Duration = Duration::from_secs(45);

/// What every task of one goal shares.
pub(super) struct Conduct<'a> {
    ctx: &'a Context,
    request: &'a GoalRequest,
    ends: Instant,
    /// Model tokens that are not reserved yet.
    tokens: AtomicU64,
}

/// How a task ended.
pub(super) struct Conducted {
    pub(super) report: TaskReport,
    pub(super) outcome: Result<ToolOutput, String>,
}

/// Prose and what it is judged by.
pub(super) struct Prose<'a> {
    pub(super) filling: Filling<'a>,
    pub(super) evidence: Evidence,
}

impl<'a> Conduct<'a> {
    pub(super) fn new(ctx: &'a Context, request: &'a GoalRequest) -> Self {
        let ends = Instant::now() + Duration::from_millis(request.deadline_ms);
        Self {
            ctx,
            request,
            ends,
            tokens: AtomicU64::new(request.tokens.into()),
        }
    }

    /// Reserves model tokens before they are spent.
    pub(super) fn reserve(&self, tokens: u32) -> Result<(), String> {
        let asked = u64::from(tokens);
        self.tokens
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(asked))
            .map(|_| ())
            .map_err(|left| {
                let allowed = self.request.tokens;
                format!("the goal's token budget is used up: {asked} needed, {left} of {allowed} left; raise goal.tokens")
            })
    }

    /// Tells whoever watches.
    pub(super) async fn tell(&self, event: TaskEvent) {
        let subject = Subject::event(EventKind::Task, &self.request.goal_id);
        if let Err(error) = self.ctx.publish(subject, &event).await {
            tracing::debug!(%error, "a task event was not published");
        }
    }

    pub(super) fn event(&self, task: &Task, title: &str, status: TaskStatus) -> TaskEvent {
        TaskEvent {
            goal_id: self.request.goal_id.clone(),
            task_id: task.id.clone(),
            action: task.action.clone(),
            title: title.to_owned(),
            status,
            attempt: 0,
            agent: None,
            score: None,
            duration_ms: None,
            reason: None,
        }
    }

    /// A task whose result is figures or a file: done, judged, and done again if it was judged wrong.
    pub(super) async fn figures(&self, task: &Task, args: Value, title: &str) -> Conducted {
        let begun = Instant::now();
        let mut report = fresh(task);
        let mut outcome = Err("it was never tried".to_owned());
        for revision in 0..=REGENERATIONS {
            outcome = match self.order(task, &args, revision, title, &mut report).await {
                Ok(result) => {
                    let work = Work::Result {
                        task: Box::new(Task {
                            args: args.clone(),
                            ..task.clone()
                        }),
                        output: Box::new(result.output.clone()),
                        inputs: self.request.data.clone(),
                        out_dir: self.request.out_dir.clone(),
                    };
                    match self.validate(&task.id, work).await {
                        Ok((judgement, _)) if judgement.verdict.passes() => {
                            report.score = Some(judgement.score);
                            Ok(result.output)
                        }
                        Ok((judgement, _)) => {
                            report.score = Some(judgement.score);
                            Err(judgement.feedback)
                        }
                        Err(reason) => Err(reason),
                    }
                }
                Err(reason) => Err(reason),
            };
            // Only a result that was judged can be judged better the next time.
            if outcome.is_ok() || report.score.is_none() {
                break;
            }
        }
        self.finish(task, title, begun, report, outcome).await
    }

    /// A task whose result is prose: written, judged, and written again with the critic's feedback. Prose that never passes is no failure
    /// of the goal; the report's own paragraph takes its place.
    pub(super) async fn prose(&self, task: &Task, title: &str, prose: Prose<'_>) -> Conducted {
        let begun = Instant::now();
        let mut report = fresh(task);
        let mut outcome = Err("it was never tried".to_owned());
        let mut feedback: Option<String> = None;
        for revision in 0..=REGENERATIONS {
            if let Err(spent) = self.reserve(task.tokens) {
                outcome = outcome.or(Err(spent));
                break;
            }
            let filling = Filling {
                feedback: feedback.as_deref(),
                ..prose.filling
            };
            let Some(args) = fill(task, &filling) else {
                outcome = Err("there is nothing to write about".to_owned());
                break;
            };
            let mut result = match self.order(task, &args, revision, title, &mut report).await {
                Ok(result) => result,
                Err(reason) => {
                    outcome = Err(reason);
                    break;
                }
            };
            let text = writing::tidy(text_of(&result.output.value));
            let work = Work::Prose {
                text: text.clone(),
                evidence: Box::new(prose.evidence.clone()),
            };
            match self.validate(&task.id, work).await {
                Ok((judgement, _)) => {
                    report.score = Some(judgement.score);
                    if judgement.verdict.passes() {
                        result.output.value = Value::String(text);
                        outcome = Ok(result.output);
                        break;
                    }
                    outcome = Err(format!(
                        "the critic did not pass the text: {}",
                        judgement.feedback.replace('\n', " ")
                    ));
                    feedback = Some(judgement.feedback);
                }
                Err(reason) => {
                    outcome = Err(reason);
                    break;
                }
            }
        }
        self.finish(task, title, begun, report, outcome).await
    }

    async fn finish(
        &self,
        task: &Task,
        title: &str,
        begun: Instant,
        mut report: TaskReport,
        outcome: Result<ToolOutput, String>,
    ) -> Conducted {
        report.status = if outcome.is_ok() {
            TaskStatus::Completed
        } else {
            TaskStatus::Failed
        };
        report.duration_ms = begun.elapsed().as_secs_f64() * 1_000.0;
        self.tell(TaskEvent {
            attempt: report.attempts,
            agent: report.agent.clone(),
            score: report.score,
            duration_ms: Some(report.duration_ms),
            reason: outcome.as_ref().err().cloned(),
            ..self.event(task, title, report.status)
        })
        .await;
        Conducted { report, outcome }
    }

    /// Gives the order until somebody carries it out or trying again is pointless.
    async fn order(
        &self,
        task: &Task,
        args: &Value,
        revision: u32,
        title: &str,
        report: &mut TaskReport,
    ) -> Result<TaskResult, String> {
        let operation = match revision {
            0 => format!("{}/{}", self.request.goal_id, task.id),
            _ => format!("{}/{}/r{revision}", self.request.goal_id, task.id),
        };
        let deadline_ms = task.deadline_ms.min(self.request.task_deadline_ms);
        for retry in 0..=RETRIES {
            let left = self.ends.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!(
                    "the goal's deadline of {} ms has passed",
                    self.request.deadline_ms
                ));
            }
            report.attempts += 1;
            // Chosen here and not by role, so that whoever watches sees who holds the task.
            let role = Address::from("macro.executor");
            let executor = self
                .ctx
                .society()
                .directory()
                .find(&role, &self.ctx.me().into());
            let to = executor.map_or(role, |cell| Address::from(cell.party()));
            report.agent = Some(to.to_string());
            self.tell(TaskEvent {
                attempt: report.attempts,
                agent: report.agent.clone(),
                ..self.event(task, title, TaskStatus::Running)
            })
            .await;
            let order = TaskOrder {
                goal_id: self.request.goal_id.clone(),
                task_id: task.id.clone(),
                operation: operation.clone(),
                action: task.action.clone(),
                args: args.clone(),
                attempt: report.attempts,
                inputs: self.request.data.clone(),
                out_dir: self.request.out_dir.clone(),
                capabilities: capabilities(&task.action),
                deadline_ms,
            };
            let patience = (Duration::from_millis(deadline_ms) + ORDER_GRACE).min(left);
            let asked = match draft(Performative::Request, ontology::TASK, &order) {
                Ok(draft) => self.ctx.ask(to, draft, patience).await,
                Err(error) => return Err(error.to_string()),
            };
            let error = match asked {
                Ok(reply) => return reply.content.read_json().map_err(|error| error.to_string()),
                Err(error) => error,
            };
            let reason = words(&error);
            if retry == RETRIES || !may_pass(&error) {
                return Err(reason);
            }
            self.tell(TaskEvent {
                attempt: report.attempts,
                agent: report.agent.clone(),
                reason: Some(reason),
                ..self.event(task, title, TaskStatus::Retrying)
            })
            .await;
            tokio::time::sleep((BACKOFF * 2_u32.pow(retry)).min(BACKOFF_MAX)).await;
        }
        Err("all attempts are used up".to_owned())
    }

    /// Asks the critic; the reply is kept, because its frame is the proof.
    pub(super) async fn validate(
        &self,
        task_id: &str,
        work: Work,
    ) -> Result<(Judgement, Trusted), String> {
        let request = ValidationRequest {
            goal_id: self.request.goal_id.clone(),
            task_id: task_id.to_owned(),
            work,
        };
        let mut retry = 0;
        loop {
            let draft = draft(Performative::Request, ontology::VALIDATE, &request)
                .map_err(|error| error.to_string())?;
            match self.ctx.ask("macro.critic", draft, VALIDATE_DEADLINE).await {
                Ok(reply) => {
                    let judgement = reply
                        .content
                        .read_json()
                        .map_err(|error| error.to_string())?;
                    return Ok((judgement, reply));
                }
                Err(error) if retry < RETRIES && may_pass(&error) => {
                    tokio::time::sleep((BACKOFF * 2_u32.pow(retry)).min(BACKOFF_MAX)).await;
                    retry += 1;
                }
                Err(error) => return Err(format!("the critic did not judge: {}", words(&error))),
            }
        }
    }
}

/// A request or query that follows its own interaction protocol.
pub(super) fn draft(
    act: Performative,
    ontology: &str,
    content: &impl serde::Serialize,
) -> Result<Draft, AgentError> {
    let draft = Draft::new(act, Content::json(content)?).ontology(ontology);
    Ok(match ProtocolName::natural_for(act) {
        Some(protocol) => draft.protocol(protocol),
        None => draft,
    })
}

fn fresh(task: &Task) -> TaskReport {
    TaskReport {
        id: task.id.clone(),
        action: task.action.clone(),
        status: TaskStatus::Pending,
        attempts: 0,
        score: None,
        duration_ms: 0.0,
        agent: None,
    }
}

/// What a task's tool may do: no more than the task is for.
fn capabilities(action: &str) -> Vec<Capability> {
    match action {
        "chart" => vec![Capability::WriteArtifacts],
        "write_text" => vec![Capability::UseModel],
        "sql" => vec![Capability::ReadFiles, Capability::QueryData],
        _ => vec![Capability::ReadFiles],
    }
}

/// The text a writing tool gave, as a value of its own or in a field.
fn text_of(value: &Value) -> &str {
    value
        .as_str()
        .or_else(|| value.get("text").and_then(Value::as_str))
        .unwrap_or_default()
}

/// Whether the same order, given a little later, may be carried out.
fn may_pass(error: &AskError) -> bool {
    match error {
        AskError::Deadline { .. }
        | AskError::NotSent(SendError::MailboxFull { .. } | SendError::NotTaking { .. }) => true,
        AskError::Refused { reason, .. } | AskError::Failed { reason, .. } => {
            reason.kind == ReasonKind::Overloaded
        }
        _ => false,
    }
}

/// What a person needs to hear: the reason in its own words where somebody gave one.
fn words(error: &AskError) -> String {
    match error {
        AskError::Refused { reason, .. } | AskError::Failed { reason, .. }
            if !reason.detail.is_empty() =>
        {
            reason.detail.clone()
        }
        other => other.to_string(),
    }
}
