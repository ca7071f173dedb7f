//! `write_text`: prose about facts, written by whoever implements [`Writer`].

use std::time::Instant;

use crate::{CancelFlag, Fact};

/// Writes text with a model. Implemented by the executor; blocks until the text is there.
pub trait Writer: Send + Sync {
    /// Writes what `request` asks for.
    fn write(&self, request: &WriteRequest<'_>) -> Result<String, WriteError>;
}

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub struct WriteRequest<'a> {
    /// What to say.
    pub instruction: &'a str,
    /// The only figures the text may state.
    pub facts: &'a [Fact],
    /// The longest the text may be, in words.
    pub max_words: u32,
    /// The step's operation id: the same key may answer with the same text.
    pub idempotency_key: &'a str,
    /// Raised when nobody waits for the text any more.
    pub cancel: &'a CancelFlag,
    /// When the text is worthless.
    pub deadline: Instant,
}

/// Why no text was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// No model answers now; later one may.
    #[error("no model answers: {0}")]
    Unavailable(String),
    /// The model answered, but not with text that can be used.
    #[error("the model's text is unusable: {0}")]
    Unusable(String),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed.
    #[error("the deadline passed")]
    DeadlinePassed,
}

impl WriteError {
    /// Whether asking again may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::DeadlinePassed)
    }
}
