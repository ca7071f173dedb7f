//! What a data bus and a tensor bus must be able to do. Implementations live elsewhere; this crate has no runtime of its own.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use crate::tensor::{
    ContentType, Flags, FrameKind, GrantError, HeaderError, PartyHash, PoolAddress, TensorGrant,
    TensorHeader,
};
use crate::{Subject, SubjectPattern};

/// A future that can be kept in a struct and sent between threads, whichever runtime drives it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why nothing was published or subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BusError {
    /// The bus is closed.
    #[error("the data bus is closed")]
    Closed,
    /// The bus cannot be reached now.
    #[error("the data bus cannot be reached: {0}; try again later")]
    Unreachable(String),
    /// As much waits for the bus as may wait.
    #[error("{waiting} messages wait for the data bus, {allowed} may; publish again later")]
    Full {
        /// Messages that wait.
        waiting: usize,
        /// Messages that may.
        allowed: usize,
    },
    /// The payload is larger than the bus carries.
    #[error("a payload of {asked} bytes is too large, {allowed} are allowed")]
    TooLarge {
        /// Bytes offered.
        asked: usize,
        /// Bytes allowed.
        allowed: usize,
    },
}

/// A payload and where it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The subject it was published on.
    pub subject: Subject,
    /// What was published.
    pub payload: Bytes,
}

/// Publish and subscribe by subject: results, events, logs, metrics, feedback.
pub trait DataBus: Send + Sync {
    /// Hands a payload to every subscription whose pattern matches. Never waits for a slow subscriber.
    fn publish(&self, subject: Subject, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>>;

    /// Opens a queue of at most `capacity` deliveries. When it is full the newest is dropped and counted as missed.
    fn subscribe(
        &self,
        pattern: SubjectPattern,
        capacity: usize,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, BusError>>;
}

/// The receiving end of a subscription. Dropping it unsubscribes.
pub trait Subscription: Send {
    /// The next delivery; `None` once the bus is closed and the queue is empty.
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>>;

    /// The next delivery if one is there already.
    fn try_next(&mut self) -> Option<Delivery>;

    /// How many deliveries were dropped because the queue was full.
    fn missed(&self) -> u64;
}

/// Why the tensor bus did not do what it was asked. What was refused left nothing behind: no bytes, no slot.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TensorBusError {
    /// Every slot is in use.
    #[error("slot {asked} asked for, the pool has {allowed}; release some or make a larger pool")]
    Exhausted {
        /// Slots there would have been in use.
        asked: usize,
        /// Slots there are.
        allowed: usize,
    },
    /// The ring is full; its reader has not caught up.
    #[error(
        "chunk {asked} would wait in the ring, {allowed} may; send it again when the reader has caught up"
    )]
    Full {
        /// Chunks that would wait.
        asked: usize,
        /// Chunks that may.
        allowed: usize,
    },
    /// More than fits.
    #[error("{asked} {what} asked for, {allowed} are allowed")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much.
        asked: u64,
        /// How much there may be.
        allowed: u64,
    },
    /// Signalled before it was written.
    #[error("{written} of {allocated} bytes were written; write the rest before publishing")]
    Incomplete {
        /// Bytes written.
        written: usize,
        /// Bytes allocated.
        allocated: usize,
    },
    /// The frame is over: released, withdrawn, or reclaimed from somebody who died.
    #[error("the frame is over; ask its sender for a new one")]
    Stale,
    /// Not signalled yet.
    #[error("the frame is not published yet; wait for it")]
    NotReady,
    /// Another reader has it.
    #[error("another reader has taken the frame; it was granted twice")]
    Taken,
    /// Released by whoever does not hold it.
    #[error(
        "the slot is not held here; only its reader, or its sender before it was read, releases it"
    )]
    NotHeld,
    /// The handle points outside the pool or into the middle of a slot.
    #[error("offset {offset} and length {length} are no slot of this pool")]
    OutOfBounds {
        /// The handle's.
        offset: u64,
        /// The handle's.
        length: u64,
    },
    /// The grant is for another pool, or does not agree with itself.
    #[error("the grant is not for this pool: {0}")]
    WrongGrant(String),
    /// The frame is not what was granted: a forged grant, or somebody wrote over the memory.
    #[error("the frame does not carry the granted key's proof; it is forged or was written over")]
    Forged,
    /// The frame is proven and yet no frame: its sender is at fault.
    #[error(transparent)]
    Malformed(#[from] HeaderError),
    /// Nothing came in time.
    #[error("nothing came within {0:?}; wait again or give up")]
    Late(Duration),
    /// Whoever should have written or read has died.
    #[error("the other side has died; its slots are free again, get a new grant")]
    PeerGone,
    /// Somebody alive has this end of the ring.
    #[error(
        "this end of the ring is held by a living process; a ring has one writer and one reader"
    )]
    EndHeld,
    /// The shared control words make no sense: somebody wrote over them.
    #[error("the control words of {0} were written over; make a new pool and grant anew")]
    Damaged(&'static str),
    /// The memory cannot be made or joined.
    #[error("shared memory cannot be used: {0}")]
    Unreachable(String),
}

