//! One task from order to accepted result: who does it, how often it is tried, what the critic says. What follows when that fails is
//! decided by [`RetryState`] and done in `fallback`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aios_actors::agent::{Address, AgentError, AskError, Context, SendError};
use aios_actors::recovery::{
    Allowance, Budget, FailureKind, Next, Resting, RetryState, Trajectory, service,
};
use aios_protocols::subject::EventKind;
use aios_protocols::{Content, Draft, Party, Performative, ProtocolName, Sealed, Subject, Trusted};
use aios_supervisor::Recourse;
use aios_work::content::{
    Answer, Exhibit, GoalRequest, Judgement, Origin, Submission, TaskEvent, TaskOrder, TaskReport,
    TaskResult, TaskStatus, ValidationRequest, ontology,
};
use aios_work::{
    Capabilities, Capability, Case, Ended, Goal, OverBudget, REGENERATIONS, Task, ToolOutput,
};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use crate::Services;
use crate::cached::{self, GoalFiles, Kept, Miss};
use crate::evidence::{Folder, text_of};
use crate::progress::Seen;

/// What an order may take beyond its own deadline: an executor that hangs is found out, restarted and given the order again.
const ORDER_GRACE: Duration = Duration::from_secs(3);
/// How long one judgement may take.
const VALIDATE_DEADLINE: Duration = Duration::from_secs(45);
/// A critic that was given less, because the goal must end, is not to blame for having no answer yet.
const VALIDATE_FAIR: Duration = Duration::from_secs(5);
/// Time kept back from the tasks, so that what there is can still be judged and delivered: a fifth of the goal's, at most this.
const DELIVERY: Duration = Duration::from_secs(10);

/// What every task of one goal shares.
pub(crate) struct TaskRun<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) services: &'a Services,
    pub(crate) request: &'a GoalRequest,
    pub(crate) goal: &'a Goal,
    /// The state of its files before anything was done.
    pub(crate) files: GoalFiles,
    /// The frames in which executors signed their results.
    pub(crate) folder: Folder,
    /// When the tasks end; what comes after is kept for the delivery.
    ends: Instant,
    /// When the answer is due.
    due: Instant,
    pub(crate) budget: Budget,
    guard: Mutex<Trajectory>,
    /// Results accepted so far: how far the goal has come.
    accepted: AtomicU64,
    /// The guard that first cut something short.
    ended: Mutex<Option<Ended>>,
    /// Approvals that nobody decided in time.
    pub(crate) waits_for: Mutex<Vec<String>>,
}

/// How a task ended.
pub(crate) struct Conducted {
    pub(crate) report: TaskReport,
    pub(crate) outcome: Result<ToolOutput, String>,
    /// Who gave the result.
    pub(crate) origin: Option<Origin>,
    /// The task that was done in its place, if it was another.
    pub(crate) instead: Option<Task>,
    /// What its result lacks.
    pub(crate) gap: Option<String>,
    /// How an undiminished result was come by.
    pub(crate) note: Option<String>,
}

/// A task on its way.
pub(crate) struct Attempt<'t> {
    pub(crate) task: &'t Task,
    pub(crate) title: &'t str,
    begun: Instant,
    pub(crate) report: TaskReport,
    pub(crate) retry: RetryState,
    /// Executors that were given it.
    pub(crate) tried: BTreeSet<Party>,
    /// Who holds it, until whoever watches has heard how that went: one failure is told as one.
    holder: Option<String>,
    /// What the accepted result took whoever made it, in milliseconds; none if nobody made it for this goal.
    pub(crate) took: Option<f64>,
    /// A result was committed and judged wrong: asked for under the same name, it would be given again.
    rejected: bool,
    /// Ways out that went on under a name of their own.
    renamed: u32,
    /// What the files of the last result hashed to before it was judged.
    seals: Option<Result<Vec<String>, Miss>>,
}

impl Attempt<'_> {
    /// The result was found or known; nobody made it.
    pub(crate) fn by_nobody(&mut self) {
        self.report.agent = None;
        self.took = None;
    }

    /// Who is to be named with this status. Routes are learned from it, so a failure is laid at its holder's door once.
    fn named(&mut self, status: TaskStatus) -> Option<String> {
        match status {
            TaskStatus::Retrying | TaskStatus::Failed => self.holder.take(),
            TaskStatus::Completed => self.report.agent.clone(),
            _ => self.holder.clone(),
        }
    }

    /// The name under which the task is done once more: the same while nothing was judged wrong, because then what was committed may
    /// still be right, and a new one each time after that.
    pub(crate) fn anew(&mut self, word: &str) -> String {
        if !self.rejected {
            return String::new();
        }
        self.renamed += 1;
        match self.renamed {
            1 => word.to_owned(),
            more => format!("{word}-{more}"),
        }
    }
}

