//! The keyed MAC of a frame: BLAKE3 over content, header and place.
//!
//! The content comes first, so that it can be written in pieces; the header behind it holds its length, so no two frames
//! give the same bytes. The key of a frame in a pool is made from its endpoint's secret, its slot and its generation: a
//! grant proves one frame and none other.

use std::sync::atomic::AtomicU64;

use aios_protocols::tensor::FrameKey;

use super::segment::{WORD, load};

pub(super) const MAC_BYTES: usize = 32;

/// Bytes that are copied, hashed and summed before the next ones are looked at: they stay in the core's own cache meanwhile, and the
/// hash has enough of them to take many of its chunks at once.
pub(super) const PIECE: usize = 64 * 1024;

/// A MAC in the making.
pub(super) struct Proof(blake3::Hasher);

impl Proof {
    pub(super) fn with(key: &FrameKey) -> Self {
        Self(blake3::Hasher::new_keyed(key.as_bytes()))
    }

    pub(super) fn content(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Copies so many bytes of content out of memory and sees them as they arrived; their CRC-32.
    pub(super) fn copy_out(
        &mut self,
        content: &[AtomicU64],
        length: usize,
        into: &mut Vec<u8>,
    ) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        into.clear();
        into.reserve(length);
        for words in content.chunks(PIECE / WORD).take(length.div_ceil(PIECE)) {
            let copied = into.len();
            into.resize(length.min(copied + PIECE), 0);
            let piece = &mut into[copied..];
            load(words, piece);
            self.content(piece);
            crc.update(piece);
        }
        crc.finalize()
    }

    /// The MAC of what was seen; the proof is used up by it.
    pub(super) fn close(&mut self, header: &[u8], place: &[u8]) -> [u8; MAC_BYTES] {
        self.0.update(header).update(place);
        *self.0.finalize().as_bytes()
    }

    /// Compares in constant time.
    pub(super) fn holds(mut self, header: &[u8], place: &[u8], mac: [u8; MAC_BYTES]) -> bool {
        self.0.update(header).update(place);
        self.0.finalize() == blake3::Hash::from_bytes(mac)
    }
}

/// The key of one frame.
pub(super) fn key_of(secret: &FrameKey, slot: usize, generation: u64) -> FrameKey {
    let mut which = [0; 16];
    which[..8].copy_from_slice(&(slot as u64).to_le_bytes());
    which[8..].copy_from_slice(&generation.to_le_bytes());
    FrameKey::from_bytes(*blake3::keyed_hash(secret.as_bytes(), &which).as_bytes())
}
