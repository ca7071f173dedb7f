//! What differs between servers: how a call is written, and how its answer is read. Pure.

use serde_json::Value;

use super::gathered::{BadEvent, Gathered};
use super::quirks::Quirks;
use super::sse::Event;
use super::{Form, RemoteConfig, anthropic, openai};
use crate::{EngineError, InferRequest};

impl Form {
    /// Where answers are asked for, below the address.
    pub(super) fn chat_path(self) -> &'static str {
        match self {
            Self::OpenAi => "chat/completions",
            Self::Anthropic => "messages",
        }
    }

    /// The header that carries the key, and what stands before it there.
    pub(super) fn key_header(self) -> (&'static str, &'static str) {
        match self {
            Self::OpenAi => ("authorization", "Bearer "),
            Self::Anthropic => ("x-api-key", ""),
        }
    }

    /// Headers of every call.
    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::OpenAi => &[],
            Self::Anthropic => &[("anthropic-version", "2023-06-01")],
        }
    }

    /// A call as the server wants it.
    pub(super) fn body(
        self,
        config: &RemoteConfig,
        request: &InferRequest,
        quirks: Quirks,
    ) -> Result<Value, EngineError> {
        match self {
            Self::OpenAi => openai::body(config, request, quirks),
            Self::Anthropic => anthropic::body(config, request, quirks),
        }
    }

    /// Reads a stream from its beginning.
    pub(super) fn reading(self, request: &InferRequest) -> Reading {
        match self {
            Self::OpenAi => Reading::OpenAi,
            Self::Anthropic => Reading::Anthropic(anthropic::Reading::new(request)),
        }
    }
}

/// Where in a stream a reader is.
pub(super) enum Reading {
    OpenAi,
    Anthropic(anthropic::Reading),
}

impl Reading {
    /// Takes one event.
    pub(super) fn event(&mut self, event: &Event, answer: &mut Gathered) -> Result<(), BadEvent> {
        match self {
            Self::OpenAi => openai::event(event, answer),
            Self::Anthropic(reading) => reading.event(event, answer),
        }
    }
}
