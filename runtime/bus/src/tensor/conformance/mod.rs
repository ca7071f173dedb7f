//! What every tensor bus must do, checked against any memory. Panics with the rule that was broken.

mod frames;
mod scribbled;
mod streams;

use std::time::Duration;

use aios_protocols::ports::{FrameNote, TensorBus, TensorBusError};
use aios_protocols::tensor::{ContentType, Flags, FrameKind, PartyHash, TensorGrant};

use super::{PoolShape, RANDOM_BYTES, Ring, TensorPool};

/// Makes pools and rings over one kind of memory.
pub trait Maker {
    /// A pool nobody else uses.
    fn pool(&self, shape: PoolShape, random: &[u8; RANDOM_BYTES]) -> TensorPool;

    /// Another end of it, as another process would have it.
    ///
    /// # Errors
    /// If there is no end left.
    fn join(&self, first: &TensorPool, secret: [u8; 32]) -> Result<TensorPool, TensorBusError>;

    /// A ring nobody else uses, as its creator and as another process would have it.
    fn ring(
        &self,
        shape: PoolShape,
        random: &[u8; RANDOM_BYTES],
        sender: PartyHash,
        receiver: PartyHash,
    ) -> (Ring, Ring);
}

/// Runs the whole suite.
///
/// # Panics
/// Names the rule that does not hold.
pub fn check(maker: &dyn Maker) {
    frames::check(maker);
    streams::check(maker);
    scribbled::check(maker);
}

const SOON: Duration = Duration::from_secs(20);
const SHAPE: PoolShape = PoolShape {
    slots: 4,
    slot_bytes: 200,
};

fn hash(name: &str) -> PartyHash {
    let party = name.parse();
    PartyHash::of(&party.unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn note(length: usize) -> FrameNote {
    FrameNote {
        kind: FrameKind::Tensor,
        content_type: ContentType::Raw,
        shape: vec![length as u64],
        flags: Flags::ACK,
        conversation: [7; 16],
        sequence: 42,
        timestamp_ns: 1_000_000_007,
        sender: hash("meso.state.001@global"),
        receiver: hash("macro.executor.001@global"),
    }
}

/// Bytes that depend on a number, so that no two frames are alike.
fn content(number: u64, length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|at| (number.wrapping_mul(31).wrapping_add(at * 7) >> (at % 5)) as u8)
        .collect()
}

/// Allocates, writes and publishes in one go.
fn publish(pool: &dyn TensorBus, bytes: &[u8]) -> Result<TensorGrant, TensorBusError> {
    let mut slot = pool.allocate(bytes.len())?;
    slot.write(bytes)?;
    slot.publish(&note(bytes.len()))
}

fn must<T>(outcome: Result<T, TensorBusError>) -> T {
    outcome.unwrap_or_else(|error| panic!("{error}"))
}

/// A small generator of numbers for tests, the same in every run of one seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
