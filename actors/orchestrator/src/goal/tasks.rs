//! What every task of one goal shares: its time, its budget, who watches. What becomes of a single task is decided in
//! `task::run` and done in `task::shell`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aios_actors::agent::{AgentError, AskError, Context};
use aios_actors::recovery::{Allowance, Budget, FailureKind, Pass, Trajectory};
use aios_protocols::subject::EventTopic;
use aios_protocols::{Content, Draft, Performative, ProtocolName, Subject};
use aios_work::content::{
    Answer, GoalRequest, ModelReport, Origin, TaskEvent, TaskReport, TaskStatus,
};
use aios_work::{Capabilities, Ended, Goal, Looping, MadeBy, Plan, Task, Thinks, ToolOutput};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use crate::Services;
use crate::evidence::Folder;
use crate::goal::offers::Offers;
use crate::goal::waves::Waves;
use crate::task::cached::GoalFiles;
use crate::task::run::{Rules, untold};

/// Time kept back from the tasks, so that what there is can still be judged and delivered: a fifth of the goal's, at most this.
const DELIVERY: Duration = Duration::from_secs(10);

/// What every task of one goal shares.
pub(crate) struct GoalTasks<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) services: &'a Services,
    pub(crate) request: &'a GoalRequest,
    offered: Option<&'a Offers>,
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
    waits_for: Mutex<Vec<String>>,
    /// Results on their way to the critic.
    pub(crate) waves: Waves,
    /// A model alone wanted what is done.
    models_plan: AtomicBool,
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

/// One request for a goal.
pub(crate) struct Run<'a> {
    pub(crate) services: &'a Services,
    pub(crate) request: &'a GoalRequest,
    /// What somebody alive offers to do; none if nobody can say.
    pub(crate) offered: Option<Offers>,
    /// The state of its files before anything was done.
    pub(crate) files: GoalFiles,
    /// What the model can be asked for, where that was asked already.
    pub(crate) thinks: Option<Thinks>,
    /// When the answer is due.
    pub(crate) due: Instant,
    /// A planner that fell has begun it.
    pub(crate) goes_on: bool,
}

impl Run<'_> {
    pub(crate) fn goal(&self) -> &Goal {
        &self.request.goal
    }
}

impl Drop for GoalTasks<'_> {
    /// The one place where a goal's budget ends, in whatever way the work does: answered, failed, called off, out of time. A planner that
    /// falls ends nothing: its successor goes on with what is left.
    fn drop(&mut self) {
        if !self.ctx.is_over() && !std::thread::panicking() {
            let budgets = self.services.budgets();
            budgets.close(self.ctx.tenant(), self.goal().id(), &self.budget);
        }
    }
}

impl<'a> GoalTasks<'a> {
    /// A goal as far as it has come.
    pub(crate) fn new(ctx: &'a Context, run: &'a Run<'a>) -> Self {
        let Run {
            services,
            request,
            due,
            ..
        } = *run;
        let time = Duration::from_millis(request.deadline_ms);
        let allowance = Allowance {
            tokens: request.tokens.into(),
            money_micros: request.money_micros,
            time,
            price_micros: services.settings.price_micros,
        };
        let (budgets, tenant, id) = (services.budgets(), ctx.tenant(), request.goal.id());
        let budget = if run.goes_on {
            budgets.resume(tenant, id, allowance, ctx.now())
        } else {
            budgets.begin(tenant, id, allowance, ctx.now())
        };
        if ctx.is_private() {
            // Also for whoever is handed the goal's key alone, such as a tool that writes.
            budget.keep_private();
        }
        Self {
            ctx,
            services,
            request,
            offered: run.offered.as_ref(),
            files: run.files.clone(),
            folder: services.room.open(),
            ends: due.checked_sub(DELIVERY.min(time / 5)).unwrap_or(due),
            due,
            budget,
            guard: Mutex::default(),
            accepted: AtomicU64::new(0),
            ended: Mutex::default(),
            waits_for: Mutex::default(),
            waves: Waves::default(),
            models_plan: AtomicBool::new(false),
        }
    }

