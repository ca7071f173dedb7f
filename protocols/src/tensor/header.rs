//! The header of a frame: 64 bytes, little-endian, at fixed offsets, one cache line.
//!
//! ```text
//!  0   1    2     3    4       8            16                32         40           48       56       64
//! | v | kind|flags|type| crc32 | length     | conversation id | sequence | timestamp  | sender | receiver|
//! ```

use std::fmt;
use std::mem::offset_of;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::hex;
use crate::Party;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameKind {
    /// One tensor.
    Tensor = 1,
    /// Keys and values of a session.
    KvCache = 2,
    /// A checkpoint.
    Checkpoint = 3,
    /// A chunk of a stream.
    StreamChunk = 4,
}

impl FrameKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Tensor,
        Self::KvCache,
        Self::Checkpoint,
        Self::StreamChunk,
    ];

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// What the elements of the content are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum ContentType {
    /// 32-bit floats.
    F32 = 1,
    /// 16-bit floats.
    F16 = 2,
    /// Brain floats.
    Bf16 = 3,
    /// Signed bytes.
    I8 = 4,
    /// Bytes without a meaning to the bus.
    Raw = 5,
}

impl ContentType {
    /// All types.
    pub const ALL: [Self; 5] = [Self::F32, Self::F16, Self::Bf16, Self::I8, Self::Raw];

    /// Bytes of one element.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::I8 | Self::Raw => 1,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Properties of the content, or'ed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Flags(u8);

impl Flags {
    /// None.
    pub const NONE: Self = Self(0);
    /// The content is compressed; by what, the conversation says.
    pub const COMPRESSED: Self = Self(1);
    /// The content is encrypted.
    pub const ENCRYPTED: Self = Self(2);
    /// The sender wants to hear that it was read.
    pub const ACK: Self = Self(4);
    const KNOWN: u8 = 7;

    /// Both sets of flags.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A party in 8 bytes: the first of the SHA-256 of its identifier. Enough to notice that a frame is somebody else's; who
/// the parties are, the signed grant says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(transparent)]
pub struct PartyHash(#[serde(with = "hex")] [u8; 8]);

impl PartyHash {
    /// The hash of a party.
    pub fn of(party: &Party) -> Self {
        let digest = Sha256::digest(party.as_str().as_bytes());
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&digest[..8]);
        Self(bytes)
    }
}

impl fmt::Debug for PartyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::text(&self.0))
    }
}

/// Why bytes are no header, or no header of this content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Another version.
    #[error("the header has version {found}, this build reads version {expected}")]
    Version {
        /// Version found.
        found: u8,
        /// Version read here.
        expected: u8,
    },
    /// No frame of this kind.
    #[error("frame kind {0} is not known; the kinds are 1 to 4")]
    Kind(u8),
    /// Flags nobody has given a meaning.
    #[error("flags {0:#04x} are not known; the flags are 1, 2 and 4")]
    Flags(u8),
    /// No content of this type.
    #[error("content type {0} is not known; the types are 1 to 5")]
    ContentType(u8),
    /// The header speaks of another length.
    #[error("the header speaks of {found} bytes of content, there are {expected}")]
    Length {
        /// Bytes by the header.
        found: u64,
        /// Bytes there are.
        expected: u64,
    },
    /// The content is not what the header was made for.
    #[error("the content has checksum {found:#010x}, the header says {expected:#010x}")]
    Checksum {
        /// Of the content.
        found: u32,
        /// By the header.
        expected: u32,
    },
}

/// Stands before the content of every frame. In memory and on the wire it is the same bytes on a little-endian machine;
/// elsewhere [`TensorHeader::encode`] makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct TensorHeader {
    version: u8,
    /// What the frame is.
    pub kind: FrameKind,
    /// Properties of the content.
    pub flags: Flags,
    /// What its elements are.
    pub content_type: ContentType,
    /// CRC-32 (IEEE) of the content. Finds accidents; forgery is found by the frame's keyed MAC.
    pub crc32: u32,
    /// Bytes of the content.
    pub content_length: u64,
    /// The conversation it belongs to.
    pub conversation: [u8; 16],
    /// Position in the stream, or the sender's count.
    pub sequence: u64,
    /// When it was made, in nanoseconds since the Unix epoch.
    pub timestamp_ns: u64,
    /// Who made it.
    pub sender: PartyHash,
    /// Whom it is for.
    pub receiver: PartyHash,
}

