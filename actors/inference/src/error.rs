//! What can go wrong between an asker and an engine, by what the asker can do next.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A refused or failed call. `Clone`, because one crash answers many askers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum EngineError {
    /// No model of that name is loaded.
    #[error("model {asked:?} is not loaded (loaded: {loaded:?}); load it first")]
    NotLoaded {
        /// The model or role that was asked for.
        asked: String,
        /// Names of the models that are loaded.
        loaded: Vec<String>,
    },
    /// The file or folder of a model is not there.
    #[error("no model at {}; fetch it first", path.display())]
    ModelMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The model was found but cannot be used.
    #[error("model {name:?} cannot be used: {reason}")]
    ModelBroken {
        /// The model.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// This engine cannot do that at all; another one may.
    #[error("this engine does not support {what}")]
    Unsupported {
        /// The feature asked for.
        what: String,
    },
    /// The prompt does not fit the context.
    #[error("prompt of {asked} tokens exceeds the context of {allowed}; shorten it")]
    PromptTooLong {
        /// Tokens in the prompt and its answer.
        asked: usize,
        /// Tokens that fit.
        allowed: usize,
    },
    /// More tokens asked for than one call may have.
    #[error("answer of {asked} tokens exceeds the {allowed} one call may have")]
    TooManyTokens {
        /// Tokens asked for.
        asked: u32,
        /// Tokens allowed.
        allowed: u32,
    },
    /// The grammar does not parse or cannot be obeyed.
    #[error("grammar cannot be used: {reason}")]
    BadGrammar {
        /// What is wrong with it.
        reason: String,
    },
    /// The request contradicts itself.
    #[error("request cannot be run: {reason}")]
    BadRequest {
        /// What is wrong with it.
        reason: String,
    },
    /// The device refused or failed; a new engine may fare better.
    #[error("device failed: {reason}")]
    Device {
        /// What it said.
        reason: String,
    },
    /// The queue is full; ask again later.
    #[error("engine queue is full: {waiting} waiting, {allowed} allowed; ask again later")]
    QueueFull {
        /// Calls that wait.
        waiting: usize,
        /// Calls that may wait.
        allowed: usize,
    },
    /// No answer within the asker's deadline.
    #[error("no answer within {allowed_ms} ms (waited {waited_ms} ms)")]
    Deadline {
        /// How long the asker waited, in milliseconds.
        waited_ms: u64,
        /// How long it was willing to wait, in milliseconds.
        allowed_ms: u64,
    },
    /// The asker called it off.
    #[error("call was cancelled")]
    Cancelled,
    /// The engine crashed while it ran this call; the call may be made again.
    #[error("engine was lost during the call: {reason}; ask again")]
    Lost {
        /// What ended it.
        reason: String,
    },
    /// The server does not accept the key, or it is missing.
    #[error("engine {engine} is not let in: {said}; check its key_env or key_file")]
    Unauthorised {
        /// Which engine.
        engine: String,
        /// What the server, or the one who looked for the key, said.
        said: String,
    },
    /// The server takes no more calls for now.
    #[error("engine {engine} takes no more calls for now: {said}; ask again{}", after(*retry_after_ms))]
    RateLimited {
        /// Which engine.
        engine: String,
        /// What the server said.
        said: String,
        /// When it wants to be asked again, in milliseconds, if it said so.
        retry_after_ms: Option<u64>,
    },
    /// The server refuses the request; the same request will be refused again.
    #[error(
        "engine {engine} refuses the request (status {status}): {said}; change the request or the engine's model"
    )]
    Refused {
        /// Which engine.
        engine: String,
        /// The HTTP status, or 200 where it was said in the middle of an answer.
        status: u16,
        /// What the server said.
        said: String,
    },
    /// The server failed, or what it sent is not what the protocol says.
    #[error("engine {engine} failed (status {status}): {said}; ask again or take another engine")]
    Server {
        /// Which engine.
        engine: String,
        /// The HTTP status.
        status: u16,
        /// What the server said, or what is wrong with it.
        said: String,
    },
    /// No engine may or can answer this call. Said by who chooses among engines, so it never comes from another process.
    #[serde(skip)]
    #[error("no engine can {purpose}: {}; change [routes] or [engines]", reasons.join(", "))]
    NoEngine {
        /// What was asked for.
        #[serde(skip)]
        purpose: &'static str,
        /// Each engine with why it was passed over.
        reasons: Vec<String>,
    },
    /// The engine is not running and did not come back in time.
    #[error("engine is down: {reason}")]
    Down {
        /// Why, as far as known.
        reason: String,
    },
}

impl EngineError {
    /// A deadline that passed, in whole milliseconds.
    pub(crate) fn late(waited: Duration, allowed: Duration) -> Self {
        let ms = |time: Duration| ((time.as_micros() + 500) / 1000) as u64;
        Self::Deadline {
            waited_ms: ms(waited),
            allowed_ms: ms(allowed),
        }
    }

    /// Whether the same call, made again a little later, can succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::QueueFull { .. }
                | Self::Lost { .. }
                | Self::Down { .. }
                | Self::Device { .. }
                | Self::RateLimited { .. }
                | Self::Server { .. }
        )
    }

    /// Whether it says something about the engine rather than about the request: a breaker counts it, and another engine
    /// may do better.
    pub fn is_engines_fault(&self) -> bool {
        matches!(
            self,
            Self::Device { .. }
                | Self::Deadline { .. }
                | Self::Lost { .. }
                | Self::Down { .. }
                | Self::ModelBroken { .. }
                | Self::Unauthorised { .. }
                | Self::RateLimited { .. }
                | Self::Server { .. }
                | Self::NoEngine { .. }
        )
    }

    /// Of an engine that was stopped on purpose.
    pub(crate) fn stopped() -> Self {
        Self::Down {
            reason: "it was stopped".into(),
        }
    }

    /// A bounded label for metrics and audit.
    pub fn label(&self) -> &'static str {
        match self {
            Self::NotLoaded { .. } => "not_loaded",
            Self::ModelMissing { .. } => "model_missing",
            Self::ModelBroken { .. } => "model_broken",
            Self::Unsupported { .. } => "unsupported",
            Self::PromptTooLong { .. } => "prompt_too_long",
            Self::TooManyTokens { .. } => "too_many_tokens",
            Self::BadGrammar { .. } => "bad_grammar",
            Self::BadRequest { .. } => "bad_request",
            Self::Device { .. } => "device",
            Self::QueueFull { .. } => "queue_full",
            Self::Deadline { .. } => "deadline",
            Self::Cancelled => "cancelled",
            Self::Lost { .. } => "lost",
            Self::Unauthorised { .. } => "unauthorised",
            Self::RateLimited { .. } => "rate_limited",
            Self::Refused { .. } => "refused",
            Self::Server { .. } => "server",
            Self::NoEngine { .. } => "no_engine",
            Self::Down { .. } => "down",
        }
    }
}

fn after(retry_after_ms: Option<u64>) -> String {
    retry_after_ms.map_or_else(String::new, |ms| format!(" in {ms} ms"))
}
