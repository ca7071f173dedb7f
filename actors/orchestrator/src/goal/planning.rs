//! How a goal gets its plan: the one it was handed in with, or that of the source that claims it most; checked before anything runs.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{AgentError, Context};
use aios_inference::{EmbedRequest, InferRequest, ModelRole, Platform, Purpose, Sampling};
use aios_supervisor::Recourse;
use aios_work::content::{GoalRequest, KeptPlan, hex, plan_step};
use aios_work::{Bench, Case, Effect, Missed, Plan, PlanLimits, Question, Task, Thinks, ToolSpec};
use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Services;
use crate::excerpt::start;
use crate::goal::offers::Offers;
use crate::goal::progress::Progress;
use crate::goal::tasks::{GoalTasks, Run};
use crate::services::elsewhere;

/// How long the model may take over a small question, and how much longer for each so many tokens that it may write.
const PICK_DEADLINE: Duration = Duration::from_secs(30);
const PICK_TOKENS: u32 = 256;
/// How long meaning may be compared before tools stand in their order.
const RANK_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of a text that its vector is made of.
const RANK_BYTES: usize = 600;
/// Weights from which on a model is asked for a whole plan: below, it cannot hold one in its head.
const LARGE: u64 = 3_000_000_000;

/// A plan that may be carried out, whoever reads its results, and what came of looking at things before it was made.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) case: Box<dyn Case>,
    pub(crate) progress: Progress,
}

/// Why there is no plan, and what came of looking.
pub(crate) struct NoPlan {
    pub(crate) progress: Progress,
    pub(crate) reason: String,
    /// It was begun with one that stands and cannot be carried out here: nothing is to be answered, and another version can go on.
    pub(crate) stands: bool,
}

/// The plan of a goal.
pub(crate) async fn planned(
    run: &Run<'_>,
    tasks: &GoalTasks<'_>,
    recalled: &[String],
) -> Result<Planned, Box<NoPlan>> {
    if let Some(reason) = run.files.unreadable() {
        return Err(Box::new(NoPlan {
            progress: Progress::default(),
            reason: reason.to_owned(),
            stands: false,
        }));
    }
    let span = tasks.ctx.span("plan", "");
    if let Some(span) = &span {
        span.note("aios.goal.id", run.goal().id());
    }
    let bench = GoalBench {
        run: tasks,
        offered: run.offered.as_ref().map(Offers::names),
        thinks: match run.thinks {
            Some(thinks) => thinks,
            None => thinks(run.services, tasks.ctx).await,
        },
        progress: Mutex::default(),
    };
    let begun = begun_with(run, tasks);
    let stands = !matches!(begun, Ok(None));
    let finished = match begun {
        Err(reason) => Err(reason),
        Ok(Some(kept)) => as_begun(kept, run, &bench),
        Ok(None) => {
            let made = match &run.request.plan {
                Some(file) => Ok(file.plan(run.goal().id())),
                None => from_a_source(run, &bench, recalled).await,
            };
            made.and_then(|plan| finished(plan, run, &bench))
        }
    };
    if let Some(span) = &span {
        match &finished {
            Ok((plan, _)) => span.note("aios.plan.tasks", plan.tasks.len()),
            Err(reason) => span.fail(reason),
        }
    }
    let mut progress = std::mem::take(&mut *bench.progress.lock());
    match finished {
        Ok((plan, case)) => {
            let kept = KeptPlan {
                plan: plan.clone(),
                thinks: bench.thinks,
                files: run.files.files().to_vec(),
                made_by: env!("CARGO_PKG_VERSION").to_owned(),
                binds: binds(&plan, run),
            };
            if !stands && let Err(error) = keep(kept, run, tasks) {
                tracing::warn!(%error, "the goal's plan is not kept; it can be neither forked nor replayed");
            }
            progress.gaps.extend(plan.gaps.iter().cloned());
            Ok(Planned {
                plan,
                case,
                progress,
            })
        }
        Err(reason) => Err(Box::new(NoPlan {
            progress,
            reason,
            stands,
        })),
    }
}

async fn from_a_source(
    run: &Run<'_>,
    bench: &GoalBench<'_>,
    recalled: &[String],
) -> Result<Plan, String> {
    let source = run.services.packs.source(run.goal(), recalled)?;
    let plan = source.plan(run.goal(), bench).await?;
    // Whose plan it is, is not for the plan to say.
    Ok(Plan {
        goal: run.goal().id().to_owned(),
        source: source.name().to_owned(),
        ..plan
    })
}

