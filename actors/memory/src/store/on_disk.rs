//! The store on disk: sled, with a checksum for each value. The only file that names sled.
//!
//! The folder is its user's alone before sled makes a file in it, so nobody else sees one at any moment; the files are closed too, one
//! by one, for whoever copies them elsewhere.
//!
//! A value lies there as `crc32 of key and value, little-endian || value`. The key is covered, so that a value that
//! strayed to another key is found out too.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use super::{Entry, Store, StoreError, Swap, check_key, check_value, private};

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
    db: sled::Db,
    path: PathBuf,
    /// When a large value was last seen to have got a file of its own.
    blobs: Mutex<Option<SystemTime>>,
}

/// Where sled puts values that are too large for its log, below the store's folder.
const BLOBS: &str = "blobs";

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
        let begin = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match Self::open_at_once(path) {
                Err(StoreError::InUse { .. }) if begin.elapsed() < LOCK_PATIENCE => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }

    fn open_at_once(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_path_buf();
        let config = sled::Config::new().path(&path).cache_capacity(CACHE_BYTES);
        // Sled panics on some damaged files; to the caller that is a broken folder like any other.
        let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| config.open()));
        match opened {
            Ok(Ok(db)) => {
                private::close(&path).map_err(|error| StoreError::Io {
                    reason: error.to_string(),
                })?;
                Ok(Self {
                    db,
                    path,
                    blobs: Mutex::default(),
                })
            }
            Ok(Err(error)) => Err(open_error(path, &error)),
            Err(_) => Err(StoreError::Broken {
                path,
                reason: "its files are damaged".into(),
            }),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the files that large values have got since the last look.
    fn close_blobs(&self) -> std::io::Result<()> {
        let folder = self.path.join(BLOBS);
        let changed = match std::fs::metadata(&folder) {
            Ok(found) => found.modified()?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
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
        self.db
            .get(key)
            .map_err(failed)?
            .map(|stored| unseal(key, &stored))
            .transpose()
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        check_key(key)?;
        check_value(value)?;
        self.db.insert(key, seal(key, value)).map_err(failed)?;
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        Ok(self.db.remove(key).map_err(failed)?.is_some())
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        use std::ops::Bound;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let mut found = Vec::new();
        for entry in self
            .db
            .range::<&[u8], _>((start, Bound::Unbounded))
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
        check_key(key)?;
        if let Some(new) = new {
            check_value(new)?;
        }
        let old = expected.map(|value| seal(key, value));
        let new = new.map(|value| seal(key, value));
        match self.db.compare_and_swap(key, old, new).map_err(failed)? {
            Ok(()) => Ok(Swap::Done),
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
        self.db.flush().map_err(failed)?;
        self.close_blobs().map_err(|error| StoreError::Io {
            reason: error.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract;

    #[test]
    fn passes_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        contract::check(&SledStore::open(folder.path()).unwrap());
    }

    #[test]
    fn what_was_flushed_is_there_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0u8..5 {
            let store = SledStore::open(folder.path()).unwrap();
            assert_eq!(
                store.scan_prefix(b"", None, 99).unwrap().len(),
                usize::from(round)
            );
            store.put(&[round], b"kept").unwrap();
            store.flush().unwrap();
        }
    }

    #[test]
    fn a_second_node_on_the_folder_is_told_so_and_harms_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let first = SledStore::open(folder.path()).unwrap();
        let error = SledStore::open(folder.path()).unwrap_err();
        assert_eq!(
            error,
            StoreError::InUse {
                path: folder.path().to_path_buf()
            }
        );
        first.put(b"a", b"1").unwrap();
        assert_eq!(first.get(b"a"), Ok(Some(b"1".to_vec())));
    }

    #[test]
    fn a_folder_whose_store_is_about_to_close_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let first = SledStore::open(folder.path()).unwrap();
        first.put(b"a", b"1").unwrap();
        let closing = thread::spawn(move || {
            thread::sleep(Duration::from_millis(50));
            drop(first);
        });
        let second = SledStore::open(folder.path()).unwrap();
        assert_eq!(second.get(b"a"), Ok(Some(b"1".to_vec())));
        closing.join().unwrap();
    }

    #[test]
    fn a_value_changed_behind_our_back_is_found_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        store.put(b"a", b"value").unwrap();
        let sound = store.db.get(b"a").unwrap().unwrap().to_vec();
        let mut flipped = sound.clone();
        flipped[6] ^= 1;
        for (key, stored) in [
            (b"a", flipped),
            (b"a", sound[..3].to_vec()),
            (b"a", vec![]),
            (b"b", sound.clone()),
        ] {
            store.db.insert(key, stored).unwrap();
            let corrupt = StoreError::Corrupt {
                key: String::from_utf8_lossy(key).into_owned(),
            };
            assert_eq!(store.get(key), Err(corrupt.clone()));
            assert_eq!(store.scan_prefix(key, None, 9), Err(corrupt));
        }
        assert_eq!(
            store.delete(b"a"),
            Ok(true),
            "a corrupt value can be deleted"
        );
        assert_eq!(store.get(b"a"), Ok(None));
    }

    #[test]
    fn a_folder_that_is_no_store_is_a_clear_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "not a folder").unwrap();
        let damaged = folder.path().join("damaged");
        {
            let store = SledStore::open(&damaged).unwrap();
            store.put(b"a", &[7; 4096]).unwrap();
            store.flush().unwrap();
        }
        for name in ["conf", "db"] {
            std::fs::write(damaged.join(name), [0x5a; 600]).unwrap();
        }
        let error = SledStore::open(&file).unwrap_err();
        assert!(
            matches!(&error, StoreError::NotPrivate { path, .. } if *path == file),
            "{error}"
        );
        let error = SledStore::open(&damaged).unwrap_err();
        assert!(
            matches!(&error, StoreError::Broken { path, .. } if *path == damaged),
            "{error}"
        );
        assert!(
            error.to_string().contains("move the folder away"),
            "{error}"
        );
    }

    /// Whatever the mask of the process is: what others may do with a folder and everything in it.
    fn open_to_others(folder: &Path) -> Vec<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let mut found = Vec::new();
        let mut left = vec![folder.to_path_buf()];
        while let Some(path) = left.pop() {
            let metadata = std::fs::metadata(&path).unwrap();
            if metadata.is_dir() {
                left.extend(
                    std::fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
            }
            if metadata.permissions().mode() & 0o077 != 0 {
                found.push(path);
            }
        }
        found
    }

    #[test]
    fn folder_and_files_are_their_users_alone_whatever_was_there() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state");
        let none: [PathBuf; 0] = [];
        {
            let store = SledStore::open(&path).unwrap();
            assert_eq!(open_to_others(&folder.path().join("deep")), none);
            for number in 0..4_u8 {
                store.put(&[number], &vec![number; 1 << 20]).unwrap();
                store.flush().unwrap();
            }
            assert!(path.join(BLOBS).read_dir().unwrap().next().is_some());
            assert_eq!(open_to_others(&path), none);
        }
        // As an earlier version left it.
        for (name, mode) in [("", 0o755), ("db", 0o644), ("conf", 0o644), (BLOBS, 0o755)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(path.join(name), mode).unwrap();
        }
        let store = SledStore::open(&path).unwrap();
        assert_eq!(open_to_others(&path), none);
        assert_eq!(store.get(&[3]).unwrap().unwrap().len(), 1 << 20);
    }
}
