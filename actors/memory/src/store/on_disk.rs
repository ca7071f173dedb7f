//! The store on disk: sled, with a checksum for each value. The only file that names sled.
//!
//! The folder is its user's alone before sled makes a file in it, so nobody else sees one at any moment; the files are closed too, one
//! by one, for whoever copies them elsewhere.
//!
//! A value lies there as `crc32 of key and value, little-endian || value`. The key is covered, so that a value that
//! strayed to another key is found out too.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};

use super::{
    Entry, Store, StoreError, Swap, check_key, check_swap, check_value, dump, page_start, private,
};

/// Room for sled's page cache: views and results are small, and the node has other uses for memory.
const CACHE_BYTES: u64 = 64 << 20;

/// Sled's own threads may hold the files a moment longer than the store that was dropped: a write is told to be done before
/// the thread that did it lets go. So a lock that is held is asked for again, for so long and ever more slowly.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// A sled tree in a folder of its own.
#[derive(Debug)]
pub struct SledStore {
    /// None only when it could not be made anew; it is tried again when it is wanted.
    db: RwLock<Option<sled::Db>>,
    path: PathBuf,
    /// When a large value was last seen to have got a file of its own.
    blobs: Mutex<Option<SystemTime>>,
    /// Bytes of all keys and values.
    live: AtomicU64,
    /// The log before this one, locked.
    old_log: Mutex<Option<File>>,
    /// Flushes until the folder is looked at.
    until_look: AtomicU32,
    /// What the folder may hold before it is made anew, if that is more than what is in it would allow: somewhat more than the least it
    /// held since it was last made anew.
    room: AtomicU64,
}

/// Where sled puts values that are too large for its log, below the store's folder.
const BLOBS: &str = "blobs";
/// The copy from which a store is made anew.
const COPY: &str = "aios-store.copy";
/// Flushes between two looks at the folder.
const LOOK: u32 = 64;
/// A folder may be a quarter larger than what is in it, and so many bytes. Not less: nobody is answered while a store is made anew.
const SPARE: u64 = 4 << 20;
/// A log that was made anew may grow by an eighth, and by so many bytes: sled needs some room, and what is in a store comes and goes.
const GROWTH_MIN: u64 = 2 << 20;
/// A new log is flushed so many times while it is filled, and not more often than after so many bytes: sled uses a part of its log again
/// only when what took its place is on disk. Filled at one go, a log was between two and three and a half times as large as what is in
/// it, by chance, and stayed so.
const STEPS: u64 = 64;
const STEP_MIN: u64 = 128 << 10;
/// A store that holds more is made anew only when it is opened: nobody is answered meanwhile, a second for some 50 MB.
const LIVE_MAX: u64 = 64 << 20;

type Db<'a> = MappedRwLockReadGuard<'a, sled::Db>;

