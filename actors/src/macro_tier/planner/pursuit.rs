//! One goal from the request to its answer: under a lease, scouted, analysed, planned, carried out, delivered, once.

use std::time::Duration;

use aios_inference::{InferRequest, Sampling};
use aios_protocols::{Performative, ReasonKind};
use aios_supervisor::Recourse;
use aios_tables::TableProfile;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::conduct::{Conduct, Run, draft};
use super::delivery::{RECALL_DEADLINE, deliver};
use super::findings::Reading;
use super::progress::{Progress, carry_out, title};
use super::terms::Terms;
use super::{ACTIONS, Analysis, analyse, build, document, merge, question, scout};
use crate::agent::{AgentError, Context};
use crate::content::{
    Found, GoalAnswer, GoalRequest, GoalStatus, Lease, LeaseRequest, LookupRequest, RecallRequest,
    Recalled, TaskStatus, hex, ontology,
};
use crate::macro_tier::goal::{Goal, GoalLimits};
use crate::macro_tier::interface::release;
use crate::macro_tier::plan::{Plan, PlanLimits, Task};
use crate::meso_tier::state::{SETTLE, Settle};
use crate::recovery::cached::GoalFiles;
use crate::recovery::{ApprovalStatus, FailureKind, service};

/// How long a service of the meso tier may take.
const SERVICE_DEADLINE: Duration = Duration::from_secs(5);
/// Passages recalled for a goal.
const RECALLED: usize = 5;
/// Parts that a document is read in; more than the largest one that is read has.
const PARTS: usize = 128;
/// How long the model may take to pick columns.
const PICK_DEADLINE: Duration = Duration::from_secs(30);

/// The whole way, under a lease: of two planners that were given the same goal one drives it.
pub(super) async fn pursue(
    request: &GoalRequest,
    goes_on: bool,
    ctx: &Context,
) -> Result<GoalAnswer, AgentError> {
    let due = Instant::now() + Duration::from_millis(request.deadline_ms);
    let held: Lease = ask(
        ctx,
        "meso.consensus",
        Performative::Request,
        ontology::LEASE,
        &lease(request, request.deadline_ms),
    )
    .await?;
    tracing::debug!(goal = request.goal_id, token = held.token, "goal leased");
    let ledger = ctx.system().ledger();
    let under_way = ledger.begin(ctx.tenant(), &request.goal_id, ctx.now())?;
    // Read once, off the async threads: from here on the goal is about these bytes.
    let data = request.data.clone();
    let files = tokio::task::spawn_blocking(move || {
        GoalFiles::of(&data, aios_tools::Limits::default().file_bytes)
    });
    let files = files.await.map_err(|panic| {
        AgentError::broken(format!("reading the goal's files panicked: {panic}"))
    })?;
    let run = Run {
        request,
        files,
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
        // What a human was asked for it is of no use any more.
        let approvals = ctx.system().approvals();
        if let Err(error) = approvals.over(ctx.tenant(), &request.goal_id) {
            tracing::warn!(%error, "the goal's questions were not withdrawn");
        }
    }
    let has_answer = match &answer {
        Ok(answer) => answer.waits_for.is_empty(),
        // Refused, because it names another goal: that one keeps its answer.
        Err(_) => under_way.was_over,
    };
    if has_answer && let Err(error) = under_way.over() {
        tracing::warn!(%error, "the goal is not on record as answered");
    }
    give_back(request, ctx).await;
    answer
}

fn lease(request: &GoalRequest, ttl_ms: u64) -> LeaseRequest {
    LeaseRequest {
        resource: format!("goal/{}", request.goal_id),
        ttl_ms,
    }
}

/// Gives the goal's lease back: it is over, or was called off.
pub(super) async fn give_back(request: &GoalRequest, ctx: &Context) {
    let released: Result<Lease, _> = ask(
        ctx,
        "meso.consensus",
        Performative::Request,
        ontology::LEASE,
        &lease(request, 0),
    )
    .await;
    if let Err(error) = released {
        tracing::warn!(%error, "the goal's lease runs out by itself");
    }
}

/// An answer as it is kept, with what it was got under.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(default)]
    terms: Terms,
    #[serde(flatten)]
    answer: GoalAnswer,
}

