//! The Critic: nothing leaves without its signed word.
//!
//! It judges by evidence alone: it asks the question a second time in another way, reads the chart's file, compares every number with the
//! facts. Its judgement of a whole answer names the answer's digest, so the signature is over exactly what leaves.

use std::collections::BTreeMap;
use std::panic;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::EmbedRequest;
use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind, TenantId};
use aios_tools::{Toolbox, read_regular};
use aios_work::{Capabilities, Capability, InputFile, ToolCall, ToolError, ToolOutput};
use async_trait::async_trait;
use serde_json::Value;

use super::results::{ResultEvidence, check_result};
use super::{Assessment, Category, Evidence, Issue, Severity, Verdict, assess};
use crate::agent::{Agent, AgentError, Context, Incoming};
use crate::content::{GoalStatus, Judgement, ValidationRequest, Work, ontology};
use crate::macro_tier::plan::Task;

/// How long meaning may be compared before relevance goes by words alone.
const EMBED_DEADLINE: Duration = Duration::from_secs(10);
/// The part of a text that its vector is made of: what the embedder can read.
const EMBED_BYTES: usize = 2_000;
/// How long recomputing a result may take.
const RECHECK_DEADLINE: Duration = Duration::from_secs(30);
/// A chart larger than this is not one of ours.
const CHART_BYTES: u64 = 4 << 20;

/// Judges results, paragraphs and answers.
pub struct Critic {
    tools: Arc<Toolbox>,
}

impl Critic {
    /// A critic that recomputes with these tools; it uses those that read, never those that write.
    pub fn new(tools: Arc<Toolbox>) -> Self {
        Self { tools }
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
        let tools = Arc::clone(&self.tools);
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let request: ValidationRequest = incoming.json()?;
            let judgement = judge(request, tools, &ctx).await?;
            metrics::histogram!("aios_critic_score").record(judgement.score);
            incoming.inform(Content::json(&judgement)?)?;
            Ok(())
        });
        Ok(())
    }
}

async fn judge(
    request: ValidationRequest,
    tools: Arc<Toolbox>,
    ctx: &Context,
) -> Result<Judgement, AgentError> {
    let (assessment, digest, status) = match request.work {
        Work::Prose { text, evidence } => (read(&text, &evidence, ctx).await, String::new(), None),
        Work::Result {
            task,
            output,
            inputs,
            out_dir,
        } => {
            let goal = (ctx.tenant().clone(), request.goal_id.clone());
            let checked = tokio::spawn(async move {
                let again = recomputed(&tools, &task, goal, inputs, out_dir).await?;
                let judged = tokio::task::spawn_blocking(move || {
                    let evidence = again.unwrap_or_else(|| evidence(&task, &output));
                    check_result(&output.value, &evidence)
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
        Work::Answer { answer, evidence } => {
            let mut assessment = read(&answer.answer, &evidence, ctx).await;
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
async fn read(text: &str, evidence: &Evidence, ctx: &Context) -> Assessment {
    let request =
        EmbedRequest::new([&evidence.goal, start(text, EMBED_BYTES)]).within(EMBED_DEADLINE);
    let vectors = match ctx.embed(request).await {
        Ok(vectors) => vectors,
        Err(error) => {
            tracing::warn!(%error, "the critic compares words alone: no embedding");
            Vec::new()
        }
    };
    match vectors.as_slice() {
        [goal, read] => assess(text, evidence, Some((&goal.vector, &read.vector))),
        _ => assess(text, evidence, None),
    }
}

/// At most so many bytes of a text, cut between characters.
pub(crate) fn start(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The same question asked in another way, where there is one.
async fn recomputed(
    tools: &Toolbox,
    task: &Task,
    (tenant, goal): (TenantId, String),
    inputs: Vec<InputFile>,
    out_dir: String,
) -> Result<Option<ResultEvidence>, ToolError> {
    let Some(again) = &task.recheck else {
        return Ok(None);
    };
    let granted = Capabilities::from([Capability::FILES_READ, Capability::DATA_QUERY]);
    let call = ToolCall {
        tenant: tenant.as_str().to_owned(),
        goal,
        inputs,
        out_dir,
        ..ToolCall::new(again.clone(), Instant::now() + RECHECK_DEADLINE)
    };
    let again = tools.call(&task.action, &granted, call).await?.value;
    Ok(Some(ResultEvidence::Recomputed { again }))
}

/// What a result is judged against that is not asked a second time.
fn evidence(task: &Task, output: &ToolOutput) -> ResultEvidence {
    match task.action.as_str() {
        "profile_table" => ResultEvidence::Profile,
        "read_file" => ResultEvidence::Document,
        "chart" => chart(task, output),
        _ => ResultEvidence::Present,
    }
}

/// The chart's file as it lies on disk; one that cannot be read counts as empty, and is judged so.
fn chart(task: &Task, output: &ToolOutput) -> ResultEvidence {
    let artifact = output.artifacts.first();
    let svg = artifact
        .and_then(|artifact| read_regular(&artifact.path, CHART_BYTES).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let description = artifact
        .map(|artifact| artifact.description.clone())
        .unwrap_or_default();
    ResultEvidence::Chart {
        svg,
        description,
        labels: labels(&task.args),
    }
}

/// The labels along a chart's axis, as its arguments name them.
fn labels(args: &Value) -> Vec<String> {
    let series = args
        .get("series")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    series
        .iter()
        .flat_map(|one| {
            one.get("points")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default()
        })
        .filter_map(|point| point.get(0)?.as_str().map(str::to_owned))
        .collect()
}

/// A score's dimensions by name, as reports show them.
pub(crate) fn by_name(judgement: &Judgement) -> BTreeMap<String, f64> {
    let Judgement { dimensions, .. } = judgement;
    [
        ("relevance", dimensions.relevance),
        ("clarity", dimensions.clarity),
        ("accuracy", dimensions.accuracy),
        ("completeness", dimensions.completeness),
        ("tone", dimensions.tone),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
