//! How a command ends badly: one sentence and an exit code.

use std::process::ExitCode;

/// A command that could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    /// The goal or the command failed.
    pub(crate) fn plain(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: 1,
        }
    }

    /// The command line asks for something that does not exist.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            code: 1,
        }
    }

    /// The person interrupted it; the code is the shell's own for that.
    pub(crate) fn interrupted() -> Self {
        Self {
            sentence: "interrupted".into(),
            code: 130,
        }
    }

    /// The sentence.
    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The exit code.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::plain(format!("cannot write the result: {error}"))
    }
}
