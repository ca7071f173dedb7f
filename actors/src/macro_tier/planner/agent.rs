//! The planner: drives a goal from the request to an answer the Critic has signed.
//!
//! The code reads as if nothing could fall. What makes that true: the goal's request stays in flight until it is answered, so a planner
//! that was killed gets it again; the answer, the model's pick and every task are durable steps, so what was done is not done again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aios_inference::{InferRequest, Sampling};
use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind};
use aios_supervisor::Recourse;
use aios_tools::{Artifact, TableProfile, ToolOutput};
use async_trait::async_trait;
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::conduct::{Conduct, Conducted, Prose, Run, draft};
use super::dag::{self, Filling};
use super::findings::{Findings, Reading};
use super::{ACTIONS, Analysis, analyse, build, merge, question, scout, writing};
use crate::agent::{Agent, AgentError, Context, Incoming};
use crate::content::{
    CriticReport, Found, GoalAnswer, GoalRequest, GoalStatus, Lease, LeaseRequest, LookupRequest,
    RecallRequest, Recalled, RememberRequest, TaskReport, TaskStatus, Work, hex, ontology,
};
use crate::macro_tier::critic::TextKind;
use crate::macro_tier::critic::agent::{by_name, start};
use crate::macro_tier::goal::{Goal, GoalLimits};
use crate::macro_tier::interface::release;
use crate::macro_tier::plan::{Budget, Plan, Task};
use crate::macro_tier::report;
use crate::meso_tier::state::{SETTLE, Settle};
use crate::recovery::cached::FilesState;
use crate::recovery::{ApprovalStatus, Cause, service};

/// How long a service of the meso tier may take.
const SERVICE_DEADLINE: Duration = Duration::from_secs(5);
/// How long recall may take; without it a goal goes on.
const RECALL_DEADLINE: Duration = Duration::from_secs(5);
/// Passages recalled for a goal.
const RECALLED: usize = 5;
/// How long the model may take to pick columns.
const PICK_DEADLINE: Duration = Duration::from_secs(30);

/// Plans goals and sees them through.
#[derive(Debug, Default)]
pub struct Planner;

impl Planner {
    /// A planner; all it knows of a goal is in the step log.
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Agent for Planner {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["plan".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        if incoming.performative != Performative::Request
            || incoming.ontology.as_deref() != Some(ontology::GOAL)
        {
            return Err(AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedFunction,
                "a planner takes requests of ontology aios.goal",
            )));
        }
        ctx.spawn(incoming, |incoming, ctx| async move {
            let request: GoalRequest = incoming.json()?;
            let answer = tokio::select! {
                answer = pursue(&request, incoming.deliveries() > 1, &ctx) => answer?,
                () = incoming.cancelled() => return Ok(()),
            };
            incoming.inform(Content::json(&answer)?)?;
            Ok(())
        });
        Ok(())
    }
}

/// The whole way, under a lease: of two planners that were given the same goal one drives it.
async fn pursue(
    request: &GoalRequest,
    goes_on: bool,
    ctx: &Context,
) -> Result<GoalAnswer, AgentError> {
    let due = Instant::now() + Duration::from_millis(request.deadline_ms);
    let lease = |ttl_ms| LeaseRequest {
        resource: format!("goal/{}", request.goal_id),
        ttl_ms,
    };
    let held: Lease = ask(
        ctx,
        "meso.consensus",
        Performative::Request,
        ontology::LEASE,
        &lease(request.deadline_ms),
    )
    .await?;
    tracing::debug!(goal = request.goal_id, token = held.token, "goal leased");
    let run = Run {
        request,
        files: FilesState::of(&request.data),
        due,
        goes_on,
    };
    // The work ends itself before that; this ends what does not listen.
    let answer = tokio::time::timeout_at(due, answered(&run, ctx)).await;
    let answer = answer.unwrap_or_else(|_| {
        let allowed = request.deadline_ms;
        Err(AgentError::failure(format!(
            "the goal was not done within its {allowed} ms; raise goal.deadline_ms"
        )))
    });
    // While a human may still decide, what was done stays done: the goal goes on from there.
    if answer
        .as_ref()
        .is_ok_and(|answer| answer.waits_for.is_empty())
    {
        let over = Settle {
            goal_id: request.goal_id.clone(),
            role: "macro.executor".to_owned(),
        };
        let settled: Result<Value, _> =
            ask(ctx, "meso.state", Performative::Request, SETTLE, &over).await;
        if let Err(error) = settled {
            tracing::warn!(%error, "the goal's steps were not cleared away");
        }
    }
    let released: Result<Lease, _> = ask(
        ctx,
        "meso.consensus",
        Performative::Request,
        ontology::LEASE,
        &lease(0),
    )
    .await;
    if let Err(error) = released {
        tracing::warn!(%error, "the goal's lease runs out by itself");
    }
    answer
}

