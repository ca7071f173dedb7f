//! The memory agent: what was learned is found again by meaning and by words.
//!
//! It embeds with the node's engine. A tenant never recalls what another tenant kept, and vectors of different embedders never meet.

use std::sync::Arc;
use std::time::Duration;

use aios_inference::EmbedRequest;
use aios_memory::{Document, GoalResult, Provenance, Query, VectorLimits, VectorMemory};
use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind};
use async_trait::async_trait;

use super::kept::{Kept, Shelves};
use crate::agent::{Agent, AgentError, Context, Incoming};
use crate::content::{RecallRequest, Recalled, RememberRequest, ontology};

/// Results of earlier goals that left because there were more than `storage.results`.
pub const RESULTS_EVICTED_TOTAL: &str = "aios_results_evicted_total";
/// The most one recall returns.
const RECALL_MAX: usize = 20;
/// How long an embedding may take before recall goes by words alone.
const EMBED_DEADLINE: Duration = Duration::from_secs(5);
/// How far a result of our own is trusted: it was approved, but it is not a source.
const CONFIDENCE_OF_A_RESULT: f32 = 0.8;

/// Keeps and recalls for one node.
#[derive(Default)]
pub struct MemoryKeeper {
    /// Opened at start, because only then the store is known.
    memory: Option<Arc<VectorMemory>>,
    kept: Option<Arc<Shelves>>,
}

impl MemoryKeeper {
    /// A keeper of the store of whatever node it starts in.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Agent for MemoryKeeper {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["recall".to_owned(), "remember".to_owned()].into();
    }

    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let store = ctx.store();
        let memory = VectorMemory::open(Arc::clone(store), VectorLimits::default())?;
        let memory = Arc::new(memory);
        let kept = Shelves::new(
            Arc::clone(store),
            Arc::clone(&memory),
            ctx.society().results(),
        );
        // So that a smaller bound than the last one is met at once.
        kept.of(ctx.tenant())?;
        (self.memory, self.kept) = (Some(memory), Some(Arc::new(kept)));
        Ok(())
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let (Some(memory), Some(kept)) = (self.memory.clone(), self.kept.clone()) else {
            return Err(AgentError::broken("the memory was never opened"));
        };
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::QueryRef, Some(ontology::RECALL)) => {
                ctx.spawn(incoming, move |incoming, ctx| async move {
                    let wanted: RecallRequest = incoming.json()?;
                    let found = recall(&memory, &wanted, &ctx).await?;
                    let kept = kept.of(ctx.tenant())?;
                    found.iter().for_each(|one| kept.served(&one.source));
                    incoming.inform(Content::json(&found)?)?;
                    Ok(())
                })
            }
            (Performative::Request, Some(ontology::REMEMBER)) => {
                ctx.spawn(incoming, move |incoming, ctx| async move {
                    let wanted: RememberRequest = incoming.json()?;
                    remember(&*kept.of(ctx.tenant())?, wanted, &incoming, &ctx).await?;
                    incoming.inform(Content::empty())?;
                    Ok(())
                })
            }
            _ => {
                return Err(AgentError::NotUnderstood(Reason::new(
                    ReasonKind::UnsupportedFunction,
                    "the memory takes query-ref of ontology aios.recall and request of ontology aios.remember",
                )));
            }
        }
        Ok(())
    }
}

/// The vector of a text and the name of what made it; none when no engine answers in time.
async fn embed(text: &str, ctx: &Context) -> Option<Vec<f32>> {
    let vectors = ctx
        .embed(EmbedRequest::new([text]).within(EMBED_DEADLINE))
        .await;
    match vectors {
        Ok(vectors) => vectors.into_iter().next(),
        Err(error) => {
            tracing::warn!(%error, "the memory works by words alone: no embedding");
            None
        }
    }
}

async fn namespace(ctx: &Context) -> String {
    let embedder = match ctx.engine() {
        Ok(engine) => engine
            .capabilities()
            .await
            .map(|can| can.name)
            .unwrap_or_default(),
        Err(_) => String::new(),
    };
    format!("{}/{embedder}", ctx.tenant())
}

async fn recall(
    memory: &VectorMemory,
    wanted: &RecallRequest,
    ctx: &Context,
) -> Result<Vec<Recalled>, AgentError> {
    let namespace = namespace(ctx).await;
    if memory.is_empty(&namespace) {
        return Ok(Vec::new());
    }
    let embedding = embed(&wanted.text, ctx).await;
    let query = Query {
        text: wanted.text.clone(),
        embedding,
        k: wanted.most.min(RECALL_MAX),
    };
    let hits = memory.recall(&namespace, &query)?;
    Ok(hits
        .into_iter()
        .map(|hit| Recalled {
            source: hit.provenance.source,
            text: hit.text,
            score: hit.score,
        })
        .collect())
}

async fn remember(
    kept: &Kept,
    wanted: RememberRequest,
    incoming: &Incoming,
    ctx: &Context,
) -> Result<(), AgentError> {
    let now = ctx.now().as_micros();
    if let Some(result) = wanted.result {
        let text = |name: &str| {
            result
                .get(name)
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        kept.put(&GoalResult {
            id: text("goal_id"),
            tenant: ctx.tenant().to_string(),
            principal: incoming.sender.to_string(),
            goal: wanted.text.clone(),
            outcome: text("status"),
            answer: text("answer"),
            score: result
                .pointer("/critic/score")
                .and_then(serde_json::Value::as_f64),
            started_us: now,
            finished_us: now,
            details: result,
        })?;
    }
    let Some(embedding) = embed(&wanted.text, ctx).await else {
        return Ok(());
    };
    kept.add(
        &namespace(ctx).await,
        Document {
            id: wanted.source.clone(),
            text: wanted.text,
            embedding,
            provenance: Provenance {
                source: wanted.source,
                author: incoming.sender.to_string(),
                confidence: CONFIDENCE_OF_A_RESULT,
                recorded_us: now,
            },
        },
    )?;
    Ok(())
}
