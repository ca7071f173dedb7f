//! What a message may hold, and what is said of one that holds more or is none.

use thiserror::Error;

use crate::printable::Printable;
use crate::{IdentityError, Party};

/// The version of frames that this build writes and reads.
pub(crate) const VERSION: u8 = 1;
/// Longest identifier in bytes: `service:{64}@{64}` or `macro.{32}.{64}@{64}`.
pub(crate) const MAX_PARTY: usize = 170;

/// How much a message may hold. Checked before sealing, and again before and after decoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole frame; the control bus carries 1 MB.
    pub frame: usize,
    /// Receivers, and reply-to parties. A name is at most 170 bytes, so a full set fills a fifth of a frame; other
    /// platforms address some hundred agents at once.
    pub parties: usize,
    /// Pairs of metadata.
    pub metadata: usize,
    /// Bytes of a metadata key or value.
    pub metadata_text: usize,
    /// Bytes of language, encoding, ontology, reply-with or in-reply-to.
    pub parameter: usize,
}

impl Limits {
    /// What the control bus carries: 1 MB a frame.
    pub const CONTROL: Limits = Limits {
        frame: 1024 * 1024,
        parties: 1024,
        metadata: 32,
        metadata_text: 1024,
        parameter: 256,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::CONTROL
    }
}

/// A part of a message is larger than allowed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{asked} {what} are too many, {allowed} are allowed")]
pub struct OverLimit {
    /// What there is too much of.
    pub what: &'static str,
    /// How much there is.
    pub asked: usize,
    /// How much there may be.
    pub allowed: usize,
}

/// Why a message cannot be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// Some part is too large.
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    /// Nobody is addressed.
    #[error("the message has no receiver; add one before sending")]
    NoReceiver,
    /// The signing identity is not the message's sender, or not with this key.
    #[error("the message names {sender} as its sender, but {signer} would sign it")]
    NotTheSigner {
        /// Whom the message names.
        sender: Party,
        /// Who would sign.
        signer: Party,
    },
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Fewer bytes than the fixed parts need.
    #[error("the frame has {asked} bytes, at least {allowed} are needed")]
    TooShort {
        /// Bytes found.
        asked: usize,
        /// Bytes needed.
        allowed: usize,
    },
    /// Not our frame.
    #[error("the frame does not begin with AIM; it is not an AI OS message")]
    Magic,
    /// A frame of another version.
    #[error("the frame has version {found}, this build reads version {VERSION}")]
    Version {
        /// Version found.
        found: u8,
    },
    /// The body does not begin with sender and key id.
    #[error("the body does not begin with sender and key id")]
    Head,
    /// The body is not the protobuf message.
    #[error("the body cannot be decoded: {}", Printable(.0))]
    Protobuf(String),
    /// Something a message must have is not there.
    #[error("the message has no {0}")]
    Missing(&'static str),
    /// A value that means nothing.
    #[error("{} is not a valid {field}", Printable(.value))]
    Value {
        /// Which field.
        field: &'static str,
        /// What stands there.
        value: String,
    },
    /// A party or tenant that does not parse.
    #[error("{field}: {problem}")]
    Identity {
        /// Which field.
        field: &'static str,
        /// What is wrong.
        problem: IdentityError,
    },
    /// Some part is too large.
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
}