/// The answer, once: asked again for the same goal, it is given again as long as its verdict still proves itself.
async fn answered(run: &Run<'_>, ctx: &Context) -> Result<GoalAnswer, AgentError> {
    let request = run.request;
    let asked = fingerprint(run);
    let known: String = ctx
        .once(&format!("{}/request", request.goal_id), || async {
            Ok::<_, AgentError>(asked.clone())
        })
        .await?;
    if known != asked {
        let detail = format!(
            "{} names another goal already, or its files have changed; choose another id",
            request.goal_id
        );
        return Err(AgentError::refuse(ReasonKind::UnsupportedValue, detail));
    }
    let step = format!("{}/answer", request.goal_id);
    let answer = ctx.once(&step, || work(run, ctx)).await?;
    if release(&answer, ctx).is_ok() && !decided_since(&answer, ctx) {
        return Ok(answer);
    }
    // The keys of agents live as long as their process: a verdict of an earlier one proves nothing now, so it is judged anew. And what
    // waited for a human goes on once the human has decided.
    ctx.forget_steps(&step)?;
    ctx.once(&step, || work(run, ctx)).await
}

/// Whether a human has decided something that the answer waited for, or can decide it no more and must be asked anew.
fn decided_since(answer: &GoalAnswer, ctx: &Context) -> bool {
    let approvals = ctx.society().approvals();
    answer.waits_for.iter().any(
        |id| !matches!(approvals.get(id), Ok(approval) if approval.status == ApprovalStatus::Open),
    )
}

/// What makes two requests of the same id the same goal: the words, the files and their state.
fn fingerprint(run: &Run<'_>) -> String {
    let text = &run.request.text;
    let mut hash = Sha256::new();
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text);
    hash.update(run.files.as_bytes());
    hex(&hash.finalize())
}

