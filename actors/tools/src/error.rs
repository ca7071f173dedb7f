//! Why a tool gave nothing: one sentence that says what is possible next.

use std::path::PathBuf;

use crate::{Capability, TableError, WriteError};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// No tool has this name.
    #[error("there is no tool called {asked:?}; there are: {known}")]
    UnknownTool {
        /// The name that was asked for.
        asked: String,
        /// The names there are.
        known: String,
    },
    /// The caller was not granted what the tool needs.
    #[error("tool {tool} needs the capability {needs}, which was not granted")]
    NotGranted {
        /// The tool that was called.
        tool: String,
        /// What it needs.
        needs: Capability,
    },
    /// The arguments do not fit the tool's schema.
    #[error("tool {tool} cannot use its arguments: {reason}")]
    BadArguments {
        /// The tool that was called.
        tool: &'static str,
        /// What is wrong with them.
        reason: String,
    },
    /// The file is none of the goal's input files.
    #[error("{file} is not one of the goal's input files ({allowed})")]
    NotAnInput {
        /// The file that was asked for.
        file: String,
        /// The files there are.
        allowed: String,
    },
    /// A file cannot be read as what it should be.
    #[error("{file} {problem}")]
    Unreadable {
        /// The file that was read.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file is larger than what is read.
    #[error("{file} is too large: {}, at most {} are read; split it or keep only the part that matters", size(*.asked), size(*.allowed))]
    TooLarge {
        /// The file that was asked for.
        file: String,
        /// Its size in bytes.
        asked: u64,
        /// The limit in bytes.
        allowed: u64,
    },
    /// An input is not what it was when the goal began.
    #[error("{file} {problem}; ask again to have it read as it is now")]
    Changed {
        /// The file that was read.
        file: String,
        /// What is different.
        problem: String,
    },
    /// More memory is needed than the goal, or all goals together, may hold.
    #[error("{what} needs {} of memory together with what is held already, at most {} are allowed; give a smaller file or raise {option}", size(*.asked), size(*.allowed))]
    OutOfMemory {
        /// What it is needed for.
        what: String,
        /// Bytes that would be held.
        asked: u64,
        /// The limit in bytes.
        allowed: u64,
        /// The setting that says so.
        option: &'static str,
    },
    /// A file needs more memory than a file of its size may.
    #[error("{file} has {} and needs more than {} of memory to be read as a table, which is more than a file of its size may; remove surplus columns and empty cells, or split it", size(*.length), size(*.allowed))]
    TooCostly {
        /// The file.
        file: String,
        /// Its size in bytes.
        length: u64,
        /// The limit in bytes.
        allowed: u64,
    },
    /// What a call gives back is larger than what a message carries.
    #[error("tool {tool} gives {}, a message carries {}; ask for less at once", size(*.asked), size(*.allowed))]
    TooMuch {
        /// The tool that was called.
        tool: String,
        /// Bytes of the result.
        asked: u64,
        /// The limit in bytes.
        allowed: u64,
    },
    /// The output would take the place of an input.
    #[error("{} would replace the input file {input}; choose another folder or another id for the goal", path.display())]
    ReplacesInput {
        /// The file that was to be written.
        path: PathBuf,
        /// The input that lies there.
        input: String,
    },
    /// The output cannot be written.
    #[error("cannot write {}: {problem}", path.display())]
    Unwritable {
        /// The file that was to be written.
        path: PathBuf,
        /// What is in the way.
        problem: String,
    },
    /// The table is malformed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The statement was refused or failed.
    #[error("sql: {0}")]
    Sql(String),
    /// The model did not write.
    #[error("the text was not written: {0}")]
    Write(#[from] WriteError),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The deadline passed before the result was there.
    #[error("the deadline passed before the result was there")]
    DeadlinePassed,
}

impl ToolError {
    /// Whether the same call may succeed later. Bad input stays bad, however often it is read.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unwritable { .. } | Self::DeadlinePassed => true,
            Self::Write(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match UNITS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes.is_multiple_of(*unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_pairs_that_people_can_compare() {
        let error = ToolError::TooLarge {
            file: "big.csv".to_owned(),
            asked: 10_000_000_000,
            allowed: 128 << 20,
        };
        assert_eq!(
            error.to_string(),
            "big.csv is too large: 9.3 GiB, at most 128 MiB are read; split it or keep only the part that matters"
        );
    }
}
