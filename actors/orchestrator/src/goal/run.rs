//! One goal from the request to its answer: under a lease, scouted, analysed, planned, carried out, delivered, once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aios_actors::agent::{AgentError, Context};
use aios_actors::meso_tier::team::{CONSENSUS, REGISTRY};
use aios_actors::recovery::{ApprovalStatus, service};
use aios_protocols::{Performative, ReasonKind};
use aios_work::content::{
    Answer, Found, GoalRequest, GoalStatus, KeptPlan, Lease, LeaseRequest, LookupRequest,
    RecallRequest, Recalled, TaskStatus, hex, ontology, plan_step,
};
use aios_work::{Goal, PlanFile};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::Services;
use crate::agents::interface::{of_tenant, release};
use crate::goal::delivery::{RECALL_DEADLINE, deliver, remember};
use crate::goal::ledger::UnderWay;
use crate::goal::offers::Offers;
use crate::goal::planning::{Planned, pick_step, planned, thinks};
use crate::goal::progress::{Passages, carry_out};
use crate::goal::tasks::{GoalTasks, Run, draft, settle};
use crate::goal::terms::Terms;
use crate::roles;
use crate::task::cached::GoalFiles;

/// How long a service of the meso tier may take.
const SERVICE_DEADLINE: Duration = Duration::from_secs(5);
/// Passages recalled for a goal.
const RECALLED: usize = 5;

/// The whole way, under a lease: of two planners that were given the same goal one drives it. The answer is told to whoever asked.
pub(crate) async fn pursue(
    request: &GoalRequest,
    goes_on: bool,
    services: &Services,
    ctx: &Context,
    tell: impl FnOnce(&Answer) -> Result<(), AgentError>,
) -> Result<(), AgentError> {
    let due = Instant::now() + Duration::from_millis(request.deadline_ms);
    of_tenant(&request.goal, ctx)?;
    let terms = lease(request, request.deadline_ms);
    let held = ask::<Lease>(
        ctx,
        CONSENSUS,
        Performative::Request,
        ontology::LEASE,
        &terms,
    );
    let files = files_of(&request.goal, services, ctx);
    // Asked beside the others; a goal that has its answer needs no plan, and does not wait for a model that is still being loaded.
    let thinks = async {
        let answered = ctx.done::<IgnoredAny>(&answer_step(request));
        match answered {
            Ok(None) => tokio::time::timeout_at(due, thinks(services, ctx))
                .await
                .ok(),
            _ => None,
        }
    };
    let begins = async { tokio::join!(files, held, offered(services, ctx)) };
    tokio::pin!(begins, thinks);
    let mut thought = None;
    let (files, held, offered) = loop {
        tokio::select! {
            begun = &mut begins => break begun,
            done = &mut thinks, if thought.is_none() => thought = Some(done),
        }
    };
    // A goal that is another planner's, or whose files are not there, waits for no model.
    let held = held?;
    let thinks = match thought {
        Some(thinks) => thinks,
        None if files.is_ok() => thinks.await,
        None => None,
    };
    tracing::debug!(goal = request.goal.id(), token = held.token, "goal leased");
    let under_way = services
        .ledger
        .begin(ctx.tenant(), request.goal.id(), ctx.now())?;
    let run = Run {
        services,
        request,
        offered,
        files: files?,
        thinks,
        due,
        goes_on,
    };
    // The work ends itself before that; this ends what does not listen.
    let answered = tokio::time::timeout_at(due, answered(&run, &under_way, ctx)).await;
    let answered = answered.unwrap_or_else(|_| {
        let allowed = request.deadline_ms;
        Err(AgentError::failure(format!(
            "the goal was not done within its {allowed} ms; raise goal.deadline_ms"
        )))
    });
    // One that was committed by a planner that fell may not have been remembered yet.
    let new = answered.as_ref().is_ok_and(|(_, made)| *made || goes_on);
    let answer = answered.map(|(answer, _)| answer);
    if answer
        .as_ref()
        .is_ok_and(|answer| answer.waits_for.is_empty())
    {
        // Its steps stay as long as its answer does: asked for again, forked or replayed, it does nothing a second time.
        // What a human was asked for it is of no use any more.
        if let Err(error) = services.people().over(request.goal.id(), ctx).await {
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
                remember(answer, run.goal(), left / 2, ctx).await;
            }
            _ => {}
        }
    };
    // Both are asked before the answer is told, so whoever comes because of it comes after them; neither has to be waited for.
    let told = async { answer.as_ref().map_or(Ok(()), tell) };
    let ((), (), told) = tokio::join!(biased; remembered, give_back(request, ctx), told);
    told?;
    answer.map(drop)
}

