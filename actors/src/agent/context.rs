//! What an agent can do: ask, tell, remember, think, work beside its handler.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aios_inference::{EmbedRequest, Embedding, EngineHandle, InferRequest, Inference};
use aios_memory::Store;
use aios_protocols::{
    AgentId, Content, Draft, Message, Performative, PublicKey, Sealed, Subject, TenantId,
    Timestamp, Trusted,
};
use bytes::Bytes;
use futures::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::in_flight::Scope;
use super::incarnation::Report;
use super::incoming::end_of_scope;
use super::outbox::Outbox;
use super::span::CHAT;
use super::step::{Effects, Undone};
use super::{Address, AgentError, AskError, Dialogue, Incoming, IntoDraft, SendError, Span};
use crate::AgentSystem;
use crate::observer::Cause;
use crate::recovery::guard::DEPTH_MAX;
use crate::recovery::guarded::ModelError;
use crate::recovery::{Breakers, Budget, Waiter, guarded};

/// An agent's side of the world. Cheap to clone; a clone given to a job ends with the incarnation.
#[derive(Clone)]
pub struct Context {
    me: AgentId,
    outbox: Arc<Outbox>,
    cause: Option<Arc<Trusted>>,
    /// Whether this is a job's side, which leaves the handler free.
    beside: bool,
    /// What model calls are paid from.
    budget: Option<Budget>,
    /// What is done, as a part of the trace it belongs to; none if nobody traces.
    span: Option<Arc<Span>>,
}

impl Context {
    pub(crate) fn new(me: AgentId, outbox: Arc<Outbox>) -> Self {
        Self {
            me,
            outbox,
            cause: None,
            beside: false,
            budget: None,
            span: None,
        }
    }

