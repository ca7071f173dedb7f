//! Why a tool gave nothing: what kind of failure it is, and one sentence that says what is possible next.

use serde::{Deserialize, Serialize};

/// Why a call failed. A tool keeps errors of its own and turns them into this at its edge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ToolError {
    kind: ToolErrorKind,
    message: String,
    retryable: bool,
    #[serde(default)]
    in_doubt: bool,
}

/// What kind of failure it is; nine, so that a caller who knows no tool still knows what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolErrorKind {
    /// What the tool was given cannot be used: its arguments, or the files they name.
    InvalidArguments,
    /// There is no such tool.
    NotFound,
    /// The caller was not granted what the tool needs.
    Permission,
    /// The result was not there in time.
    Timeout,
    /// Nobody waits for the result any more.
    Cancelled,
    /// Whoever the tool asks wants to be asked less often.
    RateLimited,
    /// Whoever the tool asks failed.
    Provider,
    /// Whoever the tool asks was not reached.
    Network,
    /// Anything else.
    Other,
}

impl ToolErrorKind {
    /// Whether the same call may succeed later, unless the error says otherwise. Bad input stays bad, however often it is read.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Timeout | Self::RateLimited | Self::Provider | Self::Network => true,
            Self::InvalidArguments
            | Self::NotFound
            | Self::Permission
            | Self::Cancelled
            | Self::Other => false,
        }
    }

    /// Whether a model may read the sentence. It is told what it can do something about; what others answered may hold anything.
    #[must_use]
    pub fn is_for_models(self) -> bool {
        match self {
            Self::InvalidArguments
            | Self::NotFound
            | Self::Permission
            | Self::Timeout
            | Self::RateLimited => true,
            Self::Cancelled | Self::Provider | Self::Network | Self::Other => false,
        }
    }
}

impl ToolError {
    /// A failure of this kind, told in one sentence.
    pub fn new(kind: ToolErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            retryable: kind.is_retryable(),
            in_doubt: false,
        }
    }

    /// Arguments that do not fit the tool's schema.
    pub fn invalid_arguments(tool: &str, reason: impl std::fmt::Display) -> Self {
        Self::new(
            ToolErrorKind::InvalidArguments,
            format!("tool {tool} cannot use its arguments: {reason}"),
        )
    }

    /// The same failure, about which more is known than its kind says.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// The same failure, of which nobody knows whether the call was carried out all the same: it was sent, and no answer came. What may be
    /// done about it is for the tool's [`Effect`](crate::Effect) to say.
    #[must_use]
    pub fn in_doubt(mut self) -> Self {
        self.in_doubt = true;
        self
    }

    /// The same failure in other words.
    #[must_use]
    pub fn with_message(mut self, change: impl FnOnce(&str) -> String) -> Self {
        self.message = change(&self.message);
        self
    }

    /// Whether the call may have been carried out all the same.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ToolErrorKind {
        self.kind
    }

    /// The sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }
}

/// Why a tool stops before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed before the result was there.
    #[error("the deadline passed before the result was there")]
    DeadlinePassed,
}

impl From<Stopped> for ToolError {
    fn from(stopped: Stopped) -> Self {
        let kind = match stopped {
            Stopped::Cancelled => ToolErrorKind::Cancelled,
            Stopped::DeadlinePassed => ToolErrorKind::Timeout,
        };
        // It may have been begun, and by whom it was left nobody knows.
        Self::new(kind, stopped.to_string()).in_doubt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_says_what_to_do_unless_more_is_known() {
        let full = ToolError::new(ToolErrorKind::Other, "the disk is full");
        assert!(!full.is_retryable());
        let full = full.retryable(true);
        assert!(full.is_retryable());
        assert_eq!(full.to_string(), "the disk is full");
        let late = ToolError::from(Stopped::DeadlinePassed);
        assert_eq!(late.kind(), ToolErrorKind::Timeout);
        assert!(late.is_retryable() && late.kind().is_for_models());
        let told = serde_json::to_value(&late).unwrap();
        assert_eq!(told["kind"], "timeout");
        assert_eq!(serde_json::from_value::<ToolError>(told).unwrap(), late);
        let wrong = ToolError::invalid_arguments("sum", "missing field `of`");
        assert_eq!(
            wrong.to_string(),
            "tool sum cannot use its arguments: missing field `of`"
        );
    }
}
