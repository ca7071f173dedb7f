//! Does what `task::run` and `fallback` order: asks executors, the critic and humans, looks among earlier results, tells whoever watches.
//! It holds the results; what follows from them is not decided here.

use std::collections::BTreeSet;
use std::time::Duration;

use aios_actors::agent::{Address, AgentError, AskError, SendError};
use aios_actors::recovery::{
    Allowance, ApprovalError, Budget, FailureKind, Pass, Question, Resting, service,
};
use aios_protocols::{Party, Performative, Sealed};
use aios_tools::Workspace;
use aios_work::content::{
    Candidate, Exhibit, Judgement, Origin, Submission, TaskEvent, TaskJudged, TaskOrder,
    TaskResult, hex, ontology,
};
use aios_work::{Artifact, Capability, Case, Effect, Ended, Simpler, Task, ToolOutput};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::evidence::{self, text_of};
use crate::goal::planning::pick_step;
use crate::goal::progress::Seen;
use crate::goal::tasks::{Conducted, GoalTasks, draft, settle, words};
use crate::metric;
use crate::roles::EXECUTOR;
use crate::task::cached::{self, Kept, Miss};
use crate::task::fallback;
use crate::task::run::{
    Aside, Assignment, Event, Fallback, Finish, Gone, Moment, Next, Order, TaskRun,
};

/// What a text is written from and judged by.
struct Writing<'a> {
    case: &'a dyn Case,
    seen: &'a Seen,
}

/// The hands of one task.
struct TaskShell<'a> {
    goal: &'a GoalTasks<'a>,
    task: &'a Task,
    /// Who knows something simpler.
    case: Option<&'a dyn Case>,
    writing: Option<Writing<'a>>,
    begun: Instant,
    /// The leave of the tool's breaker, between finding somebody and giving the order.
    pass: Option<Pass>,
    /// The last result.
    output: ToolOutput,
    /// Who gave it.
    origin: Option<Origin>,
    /// What it took its tool.
    took: Duration,
    /// The last text that was judged.
    read: Option<String>,
    /// What the files of the last result hashed to before it was judged.
    seals: Option<Result<Vec<String>, Miss>>,
    /// What the critic said and nobody was told yet.
    judged: Option<Box<TaskJudged>>,
    /// What the task's model calls are counted by.
    meter: Option<Meter<'a>>,
    /// The names under which its work was given.
    given: BTreeSet<String>,
}

impl GoalTasks<'_> {
    /// A task whose result is figures or a file, until it ends.
    pub(crate) async fn figures(
        &self,
        task: &Task,
        args: Value,
        title: &str,
        case: Option<&dyn Case>,
    ) -> Conducted {
        let run = TaskRun::figures(self.rules(), task, title, args);
        let run = match self.asks_first(task) {
            true => run.asking_first(),
            false => run,
        };
        self.shell(task, case, None).see_through(run).await
    }

    /// A task whose result is prose, until it ends.
    pub(crate) async fn prose(
        &self,
        task: &Task,
        title: &str,
        case: &dyn Case,
        seen: &Seen,
    ) -> Conducted {
        let run = TaskRun::prose(self.rules(), task, title);
        let writing = Writing { case, seen };
        self.shell(task, Some(case), Some(writing))
            .see_through(run)
            .await
    }

    /// Whether a person is asked before a task is done at all: only a model has wanted it, or the goal it was forked from may have done it
    /// already; and what it changes nobody here knows. Who has said
    /// yes once is not asked again by a planner that takes the goal up.
    fn asks_first(&self, task: &Task) -> bool {
        let unsure = self.is_a_models_plan() || self.request.forked;
        let asks = unsure && self.services.effect(&task.tool) == Some(Effect::Ask);
        let allowed = || self.ctx.done::<bool>(&self.allowed(task));
        asks && !matches!(allowed(), Ok(Some(true)))
    }

    /// The step by which it is on record that a person wants a task of a model's plan.
    fn allowed(&self, task: &Task) -> String {
        format!("{}/allowed/{}", pick_step(self.request), task.id)
    }

    fn shell<'s>(
        &'s self,
        task: &'s Task,
        case: Option<&'s dyn Case>,
        writing: Option<Writing<'s>>,
    ) -> TaskShell<'s> {
        TaskShell {
            goal: self,
            task,
            case,
            writing,
            begun: Instant::now(),
            pass: None,
            output: ToolOutput::default(),
            origin: None,
            took: Duration::ZERO,
            read: None,
            seals: None,
            judged: None,
            meter: self.meter(task),
            given: BTreeSet::new(),
        }
    }

    /// Counts what a task's calls of the model take: a budget within the goal's under the task's name. An agent that does a task has one of
    /// its own there.
    fn meter(&self, task: &Task) -> Option<Meter<'_>> {
        let asks_model = self.needs(&task.tool).covers(&Capability::MODEL_USE);
        if !asks_model || self.services.crew().skill(&task.tool).is_some() {
            return None;
        }
        let (allowed, now) = (self.budget.allowance(), self.ctx.now());
        // It refuses nothing itself, so that what there is not enough of is always the goal's.
        let counted = Allowance {
            tokens: u64::MAX,
            money_micros: u64::MAX,
            time: allowed.time.saturating_mul(2),
            ..allowed
        };
        let budget = Budget::below([self.budget.clone()], counted, now);
        if self.ctx.is_private() {
            budget.keep_private();
        }
        let operation = format!("{}/{}", self.goal().id(), task.id);
        let budgets = self.services.budgets();
        budgets.enter(self.ctx.tenant(), &operation, &budget, now);
        Some(Meter {
            goal: self,
            operation,
            budget,
        })
    }
}

