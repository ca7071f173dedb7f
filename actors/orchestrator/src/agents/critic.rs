//! The Critic: nothing leaves without its signed word.
//!
//! It judges by evidence alone, and by evidence that it got from whoever signed it: it proves every result, works the facts out as the
//! domain does, asks the question a second time in another way, reads the files that results name, compares every number. It reads the
//! goal's own files too, by no path that a planner chose, and holds every text against them as it does any agent's. Its judgement of a whole
//! answer names the answer's digest and the goal's, so the signature is over exactly what leaves, for exactly what was asked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_judge::{Ground, judge_text};
use aios_protocols::{AgentCard, Content, OpenTo, Performative, PrincipalKind, Reason, ReasonKind};
use aios_tools::{Toolbox, read_regular};
use aios_work::{Artifact, Effect, InputFile, ToolCall, ToolError};
use async_trait::async_trait;
use futures::future::try_join_all;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::task::JoinError;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{
    Answer, Candidate, GoalStatus, Grounds, Judgement, Submission, ValidationRequest, asked,
    ontology,
};
use aios_work::{
    Assessment, Category, Evidence, Goal, Issue, Judged, JudgedWork, MadeBy, Opinion, Severity,
    Slots, Status, Task, TextKind, Verdict, WorkKind, Written, quoted, shown_value,
};

use super::growing::{Streams, grown};
use super::judging::{judged, why};
use crate::Services;
use crate::evidence::{Proofs, Proven, Prover, Source, Sources, Witnessed};
use crate::services::elsewhere;

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
    sources: Arc<Sources>,
    paragraphs: Arc<Paragraphs>,
    streams: Arc<Streams>,
}

impl Critic {
    /// A critic that judges by the packs' checks and recomputes with their tools: with those that read, never with those that write.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            proofs: Arc::default(),
            sources: Arc::default(),
            paragraphs: Arc::default(),
            streams: Arc::default(),
        }
    }
}

#[async_trait]
impl Agent for Critic {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["judge".to_owned(), "validate".to_owned()].into();
        // Any agent may have its own work judged, and whoever asks the node from outside is spoken for by the node's own service; the works
        // of a goal are for who plans it.
        card.open_to = OpenTo::agents();
        if self.services.settings.front.is_some() {
            card.open_to.add(PrincipalKind::Service);
        }
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        if incoming.performative != Performative::Request {
            return Err(not_understood());
        }
        let front = self.services.settings.front.as_ref();
        if incoming.sender.agent().is_none() && Some(&incoming.sender) != front {
            incoming.refuse(
                ReasonKind::Unauthorised,
                "works are judged for agents, and for the node that lets askers in",
            )?;
            return Ok(());
        }
        match incoming.ontology.as_deref() {
            Some(ontology::JUDGE) => {
                let services = Arc::clone(&self.services);
                ctx.spawn(incoming, move |incoming, ctx| async move {
                    let report = judged(&incoming, &services, &ctx).await?;
                    incoming.inform(report)?;
                    Ok(())
                });
                return Ok(());
            }
            Some(ontology::STREAM) => {
                let services = Arc::clone(&self.services);
                let streams = Arc::clone(&self.streams);
                ctx.spawn(incoming, move |incoming, ctx| async move {
                    let reply = grown(&incoming, &streams, &services, &ctx).await?;
                    incoming.inform(reply)?;
                    Ok(())
                });
                return Ok(());
            }
            Some(ontology::HISTORY) => return self.services.history.answer(&incoming),
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
        let (sources, paragraphs) = (Arc::clone(&self.sources), Arc::clone(&self.paragraphs));
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let request: ValidationRequest = incoming.json()?;
            // Open until the judgement is said.
            let span = ctx.span("evaluate", "");
            if let Some(span) = &span {
                span.note("gen_ai.evaluation.name", "critic");
                span.note("aios.task.id", &request.task_id);
            }
            let sender = incoming.sender.to_string();
            let judge = Judge {
                sender: &sender,
                services: &services,
                prover: Prover {
                    packs: &services.packs,
                    room: &services.room,
                    proofs: &proofs,
                    ctx: &ctx,
                },
                sources: &sources,
                paragraphs: &paragraphs,
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
        "the critic takes requests of ontology aios.validate, aios.judge, aios.judge.stream and aios.judge.history",
    ))
}

