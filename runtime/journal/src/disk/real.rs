//! A folder of the file system, its user's alone and one process's at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::{Disk, DiskError, DiskFile, Fault, Listed};

/// A link in the place of the lock is not followed.
const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
/// Whose lock says who writes.
const LOCK: &str = "lock";
/// What others may do: nothing.
const OTHERS: u32 = 0o077;

/// A folder of the file system.
#[derive(Debug)]
pub struct RealDisk {
    folder: PathBuf,
    /// Held as long as this value lives; none of whoever only reads.
    _lock: Option<File>,
}

/// Why a folder cannot be the journal's.
#[derive(Debug, Error)]
pub enum LockError {
    /// Another process writes there.
    #[error(
        "the journal in {folder} is in use by process {holder}; stop that process, or name another folder"
    )]
    Held {
        /// The folder.
        folder: String,
        /// The process, as it wrote itself down; `?` if it has not yet.
        holder: String,
    },
    /// The folder is no good.
    #[error("the journal's folder {folder}: {problem}")]
    Unusable {
        /// The folder.
        folder: String,
        /// What is wrong and what to do, as the end of a sentence.
        problem: String,
    },
}

impl RealDisk {
    /// Takes a folder to write in: makes it if it is missing (mode 700), closes it to others, and refuses it while another process has it.
    ///
    /// # Errors
    /// Names the process that has it, or says what is wrong with the folder.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, LockError> {
        let folder = folder.into();
        let unusable = |problem: String| LockError::Unusable {
            folder: folder.display().to_string(),
            problem,
        };
        prepare(&folder).map_err(unusable)?;
        if !folder.join(LOCK).exists() {
            sync_way(&folder).map_err(unusable)?;
        }
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            // Whoever put a link there would have its target emptied.
            .custom_flags(NO_FOLLOW)
            .open(folder.join(LOCK))
            .map_err(|error| unusable(format!("its lock cannot be opened: {error}")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Whoever has it may be about to write its number; the refusal stands all the same.
                let _ = (&lock).take(32).read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => "?".to_owned(),
                    number => number.to_owned(),
                };
                return Err(LockError::Held {
                    folder: folder.display().to_string(),
                    holder,
                });
            }
            Err(TryLockError::Error(error)) => {
                return Err(unusable(format!("it cannot be locked: {error}")));
            }
        }
        let written = lock
            .set_len(0)
            .and_then(|()| lock.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(lock, "{}", std::process::id()));
        written.map_err(|error| unusable(format!("its lock cannot be written: {error}")))?;
        Ok(Self {
            folder,
            _lock: Some(lock),
        })
    }

    /// A folder to read in, whoever writes there. Nothing is made or changed by reading.
    #[must_use]
    pub fn read_only(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            _lock: None,
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Whoever only reads has no lock, so nothing may be written by it.
    fn writable(&self, act: &'static str, name: &str) -> Result<(), DiskError> {
        if self._lock.is_some() {
            return Ok(());
        }
        Err(DiskError::new(
            act,
            name,
            Fault::Denied,
            "it was opened to be read only",
        ))
    }
}

/// Makes the folder for its user alone, or brings it so, or says why not.
fn prepare(folder: &Path) -> Result<(), String> {
    let unusable = |error: io::Error| format!("it cannot be used: {error}");
    let made = fs::DirBuilder::new()
        .mode(0o700)
        .recursive(true)
        .create(folder);
    match made {
        // What it is that is there is told below.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(unusable(error)),
        _ => {}
    }
    // Of the name itself: whoever set a link would choose the folder.
    let found = fs::symlink_metadata(folder).map_err(unusable)?;
    if found.is_symlink() {
        return Err("it is a link; name the folder itself".to_owned());
    }
    if !found.is_dir() {
        return Err("it is no folder; name another".to_owned());
    }
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != own {
        return Err(format!(
            "it belongs to user {} and this process is user {own}'s; name one of your own",
            found.uid()
        ));
    }
    if found.mode() & OTHERS != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
    }
    Ok(())
}

