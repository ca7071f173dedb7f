//! Pools and rings in memory without a name, sealed: its length is what it was made with, so no process that has it can shorten
//! it under another, who would be ended for touching what is gone. Only whoever is handed its descriptor can map it, and when
//! the last of them is gone, so is the memory, however they went.
//!
//! Memory that comes from another process is believed no more than its contents: it is mapped only if it is sealed and as long
//! as its signed address says.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use aios_protocols::ports::TensorBusError;
use aios_protocols::tensor::{FrameKey, PartyHash, PoolAddress, StreamGrant};
use rustix::fs::{MemfdFlags, SealFlags};

use super::segment::WORD;
use super::system::Mapping;
use super::{PoolShape, RANDOM_BYTES, Randomness, Ring, TensorPool, pool, ring};

/// What it is called where a person looks at a process's mappings.
const NAME: &str = "aios-tensor";
/// Neither shorter nor longer, and nobody adds a seal: one against writing would keep whoever joins out.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);

fn unreachable(error: impl std::fmt::Display) -> TensorBusError {
    TensorBusError::Unreachable(error.to_string())
}

fn create(words: usize) -> Result<Arc<Mapping>, TensorBusError> {
    let bytes = words * WORD;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = rustix::fs::memfd_create(NAME, flags).map_err(unreachable)?;
    rustix::fs::ftruncate(&file, bytes as u64).map_err(unreachable)?;
    super::reserve(&file, bytes, "the machine's memory")?;
    rustix::fs::fcntl_add_seals(&file, SEALS).map_err(unreachable)?;
    Ok(Arc::new(Mapping::of(file, words).map_err(unreachable)?))
}

/// Maps what another process handed over, if it is what it should be.
fn open(file: OwnedFd, words: usize) -> Result<Arc<Mapping>, TensorBusError> {
    let refused = |reason: String| Err(TensorBusError::Unreachable(reason));
    // What is no memory of this kind has no seals to ask for.
    let seals = rustix::fs::fcntl_get_seals(&file).unwrap_or(SealFlags::empty());
    if !seals.contains(SealFlags::SHRINK | SealFlags::GROW) {
        return refused(
            "its memory is not sealed, so it could be shortened under whoever maps it; have it made by this crate".into(),
        );
    }
    let found = rustix::fs::fstat(&file).map_err(unreachable)?.st_size;
    let found = u64::try_from(found).unwrap_or(0);
    let wanted = (words * WORD) as u64;
    if found < wanted {
        return refused(format!(
            "it has {found} bytes, its address speaks of {wanted}"
        ));
    }
    Ok(Arc::new(Mapping::of(file, words).map_err(unreachable)?))
}

/// Makes a pool. Hand it over by [`handed::hand_over`](super::handed::hand_over).
///
/// # Errors
/// If the shape is larger than allowed or the system refuses.
pub fn create_pool(
    shape: PoolShape,
    random: &[u8; RANDOM_BYTES],
) -> Result<TensorPool, TensorBusError> {
    let layout = TensorPool::layout(shape.check(pool::HEAD_WORDS)?);
    let random = Randomness::split(random);
    let memory = create(layout.words())?;
    TensorPool::over(memory, random.address(shape, None), random.secret)
}

/// Joins a pool by the descriptor that came with its address, with a secret of one's own for the frames one will write.
///
/// # Errors
/// If the memory is not sealed, or shorter than its address says.
pub fn join_pool(
    memory: OwnedFd,
    address: &PoolAddress,
    secret: [u8; 32],
) -> Result<TensorPool, TensorBusError> {
    let layout = TensorPool::layout(PoolShape::of(address).check(pool::HEAD_WORDS)?);
    let memory = open(memory, layout.words())?;
    TensorPool::over(memory, address.clone(), FrameKey::from_bytes(secret))
}

/// Makes a ring from a sender to a receiver.
///
/// # Errors
/// If the shape is larger than allowed or the system refuses.
pub fn create_ring(
    shape: PoolShape,
    random: &[u8; RANDOM_BYTES],
    sender: PartyHash,
    receiver: PartyHash,
) -> Result<Ring, TensorBusError> {
    let layout = Ring::layout(shape.check(ring::HEAD_WORDS)?);
    let random = Randomness::split(random);
    let memory = create(layout.words())?;
    let address = random.address(shape, None);
    Ring::over(memory, random.stream(address, sender, receiver))
}