async fn work(run: &Run<'_>, ctx: &Context) -> Result<GoalAnswer, AgentError> {
    let request = run.request;
    let goal = Goal::new(
        &request.goal_id,
        ctx.tenant().as_str(),
        &request.text,
        request.data.clone(),
        &GoalLimits::default(),
    )
    .map_err(|error| AgentError::refuse(ReasonKind::UnsupportedValue, error.to_string()))?;
    let conduct = Conduct::new(ctx, run);
    let mut progress = Progress::default();

    let (recalled, offered) = tokio::join!(recall(request, ctx), offered(ctx));
    let actions: Vec<&str> = ACTIONS
        .into_iter()
        .filter(|action| offered.iter().any(|skill| skill == action))
        .collect();

    let scouts = scout(&goal);
    let conductor = &conduct;
    let looked = scouts.iter().map(|task| async move {
        let title = title(None, task);
        (
            task,
            conductor
                .figures(task, task.args.clone(), &title, None)
                .await,
        )
    });
    for (task, conducted) in futures::future::join_all(looked).await {
        let Err(reason) = progress.take(task, conducted) else {
            continue;
        };
        if ctx.society().recovery().of(&task.action).then != Recourse::ReplanAndSimplify {
            return Ok(progress.failed(request, &conduct, reason));
        }
        progress
            .gaps
            .push(format!("{}: {reason}", title(None, task)));
    }
    if !progress.lost.is_empty() {
        // The plan that needs nothing: say what was asked and what is missing.
        let analysis = analyse(&goal, None, None);
        let plan = Plan {
            goal: request.goal_id.clone(),
            intent: analysis.intent,
            tasks: scouts,
            points: Vec::new(),
        };
        return deliver(
            request,
            &goal,
            &plan,
            &analysis,
            &[],
            &conduct,
            progress,
            ctx,
        )
        .await;
    }

    let table = profile(&scouts, &progress);
    let document = scouts
        .iter()
        .find(|task| task.reading == Some(Reading::Document))
        .and_then(|task| task.args.get("file"));
    let analysis = analyse(&goal, table.as_ref(), document.and_then(Value::as_str));
    let analysis = match &table {
        Some(table) => pick(&goal, table, analysis, &conduct, request, ctx).await?,
        None => analysis,
    };

    let mut plan = build(&goal, &analysis);
    for task in &mut plan.tasks {
        // What an attempt may really take is what the plan is measured by.
        let policy = ctx.society().recovery().of(&task.action);
        task.deadline_ms = task
            .deadline_ms
            .min(request.task_deadline_ms)
            .min(policy.attempt_timeout_ms);
    }
    let budget = Budget {
        tasks: request.tasks as usize,
        tokens: request.tokens.into(),
        time_ms: request.deadline_ms,
        ..Budget::default()
    };
    if let Err(error) = plan.check(&actions, &budget) {
        return Ok(progress.failed(request, &conduct, error.to_string()));
    }
    for task in plan
        .tasks
        .iter()
        .filter(|task| !progress.done.contains(&task.id))
    {
        conduct
            .tell(conduct.event(task, &title(Some(&plan), task), TaskStatus::Pending))
            .await;
    }
    carry_out(&goal, &plan, &analysis, &recalled, &conduct, &mut progress).await;
    deliver(
        request, &goal, &plan, &analysis, &recalled, &conduct, progress, ctx,
    )
    .await
}

/// What has come of the tasks so far.
#[derive(Default)]
struct Progress {
    done: BTreeSet<String>,
    lost: BTreeSet<String>,
    outputs: BTreeMap<String, Value>,
    artifacts: Vec<Artifact>,
    reports: Vec<TaskReport>,
    gaps: Vec<String>,
    /// The model's paragraph, if it passed.
    paragraph: Option<String>,
    /// Tasks that were done in the place of others, by their id.
    instead: BTreeMap<String, Task>,
    /// How results were come by that did not come the usual way.
    notes: Vec<String>,
}

impl Progress {
    fn take(&mut self, task: &Task, conducted: Conducted) -> Result<(), String> {
        self.reports.push(conducted.report);
        self.notes.extend(conducted.note);
        self.gaps.extend(conducted.gap);
        self.instead
            .extend(conducted.instead.map(|other| (task.id.clone(), other)));
        match conducted.outcome {
            Ok(ToolOutput {
                value, artifacts, ..
            }) => {
                self.done.insert(task.id.clone());
                self.artifacts.extend(artifacts);
                if task.reading == Some(Reading::Paragraph) {
                    self.paragraph = value.as_str().map(str::to_owned);
                } else {
                    self.outputs.insert(task.id.clone(), value);
                }
                Ok(())
            }
            Err(reason) => {
                self.lost.insert(task.id.clone());
                Err(reason)
            }
        }
    }

    /// The plan as it was carried out.
    fn plan(&self, plan: &Plan) -> Plan {
        let done = |task: &Task| self.instead.get(&task.id).unwrap_or(task).clone();
        Plan {
            tasks: plan.tasks.iter().map(done).collect(),
            ..plan.clone()
        }
    }

    /// The goal has no answer.
    fn failed(self, request: &GoalRequest, conduct: &Conduct<'_>, reason: String) -> GoalAnswer {
        GoalAnswer {
            goal_id: request.goal_id.clone(),
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            artifacts: Vec::new(),
            tasks: self.reports,
            critic: CriticReport::default(),
            gaps: Vec::new(),
            waits_for: conduct.waits_for.lock().clone(),
            spent: conduct.purse.spent(),
            ended_by: conduct.ended_by(),
            reason: Some(reason),
            verdict: String::new(),
        }
    }
}

