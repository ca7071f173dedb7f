//! Why the walls of a goal let something not through: one sentence that says what is possible next.

use std::path::PathBuf;

use aios_work::{Stopped, ToolError, ToolErrorKind};

/// Why a file was not read or written, or something not held.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
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
    /// Nobody waits any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<WorkspaceError> for ToolError {
    fn from(error: WorkspaceError) -> Self {
        let kind = match &error {
            WorkspaceError::Stopped(stopped) => return (*stopped).into(),
            WorkspaceError::NotAnInput { .. }
            | WorkspaceError::Unreadable { .. }
            | WorkspaceError::TooLarge { .. }
            | WorkspaceError::Changed { .. }
            | WorkspaceError::ReplacesInput { .. } => ToolErrorKind::InvalidArguments,
            WorkspaceError::OutOfMemory { .. } | WorkspaceError::Unwritable { .. } => {
                ToolErrorKind::Other
            }
        };
        // A disk has room again, a folder is given back.
        let passes = matches!(error, WorkspaceError::Unwritable { .. });
        Self::new(kind, error.to_string()).retryable(passes)
    }
}

/// Bytes as people say them.
#[must_use]
pub fn size(bytes: u64) -> String {
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
        let error = WorkspaceError::TooLarge {
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