/// Before the first effect is begun, which makes it lasting. One that another plan was kept under makes way.
fn keep(kept: KeptPlan, run: &Run<'_>, tasks: &GoalTasks<'_>) -> Result<(), AgentError> {
    let step = plan_step(run.goal().id());
    let known = tasks.ctx.done::<KeptPlan>(&step).ok().flatten();
    if known.is_none_or(|known| known.plan != kept.plan) {
        tasks.ctx.forget_step(&step)?;
    }
    tasks.ctx.note(&step, &kept)
}

/// Whether a plan calls anything of which nobody but its provider or a person knows whether it was done.
fn binds(plan: &Plan, run: &Run<'_>) -> bool {
    let mut called = plan.tasks.iter().map(|task| &task.tool);
    called.any(|tool| {
        let effect = run.services.tools.spec(tool).map(|spec| spec.effect);
        !matches!(effect, Some(Effect::Pure | Effect::Repeatable))
    })
}

/// The plan that a goal was begun with by an earlier process, perhaps of another version, if it must be carried out to its end: something
/// was perhaps done outside for it, and a plan that calls the same by another name would have it done once more. One that was handed in with
/// the goal is the same again. What is done for it was done by executors, who have it on record, so nothing is looked at anew.
///
/// # Errors
/// What is on record of it cannot be read, so nobody knows whether it must be carried out to its end.
fn begun_with(run: &Run<'_>, tasks: &GoalTasks<'_>) -> Result<Option<KeptPlan>, String> {
    if run.services.settings.replays || run.request.plan.is_some() {
        return Ok(None);
    }
    let goal = run.goal().id();
    match tasks.ctx.done::<KeptPlan>(&plan_step(goal)) {
        Ok(kept) => Ok(kept.filter(|kept| kept.binds)),
        // Nothing was done for it that could be done twice.
        Err(_) if says_that_it_binds_nobody(tasks, goal) => Ok(None),
        Err(error) => Err(format!(
            "the plan that it was begun with is on record and cannot be read here ({error}), so what was done for it could be done twice; resume the goal with the version that began it, or look at what was done (`aios goal explain {goal}`) and ask anew under another id"
        )),
    }
}

/// Whether this much of a plan of another form can be read: that it calls nothing which could be done twice.
fn says_that_it_binds_nobody(tasks: &GoalTasks<'_>, goal: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Binds {
        binds: bool,
    }
    let said = tasks.ctx.done::<Binds>(&plan_step(goal));
    said.is_ok_and(|said| said.is_some_and(|said| !said.binds))
}

/// The plan that a goal was begun with, checked by what is here now.
fn as_begun(
    kept: KeptPlan,
    run: &Run<'_>,
    bench: &GoalBench<'_>,
) -> Result<(Plan, Box<dyn Case>), String> {
    let made_by = kept.made_by;
    tracing::info!(
        goal = run.goal().id(),
        made_by,
        "it goes on by the plan that it was begun with"
    );
    let domain = run.services.packs.domain(&kept.plan);
    let checked = domain.and_then(|domain| {
        bench.check(&kept.plan)?;
        domain.open(run.goal(), &kept.plan)
    });
    match checked {
        Ok(case) => Ok((kept.plan, case)),
        Err(differs) => Err(format!(
            "it was begun with a plan made by version {made_by}, which cannot be carried out here: {differs}; resume the goal where it can, or fork it with another plan"
        )),
    }
}

/// The plan as it is carried out, checked, in the hands of its domain.
fn finished(
    mut plan: Plan,
    run: &Run<'_>,
    bench: &GoalBench<'_>,
) -> Result<(Plan, Box<dyn Case>), String> {
    let domain = run.services.packs.domain(&plan)?;
    bench.check(&plan)?;
    shorten(&mut plan, bench.run);
    if bench.thinks != Thinks::Nothing
        && let Some(closing) = domain.closing(&plan)
    {
        let mut closed = plan.clone();
        closed.tasks.push(closing);
        shorten(&mut closed, bench.run);
        // A goal that cannot pay for words gets its figures without.
        if bench.check(&closed).is_ok() {
            plan = closed;
        }
    }
    let case = domain.open(run.goal(), &plan)?;
    Ok((plan, case))
}

