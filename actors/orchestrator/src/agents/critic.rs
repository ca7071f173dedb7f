//! The Critic: nothing leaves without its signed word.
//!
//! It judges by evidence alone, and by evidence that it got from whoever signed it: it proves every result, works the facts out as the
//! domain does, asks the question a second time in another way, reads the files that results name, compares every number. Its judgement of a whole
//! answer names the answer's digest and the goal's, so the signature is over exactly what leaves, for exactly what was asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::EmbedRequest;
use aios_protocols::{AgentCard, Content, OpenTo, Performative, Reason, ReasonKind, TenantId};
use aios_tools::{Toolbox, read_regular};
use aios_work::{Artifact, Effect, InputFile, ToolCall, ToolError};
use async_trait::async_trait;
use futures::future::try_join_all;
use serde_json::Value;
use tokio::task::JoinError;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{
    Answer, Candidate, GoalStatus, Grounds, Judgement, Submission, ValidationRequest, asked,
    ontology,
};
use aios_work::{
    Assessment, Category, Evidence, Issue, Judged, Opinion, Severity, Task, Verdict, Written,
};

use super::judging::{History, judged};
use crate::Services;
use crate::evidence::{Proofs, Proven, Prover, Witnessed};
use crate::excerpt::start;
use crate::services::elsewhere;

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
    history: Arc<History>,
}

impl Critic {
    /// A critic that judges by the packs' checks and recomputes with their tools: with those that read, never with those that write.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            proofs: Arc::default(),
            history: Arc::default(),
        }
    }
}

#[async_trait]
impl Agent for Critic {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["judge".to_owned(), "validate".to_owned()].into();
        // Any agent may have its own work judged; the works of a goal are for who plans it.
        card.open_to = OpenTo::agents();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        if incoming.performative != Performative::Request {
            return Err(not_understood());
        }
        match incoming.ontology.as_deref() {
            Some(ontology::JUDGE) => {
                let (services, history) = (Arc::clone(&self.services), Arc::clone(&self.history));
                ctx.spawn(incoming, move |incoming, ctx| async move {
                    let report = judged(&incoming, &services.tools, &history, &ctx).await?;
                    incoming.inform(report)?;
                    Ok(())
                });
                return Ok(());
            }
            Some(ontology::HISTORY) => return self.history.answer(&incoming),
            Some(ontology::VALIDATE) => {}
            _ => return Err(not_understood()),
        }
        // Such a judgement costs a model call, may ask a tool again, and is what lets an answer leave.
        if !crate::services::only("macro.planner").admits(&incoming.sender) {
            incoming.refuse(
                ReasonKind::Unauthorised,
                "the works of a goal are judged for who plans it: macro.planner",
            )?;
            return Ok(());
        }
        let (services, proofs) = (Arc::clone(&self.services), Arc::clone(&self.proofs));
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let request: ValidationRequest = incoming.json()?;
            // Open until the judgement is said.
            let span = ctx.span("evaluate", "");
            if let Some(span) = &span {
                span.note("gen_ai.evaluation.name", "critic");
                span.note("aios.task.id", &request.task_id);
            }
            let judge = Judge {
                services: &services,
                prover: Prover {
                    packs: &services.packs,
                    room: &services.room,
                    proofs: &proofs,
                    ctx: &ctx,
                },
                goal_id: &request.goal_id,
                ctx: &ctx,
            };
            incoming.inform(judge.says(request.task_id, request.work).await?)?;
            Ok(())
        });
        Ok(())
    }
}

fn not_understood() -> AgentError {
    AgentError::NotUnderstood(Reason::new(
        ReasonKind::UnsupportedFunction,
        "the critic takes requests of ontology aios.validate, aios.judge and aios.judge.history",
    ))
}

/// Judges what one request submits.
struct Judge<'a> {
    services: &'a Arc<Services>,
    prover: Prover<'a>,
    goal_id: &'a str,
    ctx: &'a Context,
}

