//! What the journal asks of a disk, and nothing else of the file system is touched.
//!
//! The contract is the weakest that real disks keep. Appended bytes may be lost, whole or by block, until `sync_data` of the file said
//! yes. A name that was made, renamed or removed may be as before until `sync_folder` of its folder said yes, of both folders for a
//! rename between two. A `sync_data` or `sync_folder` that failed says nothing about what is on the disk, and asking again does not
//! help: the system may have dropped what it could not write.
//!
//! Names are relative to the journal's folder, with at most one folder in them: `archive/00000000000000000001.seg`.

mod real;
mod simulated;

use std::fmt;

pub use real::{LockError, RealDisk};
pub use simulated::{Crash, Fate, SimulatedDisk};

use thiserror::Error;

/// One folder on a disk.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes an empty file of its user's alone; one that is there is an error.
    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError>;
    /// Opens a file to append to it; one that is missing is an error.
    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError>;
    /// Reads up to `length` bytes from `offset` on; fewer at the end of the file.
    fn read(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError>;
    /// Gives a file another name, in the place of what has that name.
    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError>;
    /// Takes a file away.
    fn remove(&self, name: &str) -> Result<(), DiskError>;
    /// The files of a folder (`""` is the journal's own), by name; none if the folder is missing.
    fn list(&self, folder: &str) -> Result<Vec<Listed>, DiskError>;
    /// Makes a folder of its user's alone; one that is there is fine.
    fn make_folder(&self, folder: &str) -> Result<(), DiskError>;
    /// Makes the names in a folder lasting.
    fn sync_folder(&self, folder: &str) -> Result<(), DiskError>;
    /// Bytes that can still be written.
    fn space(&self) -> Result<u64, DiskError>;
}

/// An open file. A sync must be asked of the handle that wrote: it is the one that hears of a failed write.
pub trait DiskFile: Send + fmt::Debug {
    /// Writes all these bytes at the end. After an error any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError>;
    /// Makes everything appended so far lasting, the length included.
    fn sync_data(&mut self) -> Result<(), DiskError>;
    /// Cuts the file; lasting after the next `sync_data`.
    fn truncate(&mut self, length: u64) -> Result<(), DiskError>;
    /// Bytes in it.
    fn length(&self) -> Result<u64, DiskError>;
}

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, without the folder.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

/// What kind of failure it was; it decides what can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// There is no such file.
    Missing,
    /// There is one already.
    Present,
    /// No space or no quota is left.
    Full,
    /// The file system can only be read.
    ReadOnly,
    /// This user may not.
    Denied,
    /// The process is over; only a simulated disk says so.
    Dead,
    /// Anything else.
    Failed,
}

/// The disk did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot {act} {name}: {reason}{}", .fault.hint())]
pub struct DiskError {
    /// What was tried.
    pub act: &'static str,
    /// With what.
    pub name: String,
    /// The kind of failure.
    pub fault: Fault,
    /// The system's words.
    pub reason: String,
}

impl Fault {
    const fn hint(self) -> &'static str {
        match self {
            Self::Full => "; free space on this disk or keep less (retention)",
            Self::ReadOnly => "; mount it writable, then start again",
            Self::Denied => "; give this user the folder back (mode 700, files 600)",
            Self::Missing | Self::Present | Self::Dead | Self::Failed => "",
        }
    }
}

impl DiskError {
    pub(crate) fn new(
        act: &'static str,
        name: &str,
        fault: Fault,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            act,
            name: name.to_owned(),
            fault,
            reason: reason.into(),
        }
    }
}

/// The folder part of a name.
pub(crate) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
