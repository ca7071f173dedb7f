//! Ordered keys and values behind one contract; every version passes [`contract`].

use std::ops::Bound;
use std::path::PathBuf;

pub mod contract;
#[cfg(feature = "sled")]
mod dump;
mod in_memory;
#[cfg(feature = "sled")]
mod on_disk;
#[cfg(feature = "sled")]
mod private;

pub use in_memory::InMemoryStore;
#[cfg(feature = "sled")]
pub use on_disk::SledStore;
#[cfg(feature = "sled")]
pub use private::prepare as private_folder;

/// Longest key in bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// Longest value in bytes: a goal's result or a checkpoint, never a model.
pub const VALUE_BYTES_MAX: usize = 16 << 20;

/// Ordered keys and values. All methods block for at most a disk access.
///
/// A write is seen by every later read in this process at once, and is safe from a crash of the process once
/// [`flush`](Store::flush) has returned. It is not promised to survive a loss of power: that is the journal's promise.
pub trait Store: Send + Sync {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes a value over whatever is there.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Removes a key; says whether it was there.
    fn delete(&self, key: &[u8]) -> Result<bool, StoreError>;

    /// Up to `limit` entries whose key starts with `prefix`, in key order, after the key `after` if one is given:
    /// the last key of one page asks for the next.
    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Writes `new` (`None` removes) if the value is `expected` (`None`: the key is absent), as one step.
    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError>;

    /// Returns when everything written so far survives a crash of the process.
    fn flush(&self) -> Result<(), StoreError>;
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// What a compare-and-swap did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It was written.
    Done,
    /// Nothing was written: the value is another.
    Mismatch {
        /// The value that is there.
        current: Option<Vec<u8>>,
    },
}

/// Why a store did not do as told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A key or value is too long.
    #[error("{what} of {asked} bytes, {allowed} allowed")]
    TooLong {
        /// `key` or `value`.
        what: &'static str,
        /// Its length.
        asked: usize,
        /// The longest allowed.
        allowed: usize,
    },
    /// Another node, or another store of this one, has had the folder open for as long as opening waits for it.
    #[error(
        "store at {} is in use, by another node or by one that is still stopping; stop it or give this one another folder",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is not one that only its user decides about.
    #[error("store at {} is not used: {reason}", path.display())]
    NotPrivate {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The folder cannot be opened as a store.
    #[error(
        "store at {} cannot be opened: {reason}; move the folder away to start with an empty one",
        path.display()
    )]
    Broken {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A value is not what was written.
    #[error(
        "value of key {key:?} does not match its checksum; delete the key or restore the store"
    )]
    Corrupt {
        /// The key, printable.
        key: String,
    },
    /// The disk refused.
    #[error("store failed: {reason}; check the room and the rights on its disk")]
    Io {
        /// What it said.
        reason: String,
    },
}

fn check_key(key: &[u8]) -> Result<(), StoreError> {
    check_length("key", key, KEY_BYTES_MAX)
}

/// Whether a swap can be asked for: the key, and the new value if there is to be one.
fn check_swap(key: &[u8], new: Option<&[u8]>) -> Result<(), StoreError> {
    check_key(key)?;
    new.map_or(Ok(()), check_value)
}

/// Where a page of keys with this prefix begins, the key `after` left out.
fn page_start<'a>(prefix: &'a [u8], after: Option<&'a [u8]>) -> Bound<&'a [u8]> {
    match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    }
}

fn check_value(value: &[u8]) -> Result<(), StoreError> {
    check_length("value", value, VALUE_BYTES_MAX)
}

fn check_length(what: &'static str, bytes: &[u8], allowed: usize) -> Result<(), StoreError> {
    if bytes.len() > allowed {
        Err(StoreError::TooLong {
            what,
            asked: bytes.len(),
            allowed,
        })
    } else {
        Ok(())
    }
}
