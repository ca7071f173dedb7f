//! What everybody holds of an engine, whatever it is.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};

use crate::{
    CancelFlag, Capabilities, EmbedRequest, Embedding, Engine, EngineError, EngineStatus, Health,
    InferRequest, Inference, ModelInfo, ModelSource, SessionId, Token,
};

/// How long past its deadline a call is waited for, so that an engine can say itself why nothing came.
const GRACE: Duration = Duration::from_millis(500);

/// What one call may take when it does not say so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// Time for a call that states none.
    pub deadline: Duration,
    /// New tokens that one call may have.
    pub max_tokens: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            max_tokens: 4_096,
        }
    }
}

/// The way to an engine. Cheap to clone, and valid across its restarts.
///
/// Every call has a deadline: the request's, else the configured default. A dropped call is cancelled.
#[derive(Clone)]
pub struct EngineHandle {
    engine: Arc<dyn Engine>,
    limits: CallLimits,
}

impl std::fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineHandle")
            .field("status", &self.status())
            .finish()
    }
}

impl EngineHandle {
    /// A handle to an engine.
    pub fn new(engine: Arc<dyn Engine>, limits: CallLimits) -> Self {
        Self { engine, limits }
    }

    /// The engine by its contract, without the limits of this handle.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Generates an answer. Past the deadline the text so far comes back with
    /// [`Finish::Deadline`](crate::Finish::Deadline), if the engine had begun.
    pub async fn infer(&self, mut request: InferRequest) -> Result<Inference, EngineError> {
        self.check(&request)?;
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        call.within(self.engine.infer(request)).await
    }

    /// Generates an answer and hands out tokens as they are made. What is refused at once is told here.
    pub fn stream(&self, mut request: InferRequest) -> Result<TokenStream, EngineError> {
        self.check(&request)?;
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        let deadline = call.deadline;
        // A slow reader never holds the engine up; what waits for it is no more than the answer, which the engine bounds.
        let (sender, tokens) = mpsc::unbounded_channel();
        let (reply, answer) = oneshot::channel();
        let engine = Arc::clone(&self.engine);
        let mut running = Box::pin(async move {
            let mut sink = |token: &Token| match sender.send(token.clone()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            call.within(engine.stream(request, &mut sink)).await
        });
        let first = running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let task = match first {
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Ready(Ok(whole)) => {
                // The receiver is held below.
                let _ = reply.send(Ok(whole));
                None
            }
            Poll::Pending => Some(tokio::spawn(async move {
                let _ = reply.send(running.await);
            })),
        };
        Ok(TokenStream {
            tokens,
            answer,
            deadline,
            task: Task(task),
        })
    }

    /// One vector of length 1 for each text.
    pub async fn embed(&self, mut request: EmbedRequest) -> Result<Vec<Embedding>, EngineError> {
        let call = self.prepare(&mut request.deadline, &mut request.cancel);
        call.within(self.engine.embed(request)).await
    }

    /// Loads a model.
    pub async fn load_model(&self, source: ModelSource) -> Result<ModelInfo, EngineError> {
        self.engine.load_model(source).await
    }

    /// Frees a model by name.
    pub async fn unload(&self, model: impl Into<String>) -> Result<(), EngineError> {
        self.engine.unload(&model.into()).await
    }

    /// Asks the engine how it is. [`status`](Self::status) never waits.
    pub async fn health(&self) -> Result<Health, EngineError> {
        self.engine.health().await
    }

    /// What the engine can do, once it is built; the last known answer while it is being rebuilt.
    pub async fn capabilities(&self) -> Result<Capabilities, EngineError> {
        self.engine.capabilities().await
    }

    /// What would make a plan now, and how it is; see [`Engine::planner`].
    pub async fn planner(&self, private: bool) -> Result<(Capabilities, Health), EngineError> {
        self.engine.planner(private).await
    }

    /// Waits until the engine is built. Fails as soon as building fails, with the reason.
    pub async fn ready(&self, within: Duration) -> Result<(), EngineError> {
        self.engine.ready(within).await
    }

    /// What a thousand tokens of a call may cost, in millionths, at least and at most, where the engine has prices.
    pub fn prices(&self) -> Option<[u64; 2]> {
        self.engine.prices()
    }

    /// Ends a session; see [`Engine::close_session`].
    pub fn close_session(&self, session: &SessionId) {
        self.engine.close_session(session);
    }

    /// What it is doing right now; never waits.
    pub fn status(&self) -> EngineStatus {
        self.engine.status()
    }

    fn check(&self, request: &InferRequest) -> Result<(), EngineError> {
        if request.max_tokens > self.limits.max_tokens {
            return Err(EngineError::TooManyTokens {
                asked: request.max_tokens,
                allowed: self.limits.max_tokens,
            });
        }
        Ok(())
    }

    fn prepare(&self, deadline: &mut Option<Instant>, cancel: &mut CancelFlag) -> Call {
        let asked = Instant::now();
        let allowed = *deadline.get_or_insert(asked + self.limits.deadline);
        *cancel = cancel.child();
        Call {
            asked,
            deadline: allowed,
            cancel: cancel.clone(),
        }
    }
}

/// Times and flag of one call; dropping it calls the work off: the asker has gone, or has its answer.
struct Call {
    asked: Instant,
    deadline: Instant,
    cancel: CancelFlag,
}

impl Call {
    /// An engine keeps the deadline itself; one that does not is left behind.
    async fn within<T>(
        self,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let allowed = self.deadline.saturating_duration_since(self.asked);
        timeout(allowed + GRACE, work)
            .await
            .unwrap_or_else(|_| Err(EngineError::late(self.asked.elapsed(), allowed)))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Ends with whoever holds it.
struct Task(Option<JoinHandle<()>>);

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// The tokens of a running generation. Dropping it cancels the generation.
pub struct TokenStream {
    tokens: mpsc::UnboundedReceiver<Token>,
    answer: oneshot::Receiver<Result<Inference, EngineError>>,
    deadline: Instant,
    // Kept for its drop.
    #[allow(dead_code)]
    task: Task,
}

impl TokenStream {
    /// The next token; `None` when there are no more, or when the deadline has passed.
    pub async fn next(&mut self) -> Option<Token> {
        timeout_at(self.deadline.into(), self.tokens.recv())
            .await
            .ok()
            .flatten()
    }

    /// The whole answer. Tokens not read yet are let go.
    pub async fn finish(self) -> Result<Inference, EngineError> {
        let Self { answer, task, .. } = self;
        let result = answer.await.unwrap_or_else(|_| {
            Err(EngineError::Lost {
                reason: "its task ended".into(),
            })
        });
        drop(task);
        result
    }
}
