//! The Critic: nothing leaves without its signed word.
//!
//! It judges by evidence alone, and by evidence that it got from whoever signed it: it proves every result, works the facts out as the
//! domain does, asks the question a second time in another way, reads the files that results name, compares every number. Its judgement of a whole
//! answer names the answer's digest and the goal's, so the signature is over exactly what leaves, for exactly what was asked.

use std::panic;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::EmbedRequest;
use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind, TenantId};
use aios_tools::{Toolbox, read_regular};
use aios_work::{Artifact, Effect, InputFile, ToolCall, ToolError};
use async_trait::async_trait;
use serde_json::Value;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{
    Answer, GoalStatus, Judgement, Submission, ValidationRequest, asked, ontology,
};
use aios_work::{
    Assessment, Category, Evidence, Issue, Judged, Opinion, Severity, Task, Verdict, Written,
};

use crate::Services;
use crate::evidence::{Proofs, Proven, Prover, Witnessed};

/// How long meaning may be compared before relevance goes by words alone.
const EMBED_DEADLINE: Duration = Duration::from_secs(10);
/// The part of a text that its vector is made of: what the embedder can read.
const EMBED_BYTES: usize = 2_000;
/// How long recomputing a result may take.
const RECHECK_DEADLINE: Duration = Duration::from_secs(30);
/// A file of a result that is larger is not looked into.
const FILE_BYTES: u64 = 4 << 20;

/// A result up to this size is judged where it was read; a larger one, or one with files, on a thread that may block.
const QUICK_BYTES: usize = 16 << 10;

/// Judges results, paragraphs and answers.
pub struct Critic {
    services: Arc<Services>,
    proofs: Arc<Proofs>,
}

impl Critic {
    /// A critic that judges by the packs' checks and recomputes with their tools: with those that read, never with those that write.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            proofs: Arc::default(),
        }
    }
}

#[async_trait]
impl Agent for Critic {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["validate".to_owned()].into();
        // A judgement costs a model call and may ask a tool again: only who plans a goal may want one.
        card.open_to = crate::services::only("macro.planner");
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        if incoming.performative != Performative::Request
            || incoming.ontology.as_deref() != Some(ontology::VALIDATE)
        {
            return Err(AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedFunction,
                "the critic takes requests of ontology aios.validate",
            )));
        }
        let (services, proofs) = (Arc::clone(&self.services), Arc::clone(&self.proofs));
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let request: ValidationRequest = incoming.json()?;
            let judgement = judge(request, services, &proofs, &ctx).await?;
            metrics::histogram!("aios_critic_score").record(judgement.score);
            incoming.inform(Content::json(&judgement)?)?;
            Ok(())
        });
        Ok(())
    }
}

