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
    use crate::tensor::proof::PIECE;
    use crate::tensor::segment::Layout;
    use aios_protocols::ports::{FrameNote, StreamReader as _, StreamWriter as _, TensorBus as _};
    use aios_protocols::tensor::{ContentType, Flags, FrameKind};
    use std::sync::atomic::Ordering::Relaxed;

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

    #[test]
    fn content_of_several_pieces_is_read_as_it_was_written_and_not_with_a_bit_changed() {
        let party = |name: &str| PartyHash::of(&name.parse().unwrap());
        let (here, there) = (party("meso.state.001@here"), party("meso.state.001@there"));
        for length in [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 13] {
            let shape = PoolShape {
                slots: 1,
                slot_bytes: length as u32,
            };
            let bytes: Vec<u8> = (0..length).map(|at| ((at * at) >> 7) as u8).collect();
            let pool = pool(shape, &[7; RANDOM_BYTES]).unwrap();
            let reader = pool.join([8; 32]).unwrap();
            let ring = ring(shape, &[7; RANDOM_BYTES], here, there).unwrap();
            let mut written = ring.writer().unwrap();
            written.write(&bytes, 0).unwrap();
            let mut chunks = ring.reader().unwrap();
            let mut read = Vec::new();
            chunks.read(&mut read).unwrap().unwrap();
            assert!(read == bytes, "a chunk of {length}");
            for pieces in [length, 1_000, PIECE - 3] {
                let mut slot = pool.allocate(length).unwrap();
                for piece in bytes.chunks(pieces) {
                    slot.write(piece).unwrap();
                }
                let grant = slot.publish(&note(length, here, there)).unwrap();
                let content = Layout::content(pool.words(0));
                for byte in [0, length / 2, length - 1] {
                    let (word, bit) = (&content[byte / 8], 1 << (8 * (byte % 8)));
                    word.fetch_xor(bit, Relaxed);
                    let outcome = reader.read(&grant, &mut read);
                    assert_eq!(outcome, Err(TensorBusError::Forged), "byte {byte}");
                    assert!(read.is_empty(), "nothing leaves with a refusal");
                    word.fetch_xor(bit, Relaxed);
                }
                reader.read(&grant, &mut read).unwrap();
                assert!(read == bytes, "{length} in pieces of {pieces}");
                reader.release(&grant).unwrap();
            }
        }
    }

    fn note(length: usize, sender: PartyHash, receiver: PartyHash) -> FrameNote {
        FrameNote {
            kind: FrameKind::Tensor,
            content_type: ContentType::Raw,
            shape: vec![length as u64],
            flags: Flags::NONE,
            conversation: [0; 16],
            sequence: 0,
            timestamp_ns: 0,
            sender,
            receiver,
        }
    }
}