/// Why nothing came of an order or a judgement, and what its policy says to do.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) then: Recourse,
    pub(crate) reason: String,
}

/// A result and what is to be said of it.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) output: ToolOutput,
    /// Who gave it.
    pub(crate) origin: Option<Origin>,
    pub(crate) instead: Option<Task>,
    pub(crate) gap: Option<String>,
    pub(crate) note: Option<String>,
}

impl Outcome {
    /// What an executor gave when it was asked for this goal.
    fn signed(output: ToolOutput, operation: String) -> Self {
        Self {
            output,
            origin: Some(Origin::Signed { operation }),
            ..Self::default()
        }
    }
}

/// One request for a goal.
pub(crate) struct Run<'a> {
    pub(crate) services: &'a Services,
    pub(crate) request: &'a GoalRequest,
    pub(crate) goal: Goal,
    /// What somebody alive offers to do; none if nobody can say.
    pub(crate) offered: Option<Vec<String>>,
    /// The state of its files before anything was done.
    pub(crate) files: GoalFiles,
    /// When the answer is due.
    pub(crate) due: Instant,
    /// A planner that fell has begun it.
    pub(crate) goes_on: bool,
}

impl Drop for TaskRun<'_> {
    /// The one place where a goal's budget ends, in whatever way the work does: answered, failed, called off, out of time. A planner that
    /// falls ends nothing: its successor goes on with what is left.
    fn drop(&mut self) {
        if !self.ctx.is_over() && !std::thread::panicking() {
            let budgets = self.ctx.system().budgets();
            budgets.close(self.ctx.tenant(), &self.request.goal_id, &self.budget);
        }
    }
}

impl<'a> TaskRun<'a> {
    /// A goal as far as it has come.
    pub(crate) fn new(ctx: &'a Context, run: &'a Run<'a>) -> Self {
        let Run {
            services,
            request,
            due,
            ..
        } = *run;
        let time = Duration::from_millis(request.deadline_ms);
        let system = ctx.system();
        let allowance = Allowance {
            tokens: request.tokens.into(),
            money_micros: request.money_micros,
            time,
            price_micros: services.settings.price_micros,
        };
        let (budgets, tenant, id) = (system.budgets(), ctx.tenant(), &request.goal_id);
        let budget = if run.goes_on {
            budgets.resume(tenant, id, allowance, ctx.now())
        } else {
            budgets.begin(tenant, id, allowance, ctx.now())
        };
        Self {
            ctx,
            services,
            request,
            goal: &run.goal,
            files: run.files.clone(),
            folder: services.room.open(),
            ends: due.checked_sub(DELIVERY.min(time / 5)).unwrap_or(due),
            due,
            budget,
            guard: Mutex::default(),
            accepted: AtomicU64::new(0),
            ended: Mutex::default(),
            waits_for: Mutex::default(),
        }
    }

    /// Whether the goal can pay for so many tokens more. Whoever calls the model sets them aside.
    pub(crate) fn affords(&self, tokens: u32) -> Result<(), String> {
        self.budget
            .affords(tokens.into(), self.ctx.now())
            .map_err(|over| over.to_string())
    }

    /// The goal's answer as far as the run knows it.
    pub(crate) fn answer(&self, goal_id: &str) -> Answer {
        Answer {
            waits_for: self.waits_for.lock().clone(),
            spent: self.budget.spent(),
            ended_by: self.ended_by(),
            ..Answer::none(goal_id)
        }
    }

    fn end(&self, ended: Ended) {
        self.ended.lock().get_or_insert(ended);
    }

    /// What cut the run short so far: a guard here, or a call that the budget did not pay.
    pub(crate) fn ended_by(&self) -> Option<Ended> {
        let guarded = self.ended.lock().clone();
        guarded.or_else(|| self.budget.refused().map(Ended::OverBudget))
    }

    /// The goal's time is over, as an error of its budget.
    fn late(&self) -> OverBudget {
        let allowed = Duration::from_millis(self.request.deadline_ms);
        let late = OverBudget::late(self.left(), allowed);
        self.end(Ended::OverBudget(late.clone()));
        late
    }

