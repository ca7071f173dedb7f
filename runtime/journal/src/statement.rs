//! What a journal says about itself, signed: who opened it, what its head was, what left it for the archive.
//!
//! A signature is over the digest of everything before it, so whoever changes an entry has to sign anew all that follows. What stands
//! behind the last statement is chained and not signed yet.

use aios_protocols::{PublicKey, Signature, SigningIdentity};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::frame::Flaw;
use crate::segment::JournalId;

/// What the signature is for; part of what is signed.
const TYPE: &str = "application/vnd.aios.journal-statement";
const KEY: usize = 32;

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statement {
    /// A process opened the journal; everything up to the next one of these is its epoch.
    Opened {
        /// Counted from 1.
        epoch: u64,
        /// Microseconds since 1970.
        time_us: u64,
        /// The process.
        process: u32,
    },
    /// The head so far.
    Head {
        /// The epoch.
        epoch: u64,
        /// Microseconds since 1970.
        time_us: u64,
    },
    /// The process closed the journal; nothing of its epoch follows.
    Closed {
        /// The epoch.
        epoch: u64,
        /// Microseconds since 1970.
        time_us: u64,
    },
    /// Segments that leave the journal, the oldest first.
    Archived {
        /// The epoch.
        epoch: u64,
        /// Microseconds since 1970.
        time_us: u64,
        /// Which.
        segments: Vec<Left>,
        /// Whether what is to be kept of them stays behind in a compacted segment.
        compacted: bool,
    },
    /// Archived segments that are deleted for good.
    Deleted {
        /// The epoch.
        epoch: u64,
        /// Microseconds since 1970.
        time_us: u64,
        /// Which.
        segments: Vec<Left>,
    },
    /// The end of a compacted segment: what it stands for.
    Compacted {
        /// The epoch.
        epoch: u64,
        /// Microseconds since 1970.
        time_us: u64,
        /// What was compacted.
        of: Left,
        /// Entries that were kept.
        kept: u64,
        /// Entries that were left out; they are in the archive.
        dropped: u64,
    },
}

/// A segment that left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// Its first number.
    pub first: u64,
    /// Its last number.
    pub last: u64,
    /// The digest of its last frame.
    pub head: Digest,
}

/// A statement with its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) statement: Statement,
    pub(crate) key: PublicKey,
}

impl Statement {
    /// Microseconds since 1970.
    pub(crate) const fn time_us(&self) -> u64 {
        match self {
            Self::Opened { time_us, .. }
            | Self::Head { time_us, .. }
            | Self::Closed { time_us, .. }
            | Self::Archived { time_us, .. }
            | Self::Deleted { time_us, .. }
            | Self::Compacted { time_us, .. } => *time_us,
        }
    }

    /// The epoch it was made in.
    pub(crate) const fn epoch(&self) -> u64 {
        match self {
            Self::Opened { epoch, .. }
            | Self::Head { epoch, .. }
            | Self::Closed { epoch, .. }
            | Self::Archived { epoch, .. }
            | Self::Deleted { epoch, .. }
            | Self::Compacted { epoch, .. } => *epoch,
        }
    }

    /// The body of the statement's frame, signed for its place.
    pub(crate) fn sign(
        &self,
        by: &SigningIdentity,
        journal: &JournalId,
        sequence: u64,
        previous: &Digest,
    ) -> Result<Vec<u8>, String> {
        let said = postcard::to_stdvec(self).map_err(|error| error.to_string())?;
        let signature = by.sign(TYPE, &placed(journal, sequence, previous, &said));
        let mut body = by.public_key().to_bytes().to_vec();
        body.extend_from_slice(&signature.to_bytes());
        body.extend_from_slice(&said);
        Ok(body)
    }
}

impl Signed {
    /// Reads a statement and checks its signature.
    pub(crate) fn read(
        body: &[u8],
        journal: &JournalId,
        sequence: u64,
        previous: &Digest,
    ) -> Result<Self, Flaw> {
        let unreadable = |why: &str| Flaw::Unreadable {
            why: why.to_owned(),
        };
        let (key, rest) = body
            .split_first_chunk::<KEY>()
            .ok_or_else(|| unreadable("it is too short for its key"))?;
        let (signature, said) = rest
            .split_first_chunk::<{ Signature::LENGTH }>()
            .ok_or_else(|| unreadable("it is too short for its signature"))?;
        let key = PublicKey::from_bytes(key).map_err(|error| unreadable(&error.to_string()))?;
        let signed = placed(journal, sequence, previous, said);
        if !key.verifies(TYPE, &signed, &Signature::from_bytes(signature)) {
            return Err(Flaw::Signature);
        }
        let statement = Self::parse(said)?;
        Ok(Self { statement, key })
    }

    /// What is said, whether or not the signature holds.
    pub(crate) fn statement_of(body: &[u8]) -> Result<Statement, Flaw> {
        let said = body.get(KEY + Signature::LENGTH..).unwrap_or(&[]);
        Self::parse(said)
    }

    fn parse(said: &[u8]) -> Result<Statement, Flaw> {
        let unreadable = |why: String| Flaw::Unreadable { why };
        let (statement, rest) = postcard::take_from_bytes(said)
            .map_err(|error| unreadable(format!("as a statement: {error}")))?;
        if rest.is_empty() {
            Ok(statement)
        } else {
            Err(unreadable(format!("{} bytes are left over", rest.len())))
        }
    }
}

fn placed(journal: &JournalId, sequence: u64, previous: &Digest, said: &[u8]) -> Vec<u8> {
    [
        journal.as_slice(),
        &sequence.to_le_bytes(),
        previous.as_bytes(),
        said,
    ]
    .concat()
}
