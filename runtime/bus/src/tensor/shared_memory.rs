//! Pools and rings in memory that several processes map.
//!
//! The one file of the product with `unsafe`: a mapping as a slice of atomic words, two system calls to sleep and wake, one
//! to make sure the memory is there. The crate `shared_memory` opens with mode 0600 and `O_EXCL` and unlinks when the
//! creator drops it. Names hold 96 random bits.
//!
//! What it cannot prevent: any process of the same user can shorten the file, and whoever touches a page that is gone is
//! ended by SIGBUS; and the name of a creator that was killed stays until somebody removes it from `/dev/shm`.
#![allow(
    unsafe_code,
    reason = "memory of two processes cannot be mapped without; each block says why it is sound"
)]

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use aios_protocols::ports::TensorBusError;
use aios_protocols::tensor::{FrameKey, PartyHash, PoolAddress, StreamGrant};
use shared_memory::{Shmem, ShmemConf};

use super::segment::{Segment, WORD};
use super::{PoolShape, RANDOM_BYTES, Randomness, Ring, TensorPool, pool, ring};

struct Mapping(Shmem);

// SAFETY: the mapping is a pointer, a length and a descriptor that nobody changes after it was made; it is unmapped once,
// when the last owner drops it. All access to the memory goes through `words`, which are atomics.
unsafe impl Send for Mapping {}
// SAFETY: as above; `&Mapping` gives out nothing but `&[AtomicU64]` and system calls on its addresses.
unsafe impl Sync for Mapping {}

impl Segment for Mapping {
    fn words(&self) -> &[AtomicU64] {
        let begin = self.0.as_ptr().cast::<AtomicU64>();
        // SAFETY: the mapping begins at a page, so it is aligned; it is at least `len` bytes long and lives as long as
        // `self`; any bits are an `AtomicU64`; and this process, like every other, accesses it by 64-bit atomics only, so
        // a write by another process is an atomic write or garbage that arrives as some value, never a data race here.
        unsafe { std::slice::from_raw_parts(begin, self.0.len() / WORD) }
    }

    #[cfg(target_os = "linux")]
    fn wait(&self, word: usize, seen: u32, longest: Duration) {
        let Some(address) = low_half(self.words(), word) else {
            return;
        };
        let time = libc::timespec {
            tv_sec: longest.as_secs() as libc::time_t,
            tv_nsec: longest.subsec_nanos() as _,
        };
        // SAFETY: the address is 4-byte aligned memory of a live mapping, and `time` lives across the call. The kernel
        // reads both and writes neither. Not private: the other side is another process.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                address,
                libc::FUTEX_WAIT,
                seen,
                &raw const time,
            );
        }
        // Whatever it returned, the caller looks at the word again.
    }

    #[cfg(target_os = "linux")]
    fn wake(&self, word: usize) {
        let Some(address) = low_half(self.words(), word) else {
            return;
        };
        // SAFETY: only the address is looked at, as the name of a queue.
        unsafe {
            libc::syscall(libc::SYS_futex, address, libc::FUTEX_WAKE, libc::c_int::MAX);
        }
    }

    /// Where there is no futex between processes, sleeping is looking five thousand times a second.
    #[cfg(not(target_os = "linux"))]
    fn wait(&self, _: usize, _: u32, longest: Duration) {
        std::thread::sleep(longest.min(Duration::from_micros(200)));
    }

    #[cfg(not(target_os = "linux"))]
    fn wake(&self, _: usize) {}
}

/// Where the low half of a word lies: a futex has 32 bits.
#[cfg(target_os = "linux")]
fn low_half(words: &[AtomicU64], word: usize) -> Option<*const u32> {
    let halves = words.get(word)?.as_ptr().cast::<u32>().cast_const();
    Some(halves.wrapping_add(usize::from(cfg!(target_endian = "big"))))
}

/// Makes sure that every page is there: writing to a page of a full `/dev/shm` would end the process.
#[cfg(target_os = "linux")]
fn reserve(name: &str, bytes: usize) -> Result<(), TensorBusError> {
    use std::os::fd::AsRawFd as _;
    let path = format!("/dev/shm{name}");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .map_err(|error| TensorBusError::Unreachable(format!("{path}: {error}")))?;
    // SAFETY: a system call on a descriptor that is open until the end of this function; no memory is handed over.
    let error = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, bytes as libc::off_t) };
    if error == 0 {
        return Ok(());
    }
    Err(TensorBusError::Unreachable(format!(
        "/dev/shm has no room for {bytes} bytes: {}; make it larger or the pool smaller",
        std::io::Error::from_raw_os_error(error)
    )))
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &str, _: usize) -> Result<(), TensorBusError> {
    Ok(())
}

fn create(name: &str, words: usize) -> Result<Arc<Mapping>, TensorBusError> {
    let bytes = words * WORD;
    let memory = ShmemConf::new()
        .os_id(name)
        .size(bytes)
        .create()
        .map_err(|error| TensorBusError::Unreachable(error.to_string()))?;
    reserve(name, bytes)?;
    Ok(Arc::new(Mapping(memory)))
}

