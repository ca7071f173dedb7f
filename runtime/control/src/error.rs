//! Why something was not done, in a form that a person and a program can both act on.

use serde::{Deserialize, Serialize};

/// What sort of refusal it is; programs go by it.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// What was asked cannot be meant so: it does not read, or a part of it is no name, no path, no goal.
    Invalid,
    /// It is larger than what is taken or given.
    TooLarge,
    /// What it is about is not there.
    Unknown,
    /// Whoever asks may not.
    Forbidden,
    /// It does not go with what is there already.
    Conflict,
    /// There is no room for it now.
    Busy,
    /// The node is starting or stopping.
    Unavailable,
    /// It took longer than the asker waits; it may be done yet.
    Late,
    /// It was tried and failed.
    Failed,
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

impl ErrorKind {
    /// What helps with this kind, beside what the message says.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Invalid => "mend what the message names and ask again",
            Self::TooLarge => "ask for less",
            Self::Unknown => "look at what there is and ask again with a name from there",
            Self::Forbidden => "ask as the owner of the node",
            Self::Conflict => "look at how it stands and decide what is still wanted",
            Self::Busy => "ask again in a moment",
            Self::Unavailable => "ask again when the node runs",
            Self::Late => "look whether it was done before asking again",
            Self::Failed => "mend what the message names and try again",
            Self::Other => "use the same version on both sides",
        }
    }
}

/// A request that was refused, or whose outcome is a failure. Shown, it is its message alone.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ControlError {
    /// What sort of refusal it is.
    pub kind: ErrorKind,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do next, in a sentence.
    pub what_to_do: String,
}

impl ControlError {
    /// A refusal with the advice of its kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            what_to_do: kind.advice().to_owned(),
        }
    }

    /// With advice of its own.
    #[must_use]
    pub fn advise(mut self, what_to_do: impl Into<String>) -> Self {
        self.what_to_do = what_to_do.into();
        self
    }

    /// What was asked cannot be meant so.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// What it is about is not there.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unknown, message)
    }

    /// It was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_advice_and_one_of_a_later_version_still_reads() {
        let error = ControlError::new(ErrorKind::TooLarge, "9 bytes, 8 are allowed");
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(
            text,
            r#"{"kind":"too_large","message":"9 bytes, 8 are allowed","what_to_do":"ask for less"}"#
        );
        let later = text.replace("too_large", "over_quota");
        let read: ControlError = serde_json::from_str(&later).unwrap();
        assert_eq!(read.kind, ErrorKind::Other);
        assert_eq!(read.to_string(), error.message);
    }
}
