//! The memory agent: what was learned is found again by meaning and by words.
//!
//! It embeds with the node's engine. A tenant never recalls what another tenant kept, and vectors of different embedders never meet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_inference::{EmbedRequest, Embedding};
use aios_memory::{Document, GoalResult, Provenance, Query, VectorLimits, VectorMemory, parts};
use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind};
use async_trait::async_trait;
use tokio::sync::RwLock;

pub use crate::agents::kept::RESULTS_EVICTED_TOTAL;
use crate::agents::kept::{Shelves, TenantResults};
use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{RecallRequest, Recalled, RememberRequest, ontology};

/// The most one recall returns.
const RECALL_MAX: usize = 20;
/// How long an embedding may take before recall goes by words alone.
const EMBED_DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of a text that are embedded together; in most languages no more tokens than a small embedder reads.
const PART_BYTES: usize = 600;
/// How far a result of our own is trusted: it was approved, but it is not a source.
const CONFIDENCE_OF_A_RESULT: f32 = 0.8;

/// Keeps and recalls for one node.
pub struct MemoryKeeper {
    /// Results of earlier goals that are kept of each tenant.
    results: u32,
    /// Opened at start, because only then the store is known.
    memory: Option<Arc<VectorMemory>>,
    kept: Option<Arc<Shelves>>,
    /// Read by whatever is being kept, written by what is brought: so that whoever is told an answer and asks about it finds it, though
    /// nobody waited until it was kept.
    order: Arc<RwLock<()>>,
}

impl MemoryKeeper {
    /// A keeper of the store of whatever node it starts in.
    pub fn new(results: u32) -> Self {
        Self {
            results,
            memory: None,
            kept: None,
            order: Arc::default(),
        }
    }
}