impl From<GrantError> for TensorBusError {
    fn from(error: GrantError) -> Self {
        Self::WrongGrant(error.to_string())
    }
}

/// How to wait: the price of a short wait is a busy core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Looks again and again.
    Spin,
    /// Looks for as long as a wake-up takes, then sleeps: at most twice the time of whichever would have been better, for who
    /// does not know how soon something comes.
    SpinThenBlock,
    /// Sleeps in the kernel until woken.
    Block,
}

/// What a frame's sender says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameNote {
    /// What it is.
    pub kind: FrameKind,
    /// What its elements are.
    pub content_type: ContentType,
    /// Its dimensions; their product times the element's size is the length that was allocated.
    pub shape: Vec<u64>,
    /// Properties.
    pub flags: Flags,
    /// The conversation it belongs to.
    pub conversation: [u8; 16],
    /// The sender's count.
    pub sequence: u64,
    /// When it was made, in nanoseconds since the Unix epoch.
    pub timestamp_ns: u64,
    /// Who makes it.
    pub sender: PartyHash,
    /// Whom it is for.
    pub receiver: PartyHash,
}

/// One process's end of a pool of slots: allocate, write, publish; the grant goes by message; wait, read, release.
///
/// Nothing here is asynchronous, because a frame takes less than a wake-up of a task does. Only [`TensorBus::wait`] blocks;
/// on an executor, call it from a blocking thread.
pub trait TensorBus: Send + Sync {
    /// The pool.
    fn address(&self) -> &PoolAddress;

    /// A slot of one's own for so many bytes. Refused when none is free, even after those of the dead were taken back.
    ///
    /// # Errors
    /// [`TensorBusError::Exhausted`], [`TensorBusError::TooLarge`].
    fn allocate(&self, length: usize) -> Result<Box<dyn TensorSlot + '_>, TensorBusError>;

    /// Waits until the granted frame is published.
    ///
    /// # Errors
    /// If it is over, is not published in time, or its sender died first.
    fn wait(&self, grant: &TensorGrant, how: Wait, longest: Duration)
    -> Result<(), TensorBusError>;

    /// Copies the granted frame out and keeps its slot until it is released. `into` is emptied first and stays empty
    /// unless every byte was proven.
    ///
    /// # Errors
    /// Whatever makes the frame or the grant unsound.
    fn read(&self, grant: &TensorGrant, into: &mut Vec<u8>)
    -> Result<TensorHeader, TensorBusError>;

    /// Gives the slot back: by its reader, or by its sender if nobody read it.
    ///
    /// # Errors
    /// [`TensorBusError::NotHeld`], [`TensorBusError::Stale`].
    fn release(&self, grant: &TensorGrant) -> Result<(), TensorBusError>;

    /// Takes back the slots of processes that died; how many.
    ///
    /// # Errors
    /// [`TensorBusError::Damaged`] if the table of processes was written over.
    fn reclaim(&self) -> Result<usize, TensorBusError>;
}

