//! Tensors and streams through memory: pools of slots for frames that are granted one by one, rings for streams of chunks.
//!
//! One algorithm works on any [`Segment`]: [`in_process`] is memory of this process and safe code; with the feature
//! `shared-memory` there is memory between processes, `memfd` (Linux: sealed, handed over by its descriptor) and
//! `shared_memory` (joined by its name). All pass [`conformance`]. `handed` takes the better one there is. The layouts are
//! drawn in `docs/formats/tensor.md`.
//!
//! Read in this order: segment, state, process, proof, waiting, pool, open slot, ring; then system, memfd, shared_memory,
//! handed.

pub mod conformance;
#[cfg(feature = "shared-memory")]
pub mod handed;
pub mod in_process;
#[cfg(all(feature = "shared-memory", target_os = "linux"))]
pub mod memfd;
mod observer;
mod open_slot;
mod pool;
mod process;
mod proof;
mod ring;
mod segment;
#[cfg(feature = "shared-memory")]
pub mod shared_memory;
mod state;
#[cfg(feature = "shared-memory")]
mod system;
mod waiting;

use aios_protocols::ports::TensorBusError;
use aios_protocols::tensor::{FrameKey, PartyHash, PoolAddress, PoolId, StreamGrant};

use crate::{BusRefusal, Refusals};

pub use observer::SlotObserver;
pub use pool::{PoolView, TensorPool};
pub use ring::{Ring, RingReader, RingWriter};
pub use segment::Segment;

/// Frames and chunks that were refused; label `reason` is a fixed list.
pub const METRIC_REFUSED: &str = "aios_bus_tensor_refused_total";

/// Most slots of a pool or a ring.
pub const SLOTS_MAX: u32 = 65_536;
/// Most bytes of a pool or a ring, control words included.
pub const BYTES_MAX: u64 = 1 << 30;

/// Random bytes that making a pool or a ring takes: its name, its id and its secret.
pub const RANDOM_BYTES: usize = 60;

/// How a pool or a ring is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    /// Slots.
    pub slots: u32,
    /// Bytes of content one slot holds.
    pub slot_bytes: u32,
}

impl PoolShape {
    fn of(address: &PoolAddress) -> Self {
        Self {
            slots: address.slots,
            slot_bytes: address.slot_bytes,
        }
    }

    /// Where it lies behind a head of so many words.
    fn layout(self, head: usize) -> segment::Layout {
        segment::Layout {
            head,
            slots: self.slots as usize,
            slot_bytes: self.slot_bytes as usize,
        }
    }

    fn check(self, head_words: usize) -> Result<Self, TensorBusError> {
        if self.slots == 0 || self.slots > SLOTS_MAX {
            return Err(TensorBusError::TooLarge {
                what: "slots (at least 1)",
                asked: self.slots.into(),
                allowed: SLOTS_MAX.into(),
            });
        }
        // Two lines of control words and header stand before each content.
        let slot = 2 * segment::LINE as u64
            + u64::from(self.slot_bytes).next_multiple_of(segment::LINE as u64);
        let asked = (head_words * segment::WORD) as u64 + u64::from(self.slots) * slot;
        if asked > BYTES_MAX {
            return Err(TensorBusError::TooLarge {
                what: "bytes of a pool",
                asked,
                allowed: BYTES_MAX,
            });
        }
        Ok(self)
    }
}

/// The three uses of the random bytes.
struct Randomness {
    id: PoolId,
    #[cfg_attr(not(feature = "shared-memory"), allow(dead_code))]
    name: [u8; 12],
    secret: FrameKey,
}

impl Randomness {
    fn split(random: &[u8; RANDOM_BYTES]) -> Self {
        let (mut id, mut name, mut secret) = ([0; 16], [0; 12], [0; 32]);
        id.copy_from_slice(&random[..16]);
        name.copy_from_slice(&random[16..28]);
        secret.copy_from_slice(&random[28..]);
        Self {
            id: PoolId::from_bytes(id),
            name,
            secret: FrameKey::from_bytes(secret),
        }
    }

    fn address(&self, shape: PoolShape, segment: Option<String>) -> PoolAddress {
        PoolAddress {
            id: self.id,
            segment,
            slots: shape.slots,
            slot_bytes: shape.slot_bytes,
        }
    }

    fn stream(self, ring: PoolAddress, sender: PartyHash, receiver: PartyHash) -> StreamGrant {
        StreamGrant {
            ring,
            key: self.secret,
            sender,
            receiver,
        }
    }
}

/// Makes sure that every page is there: writing to one for which there is no room would end the process.
#[cfg(all(feature = "shared-memory", target_os = "linux"))]
fn reserve(file: impl std::os::fd::AsFd, bytes: usize, place: &str) -> Result<(), TensorBusError> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::retry_on_intr;

    let outcome = retry_on_intr(|| fallocate(&file, FallocateFlags::empty(), 0, bytes as u64));
    outcome.map_err(|error| {
        TensorBusError::Unreachable(format!(
            "{place} has no room for {bytes} bytes: {error}; make it larger or the pool smaller"
        ))
    })
}

/// Whether the memory is as large as the address says.
fn fits(segment: &dyn Segment, words: usize) -> Result<(), TensorBusError> {
    let found = segment.words().len();
    if found < words {
        return Err(TensorBusError::Unreachable(format!(
            "it has {} bytes, its address speaks of {}",
            found * segment::WORD,
            words * segment::WORD
        )));
    }
    Ok(())
}

/// Counts what was refused, and tells of it.
fn refuse(refusals: &Refusals, error: &TensorBusError, what: &str) {
    let label = reason(error);
    metrics::counter!(METRIC_REFUSED, "reason" => label).increment(1);
    refusals.tell(|| BusRefusal {
        bus: "tensor",
        from: None,
        label,
        reason: format!("{what}: {error}"),
    });
}

/// The refusal in one word, for counting.
fn reason(error: &TensorBusError) -> &'static str {
    match error {
        TensorBusError::Stale => "stale",
        TensorBusError::NotReady => "not-ready",
        TensorBusError::Taken => "taken",
        TensorBusError::OutOfBounds { .. } => "out-of-bounds",
        TensorBusError::WrongGrant(_) => "wrong-grant",
        TensorBusError::Forged => "forged",
        TensorBusError::Malformed(_) => "malformed",
        TensorBusError::Damaged(_) => "damaged",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_that_cannot_be_are_refused_with_both_numbers() {
        let check = |slots, slot_bytes| PoolShape { slots, slot_bytes }.check(0);
        assert!(check(1, 0).is_ok());
        assert!(check(SLOTS_MAX, 4_096).is_ok());
        for (slots, slot_bytes) in [(0, 1), (SLOTS_MAX + 1, 1), (2, 1 << 30), (1, u32::MAX)] {
            assert!(
                matches!(
                    check(slots, slot_bytes),
                    Err(TensorBusError::TooLarge { .. })
                ),
                "{slots} x {slot_bytes}"
            );
        }
    }
}
