//! A device of this machine behind the contract: a blocking runner, its thread, and the bounded queue before it.

mod actor;
mod queue;
mod thread;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout_at;

pub use actor::{EngineActor, EngineConfig, EngineMessage, EngineState};

use crate::handle::{CallLimits, EngineHandle};
use crate::meter::Meter;
use crate::status::{EnginePhase, EngineStatus};
use crate::{
    CancelFlag, Capabilities, Embed, EmbedRequest, Embedding, Engine, EngineError, Finish,
    Generate, Health, InferRequest, Inference, ModelInfo, ModelSource, SessionId, TokenSink,
    metric,
};
use queue::{DeviceCall, Queue, Reply};

/// The engine of one device. Cheap to clone, and valid across restarts: it names the engine, not one incarnation of it.
///
/// [`EngineActor`] brings it to life; calls that come before that wait.
#[derive(Clone)]
pub struct LocalEngine {
    queue: Arc<Queue>,
    config: Arc<EngineConfig>,
}

impl LocalEngine {
    /// An engine that is yet to be started.
    pub fn new(config: EngineConfig) -> Self {
        Self {
            queue: Arc::new(Queue::new(config.queue)),
            config: Arc::new(config),
        }
    }

    /// What everybody else holds of it.
    pub fn handle(&self) -> EngineHandle {
        let limits = CallLimits {
            deadline: self.config.deadline,
            max_tokens: self.config.max_tokens,
        };
        EngineHandle::new(Arc::new(self.clone()), limits)
    }

    /// Gives a call its deadline and a cancel flag of its own. The device is asked to finish a little early, so that
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
            .inspect_err(|error| self.meter().refused(label, error))?;
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
        self.meter().ended(label, call.asked, result.as_ref().err());
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

    fn meter(&self) -> Meter<'_> {
        Meter::new(&self.config.name)
    }
}

#[async_trait]
impl Generate for LocalEngine {
    async fn infer(&self, mut request: InferRequest) -> Result<Inference, EngineError> {
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        self.call("infer", call, |reply| DeviceCall::Infer(request, reply))
            .await
    }

    async fn stream(
        &self,
        mut request: InferRequest,
        sink: &mut TokenSink<'_>,
    ) -> Result<Inference, EngineError> {
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        // Room for the whole answer: a slow reader never holds the device up.
        let (sender, mut tokens) = mpsc::channel(request.max_tokens.max(1) as usize);
        let (reply, answer) = oneshot::channel();
        let ticket = self.admit(&call, DeviceCall::Stream(request, sender, reply))?;
        let mut handed = Handed::default();
        let answered = self.settle(&call, answer);
        tokio::pin!(answered);
        let result = loop {
            tokio::select! {
                biased;
                Some(token) = tokens.recv() => {
                    handed.hand(&token, sink);
                    if handed.enough {
                        // The device hears of it at its next token.
                        tokens.close();
                        while tokens.recv().await.is_some() {}
                    }
                }
                result = &mut answered => break result,
            }
        };
        while let Ok(token) = tokens.try_recv() {
            if !handed.enough {
                handed.hand(&token, sink);
            }
        }
        drop(ticket);
        self.meter()
            .ended("stream", call.asked, result.as_ref().err());
        result.map(|answer| handed.cut(answer))
    }
}

/// What a reader was handed of a stream.
#[derive(Default)]
struct Handed {
    tokens: usize,
    text: String,
    enough: bool,
}

impl Handed {
    fn hand(&mut self, token: &crate::Token, sink: &mut TokenSink<'_>) {
        self.tokens += 1;
        self.text.push_str(&token.text);
        self.enough = sink(token) == ControlFlow::Break(());
    }

    /// The device runs ahead of its reader; what nobody was handed is not part of the answer.
    fn cut(self, mut answer: Inference) -> Inference {
        if self.enough {
            answer.text = self.text;
            answer.ids.truncate(self.tokens);
            answer.finish = Finish::Cancelled;
        }
        answer
    }
}

#[async_trait]
impl Embed for LocalEngine {
    async fn embed(&self, mut request: EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        self.call("embed", call, |reply| DeviceCall::Embed(request, reply))
            .await
    }
}

#[async_trait]
impl Engine for LocalEngine {
    /// Loads a model, within the configured time for loading.
    async fn load_model(&self, source: ModelSource) -> Result<ModelInfo, EngineError> {
        let mut deadline = Some(Instant::now() + self.config.load_deadline);
        let call = self.prepare(&mut deadline, &mut CancelFlag::new());
        self.call("load", call, |reply| DeviceCall::Load(source, reply))
            .await
    }

    async fn unload(&self, model: &str) -> Result<(), EngineError> {
        let model = model.to_owned();
        let call = self.prepare(&mut None, &mut CancelFlag::new());
        self.call("unload", call, |reply| DeviceCall::Unload(model, reply))
            .await
    }

    /// Waits its turn in the queue; [`status`](Engine::status) never waits.
    async fn health(&self) -> Result<Health, EngineError> {
        let call = self.prepare(&mut None, &mut CancelFlag::new());
        self.call("health", call, DeviceCall::Health).await
    }

    /// The last known answer while it is being rebuilt.
    async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        if let Some(known) = self.queue.capabilities() {
            return Ok(known);
        }
        self.ready(self.config.load_deadline).await?;
        self.queue
            .capabilities()
            .ok_or_else(|| self.overdue(Instant::now(), Instant::now()))
    }

    /// Fails as soon as building fails, with the reason; an engine that is down already may be on its way back and is
    /// waited for.
    async fn ready(&self, within: Duration) -> Result<(), EngineError> {
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

    fn close_session(&self, session: &SessionId) {
        self.queue.close(session.clone());
    }

    fn status(&self) -> EngineStatus {
        let running = *self.queue.running.borrow();
        // Let go of before the queue is locked: whoever changes the phase holds the queue meanwhile.
        let phase = self.queue.phase.borrow().clone();
        EngineStatus {
            name: self.config.name.clone(),
            phase,
            incarnation: self.queue.incarnation(),
            waiting: self.queue.waiting(),
            allowed: self.config.queue,
            running: running.map(|running| running.call.to_owned()),
            running_ms: running.map(|running| running.since.elapsed().as_millis() as u64),
        }
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