/// The answer, once: asked again for the same goal, it is given again as long as it stands.
async fn answered(run: &Run<'_>, ctx: &Context) -> Result<GoalAnswer, AgentError> {
    let request = run.request;
    let terms = Terms::of(request, ctx.system());
    let step = format!("{}/answer", request.goal_id);
    let pick = pick_step(request);
    let known: Option<Kept> = ctx.done(&step)?;
    let ground = match &known {
        Some(kept) if !kept.terms.hold(&kept.answer, &terms, run.goes_on) => Ground::Cleared,
        Some(kept) if decided_since(&kept.answer, ctx) => Ground::Decided,
        _ => Ground::Kept,
    };
    let asked = fingerprint(run);
    let claim = format!("{}/request", request.goal_id);
    let failed = known
        .as_ref()
        .is_some_and(|kept| kept.answer.status == GoalStatus::Failed);
    if failed && ground == Ground::Cleared {
        // Nothing was delivered, so nothing is bound to these words and files.
        ctx.forget_steps(&claim)?;
    }
    let named: String = ctx
        .once(&claim, || async { Ok::<_, AgentError>(asked.clone()) })
        .await?;
    if named != asked {
        let detail = format!(
            "{} names another goal already, or its files have changed; choose another id",
            request.goal_id
        );
        return Err(AgentError::refuse(ReasonKind::UnsupportedValue, detail));
    }
    if ground == Ground::Cleared {
        // What the model could not pick for want of tokens it is asked again.
        ctx.forget_steps(&pick)?;
    }
    if ground != Ground::Kept {
        ctx.forget_steps(&step)?;
    }
    let kept = || async {
        Ok::<_, AgentError>(Kept {
            terms: terms.clone(),
            answer: worked(run, ctx).await?,
        })
    };
    let known: Kept = ctx.once(&step, kept).await?;
    if release(&known.answer, ctx).is_ok() {
        return Ok(known.answer);
    }
    // The keys of agents live as long as their process: a verdict of an earlier one proves nothing now, so it is judged anew.
    ctx.forget_steps(&step)?;
    Ok(ctx.once(&step, kept).await?.answer)
}

/// The answer of a planner that has not fallen meanwhile: of one that has, no failure is on record.
async fn worked(run: &Run<'_>, ctx: &Context) -> Result<GoalAnswer, AgentError> {
    let answer = work(run, ctx).await;
    ctx.unless_over().await;
    answer
}

/// What becomes of an earlier answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// It is given again, or there is none.
    Kept,
    /// The goal goes on from there.
    Decided,
    /// The goal is tried anew.
    Cleared,
}

/// Whether a human has decided something that the answer waited for, or can decide it no more and must be asked anew.
fn decided_since(answer: &GoalAnswer, ctx: &Context) -> bool {
    let approvals = ctx.system().approvals();
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
    if let Some(reason) = run.files.unreadable() {
        return Ok(progress.failed(request, &conduct, reason.to_owned()));
    }

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
        if ctx.system().recovery().of(&task.action).then != Recourse::ReplanAndSimplify {
            return Ok(progress.failed(request, &conduct, reason));
        }
        progress
            .gaps
            .push(format!("{}: {reason}", title(None, task)));
    }
    if let Some(task) = scouts
        .iter()
        .find(|task| task.reading == Some(Reading::Document))
    {
        read_on(task, &conduct, &mut progress).await;
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
        let policy = ctx.system().recovery().of(&task.action);
        task.deadline_ms = task
            .deadline_ms
            .min(request.task_deadline_ms)
            .min(policy.attempt_timeout_ms);
    }
    let budget = PlanLimits {
        tasks: request.tasks as usize,
        tokens: request.tokens.into(),
        time_ms: request.deadline_ms,
        ..PlanLimits::default()
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

/// Reads the rest of a document that is longer than one message, part by part, as long as there is time. What is left is told by the report.
async fn read_on(task: &Task, conduct: &Conduct<'_>, progress: &mut Progress) {
    for part in 2..=PARTS {
        let next = progress
            .outputs
            .get(&task.id)
            .and_then(document::next_part)
            .filter(|_| conduct.left() > Duration::from_secs(1));
        let Some(from) = next else { return };
        let mut args = task.args.clone();
        if let Some(fields) = args.as_object_mut() {
            fields.insert("from".to_owned(), from.into());
            // The text itself came with the first part.
            fields.insert("max_chars".to_owned(), 1.into());
        }
        let more = Task {
            id: format!("{}_{part}", task.id),
            args: args.clone(),
            ..task.clone()
        };
        let conducted = conduct.figures(&more, args, &title(None, task), None).await;
        let id = more.id.clone();
        if let Err(reason) = progress.take(&more, conducted) {
            progress.lost.remove(&id);
            progress
                .gaps
                .push(format!("part {part} of the document: {reason}"));
            return;
        }
        if let Some(part) = progress.outputs.remove(&id)
            && let Some(whole) = progress.outputs.get_mut(&task.id)
        {
            document::append(whole, &part);
        }
    }
}

fn pick_step(request: &GoalRequest) -> String {
    format!("{}/pick", request.goal_id)
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
    let paying = ctx.paid_from(&conduct.budget);
    // A step, so that a planner that comes back does not get another pick than the one it has begun to work by.
    let picked: String = ctx
        .once(&pick_step(request), || async {
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
        let pass = ctx.system().breakers().admit(service::RECALL)?;
        let reply = match ctx.ask("macro.memory", draft, RECALL_DEADLINE).await {
            Ok(reply) => {
                pass.succeeded();
                reply
            }
            Err(error) => {
                match FailureKind::blames_service(&error) {
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
