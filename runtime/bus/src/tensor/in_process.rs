//! Pools and rings in the memory of one process: the embedded default, without a line of `unsafe`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Acquire};
use std::time::Duration;

use aios_protocols::ports::TensorBusError;
use aios_protocols::tensor::PartyHash;
use parking_lot::{Condvar, Mutex};

use super::segment::Segment;
use super::{PoolShape, RANDOM_BYTES, Randomness, Ring, TensorPool, pool, ring};

struct Heap {
    words: Box<[AtomicU64]>,
    /// One bed for all sleepers; whoever wakes looks at its own word again.
    bed: Mutex<()>,
    bell: Condvar,
}

impl Heap {
    fn of(words: usize) -> Arc<Self> {
        Arc::new(Self {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            bed: Mutex::new(()),
            bell: Condvar::new(),
        })
    }
}

impl Segment for Heap {
    fn words(&self) -> &[AtomicU64] {
        &self.words
    }

    fn wait(&self, word: usize, seen: u32, longest: Duration) {
        let mut bed = self.bed.lock();
        if self.words[word].load(Acquire) as u32 == seen {
            self.bell.wait_for(&mut bed, longest);
        }
    }

    fn wake(&self, _: usize) {
        drop(self.bed.lock());
        self.bell.notify_all();
    }
}

/// A pool; further ends by [`TensorPool::join`].
///
/// # Errors
/// If the shape is larger than allowed.
pub fn pool(shape: PoolShape, random: &[u8; RANDOM_BYTES]) -> Result<TensorPool, TensorBusError> {
    let layout = TensorPool::layout(shape.check(pool::HEAD_WORDS)?);
    let random = Randomness::split(random);
    let address = random.address(shape, None);
    TensorPool::over(Heap::of(layout.words()), address, random.secret)
}

/// A ring from a sender to a receiver.
///
/// # Errors
/// If the shape is larger than allowed.
pub fn ring(
    shape: PoolShape,
    random: &[u8; RANDOM_BYTES],
    sender: PartyHash,
    receiver: PartyHash,
) -> Result<Ring, TensorBusError> {
    let layout = Ring::layout(shape.check(ring::HEAD_WORDS)?);
    let random = Randomness::split(random);
    let address = random.address(shape, None);
    Ring::over(
        Heap::of(layout.words()),
        random.stream(address, sender, receiver),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::conformance;

    struct InProcess;

    impl conformance::Maker for InProcess {
        fn pool(&self, shape: PoolShape, random: &[u8; RANDOM_BYTES]) -> TensorPool {
            pool(shape, random).unwrap()
        }

        fn join(&self, first: &TensorPool, secret: [u8; 32]) -> Result<TensorPool, TensorBusError> {
            first.join(secret)
        }

        fn ring(
            &self,
            shape: PoolShape,
            random: &[u8; RANDOM_BYTES],
            sender: PartyHash,
            receiver: PartyHash,
        ) -> (Ring, Ring) {
            let ring = ring(shape, random, sender, receiver).unwrap();
            (ring.clone(), ring)
        }
    }

    #[test]
    fn memory_of_one_process_keeps_the_contract() {
        conformance::check(&InProcess);
    }
}