/// Makes the names of the folder and of those above it lasting: whoever made them may not have.
fn sync_way(folder: &Path) -> Result<(), String> {
    let folder = folder
        .canonicalize()
        .map_err(|error| format!("it cannot be used: {error}"))?;
    for above in folder.ancestors().skip(1) {
        match File::open(above).and_then(|opened| opened.sync_all()) {
            // What this user may not read this user did not make. Some file systems have nothing to sync.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput
                ) => {}
            Err(error) => {
                return Err(format!("{} cannot be synced: {error}", above.display()));
            }
            Ok(()) => {}
        }
    }
    Ok(())
}

fn failed<'a>(act: &'static str, name: &'a str) -> impl FnOnce(io::Error) -> DiskError + 'a {
    move |error| {
        let fault = match error.kind() {
            io::ErrorKind::NotFound => Fault::Missing,
            io::ErrorKind::AlreadyExists => Fault::Present,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::Full,
            io::ErrorKind::ReadOnlyFilesystem => Fault::ReadOnly,
            io::ErrorKind::PermissionDenied => Fault::Denied,
            _ => Fault::Failed,
        };
        DiskError::new(act, name, fault, error.to_string())
    }
}

impl Disk for RealDisk {
    fn create(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        self.writable("make", name)?;
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(self.path(name))
            .map_err(failed("make", name))?;
        Ok(Box::new(RealFile {
            name: name.to_owned(),
            file,
        }))
    }

    fn open(&self, name: &str) -> Result<Box<dyn DiskFile>, DiskError> {
        self.writable("open", name)?;
        let file = OpenOptions::new()
            .append(true)
            .open(self.path(name))
            .map_err(failed("open", name))?;
        Ok(Box::new(RealFile {
            name: name.to_owned(),
            file,
        }))
    }

    fn read(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>, DiskError> {
        let file = File::open(self.path(name)).map_err(failed("read", name))?;
        let there = file.metadata().map_err(failed("read", name))?.len();
        let length = there
            .saturating_sub(offset)
            .min(u64::try_from(length).unwrap_or(u64::MAX));
        // Not more than a `usize` was asked for, and not more than the file has.
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut filled = 0;
        while filled < bytes.len() {
            let at = offset + filled as u64;
            match file.read_at(&mut bytes[filled..], at) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("read", name)(error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.writable("rename", from)?;
        fs::rename(self.path(from), self.path(to)).map_err(failed("rename", from))
    }

    fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.writable("remove", name)?;
        fs::remove_file(self.path(name)).map_err(failed("remove", name))
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>, DiskError> {
        let entries = match fs::read_dir(self.path(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("list", folder))?,
        };
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed("list", folder))?;
            let found = match entry.metadata() {
                // Gone meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found.map_err(failed("list", folder))?,
            };
            // A name that is no text is none of ours.
            if let (true, Ok(name)) = (found.is_file(), entry.file_name().into_string()) {
                listed.push(Listed {
                    name,
                    bytes: found.len(),
                });
            }
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    fn make_folder(&self, folder: &str) -> Result<(), DiskError> {
        self.writable("make", folder)?;
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(self.path(folder))
            .map_err(failed("make", folder))
    }

    fn sync_folder(&self, folder: &str) -> Result<(), DiskError> {
        File::open(self.path(folder))
            .and_then(|opened| opened.sync_all())
            .map_err(failed("sync folder", folder))
    }

    fn space(&self) -> Result<u64, DiskError> {
        let found = rustix::fs::statvfs(&self.folder)
            .map_err(|error| failed("measure", "")(error.into()))?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

#[derive(Debug)]
struct RealFile {
    name: String,
    file: File,
}

impl DiskFile for RealFile {
    fn append(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.file
            .write_all(bytes)
            .map_err(failed("append to", &self.name))
    }

    fn sync_data(&mut self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(failed("sync", &self.name))
    }

    fn truncate(&mut self, length: u64) -> Result<(), DiskError> {
        self.file.set_len(length).map_err(failed("cut", &self.name))
    }

    fn length(&self) -> Result<u64, DiskError> {
        let found = self.file.metadata();
        Ok(found.map_err(failed("measure", &self.name))?.len())
    }
}
