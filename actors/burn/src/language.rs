//! A loaded language model: from a request to an answer.

use std::ops::ControlFlow;
use std::time::Instant;

use aios_inference::{
    EngineError, Finish, InferRequest, Inference, ModelInfo, ModelRole, ModelSource, Prompt,
    Served, SessionId, Timings, TokenSink, Usage,
};

use crate::answer::{AnswerText, End};
use crate::decoder::{Decoder, Fused, Tensors, Weights};
use crate::device::Chosen;
use crate::error::LoadError;
use crate::folder;
use crate::grammar::Grammars;
use crate::kernel::{Isa, Kernels};
use crate::sampling::{Sampler, top};
use crate::saved::{self, MadeBy, SavedError};
use crate::session::{PASSING, SLOTS, Sessions};
use crate::template::{ChatTemplate, LayoutError};
use crate::tokenizer::Tokenizer;

/// Tokens of an answer that room is made for at once.
const ANSWER_TOKENS: usize = 256;

pub(crate) struct Language {
    pub(crate) info: ModelInfo,
    decoder: Box<dyn Decoder>,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    /// Made when the first grammar comes; most requests have none.
    grammars: Option<Grammars>,
    sessions: Sessions,
    /// What keys and values are made by.
    made_by: MadeBy,
    /// What a record of a thought says of the model besides its name: its format, and the first 16 digits of the digest of its weights.
    version: String,
    logits: Vec<f32>,
}

impl Language {
    pub(crate) fn load(
        source: &ModelSource,
        device: &Chosen,
        threads: usize,
        exact: bool,
    ) -> Result<Self, EngineError> {
        Self::read(source, device, threads, exact).map_err(|error| error.of_model(&source.name))
    }

    fn read(
        source: &ModelSource,
        device: &Chosen,
        threads: usize,
        exact: bool,
    ) -> Result<Self, LoadError> {
        let file = folder::open(&source.path)?;
        let weights = Weights::load(&file)?;
        let config = weights.config.clone();
        let tokenizer = Tokenizer::load(&file, config.vocabulary)?;
        let template = ChatTemplate::of_file(&file, &tokenizer)?;
        let formats = file.formats();
        let reading = if exact { "exact" } else { "sixteen bits" };
        let made_by = MadeBy {
            model: weights.digest(),
            settings: format!("{}, {reading}", device.name),
        };
        let decoder: Box<dyn Decoder> = if device.is_cpu {
            let kernels =
                Kernels::new(Isa::detect(), threads).map_err(|e| LoadError::Unsupported {
                    what: "the thread pool",
                    found: e.to_string(),
                    wanted: "free some threads",
                })?;
            Box::new(Fused::new(weights, kernels.exact(exact), SLOTS))
        } else {
            Box::new(Tensors::new(weights, device.device.clone(), SLOTS))
        };
        let info = ModelInfo {
            name: source.name.clone(),
            role: ModelRole::Generate,
            quantisation: formats
                .first()
                .map_or("F32", |(format, _)| format.name())
                .to_owned(),
            parameters: formats.iter().map(|(_, weights)| weights).sum(),
            context_length: config.context as u32,
            dimensions: config.hidden as u32,
            memory_bytes: decoder.weight_bytes() as u64,
        };
        Ok(Self {
            decoder,
            tokenizer,
            template,
            grammars: None,
            sessions: Sessions::default(),
            version: version(&info.quantisation, &made_by.model),
            info,
            made_by,
            logits: Vec::new(),
        })
    }

    pub(crate) fn stream(
        &mut self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        let context = self.decoder.config().context;
        if request.max_tokens as usize > context {
            return Err(EngineError::TooManyTokens {
                asked: request.max_tokens,
                allowed: context as u32,
            });
        }
        let mut sampler = Sampler::new(request.sampling)?;
        let prompt_ids = self.prompt_ids(&request.prompt, context)?;
        if prompt_ids.is_empty() {
            return Err(EngineError::BadRequest {
                reason: "the prompt is empty".into(),
            });
        }
        let positions = prompt_ids.len() + request.max_tokens as usize;
        if positions > context {
            return Err(EngineError::PromptTooLong {
                asked: positions,
                allowed: context,
            });
        }
        // An answer may end long before its limit, so room is made for a common one and grows from there.
        let likely = prompt_ids.len() + (request.max_tokens as usize).min(ANSWER_TOKENS);
        let slot = self.open_slot(request.session.as_ref(), &prompt_ids, likely);
        let outcome = self.run(slot, request, prompt_ids, &mut sampler, sink);
        self.leave_slot(slot, request.session.as_ref(), outcome.as_ref().ok());
        outcome
    }

