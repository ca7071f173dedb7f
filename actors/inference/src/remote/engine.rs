//! The engine that makes the calls: time-outs, retries, cancellation, and what an answer is worth.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use parking_lot::Mutex;
use reqwest::{Method, Response};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::{timeout, timeout_at};

use super::backoff;
use super::gathered::Gathered;
use super::http::{self, Server, unreached};
use super::key::Key;
use super::quirks::Quirks;
use super::sse;
use super::{Form, RemoteConfig, openai, schema};
use crate::handle::{CallLimits, EngineHandle};
use crate::meter::Meter;
use crate::status::EngineStatus;
use crate::{
    Capabilities, Embed, EmbedRequest, Embedding, Engine, EngineError, EnginePhase, Finish,
    Generate, Health, HealthState, InferRequest, Inference, ModelInfo, ModelRole, ModelSource,
    Platform, Served, Timings, Token, TokenSink, Usage,
};

/// Calls that may wait for their turn beside those under way.
const WAITING_MAX: usize = 256;
/// Time for a call without a deadline.
const DEADLINE: Duration = Duration::from_secs(60);
/// Texts of one embedding call.
const TEXTS_MAX: usize = 64;
/// Bytes of an answer with vectors: 64 of 8,192 numbers at some 12 bytes.
const VECTORS_BYTES_MAX: usize = 16 << 20;
/// Bytes that count as a token where a server does not count.
const BYTES_PER_TOKEN: usize = 3;
/// How often a call is written anew after a refusal that says what to change.
const REWRITES: usize = 4;

/// A server's model behind the contract. Cheap to clone.
#[derive(Clone)]
pub struct RemoteEngine(Arc<Inner>);

struct Inner {
    config: RemoteConfig,
    server: Result<Server, EngineError>,
    turns: Semaphore,
    waiting: AtomicUsize,
    quirks: Mutex<Quirks>,
    /// Length of its vectors, once known.
    dimensions: OnceCell<u32>,
    /// New tokens per second as last measured, as bits.
    speed: AtomicU64,
}

impl RemoteEngine {
    /// An engine for a server; nothing is connected yet.
    pub fn new(config: RemoteConfig) -> Self {
        let quirks = Quirks {
            no_stream_options: config
                .honours
                .as_ref()
                .is_some_and(|probe| !probe.usage_in_stream),
            ..Quirks::default()
        };
        Self(Arc::new(Inner {
            server: Server::new(&config),
            turns: Semaphore::new(config.at_once.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            quirks: Mutex::new(quirks),
            dimensions: OnceCell::new_with(
                config.honours.as_ref().and_then(|probe| probe.embedding),
            ),
            speed: AtomicU64::new(0),
            config,
        }))
    }

    /// What everybody else holds of it.
    pub fn handle(&self) -> EngineHandle {
        EngineHandle::new(Arc::new(self.clone()), CallLimits::default())
    }

    /// Its settings.
    pub fn config(&self) -> &RemoteConfig {
        &self.0.config
    }

    pub(super) async fn get(&self, path: &str) -> Result<Response, EngineError> {
        let server = self.0.server.as_ref().map_err(Clone::clone)?;
        let (response, _) = server.call(&self.0.config, Method::GET, path, None).await?;
        Ok(response)
    }

    fn meter(&self) -> Meter<'_> {
        Meter::new(&self.0.config.name)
    }