    /// What is left to the tasks.
    pub(crate) fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// What is left to the answer.
    pub(crate) fn until_due(&self) -> Duration {
        self.due.saturating_duration_since(Instant::now())
    }

    /// Tells whoever watches.
    pub(crate) async fn tell(&self, event: TaskEvent) {
        let subject = Subject::event(EventKind::Task, &self.request.goal_id);
        if let Err(error) = self.ctx.publish(subject, &event).await {
            tracing::debug!(%error, "a task event was not published");
        }
    }

    pub(crate) fn event(&self, task: &Task, title: &str, status: TaskStatus) -> TaskEvent {
        TaskEvent {
            goal_id: self.request.goal_id.clone(),
            task_id: task.id.clone(),
            action: task.tool.clone(),
            title: title.to_owned(),
            status,
            attempt: 0,
            agent: None,
            score: None,
            duration_ms: None,
            reason: None,
        }
    }

    /// The task moved, and why.
    pub(crate) async fn moved(
        &self,
        attempt: &mut Attempt<'_>,
        status: TaskStatus,
        reason: Option<String>,
    ) {
        self.tell(TaskEvent {
            attempt: attempt.report.attempts,
            agent: attempt.named(status),
            reason,
            ..self.event(attempt.task, attempt.title, status)
        })
        .await;
    }

    fn set_out<'t>(&self, task: &'t Task, title: &'t str) -> Attempt<'t> {
        let policy = self.services.settings.policies.of(&task.tool);
        Attempt {
            task,
            title,
            begun: Instant::now(),
            report: fresh(task),
            retry: RetryState::new(policy.retry()),
            tried: BTreeSet::new(),
            holder: None,
            took: None,
            rejected: false,
            renamed: 0,
            seals: None,
        }
    }

    /// A task whose result is figures or a file: done, judged, and done again if it was judged wrong; or what its policy puts in its place.
    pub(crate) async fn figures(
        &self,
        task: &Task,
        args: Value,
        title: &str,
        case: Option<&dyn Case>,
    ) -> Conducted {
        let mut attempt = self.set_out(task, title);
        let outcome = match self.judged(&mut attempt, task, &args, "", None).await {
            Ok(found) => Ok(found),
            Err(lost) => self.recover(&mut attempt, &args, lost, case).await,
        };
        self.finish(attempt, &args, outcome).await
    }

    /// Done and judged, and done again as often as a better result may come of it.
    pub(crate) async fn judged(
        &self,
        attempt: &mut Attempt<'_>,
        task: &Task,
        args: &Value,
        variant: &str,
        by: Option<&Party>,
    ) -> Result<Outcome, Failed> {
        let mut reason = String::new();
        for revision in 0..=REGENERATIONS {
            let operation = self.operation(task, variant, revision);
            let result = self.order(attempt, task, args, &operation, by).await?;
            attempt.seals = Some(cached::seals(&result.output));
            let work = Submission::Result {
                task: Box::new(Task {
                    args: args.clone(),
                    ..task.clone()
                }),
                exhibit: Exhibit {
                    task_id: task.id.clone(),
                    task: None,
                    origin: Origin::Signed {
                        operation: operation.clone(),
                    },
                    frame: None,
                },
                folder: self.folder.number(),
                inputs: self.files.files().to_vec(),
                out_dir: self.request.out_dir.clone(),
            };
            match self.judgement(&task.id, work).await {
                Ok(judgement) => {
                    attempt.report.score = Some(judgement.score);
                    if judgement.verdict.passes() {
                        return Ok(Outcome::signed(result.output, operation));
                    }
                    attempt.rejected = true;
                    reason = judgement.feedback.replace('\n', " ");
                }
                // Only a result that was judged can be judged better the next time.
                Err(why) => {
                    reason = why;
                    break;
                }
            }
        }
        Err(self.lost(attempt, FailureKind::Broken, reason))
    }

    /// The idempotency key of a task's work.
    pub(crate) fn operation(&self, task: &Task, variant: &str, revision: u32) -> String {
        let mut operation = format!("{}/{}", self.request.goal_id, task.id);
        if !variant.is_empty() {
            operation.push('/');
            operation.push_str(variant);
        }
        if revision > 0 {
            operation.push_str(&format!("/r{revision}"));
        }
        operation
    }