async fn judge(
    request: ValidationRequest,
    services: Arc<Services>,
    proofs: &Proofs,
    ctx: &Context,
) -> Result<Judgement, AgentError> {
    let prover = Prover {
        packs: &services.packs,
        room: &services.room,
        proofs,
        ctx,
    };
    let (mut digest, mut goal_digest, mut status) = (String::new(), String::new(), None);
    let assessment = match request.work {
        Submission::Prose { text, grounds } => {
            let proven = prover.prove(&request.goal_id, *grounds).await;
            match proven.and_then(|proven| evidence_of_prose(&proven, &request.task_id)) {
                Ok(evidence) => read(&text, &evidence, &services, ctx).await,
                Err(why) => unproven(why),
            }
        }
        Submission::Result {
            goal,
            task,
            exhibit,
            folder,
            inputs,
            out_dir,
        } => {
            let files = match prover.is_of(&goal, &request.goal_id) {
                true => prover.files(&goal, &inputs).await,
                false => Err("the goal is another one".to_owned()),
            };
            let result = prover.result(&request.goal_id, folder, &exhibit);
            match result.map_err(|why| format!("the result {why}")) {
                _ if files.is_err() => unproven(files.err().unwrap_or_default()),
                Ok(witnessed)
                    if witnessed.result.asked == asked(&task.tool, &task.args, &inputs) =>
                {
                    let goal = (ctx.tenant().clone(), request.goal_id.clone());
                    result_checked(&services, task, witnessed, goal, inputs, out_dir).await?
                }
                Ok(_) => unproven("the result is the answer to another question".to_owned()),
                Err(why) => unproven(why),
            }
        }
        Submission::Answer { answer, grounds } => {
            (digest, status) = (answer.digest(), Some(answer.status));
            goal_digest = grounds.goal.digest();
            match prover.prove(&request.goal_id, *grounds).await {
                Ok(proven) => {
                    let written = proven.case.write(&proven.so_far());
                    let wrong = departures(&answer, &proven, &written);
                    let evidence = of_domain(written.evidence.clone(), &proven);
                    let mut assessment = read(&answer.answer, &evidence, &services, ctx).await;
                    if !wrong.is_empty() {
                        assessment.verdict = Verdict::Rejected;
                        assessment.issues.splice(0..0, wrong);
                    }
                    assessment
                }
                Err(why) => unproven(why),
            }
        }
    };
    let contradicted = assessment
        .issues
        .iter()
        .any(|issue| issue.severity == Severity::Critical);
    let deliverable = match status {
        Some(GoalStatus::Approved) => assessment.verdict.passes() && assessment.checked,
        // What no check looked at is not known to be right, and says so.
        Some(GoalStatus::Unverified) => assessment.verdict.passes(),
        // A partial answer may lack things, since it says so; it may not be wrong.
        Some(GoalStatus::Partial) => !contradicted,
        Some(GoalStatus::Failed) | None => false,
    };
    Ok(Judgement {
        goal_id: request.goal_id,
        task_id: request.task_id,
        digest,
        goal_digest,
        deliverable,
        checked: assessment.checked,
        verdict: assessment.verdict,
        score: assessment.score.overall,
        dimensions: assessment.score.dimensions,
        feedback: assessment.feedback(),
        issues: assessment.issues,
    })
}

/// What a paragraph may say, by what was proven.
fn evidence_of_prose(proven: &Proven, task_id: &str) -> Result<Evidence, String> {
    let task = proven.plan.tasks.iter().find(|task| task.id == task_id);
    let task = task.ok_or_else(|| format!("the plan has no task {task_id:?}"))?;
    let evidence = proven.case.prose(task, &proven.so_far());
    Ok(of_domain(evidence, proven))
}

/// The checks of a domain look at its own texts alone.
fn of_domain(evidence: Evidence, proven: &Proven) -> Evidence {
    Evidence {
        domain: proven.plan.source.clone(),
        ..evidence
    }
}

/// Nothing can be said of a work whose results are not proven, but that it must not leave.
fn unproven(why: String) -> Assessment {
    let suggestion = "Rest the answer on results that executors have signed";
    let issue = Issue::new(Category::Accuracy, Severity::Critical, &why, suggestion);
    let opinion = Opinion {
        scores: vec![(Category::Accuracy, 0.0)],
        issues: vec![issue],
        ..Opinion::default()
    };
    Assessment {
        verdict: Verdict::Rejected,
        ..Assessment::of([opinion])
    }
}

/// Where an answer says something else than what follows from the results, in its text or beside it.
fn departures(answer: &Answer, proven: &Proven, written: &Written) -> Vec<Issue> {
    let hides = written.gaps.iter().any(|gap| !answer.gaps.contains(gap));
    let whole = matches!(answer.status, GoalStatus::Approved | GoalStatus::Unverified);
    let rules = [
        (
            answer.goal_id == proven.goal.id(),
            "the answer is for another goal",
        ),
        // The checks leave parts of a text unread that are only repeated there, so what they passed is not yet what was written.
        (
            answer.answer == written.answer,
            "the text is not the one that follows from the results",
        ),
        (
            answer.facts == written.facts,
            "the figures beside the text are not those that follow from the results",
        ),
        (
            answer.artifacts == proven.artifacts,
            "the files are not those that the results name",
        ),
        (!hides, "something that is missing is not named"),
        // A partial answer may also name what the Critic missed in it; a whole one has nothing to add.
        (
            !whole || answer.gaps == written.gaps,
            "the gaps are not those that follow from the results",
        ),
        (
            !whole || written.gaps.is_empty(),
            "something is missing, and the answer claims to be whole",
        ),
    ];
    let broken = rules.into_iter().filter(|(holds, _)| !holds);
    broken
        .map(|(_, what)| {
            let suggestion = "Deliver what follows from the results";
            Issue::new(Category::Accuracy, Severity::Critical, what, suggestion)
        })
        .collect()
}