/// Runs the plan: whatever is ready runs at once, and each result may make more ready.
async fn carry_out(
    goal: &Goal,
    plan: &Plan,
    analysis: &Analysis,
    recalled: &[String],
    conduct: &Conduct<'_>,
    progress: &mut Progress,
) {
    let mut running = FuturesUnordered::new();
    let mut begun = progress.done.clone();
    loop {
        for task in plan.ready(&progress.done, &progress.lost) {
            if !begun.insert(task.id.clone()) {
                continue;
            }
            // What a task is filled with is what was found when it became due.
            let findings = Findings::read(&progress.plan(plan), analysis, &progress.outputs);
            let title = title(Some(plan), task);
            running.push(async move {
                let filling = Filling {
                    goal,
                    analysis,
                    findings: &findings,
                    recalled,
                    feedback: None,
                };
                let conducted = if task.reading == Some(Reading::Paragraph) {
                    let points = writing::paragraph_points(analysis, &findings);
                    let mut evidence =
                        findings.evidence(goal, plan, analysis, TextKind::Paragraph, points);
                    evidence
                        .passages
                        .extend(recalled.iter().cloned().chain(expression(analysis)));
                    Some(
                        conduct
                            .prose(task, &title, Prose { filling, evidence })
                            .await,
                    )
                } else {
                    match dag::fill(task, &filling) {
                        Some(args) => {
                            Some(conduct.figures(task, args, &title, Some(analysis)).await)
                        }
                        None => None,
                    }
                };
                if conducted.is_none() {
                    conduct
                        .tell(conduct.event(task, &title, TaskStatus::Cancelled))
                        .await;
                }
                (task, title, conducted)
            });
        }
        let Some((task, title, conducted)) = running.next().await else {
            break;
        };
        let Some(conducted) = conducted else {
            progress.lost.insert(task.id.clone());
            continue;
        };
        if let Err(reason) = progress.take(task, conducted)
            // Prose that did not pass is replaced by the report's own paragraph, which says so.
            && task.reading != Some(Reading::Paragraph)
        {
            progress.gaps.push(format!("{title}: {reason}"));
        }
        // What needed a lost task is lost too, and named once.
        progress.lost = plan.lost(&progress.lost);
    }
}

/// Writes the report, has it judged as it will leave, and keeps it.
#[allow(clippy::too_many_arguments)]
async fn deliver(
    request: &GoalRequest,
    goal: &Goal,
    plan: &Plan,
    analysis: &Analysis,
    recalled: &[String],
    conduct: &Conduct<'_>,
    progress: Progress,
    ctx: &Context,
) -> Result<GoalAnswer, AgentError> {
    let plan = &progress.plan(plan);
    let mut analysis = analysis.clone();
    analysis.notes.extend(progress.notes.iter().cloned());
    let analysis = &analysis;
    let mut findings = Findings::read(plan, analysis, &progress.outputs);
    // Why something is missing says more than that it is.
    let told: BTreeSet<String> = progress
        .reports
        .iter()
        .filter_map(|report| no_result(report, plan))
        .collect();
    findings.gaps.retain(|gap| !told.contains(gap));
    let paragraph = report::closing(goal, analysis, &findings, progress.paragraph.as_deref());
    let written = report::answer(
        goal,
        analysis,
        &findings,
        &paragraph,
        &progress.artifacts,
        &progress.gaps,
    );
    let mut evidence =
        findings.evidence(goal, plan, analysis, TextKind::Report, plan.points.clone());
    evidence.passages.extend(expression(analysis));
    // What a paragraph may repeat, the answer that holds it may repeat.
    evidence.passages.extend(recalled.iter().cloned());
    // The age of an earlier result is a number that no file holds.
    evidence.passages.extend(progress.notes.iter().cloned());
    let status = if written.gaps.is_empty() {
        GoalStatus::Approved
    } else {
        GoalStatus::Partial
    };
    let mut answer = GoalAnswer {
        goal_id: request.goal_id.clone(),
        status,
        answer: written.answer,
        facts: written.facts,
        artifacts: written.artifacts,
        tasks: in_order(plan, progress.reports),
        critic: CriticReport::default(),
        gaps: written.gaps,
        waits_for: conduct.waits_for.lock().clone(),
        spent: conduct.purse.spent(),
        ended_by: conduct.ended_by(),
        reason: None,
        verdict: String::new(),
    };
    let judge = |answer: &GoalAnswer| Work::Answer {
        answer: Box::new(answer.clone()),
        evidence: Box::new(evidence.clone()),
    };
    let (mut judgement, mut proof) = conduct
        .validate("", judge(&answer))
        .await
        .map_err(AgentError::failure)?;
    if !judgement.deliverable && answer.status == GoalStatus::Approved {
        // It may still leave as what it is: a partial answer that names what the critic misses.
        answer.status = GoalStatus::Partial;
        answer.gaps.extend(
            judgement
                .issues
                .iter()
                .take(3)
                .map(|issue| issue.description.clone()),
        );
        (judgement, proof) = conduct
            .validate("", judge(&answer))
            .await
            .map_err(AgentError::failure)?;
    }
    if !judgement.deliverable {
        let reason = format!(
            "the critic holds the answer back: {}",
            judgement.feedback.replace('\n', " ")
        );
        return Ok(GoalAnswer {
            status: GoalStatus::Failed,
            answer: String::new(),
            facts: Vec::new(),
            reason: Some(reason),
            ..answer
        });
    }
    answer.critic = CriticReport {
        score: judgement.score,
        dimensions: by_name(&judgement),
    };
    answer.verdict = hex(proof.sealed().as_bytes());
    remember(&answer, goal, conduct.until_due() / 2, ctx).await;
    Ok(answer)
}