/// A slot that is being written. Dropping it unpublished gives it back.
pub trait TensorSlot {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`TensorBusError::TooLarge`] beyond what was allocated.
    fn write(&mut self, bytes: &[u8]) -> Result<(), TensorBusError>;

    /// What the grant will be, so that the handle can be sent ahead of the content.
    ///
    /// # Errors
    /// If the shape does not fill what was allocated.
    fn grant(&self, note: &FrameNote) -> Result<TensorGrant, TensorBusError>;

    /// Closes the frame: when this returns its header and its proof are in the memory, and all that is left is to say that it is
    /// there. For whoever wants that to take no longer than it must.
    ///
    /// # Errors
    /// If something is not written yet, the shape does not fill what was allocated, or the slot was written over.
    fn seal<'a>(
        self: Box<Self>,
        note: &FrameNote,
    ) -> Result<Box<dyn SealedSlot + 'a>, TensorBusError>
    where
        Self: 'a;

    /// Closes the frame and signals that it is there.
    ///
    /// # Errors
    /// As [`TensorSlot::seal`] and [`SealedSlot::publish`].
    fn publish(self: Box<Self>, note: &FrameNote) -> Result<TensorGrant, TensorBusError> {
        self.seal(note)?.publish()
    }
}

/// A frame that is complete and that nobody was told is there. Dropping it gives its slot back.
///
/// Its proof lies in the memory already, because putting it there when it is told costs half as much again as telling. So whoever else can write
/// the memory may say of it that it is there before its writer does: a reader then has the frame early, as its writer sealed it, and no other.
pub trait SealedSlot {
    /// Its grant.
    fn grant(&self) -> &TensorGrant;

    /// Signals that it is there. Takes the same time whatever its size.
    ///
    /// # Errors
    /// [`TensorBusError::Damaged`] if somebody wrote over the slot's control word.
    fn publish(self: Box<Self>) -> Result<TensorGrant, TensorBusError>;
}

/// The writing end of a stream of chunks. There is one; when its process dies another may take it up where it was left.
pub trait StreamWriter: Send {
    /// Writes a chunk that belongs to no conversation and signals it; its sequence number, from 0.
    ///
    /// # Errors
    /// [`TensorBusError::Full`], [`TensorBusError::TooLarge`].
    fn write(&mut self, chunk: &[u8], timestamp_ns: u64) -> Result<u64, TensorBusError> {
        self.write_of([0; 16], chunk, timestamp_ns)
    }

    /// The same of a conversation, which its header names.
    ///
    /// # Errors
    /// As [`StreamWriter::write`].
    fn write_of(
        &mut self,
        conversation: [u8; 16],
        chunk: &[u8],
        timestamp_ns: u64,
    ) -> Result<u64, TensorBusError>;

    /// Waits until the ring has room.
    ///
    /// # Errors
    /// If there is none in time, or the reader died.
    fn wait(&mut self, how: Wait, longest: Duration) -> Result<(), TensorBusError>;
}

/// The reading end of a stream of chunks. There is one; when its process dies another may take it up at the first chunk
/// that was not released.
pub trait StreamReader: Send {
    /// Copies the next chunk out; `None` if there is none. It stays the next one until it is released. `into` is emptied
    /// first and stays empty unless every byte was proven; a chunk that is refused is passed over.
    ///
    /// # Errors
    /// [`TensorBusError::Forged`], [`TensorBusError::Malformed`]: the stream goes on behind it.
    fn read(&mut self, into: &mut Vec<u8>) -> Result<Option<TensorHeader>, TensorBusError>;

    /// Gives the chunk's slot back to the writer. Without a chunk that was read nothing happens.
    fn release(&mut self);

    /// Waits until there is a chunk.
    ///
    /// # Errors
    /// If there is none in time, or the writer died.
    fn wait(&mut self, how: Wait, longest: Duration) -> Result<(), TensorBusError>;
}