/// Recomputes a result where its task says how, and lets the packs judge it.
async fn result_checked(
    services: &Arc<Services>,
    task: Box<Task>,
    Witnessed { result, frame, .. }: Witnessed,
    goal: (TenantId, String),
    inputs: Vec<InputFile>,
    out_dir: String,
) -> Result<Assessment, AgentError> {
    let services = Arc::clone(services);
    let quick = result.output.artifacts.is_empty() && frame.len() <= QUICK_BYTES;
    let checked = tokio::spawn(async move {
        let again = again(&services.tools, &task, goal, inputs, out_dir).await?;
        let judge = move || {
            let output = &result.output;
            let files: Vec<_> = output.artifacts.iter().map(bytes).collect();
            services.packs.judge(&Judged::Result {
                task: &task,
                output,
                again: again.as_ref(),
                files: &files,
            })
        };
        // Nothing is read for a result without files, and most are compared faster than handed to another thread.
        if quick {
            return Ok(judge());
        }
        let judged = tokio::task::spawn_blocking(judge);
        match judged.await {
            Ok(judged) => Ok(judged),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => panic::resume_unwind(panic),
                Err(closing) => Err(AgentError::from(closing)),
            },
        }
    });
    // A tool that panicked may have left its caches in any state: a new incarnation judges again from clean ones.
    checked
        .await
        .map_err(|panic| AgentError::broken(format!("the recomputation panicked: {panic}")))?
}

/// Judges a text, by meaning too if the engine answers.
async fn read(text: &str, evidence: &Evidence, services: &Services, ctx: &Context) -> Assessment {
    let request =
        EmbedRequest::new([&evidence.goal, start(text, EMBED_BYTES)]).within(EMBED_DEADLINE);
    let vectors = match ctx.embed(request).await {
        Ok(vectors) => vectors,
        Err(error) => {
            tracing::warn!(%error, "the critic compares words alone: no embedding");
            Vec::new()
        }
    };
    let vectors = match vectors.as_slice() {
        [goal, read] => Some((goal.vector.as_slice(), read.vector.as_slice())),
        _ => None,
    };
    services.packs.judge(&Judged::Text {
        text,
        evidence,
        vectors,
    })
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn start(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The same question asked in another way, where the task says how.
async fn again(
    tools: &Toolbox,
    task: &Task,
    (tenant, goal): (TenantId, String),
    inputs: Vec<InputFile>,
    out_dir: String,
) -> Result<Option<Value>, ToolError> {
    let Some(args) = &task.recheck else {
        return Ok(None);
    };
    let granted = match tools.spec(&task.tool) {
        // A tool that changes something is not called to look.
        Some(spec) if spec.effect != Effect::Pure => {
            let reason = "it changes something, so its result cannot be asked for twice";
            return Err(ToolError::invalid_arguments(&task.tool, reason));
        }
        spec => spec.map(|spec| spec.needs.clone()).unwrap_or_default(),
    };
    let call = ToolCall {
        tenant: tenant.as_str().to_owned(),
        goal,
        inputs,
        out_dir,
        ..ToolCall::new(args.clone(), Instant::now() + RECHECK_DEADLINE)
    };
    Ok(Some(tools.call(&task.tool, &granted, call).await?.value))
}

/// A result's file as it lies on disk; none of one that cannot be read.
fn bytes(artifact: &Artifact) -> Option<Vec<u8>> {
    read_regular(&artifact.path, FILE_BYTES).ok()
}
