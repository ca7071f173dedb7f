//! An engine without weights: deterministic, instant, and honest about what it does not know.
//!
//! It obeys a JSON schema with a minimal document, writes prose only from facts that stand in the prompt, and embeds by
//! hashing words. Everything it says can be predicted by reading its prompt, which makes it the engine of tests and of
//! programs that want agents but no model. A test takes the lead with a [`Script`].

mod embedding;
mod prose;
mod schema;
mod script;

use std::ops::ControlFlow;
use std::time::Instant;

use crate::{
    BlockingEngine, Capabilities, ChatRole, EmbedRequest, Embedding, EngineError, Finish, Grammar,
    Health, HealthState, InferRequest, Inference, ModelInfo, ModelRole, ModelSource, Platform,
    Prompt, Served, Timings, Token, TokenSink, Usage,
};

use embedding::DIMENSIONS;
pub use script::{Gate, Script, Scripts};

/// Words it can attend to.
const CONTEXT_LENGTH: u32 = 8192;

/// The deterministic engine.
#[derive(Debug)]
pub struct ScriptedEngine {
    models: Vec<ModelInfo>,
    scripts: Scripts,
}

impl Default for ScriptedEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedEngine {
    /// An engine that follows its rules; its two models need no files.
    pub fn new() -> Self {
        Self::scripted_by(Scripts::default())
    }

    /// An engine that does what the script says as long as there is one. Keep a clone of the script to lead several
    /// incarnations, and to read what was asked.
    pub fn scripted_by(scripts: Scripts) -> Self {
        let models = vec![
            info("scripted", ModelRole::Generate),
            info("scripted-embed", ModelRole::Embed),
        ];
        Self { models, scripts }
    }

    fn require(&self, role: ModelRole) -> Result<(), EngineError> {
        if self.models.iter().any(|model| model.role == role) {
            return Ok(());
        }
        let asked = format!("{role:?}").to_lowercase();
        Err(EngineError::NotLoaded {
            asked,
            loaded: self.names(),
        })
    }

    fn name(&self, role: ModelRole) -> String {
        let model = self.models.iter().find(|model| model.role == role);
        model.map(|model| model.name.clone()).unwrap_or_default()
    }

    fn names(&self) -> Vec<String> {
        self.models.iter().map(|model| model.name.clone()).collect()
    }
}

fn info(name: &str, role: ModelRole) -> ModelInfo {
    let dimensions = if role == ModelRole::Embed {
        DIMENSIONS as u32
    } else {
        0
    };
    ModelInfo {
        name: name.to_owned(),
        role,
        quantisation: "none".to_owned(),
        parameters: 0,
        context_length: CONTEXT_LENGTH,
        dimensions,
        memory_bytes: 0,
    }
}

impl BlockingEngine for ScriptedEngine {
    fn load_model(&mut self, source: &ModelSource) -> Result<ModelInfo, EngineError> {
        if !source.path.exists() {
            return Err(EngineError::ModelMissing {
                path: source.path.clone(),
            });
        }
        self.models.retain(|model| model.role != source.role);
        let loaded = info(&source.name, source.role);
        self.models.push(loaded.clone());
        Ok(loaded)
    }

    fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        self.require(ModelRole::Generate)?;
        let begun = Instant::now();
        let prompt = request.prompt.text();
        let prompt_ids: Vec<u32> = pieces(&prompt).map(id).collect();
        if prompt_ids.len() >= CONTEXT_LENGTH as usize {
            return Err(EngineError::PromptTooLong {
                asked: prompt_ids.len(),
                allowed: CONTEXT_LENGTH as usize,
            });
        }
        self.scripts.saw(prompt);
        let (text, end) = match self.scripts.lead(request)? {
            script::Lead::Reply(text) => (text, Finish::Stop),
            script::Lead::Interrupted(finish) => (String::new(), finish),
            script::Lead::Rules => (by_rules(request)?, Finish::Stop),
        };
        let text = cut(&text, &request.stop);
        let prefill_ms = begun.elapsed().as_secs_f64() * 1e3;

