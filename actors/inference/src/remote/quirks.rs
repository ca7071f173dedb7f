//! What servers do not take: one by itself, found out from its refusals, and any of either form.

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
