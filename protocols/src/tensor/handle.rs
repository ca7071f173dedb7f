//! The handle: which frame in which pool, and which of the slot's lives is meant.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroize;

use super::header::ContentType;
use super::hex;

/// Last generation of a slot. At one reuse every 100 ns it is reached after ten months; the slot is then retired.
pub const LAST_GENERATION: u64 = (1 << 48) - 1;
/// Most dimensions of a shape.
pub const SHAPE_DIMENSIONS_MAX: usize = 8;

/// Names a pool or a ring: random, so that a handle of one is none of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PoolId(#[serde(with = "hex")] [u8; 16]);

impl PoolId {
    /// From random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

/// The key of a frame's MAC. Whoever has it can prove and forge this one frame (of a ring: this one ring's), so it travels
/// in signed grants only and is never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameKey(#[serde(with = "hex")] [u8; 32]);

impl FrameKey {
    /// From secret bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Drop for FrameKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for FrameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameKey(..)")
    }
}

/// What is wrong with a handle by itself, before any pool is asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HandleError {
    /// Too many dimensions.
    #[error("a shape of {asked} dimensions, {allowed} are allowed")]
    Dimensions {
        /// Dimensions.
        asked: usize,
        /// Dimensions possible.
        allowed: usize,
    },
    /// Shape and length do not belong together.
    #[error(
        "shape {shape:?} does not fill {length} bytes; elements times their size must be the length"
    )]
    Shape {
        /// The shape.
        shape: Vec<u64>,
        /// The length.
        length: u64,
    },
    /// No slot has this generation.
    #[error("generation {0} is never given out; generations run from 1 to 2^48 - 1")]
    Generation(u64),
}

/// Names one frame in one pool, and never another one after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorHandle {
    /// The pool.
    pub pool: PoolId,
    /// Where the frame's slot begins, in bytes from the beginning of the pool's memory.
    pub offset: u64,
    /// Bytes of the content.
    pub length: u64,
    /// The content's dimensions, the slowest first.
    pub shape: Vec<u64>,
    /// What its elements are.
    pub dtype: ContentType,
    /// Which of the slot's lives is meant: the fence behind which a successor's bytes are out of reach.
    pub generation: u64,
}

impl TensorHandle {
    /// Bytes of [`TensorHandle::place`].
    pub const PLACE_BYTES: usize = 40;

    /// Whether the handle agrees with itself.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn check(&self) -> Result<(), HandleError> {
        if self.shape.len() > SHAPE_DIMENSIONS_MAX {
            return Err(HandleError::Dimensions {
                asked: self.shape.len(),
                allowed: SHAPE_DIMENSIONS_MAX,
            });
        }
        let bytes = self
            .shape
            .iter()
            .try_fold(self.dtype.bytes(), |bytes, size| bytes.checked_mul(*size));
        if bytes != Some(self.length) {
            return Err(HandleError::Shape {
                shape: self.shape.clone(),
                length: self.length,
            });
        }
        if self.generation == 0 || self.generation > LAST_GENERATION {
            return Err(HandleError::Generation(self.generation));
        }
        Ok(())
    }

    /// What a frame's MAC binds its content to: pool, offset, length and generation.
    pub fn place(&self) -> [u8; Self::PLACE_BYTES] {
        let mut bytes = [0; Self::PLACE_BYTES];
        bytes[..16].copy_from_slice(self.pool.as_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.length.to_le_bytes());
        bytes[32..].copy_from_slice(&self.generation.to_le_bytes());
        bytes
    }
}