impl SledStore {
    /// Opens or makes the store in a folder. Blocks for the reading of the folder, and for up to two seconds while another
    /// store has it open: one that was just dropped is closed a moment later.
    ///
    /// The folder is made for its user alone (mode 700), one that is there is closed to others.
    ///
    /// # Errors
    /// [`StoreError::InUse`] if it is still open elsewhere after that, [`StoreError::Broken`] if it is no store,
    /// [`StoreError::NotPrivate`] if somebody else decides about the folder or it cannot be closed to others.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        private::prepare(path).map_err(|reason| StoreError::NotPrivate {
            path: path.to_path_buf(),
            reason,
        })?;
        let db = open_or_restore(path)?;
        let mut live = 0;
        for entry in db.iter() {
            let (key, value) = entry.map_err(failed)?;
            live += size(&key, &value);
        }
        let store = Self {
            db: RwLock::new(Some(db)),
            path: path.to_path_buf(),
            blobs: Mutex::default(),
            live: AtomicU64::new(live),
            old_log: Mutex::default(),
            until_look: AtomicU32::new(LOOK),
            room: AtomicU64::new(0),
        };
        store.make_anew_if_large(u64::MAX)?;
        Ok(store)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn db(&self) -> Result<Db<'_>, StoreError> {
        loop {
            if let Ok(db) = RwLockReadGuard::try_map(self.db.read(), Option::as_ref) {
                return Ok(db);
            }
            let mut slot = self.db.write();
            if slot.is_none() {
                *slot = Some(open_or_restore(&self.path)?);
            }
        }
    }

    fn count(&self, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
        let bytes = |value: Option<&[u8]>| value.map_or(0, |value| size(key, value));
        self.live.fetch_add(bytes(after), Ordering::Relaxed);
        self.live.fetch_sub(bytes(before), Ordering::Relaxed);
    }

    /// Makes the store anew if its folder has become too large for what is in it, and that is no more than so many bytes.
    fn make_anew_if_large(&self, most: u64) -> Result<(), StoreError> {
        let live = self.live.load(Ordering::Relaxed);
        let allowed = room(live).max(self.room.load(Ordering::Relaxed));
        let held = on_disk(&self.path).map_err(no_io)?;
        if live > most || held <= allowed {
            // A log that was just filled may be some megabytes larger than a moment later, when sled has cleaned it.
            self.room.fetch_min(grown(held), Ordering::Relaxed);
            return Ok(());
        }
        let mut slot = self.db.write();
        let Some(db) = slot.take() else {
            return Ok(());
        };
        let entries = db.iter().map(|entry| entry.map_err(io::Error::other));
        if dump::write(&self.path.join(COPY), entries).is_err() {
            // It goes on as large as it is. Were there no room on the disk, its own writing would say so.
            *slot = Some(db);
            self.room.store(grown(held), Ordering::Relaxed);
            return Ok(());
        }
        let log = File::open(self.path.join("db"));
        let copy = locked(&self.path)?;
        drop(db);
        // Until the last thread of it has let go; after that time it only holds files that have no names any more. The lock is kept then,
        // so that nobody who opens the folder in this moment takes the old log for the store.
        let begin = Instant::now();
        while let Ok(log) = &log
            && log.try_lock().is_err()
            && begin.elapsed() < LOCK_PATIENCE
        {
            thread::sleep(FIRST_PAUSE);
        }
        *self.old_log.lock() = log.ok();
        *slot = Some(restore(&self.path, copy)?);
        drop(slot);
        *self.blobs.lock() = None;
        // Were it no smaller than that, it would be made anew for nothing again and again.
        let now = on_disk(&self.path).map_err(no_io)?;
        self.room.store(grown(now), Ordering::Relaxed);
        Ok(())
    }

    /// Closes the files that large values have got since the last look.
    fn close_blobs(&self) -> io::Result<()> {
        let folder = self.path.join(BLOBS);
        let changed = match fs::metadata(&folder) {
            Ok(found) => found.modified()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut seen = self.blobs.lock();
        if *seen != Some(changed) {
            private::close(&folder)?;
            *seen = Some(changed);
        }
        Ok(())
    }
}

fn size(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

fn room(live: u64) -> u64 {
    and_a_quarter(live) + SPARE
}

fn and_a_quarter(bytes: u64) -> u64 {
    bytes + bytes / 4
}

fn grown(held: u64) -> u64 {
    held + (held / 8).max(GROWTH_MIN)
}

/// Bytes of the log and of the files of large values.
fn on_disk(folder: &Path) -> io::Result<u64> {
    let mut sum = fs::metadata(folder.join("db")).map_or(0, |found| found.len());
    match fs::read_dir(folder.join(BLOBS)) {
        Ok(blobs) => {
            for blob in blobs {
                sum += blob?.metadata().map_or(0, |found| found.len());
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(sum)
}

/// Opens the log, after it was made anew if there is a copy to do so from.
fn open_or_restore(folder: &Path) -> Result<sled::Db, StoreError> {
    if !folder.join(COPY).is_file() {
        return open_patiently(folder);
    }
    restore(folder, locked(folder)?)
}

/// The copy, for whoever makes the store anew from it, alone.
fn locked(folder: &Path) -> Result<File, StoreError> {
    let copy = File::open(folder.join(COPY)).map_err(no_io)?;
    match copy.try_lock() {
        Ok(()) => Ok(copy),
        Err(_) => Err(StoreError::InUse {
            path: folder.to_path_buf(),
        }),
    }
}

/// Fills a new log from the copy. Cut short, it is begun again from the start.
fn restore(folder: &Path, copy: File) -> Result<sled::Db, StoreError> {
    // Looked through before anything is taken away.
    dump::read(&copy, |_, _| Ok(())).map_err(|error| StoreError::Broken {
        path: folder.to_path_buf(),
        reason: format!("{COPY} in it cannot be read: {error}"),
    })?;
    (&copy).rewind().map_err(no_io)?;
    take_log_away(folder).map_err(no_io)?;
    let db = open_patiently(folder)?;
    let step = copy.metadata().map_err(no_io)?.len() / STEPS;
    let mut unflushed = 0;
    dump::read(&copy, |key, value| {
        unflushed += size(key, value);
        if unflushed > step.max(STEP_MIN) {
            unflushed = 0;
            db.flush().map_err(io::Error::other)?;
        }
        db.insert(key, value).map(drop).map_err(io::Error::other)
    })
    .map_err(no_io)?;
    db.flush().map_err(failed)?;
    let name = folder.join(COPY);
    private::close(folder)
        .and_then(|()| fs::remove_file(&name))
        .and_then(|()| dump::sync_folder(&name))
        .map_err(no_io)?;
    Ok(db)
}

/// Takes away what sled has made in a folder, and nothing else.
fn take_log_away(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Some("db" | "conf") => fs::remove_file(entry.path())?,
            Some(name) if name.starts_with("snap.") => fs::remove_file(entry.path())?,
            Some(BLOBS) => fs::remove_dir_all(entry.path())?,
            _ => {}
        }
    }
    Ok(())
}

fn open_patiently(path: &Path) -> Result<sled::Db, StoreError> {
    let begin = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match open_at_once(path) {
            Err(StoreError::InUse { .. }) if begin.elapsed() < LOCK_PATIENCE => {
                thread::sleep(pause);
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            outcome => return outcome,
        }
    }
}

fn open_at_once(path: &Path) -> Result<sled::Db, StoreError> {
    let path = path.to_path_buf();
    let config = sled::Config::new().path(&path).cache_capacity(CACHE_BYTES);
    // Sled panics on some damaged files; to the caller that is a broken folder like any other.
    let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| config.open()));
    match opened {
        Ok(Ok(db)) => {
            private::close(&path).map_err(no_io)?;
            Ok(db)
        }
        Ok(Err(error)) => Err(open_error(path, &error)),
        Err(_) => Err(StoreError::Broken {
            path,
            reason: "its files are damaged".into(),
        }),
    }
}