impl Judge<'_> {
    async fn says(&self, task_id: String, work: Submission) -> Result<Content, AgentError> {
        let judgement = match work {
            Submission::Results {
                goal,
                results,
                folder,
                inputs,
                out_dir,
            } => {
                let files = match self.prover.is_of(&goal, self.goal_id) {
                    true => self.prover.files(&goal, &inputs).await,
                    false => Err("the goal is another one".to_owned()),
                };
                let place = Place {
                    files,
                    folder,
                    inputs,
                    out_dir,
                };
                return Ok(Content::json(&self.results(results, &place).await?)?);
            }
            Submission::Prose { text, grounds } => {
                let assessment = self.prose(&text, *grounds, &task_id).await;
                self.judgement(task_id, assessment)
            }
            Submission::Answer { answer, grounds } => self.answer(&answer, *grounds, task_id).await,
        };
        Ok(Content::json(&judgement)?)
    }

    /// Each by itself, and all at once.
    async fn results(
        &self,
        candidates: Vec<Candidate>,
        place: &Place,
    ) -> Result<Vec<Judgement>, AgentError> {
        let several = candidates.len() > 1;
        let judged = candidates.into_iter().map(|candidate| async move {
            let task_id = candidate.task.id.clone();
            let assessment = match self.witnessed(&candidate, place) {
                Ok(witnessed) => {
                    let work = result_checked(
                        Arc::clone(self.services),
                        candidate.task,
                        witnessed,
                        self.ctx.tenant().clone(),
                        self.goal_id.to_owned(),
                        place.inputs.clone(),
                        place.out_dir.clone(),
                    );
                    // On its own thread only where it would keep others waiting.
                    match several {
                        true => tokio::spawn(work).await.map_err(fell)??,
                        false => work.await?,
                    }
                }
                Err(why) => unproven(why),
            };
            Ok::<_, AgentError>(self.judgement(task_id, assessment))
        });
        try_join_all(judged).await
    }

    /// The result of a candidate in the words of its executor, if it is the answer to what the task asks.
    fn witnessed(&self, candidate: &Candidate, place: &Place) -> Result<Witnessed, String> {
        let Candidate { task, exhibit } = candidate;
        place.files.clone()?;
        let witnessed = self
            .prover
            .result(self.goal_id, place.folder, exhibit)
            .map_err(|why| format!("the result {why}"))?;
        let named = asked(&task.tool, &task.args, &place.inputs);
        if exhibit.task_id != task.id || witnessed.result.asked != named {
            return Err("the result is the answer to another question".to_owned());
        }
        // It would be asked for once more, and what is private is told nobody elsewhere for that either.
        if task.recheck.is_some()
            && self.ctx.is_private()
            && let Some(why) = self
                .services
                .tools
                .spec(&task.tool)
                .and_then(|spec| elsewhere(&spec))
        {
            return Err(format!("the result cannot be looked at once more: {why}"));
        }
        Ok(witnessed)
    }

    async fn prose(&self, text: &str, grounds: Grounds, task_id: &str) -> Assessment {
        let proven = self.prover.prove(self.goal_id, grounds).await;
        match proven.and_then(|proven| evidence_of_prose(&proven, task_id)) {
            Ok(evidence) => read(text, &evidence, self.services, self.ctx).await,
            Err(why) => unproven(why),
        }
    }

    async fn answer(&self, answer: &Answer, grounds: Grounds, task_id: String) -> Judgement {
        let goal_digest = grounds.goal.digest();
        let assessment = match self.prover.prove(self.goal_id, grounds).await {
            Ok(proven) => {
                let written = proven.case.write(&proven.so_far());
                let wrong = departures(answer, &proven, &written);
                let evidence = of_domain(written.evidence, &proven);
                let mut assessment = read(&answer.answer, &evidence, self.services, self.ctx).await;
                if !wrong.is_empty() {
                    assessment.verdict = Verdict::Rejected;
                    assessment.issues.splice(0..0, wrong);
                }
                assessment
            }
            Err(why) => unproven(why),
        };
        Judgement {
            digest: answer.digest(),
            goal_digest,
            deliverable: may_leave(answer.status, &assessment),
            ..self.judgement(task_id, assessment)
        }
    }

    fn judgement(&self, task_id: String, assessment: Assessment) -> Judgement {
        let feedback = assessment.feedback();
        metrics::histogram!(crate::metric::CRITIC_SCORE).record(assessment.score.overall);
        Judgement {
            goal_id: self.goal_id.to_owned(),
            task_id,
            digest: String::new(),
            goal_digest: String::new(),
            deliverable: false,
            checked: assessment.checked,
            verdict: assessment.verdict,
            score: assessment.score.overall,
            dimensions: assessment.score.dimensions,
            feedback,
            issues: assessment.issues,
        }
    }
}

/// What the results of one request have in common.
struct Place {
    /// Whether the files are those of the goal.
    files: Result<(), String>,
    folder: u64,
    inputs: Vec<InputFile>,
    out_dir: String,
}

/// Whether an answer of this status may leave as what it says it is.
fn may_leave(status: GoalStatus, assessment: &Assessment) -> bool {
    let mut issues = assessment.issues.iter();
    match status {
        GoalStatus::Approved => assessment.verdict.passes() && assessment.checked,
        // What no check looked at is not known to be right, and says so.
        GoalStatus::Unverified => assessment.verdict.passes(),
        // A partial answer may lack things, since it says so; it may not be wrong.
        GoalStatus::Partial => !issues.any(|issue| issue.severity == Severity::Critical),
        GoalStatus::Failed => false,
    }
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
    services: Arc<Services>,
    task: Task,
    Witnessed { result, frame, .. }: Witnessed,
    tenant: TenantId,
    goal: String,
    inputs: Vec<InputFile>,
    out_dir: String,
) -> Result<Assessment, AgentError> {
    let again = again(&services.tools, &task, (tenant, goal), inputs, out_dir).await?;
    let quick = result.output.artifacts.is_empty() && frame.len() <= QUICK_BYTES;
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
    tokio::task::spawn_blocking(judge).await.map_err(fell)
}

/// A tool that panicked may have left its caches in any state: a new incarnation judges again from clean ones.
fn fell(why: JoinError) -> AgentError {
    if why.is_panic() {
        AgentError::broken(format!("the recomputation panicked: {why}"))
    } else {
        AgentError::from(why)
    }
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
