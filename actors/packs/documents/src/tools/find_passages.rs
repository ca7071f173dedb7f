//! `find_passages`: where files speak of something, or what carries most of what they say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_tools::{BlockingTool, Workspace, args};
use aios_work::{Capability, Effect, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Embedder, FIND, Quote, open};
use crate::document::{Document, Leftovers};
use crate::ranking::{self, Found};
use crate::words::normal;

/// Passages that are given.
const MOST: usize = 24;
const USUAL: usize = 6;
/// Passages whose meaning is compared with the question's.
const COMPARED: usize = 32;
/// How long meanings may be compared, and what must be left to the call then.
const PATIENCE: Duration = Duration::from_secs(10);
/// Cosines of unrelated sentences lie around the first, of a question and its answer around the second and above.
const FAR: f64 = 0.15;
const NEAR: f64 = 0.6;

/// Finds passages.
pub(super) struct FindPassages {
    pub(super) embedder: Option<Arc<dyn Embedder>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    files: Vec<String>,
    question: Option<String>,
    most: Option<usize>,
}

/// A passage and what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Passage {
    /// The words and their place.
    #[serde(flatten)]
    pub(crate) quote: Quote,
    /// What speaks for it, above 0.
    pub(crate) score: f64,
    /// The part of the question's matter that it names, from 0 to 1.
    pub(crate) covers: f64,
    /// How near its meaning is to the question's, from 0 to 1; none when no model said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) near: Option<f64>,
}

/// What `find_passages` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Passages {
    /// For a question the best first, else in the files' order.
    pub(crate) passages: Vec<Passage>,
    /// Sentences, items and rows that were looked at: all there are.
    pub(crate) searched: usize,
    /// Sentences that give orders: neither followed nor given.
    pub(crate) orders: Leftovers,
}

impl BlockingTool for FindPassages {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: FIND.to_owned(),
            description: "Finds the passages of the files that a question is about, or without one those that carry most, each with its place.".to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            input: json!({
                "type": "object",
                "properties": {
                    "files": {"type": "array", "items": {"type": "string"}, "description": "names of input files; all of the goal's if left out"},
                    "question": {"type": "string", "description": "what is looked for, in any words"},
                    "most": {"type": "integer", "minimum": 1, "maximum": MOST, "description": "how many passages are given"}
                },
                "additionalProperties": false
            }),
            output: json!({
                "type": "object",
                "properties": {
                    "passages": {"type": "array", "items": {"type": "object", "description": "text, place, score, covers, near"}},
                    "searched": {"type": "integer"},
                    "orders": {"type": "object", "description": "sentences that give orders: count, and places"}
                },
                "required": ["passages", "searched", "orders"]
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(FIND, call)?;
        let documents = open(FIND, &args.files, workspace, call)?;
        let most = args.most.unwrap_or(USUAL).clamp(1, MOST);
        let check = || call.check();
        let (search, near) = match args
            .question
            .as_deref()
            .filter(|text| !text.trim().is_empty())
        {
            Some(question) => {
                let mut search = ranking::search(&documents, question, COMPARED, &check)?;
                let near = self.compare(question, &documents, &mut search.found, call);
                search.found.truncate(most);
                (search, near)
            }
            None => {
                let held = documents.first().map(Document::room);
                let held = held.ok_or_else(|| {
                    ToolError::invalid_arguments(FIND, "there is nothing to read")
                })?;
                (ranking::key(&documents, most, held, &check)?, Vec::new())
            }
        };
        let passages = search.found.iter().enumerate().map(|(at, found)| Passage {
            quote: Quote {
                text: normal(&found.text(&documents)),
                place: found.place(&documents),
            },
            score: round(found.score),
            covers: round(found.covers),
            near: near.get(at).copied().map(round),
        });
        let given = Passages {
            passages: passages.collect(),
            searched: search.sentences,
            orders: search.orders,
        };
        let log = format!(
            "{} passages of {} sentences in {} files",
            given.passages.len(),
            given.searched,
            documents.len()
        );
        Ok(ToolOutput {
            value: serde_json::to_value(given)
                .map_err(|error| ToolError::invalid_arguments(FIND, error))?,
            log,
            ..ToolOutput::default()
        })
    }
}

/// As many digits as say something.
fn round(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

impl FindPassages {
    /// Puts what is found in order by words and meaning, and gives how near each is. Without a model's answer the words stand alone.
    fn compare(
        &self,
        question: &str,
        documents: &[Document],
        found: &mut [Found],
        call: &ToolCall,
    ) -> Vec<f64> {
        let Some(embedder) = self.embedder.as_ref().filter(|_| !found.is_empty()) else {
            return Vec::new();
        };
        // Half of what is left at most: without it there is still an answer.
        let left = call.deadline.saturating_duration_since(Instant::now());
        let deadline = Instant::now() + PATIENCE.min(left / 2);
        let texts: Vec<String> = std::iter::once(question.to_owned())
            .chain(found.iter().map(|one| normal(&one.text(documents))))
            .collect();
        let Some(vectors) = embedder.embed(&texts, &call.cancel, deadline) else {
            return Vec::new();
        };
        let Some((asked, vectors)) = vectors
            .split_first()
            .filter(|(_, rest)| rest.len() == found.len())
        else {
            return Vec::new();
        };
        let best = found
            .iter()
            .map(|one| one.score)
            .fold(f64::MIN_POSITIVE, f64::max);
        let near = vectors.iter().map(|vector| {
            let cosine: f64 = asked
                .iter()
                .zip(vector)
                .map(|(one, other)| f64::from(*one) * f64::from(*other))
                .sum();
            if cosine.is_finite() {
                ((cosine - FAR) / (NEAR - FAR)).clamp(0.0, 1.0)
            } else {
                0.0
            }
        });
        let mut ranked: Vec<(Found, f64)> = found.iter().cloned().zip(near).collect();
        let together = |(one, near): &(Found, f64)| one.score / best + near;
        ranked.sort_by(|one, other| together(other).total_cmp(&together(one)));
        let (sorted, near): (Vec<Found>, Vec<f64>) = ranked.into_iter().unzip();
        found.clone_from_slice(&sorted);
        near
    }
}
