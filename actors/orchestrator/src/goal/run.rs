//! One goal from the request to its answer: under a lease, scouted, analysed, planned, carried out, delivered, once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aios_actors::agent::{AgentError, Context};
use aios_actors::recovery::{ApprovalStatus, service};
use aios_protocols::{Performative, ReasonKind};
use aios_work::PlanFile;
use aios_work::content::{
    Answer, Found, GoalRequest, GoalStatus, Lease, LeaseRequest, LookupRequest, RecallRequest,
    Recalled, TaskStatus, hex, ontology,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::Services;
use crate::agents::interface::release;
use crate::goal::delivery::{RECALL_DEADLINE, deliver, remember};
use crate::goal::planning::{Planned, pick_step, planned};
use crate::goal::progress::{Passages, carry_out};
use crate::goal::tasks::{GoalTasks, Run, draft, settle};
use crate::goal::terms::Terms;
use crate::task::cached::GoalFiles;

/// How long a service of the meso tier may take.
const SERVICE_DEADLINE: Duration = Duration::from_secs(5);
/// Passages recalled for a goal.
const RECALLED: usize = 5;

/// The whole way, under a lease: of two planners that were given the same goal one drives it.
pub(crate) async fn pursue(
    request: &GoalRequest,
    goes_on: bool,
    services: &Services,
    ctx: &Context,
) -> Result<Answer, AgentError> {
    let due = Instant::now() + Duration::from_millis(request.deadline_ms);
    let goal = request
        .goal(ctx.tenant().as_str())
        .map_err(|error| AgentError::refuse(ReasonKind::UnsupportedValue, error.to_string()))?;
    // Read once, off the async threads: from here on the goal is about these bytes.
    let data = request.data.clone();
    let files = tokio::task::spawn_blocking(move || {
        GoalFiles::of(&data, aios_tools::Limits::default().file_bytes)
    });
    let terms = lease(request, request.deadline_ms);
    let held = ask::<Lease>(
        ctx,
        "meso.consensus",
        Performative::Request,
        ontology::LEASE,
        &terms,
    );
    let (held, offered) = tokio::join!(held, offered(services, ctx));
    let held = held?;
    tracing::debug!(goal = request.goal_id, token = held.token, "goal leased");
    let under_way = services
        .ledger
        .begin(ctx.tenant(), &request.goal_id, ctx.now())?;
    let files = files.await.map_err(|panic| {
        AgentError::broken(format!("reading the goal's files panicked: {panic}"))
    })?;
    let run = Run {
        services,
        request,
        goal,
        offered,
        files,
        due,
        goes_on,
    };
    // The work ends itself before that; this ends what does not listen.
    let answered = tokio::time::timeout_at(due, answered(&run, ctx)).await;
    let answered = answered.unwrap_or_else(|_| {
        let allowed = request.deadline_ms;
        Err(AgentError::failure(format!(
            "the goal was not done within its {allowed} ms; raise goal.deadline_ms"
        )))
    });
    // One that was committed by a planner that fell may not have been remembered yet.
    let new = answered.as_ref().is_ok_and(|(_, made)| *made || goes_on);
    let answer = answered.map(|(answer, _)| answer);
    // While a human may still decide, what was done stays done: the goal goes on from there.
    if answer
        .as_ref()
        .is_ok_and(|answer| answer.waits_for.is_empty())
    {
        if let Err(error) = under_way.settle() {
            tracing::warn!(%error, "the goal's steps were not cleared away");
        }
        // What a human was asked for it is of no use any more.
        let approvals = ctx.system().approvals();
        if let Err(error) = approvals.over(&request.goal_id, ctx) {
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
    let remembered = async {
        match &answer {
            // What a private goal gave is not brought to another goal, which may be thought about elsewhere.
            Ok(answer) if new && answer.status != GoalStatus::Failed && !ctx.is_private() => {
                let left = due.saturating_duration_since(Instant::now());
                remember(answer, &run.goal, left / 2, ctx).await;
            }
            _ => {}
        }
    };
    tokio::join!(remembered, give_back(request, ctx));
    answer
}

/// What would be done for a goal, and nothing of it is: its files are read and looked into, its plan is made and checked.
pub(crate) async fn plan_only(
    request: &GoalRequest,
    services: &Services,
    ctx: &Context,
) -> Result<PlanFile, AgentError> {
    let due = Instant::now() + Duration::from_millis(request.deadline_ms);
    let refused = |reason: String| AgentError::refuse(ReasonKind::UnsupportedValue, reason);
    let goal = request
        .goal(ctx.tenant().as_str())
        .map_err(|error| refused(error.to_string()))?;
    let data = request.data.clone();
    let files = tokio::task::spawn_blocking(move || {
        GoalFiles::of(&data, aios_tools::Limits::default().file_bytes)
    });
    let (files, offered) = tokio::join!(files, offered(services, ctx));
    let files = files.map_err(|panic| {
        AgentError::broken(format!("reading the goal's files panicked: {panic}"))
    })?;
    let under_way = services
        .ledger
        .begin(ctx.tenant(), &request.goal_id, ctx.now())?;
    let run = Run {
        services,
        request,
        goal,
        offered,
        files,
        due,
        goes_on: false,
    };
    let tasks = GoalTasks::new(ctx, &run);
    let planned = async {
        let recalled = recall(&tasks).await;
        planned(&run, &tasks, &recalled.passages).await
    };
    let planned = tokio::time::timeout_at(due, planned).await;
    // Nobody asks for this goal again.
    if let Err(error) = under_way.settle() {
        tracing::warn!(%error, "what was looked at for a plan was not cleared away");
    }
    ctx.forget_steps(&pick_step(request))?;
    match planned {
        Ok(Ok(planned)) => Ok(PlanFile::of(&planned.plan, run.goal.text())),
        Ok(Err(no_plan)) => Err(refused(no_plan.reason)),
        Err(_) => Err(refused(format!(
            "the goal was not planned within its {} ms; raise goal.deadline_ms",
            request.deadline_ms
        ))),
    }
}

fn lease(request: &GoalRequest, ttl_ms: u64) -> LeaseRequest {
    LeaseRequest {
        resource: format!("goal/{}", request.goal_id),
        ttl_ms,
    }
}

/// Gives the goal's lease back: it is over, or was called off.
pub(crate) async fn give_back(request: &GoalRequest, ctx: &Context) {
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
struct KnownAnswer {
    #[serde(default)]
    terms: Terms,
    #[serde(flatten)]
    answer: Answer,
}

/// The answer, once, and whether it was made now: asked again for the same goal, it is given again as long as it stands.
async fn answered(run: &Run<'_>, ctx: &Context) -> Result<(Answer, bool), AgentError> {
    let request = run.request;
    let terms = Terms::of(request, &run.services.settings);
    let step = format!("{}/answer", request.goal_id);
    let pick = pick_step(request);
    let known: Option<KnownAnswer> = ctx.done(&step)?;
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
        .once_pure(&claim, || async { Ok::<_, AgentError>(asked.clone()) })
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
    let made = AtomicBool::new(false);
    let kept = || async {
        made.store(true, Ordering::Relaxed);
        Ok::<_, AgentError>(KnownAnswer {
            terms: terms.clone(),
            answer: worked(run, ctx).await?,
        })
    };
    let known: KnownAnswer = ctx.once_pure(&step, kept).await?;
    // The verdict of one that was made now has only just been given; whoever lets it out looks at it once more.
    if made.load(Ordering::Relaxed) || release(&known.answer, &run.goal, ctx).is_ok() {
        return Ok((known.answer, made.into_inner()));
    }
    // The keys of agents live as long as their process: a verdict of an earlier one proves nothing now, so it is judged anew.
    ctx.forget_steps(&step)?;
    Ok((ctx.once_pure(&step, kept).await?.answer, true))
}

/// The answer of a planner that has not fallen meanwhile: of one that has, no failure is on record.
async fn worked(run: &Run<'_>, ctx: &Context) -> Result<Answer, AgentError> {
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
fn decided_since(answer: &Answer, ctx: &Context) -> bool {
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
    // The same words by another plan are another goal.
    if let Some(plan) = &run.request.plan {
        hash.update(serde_json::to_vec(plan).unwrap_or_default());
    }
    hex(&hash.finalize())
}

async fn work(run: &Run<'_>, ctx: &Context) -> Result<Answer, AgentError> {
    let request = run.request;
    let tasks = GoalTasks::new(ctx, run);
    let recalled = recall(&tasks).await;
    let Planned {
        plan,
        case,
        mut progress,
    } = match planned(run, &tasks, &recalled.passages).await {
        Ok(planned) => planned,
        Err(no_plan) => return Ok(no_plan.progress.failed(request, &tasks, no_plan.reason)),
    };
    tasks.carries_out(&plan);
    if !plan.is_settled(&progress.done, &progress.lost) {
        for task in &plan.tasks {
            if !progress.done.contains(&task.id) {
                let title = task.title(&plan.points);
                tasks
                    .tell(tasks.event(task, &title, TaskStatus::Pending))
                    .await;
            }
        }
        carry_out(&plan, case.as_ref(), &recalled, &tasks, &mut progress).await;
    }
    let seen = progress.seen(&plan, &recalled);
    deliver(case.as_ref(), &seen, progress, &tasks).await
}

/// What somebody alive offers to do; none if nobody can say.
async fn offered(services: &Services, ctx: &Context) -> Option<Vec<String>> {
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
        Ok(found) => {
            let mut offered: BTreeSet<String> = BTreeSet::new();
            // A card is written when its agent starts; what its toolbox has got since, it can do too.
            if !found.is_empty() {
                offered.extend(services.tools.specs().map(|spec| spec.name.clone()));
            }
            offered.extend(found.into_iter().flat_map(|one| one.skills));
            Some(offered.into_iter().collect())
        }
        Err(error) => {
            // A registry that does not answer must not stop a goal: an executor refuses what it cannot do.
            tracing::warn!(%error, "the registry did not answer; any tool is assumed");
            None
        }
    }
}

async fn recall(run: &GoalTasks<'_>) -> Passages {
    let (request, ctx) = (run.request, run.ctx);
    // Only a question without data can be answered from what is remembered; figures come from files.
    if !request.data.is_empty() {
        return Passages::default();
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
                settle(pass, &error, &error.to_string(), true);
                return Err(error.into());
            }
        };
        let found: Vec<Recalled> = reply.content.read_json()?;
        Ok::<_, AgentError>((found, reply))
    };
    match asked.await {
        Ok((found, _)) if found.is_empty() => Passages::default(),
        Ok((found, reply)) => match run.folder.keep_passages(reply.sealed()) {
            Ok(exhibit) => Passages {
                passages: found.into_iter().map(|one| one.text).collect(),
                exhibit: Some(exhibit),
            },
            Err(full) => {
                tracing::warn!(full, "what was recalled is not used");
                Passages::default()
            }
        },
        Err(error) => {
            tracing::warn!(%error, "nothing was recalled");
            Passages::default()
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