    /// What the policy says once trying is over, whatever it would have allowed.
    fn lost(&self, attempt: &mut Attempt<'_>, cause: FailureKind, reason: String) -> Failed {
        match attempt.retry.failed(cause, Some(self.left())) {
            Next::Take(then) => Failed { then, reason },
            Next::Again { .. } => Failed {
                then: Recourse::Partial,
                reason,
            },
        }
    }

    /// A task whose result is prose: written, judged, and written again with the critic's feedback. Prose that never passes is no failure
    /// of the goal; the report's own paragraph takes its place.
    pub(crate) async fn prose(
        &self,
        task: &Task,
        title: &str,
        case: &dyn Case,
        seen: &Seen,
    ) -> Conducted {
        let mut attempt = self.set_out(task, title);
        let mut outcome = Err("it was never tried".to_owned());
        let mut feedback: Option<String> = None;
        let mut asked = Value::Null;
        for revision in 0..=REGENERATIONS {
            if let Err(spent) = self.affords(task.tokens) {
                outcome = outcome.or(Err(spent));
                break;
            }
            let Some(args) = case.args(task, &seen.so_far(), feedback.as_deref()) else {
                outcome = Err("there is nothing to write about".to_owned());
                break;
            };
            if revision == 0 {
                asked = args.clone();
            }
            let operation = self.operation(task, "", revision);
            let mut found: Outcome = match self
                .order(&mut attempt, task, &args, &operation, None)
                .await
            {
                Ok(result) => Outcome::signed(result.output, operation),
                Err(lost) => match self.recover(&mut attempt, &args, lost, None).await {
                    Ok(found) => found,
                    Err(reason) => {
                        outcome = Err(reason);
                        break;
                    }
                },
            };
            let text = case.tidy(text_of(&found.output.value));
            let work = Submission::Prose {
                text: text.clone(),
                grounds: seen.grounds(self),
            };
            match self.judgement(&task.id, work).await {
                Ok(judgement) => {
                    attempt.report.score = Some(judgement.score);
                    if judgement.verdict.passes() {
                        found.output.value = Value::String(text);
                        outcome = Ok(found);
                        break;
                    }
                    attempt.rejected = true;
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
        self.finish(attempt, &asked, outcome).await
    }

    async fn finish(
        &self,
        mut attempt: Attempt<'_>,
        args: &Value,
        outcome: Result<Outcome, String>,
    ) -> Conducted {
        attempt.report.status = if outcome.is_ok() {
            self.accepted.fetch_add(1, Ordering::Relaxed);
            TaskStatus::Completed
        } else {
            TaskStatus::Failed
        };
        attempt.report.duration_ms = attempt.begun.elapsed().as_secs_f64() * 1_000.0;
        if let Ok(found) = &outcome
            && found.instead.is_none()
            && attempt.report.recovered.is_none()
        {
            let seals = attempt.seals.take().unwrap_or(Ok(Vec::new()));
            self.keep(attempt.task, args, found, seals, attempt.report.score);
        }
        self.tell(TaskEvent {
            attempt: attempt.report.attempts,
            agent: attempt.named(attempt.report.status),
            score: attempt.report.score,
            // Time in the tool alone: who was asked is not the slower for a wait, a judgement or a human.
            duration_ms: attempt.took.filter(|_| outcome.is_ok()),
            reason: outcome.as_ref().err().cloned(),
            ..self.event(attempt.task, attempt.title, attempt.report.status)
        })
        .await;
        let found = outcome.as_ref().ok();
        Conducted {
            report: attempt.report,
            origin: found.and_then(|found| found.origin.clone()),
            instead: found.and_then(|found| found.instead.clone()),
            gap: found.and_then(|found| found.gap.clone()),
            note: found.and_then(|found| found.note.clone()),
            outcome: outcome.map(|found| found.output),
        }
    }

    /// What a task's tool may do: no more than it says it needs.
    fn needs(&self, tool: &str) -> Capabilities {
        self.services
            .tools
            .spec(tool)
            .map(|spec| spec.needs.clone())
            .unwrap_or_default()
    }

    /// What was asked, as the name under which its result is kept: asked of the files as they were when the goal began, which they
    /// must still be.
    fn cache_key(&self, task: &Task, args: &Value) -> Result<String, Miss> {
        let reads = self.needs(&task.tool).covers(&Capability::FILES_READ);
        if reads && !self.files.are_unchanged() {
            return Err(Miss::FilesChanged);
        }
        let files = reads.then_some(&self.files);
        Ok(cached::key(self.ctx.tenant(), &task.tool, args, files))
    }

    /// The result that was accepted for the same, over the same files.
    pub(crate) fn kept(&self, task: &Task, args: &Value) -> Result<(Kept, Sealed), Miss> {
        cached::find(self.ctx.store(), &self.cache_key(task, args)?)
    }

    /// Keeps an accepted result for a time when it cannot be made. One whose files changed under the work is nobody's result.
    fn keep(
        &self,
        task: &Task,
        args: &Value,
        found: &Outcome,
        seals: Result<Vec<String>, Miss>,
        score: Option<f64>,
    ) {
        let Some(Origin::Signed { operation }) = &found.origin else {
            return;
        };
        let kept = self.cache_key(task, args).and_then(|key| {
            let frame = self.folder.find(operation).ok_or(Miss::Nothing)?;
            cached::keep(self.ctx.store(), key, &found.output, &frame, seals?, score)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, task = task.id, "the result was not kept");
        }
    }

    /// Gives the order until somebody carries it out or the policy has another way. With `to`, that one alone is asked.
    pub(crate) async fn order(
        &self,
        attempt: &mut Attempt<'_>,
        task: &Task,
        args: &Value,
        operation: &str,
        to: Option<&Party>,
    ) -> Result<TaskResult, Failed> {
        loop {
            let (cause, reason) = match self.attempt(attempt, task, args, operation, to).await {
                Ok(result) => {
                    attempt.took = Some(result.duration_ms);
                    return Ok(result);
                }
                Err(failed) => failed,
            };
            // That it fell itself is no failure of the task: its successor gives the order again.
            self.ctx.unless_over().await;
            if self.left().is_zero() {
                self.late();
            }
            match attempt.retry.failed(cause, Some(self.left())) {
                Next::Take(then) => return Err(Failed { then, reason }),
                Next::Again { after } => {
                    self.moved(attempt, TaskStatus::Retrying, Some(reason))
                        .await;
                    tokio::time::sleep(after).await;
                }
            }
        }
    }

    /// One attempt, if the goal has time, the run goes somewhere and the tool is not resting.
    async fn attempt(
        &self,
        attempt: &mut Attempt<'_>,
        task: &Task,
        args: &Value,
        operation: &str,
        to: Option<&Party>,
    ) -> Result<TaskResult, (FailureKind, String)> {
        let system = self.ctx.system();
        let left = self.left();
        if left.is_zero() {
            return Err((FailureKind::Spent, self.late().to_string()));
        }
        let progress = self.accepted.load(Ordering::Relaxed);
        self.guard
            .lock()
            .about_to(&task.tool, args.to_string().as_bytes(), progress)
            .map_err(|looping| {
                let reason = looping.to_string();
                self.end(Ended::Looping(looping));
                (FailureKind::Circling, reason)
            })?;
        // Without how long it still rests: a human may be asked in these words, and they must be the same the next time.
        let unavailable = |resting: Resting| {
            let action = &task.tool;
            let (service, seen) = (resting.service, resting.last_error);
            (
                FailureKind::Resting,
                format!(
                    "tool {action} is unavailable: {service} rests after repeated failures ({seen}); try again in a while"
                ),
            )
        };
        let needs = self.needs(&task.tool);
        if needs.covers(&Capability::MODEL_USE)
            && let Some(resting) = system.breakers().resting(service::GENERATE)
        {
            return Err(unavailable(resting));
        }
        let pass = system
            .breakers()
            .admit(&service::tool(&task.tool))
            .map_err(unavailable)?;

        attempt.report.attempts += 1;
        // Chosen here and not by role, so that whoever watches sees who holds the task.
        let role = Address::from("macro.executor");
        let chosen = match to {
            Some(party) => Some(party.clone()),
            None => system
                .directory()
                .find(&role, &self.ctx.me().into())
                .map(|cell| cell.party().clone()),
        };
        let to = match chosen {
            Some(party) => {
                attempt.tried.insert(party.clone());
                Address::from(party)
            }
            None => role,
        };
        attempt.report.agent = Some(to.to_string());
        attempt.holder = attempt.report.agent.clone();
        self.moved(attempt, TaskStatus::Running, None).await;
        let allowed = self
            .services
            .settings
            .policies
            .of(&task.tool)
            .attempt_timeout_ms;
        let deadline_ms = task
            .deadline_ms
            .min(self.request.task_deadline_ms)
            .min(allowed)
            .min(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1));
        let order = TaskOrder {
            goal_id: self.request.goal_id.clone(),
            task_id: task.id.clone(),
            operation: operation.to_owned(),
            action: task.tool.clone(),
            args: args.clone(),
            attempt: attempt.report.attempts,
            inputs: self.files.files().to_vec(),
            out_dir: self.request.out_dir.clone(),
            capabilities: needs,
            deadline_ms,
        };
        let patience = (Duration::from_millis(deadline_ms) + ORDER_GRACE).min(left);
        let draft = draft(Performative::Request, ontology::TASK, &order)
            .map_err(|error| (FailureKind::Broken, error.to_string()))?;
        match self.ctx.ask(to, draft, patience).await {
            Ok(reply) => {
                pass.succeeded();
                self.folder.keep(operation, reply.sealed());
                let read = reply.content.read_json();
                read.map_err(|error| (FailureKind::Malformed, error.to_string()))
            }
            Err(error) => {
                let reason = words(&error);
                match FailureKind::blames_service(&error) {
                    Some(true) => pass.failed(reason.clone()),
                    Some(false) => pass.succeeded(),
                    None => drop(pass),
                }
                if let AskError::NotSent(SendError::TooDeep { asked, allowed }) = error {
                    self.end(Ended::TooDeep { asked, allowed });
                }
                Err((FailureKind::of(&error), reason))
            }
        }
    }

    /// What the critic is asked, once and for all tries.
    pub(crate) fn written(&self, task_id: &str, work: Submission) -> Result<Content, AgentError> {
        Ok(Content::json(&ValidationRequest {
            goal_id: self.request.goal_id.clone(),
            task_id: task_id.to_owned(),
            work,
        })?)
    }

    /// Has the critic judge a task's work.
    async fn judgement(&self, task_id: &str, work: Submission) -> Result<Judgement, String> {
        let asked = self
            .written(task_id, work)
            .map_err(|error| error.to_string())?;
        Ok(self.validate(task_id, asked).await?.0)
    }

    /// Asks the critic; the reply is kept, because its frame is the proof.
    pub(crate) async fn validate(
        &self,
        task_id: &str,
        asked: Content,
    ) -> Result<(Judgement, Trusted), String> {
        let system = self.ctx.system();
        let mut retry = RetryState::new(self.services.settings.policies.of("validate").retry());
        // The answer itself is judged in the time that was kept back for it.
        let left = || match task_id {
            "" => self.until_due(),
            _ => self.left(),
        };
        loop {
            let left = left();
            if left.is_zero() {
                return Err("the critic did not judge: the goal's time is over".to_owned());
            }
            let patience = VALIDATE_DEADLINE.min(left);
            let pass = system
                .breakers()
                .admit(service::CRITIC)
                .map_err(|resting| format!("nothing leaves unjudged: {resting}"))?;
            let draft = Draft::new(Performative::Request, asked.clone())
                .ontology(ontology::VALIDATE)
                .protocol(ProtocolName::FipaRequest);
            let error = match self.ctx.ask("macro.critic", draft, patience).await {
                Ok(reply) => {
                    pass.succeeded();
                    let judgement = reply
                        .content
                        .read_json()
                        .map_err(|error| error.to_string())?;
                    return Ok((judgement, reply));
                }
                Err(error) => error,
            };
            self.ctx.unless_over().await;
            let reason = words(&error);
            match FailureKind::blames_service(&error) {
                Some(true) if patience >= VALIDATE_FAIR => pass.failed(reason.clone()),
                Some(true) => drop(pass),
                Some(false) => pass.succeeded(),
                None => drop(pass),
            }
            match retry.failed(FailureKind::of(&error), Some(left)) {
                Next::Again { after } => tokio::time::sleep(after).await,
                Next::Take(_) => return Err(format!("the critic did not judge: {reason}")),
            }
        }
    }
}

/// A request or query that follows its own interaction protocol.
pub(crate) fn draft(
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
        action: task.tool.clone(),
        status: TaskStatus::Pending,
        attempts: 0,
        score: None,
        duration_ms: 0.0,
        agent: None,
        recovered: None,
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
        // Who was asked and for how long differs from try to try; the report says who held the task.
        AskError::Deadline { .. } => "no executor answered in time".to_owned(),
        other => other.to_string(),
    }
}
