//! What is too large for an entry: kept under its digest, whole or not at all, and checked when it is read.

use std::sync::Arc;

use thiserror::Error;

use crate::digest::Digest;
use crate::disk::{Disk, DiskError, Fault};
use crate::recovery::write_new;
use crate::segment::BLOBS;

/// Bytes under their digest, beside a journal. An entry that names a blob is appended after the blob was put.
#[derive(Debug, Clone)]
pub struct Blobs {
    disk: Arc<dyn Disk>,
}

/// Why a blob cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BlobError {
    /// There is none under this digest.
    #[error("there is no blob {0}")]
    Missing(Digest),
    /// What lies there is something else.
    #[error("blob {wanted} is damaged: what lies there has the digest {found}")]
    Damaged {
        /// The digest it was put under.
        wanted: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl Blobs {
    /// The blobs of this disk.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// Keeps these bytes, lasting when it returns. The same bytes are kept once.
    ///
    /// # Errors
    /// The disk fails.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        match self.get(digest) {
            // Another process may have written it and not have lived to sync the folder's name.
            Ok(_) => self.disk.sync_folder(BLOBS)?,
            Err(BlobError::Missing(_) | BlobError::Damaged { .. }) => {
                self.disk.make_folder(BLOBS)?;
                self.disk.sync_folder("")?;
                write_new(&*self.disk, &name(digest), bytes)?;
            }
            Err(error) => return Err(error),
        }
        Ok(digest)
    }

    /// The bytes under this digest.
    ///
    /// # Errors
    /// There are none, or they are damaged.
    pub fn get(&self, digest: Digest) -> Result<Vec<u8>, BlobError> {
        let bytes = match self.disk.read(&name(digest), 0, usize::MAX) {
            Err(error) if error.fault == Fault::Missing => return Err(BlobError::Missing(digest)),
            bytes => bytes?,
        };
        let found = Digest::of(&bytes);
        if found != digest {
            return Err(BlobError::Damaged {
                wanted: digest,
                found,
            });
        }
        Ok(bytes)
    }

    /// Takes away every blob that nothing names any more; how many those were.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sweep(&self, named: impl Fn(Digest) -> bool) -> Result<usize, BlobError> {
        let mut swept = 0;
        for listed in self.disk.list(BLOBS)? {
            if let Some(digest) = digest_of(&listed.name)
                && !named(digest)
            {
                self.disk.remove(&name(digest))?;
                swept += 1;
            }
        }
        if swept > 0 {
            self.disk.sync_folder(BLOBS)?;
        }
        Ok(swept)
    }
}

fn name(digest: Digest) -> String {
    format!("{BLOBS}/{digest}")
}

fn digest_of(name: &str) -> Option<Digest> {
    let digits = name.as_bytes();
    if digits.len() != 2 * Digest::LENGTH || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; Digest::LENGTH];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(name.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(Digest::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Crash, Fate, SimulatedDisk};

    #[test]
    fn a_blob_is_there_whole_or_not_at_all_wherever_its_writing_ends() {
        let bytes = vec![7; 3000];
        let quiet = SimulatedDisk::new(0);
        Blobs::new(Arc::new(quiet.clone())).put(&bytes).unwrap();
        for operation in 0..quiet.operations() {
            for (fate, crash) in [
                (Fate::Before, Crash::PowerLoss),
                (Fate::After, Crash::PowerLoss),
                (Fate::After, Crash::Kill),
            ] {
                let disk = SimulatedDisk::new(operation);
                let blobs = Blobs::new(Arc::new(disk.clone()));
                disk.crash_at(operation, fate);
                blobs.put(&bytes).unwrap_err();
                disk.restart(crash);
                match blobs.get(Digest::of(&bytes)) {
                    Ok(found) => assert_eq!(found, bytes),
                    Err(error) => assert_eq!(error, BlobError::Missing(Digest::of(&bytes))),
                }
                let digest = blobs.put(&bytes).unwrap();
                disk.restart(Crash::PowerLoss);
                assert_eq!(
                    blobs.get(digest),
                    Ok(bytes.clone()),
                    "{operation}, {fate:?}"
                );
            }
        }
    }

    #[test]
    fn a_flipped_byte_is_named_and_put_right_by_the_same_bytes() {
        let disk = SimulatedDisk::new(0);
        let blobs = Blobs::new(Arc::new(disk.clone()));
        let digest = blobs.put(b"state").unwrap();
        disk.put(&name(digest), b"stare");
        let found = Digest::of(b"stare");
        let damaged = BlobError::Damaged {
            wanted: digest,
            found,
        };
        assert_eq!(blobs.get(digest), Err(damaged));
        blobs.put(b"state").unwrap();
        assert_eq!(blobs.get(digest).unwrap(), b"state");
    }

    #[test]
    fn what_nothing_names_is_swept() {
        let disk = SimulatedDisk::new(0);
        let blobs = Blobs::new(Arc::new(disk));
        let (kept, left) = (blobs.put(b"a").unwrap(), blobs.put(b"b").unwrap());
        assert_eq!(blobs.sweep(|digest| digest == kept), Ok(1));
        assert_eq!(blobs.get(left), Err(BlobError::Missing(left)));
        assert_eq!(blobs.get(kept).unwrap(), b"a");
    }
}
