//! What is written down: who did what to which key, what it was before and is after, and where it stands.

use std::fmt;

use aios_protocols::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::Digest;

/// A typed value: what it is called, its version, its bytes. Whoever knows the kind reads it; the journal does not.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// What it is, for example `run`.
    pub kind: String,
    /// The version of its form.
    pub version: u16,
    /// The value itself.
    pub bytes: Vec<u8>,
}

impl Payload {
    /// A value of this kind and version.
    pub fn new(kind: impl Into<String>, version: u16, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: kind.into(),
            version,
            bytes: bytes.into(),
        }
    }

    /// The bytes, if they are of this kind and of a version that the reader knows.
    ///
    /// # Errors
    /// Names the kind and both versions.
    pub fn of_kind(&self, kind: &'static str, newest: u16) -> Result<&[u8], PayloadError> {
        if self.kind != kind {
            return Err(PayloadError::Kind {
                found: self.kind.clone(),
                wanted: kind,
            });
        }
        if self.version == 0 || self.version > newest {
            return Err(PayloadError::Version {
                kind,
                found: self.version,
                newest,
            });
        }
        Ok(&self.bytes)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            version,
            bytes,
        } = self;
        write!(f, "{kind} v{version} ({} bytes)", bytes.len())
    }
}

/// Why a value is not read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PayloadError {
    /// It is something else.
    #[error("it is a {found:?}, not a {wanted:?}")]
    Kind {
        /// What it is.
        found: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// It was written by a newer program.
    #[error(
        "its {kind:?} has version {found} and this program reads 1 to {newest}; use the program that wrote it, or a newer one"
    )]
    Version {
        /// Of what.
        kind: &'static str,
        /// The version it has.
        found: u16,
        /// The newest that can be read.
        newest: u16,
    },
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The key has the value `after` from now on.
    Set,
    /// The key is gone.
    Delete,
    /// A checkpoint is being taken.
    CheckpointStart,
    /// The checkpoint is whole.
    CheckpointCommit,
    /// The checkpoint was given up.
    CheckpointAbort,
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Begun; whether it was carried out is not known.
    Pending,
    /// Done.
    Committed,
    /// Undone, or never to be done.
    RolledBack,
}

/// An entry before it has its number and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The idempotency key; the same for everything that is said about one operation.
    pub operation_id: String,
    /// Who.
    pub agent: String,
    /// What was done.
    pub operation: Operation,
    /// To what.
    pub key: String,
    /// What it was, where that matters.
    pub before: Option<Payload>,
    /// What it is.
    pub after: Option<Payload>,
    /// Where it stands.
    pub status: Status,
    /// The round of all agents that it belongs to; 0 where there is none.
    pub superstep: u64,
}

impl Draft {
    /// `key` has the value `after`, committed, outside any round.
    pub fn set(
        operation_id: impl Into<String>,
        agent: impl Into<String>,
        key: impl Into<String>,
        after: Payload,
    ) -> Self {
        Self {
            operation_id: operation_id.into(),
            agent: agent.into(),
            operation: Operation::Set,
            key: key.into(),
            before: None,
            after: Some(after),
            status: Status::Committed,
            superstep: 0,
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        self.status = status;
        self
    }

    /// The same in this round.
    #[must_use]
    pub fn in_superstep(mut self, superstep: u64) -> Self {
        self.superstep = superstep;
        self
    }
}

/// An entry as it lies in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number; it names the entry.
    pub sequence: u64,
    /// The digest of its bytes, which the next entry carries.
    pub digest: Digest,
    /// Where it lies, to be read again without a search.
    pub position: Position,
    /// When it was written down. Never earlier than the entry before, whatever the clock says.
    pub time: Timestamp,
    /// What it says.
    pub draft: Draft,
}

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The number of its segment's first entry.
    pub segment: u64,
    /// The byte in it.
    pub offset: u64,
}

/// Bytes of the time that an entry's body begins with.
const TIME: usize = 8;

/// What follows the time in the body of an entry's frame.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    operation_id: &'a str,
    agent: &'a str,
    operation: Operation,
    key: &'a str,
    #[serde(borrow)]
    before: Option<Lent<'a>>,
    #[serde(borrow)]
    after: Option<Lent<'a>>,
    status: Status,
    superstep: u64,
}

#[derive(Serialize, Deserialize)]
struct Lent<'a> {
    kind: &'a str,
    version: u16,
    #[serde(borrow, with = "bytes")]
    bytes: &'a [u8],
}

/// Bytes as bytes and not as a sequence of numbers.
mod bytes {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &&[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'de [u8], D::Error> {
        <&[u8]>::deserialize(from)
    }
}

impl<'a> From<&'a Payload> for Lent<'a> {
    fn from(payload: &'a Payload) -> Self {
        Self {
            kind: &payload.kind,
            version: payload.version,
            bytes: &payload.bytes,
        }
    }
}

impl From<Lent<'_>> for Payload {
    fn from(lent: Lent<'_>) -> Self {
        Self::new(lent.kind, lent.version, lent.bytes)
    }
}

/// The body of a draft's frame, with room for the time at its start: the time is known when it is written down, see [`stamp`].
pub(crate) fn encode(draft: &Draft) -> Result<Vec<u8>, String> {
    let body = Body {
        operation_id: &draft.operation_id,
        agent: &draft.agent,
        operation: draft.operation,
        key: &draft.key,
        before: draft.before.as_ref().map(Lent::from),
        after: draft.after.as_ref().map(Lent::from),
        status: draft.status,
        superstep: draft.superstep,
    };
    postcard::to_extend(&body, vec![0; TIME]).map_err(|error| error.to_string())
}

/// Writes the time into an encoded body.
pub(crate) fn stamp(body: &mut [u8], time: Timestamp) {
    if let Some(room) = body.first_chunk_mut::<TIME>() {
        *room = time.as_micros().to_le_bytes();
    }
}

/// When an encoded body was written down.
pub(crate) fn time_of(body: &[u8]) -> Result<Timestamp, String> {
    let time = body
        .first_chunk::<TIME>()
        .ok_or_else(|| "it is too short for its time".to_owned())?;
    Timestamp::from_micros(u64::from_le_bytes(*time)).map_err(|error| error.to_string())
}

/// Reads what [`encode`] and [`stamp`] wrote; all of it, to the last byte.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Draft, Timestamp), String> {
    let time = time_of(bytes)?;
    let (body, rest) =
        postcard::take_from_bytes::<Body<'_>>(&bytes[TIME..]).map_err(|error| error.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes are left over", rest.len()));
    }
    let draft = Draft {
        operation_id: body.operation_id.to_owned(),
        agent: body.agent.to_owned(),
        operation: body.operation,
        key: body.key.to_owned(),
        before: body.before.map(Payload::from),
        after: body.after.map(Payload::from),
        status: body.status,
        superstep: body.superstep,
    };
    Ok((draft, time))
}
