//! How a command ends badly: one sentence and an exit code, and for a program the same as an object.

use std::process::ExitCode;

use aios_control::{ClientError, ControlError, ErrorKind};
use aios_runtime::{GoalError, StartError};
use serde_json::{Value, json};

/// What kind of failure it is; programs go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line asks for something that does not exist.
    Usage,
    /// A setting is wrong.
    Settings,
    /// The goal or one of its files cannot be worked on.
    Input,
    /// There is no running node to ask.
    NoNode,
    /// The model cannot be had.
    Model,
    /// The person interrupted it.
    Interrupted,
    /// The goal or the command failed.
    Failed,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Settings => "settings",
            Self::Input => "input",
            Self::NoNode => "no_node",
            Self::Model => "model",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }

    /// What helps with this kind, beside what the sentence says.
    fn advice(self) -> &'static str {
        match self {
            Self::Usage => "`aios COMMAND --help` shows what may be written",
            Self::Settings => "`aios config` prints every setting with its value",
            Self::Input => "mend the goal or the file that is named and ask again",
            Self::NoNode => "start a node with `aios node`, or name one with --node",
            Self::Model => "`aios model pull` fetches the models; --engine scripted works without",
            Self::Interrupted => "ask again with the same --id to go on where it stopped",
            Self::Failed => "mend what the message names and try again; AIOS_LOG=info tells more",
        }
    }
}

/// A command that could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    sentence: String,
    /// What to do next, where more is known than the kind says.
    advice: Option<String>,
}

impl Failure {
    /// A failure of some kind.
    pub(crate) fn new(kind: Kind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
            advice: None,
        }
    }

    /// A node's refusal with the node's own advice.
    pub(crate) fn refused(error: ControlError) -> Self {
        Self::from(error)
    }

    /// What to do next, where more is known than the kind says.
    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// The goal or the command failed.
    pub(crate) fn plain(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Failed, sentence)
    }

    /// The command line asks for something that does not exist.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Kind::Usage, sentence)
    }

    /// The person interrupted it.
    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The object that `--json` promises in every outcome: `{"error": {"kind", "message", "what_to_do"}}`.
    pub(crate) fn object(&self) -> Value {
        json!({"error": {
            "kind": self.kind.name(),
            "message": self.sentence,
            "what_to_do": self.advice.as_deref().unwrap_or(self.kind.advice()),
        }})
    }

    /// The exit code; the shell's own for an interruption.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(if self.kind == Kind::Interrupted {
            130
        } else {
            1
        })
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::plain(format!("cannot write the result: {error}"))
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let said = error.to_string();
        match &error {
            ClientError::NoNode => Self::new(
                Kind::NoNode,
                format!("{said} with `aios node`, or give `aios run` a goal in another terminal"),
            ),
            ClientError::SeveralNodes(_) => Self::new(Kind::NoNode, format!("{said}, with --node")),
            ClientError::UnknownNode { .. } => Self::new(Kind::NoNode, said),
            ClientError::Refused(refusal) => Self {
                advice: advice(refusal),
                ..Self::plain(said)
            },
            _ => Self::plain(said),
        }
    }
}

/// Why a goal ended without an answer.
impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        let kind = match error.kind {
            ErrorKind::Invalid => Kind::Input,
            _ => Kind::Failed,
        };
        Self {
            advice: advice(&error),
            ..Self::new(kind, error.message)
        }
    }
}

/// What a node says to do about its refusal, if it says anything.
fn advice(error: &ControlError) -> Option<String> {
    Some(error.what_to_do.clone()).filter(|advice| !advice.is_empty())
}

impl From<GoalError> for Failure {
    fn from(error: GoalError) -> Self {
        let kind = match &error {
            GoalError::Goal(_) | GoalError::File(_) | GoalError::Path(_) => Kind::Input,
            _ => Kind::Failed,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::plain(error.to_string())
    }
}