    /// The same, for work that `cause` led to: tenant, urgency and trace of the cause go on in what is sent.
    pub(crate) fn because_of(&self, cause: &Arc<Trusted>) -> Self {
        let same = self
            .cause
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, cause));
        let span = match &self.span {
            Some(span) if same => Some(Arc::clone(span)),
            _ => self.handling(cause),
        };
        Self {
            cause: Some(Arc::clone(cause)),
            span,
            ..self.clone()
        }
    }

    /// The span of what is done because of a message. It is begun for each message of a trace, so nothing of it is put into words here.
    fn handling(&self, cause: &Trusted) -> Option<Arc<Span>> {
        let system = &self.outbox.system;
        let parent = cause.envelope.trace.filter(|_| system.tracing())?;
        let said = Cause {
            conversation: cause.conversation_id,
            act: cause.performative,
            ontology: cause.ontology.clone(),
        };
        let party = self.outbox.cell.party();
        Span::below(
            system,
            Some(parent),
            Some(party),
            "invoke_agent",
            "",
            Some(said),
        )
    }

    /// Begins a part of what is done now, to be told to whoever traces: it is over when it is dropped. `operation` is a name of
    /// OpenTelemetry's, such as `execute_tool`, and `what` is done by it; none if nobody traces.
    #[must_use]
    pub fn span(&self, operation: &'static str, what: &str) -> Option<Arc<Span>> {
        let parent = self.span.as_ref()?.context();
        let party = self.outbox.cell.party();
        Span::below(
            &self.outbox.system,
            Some(parent),
            Some(party),
            operation,
            what,
            None,
        )
    }

    /// The same context within a span of its own: what is sent and done with it is a part of that.
    #[must_use]
    pub fn within(&self, span: Option<&Arc<Span>>) -> Self {
        Self {
            span: span.or(self.span.as_ref()).cloned(),
            ..self.clone()
        }
    }

    /// The same, with model calls paid from a budget: each reserves what it may take and gives back what it did not.
    #[must_use]
    pub fn paid_from(&self, budget: &Budget) -> Self {
        Self {
            budget: Some(budget.clone()),
            ..self.clone()
        }
    }

    /// Whether what the current work is about may not leave this machine. The mark goes on in everything that is sent because of
    /// it, and no engine that is elsewhere is asked.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.cause.as_deref().is_some_and(|cause| is_private(cause))
            || self.budget.as_ref().is_some_and(Budget::is_private)
    }

    /// Whether an agent said this that runs in this process: nobody whose code is elsewhere, whatever name it was let in under.
    #[must_use]
    pub fn is_of_here(&self, said: &Message) -> bool {
        let cell = self.outbox.system.directory().get(&said.sender);
        cell.is_some_and(|cell| cell.is_at_home(said.envelope.key_id))
    }

    /// Who this agent is.
    #[must_use]
    pub fn me(&self) -> &AgentId {
        &self.me
    }

    /// The world it lives in.
    #[must_use]
    pub fn system(&self) -> &AgentSystem {
        &self.outbox.system
    }

    /// Which incarnation this is, from 1.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.outbox.incarnation.number
    }

    /// Whether this incarnation has fallen or was stopped: what it drops now it has not finished.
    pub fn is_over(&self) -> bool {
        self.outbox.incarnation.is_over()
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.outbox.system.now()
    }

    /// Whose data the current work is about.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        match &self.cause {
            Some(cause) => &cause.envelope.tenant,
            None => self.outbox.system.tenant(),
        }
    }

    fn draft(&self, what: impl IntoDraft, alone: Performative) -> Result<Draft, SendError> {
        let draft = what.into_draft(alone);
        let Some(cause) = &self.cause else {
            return Ok(draft);
        };
        // What goes on in a conversation leads no deeper; what opens one does.
        let depth = if draft.in_conversation().is_some() {
            depth_of(cause)
        } else {
            depth_of(cause) + 1
        };
        if depth > DEPTH_MAX {
            return Err(SendError::TooDeep {
                asked: depth,
                allowed: DEPTH_MAX,
            });
        }
        let draft = draft.metadata(DEPTH, depth.to_string());
        let draft = if self.is_private() {
            keep_private(draft)
        } else {
            draft
        };
        let draft = if draft.own_tenant().is_none() {
            draft.because_of(cause)
        } else {
            draft
        };
        Ok(match &self.span {
            Some(span) => draft.trace(span.context()),
            None => draft,
        })
    }

    /// Signs a message as this agent without sending it: evidence for a record.
    pub fn sign(&self, draft: Draft) -> Result<Sealed, SendError> {
        let draft = self.draft(draft, Performative::Inform)?;
        self.outbox.seal(draft).map(|(_, frame)| frame)
    }

    /// The key that this agent signs with now.
    pub fn public_key(&self) -> PublicKey {
        self.outbox.cell.public_key()
    }

    /// What waits when this side of the agent asks.
    fn waiter(&self) -> Waiter {
        let work = self.cause.as_ref().filter(|_| self.beside);
        Waiter {
            party: self.outbox.cell.party().clone(),
            work: work.map(|cause| cause.conversation_id),
        }
    }

    /// Asks and waits for the answer; a bare content is sent as `request`.
    ///
    /// `agree` is a promise and is waited out. A proposal or any other act that the conversation goes on from is an
    /// answer too. The deadline covers all of it: a place in the mailbox, the work, the way back.
    pub async fn ask(
        &self,
        to: impl Into<Address>,
        what: impl IntoDraft,
        deadline: Duration,
    ) -> Result<Trusted, AskError> {
        self.outbox
            .ask(
                &to.into(),
                self.draft(what, Performative::Request)?,
                deadline,
                Some(self.waiter()),
            )
            .await
    }

    /// Tells and does not wait for an answer; a bare content is sent as `inform`.
    pub async fn tell(
        &self,
        to: impl Into<Address>,
        what: impl IntoDraft,
    ) -> Result<(), SendError> {
        let receiver = self.outbox.find(&to.into())?;
        self.outbox
            .tell(self.draft(what, Performative::Inform)?.to(receiver.party()))
            .await
    }

    /// Sends a draft that names its receivers already, such as [`Message::reply`](aios_protocols::Message::reply).
    pub async fn send(&self, draft: Draft) -> Result<(), SendError> {
        self.outbox
            .tell(self.draft(draft, Performative::Inform)?)
            .await
    }

    /// Opens a conversation with all that the draft names and listens to what they say: a contract net, a
    /// subscription. At most `places` acts wait to be heard; more are dead letters.
    pub async fn open(&self, draft: Draft, places: usize) -> Result<Dialogue, SendError> {
        self.outbox
            .open(self.draft(draft, Performative::Inform)?, places)
            .await
    }

    /// Runs a step that is not run again once it has succeeded, whatever falls meanwhile; later calls return its
    /// result.
    ///
    /// The operation id names the step among all steps of agents of this role and tenant. A step that was begun and not
    /// ended is run again: hand the id on as idempotency key to whatever has effects.
    pub async fn once<T, E, F, Fut>(&self, operation: &str, step: F) -> Result<T, AgentError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<AgentError>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.step(operation, Effects::Some, step).await
    }

    /// The same for a step that has no effects of its own. That it was begun is not waited for to be safe, since whoever comes after a
    /// crash does the same either way.
    pub async fn once_pure<T, E, F, Fut>(&self, operation: &str, step: F) -> Result<T, AgentError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<AgentError>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.step(operation, Effects::None, step).await
    }

    async fn step<T, E, F, Fut>(
        &self,
        operation: &str,
        effects: Effects,
        step: F,
    ) -> Result<T, AgentError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<AgentError>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let operation = self.operation(operation);
        let steps = self.outbox.system.steps();
        let step = move |_| async move { step().await.map_err(Into::<AgentError>::into) };
        steps.once(&operation, effects, step).await?.value()
    }

    /// The result of a step as content: in the bytes in which it was committed, by whoever did it. `pure` as in
    /// [`once_pure`](Self::once_pure). The step is told whether an earlier try at it may have been carried out, and says the same of this one
    /// if it fails.
    pub async fn once_written<T, F, Fut>(
        &self,
        operation: &str,
        pure: bool,
        step: F,
    ) -> Result<Content, AgentError>
    where
        T: Serialize,
        F: FnOnce(bool) -> Fut,
        Fut: Future<Output = Result<T, Undone>>,
    {
        let effects = if pure { Effects::None } else { Effects::Some };
        let operation = self.operation(operation);
        let done = self.outbox.system.steps().once(&operation, effects, step);
        Ok(Content::bytes(done.await?.written))
    }

    /// The result of a step that has succeeded; none if it has not, or was forgotten. Nothing is run.
    pub fn done<T: DeserializeOwned>(&self, operation: &str) -> Result<Option<T>, AgentError> {
        let steps = self.outbox.system.steps().log();
        let result = steps.result(&self.operation(operation))?;
        Ok(result
            .map(|result| serde_json::from_slice(&result))
            .transpose()?)
    }

    /// Writes down something that is known, to be found by [`done`](Self::done) and kept as long as steps of its name are. It lasts with the
    /// next thing that must, and the first word stands.
    pub fn note<T: Serialize>(&self, operation: &str, known: &T) -> Result<(), AgentError> {
        let written = serde_json::to_vec(known)?;
        let steps = self.outbox.system.steps().log();
        let now_us = self.now().as_micros();
        Ok(steps.note(&self.operation(operation), &written, now_us)?)
    }

    /// Forgets one step, whose next run is its first.
    pub fn forget_step(&self, operation: &str) -> Result<(), AgentError> {
        let steps = self.outbox.system.steps().log();
        Ok(steps.forget_one(&self.operation(operation))?)
    }

    /// Forgets the steps whose id begins so, once what they were for is delivered.
    pub fn forget_steps(&self, operations: &str) -> Result<usize, AgentError> {
        Ok(self
            .outbox
            .system
            .steps()
            .log()
            .forget(&self.operation(operations))?)
    }

    fn operation(&self, operation: &str) -> String {
        format!("{}/{}/{operation}", self.tenant(), self.me.role())
    }

    /// Goes on with a message beside the handler, which is free for the next. The job answers it; its error is the
    /// answer if it did not.
    ///
    /// A job that panics or passes its deadline costs the incarnation, and its message is handed over again.
    pub fn spawn<F, Fut>(&self, incoming: Incoming, job: F)
    where
        F: FnOnce(Incoming, Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), AgentError>> + Send + 'static,
    {
        let ticket = incoming.ticket();
        let outbox = Arc::clone(&self.outbox);
        let ctx = Self {
            beside: true,
            ..self.because_of(incoming.message())
        };
        if let Some(entry) = outbox.cell.in_flight.lock().get_mut(ticket) {
            entry.scope = Scope::Job;
        }
        let allowed = outbox.cell.options.job_deadline;
        let incarnation = Arc::clone(&outbox.incarnation);
        // An incarnation that is over starts nothing; the message is its successor's.
        let notifier = Arc::clone(&outbox.cell.notifier);
        incarnation.run(Some(ticket), allowed, async move {
            // Made inside, so that a panic in the closure itself is caught too.
            let work = std::panic::AssertUnwindSafe(async move { job(incoming, ctx).await });
            let incarnation = &outbox.incarnation;
            match work.catch_unwind().await {
                Ok(result) => {
                    if let Err(AgentError::Broken(message)) = &result {
                        incarnation.report(Report::Broken {
                            with: Some(ticket),
                            message: message.clone(),
                        });
                    }
                    end_of_scope(&outbox, ticket, Scope::Job, &result);
                }
                Err(panic) => {
                    incarnation.report(Report::Panicked {
                        with: Some(ticket),
                        message: panic_text(&*panic),
                    });
                }
            }
        });
        // Nobody else may be at work, and then nobody watches: the host has to see its deadline.
        notifier.wake();
    }

    /// The model, if this world has one.
    pub fn engine(&self) -> Result<&EngineHandle, AgentError> {
        self.outbox
            .system
            .engine()
            .ok_or_else(|| AgentError::failure("this node has no engine; load a model first"))
    }

    /// Lets the model think, if its breaker lets the call through and the budget can pay for it.
    ///
    /// # Errors
    /// There is no engine; else as [`thought`](Self::thought).
    pub async fn think(&self, request: InferRequest) -> Result<Inference, AgentError> {
        let (breakers, budget) = (self.system().breakers(), self.budget.as_ref());
        Ok(self
            .thought(self.engine()?, breakers, budget, request)
            .await?)
    }

    /// The same for who brings breakers and a budget of their own. The request is private where what is worked on is, and the thought is
    /// told to whoever traces.
    ///
    /// # Errors
    /// The breaker lets nothing through, the budget cannot pay for the prompt with all the tokens it may make, or the engine failed or refused.
    pub async fn thought(
        &self,
        engine: &EngineHandle,
        breakers: &Breakers,
        budget: Option<&Budget>,
        mut request: InferRequest,
    ) -> Result<Inference, ModelError> {
        request.private |= self.is_private();
        let span = self.span(CHAT, "");
        request.traceparent = self.traceparent(span.as_deref());
        let thought = guarded::infer(breakers, engine, budget, request).await;
        if let Some(span) = span {
            span.end_of_thought(thought.as_ref());
        }
        thought
    }

    /// Turns texts into vectors, if the engine's breaker lets the call through.
    pub async fn embed(&self, mut request: EmbedRequest) -> Result<Vec<Embedding>, AgentError> {
        request.private |= self.is_private();
        let engine = self.engine()?;
        let span = self.span("embeddings", "");
        request.traceparent = self.traceparent(span.as_deref());
        let vectors = guarded::embed(self.system().breakers(), engine, request).await;
        if let (Some(span), Err(error)) = (span, &vectors) {
            span.fail(error);
        }
        Ok(vectors?)
    }

    /// What an engine is told of the trace: the span of the call or of the work, or what that came with where nobody traces here.
    #[must_use]
    pub fn traceparent(&self, span: Option<&Span>) -> Option<String> {
        let at = span.or(self.span.as_deref()).map(Span::context);
        let at = at.or_else(|| self.cause.as_ref()?.envelope.trace);
        at.map(|trace| trace.to_string())
    }

    /// Goes no further if this incarnation has fallen. Its tasks are being ended, and until then everything fails for it: what it would
    /// conclude from that is wrong, and its successor's to decide.
    pub async fn unless_over(&self) {
        if self.is_over() {
            std::future::pending().await
        }
    }

    /// Publishes an event for whoever listens on the data bus; without a bus it goes nowhere.
    pub async fn publish<T: Serialize + ?Sized>(
        &self,
        subject: Subject,
        event: &T,
    ) -> Result<(), AgentError> {
        if self.is_over() {
            return Err(SendError::Over.into());
        }
        let Some(bus) = self.outbox.system.bus() else {
            return Ok(());
        };
        let payload = Bytes::from(serde_json::to_vec(event)?);
        Ok(bus.publish(subject, payload).await?)
    }

    /// The node's store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        self.outbox.system.store()
    }

    /// Has this agent woken at that time, whatever ends the process meanwhile: [`Agent::timer`](super::Agent::timer) is called with the name.
    /// A timer of the same name is set anew. It lasts when this returns.
    pub fn wake_at(&self, name: &str, at: Timestamp) -> Result<(), AgentError> {
        let system = self.system();
        system.keep_timers()?;
        let set = system
            .timers()
            .set(self.store().as_ref(), &self.me, name, at);
        set.map_err(|error| AgentError::failure(error.to_string()))?;
        // The first that is set has nobody waiting for it yet.
        system.start_timers();
        Ok(())
    }

    /// Takes a timer back; whether there was one.
    pub fn unset_timer(&self, name: &str) -> Result<bool, AgentError> {
        let timers = self.system().timers();
        Ok(timers.unset(self.store().as_ref(), &self.me, name)?)
    }

    /// Has the agent's snapshot saved once the current turn ends.
    pub fn checkpoint(&self) {
        self.outbox
            .incarnation
            .checkpoint
            .store(true, Ordering::Release);
        self.outbox.cell.notifier.wake();
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("me", &self.me)
            .field("incarnation", &self.incarnation())
            .finish()
    }
}

/// Where a message says how many messages led to it.
const DEPTH: &str = "aios.depth";

/// Where a message says that it is about something that may not leave this machine.
const PRIVATE: &str = "aios.private";

/// A message whose matter may not leave this machine, nor that of anything that it leads to.
pub fn keep_private(draft: Draft) -> Draft {
    draft.metadata(PRIVATE, "yes")
}

/// Whether a message says that. Any value counts: whoever writes the mark wants it to hold.
pub fn is_private(cause: &Message) -> bool {
    cause.envelope.metadata.contains_key(PRIVATE)
}

fn depth_of(cause: &Trusted) -> u32 {
    let said = cause.envelope.metadata.get(DEPTH);
    said.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without words").to_owned()
}