const _: () = assert!(
    size_of::<TensorHeader>() == TensorHeader::BYTES
        && align_of::<TensorHeader>() == 8
        && offset_of!(TensorHeader, version) == 0
        && offset_of!(TensorHeader, kind) == 1
        && offset_of!(TensorHeader, flags) == 2
        && offset_of!(TensorHeader, content_type) == 3
        && offset_of!(TensorHeader, crc32) == 4
        && offset_of!(TensorHeader, content_length) == 8
        && offset_of!(TensorHeader, conversation) == 16
        && offset_of!(TensorHeader, sequence) == 32
        && offset_of!(TensorHeader, timestamp_ns) == 40
        && offset_of!(TensorHeader, sender) == 48
        && offset_of!(TensorHeader, receiver) == 56
);

impl TensorHeader {
    /// Bytes of a header.
    pub const BYTES: usize = 64;
    /// The version written and read here.
    pub const VERSION: u8 = 2;

    /// A header of this content.
    pub fn of(
        content: &[u8],
        kind: FrameKind,
        content_type: ContentType,
        sender: PartyHash,
        receiver: PartyHash,
    ) -> Self {
        Self {
            version: Self::VERSION,
            kind,
            flags: Flags::NONE,
            content_type,
            crc32: crc32fast::hash(content),
            content_length: content.len() as u64,
            conversation: [0; 16],
            sequence: 0,
            timestamp_ns: 0,
            sender,
            receiver,
        }
    }

    /// The bytes that travel.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.version;
        bytes[1] = self.kind as u8;
        bytes[2] = self.flags.0;
        bytes[3] = self.content_type as u8;
        bytes[4..8].copy_from_slice(&self.crc32.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.content_length.to_le_bytes());
        bytes[16..32].copy_from_slice(&self.conversation);
        bytes[32..40].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.timestamp_ns.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.sender.0);
        bytes[56..64].copy_from_slice(&self.receiver.0);
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// The first field that means nothing.
    pub fn decode(bytes: &[u8; Self::BYTES]) -> Result<Self, HeaderError> {
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            word
        };
        if bytes[0] != Self::VERSION {
            return Err(HeaderError::Version {
                found: bytes[0],
                expected: Self::VERSION,
            });
        }
        if bytes[2] & !Flags::KNOWN != 0 {
            return Err(HeaderError::Flags(bytes[2]));
        }
        let mut conversation = [0; 16];
        conversation.copy_from_slice(&bytes[16..32]);
        Ok(Self {
            version: Self::VERSION,
            kind: FrameKind::from_byte(bytes[1]).ok_or(HeaderError::Kind(bytes[1]))?,
            flags: Flags(bytes[2]),
            content_type: ContentType::from_byte(bytes[3])
                .ok_or(HeaderError::ContentType(bytes[3]))?,
            crc32: (u64::from_le_bytes(word(0)) >> 32) as u32,
            content_length: u64::from_le_bytes(word(8)),
            conversation,
            sequence: u64::from_le_bytes(word(32)),
            timestamp_ns: u64::from_le_bytes(word(40)),
            sender: PartyHash(word(48)),
            receiver: PartyHash(word(56)),
        })
    }

    /// Whether this is the header of this content.
    ///
    /// # Errors
    /// If length or checksum differ.
    pub fn check(&self, content: &[u8]) -> Result<(), HeaderError> {
        self.check_sums(content.len() as u64, crc32fast::hash(content))
    }

    /// The same of content that was summed in pieces, by its length in bytes and its CRC-32 (IEEE).
    ///
    /// # Errors
    /// If length or checksum differ.
    pub fn check_sums(&self, length: u64, crc32: u32) -> Result<(), HeaderError> {
        if self.content_length != length {
            return Err(HeaderError::Length {
                found: self.content_length,
                expected: length,
            });
        }
        if self.crc32 != crc32 {
            return Err(HeaderError::Checksum {
                found: crc32,
                expected: self.crc32,
            });
        }
        Ok(())
    }
}
