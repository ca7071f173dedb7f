//! Spans of one trace: what an agent does because of a message, and the parts of that. The trace's name came in the message's envelope, and
//! the span's own goes out in the envelopes of whatever is sent because of it, so that a goal's spans are one tree across agents.
//!
//! A span is told when the last who holds it lets go: a handler and the job it began are one. Nothing is made while nobody traces.

use std::sync::Arc;

use aios_inference::Inference;
use aios_protocols::{Party, Timestamp, TraceContext};
use parking_lot::Mutex;

use crate::AgentSystem;
use crate::observer::{Cause, SpanSeen};

/// The flag of a trace that somebody wants to see.
const SAMPLED: u8 = 1;

/// A model's answer, as OpenTelemetry names the operation.
pub(crate) const CHAT: &str = "chat";

/// A span that is open. Dropped, it is over.
pub struct Span {
    system: AgentSystem,
    at: TraceContext,
    parent: [u8; 8],
    operation: &'static str,
    what: String,
    cause: Option<Cause>,
    agent: Option<Party>,
    began: Timestamp,
    more: Mutex<More>,
}

#[derive(Default)]
struct More {
    attributes: Vec<(&'static str, String)>,
    error: Option<String>,
}

impl Span {
    /// Below a span that somebody else has, if anybody traces.
    pub(crate) fn below(
        system: &AgentSystem,
        parent: Option<TraceContext>,
        agent: Option<&Party>,
        operation: &'static str,
        what: &str,
        cause: Option<Cause>,
    ) -> Option<Arc<Self>> {
        let parent = parent.filter(|parent| parent.flags() & SAMPLED != 0 && system.tracing())?;
        let at = parent.child(system.fresh_span()).ok()?;
        Some(Arc::new(Self {
            at,
            parent: *parent.span_id(),
            operation,
            what: what.to_owned(),
            cause,
            agent: agent.cloned(),
            began: system.now(),
            more: Mutex::default(),
            system: system.clone(),
        }))
    }

    /// Begins a thought of a model within whatever a `traceparent` names; for who thinks without being an agent, such as a tool. None where
    /// nobody traces, or where the text is none.
    #[must_use]
    pub fn of_thought(system: &AgentSystem, traceparent: Option<&str>) -> Option<Arc<Self>> {
        let parent = traceparent?.parse().ok()?;
        Self::below(system, Some(parent), None, CHAT, "", None)
    }

    /// Says what a model's answer took, or that none came.
    pub fn end_of_thought<E: std::fmt::Display>(&self, thought: Result<&Inference, &E>) {
        let thought = match thought {
            Ok(thought) => thought,
            Err(error) => return self.fail(error),
        };
        self.note("gen_ai.provider.name", &thought.by.engine);
        self.note("gen_ai.response.model", &thought.by.model);
        if let Some(routed) = &thought.by.routed {
            self.note("aios.route.policy", routed.policy.as_str());
            self.note("aios.route.engine", &routed.engine);
            self.note("aios.route.attempt", routed.attempt);
        }
        self.note("gen_ai.usage.input_tokens", thought.usage.prompt_tokens);
        self.note("gen_ai.usage.output_tokens", thought.usage.new_tokens);
    }

    /// What goes out in envelopes.
    pub(crate) fn context(&self) -> TraceContext {
        self.at
    }

    /// The span, as a W3C `traceparent` says it.
    #[must_use]
    pub fn traceparent(&self) -> String {
        self.at.to_string()
    }

    /// Says something of it.
    pub fn note(&self, name: &'static str, value: impl ToString) {
        self.more.lock().attributes.push((name, value.to_string()));
    }

    /// What it was for came to nothing.
    pub fn fail(&self, why: impl ToString) {
        self.more.lock().error = Some(why.to_string());
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let More { attributes, error } = std::mem::take(self.more.get_mut());
        let Some(observer) = self.system.observer() else {
            return;
        };
        observer.span(SpanSeen {
            at: self.at,
            parent: Some(self.parent),
            operation: self.operation,
            what: std::mem::take(&mut self.what),
            cause: self.cause.take(),
            agent: self.agent.take(),
            began: self.began,
            ended: self.system.now(),
            attributes,
            error,
        });
    }
}

impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Span")
            .field("operation", &self.operation)
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}