/// What would be done for a goal, and nothing of it is: its files are read and looked into, its plan is made and checked.
pub(crate) async fn plan_only(
    request: &GoalRequest,
    services: &Services,
    ctx: &Context,
) -> Result<PlanFile, AgentError> {
    let due = Instant::now() + Duration::from_millis(request.deadline_ms);
    of_tenant(&request.goal, ctx)?;
    let refused = |reason: String| AgentError::refuse(ReasonKind::UnsupportedValue, reason);
    let files = files_of(&request.goal, services, ctx);
    let (files, offered) = tokio::join!(files, offered(services, ctx));
    let files = files?;
    let under_way = services
        .ledger
        .begin(ctx.tenant(), request.goal.id(), ctx.now())?;
    let run = Run {
        services,
        request,
        offered,
        files,
        thinks: None,
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
    ctx.forget_step(&plan_step(request.goal.id()))?;
    match planned {
        Ok(Ok(planned)) => Ok(PlanFile::of(&planned.plan, run.goal().text())),
        Ok(Err(no_plan)) => Err(refused(no_plan.reason)),
        Err(_) => Err(refused(format!(
            "the goal was not planned within its {} ms; raise goal.deadline_ms",
            request.deadline_ms
        ))),
    }
}

/// The goal's files, read once and off the async threads: from here on the goal is about these bytes.
async fn files_of(
    goal: &Goal,
    services: &Services,
    ctx: &Context,
) -> Result<GoalFiles, AgentError> {
    if services.settings.replays
        && let Some(kept) = ctx.done::<KeptPlan>(&plan_step(goal.id()))?
    {
        return Ok(GoalFiles::known(kept.files));
    }
    let (data, in_place) = (goal.data().to_vec(), goal.is_in_place());
    let most = aios_tools::Limits::default().file_bytes;
    let read = move || GoalFiles::of(&data, in_place, most);
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|panic| AgentError::broken(format!("reading the goal's files panicked: {panic}")))
}

fn lease(request: &GoalRequest, ttl_ms: u64) -> LeaseRequest {
    LeaseRequest {
        resource: format!("goal/{}", request.goal.id()),
        ttl_ms,
    }
}

/// Gives the goal's lease back: it is over, or was called off.
pub(crate) async fn give_back(request: &GoalRequest, ctx: &Context) {
    let released: Result<Lease, _> = ask(
        ctx,
        CONSENSUS,
        Performative::Request,
        ontology::LEASE,
        &lease(request, 0),
    )
    .await;
    if let Err(error) = released {
        tracing::warn!(%error, "the goal's lease runs out by itself");
    }
}