/// The numbers of an expression were given and not found: whoever states the result may repeat them.
fn expression(analysis: &Analysis) -> Option<String> {
    analysis
        .expression
        .as_ref()
        .map(|expression| expression.shown.clone())
}

/// The gap a failed task leaves in the findings, which know only that there is no result.
fn no_result(report: &TaskReport, plan: &Plan) -> Option<String> {
    let task = plan
        .tasks
        .iter()
        .find(|task| task.id == report.id && report.status == TaskStatus::Failed)?;
    let point = plan
        .points
        .iter()
        .find(|point| Some(&point.id) == task.point.as_ref());
    Some(format!(
        "{}: no result",
        point.map_or(&task.id, |point| &point.asks)
    ))
}

/// Reports in the order of the plan, whatever order they came in.
fn in_order(plan: &Plan, mut reports: Vec<TaskReport>) -> Vec<TaskReport> {
    let place = |id: &str| {
        plan.tasks
            .iter()
            .position(|task| task.id == id)
            .unwrap_or(usize::MAX)
    };
    reports.sort_by_key(|report| place(&report.id));
    reports
}

fn profile(scouts: &[Task], progress: &Progress) -> Option<TableProfile> {
    let task = scouts
        .iter()
        .find(|task| task.reading == Some(Reading::Profile))?;
    serde_json::from_value(progress.outputs.get(&task.id)?.clone()).ok()
}

/// Lets the model choose where the rules leave room. Whatever it does, the rules' own choice stands in for it.
async fn pick(
    goal: &Goal,
    table: &TableProfile,
    analysis: Analysis,
    conduct: &Conduct<'_>,
    request: &GoalRequest,
    ctx: &Context,
) -> Result<Analysis, AgentError> {
    let Some(asked) = question(goal, table, &analysis) else {
        return Ok(analysis);
    };
    let tokens = asked.max_tokens + u32::try_from(asked.prompt.len() / 3).unwrap_or(u32::MAX);
    if let Err(error) = conduct.affords(tokens) {
        tracing::warn!(
            error,
            "the model is not asked for its pick; the rules stand alone"
        );
        return Ok(analysis);
    }
    let paying = ctx.paid_from(&conduct.purse);
    // A step, so that a planner that comes back does not get another pick than the one it has begun to work by.
    let picked: String = ctx
        .once(&format!("{}/pick", request.goal_id), || async {
            let infer = InferRequest::chat("You choose columns of a table.", asked.prompt.as_str())
                .json_schema(asked.schema.to_string())
                .max_tokens(asked.max_tokens)
                .sampling(Sampling::Greedy)
                .within(PICK_DEADLINE.min(conduct.left()));
            let text = match paying.think(infer).await {
                Ok(inference) => inference.text,
                Err(error) => {
                    tracing::warn!(%error, "the model did not pick; the rules stand alone");
                    String::new()
                }
            };
            Ok::<_, AgentError>(text)
        })
        .await?;
    Ok(merge(goal, table, &analysis, &picked))
}