    /// Ends a session and overwrites what was remembered for it.
    pub(crate) fn close_session(&mut self, id: &SessionId) {
        if let Some(slot) = self.sessions.close(id) {
            self.decoder.wipe(slot);
        }
    }

    /// A session to go on with elsewhere, if it holds anything and the device gives it.
    pub(crate) fn save(&mut self, id: &SessionId) -> Option<Vec<u8>> {
        let (slot, ids) = self.sessions.held(id)?;
        let mut bytes = self.made_by.head(ids);
        let gives = !ids.is_empty() && self.decoder.give(slot, ids.len(), &mut bytes);
        gives.then(|| saved::close(bytes))
    }

    /// Takes up a session that was saved; how many tokens it holds then.
    pub(crate) fn restore(&mut self, id: &SessionId, bytes: &[u8]) -> Result<u64, EngineError> {
        let refused = |reason: String| EngineError::BadRequest { reason };
        if !self.decoder.gives() {
            return Err(EngineError::Unsupported {
                what: "sessions that were saved, on this device".into(),
            });
        }
        let (ids, values) = { &self.made_by }
            .open(bytes)
            .map_err(|error| refused(error.to_string()))?;
        let vocabulary = self.decoder.config().vocabulary;
        if ids.iter().any(|id| *id as usize >= vocabulary) {
            return Err(refused(SavedError::Malformed.to_string()));
        }
        self.close_session(id);
        let place = self.sessions.enter(id, &ids);
        // Whoever had the slot before is wiped out of it.
        self.decoder.wipe(place.slot);
        if !self.decoder.take(place.slot, ids.len(), values) {
            self.close_session(id);
            return Err(refused(SavedError::Malformed.to_string()));
        }
        let tokens = ids.len() as u64;
        self.sessions.leave(id, ids);
        Ok(tokens)
    }

    fn prompt_ids(&self, prompt: &Prompt, context: usize) -> Result<Vec<u32>, EngineError> {
        let bad = |reason| EngineError::BadRequest { reason };
        let bytes = match prompt {
            Prompt::Raw(text) => text.len(),
            Prompt::Chat(turns) => turns.iter().map(|turn| turn.content.len()).sum(),
        };
        self.check_length(bytes, context)?;
        match prompt {
            Prompt::Raw(text) => self.tokenizer.encode(text, &[]),
            Prompt::Chat(turns) if turns.is_empty() => {
                return Err(bad("the chat has no turns".to_owned()));
            }
            Prompt::Chat(turns) => {
                let layout = self
                    .template
                    .lay_out(turns, self.tokenizer.controls())
                    .map_err(|error| self.refusal(error))?;
                // A template may make much of little.
                self.check_length(layout.text.len(), context)?;
                self.tokenizer.encode(&layout.text, &layout.literal)
            }
        }
        .map_err(bad)
    }

    /// A text that cannot fit is not worth minutes of tokenising.
    fn check_length(&self, bytes: usize, context: usize) -> Result<(), EngineError> {
        let asked = self.tokenizer.at_least(bytes);
        if asked > context {
            return Err(EngineError::PromptTooLong {
                asked,
                allowed: context,
            });
        }
        Ok(())
    }

    /// Whether the template is at fault, or does not take this chat.
    fn refusal(&self, error: LayoutError) -> EngineError {
        let reason = error.to_string();
        match error {
            LayoutError::Endless { .. } => EngineError::ModelBroken {
                name: self.info.name.clone(),
                reason,
            },
            LayoutError::Refused { .. } | LayoutError::Undecided { .. } => {
                EngineError::BadRequest { reason }
            }
            LayoutError::Thread { .. } => EngineError::Device { reason },
        }
    }

    fn open_slot(
        &mut self,
        session: Option<&SessionId>,
        prompt_ids: &[u32],
        positions: usize,
    ) -> usize {
        let Some(id) = session else {
            self.decoder.truncate(PASSING, 0);
            self.decoder.reserve(PASSING, positions);
            return PASSING;
        };
        let place = self.sessions.enter(id, prompt_ids);
        if place.wipe {
            self.decoder.wipe(place.slot);
        }
        self.decoder.truncate(place.slot, place.known);
        self.decoder.reserve(place.slot, positions);
        place.slot
    }

    fn leave_slot(
        &mut self,
        slot: usize,
        session: Option<&SessionId>,
        outcome: Option<&Inference>,
    ) {
        match (session, outcome) {
            (None, _) => self.decoder.wipe(slot),
            (Some(id), None) => self.close_session(id),
            (Some(id), Some(inference)) => {
                let mut ids = [&inference.prompt_ids[..], &inference.ids].concat();
                ids.truncate(self.decoder.len(slot));
                self.sessions.leave(id, ids);
            }
        }
    }