/// What a goal's answer is kept under.
fn answer_step(request: &GoalRequest) -> String {
    format!("{}/answer", request.goal.id())
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
async fn answered(
    run: &Run<'_>,
    under_way: &UnderWay,
    ctx: &Context,
) -> Result<(Answer, bool), AgentError> {
    let request = run.request;
    let terms = Terms::of(request, &run.services.settings);
    let step = answer_step(request);
    let pick = pick_step(request);
    let known: Option<KnownAnswer> = ctx.done(&step)?;
    let ground = match &known {
        Some(kept) if !kept.terms.hold(&kept.answer, &terms, run.goes_on) => Ground::Cleared,
        Some(kept) if decided_since(&kept.answer, run.services).await => Ground::Decided,
        _ => Ground::Kept,
    };
    let asked = fingerprint(run);
    let claim = format!("{}/request", request.goal.id());
    let failed = known
        .as_ref()
        .is_some_and(|kept| kept.answer.status == GoalStatus::Failed);
    let mut other_words = false;
    if failed && ground == Ground::Cleared {
        // Nothing was delivered, so nothing is bound to these words and files; what was done for other ones is not for these.
        let named = ctx.done::<String>(&claim)?;
        other_words = named.is_some_and(|named| named != asked);
        if other_words {
            under_way.settle()?;
        }
        ctx.forget_steps(&claim)?;
    }
    let named: String = ctx
        .once_pure(&claim, || async { Ok::<_, AgentError>(asked.clone()) })
        .await?;
    if named != asked {
        let detail = format!(
            "{} names another goal already, or its files have changed; choose another id",
            request.goal.id()
        );
        return Err(AgentError::refuse(ReasonKind::UnsupportedValue, detail));
    }
    if ground == Ground::Cleared {
        // What the model could not pick for want of tokens it is asked again.
        ctx.forget_steps(&pick)?;
        // What was perhaps done outside was done under the names that its plan gave it.
        let plan = plan_step(request.goal.id());
        let kept = ctx.done::<KeptPlan>(&plan).ok().flatten();
        if other_words || kept.is_none_or(|kept| !kept.binds) {
            ctx.forget_step(&plan)?;
        }
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
    if made.load(Ordering::Relaxed) || release(&known.answer, run.goal(), ctx).is_ok() {
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
async fn decided_since(answer: &Answer, services: &Services) -> bool {
    for id in &answer.waits_for {
        let asked = services.people().get(id).await;
        if !asked.is_ok_and(|approval| approval.status == ApprovalStatus::Open) {
            return true;
        }
    }
    false
}

/// What makes two requests of the same id the same goal: the words, the files and their state.
fn fingerprint(run: &Run<'_>) -> String {
    let text = run.goal().text();
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
    let tasks = GoalTasks::new(ctx, run);
    let recalled = recall(&tasks).await;
    let Planned {
        plan,
        case,
        mut progress,
    } = match planned(run, &tasks, &recalled.passages).await {
        Ok(planned) => planned,
        Err(no_plan) if no_plan.stands => {
            return Err(AgentError::refuse(
                ReasonKind::UnsupportedValue,
                no_plan.reason,
            ));
        }
        Err(no_plan) => return Ok(no_plan.progress.failed(&tasks, no_plan.reason)),
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
    let mut answer = deliver(case.as_ref(), &seen, progress, &tasks).await?;
    // A model may have judged it since it was written. Nobody signs what thought.
    answer.model = tasks.model();
    Ok(answer)
}

/// What somebody alive offers to do; none if nobody can say.
async fn offered(services: &Services, ctx: &Context) -> Option<Offers> {
    let wanted = LookupRequest {
        role: roles::EXECUTOR.to_owned(),
        skills: Vec::new(),
    };
    let found: Result<Vec<Found>, _> = ask(
        ctx,
        REGISTRY,
        Performative::QueryRef,
        ontology::LOOKUP,
        &wanted,
    )
    .await;
    match found {
        Ok(found) => {
            let since: Vec<_> = services.tools.specs().collect();
            Some(Offers::of(found, since.iter().map(AsRef::as_ref)))
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
    if !request.goal.data().is_empty() {
        return Passages::default();
    }
    let wanted = RecallRequest {
        text: request.goal.text().to_owned(),
        most: RECALLED,
    };
    let asked = async {
        let draft = draft(Performative::QueryRef, ontology::RECALL, &wanted)?;
        let pass = run.services.breakers().admit(service::RECALL)?;
        let reply = match ctx.ask(roles::MEMORY, draft, RECALL_DEADLINE).await {
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
