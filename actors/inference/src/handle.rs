//! What everybody but the actor holds of an engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

use crate::queue::{DeviceCall, EnginePhase, Queue, Reply};
use crate::{
    CancelFlag, Capabilities, EmbedRequest, Embedding, EngineConfig, EngineError, Health,
    InferRequest, Inference, ModelInfo, ModelSource, Token, metric,
};

/// An engine's window: a small picture of what it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// The engine's name in metrics.
    pub name: String,
    /// Where it is in its life.
    #[serde(flatten)]
    pub phase: EnginePhase,
    /// How many engines were started so far.
    pub incarnation: u64,
    /// Calls that wait.
    pub waiting: usize,
    /// Calls that may wait.
    pub allowed: usize,
    /// The kind of call that runs now.
    pub running: Option<String>,
    /// For how long it has been running, in milliseconds.
    pub running_ms: Option<u64>,
}

/// The way to an engine. Cheap to clone, and valid across restarts: it names the engine, not one incarnation of it.
///
/// Every call has a deadline: the request's, else the configured default. A dropped call is cancelled.
#[derive(Clone)]
pub struct EngineHandle {
    pub(crate) queue: Arc<Queue>,
    pub(crate) config: Arc<EngineConfig>,
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineHandle")
            .field("status", &self.status())
            .finish()
    }
}

impl EngineHandle {
    /// A handle to an engine that is yet to be started; calls wait for it.
    pub fn new(config: EngineConfig) -> Self {
        Self {
            queue: Arc::new(Queue::new(config.queue)),
            config: Arc::new(config),
        }
    }

    /// Generates an answer. Past the deadline the text so far comes back with
    /// [`Finish::Deadline`](crate::Finish::Deadline), if the engine had begun.
    pub async fn infer(&self, mut request: InferRequest) -> Result<Inference, EngineError> {
        self.check(&request)?;
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        self.call("infer", call, |reply| DeviceCall::Infer(request, reply))
            .await
    }

    /// Generates an answer and hands out tokens as they are made.
    pub fn stream(&self, mut request: InferRequest) -> Result<TokenStream, EngineError> {
        self.check(&request)?;
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        // Room for the whole answer: a slow reader never holds the device up.
        let (sender, tokens) = mpsc::channel(request.max_tokens.max(1) as usize);
        let (reply, answer) = oneshot::channel();
        let ticket = self.admit(&call, DeviceCall::Stream(request, sender, reply))?;
        Ok(TokenStream {
            handle: self.clone(),
            tokens,
            answer,
            call,
            ticket,
        })
    }

    /// One vector of length 1 for each text.
    pub async fn embed(&self, mut request: EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        self.call("embed", call, |reply| DeviceCall::Embed(request, reply))
            .await
    }

    /// Loads a model, within the configured time for loading.
    pub async fn load_model(&self, source: ModelSource) -> Result<ModelInfo, EngineError> {
        let mut deadline = Some(Instant::now() + self.config.load_deadline);
        let call = self.prepare(&mut deadline, &mut CancelFlag::new());
        self.call("load", call, |reply| DeviceCall::Load(source, reply))
            .await
    }

    /// Frees a model by name.
    pub async fn unload(&self, model: impl Into<String>) -> Result<(), EngineError> {
        let model = model.into();
        let call = self.prepare(&mut None, &mut CancelFlag::new());
        self.call("unload", call, |reply| DeviceCall::Unload(model, reply))
            .await
    }

    /// Asks the engine how it is; waits its turn in the queue. [`status`](Self::status) never waits.
    pub async fn health(&self) -> Result<Health, EngineError> {
        let call = self.prepare(&mut None, &mut CancelFlag::new());
        self.call("health", call, DeviceCall::Health).await
    }