        let decoding = Instant::now();
        let mut answer = Inference {
            text: String::new(),
            calls: Vec::new(),
            ids: Vec::new(),
            usage: Usage {
                prompt_tokens: prompt_ids.len() as u64,
                ..Usage::default()
            },
            by: Served {
                engine: "scripted".into(),
                model: self.name(ModelRole::Generate),
                version: None,
                price_micros: None,
                routed: None,
            },
            prompt_ids,
            finish: end,
            top_logits: Vec::new(),
            timings: Timings::default(),
        };
        for piece in pieces(text) {
            if let Some(finish) = request.interrupted() {
                answer.finish = finish;
                break;
            }
            let index = answer.ids.len() as u32;
            if index == request.max_tokens {
                answer.finish = Finish::Length;
                break;
            }
            let token = Token {
                index,
                id: id(piece),
                text: piece.to_owned(),
            };
            answer.text.push_str(piece);
            answer.ids.push(token.id);
            if sink(&token) == ControlFlow::Break(()) {
                answer.finish = Finish::Cancelled;
                break;
            }
        }
        if let Some(first) = answer.ids.first() {
            // It is certain of its first token and of no other.
            let others = (0..u32::MAX).filter(|id| id != first).map(|id| (id, -10.0));
            answer.top_logits = std::iter::once((*first, 10.0))
                .chain(others)
                .take(request.top_logits)
                .collect();
        }
        answer.usage.new_tokens = answer.ids.len() as u64;
        let seconds = decoding.elapsed().as_secs_f64();
        answer.timings = Timings {
            prefill_ms,
            decode_ms: seconds * 1e3,
            tokens_per_second: if seconds > 0.0 {
                answer.ids.len() as f64 / seconds
            } else {
                0.0
            },
            known_tokens: 0,
        };
        Ok(answer)
    }

    fn embed(&mut self, request: &EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        self.require(ModelRole::Embed)?;
        let mut vectors = Vec::with_capacity(request.texts.len());
        for text in &request.texts {
            if request.cancel.is_cancelled() {
                return Err(EngineError::Cancelled);
            }
            vectors.push(Embedding {
                vector: embedding::embed(text),
                bytes_read: text.len(),
                bytes: text.len(),
            });
        }
        Ok(vectors)
    }

    fn unload(&mut self, model: &str) -> Result<(), EngineError> {
        let place = self.models.iter().position(|loaded| loaded.name == model);
        let place = place.ok_or_else(|| EngineError::NotLoaded {
            asked: model.to_owned(),
            loaded: self.names(),
        })?;
        self.models.remove(place);
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        let embeds = self
            .models
            .iter()
            .find(|model| model.role == ModelRole::Embed);
        let generates = self
            .models
            .iter()
            .find(|model| model.role == ModelRole::Generate);
        Capabilities {
            name: "scripted".into(),
            context_length: generates.map_or(0, |model| model.context_length),
            streaming: true,
            embedding: embeds.map(|model| model.dimensions),
            embedder: None,
            grammar: true,
            tools: false,
            token_ids: true,
            fine_tuning: false,
            // It has no weights.
            quantisations: Vec::new(),
            batch_size: 1,
            tokens_per_second: None,
            memory_bytes: 0,
            platform: Platform::Cpu,
            device: "no weights".into(),
        }
    }

    fn health(&mut self) -> Health {
        Health {
            state: HealthState::Ready,
            reason: None,
            models: self.models.clone(),
        }
    }
}

/// What the prompt's writer wants said: the turns of the user. Instructions name every choice there is, so they must
/// not decide between them.
fn asked(prompt: &Prompt) -> String {
    let turns = match prompt {
        Prompt::Raw(text) => return text.clone(),
        Prompt::Chat(turns) => turns,
    };
    let said: Vec<&str> = turns
        .iter()
        .filter(|turn| turn.role == ChatRole::User)
        .map(|turn| turn.content.as_str())
        .collect();
    if said.is_empty() {
        prompt.text()
    } else {
        said.join("\n")
    }
}

fn by_rules(request: &InferRequest) -> Result<String, EngineError> {
    let asked = asked(&request.prompt);
    match &request.grammar {
        Some(Grammar::JsonSchema(schema)) => schema::answer(schema, &asked),
        None => Ok(prose::write(&asked)),
    }
}

/// The text up to the first stop text.
fn cut<'a>(text: &'a str, stop: &[String]) -> &'a str {
    let end = stop
        .iter()
        .filter(|stop| !stop.is_empty())
        .filter_map(|stop| text.find(stop.as_str()))
        .min();
    &text[..end.unwrap_or(text.len())]
}

/// Words, each with the white space before it: joined they are the text.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest
            .find(|c: char| !c.is_whitespace())
            .unwrap_or(rest.len());
        let end = rest[word..]
            .find(char::is_whitespace)
            .map_or(rest.len(), |after| word + after);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// A stable id for a piece of text.
fn id(piece: &str) -> u32 {
    (fnv(piece.as_bytes()) % 49_152) as u32
}

/// FNV-1a, 64 bits: the same on every machine and in every version, unlike the standard library's hasher.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Lower-case words and numbers.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn passes_the_conformance_suite() {
        conformance::check_device(|| Ok(Box::new(ScriptedEngine::new())));
    }

    #[test]
    fn pieces_join_to_the_text() {
        for text in [
            "",
            " ",
            "a",
            " a  b\n",
            "Umsatz fiel um 4 %.",
            "\u{a0}x\u{2003}y",
        ] {
            assert_eq!(pieces(text).collect::<String>(), text);
        }
    }
}