/// The account of one task, as long as it is under way.
struct Meter<'a> {
    goal: &'a GoalTasks<'a>,
    operation: String,
    budget: Budget,
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        let (goal, budgets) = (self.goal, self.goal.services.budgets());
        budgets.close(goal.ctx.tenant(), &self.operation, &self.budget);
    }
}

impl TaskShell<'_> {
    async fn see_through(mut self, run: TaskRun<'_>) -> Conducted {
        let mut step = Box::new(run).step(Event::Due, self.moment());
        loop {
            for aside in step.asides {
                self.say(aside).await;
            }
            let (run, order) = match step.next {
                Next::Go(run, order) => (run, order),
                Next::Over(finish) => return self.finish(*finish).await,
            };
            let event = self.carry_out(&run, order).await;
            // That the planner fell itself is no failure of the task: its successor gives the order again.
            self.goal.ctx.unless_over().await;
            step = run.step(event, self.moment());
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            since: self.begun.elapsed(),
            left: self.goal.left(),
        }
    }

    async fn say(&mut self, aside: Aside) {
        match aside {
            Aside::Tell(event) => {
                let judged = self.judged.take();
                self.goal.tell(TaskEvent { judged, ..event }).await;
            }
            Aside::Cut(ended) => self.goal.end(ended),
            Aside::WaitsFor(approval) => self.goal.wait_for(approval),
            Aside::Taken(recourse) => {
                let (tool, recourse) = (self.task.tool.clone(), fallback::name(recourse));
                if recourse == fallback::name(aios_supervisor::Recourse::ReplanAndSimplify) {
                    metrics::counter!(metric::REPLANS_TOTAL).increment(1);
                }
                metrics::counter!(metric::RECOURSES_TOTAL, "tool" => tool, "recourse" => recourse)
                    .increment(1);
            }
        }
    }

    async fn carry_out(&mut self, run: &TaskRun<'_>, order: Order) -> Event {
        match order {
            Order::Prepare { feedback } => self.prepare(feedback.as_deref()),
            Order::Seek { to } => self.seek(run.task(), run.args(), to),
            Order::Give(to) => self.give(run.task(), run.args(), to).await,
            Order::Wait(time) => {
                tokio::time::sleep(time).await;
                Event::Waited
            }
            Order::JudgeResult => self.judge_result(run.task(), run.args()).await,
            Order::JudgeText => self.judge_text().await,
            Order::Fallback(way) => {
                let spends = matches!(way, Fallback::Spend { .. });
                let gone = self.fall_back(way, run.args()).await;
                if run.asks_first && spends && gone == Gone::Spent {
                    let step = self.goal.allowed(self.task);
                    let kept = self
                        .goal
                        .ctx
                        .once_pure(&step, async || Ok::<_, AgentError>(true));
                    if let Err(error) = kept.await {
                        tracing::warn!(%error, step, "a planner that takes the goal up will ask again");
                    }
                }
                Event::Gone(gone)
            }
        }
    }

    async fn finish(mut self, finish: Finish) -> Conducted {
        if finish.outcome.is_ok() {
            self.goal.got_on();
        }
        if let Some(args) = &finish.keep {
            let seals = self.seals.take().unwrap_or(Ok(Vec::new()));
            let score = finish.report.score;
            if let Some(Origin::Signed { operation }) = &self.origin {
                self.goal
                    .keep(self.task, args, (&self.output, operation), seals, score);
            }
        }
        let event = TaskEvent {
            judged: self.judged.take(),
            tokens: self.tokens(),
            ..finish.event
        };
        self.goal.tell(event).await;
        Conducted {
            report: finish.report,
            origin: self.origin.filter(|_| finish.outcome.is_ok()),
            outcome: finish.outcome.map(|()| self.output),
            instead: finish.instead,
            gap: finish.gap,
            note: finish.note,
        }
    }

    /// What its calls of the model took, or those of the agents that did it; none if nobody counted them.
    fn tokens(&self) -> Option<u64> {
        match &self.meter {
            Some(meter) => Some(meter.budget.spent().tokens),
            None => {
                let crew = self.goal.services.crew();
                let spent = { self.given.iter() }.filter_map(|operation| crew.spent_on(operation));
                spent.map(|spent| spent.tokens).reduce(u64::saturating_add)
            }
        }
    }

    fn prepare(&self, feedback: Option<&str>) -> Event {
        if let Err(spent) = self.goal.affords(self.task.tokens) {
            return Event::Unprepared(spent);
        }
        let args = self.writing.as_ref().and_then(|writing| {
            let so_far = writing.seen.so_far();
            writing.case.args(self.task, &so_far, feedback)
        });
        match args {
            Some(args) => Event::Prepared(args),
            None => Event::Unprepared("there is nothing to write about".to_owned()),
        }
    }

    /// Somebody for the task, if the goal goes somewhere with it and what it needs is not resting.
    fn seek(&mut self, task: &Task, args: &Value, to: Option<Party>) -> Event {
        if let Err(looping) = self.goal.about_to(&task.tool, args) {
            return Event::Looping(looping);
        }
        let (ctx, breakers) = (self.goal.ctx, self.goal.services.breakers());
        let asks_model = self.goal.needs(&task.tool).covers(&Capability::MODEL_USE);
        let model = asks_model.then(|| breakers.resting(service::GENERATE));
        let admitted = match model.flatten() {
            Some(resting) => Err(resting),
            None => breakers.admit(&service::tool(&task.tool)),
        };
        match admitted {
            Ok(pass) => self.pass = Some(pass),
            Err(Resting {
                service,
                last_error,
                ..
            }) => {
                return Event::Resting {
                    service,
                    last_error,
                };
            }
        }
        // Chosen here and not by role, so that whoever watches sees who holds the task.
        Event::Free(to.or_else(|| {
            ctx.system()
                .directory()
                .find(&Address::from(EXECUTOR), &ctx.me().into())
                .map(|cell| cell.party().clone())
        }))
    }

    async fn give(&mut self, task: &Task, args: &Value, assigned: Assignment) -> Event {
        let pass = self.pass.take();
        let (goal, request) = (self.goal, self.goal.request);
        let operation = assigned.operation.clone();
        self.given.insert(operation.clone());
        let order = TaskOrder {
            goal_id: request.goal.id().to_owned(),
            task_id: task.id.clone(),
            operation: assigned.operation,
            tool: task.tool.clone(),
            args: args.clone(),
            attempt: assigned.attempt,
            inputs: goal.files.files().to_vec(),
            out_dir: request.out_dir.clone(),
            capabilities: goal.needs(&task.tool),
            deadline_ms: assigned.deadline_ms,
        };
        let draft = match draft(Performative::Request, ontology::TASK, &order) {
            Ok(draft) => draft,
            Err(error) => return failed(FailureKind::Broken, error.to_string()),
        };
        let to = assigned.to.map_or(Address::from(EXECUTOR), Address::from);
        match goal.ctx.ask(to, draft, assigned.patience).await {
            Ok(reply) => {
                pass.into_iter().for_each(Pass::succeeded);
                let result: TaskResult = match reply.content.read_json() {
                    Ok(result) => result,
                    Err(error) => return failed(FailureKind::Malformed, error.to_string()),
                };
                if let Err(full) = goal.folder.keep(&task.id, &operation, reply.sealed()) {
                    return failed(FailureKind::BadInput, full);
                }
                self.output = result.output;
                self.origin = Some(Origin::Signed { operation });
                self.took = Duration::try_from_secs_f64(result.duration_ms / 1_000.0)
                    .unwrap_or(Duration::MAX);
                Event::Made {
                    took_ms: result.duration_ms,
                }
            }
            Err(error) => {
                let reason = words(&error);
                if let Some(pass) = pass {
                    settle(pass, &error, &reason, true);
                }
                Event::Failed {
                    kind: FailureKind::of(&error),
                    reason,
                    ended: match error {
                        AskError::NotSent(SendError::TooDeep { asked, allowed }) => {
                            Some(Ended::TooDeep { asked, allowed })
                        }
                        _ => None,
                    },
                }
            }
        }
    }

    async fn judge_result(&mut self, task: &Task, args: &Value) -> Event {
        // These bytes are what is judged, and nothing that lies there later.
        self.seals = Some(cached::seals(&self.output));
        let task = Task {
            args: args.clone(),
            ..task.clone()
        };
        let Some(origin) = self.origin.clone() else {
            return Event::Unjudged("nobody gave the result".to_owned());
        };
        let exhibit = Exhibit {
            task_id: task.id.clone(),
            task: None,
            origin,
            frame: None,
        };
        let said = self
            .goal
            .judged(Candidate { task, exhibit }, self.took)
            .await;
        self.said(said)
    }

    /// The text as it would be used, without what surrounds it.
    async fn judge_text(&mut self) -> Event {
        let Some(writing) = &self.writing else {
            return Event::Unjudged("the result is no text".to_owned());
        };
        let text = writing.case.tidy(text_of(&self.output.value));
        self.output.value = Value::String(text.clone());
        if self.read.replace(text.clone()).as_ref() == Some(&text) {
            return Event::Unchanged;
        }
        let grounds = writing.seen.grounds(self.goal);
        let work = Submission::Prose { text, grounds };
        let said = self.goal.text_judged(&self.task.id, work).await;
        self.said(said)
    }

    /// The critic's word.
    fn said(&mut self, judgement: Result<Judgement, String>) -> Event {
        match judgement {
            Ok(judgement) => {
                self.judged = Some(Box::new(TaskJudged::from(&judgement)));
                Event::Judged {
                    passes: judgement.verdict.passes(),
                    score: judgement.score,
                    feedback: judgement.feedback,
                }
            }
            Err(reason) => Event::Unjudged(reason),
        }
    }

    /// Goes a way out as far as it was ordered; `args` are those of the task as planned.
    async fn fall_back(&mut self, way: Fallback, args: &Value) -> Gone {
        let queue = self.goal.services.people();
        let gone = match way {
            Fallback::Earlier { operation } => self
                .earlier(operation, args)
                .map_err(|miss| miss.to_string()),
            Fallback::Others => Ok(self.others()),
            Fallback::Simpler => Ok(self.simpler(args)),
            Fallback::Propose { question } => self
                .propose(question, args)
                .await
                .map(|approval| Gone::Proposed { approval })
                .map_err(|error| error.to_string()),
            Fallback::Decision { approval, within } => match queue.wait(&approval, within).await {
                Ok(Some((decision, why))) => Ok(Gone::Decided(decision, why)),
                Ok(None) => Ok(Gone::Undecided),
                Err(error) => Err(error.to_string()),
            },
            Fallback::Spend { approval } => queue
                .spend(&approval, self.goal.goal().id(), self.goal.ctx)
                .await
                .map(|()| Gone::Spent)
                .map_err(|error| error.to_string()),
        };
        gone.unwrap_or_else(Gone::Failed)
    }

    /// An earlier result whose executor can still be named, and its files copied into this goal's folder.
    fn earlier(&mut self, operation: String, args: &Value) -> Result<Gone, Miss> {
        let goal = self.goal;
        let (kept, frame) = goal.kept(self.task, args)?;
        let (_, at) = evidence::result_of(&frame, goal.ctx).map_err(Miss::Unproven)?;
        let artifacts = goal
            .bring_here(kept.files()?)
            .map_err(|error| Miss::NotBrought(error.to_string()))?;
        let found = goal.ctx.now();
        goal.folder
            .keep(&self.task.id, &operation, &frame)
            .map_err(Miss::NotBrought)?;
        self.output = ToolOutput {
            artifacts: artifacts.clone(),
            ..kept.output
        };
        self.origin = Some(Origin::Earlier {
            operation,
            found_us: found.as_micros(),
            artifacts,
        });
        Ok(Gone::Earlier {
            age: cached::spoken(found.since(at)),
            score: kept.score,
        })
    }

    fn others(&self) -> Gone {
        let executors = self.goal.ctx.system().directory().of_role(EXECUTOR);
        let taking = executors.into_iter().filter(|cell| cell.is_taking());
        Gone::Others(taking.map(|cell| cell.party().clone()).collect())
    }

    fn simpler(&mut self, args: &Value) -> Gone {
        match self.case.and_then(|case| case.simpler(self.task, args)) {
            None => Gone::NothingLess,
            Some(Simpler::Task { task, says }) => Gone::Task { task, says },
            Some(Simpler::Known { output, says }) => {
                (self.output, self.origin) = (output, Some(Origin::Known));
                Gone::Known { says }
            }
        }
    }

    async fn propose(&self, text: String, args: &Value) -> Result<String, ApprovalError> {
        let ctx = self.goal.ctx;
        let question = Question {
            goal: self.goal.goal().id().to_owned(),
            task: self.task.id.clone(),
            tool: self.task.tool.clone(),
            arguments: hex(&Sha256::digest(args.to_string())),
            round: 0,
            text,
        };
        let approval = self.goal.services.people().propose(question, ctx).await?;
        Ok(approval.id)
    }
}

