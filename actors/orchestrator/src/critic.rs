//! The Critic: nothing leaves without its signed word.
//!
//! It judges by evidence alone: it asks the question a second time in another way, reads the chart's file, compares every number with the
//! facts. Its judgement of a whole answer names the answer's digest, so the signature is over exactly what leaves.

use std::panic;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::EmbedRequest;
use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind, TenantId};
use aios_tools::{Toolbox, read_regular};
use aios_work::{Artifact, Capabilities, Effect, InputFile, ToolCall, ToolError};
use async_trait::async_trait;
use serde_json::Value;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{GoalStatus, Judgement, Submission, ValidationRequest, ontology};
use aios_work::{Assessment, Category, Evidence, Issue, Judged, Severity, Task, Verdict};

use crate::Services;

/// How long meaning may be compared before relevance goes by words alone.
const EMBED_DEADLINE: Duration = Duration::from_secs(10);
/// The part of a text that its vector is made of: what the embedder can read.
const EMBED_BYTES: usize = 2_000;
/// How long recomputing a result may take.
const RECHECK_DEADLINE: Duration = Duration::from_secs(30);
/// A file of a result that is larger is not looked into.
const FILE_BYTES: u64 = 4 << 20;

/// Judges results, paragraphs and answers.
pub struct Critic {
    services: Arc<Services>,
}

impl Critic {
    /// A critic that judges by the packs' checks and recomputes with their tools: with those that read, never with those that write.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

#[async_trait]
impl Agent for Critic {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["validate".to_owned()].into();
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
        let services = Arc::clone(&self.services);
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let request: ValidationRequest = incoming.json()?;
            let judgement = judge(request, services, &ctx).await?;
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
    ctx: &Context,
) -> Result<Judgement, AgentError> {
    let (assessment, digest, status) = match request.work {
        Submission::Prose { text, evidence } => (
            read(&text, &evidence, &services, ctx).await,
            String::new(),
            None,
        ),
        Submission::Result {
            task,
            output,
            inputs,
            out_dir,
        } => {
            let goal = (ctx.tenant().clone(), request.goal_id.clone());
            let checked = tokio::spawn(async move {
                let again = again(&services.tools, &task, goal, inputs, out_dir).await?;
                let judged = tokio::task::spawn_blocking(move || {
                    let files: Vec<_> = output.artifacts.iter().map(bytes).collect();
                    services.packs.judge(&Judged::Result {
                        task: &task,
                        output: &output,
                        again: again.as_ref(),
                        files: &files,
                    })
                });
                match judged.await {
                    Ok(judged) => Ok(judged),
                    Err(error) => match error.try_into_panic() {
                        Ok(panic) => panic::resume_unwind(panic),
                        Err(closing) => Err(AgentError::from(closing)),
                    },
                }
            });
            // A tool that panicked may have left its caches in any state: a new incarnation judges again from clean ones.
            let checked = checked.await.map_err(|panic| {
                AgentError::broken(format!("the recomputation panicked: {panic}"))
            })?;
            (checked?, String::new(), None)
        }
        Submission::Answer { answer, evidence } => {
            let mut assessment = read(&answer.answer, &evidence, &services, ctx).await;
            // The text was compared with the evidence; what leaves beside it must be the same figures.
            if answer.facts != evidence.facts {
                assessment.issues.insert(
                    0,
                    Issue {
                        category: Category::Accuracy,
                        severity: Severity::Critical,
                        description:
                            "the figures beside the text are not those it was compared with"
                                .to_owned(),
                        suggestion: "Deliver the figures that were judged".to_owned(),
                        location: None,
                    },
                );
                assessment.verdict = Verdict::Rejected;
            }
            (assessment, answer.digest(), Some(answer.status))
        }
    };
    let contradicted = assessment
        .issues
        .iter()
        .any(|issue| issue.severity == Severity::Critical);
    let deliverable = match status {
        Some(GoalStatus::Approved) => assessment.verdict.passes(),
        // A partial answer may lack things, since it says so; it may not be wrong.
        Some(GoalStatus::Partial) => !contradicted,
        Some(GoalStatus::Failed) | None => false,
    };
    Ok(Judgement {
        goal_id: request.goal_id,
        task_id: request.task_id,
        digest,
        deliverable,
        verdict: assessment.verdict,
        score: assessment.score.overall,
        dimensions: assessment.score.dimensions,
        feedback: assessment.feedback(),
        issues: assessment.issues,
    })
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
    // A tool that changes something is not called to look.
    let granted = match tools.spec(&task.tool) {
        Some(spec) if spec.effect == Effect::Pure => spec.needs.clone(),
        _ => Capabilities::none(),
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