/// Judges what one request submits.
struct Judge<'a> {
    sender: &'a str,
    services: &'a Arc<Services>,
    prover: Prover<'a>,
    sources: &'a Arc<Sources>,
    paragraphs: &'a Arc<Paragraphs>,
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
                if files.is_ok() && !inputs.is_empty() {
                    self.read_ahead(*goal, &inputs);
                }
                let place = Place {
                    files,
                    folder,
                    inputs,
                    out_dir,
                };
                return Ok(Content::json(&self.results(results, &place).await?)?);
            }
            Submission::Prose { text, grounds } => {
                let assessment = self.prose(text, *grounds, &task_id).await?;
                self.judgement(task_id, assessment)
            }
            Submission::Answer { answer, grounds } => {
                self.answer(&answer, *grounds, task_id).await?
            }
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
                    // In the arguments that the task says, if it says any.
                    let call = ToolCall {
                        tenant: self.ctx.tenant().as_str().to_owned(),
                        goal: self.goal_id.to_owned(),
                        traceparent: self.ctx.traceparent(None),
                        inputs: place.inputs.clone(),
                        out_dir: place.out_dir.clone(),
                        ..ToolCall::new(Value::Null, Instant::now() + RECHECK_DEADLINE)
                    };
                    let services = Arc::clone(self.services);
                    let work = result_checked(services, candidate.task, witnessed, call);
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

    async fn prose(
        &self,
        text: String,
        grounds: Grounds,
        task_id: &str,
    ) -> Result<Assessment, AgentError> {
        let proven = match self.prover.prove(self.goal_id, grounds).await {
            Ok(proven) => proven,
            Err(why) => return Ok(unproven(why)),
        };
        let evidence = match evidence_of_prose(&proven, task_id) {
            Ok(evidence) => evidence,
            Err(why) => return Ok(unproven(why)),
        };
        let source = self.source(&proven).await;
        let (services, known) = (Arc::clone(self.services), Arc::clone(self.paragraphs));
        let judged = judged_apart(move || known.judge(text, evidence, &source, &services)).await?;
        self.remember(&proven.goal, &judged);
        Ok(judged)
    }

    /// Keeps what was said of a text of a goal, for whoever learns from it.
    fn remember(&self, goal: &Goal, judged: &Assessment) {
        let status = match (judged.verdict.passes(), judged.checked) {
            (false, _) => Status::Rejected,
            (true, true) => Status::Approved,
            (true, false) => Status::Unverified,
        };
        let work = JudgedWork {
            agent: self.sender.to_owned(),
            kind: WorkKind::Text,
            at_ms: self.ctx.now().as_millis(),
            goal: quoted(goal.text(), 200),
            status,
            score: judged.score.overall,
            criteria: "goal".to_owned(),
            why: why(&judged.issues),
        };
        self.services.history.add(work, self.ctx.is_private());
    }

    /// Has the goal's files read while results are judged, which are not held against them: the texts that come of the results are.
    fn read_ahead(&self, goal: Goal, inputs: &[InputFile]) {
        let (sources, services) = (Arc::clone(self.sources), Arc::clone(self.services));
        let (tenant, inputs) = (self.ctx.tenant().clone(), inputs.to_vec());
        tokio::spawn(async move {
            let read = sources.of(tenant.as_str(), &goal, &inputs, &[], &services.packs);
            drop(read.await);
        });
    }

    /// The goal's files as the Critic reads them.
    async fn source(&self, proven: &Proven) -> Source {
        let (packs, tenant) = (&self.services.packs, self.ctx.tenant().as_str());
        let sources = self.sources;
        sources
            .of(
                tenant,
                &proven.goal,
                &proven.inputs,
                proven.recalled(),
                packs,
            )
            .await
    }

    async fn answer(
        &self,
        answer: &Answer,
        grounds: Grounds,
        task_id: String,
    ) -> Result<Judgement, AgentError> {
        let goal_digest = grounds.goal.digest();
        let assessment = match self.prover.prove(self.goal_id, grounds).await {
            Ok(proven) => {
                let written = proven.case.write(&proven.so_far());
                let wrong = departures(answer, &proven, &written);
                let evidence = of_domain(written.evidence, &proven);
                let source = self.source(&proven).await;
                let (services, text) = (Arc::clone(self.services), answer.answer.clone());
                let known = Arc::clone(self.paragraphs);
                let whole = answer.status != GoalStatus::Partial;
                let prose: Vec<(String, Evidence)> = proven
                    .prose()
                    .into_iter()
                    .map(|(text, evidence)| (text, of_domain(evidence, &proven)))
                    .collect();
                let mut assessment = judged_apart(move || {
                    let mut judged = report(&text, &evidence, &source, whole, &services);
                    for (text, evidence) in prose {
                        let own = known.judge(text, evidence, &source, &services);
                        if !own.verdict.passes() {
                            judged.verdict = judged.verdict.max(own.verdict);
                            judged.issues.splice(0..0, own.issues);
                        }
                    }
                    judged
                })
                .await?;
                if !wrong.is_empty() {
                    assessment.verdict = Verdict::Rejected;
                    assessment.issues.splice(0..0, wrong);
                }
                self.remember(&proven.goal, &assessment);
                assessment
            }
            Err(why) => unproven(why),
        };
        Ok(Judgement {
            digest: answer.digest(),
            goal_digest,
            deliverable: may_leave(answer.status, &assessment),
            ..self.judgement(task_id, assessment)
        })
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
    call: ToolCall,
) -> Result<Assessment, AgentError> {
    let again = again(&services.tools, &task, call).await?;
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

/// Judging is work for a processor and not for the thread that messages wait for.
async fn judged_apart(
    judge: impl FnOnce() -> Assessment + Send + 'static,
) -> Result<Assessment, AgentError> {
    tokio::task::spawn_blocking(judge).await.map_err(fell)
}

/// Texts that are remembered with what was said of them: those of a few goals under way.
const PARAGRAPHS: usize = 16;

/// What the Critic said of paragraphs lately. A text that is judged by itself, and then once more with the answer that it stands in, is the
/// same text: where what it may say and the files it is held against are the same too, so is the judgement.
#[derive(Default)]
struct Paragraphs(Mutex<VecDeque<Paragraph>>);

struct Paragraph {
    text: String,
    evidence: Evidence,
    ground: Arc<Ground>,
    judged: Assessment,
}

impl Paragraphs {
    fn judge(
        &self,
        text: String,
        evidence: Evidence,
        source: &Source,
        services: &Services,
    ) -> Assessment {
        let same = |known: &&Paragraph| {
            known.text == text
                && Arc::ptr_eq(&known.ground, &source.ground)
                && known.evidence == evidence
        };
        if let Some(known) = self.0.lock().iter().find(same) {
            return known.judged.clone();
        }
        let judged = paragraph(&text, &evidence, source, services);
        let mut all = self.0.lock();
        all.truncate(PARAGRAPHS - 1);
        all.push_front(Paragraph {
            text,
            evidence,
            ground: Arc::clone(&source.ground),
            judged: judged.clone(),
        });
        judged
    }
}

/// Judges what a model wrote: by the domain's own checks, and against the goal's files and the signed figures.
fn paragraph(text: &str, evidence: &Evidence, source: &Source, services: &Services) -> Assessment {
    let mut opinions = services.packs.opinions(&Judged::Text { text, evidence });
    let said = match MadeBy::is_open(&evidence.domain) {
        // Figures stand there by their names; a reader sees them filled in.
        true => Slots::of(&evidence.facts).fill(text),
        false => text.to_owned(),
    };
    let mut evidence = evidence.clone();
    if MadeBy::is_open(&evidence.domain) {
        // What was filled in are figures that tools gave, called by their names.
        let shown = evidence.facts.iter().map(shown_value);
        evidence.passages.extend(shown.collect::<Vec<_>>());
    }
    opinions.push(judge_text(&said, &source.ground, &evidence));
    Assessment::of(opinions)
}

/// Judges what a domain wrote of results: by the domain's own checks, which know what it meant, and by the Critic's reading of the goal and
/// its files. Where these two part, nobody knows yet who is right: the answer says so and is not approved.
fn report(
    text: &str,
    evidence: &Evidence,
    source: &Source,
    whole: bool,
    services: &Services,
) -> Assessment {
    let mut opinions = services.packs.opinions(&Judged::Text { text, evidence });
    // A page of results that speak for themselves holds no sentence that could be read: each of its figures is one that a tool gave.
    if MadeBy::is_open(&evidence.domain) && evidence.kind == TextKind::Report {
        return Assessment::of(opinions);
    }
    // What a domain's own check could not tell of its text, no other reading of it makes good.
    let spoken = |opinion: &Opinion| {
        let mut scores = opinion.scores.iter();
        scores.any(|(category, _)| *category == Category::Accuracy)
    };
    let told = opinions.is_empty() || opinions.iter().any(spoken);
    let mut second = judge_text(text, &source.ground, evidence);
    let doubted = doubts(&mut second, whole);
    if let Some(why) = source.unread.as_ref().filter(|_| whole) {
        let advice = "Give smaller files to have them looked at";
        second.issues.push(Issue::new(
            Category::Accuracy,
            Severity::Warning,
            format!("no second look at the sources: {why}"),
            advice,
        ));
    }
    opinions.push(second);
    let mut assessment = Assessment::of(opinions);
    assessment.checked &= told && !doubted;
    assessment
}

/// Makes warnings of what the second look finds against a text whose figures are proven, and says whether there is any. What a partial
/// answer lacks it says itself.
fn doubts(second: &mut Opinion, whole: bool) -> bool {
    if !whole {
        second
            .issues
            .retain(|issue| issue.category != Category::Completeness);
    }
    let mut doubted = false;
    for issue in &mut second.issues {
        if issue.severity > Severity::Warning {
            doubted = true;
            tracing::info!(
                issue = issue.description,
                "the second reading of a goal parts from its answer"
            );
        }
        issue.severity = Severity::Warning;
    }
    for (category, score) in &mut second.scores {
        let full = doubted || (!whole && *category == Category::Completeness);
        *score = if full { 1.0 } else { *score };
    }
    doubted
}

/// The same question asked in another way, where the task says how.
async fn again(tools: &Toolbox, task: &Task, call: ToolCall) -> Result<Option<Value>, ToolError> {
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
        args: args.clone(),
        ..call
    };
    Ok(Some(tools.call(&task.tool, &granted, call).await?.value))
}

/// A result's file as it lies on disk; none of one that cannot be read.
fn bytes(artifact: &Artifact) -> Option<Vec<u8>> {
    read_regular(&artifact.path, FILE_BYTES).ok()
}