/// What an attempt may really take is what the plan is measured by.
fn shorten(plan: &mut Plan, run: &GoalTasks<'_>) {
    for task in &mut plan.tasks {
        let policy = run.services.settings.policies.of(&task.tool);
        task.deadline_ms = task
            .deadline_ms
            .min(run.request.task_deadline_ms)
            .min(policy.attempt_timeout_ms);
    }
}

/// What the model can be asked for: as the node is set, or by what it is. One without weights on this machine follows rules, and what it
/// writes is no thought.
pub(crate) async fn thinks(services: &Services, ctx: &Context) -> Thinks {
    if let Some(set) = services.settings.thinks {
        return set;
    }
    let Ok(engine) = ctx.engine() else {
        return Thinks::Nothing;
    };
    let Ok((can, health)) = engine.planner(ctx.is_private()).await else {
        return Thinks::Nothing;
    };
    let mut models = health.models.iter();
    let writes = models.find(|model| model.role == ModelRole::Generate);
    match writes.map(|model| model.parameters) {
        None => Thinks::Nothing,
        // A server does not say how large its model is; whoever names one means it to think.
        Some(0) if matches!(can.platform, Platform::Cloud | Platform::Server) => Thinks::WholePlans,
        Some(0) => Thinks::Nothing,
        Some(weights) if weights < LARGE => Thinks::InSteps,
        Some(_) => Thinks::WholePlans,
    }
}

/// What a plan source may do for one goal: look, ask the model, have a plan checked.
struct GoalBench<'a> {
    run: &'a GoalTasks<'a>,
    /// The tools that somebody offers; none if nobody can say.
    offered: Option<&'a [String]>,
    thinks: Thinks,
    progress: Mutex<Progress>,
}

impl GoalBench<'_> {
    /// Why a tool is none for this goal: it reaches elsewhere, and the goal is private.
    fn kept_here(&self, tool: &str) -> Option<String> {
        let spec = self.run.services.tools.spec(tool)?;
        elsewhere(&spec).filter(|_| self.run.ctx.is_private())
    }

    /// The places of texts by how near they are in meaning; none if nobody can say.
    async fn compared(&self, wanted: &str, texts: &[String]) -> Option<Vec<usize>> {
        let all = [wanted].into_iter().chain(texts.iter().map(String::as_str));
        let all: Vec<&str> = all.map(|text| start(text, RANK_BYTES)).collect();
        let request = EmbedRequest::new(all).within(RANK_DEADLINE.min(self.run.left()));
        let vectors = match self.run.ctx.embed(request).await {
            Ok(vectors) => vectors,
            Err(error) => {
                tracing::warn!(%error, "tools stand in their order: no embedding");
                return None;
            }
        };
        let (wanted, texts) = vectors.split_first()?;
        let near = |text: &aios_inference::Embedding| -> f32 {
            let pairs = wanted.vector.iter().zip(&text.vector);
            pairs.map(|(one, other)| one * other).sum()
        };
        let mut order: Vec<(usize, f32)> = texts.iter().map(near).enumerate().collect();
        order.sort_by(|one, other| other.1.total_cmp(&one.1));
        Some(order.into_iter().map(|(at, _)| at).collect())
    }
}