/// Results of this goal's tools, and of earlier ones.
impl GoalTasks<'_> {
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
    fn kept(&self, task: &Task, args: &Value) -> Result<(Kept, Sealed), Miss> {
        cached::find(self.ctx.store(), &self.cache_key(task, args)?)
    }

    /// Keeps an accepted result for a time when it cannot be made. One whose files changed under the work is nobody's result.
    fn keep(
        &self,
        task: &Task,
        args: &Value,
        (output, operation): (&ToolOutput, &str),
        seals: Result<Vec<String>, Miss>,
        score: Option<f64>,
    ) {
        let kept = self.cache_key(task, args).and_then(|key| {
            let frame = self.folder.find(operation).ok_or(Miss::Nothing)?;
            cached::keep(self.ctx.store(), key, output, &frame, seals?, score)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, task = task.id, "the result was not kept");
        }
    }

    fn bring_here(&self, files: Vec<(&Artifact, Vec<u8>)>) -> Result<Vec<Artifact>, AgentError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let workspace = Workspace::of(self.files.files().to_vec(), &self.request.out_dir);
        files
            .into_iter()
            .map(|(artifact, bytes)| {
                let name = artifact
                    .path
                    .file_name()
                    .and_then(|name| name.to_str())
                    .ok_or_else(|| AgentError::failure("the earlier file has no name"))?;
                let path = workspace.write(name, &bytes)?;
                Ok(Artifact {
                    path,
                    ..artifact.clone()
                })
            })
            .collect()
    }
}

fn failed(kind: FailureKind, reason: String) -> Event {
    Event::Failed {
        kind,
        reason,
        ended: None,
    }
}