#[async_trait]
impl Agent for MemoryKeeper {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["recall".to_owned(), "remember".to_owned()].into();
        // What earlier goals gave is brought and kept by those who plan goals alone.
        card.open_to = crate::services::only(crate::roles::PLANNER);
    }

    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let store = ctx.store();
        let memory = VectorMemory::open(Arc::clone(store), VectorLimits::default())?;
        let memory = Arc::new(memory);
        let kept = Shelves::new(Arc::clone(store), Arc::clone(&memory), self.results);
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
                let order = Arc::clone(&self.order);
                ctx.spawn(incoming, move |incoming, ctx| async move {
                    let wanted: RecallRequest = incoming.json()?;
                    drop(order.write().await);
                    let found = recall(&memory, &wanted, &ctx).await?;
                    let kept = kept.of(ctx.tenant())?;
                    found.iter().for_each(|one| kept.served(&one.source));
                    incoming.inform(Content::json(&found)?)?;
                    Ok(())
                })
            }
            (Performative::Request, Some(ontology::REMEMBER)) => {
                let order = Arc::clone(&self.order);
                // Here, in the order in which the messages came.
                let keeping = Arc::clone(&order).try_read_owned();
                ctx.spawn(incoming, move |incoming, ctx| async move {
                    let _keeping = match keeping {
                        Ok(keeping) => keeping,
                        Err(_) => order.read_owned().await,
                    };
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

/// The vectors of a text; none when no engine answers in time.
async fn embed(text: &str, ctx: &Context) -> Vec<Vec<f32>> {
    let deadline = Instant::now() + EMBED_DEADLINE;
    let mut parts_to_embed = PartsToEmbed::of(text);
    while !parts_to_embed.left.is_empty() {
        let mut request = EmbedRequest::new(parts_to_embed.left.iter().copied());
        request.deadline = Some(deadline);
        match ctx.embed(request).await {
            Ok(embeddings) => parts_to_embed.take(embeddings),
            Err(error) => {
                tracing::warn!(%error, "the memory works by words alone: no embedding");
                return Vec::new();
            }
        }
    }
    parts_to_embed.vectors
}

/// A text on its way through an embedder, part by part.
///
/// A part that the embedder did not read to its end goes on where it stopped, so that nothing of a text is left out.
struct PartsToEmbed<'a> {
    /// Parts to embed next.
    left: Vec<&'a str>,
    vectors: Vec<Vec<f32>>,
}

impl<'a> PartsToEmbed<'a> {
    fn of(text: &'a str) -> Self {
        let mut left = parts(text, PART_BYTES);
        if left.is_empty() {
            left.push(text);
        }
        Self {
            left,
            vectors: Vec::new(),
        }
    }

    /// Takes what the embedder made of the parts that were left.
    fn take(&mut self, embeddings: Vec<Embedding>) {
        let read = std::mem::take(&mut self.left);
        for (part, embedding) in read.into_iter().zip(embeddings) {
            // An embedder that does not get ahead has said what it can.
            if embedding.bytes_read > 0
                && let Some(rest) = part.get(embedding.bytes_read..)
            {
                self.left.extend(parts(rest, PART_BYTES));
            }
            self.vectors.push(embedding.vector);
        }
    }
}

async fn namespace(ctx: &Context) -> String {
    let embedder = match ctx.engine() {
        Ok(engine) => engine
            .capabilities()
            .await
            .map(|can| can.embedder.unwrap_or(can.name))
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
    let embeddings = embed(&wanted.text, ctx).await;
    let query = Query {
        text: wanted.text.clone(),
        embeddings,
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
    kept: &TenantResults,
    wanted: RememberRequest,
    incoming: &Incoming,
    ctx: &Context,
) -> Result<(), AgentError> {
    let now = ctx.now().as_micros();
    if let Some(result) = wanted.result {
        kept.put(&GoalResult {
            id: result.goal_id,
            tenant: ctx.tenant().to_string(),
            principal: incoming.sender.to_string(),
            goal: wanted.text.clone(),
            outcome: result.status.as_str().to_owned(),
            answer: result.answer,
            score: Some(result.score),
            started_us: now,
            finished_us: now,
        })?;
    }
    let embeddings = embed(&wanted.text, ctx).await;
    if embeddings.is_empty() {
        return Ok(());
    }
    kept.add(
        &namespace(ctx).await,
        Document {
            id: wanted.source.clone(),
            text: wanted.text,
            embeddings,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is read of a text by an embedder that reads so many bytes at once.
    fn read(text: &str, at_once: usize) -> (usize, String) {
        let mut seen = String::new();
        let mut parts_to_embed = PartsToEmbed::of(text);
        while !parts_to_embed.left.is_empty() {
            let embed = |text: &&str| {
                let ends = (0..=text.len().min(at_once)).rev();
                let bytes_read = ends.into_iter().find(|at| text.is_char_boundary(*at));
                let bytes_read = bytes_read.unwrap_or(0);
                seen.push_str(&text[..bytes_read]);
                Embedding {
                    vector: vec![1.0],
                    bytes_read,
                    bytes: text.len(),
                }
            };
            let embeddings = parts_to_embed.left.iter().map(embed).collect();
            parts_to_embed.take(embeddings);
        }
        (parts_to_embed.vectors.len(), seen)
    }

    #[test]
    fn nothing_of_a_long_text_is_left_out() {
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        let sentences: String = (0..300).map(|i| format!("Sentence {i} says é. ")).collect();
        let wall = "x".repeat(5_000);
        for (text, at_once) in [
            ("", 100),
            ("short", 100),
            (sentences.as_str(), 10_000),
            (&sentences, 100),
            (&wall, 10_000),
            (&wall, 250),
            // It never gets ahead: each part is tried once.
            (&wall, 0),
        ] {
            let (count, seen) = read(text, at_once);
            let at_least = text.len().div_ceil(PART_BYTES).max(1);
            assert!(count >= at_least, "{count} vectors of {} bytes", text.len());
            if at_once > 0 {
                let mut seen: Vec<char> = dense(&seen).chars().collect();
                let mut all: Vec<char> = dense(text).chars().collect();
                seen.sort_unstable();
                all.sort_unstable();
                assert_eq!(seen, all);
            }
        }
    }
}
