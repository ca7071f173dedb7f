//! The grant: a signed message that lets one party at one frame, or at one stream.
//!
//! It is an ordinary signed inform. [`TensorGrant::open`] takes a [`Trusted`] message, which the verifier alone makes, so
//! a grant that nobody signed, that was altered or replayed, or that was meant for somebody else never becomes one. The
//! message is signed and not encrypted: it goes in process or by the control bus, whose connections are.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::handle::{FrameKey, HandleError, PoolId, TensorHandle};
use super::header::PartyHash;
use crate::printable::Printable;
use crate::{Content, ContentError, Draft, Party, Performative, Trusted};

/// Ontology of a message that grants a frame.
pub const GRANT_ONTOLOGY: &str = "aios.tensor.grant";
/// Ontology of a message that grants a stream.
pub const STREAM_ONTOLOGY: &str = "aios.tensor.stream";

const SEGMENT_PREFIX: &str = "/aios-";
const SEGMENT_DIGITS: usize = 24;

/// Where a pool or a ring lies and how it is divided. A process that joins believes these numbers, which are signed, and
/// none that it finds in the memory itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolAddress {
    /// The pool.
    pub id: PoolId,
    /// Name of the shared memory, `/aios-` and 24 hexadecimal digits; `None` for memory without a name, which is of one
    /// process, or handed over beside the address.
    pub segment: Option<String>,
    /// Slots.
    pub slots: u32,
    /// Bytes of content one slot holds.
    pub slot_bytes: u32,
}

impl PoolAddress {
    /// A name for shared memory that cannot be guessed.
    pub fn segment_name(random: [u8; SEGMENT_DIGITS / 2]) -> String {
        format!("{SEGMENT_PREFIX}{}", super::hex::text(&random))
    }

    /// Whether the segment's name is one of ours; anything else could be a path to somebody else's memory.
    pub fn is_well_named(&self) -> bool {
        self.segment.as_deref().is_none_or(Self::is_segment_name)
    }

    /// Whether a name is one that [`PoolAddress::segment_name`] gives.
    pub fn is_segment_name(name: &str) -> bool {
        name.strip_prefix(SEGMENT_PREFIX)
            .and_then(super::hex::bytes::<{ SEGMENT_DIGITS / 2 }>)
            .is_some()
    }
}

/// Why a message is no grant, or cannot become one.
#[derive(Debug, Error)]
pub enum GrantError {
    /// Another kind of message.
    #[error("the message is not an inform of ontology {0}; it grants nothing")]
    NotAGrant(&'static str),
    /// Sender or receiver are not those the frame was made by and for.
    #[error(
        "the grant was made by or for somebody else; ask the frame's sender for one of your own"
    )]
    NotYours,
    /// The pool's memory has a name that is none of ours.
    #[error("`{}` is not a name of ours for shared memory", Printable(.0))]
    Segment(String),
    /// The handle is in a pool the grant does not describe.
    #[error("the handle is in pool {handle:?}, the grant describes pool {pool:?}")]
    Pool {
        /// The handle's pool.
        handle: PoolId,
        /// The grant's.
        pool: PoolId,
    },
    /// The handle cannot be.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The content is not what a grant holds.
    #[error(transparent)]
    Content(#[from] ContentError),
}

/// Lets its receiver read one frame and release its slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorGrant {
    /// The pool.
    pub pool: PoolAddress,
    /// The frame.
    pub handle: TensorHandle,
    /// Proves the frame.
    pub key: FrameKey,
    /// Who made the frame.
    pub sender: PartyHash,
    /// Whom it is for.
    pub receiver: PartyHash,
}

/// Lets the two parties of one ring at it: the sender writes, the receiver reads. Whichever of them made the ring grants it
/// to the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamGrant {
    /// The ring.
    pub ring: PoolAddress,
    /// Proves its chunks.
    pub key: FrameKey,
    /// Who writes.
    pub sender: PartyHash,
    /// Who reads.
    pub receiver: PartyHash,
}

impl TensorGrant {
    /// The message that grants the frame to its receiver; sign it as the frame's sender.
    ///
    /// # Errors
    /// If the frame is not for `to`.
    pub fn draft(&self, to: &Party) -> Result<Draft, GrantError> {
        if self.receiver != PartyHash::of(to) {
            return Err(GrantError::NotYours);
        }
        Ok(inform(to, Content::json(self)?, GRANT_ONTOLOGY))
    }

    /// The grant in a verified message to `me`.
    ///
    /// # Errors
    /// If it grants nothing, not to `me`, or what cannot be.
    pub fn open(message: &Trusted, me: &Party) -> Result<Self, GrantError> {
        let grant: Self = content(message, GRANT_ONTOLOGY)?;
        belongs(message, me, grant.sender, grant.receiver)?;
        named(&grant.pool)?;
        grant.check()?;
        Ok(grant)
    }

    /// Whether the grant agrees with itself.
    ///
    /// # Errors
    /// The first thing that cannot be.
    pub fn check(&self) -> Result<(), GrantError> {
        if self.handle.pool != self.pool.id {
            return Err(GrantError::Pool {
                handle: self.handle.pool,
                pool: self.pool.id,
            });
        }
        Ok(self.handle.check()?)
    }
}

impl StreamGrant {
    /// The message that grants the stream to its other party; sign it as the one that made the ring.
    ///
    /// # Errors
    /// If `to` is no party of the stream.
    pub fn draft(&self, to: &Party) -> Result<Draft, GrantError> {
        if ![self.sender, self.receiver].contains(&PartyHash::of(to)) {
            return Err(GrantError::NotYours);
        }
        Ok(inform(to, Content::json(self)?, STREAM_ONTOLOGY))
    }

    /// The grant in a verified message to `me`.
    ///
    /// # Errors
    /// If it grants nothing, or not to `me`.
    pub fn open(message: &Trusted, me: &Party) -> Result<Self, GrantError> {
        let grant: Self = content(message, STREAM_ONTOLOGY)?;
        belongs(message, me, grant.sender, grant.receiver)
            .or_else(|_| belongs(message, me, grant.receiver, grant.sender))?;
        named(&grant.ring)?;
        Ok(grant)
    }
}

fn inform(to: &Party, content: Content, ontology: &'static str) -> Draft {
    Draft::inform(to.clone(), content)
        .language("json")
        .ontology(ontology)
}

fn content<T: serde::de::DeserializeOwned>(
    message: &Trusted,
    ontology: &'static str,
) -> Result<T, GrantError> {
    if message.performative != Performative::Inform || message.ontology.as_deref() != Some(ontology)
    {
        return Err(GrantError::NotAGrant(ontology));
    }
    Ok(message.content.read_json()?)
}

fn belongs(
    message: &Trusted,
    me: &Party,
    sender: PartyHash,
    receiver: PartyHash,
) -> Result<(), GrantError> {
    if sender == PartyHash::of(&message.sender) && receiver == PartyHash::of(me) {
        Ok(())
    } else {
        Err(GrantError::NotYours)
    }
}

fn named(pool: &PoolAddress) -> Result<(), GrantError> {
    if pool.is_well_named() {
        Ok(())
    } else {
        Err(GrantError::Segment(
            pool.segment
                .clone()
                .unwrap_or_default()
                .chars()
                .take(64)
                .collect(),
        ))
    }
}