    /// From here on what is done is a plan of this source.
    pub(crate) fn carries_out(&self, plan: &Plan) {
        let by_model = plan.source == MadeBy::MODEL;
        self.models_plan.store(by_model, Ordering::Relaxed);
    }

    /// Whether what is done is a plan that a model made.
    pub(crate) fn is_a_models_plan(&self) -> bool {
        self.models_plan.load(Ordering::Relaxed)
    }

    /// Whether the goal can pay for so many tokens more. Whoever calls the model sets them aside.
    pub(crate) fn affords(&self, tokens: u32) -> Result<(), String> {
        self.budget
            .affords(tokens.into(), self.ctx.now())
            .map_err(|over| over.to_string())
    }

    pub(crate) fn goal(&self) -> &'a Goal {
        &self.request.goal
    }

    /// The goal's answer as far as the run knows it.
    pub(crate) fn answer(&self) -> Answer {
        Answer {
            waits_for: self.waits_for.lock().clone(),
            spent: self.budget.spent(),
            ended_by: self.ended_by(),
            model: self.model(),
            ..Answer::none(self.goal().id())
        }
    }

    /// What was thought for it so far; the node adds what it thinks with.
    pub(crate) fn model(&self) -> ModelReport {
        ModelReport {
            thoughts: self.budget.thoughts(),
            ..ModelReport::default()
        }
    }

    /// What holds for each of its tasks.
    pub(crate) fn rules(&self) -> Rules<'_> {
        Rules {
            goal_id: self.goal().id(),
            time: Duration::from_millis(self.request.deadline_ms),
            task_deadline_ms: self.request.task_deadline_ms,
            policies: &self.services.settings.policies,
        }
    }

    /// A guard cut something short; the first one is named.
    pub(crate) fn end(&self, ended: Ended) {
        self.ended.lock().get_or_insert(ended);
    }

    /// What cut the run short so far: a guard here, or a call that the budget did not pay.
    pub(crate) fn ended_by(&self) -> Option<Ended> {
        let guarded = self.ended.lock().clone();
        guarded.or_else(|| self.budget.refused().map(Ended::OverBudget))
    }

    /// Nobody decided about this approval in time.
    pub(crate) fn wait_for(&self, approval: String) {
        self.waits_for.lock().push(approval);
    }

    /// One result more was accepted.
    pub(crate) fn got_on(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a task may be tried once more, or the goal goes round in a circle with it.
    pub(crate) fn about_to(&self, tool: &str, args: &Value) -> Result<(), Looping> {
        let progress = self.accepted.load(Ordering::Relaxed);
        let args = args.to_string();
        self.guard.lock().about_to(tool, args.as_bytes(), progress)
    }

    /// What a task's tool may do: no more than it is offered to need.
    pub(crate) fn needs(&self, tool: &str) -> Capabilities {
        let offered = self.offered.and_then(|offers| offers.needs(tool)).cloned();
        let known = || {
            self.services
                .tools
                .spec(tool)
                .map(|spec| spec.needs.clone())
        };
        offered.or_else(known).unwrap_or_default()
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
        let event = TaskEvent {
            at: Some(self.ctx.now().to_string()),
            ..event
        };
        let subject = Subject::event(EventTopic::Task, self.goal().id());
        if let Err(error) = self.ctx.publish(subject, &event).await {
            tracing::debug!(%error, "a task event was not published");
        }
    }

    /// A task at a status, before it is anybody's.
    pub(crate) fn event(&self, task: &Task, title: &str, status: TaskStatus) -> TaskEvent {
        untold(self.goal().id(), task, title, status)
    }
}

/// Tells a breaker what an ask's error says of its service. One that had no `fair` time for an answer is not to blame for having none.
pub(crate) fn settle(pass: Pass, error: &AskError, reason: &str, fair: bool) {
    match FailureKind::blames_service(error) {
        Some(true) if fair => pass.failed(reason.to_owned()),
        Some(false) => pass.succeeded(),
        _ => drop(pass),
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

/// What a person needs to hear: the reason in its own words where somebody gave one.
pub(crate) fn words(error: &AskError) -> String {
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
