//! The bytes of a model's file: in memory, or left in the file until they are wanted.

use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::LoadError;

/// A file's bytes. What is open stays the same file, whatever becomes of its name.
#[derive(Debug)]
pub(crate) enum Store {
    /// What was computed, and what tests and fuzzers make.
    Memory(Vec<u8>),
    File {
        file: File,
        len: u64,
        path: PathBuf,
    },
}

impl Store {
    /// Opens a regular file; one that is not there is told apart from one that cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let failed = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => LoadError::Missing {
                path: path.to_owned(),
            },
            _ => unreadable(path, &error.to_string()),
        };
        // Looked at before it is opened: opening a pipe waits for a writer.
        if !path.metadata().map_err(failed)?.is_file() {
            return Err(unreadable(path, "it is no regular file"));
        }
        let file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        Ok(Self::File {
            file,
            len,
            path: path.to_owned(),
        })
    }

    /// Bytes there are. A file that grows meanwhile is read as long as it was.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// The first bytes, fewer where there are fewer.
    pub(crate) fn start(&self, bytes: u64) -> Result<Cow<'_, [u8]>, LoadError> {
        let wanted = bytes.min(self.len());
        match self {
            Self::Memory(all) => Ok(Cow::Borrowed(&all[..wanted as usize])),
            Self::File { path, .. } => {
                let mut start = with_room(wanted, path)?;
                self.read(0, &mut start)?;
                Ok(Cow::Owned(start))
            }
        }
    }

    /// Fills `out` with the bytes from a place.
    pub(crate) fn read(&self, at: u64, out: &mut [u8]) -> Result<(), LoadError> {
        match self {
            Self::Memory(bytes) => {
                let from = usize::try_from(at).ok();
                let found = from.and_then(|at| bytes.get(at..at.checked_add(out.len())?));
                let found = found.ok_or_else(|| LoadError::Truncated {
                    what: "the tensors".to_owned(),
                    needed: at.saturating_add(out.len() as u64),
                    present: bytes.len() as u64,
                })?;
                out.copy_from_slice(found);
                Ok(())
            }
            Self::File { file, path, .. } => {
                let mut file = file;
                file.seek(SeekFrom::Start(at))
                    .and_then(|_| file.read_exact(out))
                    .map_err(|error| unreadable(path, &error.to_string()))
            }
        }
    }
}

/// Reads a whole file of at most so many bytes.
pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, LoadError> {
    let len = Store::open(path)?.len();
    if len > most {
        let reason = format!("it has {len} bytes, at most {most} are read");
        return Err(unreadable(path, &reason));
    }
    read_file(path)
}

/// Reads a whole file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    let store = Store::open(path)?;
    let mut bytes = with_room(store.len(), path)?;
    store.read(0, &mut bytes)?;
    Ok(bytes)
}

fn with_room(len: u64, path: &Path) -> Result<Vec<u8>, LoadError> {
    let mut bytes = Vec::new();
    let room = usize::try_from(len).unwrap_or(usize::MAX);
    bytes
        .try_reserve_exact(room)
        .map_err(|_| unreadable(path, &format!("there is no memory for its {len} bytes")))?;
    bytes.resize(room, 0);
    Ok(bytes)
}

fn unreadable(path: &Path, reason: &str) -> LoadError {
    LoadError::Unreadable {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}