#[async_trait]
impl Bench for GoalBench<'_> {
    fn tools(&self) -> &[String] {
        self.offered.unwrap_or_default()
    }

    fn specs(&self) -> Vec<ToolSpec> {
        let tools = &self.run.services.tools;
        let offered = |spec: &Arc<ToolSpec>| {
            let name = &spec.name;
            let by_somebody = self.offered.is_none_or(|offered| offered.contains(name));
            by_somebody
                && tools.problem(name).is_none()
                && tools.missing(name).is_empty()
                && self.kept_here(name).is_none()
        };
        tools
            .specs()
            .filter(offered)
            .map(Arc::unwrap_or_clone)
            .collect()
    }

    fn limits(&self) -> PlanLimits {
        let request = self.run.request;
        PlanLimits {
            tasks: request.tasks as usize,
            tokens: request.tokens.into(),
            time_ms: request.deadline_ms,
            ..PlanLimits::default()
        }
    }

    fn check(&self, plan: &Plan) -> Result<(), String> {
        let mut plan = plan.clone();
        shorten(&mut plan, self.run);
        plan.check(self.offered, &self.limits())
            .map_err(|error| error.to_string())?;
        if plan.is_open() {
            let tools = &self.run.services.tools;
            for task in &plan.tasks {
                if let Some(why) = self.kept_here(&task.tool) {
                    return Err(format!("task {:?} cannot be done: {why}", task.id));
                }
                if let Some(needs) = tools.missing(&task.tool).iter().next() {
                    return Err(format!(
                        "task {:?} calls {}, which needs the capability {needs}, and this node does not grant it: see tools.grants",
                        task.id, task.tool
                    ));
                }
            }
            let specs = self.specs();
            plan.check_arguments(&specs, &aios_tools::Validator)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn thinks(&self) -> Thinks {
        self.thinks
    }

    fn left(&self) -> Duration {
        self.run.left()
    }

    async fn look(&self, task: &Task) -> Result<Value, Missed> {
        let title = task.title(&[]);
        let conducted = self
            .run
            .figures(task, task.args.clone(), &title, None)
            .await;
        let mut progress = self.progress.lock();
        progress.take(task, conducted).map_err(|reason| Missed {
            reason,
            tolerable: self.run.services.settings.policies.of(&task.tool).then
                == Recourse::ReplanAndSimplify,
        })?;
        Ok(progress.results.get(&task.id).cloned().unwrap_or_default())
    }

    async fn rank(&self, wanted: &str, texts: &[String]) -> Option<Vec<usize>> {
        let asked = std::iter::once(wanted).chain(texts.iter().map(String::as_str));
        let asked = asked.fold(Sha256::new(), |hash, text| {
            hash.chain_update((text.len() as u64).to_le_bytes())
                .chain_update(text)
        });
        let step = format!(
            "{}/rank/{}",
            pick_step(self.run.request),
            hex(&asked.finalize())
        );
        if let Ok(Some(known)) = self.run.ctx.done::<Vec<usize>>(&step) {
            return Some(known);
        }
        let order = self.compared(wanted, texts).await?;
        if let Err(error) = self.run.ctx.note(&step, &order) {
            tracing::warn!(%error, "an order of tools is not kept; a planner that comes back works it out again");
        }
        Some(order)
    }

    async fn think(&self, question: &Question) -> Option<String> {
        let prompt = u32::try_from(question.prompt.len() / 3).unwrap_or(u32::MAX);
        let tokens = question.max_tokens.saturating_add(prompt);
        if let Err(error) = self.run.affords(tokens) {
            tracing::warn!(
                error,
                "the model is not asked for its pick; the rules stand alone"
            );
            return None;
        }
        let patience = PICK_DEADLINE * (1 + question.max_tokens / PICK_TOKENS);
        let paying = self.run.ctx.paid_from(&self.run.budget);
        // A step, so that a planner that comes back does not get another pick than the one it has begun to work by.
        // Another question of the same goal has another step.
        let asked = hex(&Sha256::digest(
            [question.role.as_bytes(), question.prompt.as_bytes()].concat(),
        ));
        let step = format!("{}/{asked}", pick_step(self.run.request));
        let picked = self.run.ctx.once_pure(&step, || async {
            let infer = InferRequest::chat(&question.role, question.prompt.as_str())
                .json_schema(question.schema.to_string())
                // The plan's own rules say what is wrong with it, and the model may mend that.
                .own_check()
                .purpose(Purpose::Plan)
                .max_tokens(question.max_tokens)
                .sampling(Sampling::Greedy)
                .within(patience.min(self.run.left()));
            let text = match paying.think(infer).await {
                Ok(inference) => inference.text,
                Err(error) => {
                    tracing::warn!(%error, "the model did not pick; the rules stand alone");
                    String::new()
                }
            };
            Ok::<_, AgentError>(text)
        });
        match picked.await {
            Ok(picked) => Some(picked),
            Err(error) => {
                tracing::warn!(%error, "the model's pick could not be kept; the rules stand alone");
                None
            }
        }
    }
}

/// What the model's answers while a goal is planned are kept under.
pub(crate) fn pick_step(request: &GoalRequest) -> String {
    format!("{}/pick", request.goal.id())
}