/// Joins a ring by the descriptor that came with its grant.
///
/// # Errors
/// If the memory is not sealed, or shorter than its address says.
pub fn join_ring(memory: OwnedFd, grant: &StreamGrant) -> Result<Ring, TensorBusError> {
    let layout = Ring::layout(PoolShape::of(&grant.ring).check(ring::HEAD_WORDS)?);
    Ring::over(open(memory, layout.words())?, grant.clone())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;
    use crate::tensor::conformance;
    use aios_protocols::ports::TensorBus as _;

    struct Sealed;

    fn again(segment: &Arc<dyn crate::tensor::Segment>) -> OwnedFd {
        segment.descriptor().unwrap().try_clone_to_owned().unwrap()
    }

    impl conformance::Maker for Sealed {
        fn pool(&self, shape: PoolShape, random: &[u8; RANDOM_BYTES]) -> TensorPool {
            create_pool(shape, random).unwrap()
        }

        fn join(&self, first: &TensorPool, secret: [u8; 32]) -> Result<TensorPool, TensorBusError> {
            join_pool(again(first.segment()), first.address(), secret)
        }

        fn ring(
            &self,
            shape: PoolShape,
            random: &[u8; RANDOM_BYTES],
            sender: PartyHash,
            receiver: PartyHash,
        ) -> (Ring, Ring) {
            let ring = create_ring(shape, random, sender, receiver).unwrap();
            let joined = join_ring(again(ring.segment()), ring.grant()).unwrap();
            (ring, joined)
        }
    }

    const SMALL: PoolShape = PoolShape {
        slots: 2,
        slot_bytes: 64,
    };

    #[test]
    fn sealed_memory_keeps_the_contract() {
        conformance::check(&Sealed);
    }

    #[test]
    fn nobody_shortens_sealed_memory_under_another() {
        let pool = create_pool(SMALL, &[1; RANDOM_BYTES]).unwrap();
        let file = again(pool.segment());
        for length in [0, 1, 1 << 20] {
            let outcome = rustix::fs::ftruncate(&file, length);
            assert_eq!(outcome, Err(rustix::io::Errno::PERM), "{length}");
        }
        let more = rustix::fs::fcntl_add_seals(&file, SealFlags::FUTURE_WRITE);
        assert_eq!(
            more,
            Err(rustix::io::Errno::PERM),
            "whoever joins can write"
        );
        assert_eq!(pool.view().slots, 2);
        assert!(join_pool(file, pool.address(), [2; 32]).is_ok());
    }

    #[test]
    fn what_is_not_sealed_or_too_short_is_refused_with_a_reason() {
        let pool = create_pool(SMALL, &[1; RANDOM_BYTES]).unwrap();
        let bytes = (TensorPool::layout(SMALL).words() * WORD) as u64;
        let memory = |length: u64, seals: SealFlags| {
            let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
            let file = rustix::fs::memfd_create("test", flags).unwrap();
            rustix::fs::ftruncate(&file, length).unwrap();
            rustix::fs::fcntl_add_seals(&file, seals).unwrap();
            file
        };
        let file = tempfile::tempfile().unwrap();
        file.set_len(bytes).unwrap();
        let rows: [(OwnedFd, Option<&str>); 6] = [
            (memory(bytes, SEALS), None),
            (memory(bytes, SealFlags::empty()), Some("not sealed")),
            (memory(bytes, SealFlags::GROW), Some("not sealed")),
            (
                file.as_fd().try_clone_to_owned().unwrap(),
                Some("not sealed"),
            ),
            (
                memory(bytes - 1, SEALS),
                Some("bytes, its address speaks of"),
            ),
            (memory(0, SEALS), Some("it has 0 bytes")),
        ];
        for (number, (file, why)) in rows.into_iter().enumerate() {
            let said = join_pool(file, pool.address(), [2; 32]).err();
            let said = said.map(|error| error.to_string());
            match why {
                None => assert_eq!(said, None, "{number}"),
                Some(why) => assert!(said.unwrap().contains(why), "{number}"),
            }
        }
    }
}