/// What somebody alive offers to do.
async fn offered(ctx: &Context) -> Vec<String> {
    let wanted = LookupRequest {
        role: "macro.executor".to_owned(),
        skills: Vec::new(),
    };
    let found: Result<Vec<Found>, _> = ask(
        ctx,
        "meso.registry",
        Performative::QueryRef,
        ontology::LOOKUP,
        &wanted,
    )
    .await;
    match found {
        Ok(found) => found.into_iter().flat_map(|one| one.skills).collect(),
        Err(error) => {
            // A registry that does not answer must not stop a goal: an executor refuses what it cannot do.
            tracing::warn!(%error, "the registry did not answer; all actions are assumed");
            ACTIONS.iter().map(|action| (*action).to_owned()).collect()
        }
    }
}

async fn recall(request: &GoalRequest, ctx: &Context) -> Vec<String> {
    // Only a question without data can be answered from what is remembered; figures come from files.
    if !request.data.is_empty() {
        return Vec::new();
    }
    let wanted = RecallRequest {
        text: request.text.clone(),
        most: RECALLED,
    };
    let asked = async {
        let draft = draft(Performative::QueryRef, ontology::RECALL, &wanted)?;
        let pass = ctx.society().breakers().admit(service::RECALL)?;
        let reply = match ctx.ask("macro.memory", draft, RECALL_DEADLINE).await {
            Ok(reply) => {
                pass.succeeded();
                reply
            }
            Err(error) => {
                match Cause::blames_service(&error) {
                    Some(true) => pass.failed(error.to_string()),
                    Some(false) => pass.succeeded(),
                    None => drop(pass),
                }
                return Err(error.into());
            }
        };
        Ok::<Vec<Recalled>, AgentError>(reply.content.read_json()?)
    };
    match asked.await {
        Ok(found) => found.into_iter().map(|one| one.text).collect(),
        Err(error) => {
            tracing::warn!(%error, "nothing was recalled");
            Vec::new()
        }
    }
}

async fn remember(answer: &GoalAnswer, goal: &Goal, within: Duration, ctx: &Context) {
    let kept = RememberRequest {
        source: format!("goal/{}", answer.goal_id),
        text: format!("{}\n{}", goal.text(), start(&answer.answer, 1_500)),
        result: serde_json::to_value(answer).ok(),
    };
    let told = async {
        let draft = draft(Performative::Request, ontology::REMEMBER, &kept)?;
        let patience = RECALL_DEADLINE.min(within);
        ctx.ask("macro.memory", draft, patience).await?;
        Ok::<(), AgentError>(())
    };
    if let Err(error) = told.await {
        tracing::warn!(%error, "the answer was not remembered");
    }
}

async fn ask<T: serde::de::DeserializeOwned>(
    ctx: &Context,
    to: &str,
    act: Performative,
    ontology: &str,
    content: &impl serde::Serialize,
) -> Result<T, AgentError> {
    let reply = ctx
        .ask(to, draft(act, ontology, content)?, SERVICE_DEADLINE)
        .await?;
    Ok(reply.content.read_json()?)
}

/// What a task is for, in a few words.
fn title(plan: Option<&Plan>, task: &Task) -> String {
    let file = || {
        let path = task
            .args
            .get("file")
            .and_then(Value::as_str)
            .unwrap_or("the file");
        path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned()
    };
    let point = task
        .point
        .as_ref()
        .and_then(|id| plan?.points.iter().find(|point| &point.id == id));
    match (&task.reading, point) {
        (Some(Reading::Profile | Reading::Document), _) => format!("look at {}", file()),
        (Some(Reading::Chart), _) => "draw the chart".to_owned(),
        (Some(Reading::Paragraph), _) => "write the closing paragraph".to_owned(),
        (_, Some(point)) => point.asks.clone(),
        _ => task.id.replace('_', " "),
    }
}