fn open(address: &PoolAddress) -> Result<Arc<Mapping>, TensorBusError> {
    let name = address.segment.as_deref().ok_or_else(|| {
        TensorBusError::WrongGrant("its memory is of one process and cannot be joined".into())
    })?;
    if !address.is_well_named() {
        return Err(TensorBusError::WrongGrant(
            "its memory has a name that is none of ours".into(),
        ));
    }
    let memory = ShmemConf::new()
        .os_id(name)
        .open()
        .map_err(|error| TensorBusError::Unreachable(error.to_string()))?;
    Ok(Arc::new(Mapping(memory)))
}

/// Makes a pool. Its memory is unlinked when this end is dropped; who has joined keeps it until it leaves.
///
/// # Errors
/// If the shape is larger than allowed or the system refuses.
pub fn create_pool(
    shape: PoolShape,
    random: &[u8; RANDOM_BYTES],
) -> Result<TensorPool, TensorBusError> {
    let layout = TensorPool::layout(shape.check(pool::HEAD_WORDS)?);
    let random = Randomness::split(random);
    let name = PoolAddress::segment_name(random.name);
    let memory = create(&name, layout.words())?;
    TensorPool::over(memory, random.address(shape, Some(name)), random.secret)
}

/// Joins a pool that another process made, with a secret of one's own for the frames one will write.
///
/// # Errors
/// If there is no such memory, or it is smaller than its address says.
pub fn join_pool(address: &PoolAddress, secret: [u8; 32]) -> Result<TensorPool, TensorBusError> {
    TensorPool::over(
        open(address)?,
        address.clone(),
        FrameKey::from_bytes(secret),
    )
}

/// Makes a ring from a sender to a receiver. Its memory is unlinked when the last clone of it, and of its ends, is dropped
/// here.
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
    let name = PoolAddress::segment_name(random.name);
    let memory = create(&name, layout.words())?;
    let address = random.address(shape, Some(name));
    Ring::over(memory, random.stream(address, sender, receiver))
}

/// Joins a ring that another process made.
///
/// # Errors
/// If there is no such memory, or it is smaller than its address says.
pub fn join_ring(grant: &StreamGrant) -> Result<Ring, TensorBusError> {
    Ring::over(open(&grant.ring)?, grant.clone())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::tensor::conformance;
    use aios_protocols::ports::TensorBus as _;

    struct Shared;

    impl conformance::Maker for Shared {
        fn pool(&self, shape: PoolShape, random: &[u8; RANDOM_BYTES]) -> TensorPool {
            create_pool(shape, &here(random)).unwrap()
        }

        fn join(&self, first: &TensorPool, secret: [u8; 32]) -> Result<TensorPool, TensorBusError> {
            join_pool(first.address(), secret)
        }

        fn ring(
            &self,
            shape: PoolShape,
            random: &[u8; RANDOM_BYTES],
            sender: PartyHash,
            receiver: PartyHash,
        ) -> (Ring, Ring) {
            let ring = create_ring(shape, &here(random), sender, receiver).unwrap();
            let joined = join_ring(ring.grant()).unwrap();
            (ring, joined)
        }
    }

    /// Names are of the whole machine, and tests run beside each other.
    fn here(random: &[u8; RANDOM_BYTES]) -> [u8; RANDOM_BYTES] {
        let mut random = *random;
        getrandom::fill(&mut random[16..28]).unwrap();
        random
    }

    const SMALL: PoolShape = PoolShape {
        slots: 2,
        slot_bytes: 64,
    };

    #[test]
    fn memory_of_two_mappings_keeps_the_contract() {
        conformance::check(&Shared);
    }

    #[test]
    fn the_memory_is_its_users_alone_and_is_gone_with_its_creator() {
        let pool = create_pool(SMALL, &here(&[1; RANDOM_BYTES])).unwrap();
        let path = format!("/dev/shm{}", pool.address().segment.clone().unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let joined = join_pool(pool.address(), [2; 32]).unwrap();
        let address = pool.address().clone();
        drop(joined);
        assert!(std::fs::exists(&path).unwrap(), "a guest leaves it");
        drop(pool);
        assert!(!std::fs::exists(&path).unwrap(), "the creator unlinks");
        assert!(matches!(
            join_pool(&address, [2; 32]),
            Err(TensorBusError::Unreachable(_))
        ));
    }

    #[test]
    fn an_address_that_lies_about_the_memory_is_refused() {
        let pool = create_pool(SMALL, &here(&[3; RANDOM_BYTES])).unwrap();
        let honest = pool.address().clone();
        type Lie = fn(&mut PoolAddress);
        let lies: &[Lie] = &[
            |address| address.slots = 60_000,
            |address| address.slot_bytes = 1 << 20,
            |address| address.slots = 0,
            |address| address.segment = None,
            |address| address.segment = Some("/passwd".into()),
            |address| address.segment = Some("/aios-../../etc/passwd0000000".into()),
        ];
        for (number, lie) in lies.iter().enumerate() {
            let mut address = honest.clone();
            lie(&mut address);
            assert!(join_pool(&address, [2; 32]).is_err(), "lie {number}");
        }
    }
}