    /// What the engine can do, once it is built; the last known answer while it is being rebuilt.
    pub async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        if let Some(known) = self.queue.capabilities() {
            return Ok(known);
        }
        self.ready(self.config.load_deadline).await?;
        self.queue
            .capabilities()
            .ok_or_else(|| self.overdue(Instant::now(), Instant::now()))
    }

    /// Waits until the engine is built. Fails as soon as building fails, with the reason; an engine that is down
    /// already may be on its way back and is waited for.
    pub async fn ready(&self, within: Duration) -> Result<(), EngineError> {
        let asked = Instant::now();
        let deadline = asked + within;
        let mut phase = self.queue.phase.subscribe();
        let built = async {
            if *phase.borrow_and_update() == EnginePhase::Ready {
                return Ok(());
            }
            // The sender lives in `self.queue`, so changes never end before this does.
            while phase.changed().await.is_ok() {
                match &*phase.borrow_and_update() {
                    EnginePhase::Starting => {}
                    EnginePhase::Ready => return Ok(()),
                    EnginePhase::Down { reason } => {
                        return Err(EngineError::Down {
                            reason: reason.clone(),
                        });
                    }
                    EnginePhase::Stopped => return Err(EngineError::stopped()),
                }
            }
            Err(EngineError::stopped())
        };
        timeout_at(deadline.into(), built)
            .await
            .unwrap_or_else(|_| Err(self.overdue(asked, deadline)))
    }

    /// What it is doing right now; never waits.
    pub fn status(&self) -> EngineStatus {
        let running = *self.queue.running.borrow();
        EngineStatus {
            name: self.config.name.clone(),
            phase: self.queue.phase.borrow().clone(),
            incarnation: self.queue.incarnation(),
            waiting: self.queue.waiting(),
            allowed: self.config.queue,
            running: running.map(|running| running.call.to_owned()),
            running_ms: running.map(|running| running.since.elapsed().as_millis() as u64),
        }
    }

    fn check(&self, request: &InferRequest) -> Result<(), EngineError> {
        if request.max_tokens > self.config.max_tokens {
            return Err(EngineError::TooManyTokens {
                asked: request.max_tokens,
                allowed: self.config.max_tokens,
            });
        }
        Ok(())
    }

    /// Gives a call its deadline and a cancel flag of its own. The engine is asked to finish a little early, so that
    /// what it has by then still reaches the asker in time.
    fn prepare(&self, deadline: &mut Option<Instant>, cancel: &mut CancelFlag) -> Call {
        let asked = Instant::now();
        let allowed = deadline.unwrap_or(asked + self.config.deadline);
        let margin =
            (allowed.saturating_duration_since(asked) / 10).min(Duration::from_millis(100));
        *deadline = allowed.checked_sub(margin);
        *cancel = cancel.child();
        Call {
            asked,
            deadline: allowed,
            cancel: cancel.clone(),
        }
    }

    fn admit(&self, call: &Call, work: DeviceCall) -> Result<Ticket, EngineError> {
        let label = work.label();
        let id = self
            .queue
            .push(work, call.cancel.clone(), call.asked, call.deadline)
            .inspect_err(|error| self.count(label, error.label()))?;
        metrics::gauge!(metric::QUEUE_WAITING, "engine" => self.config.name.clone())
            .set(self.queue.waiting() as f64);
        Ok(Ticket {
            queue: self.queue.clone(),
            id,
            cancel: call.cancel.clone(),
        })
    }

    async fn call<T>(
        &self,
        label: &'static str,
        call: Call,
        work: impl FnOnce(Reply<T>) -> DeviceCall,
    ) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        let ticket = self.admit(&call, work(reply))?;
        let result = self.settle(&call, answer).await;
        drop(ticket);
        self.report(label, &call, result.as_ref().err());
        result
    }

    async fn settle<T>(
        &self,
        call: &Call,
        answer: oneshot::Receiver<Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        match timeout_at(call.deadline.into(), answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(EngineError::Lost {
                reason: "its thread ended".into(),
            }),
            Err(_) => Err(self.overdue(call.asked, call.deadline)),
        }
    }

    /// Why nothing came in time: the engine is not there, or it is too slow.
    fn overdue(&self, asked: Instant, deadline: Instant) -> EngineError {
        match &*self.queue.phase.borrow() {
            EnginePhase::Down { reason } => EngineError::Down {
                reason: reason.clone(),
            },
            EnginePhase::Stopped => EngineError::stopped(),
            EnginePhase::Starting | EnginePhase::Ready => {
                EngineError::late(asked.elapsed(), deadline.saturating_duration_since(asked))
            }
        }
    }

    fn report(&self, label: &'static str, call: &Call, error: Option<&EngineError>) {
        self.count(label, error.map_or("ok", EngineError::label));
        metrics::histogram!(metric::DURATION_SECONDS, "engine" => self.config.name.clone(), "call" => label)
            .record(call.asked.elapsed().as_secs_f64());
    }

    fn count(&self, label: &'static str, outcome: &'static str) {
        let engine = self.config.name.clone();
        metrics::counter!(metric::REQUESTS_TOTAL, "engine" => engine, "call" => label, "outcome" => outcome)
            .increment(1);
    }
}

/// Times and flag of one call.
struct Call {
    asked: Instant,
    deadline: Instant,
    cancel: CancelFlag,
}

/// A place in the queue. Dropping it calls the work off: the asker has gone, or has its answer.
struct Ticket {
    queue: Arc<Queue>,
    id: u64,
    cancel: CancelFlag,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.queue.withdraw(self.id);
    }
}

/// The tokens of a running generation. Dropping it cancels the generation.
pub struct TokenStream {
    handle: EngineHandle,
    tokens: mpsc::Receiver<Token>,
    answer: oneshot::Receiver<Result<Inference, EngineError>>,
    call: Call,
    // Kept for its drop.
    #[allow(dead_code)]
    ticket: Ticket,
}

impl TokenStream {
    /// The next token; `None` when there are no more, or when the deadline has passed.
    pub async fn next(&mut self) -> Option<Token> {
        timeout_at(self.call.deadline.into(), self.tokens.recv())
            .await
            .ok()
            .flatten()
    }

    /// The whole answer. Tokens not read yet are let go.
    pub async fn finish(self) -> Result<Inference, EngineError> {
        let Self {
            handle,
            tokens,
            answer,
            call,
            ticket,
        } = self;
        let result = handle.settle(&call, answer).await;
        drop((tokens, ticket));
        handle.report("stream", &call, result.as_ref().err());
        result
    }
}