fn no_io(error: io::Error) -> StoreError {
    StoreError::Io {
        reason: error.to_string(),
    }
}

fn open_error(path: PathBuf, error: &sled::Error) -> StoreError {
    match error {
        // Sled has no kind for it; the words are those of the version that the lockfile pins.
        sled::Error::Io(io) if io.to_string().starts_with("could not acquire lock") => {
            StoreError::InUse { path }
        }
        other => StoreError::Broken {
            path,
            reason: other.to_string(),
        },
    }
}

fn failed(error: sled::Error) -> StoreError {
    StoreError::Io {
        reason: error.to_string(),
    }
}

fn checksum(key: &[u8], value: &[u8]) -> [u8; 4] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(value);
    hasher.finalize().to_le_bytes()
}

fn seal(key: &[u8], value: &[u8]) -> Vec<u8> {
    [checksum(key, value).as_slice(), value].concat()
}

fn unseal(key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
    match stored.split_first_chunk::<4>() {
        Some((sum, value)) if *sum == checksum(key, value) => Ok(value.to_vec()),
        _ => Err(StoreError::Corrupt {
            key: String::from_utf8_lossy(key).into_owned(),
        }),
    }
}

impl Store for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db()?
            .get(key)
            .map_err(failed)?
            .map(|stored| unseal(key, &stored))
            .transpose()
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        check_key(key)?;
        check_value(value)?;
        let sealed = seal(key, value);
        let before = self.db()?.insert(key, sealed.as_slice()).map_err(failed)?;
        self.count(key, before.as_deref(), Some(&sealed));
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        let before = self.db()?.remove(key).map_err(failed)?;
        self.count(key, before.as_deref(), None);
        Ok(before.is_some())
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let db = self.db()?;
        for entry in db
            .range::<&[u8], _>((page_start(prefix, after), Bound::Unbounded))
            .take(limit)
        {
            let (key, stored) = entry.map_err(failed)?;
            if !key.starts_with(prefix) {
                break;
            }
            found.push((key.to_vec(), unseal(&key, &stored)?));
        }
        Ok(found)
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError> {
        check_swap(key, new)?;
        let old = expected.map(|value| seal(key, value));
        let new = new.map(|value| seal(key, value));
        let swapped = self
            .db()?
            .compare_and_swap(key, old.as_deref(), new.as_deref())
            .map_err(failed)?;
        match swapped {
            Ok(()) => {
                self.count(key, old.as_deref(), new.as_deref());
                Ok(Swap::Done)
            }
            Err(mismatch) => {
                let current = mismatch
                    .current
                    .map(|stored| unseal(key, &stored))
                    .transpose()?;
                Ok(Swap::Mismatch { current })
            }
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db()?.flush().map_err(failed)?;
        self.close_blobs().map_err(no_io)?;
        if self.until_look.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.until_look.store(LOOK, Ordering::Relaxed);
            self.make_anew_if_large(LIVE_MAX)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
