//! Why a model is not there, and what to do next.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::models::Source;

/// Why a model is not there.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No source had it.
    #[error(
        "{model} could not be fetched{}; connect to the network and fetch again, or put its files below {}",
        list(tried), folder.display()
    )]
    Unavailable {
        /// The model, or the program.
        model: &'static str,
        /// Each source with what it said; empty where none was allowed.
        tried: Vec<(Source, SourceError)>,
        /// The cache folder.
        folder: PathBuf,
    },
    /// The cache cannot be written or read.
    #[error("cannot use {}: {reason}; set AIOS_CACHE to a folder you may write to", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The disk is full.
    #[error("no room for {bytes} bytes at {}; free some, or set AIOS_CACHE to a folder on a larger disk", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
        /// Bytes that are needed in all.
        bytes: u64,
    },
    /// Another process fetches the same model and does not come to an end.
    #[error("another process has held {} for {} s; wait for it, or stop it and fetch again", path.display(), waited.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long this one waited.
        waited: Duration,
    },
    /// The program that the environment names is not there.
    #[error("{variable} names {}, and there is no such file; name the program, or nothing to have one fetched", path.display())]
    NoProgram {
        /// The variable.
        variable: &'static str,
        /// What it names.
        path: PathBuf,
    },
    /// It was called off.
    #[error("fetch was called off; fetch again to go on from there")]
    Cancelled,
}

/// Why one source did not have it.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It cannot be reached.
    #[error("cannot be reached: {reason}")]
    Unreachable {
        /// What the network said.
        reason: String,
    },
    /// It answered with something else than the file.
    #[error("answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// The connection broke too often; what came is kept.
    #[error("broke off after {bytes} of {total} bytes: {reason}")]
    Interrupted {
        /// Bytes that are there.
        bytes: u64,
        /// Bytes in all.
        total: u64,
        /// What the network said.
        reason: String,
    },
    /// It sent other bytes than the pinned ones; they are thrown away.
    #[error("sent {name} with SHA-256 {found} where {pinned} is pinned; nothing of it was kept")]
    WrongContent {
        /// The file.
        name: String,
        /// The hash of what came, or its length.
        found: String,
        /// The hash it should have.
        pinned: &'static str,
    },
    /// There is no Python with pip.
    #[cfg(feature = "fetch-pip")]
    #[error("no python with pip was found")]
    NoPip,
    /// Pip did not find or get the package.
    #[cfg(feature = "fetch-pip")]
    #[error("pip said: {said}")]
    Pip {
        /// Its last words.
        said: String,
    },
    /// The package does not hold what it should.
    #[cfg(feature = "fetch-pip")]
    #[error("package cannot be read: {reason}")]
    Package {
        /// What is wrong with it.
        reason: String,
    },
    /// It is no place for such things.
    #[error("does not have {name}")]
    HasNot {
        /// What was asked for.
        name: &'static str,
    },
    /// The settings cannot be used.
    #[error("setting cannot be used: {reason}")]
    Setting {
        /// Which, and why.
        reason: String,
    },
}

/// Ends the work on one source: the next may do better, or none will.
pub(super) enum Stop {
    Source(SourceError),
    Fetch(FetchError),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<FetchError> for Stop {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

/// What a failed access to the cache means.
pub(super) fn folder_error(path: &Path, error: &io::Error, bytes: u64) -> FetchError {
    let path = path.to_path_buf();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            FetchError::DiskFull { path, bytes }
        }
        _ => FetchError::Folder {
            path,
            reason: error.to_string(),
        },
    }
}

fn list(tried: &[(Source, SourceError)]) -> String {
    if tried.is_empty() {
        return " (no source is allowed)".into();
    }
    let each: Vec<String> = tried
        .iter()
        .map(|(source, error)| format!("{}: {error}", source.as_str()))
        .collect();
    format!(" ({})", each.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_forbidden_folder_say_what_to_do() {
        for (kind, said) in [
            (
                io::ErrorKind::StorageFull,
                "no room for 7 bytes at models/x; free some",
            ),
            (
                io::ErrorKind::QuotaExceeded,
                "no room for 7 bytes at models/x; free some",
            ),
            (
                io::ErrorKind::PermissionDenied,
                "cannot use models/x: permission denied; set AIOS_CACHE",
            ),
        ] {
            let error = folder_error(Path::new("models/x"), &kind.into(), 7).to_string();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