    /// Waits for a turn.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, EngineError> {
        if let Ok(permit) = self.0.turns.try_acquire() {
            return Ok(permit);
        }
        let waiting = Waiting::begin(&self.0.waiting).ok_or(EngineError::QueueFull {
            waiting: WAITING_MAX,
            allowed: WAITING_MAX,
        })?;
        let permit = self.0.turns.acquire().await;
        drop(waiting);
        permit.map_err(|_| EngineError::stopped())
    }

    /// One answer, with what nobody was told yet made again where that can help.
    async fn answer(
        &self,
        call: &mut Streaming<'_, '_>,
        deadline: Instant,
    ) -> Result<(), EngineError> {
        let _turn = self.turn().await?;
        let mut attempt = 0;
        let mut rewrites = 0;
        loop {
            let error = match self.attempt(call).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if call.answer.was_handed() {
                return Err(error);
            }
            call.anew();
            if let EngineError::Refused { said, .. } = &error
                && rewrites < REWRITES
                && let Some(quirks) = { self.0.quirks.lock().after(said) }
            {
                rewrites += 1;
                *self.0.quirks.lock() = quirks;
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(wait) = backoff::wait(&error, attempt, self.0.config.retries, left, jitter())
            else {
                return Err(error);
            };
            tracing::info!(engine = self.0.config.name, %error, attempt, "the call is made again");
            attempt += 1;
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt(&self, call: &mut Streaming<'_, '_>) -> Result<(), EngineError> {
        let config = &self.0.config;
        let server = self.0.server.as_ref().map_err(Clone::clone)?;
        let quirks = *self.0.quirks.lock();
        let body = config.form.body(config, call.request, quirks)?;
        let patience = config.patience;
        let begun = Instant::now();
        let first = begun + patience.first_token;
        let silent = |what: &str, waited: Duration| EngineError::Lost {
            reason: format!(
                "{}: no {what} within {} ms",
                config.name,
                waited.as_millis()
            ),
        };
        let path = config.form.chat_path();
        let sent = server.call(config, Method::POST, path, Some(&body));
        let (mut response, key) = timeout_at(first.into(), sent)
            .await
            .map_err(|_| silent("answer", patience.first_token))??;
        call.key = key;
        let mut reading = config.form.reading(call.request);
        let mut events = sse::Reader::default();
        loop {
            // Until the first token the whole wait counts, so that pings do not stretch it.
            let piece = if call.first.is_none() {
                timeout_at(first.into(), response.chunk()).await
            } else {
                timeout(patience.between_tokens, response.chunk()).await
            };
            let piece = piece.map_err(|_| match call.first {
                None => silent("first token", patience.first_token),
                Some(_) => silent("further token", patience.between_tokens),
            })?;
            let Some(piece) = piece.map_err(|error| lost(unreached(config, error)))? else {
                break;
            };
            let read = events
                .read(&piece)
                .map_err(|sse::TooLong| EngineError::Server {
                    engine: config.name.clone(),
                    status: 200,
                    said: "one event of its stream is too long".to_owned(),
                })?;
            for event in read {
                let taken = reading.event(&event, &mut call.answer);
                taken.map_err(|bad| bad.told(&config.name, call.key.as_ref()))?;
                if call.hand_out() == ControlFlow::Break(()) {
                    return Ok(());
                }
            }
        }
        if call.answer.whole {
            return Ok(());
        }
        Err(EngineError::Lost {
            reason: format!("{}: its stream ended before its answer did", config.name),
        })
    }

    /// An answer as the contract has it.
    fn inference(&self, call: Streaming<'_, '_>, finish: Finish) -> Inference {
        let config = &self.0.config;
        let decode_s = call
            .first
            .map_or(0.0, |first| first.elapsed().as_secs_f64());
        let prefill = call
            .first
            .map_or(call.begun.elapsed(), |first| first - call.begun);
        let mut answer = call.answer;
        let usage = answer
            .usage
            .filter(|usage| usage.prompt_tokens > 0)
            .unwrap_or(Usage {
                prompt_tokens: call.request.prompt.bytes().div_ceil(BYTES_PER_TOKEN) as u64,
                new_tokens: u64::from(call.tokens),
                estimated: true,
            });
        for call in &mut answer.calls {
            if call.arguments.trim().is_empty() {
                call.arguments = "{}".to_owned();
            }
        }
        let tokens_per_second = if decode_s > 0.0 && usage.new_tokens > 1 {
            (usage.new_tokens - 1) as f64 / decode_s
        } else {
            0.0
        };
        if tokens_per_second > 0.0 {
            self.0
                .speed
                .store(tokens_per_second.to_bits(), Ordering::Relaxed);
        }
        Inference {
            text: answer.text,
            calls: answer.calls,
            ids: Vec::new(),
            prompt_ids: Vec::new(),
            usage,
            by: Served {
                engine: config.name.clone(),
                model: answer.model.unwrap_or_else(|| config.model.clone()),
                version: answer.version,
                price_micros: None,
                routed: None,
            },
            finish,
            top_logits: Vec::new(),
            timings: Timings {
                prefill_ms: prefill.as_secs_f64() * 1e3,
                decode_ms: decode_s * 1e3,
                tokens_per_second,
                known_tokens: 0,
            },
        }
    }

    async fn generate(
        &self,
        request: &InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        let config = &self.0.config;
        if config.model.is_empty() {
            return Err(self.not_loaded("generate"));
        }
        // Before anything is sent.
        let wanted = request.grammar.as_ref().map(schema::read).transpose()?;
        let begun = Instant::now();
        let deadline = request.deadline.unwrap_or(begun + DEADLINE);
        match request.interrupted() {
            Some(Finish::Cancelled) => return Err(EngineError::Cancelled),
            Some(_) => return Err(EngineError::late(Duration::ZERO, Duration::ZERO)),
            None => {}
        }
        let mut call = Streaming {
            request,
            sink,
            meter: self.meter(),
            answer: Gathered::new(request.max_tokens),
            key: None,
            begun,
            first: None,
            tokens: 0,
            enough: false,
        };
        let ended = {
            let answered = self.answer(&mut call, deadline);
            tokio::select! {
                biased;
                () = request.cancel.cancelled() => Err(EngineError::Cancelled),
                ended = timeout_at(deadline.into(), answered) => ended.unwrap_or_else(|_| {
                    Err(EngineError::late(begun.elapsed(), deadline.saturating_duration_since(begun)))
                }),
            }
        };
        let begun_to_speak = call.answer.was_handed();
        let finish = match ended {
            Ok(()) if call.enough => Finish::Cancelled,
            Ok(()) => call.answer.finish.unwrap_or(Finish::Stop),
            Err(EngineError::Cancelled) if begun_to_speak => Finish::Cancelled,
            Err(EngineError::Deadline { .. }) if begun_to_speak => Finish::Deadline,
            Err(error) => return Err(error),
        };
        if let Some(schema) = wanted.filter(|_| finish == Finish::Stop && !request.own_check)
            && let Some(broken) = schema::broken_by(&schema, &call.answer.text)
        {
            return Err(EngineError::Server {
                engine: config.name.clone(),
                status: 200,
                said: format!(
                    "its answer does not keep to the schema, {}",
                    super::words::without(call.key.as_ref(), &broken)
                ),
            });
        }
        let inference = self.inference(call, finish);
        self.meter().answered(&inference);
        Ok(inference)
    }

    fn not_loaded(&self, asked: &str) -> EngineError {
        EngineError::NotLoaded {
            asked: asked.to_owned(),
            loaded: self.models().into_iter().map(|model| model.name).collect(),
        }
    }

    fn models(&self) -> Vec<ModelInfo> {
        let config = &self.0.config;
        let model = |name: &str, role, dimensions| ModelInfo {
            name: name.to_owned(),
            role,
            quantisation: "unknown".to_owned(),
            parameters: 0,
            context_length: config.context,
            dimensions,
            memory_bytes: 0,
        };
        let mut models = Vec::new();
        if !config.model.is_empty() {
            models.push(model(&config.model, ModelRole::Generate, 0));
        }
        if let Some(dimensions) = self.0.dimensions.get() {
            models.push(model(&config.embed_model, ModelRole::Embed, *dimensions));
        }
        models
    }

    async fn vectors(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        let config = &self.0.config;
        let server = self.0.server.as_ref().map_err(Clone::clone)?;
        let as_base64 = config
            .honours
            .as_ref()
            .is_some_and(|probe| probe.base64_embeddings);
        let body = openai::embed_body(config, texts, as_base64);
        let (response, key) = server
            .call(config, Method::POST, "embeddings", Some(&body))
            .await?;
        let bytes = http::whole(config, response, VECTORS_BYTES_MAX).await?;
        let vectors = openai::vectors(&bytes, texts.len());
        vectors.map_err(|what| EngineError::Server {
            engine: config.name.clone(),
            status: 200,
            said: format!(
                "its vectors cannot be read: {}",
                super::words::without(key.as_ref(), &what)
            ),
        })
    }

    /// The length of its vectors, asked once.
    pub(super) async fn dimensions(&self) -> Result<u32, EngineError> {
        let known = self.0.dimensions.get_or_try_init(|| async {
            let vectors = self.vectors(&["a".to_owned()]).await?;
            Ok(vectors.first().map_or(0, |vector| vector.len() as u32))
        });
        known.await.copied()
    }

    fn embeds(&self) -> bool {
        !self.0.config.embed_model.is_empty() && self.0.config.form == Form::OpenAi
    }
}

/// A body that breaks off is a loss, whatever the client calls it.
fn lost(error: EngineError) -> EngineError {
    match error {
        EngineError::Down { reason } => EngineError::Lost { reason },
        other => other,
    }
}

/// A share of a wait, drawn from the clock: nobody gains from guessing it.
fn jitter() -> f64 {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |time| time.subsec_nanos());
    f64::from(nanos % 1_000) / 1_000.0
}

/// One answer on its way to its reader.
struct Streaming<'a, 'b> {
    request: &'a InferRequest,
    sink: &'a mut TokenSink<'b>,
    meter: Meter<'a>,
    answer: Gathered,
    /// What the server was given, which nothing that it says may tell.
    key: Option<Key>,
    begun: Instant,
    first: Option<Instant>,
    tokens: u32,
    enough: bool,
}

impl Streaming<'_, '_> {
    fn anew(&mut self) {
        self.answer = Gathered::new(self.request.max_tokens);
        self.first = None;
    }

    fn hand_out(&mut self) -> ControlFlow<()> {
        let Some(text) = self.answer.fresh() else {
            if !self.answer.calls.is_empty() {
                self.first.get_or_insert_with(Instant::now);
            }
            return ControlFlow::Continue(());
        };
        if self.first.is_none() {
            self.first = Some(Instant::now());
            self.meter.first_token(self.begun);
        }
        let token = Token {
            index: self.tokens,
            id: 0,
            text,
        };
        self.tokens += 1;
        let said = (self.sink)(&token);
        self.enough = said == ControlFlow::Break(());
        said
    }
}

/// One of those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::AcqRel);
        let waiting = Self(count);
        (before < WAITING_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[async_trait]
impl Generate for RemoteEngine {
    async fn stream(
        &self,
        request: InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        let asked = Instant::now();
        let result = self.generate(&request, sink).await;
        self.meter().ended("stream", asked, result.as_ref().err());
        result
    }
}

#[async_trait]
impl Embed for RemoteEngine {
    async fn embed(&self, request: EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        if !self.embeds() {
            return Err(self.not_loaded("embed"));
        }
        let asked = Instant::now();
        let deadline = request.deadline.unwrap_or(asked + DEADLINE);
        let work = async {
            let _turn = self.turn().await?;
            let mut embeddings = Vec::with_capacity(request.texts.len());
            for texts in request.texts.chunks(TEXTS_MAX) {
                // An empty text is refused by most servers; a line feed means as little.
                let sent: Vec<String> = texts
                    .iter()
                    .map(|text| {
                        if text.is_empty() {
                            "\n".to_owned()
                        } else {
                            text.clone()
                        }
                    })
                    .collect();
                for (vector, text) in self.vectors(&sent).await?.into_iter().zip(texts) {
                    embeddings.push(Embedding {
                        vector,
                        bytes_read: text.len(),
                        bytes: text.len(),
                    });
                }
            }
            Ok(embeddings)
        };
        let result = tokio::select! {
            biased;
            () = request.cancel.cancelled() => Err(EngineError::Cancelled),
            result = timeout_at(deadline.into(), work) => result.unwrap_or_else(|_| {
                Err(EngineError::late(asked.elapsed(), deadline.saturating_duration_since(asked)))
            }),
        };
        self.meter().ended("embed", asked, result.as_ref().err());
        result
    }
}

#[async_trait]
impl Engine for RemoteEngine {
    async fn load_model(&self, _source: ModelSource) -> Result<ModelInfo, EngineError> {
        Err(EngineError::Unsupported {
            what: "loading models; its server decides which it holds".to_owned(),
        })
    }

    async fn unload(&self, model: &str) -> Result<(), EngineError> {
        if self.models().iter().any(|known| known.name == model) {
            return Err(EngineError::Unsupported {
                what: "freeing models; its server decides which it holds".to_owned(),
            });
        }
        Err(self.not_loaded(model))
    }

    /// Asks nobody: the length of its vectors is known once it has embedded, was asked how it is, or was probed.
    async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        let config = &self.0.config;
        let honours = config.honours.as_ref();
        let speed = f64::from_bits(self.0.speed.load(Ordering::Relaxed));
        Ok(Capabilities {
            name: config.name.clone(),
            context_length: if config.model.is_empty() {
                0
            } else {
                // What it said of itself is no less true for being less than what is configured.
                let said = honours.and_then(|probe| probe.context);
                said.map_or(config.context, |said| said.min(config.context))
            },
            streaming: true,
            embedding: self.0.dimensions.get().copied(),
            embedder: self
                .embeds()
                .then(|| format!("{}/{}", config.name, config.embed_model)),
            grammar: honours.is_none_or(|probe| probe.schema),
            tools: honours.is_none_or(|probe| probe.tools),
            token_ids: false,
            fine_tuning: false,
            quantisations: Vec::new(),
            batch_size: config.at_once.min(u32::MAX as usize) as u32,
            tokens_per_second: (speed > 0.0).then_some(speed),
            memory_bytes: 0,
            platform: if config.stays_here() {
                Platform::Server
            } else {
                Platform::Cloud
            },
            device: format!("{} at {}", config.model, config.address),
        })
    }

    /// Ready without asking; one that embeds asks for the length of its vectors.
    async fn ready(&self, within: Duration) -> Result<(), EngineError> {
        if self.embeds() {
            let known = timeout(within, self.dimensions()).await;
            known.map_err(|_| EngineError::late(within, within))??;
        }
        Ok(())
    }

    /// Asks the server which models it has; one that has no list but answers is well.
    async fn health(&self) -> Result<Health, EngineError> {
        if self.embeds() {
            let _ = self.dimensions().await;
        }
        let within = self.0.config.patience.connect;
        let asked = timeout(within, self.get("models")).await;
        let reason = match asked {
            Ok(Ok(_) | Err(EngineError::Refused { .. })) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} ms", within.as_millis())),
        };
        Ok(Health {
            state: match reason {
                None => HealthState::Ready,
                Some(_) => HealthState::Unhealthy,
            },
            reason,
            models: self.models(),
        })
    }

    fn status(&self) -> EngineStatus {
        let free = self.0.turns.available_permits();
        let running = self.0.config.at_once.saturating_sub(free);
        EngineStatus {
            name: self.0.config.name.clone(),
            phase: match &self.0.server {
                Ok(_) => EnginePhase::Ready,
                Err(error) => EnginePhase::Down {
                    reason: error.to_string(),
                },
            },
            incarnation: 1,
            waiting: self.0.waiting.load(Ordering::Acquire),
            allowed: WAITING_MAX,
            running: (running > 0).then(|| format!("{running} calls")),
            running_ms: None,
        }
    }
}
