//! The durable log: what was acknowledged is there again, whatever ends the process or the machine.
//!
//! A [`Journal`] takes entries ([`Draft`]) from many and writes them by one thread; one sync serves all who wait, each by its
//! [`Ticket`]. Entries lie in segments, checksummed and chained by their digests; what the journal says about itself is signed. After a
//! crash a write that was torn is cut off and said ([`Recovery`]); a damaged entry anywhere else is named ([`Damage`]), never skipped,
//! and everything intact stays readable. [`verify()`] looks at every byte. What is no longer needed leaves for the archive by one
//! [`Retention`]; what is still needed of it stays behind, compacted.
//!
//! Everything below goes through one trait, [`Disk`]: [`RealDisk`] is a folder, [`SimulatedDisk`] keeps only what it must.
//!
//! What is worked out from the journal and kept elsewhere is a [`view::View`]: it may always be thrown away.
//!
//! Deliberately absent: an async runtime, what the entries mean, a retry of a sync that failed. The bytes are drawn in
//! `docs/formats/journal.md`; what is promised, and how to use it, is told in `docs/guide/durability.md`.
//!
//! Read in this order: disk, entry, frame, segment, chain, statement, recovery, log, ticket, journal, reader, verify, archive.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod archive;
mod blobs;
mod chain;
mod damage;
mod digest;
mod disk;
mod entry;
mod frame;
mod journal;
mod log;
mod reader;
mod recovery;
mod segment;
mod statement;
#[cfg(test)]
mod tests;
mod ticket;
mod verify;
pub mod view;

pub use archive::{ArchiveError, Limit, Moved, Retention};
pub use blobs::{BlobError, Blobs};
pub use damage::{Damage, Flaw};
pub use digest::Digest;
pub use disk::{
    Crash, Disk, DiskError, DiskFile, Fate, Fault, Listed, LockError, RealDisk, SimulatedDisk,
};
pub use entry::{Draft, Entry, Operation, Payload, PayloadError, Position, Status};
pub use frame::BODY_MAX;
pub use journal::{AppendError, Clock, Journal, JournalState, system_clock};
pub use log::{OpenError, Options};
pub use reader::{Entries, entries};
pub use recovery::{Recovery, Torn};
pub use segment::JournalId;
pub use statement::{Left, Statement};
pub use ticket::{Acknowledged, Ticket, WriteError};
pub use verify::{Epoch, Verification, verify};