    fn run(
        &mut self,
        slot: usize,
        request: &InferRequest,
        prompt_ids: Vec<u32>,
        sampler: &mut Sampler,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        let mut guide = match &request.grammar {
            None => None,
            Some(grammar) => Some(self.grammars()?.guide(grammar)?),
        };
        let started = Instant::now();
        let known_tokens = self.decoder.len(slot) as u64;
        let interrupted = self.prefill(slot, &prompt_ids, request)?;
        let prefill_ms = started.elapsed().as_secs_f64() * 1e3;

        let mut answer = AnswerText::new(&request.stop);
        let mut ids = Vec::new();
        let mut top_logits = Vec::new();
        let mut passes = 0u32;
        let started = Instant::now();
        let finish = match interrupted {
            Some(finish) => finish,
            None => {
                top_logits = top(&self.logits, request.top_logits);
                loop {
                    if ids.len() >= request.max_tokens as usize {
                        break Finish::Length;
                    }
                    if let Some(finish) = request.interrupted() {
                        break finish;
                    }
                    if let Some(&last) = ids.last() {
                        self.forward(slot, &[last], true)?;
                        passes += 1;
                    }
                    let allowed = guide.as_mut().map(|guide| guide.allowed()).transpose()?;
                    let Some(id) = sampler.pick(&self.logits, allowed.as_ref()) else {
                        return Err(EngineError::Device {
                            reason: "the model's output is not made of numbers".into(),
                        });
                    };
                    if self.tokenizer.ends_answer(id) {
                        break Finish::Stop;
                    }
                    ids.push(id);
                    if let Some(guide) = &mut guide {
                        guide.accept(id)?;
                    }
                    let text = if self.tokenizer.is_control(id) {
                        &[]
                    } else {
                        self.tokenizer.bytes(id)
                    };
                    match answer.push(id, text, sink) {
                        ControlFlow::Break(End::StopText) => break Finish::Stop,
                        ControlFlow::Break(End::Refused) => break Finish::Cancelled,
                        ControlFlow::Continue(()) => {}
                    }
                    if guide.as_ref().is_some_and(|guide| guide.is_finished()) {
                        break Finish::Stop;
                    }
                }
            }
        };
        let decode_s = started.elapsed().as_secs_f64();
        // The first token comes with the prompt, so passes and not tokens are what decoding took its time for.
        let tokens_per_second = if passes > 0 {
            f64::from(passes) / decode_s
        } else {
            0.0
        };
        let timings = Timings {
            prefill_ms,
            decode_ms: decode_s * 1e3,
            tokens_per_second,
            known_tokens,
        };
        Ok(Inference {
            text: answer.finish(sink),
            calls: Vec::new(),
            usage: Usage {
                prompt_tokens: prompt_ids.len() as u64,
                new_tokens: ids.len() as u64,
                estimated: false,
            },
            by: Served {
                engine: "burn".to_owned(),
                model: self.info.name.clone(),
                version: Some(self.version.clone()),
                price_micros: None,
                routed: None,
            },
            ids,
            prompt_ids,
            finish,
            top_logits,
            timings,
        })
    }

    /// Reads what the slot does not hold yet of the prompt; stops early if the request is called off.
    fn prefill(
        &mut self,
        slot: usize,
        prompt_ids: &[u32],
        request: &InferRequest,
    ) -> Result<Option<Finish>, EngineError> {
        loop {
            let chunk = self.decoder.chunk(slot);
            let done = self.decoder.len(slot);
            let Some(rest) = prompt_ids.get(done..).filter(|rest| !rest.is_empty()) else {
                return Ok(None);
            };
            if let Some(finish) = request.interrupted() {
                return Ok(Some(finish));
            }
            self.forward(slot, &rest[..rest.len().min(chunk)], rest.len() <= chunk)?;
        }
    }

    fn forward(&mut self, slot: usize, ids: &[u32], want_logits: bool) -> Result<(), EngineError> {
        let logits = want_logits.then_some(&mut self.logits);
        let positions = self.decoder.len(slot) + ids.len();
        self.decoder.reserve(slot, positions);
        self.decoder
            .forward(slot, ids, logits)
            .map_err(|reason| EngineError::Device { reason })
    }

    fn grammars(&mut self) -> Result<&Grammars, EngineError> {
        if self.grammars.is_none() {
            self.grammars = Some(Grammars::new(&self.tokenizer)?);
        }
        self.grammars
            .as_ref()
            .ok_or_else(|| EngineError::BadGrammar {
                reason: "no vocabulary".into(),
            })
    }
}

/// A model's version: its format and what its weights are, as far as 16 digits tell models apart. Two files with the same name and format
/// and other weights are two versions.
fn version(quantisation: &str, digest: &[u8; 32]) -> String {
    let weights: String = { digest.iter().take(8) }
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{quantisation} {weights}")
}
