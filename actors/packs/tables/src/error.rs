//! Why a table or a statement gave nothing.

use aios_work::{Stopped, ToolError, ToolErrorKind};

use crate::TableError;
use aios_tools::{WorkspaceError, size};

/// Why a table was not read or not queried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file needs more memory than a file of its size may.
    #[error("{file} has {} and needs more than {} of memory to be read as a table, which is more than a file of its size may; remove surplus columns and empty cells, or split it", size(*.length), size(*.allowed))]
    TooCostly {
        file: String,
        /// Its size in bytes.
        length: u64,
        /// The limit in bytes.
        allowed: u64,
    },
    /// The table is malformed.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The statement was refused or failed.
    #[error("sql: {0}")]
    Sql(String),
    /// The walls of the goal are in the way.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

impl Error {
    pub(crate) fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Workspace(WorkspaceError::OutOfMemory { .. }))
    }
}

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        Self::Workspace(stopped.into())
    }
}

impl From<Error> for ToolError {
    fn from(error: Error) -> Self {
        match error {
            Error::Workspace(error) => error.into(),
            // What was given cannot be used, by anybody.
            Error::TooCostly { .. } | Error::Table(_) | Error::Sql(_) => {
                Self::new(ToolErrorKind::InvalidArguments, error.to_string())
            }
        }
    }
}
