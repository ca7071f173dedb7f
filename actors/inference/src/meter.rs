//! What is counted of an engine's calls, the same for every kind of engine.

use std::time::Instant;

use crate::{EngineError, Inference, metric};

/// Counts under one engine's name.
pub(crate) struct Meter<'a>(&'a str);

impl<'a> Meter<'a> {
    pub(crate) fn new(engine: &'a str) -> Self {
        Self(engine)
    }

    /// A call that was not taken.
    pub(crate) fn refused(&self, call: &'static str, error: &EngineError) {
        self.count(call, error.label());
    }

    /// A call that ended.
    pub(crate) fn ended(&self, call: &'static str, asked: Instant, error: Option<&EngineError>) {
        self.count(call, error.map_or("ok", EngineError::label));
        metrics::histogram!(metric::DURATION_SECONDS, "engine" => self.0.to_owned(), "call" => call)
            .record(asked.elapsed().as_secs_f64());
    }

    /// The first new token of a call that began then.
    pub(crate) fn first_token(&self, begun: Instant) {
        metrics::histogram!(metric::TIME_TO_FIRST_TOKEN_SECONDS, "engine" => self.0.to_owned())
            .record(begun.elapsed().as_secs_f64());
    }

    /// What an answer took.
    pub(crate) fn answered(&self, answer: &Inference) {
        metrics::counter!(metric::TOKENS_TOTAL, "engine" => self.0.to_owned())
            .increment(answer.usage.new_tokens);
        metrics::gauge!(metric::TOKENS_PER_SECOND, "engine" => self.0.to_owned())
            .set(answer.timings.tokens_per_second);
    }

    fn count(&self, call: &'static str, outcome: &'static str) {
        metrics::counter!(metric::REQUESTS_TOTAL, "engine" => self.0.to_owned(), "call" => call, "outcome" => outcome)
            .increment(1);
    }
}
