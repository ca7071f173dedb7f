//! An agent's state as bytes, and back.
//!
//! The agent chooses what goes in and numbers its own layout; this file only makes sure that what is restored is what
//! was saved. Layout: magic `AISN`, version (4 bytes, little-endian), the first 16 bytes of the SHA-256 over version
//! and payload, payload.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 4] = b"AISN";
const HEADER: usize = 4 + 4 + 16;

/// What an agent wants to find again after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The author's number for the layout of `bytes`; an agent that does not know it is parked.
    pub version: u32,
    /// The state.
    pub bytes: Vec<u8>,
}

/// Why a snapshot cannot be used. The agent is then parked.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The stored bytes are not a snapshot.
    #[error(
        "not a snapshot: {found} bytes that do not start with the snapshot header of {HEADER} bytes"
    )]
    NotASnapshot {
        /// How many bytes there were.
        found: usize,
    },
    /// The stored bytes changed since they were saved.
    #[error("the snapshot's checksum does not match its content")]
    Damaged,
    /// The agent does not know this layout.
    #[error("snapshot layout {found}, this agent reads layout {expected}")]
    Version {
        /// The layout that was stored.
        found: u32,
        /// The layout the agent reads.
        expected: u32,
    },
    /// The payload does not read as the expected state.
    #[error("the snapshot's content does not read: {0}")]
    Content(#[from] serde_json::Error),
}

impl Snapshot {
    /// State that the author has put into bytes.
    #[must_use]
    pub fn new(version: u32, bytes: Vec<u8>) -> Self {
        Self { version, bytes }
    }

    /// State as JSON.
    pub fn json<T: Serialize>(version: u32, state: &T) -> Result<Self, SnapshotError> {
        Ok(Self::new(version, serde_json::to_vec(state)?))
    }

    /// Reads back what [`json`](Self::json) wrote, if it is of layout `version`.
    pub fn read_json<T: DeserializeOwned>(&self, version: u32) -> Result<T, SnapshotError> {
        if self.version != version {
            return Err(SnapshotError::Version {
                found: self.version,
                expected: version,
            });
        }
        Ok(serde_json::from_slice(&self.bytes)?)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER + self.bytes.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&checksum(self.version, &self.bytes));
        out.extend_from_slice(&self.bytes);
        out
    }

    /// Whether bytes begin as one does.
    pub(crate) fn is_one(stored: &[u8]) -> bool {
        stored.starts_with(MAGIC)
    }

    pub(crate) fn decode(stored: &[u8]) -> Result<Self, SnapshotError> {
        let not_one = || SnapshotError::NotASnapshot {
            found: stored.len(),
        };
        let rest = stored.strip_prefix(MAGIC).ok_or_else(not_one)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(not_one)?;
        let (sum, payload) = rest.split_first_chunk::<16>().ok_or_else(not_one)?;
        let version = u32::from_le_bytes(*version);
        if *sum != checksum(version, payload) {
            return Err(SnapshotError::Damaged);
        }
        Ok(Self::new(version, payload.to_vec()))
    }
}

fn checksum(version: u32, payload: &[u8]) -> [u8; 16] {
    let digest = Sha256::new()
        .chain_update(version.to_le_bytes())
        .chain_update(payload)
        .finalize();
    let mut sum = [0; 16];
    sum.copy_from_slice(&digest[..16]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_restored_is_what_was_saved() {
        let saved = Snapshot::json(3, &vec![1, 2, 3]).unwrap();
        let restored = Snapshot::decode(&saved.encode()).unwrap();
        assert_eq!(restored, saved);
        assert_eq!(restored.read_json::<Vec<i32>>(3).unwrap(), [1, 2, 3]);
        assert!(matches!(
            restored.read_json::<Vec<i32>>(4),
            Err(SnapshotError::Version {
                found: 3,
                expected: 4
            })
        ));
    }

    #[test]
    fn any_altered_or_missing_byte_is_noticed() {
        let saved = Snapshot::new(1, b"state".to_vec()).encode();
        for at in 0..saved.len() {
            let mut altered = saved.clone();
            altered[at] ^= 1;
            assert!(Snapshot::decode(&altered).is_err(), "byte {at}");
            assert!(Snapshot::decode(&saved[..at]).is_err(), "cut at {at}");
        }
    }
}
