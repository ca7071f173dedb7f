//! What differs between servers: how a call is written, and how its answer is read. Pure.

use serde_json::Value;

use super::gathered::{BadEvent, Gathered};
use super::sse::Event;
use super::{Form, RemoteConfig, anthropic, openai};
use crate::{EngineError, InferRequest};

/// What one server turned out to take differently from others of its form; found out from its refusals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Quirks {
    /// The bound on new tokens is called `max_completion_tokens`.
    pub(super) completion_tokens: bool,
    /// It cannot be asked to count in a stream.
    pub(super) no_stream_options: bool,
    /// It chooses its tokens as it likes.
    pub(super) no_sampling: bool,
    /// Schemas are followed, but not in the strict manner.
    pub(super) not_strict: bool,
}

impl Quirks {
    /// What to do differently after a refusal in these words; none if nothing is known to help.
    pub(super) fn after(self, said: &str) -> Option<Self> {
        let said = said.to_lowercase();
        let mut next = self;
        if said.contains("max_completion_tokens") {
            next.completion_tokens = true;
        } else if said.contains("stream_options") || said.contains("include_usage") {
            next.no_stream_options = true;
        } else if ["temperature", "seed", "top_p"]
            .iter()
            .any(|name| said.contains(name))
        {
            next.no_sampling = true;
        } else if said.contains("strict") || said.contains("additionalproperties") {
            next.not_strict = true;
        }
        (next != self).then_some(next)
    }
}

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

/// What no server of either form takes.
pub(super) fn refuse(request: &InferRequest) -> Result<(), EngineError> {
    let unsupported = |what: &str| {
        Err(EngineError::Unsupported {
            what: what.to_owned(),
        })
    };
    if request.top_logits > 0 {
        return unsupported("logits; only an engine of this machine tells them");
    }
    if matches!(request.prompt, crate::Prompt::Raw(_)) {
        return unsupported("prompts without roles; ask with a chat");
    }
    if request.grammar.is_some() && !request.tools.is_empty() {
        return Err(EngineError::BadRequest {
            reason: "a schema and tools are asked for at once, which many servers refuse; ask for one of them".into(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_teaches_what_a_server_takes_and_each_lesson_is_learnt_once() {
        let first = Quirks::default();
        let lessons = [
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                Quirks {
                    completion_tokens: true,
                    ..first
                },
            ),
            (
                "Unknown field: stream_options",
                Quirks {
                    no_stream_options: true,
                    ..first
                },
            ),
            (
                "'temperature' does not support 0 with this model",
                Quirks {
                    no_sampling: true,
                    ..first
                },
            ),
            (
                "In context=(), 'additionalProperties' is required to be false",
                Quirks {
                    not_strict: true,
                    ..first
                },
            ),
        ];
        for (said, expected) in lessons {
            assert_eq!(first.after(said), Some(expected));
            assert_eq!(expected.after(said), None, "no endless trying: {said}");
        }
        assert_eq!(first.after("model not found"), None);
    }
}
