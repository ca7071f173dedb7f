//! Pools and rings in memory with a name, which any process of the same user can join: the crate `shared_memory`, which opens
//! with mode 0600 and `O_EXCL` and unlinks when the creator drops it. Names hold 96 random bits.
//!
//! Whoever makes memory keeps its name locked, so that the name of a creator that was killed is known by its lock being
//! gone; whoever makes memory next removes it.
//!
//! What it cannot prevent: any process of the same user can shorten the file, and whoever touches a page that is gone is
//! ended by SIGBUS. Memory that is handed over ([`handed`](super::handed)) cannot be shortened where the system has memory
//! that can be sealed, and is what the node uses.

use std::sync::Arc;

use aios_protocols::ports::TensorBusError;
use aios_protocols::tensor::{FrameKey, PartyHash, PoolAddress, StreamGrant};
use shared_memory::{Shmem, ShmemConf};

use super::segment::WORD;
use super::system::Mapping;
use super::{PoolShape, RANDOM_BYTES, Randomness, Ring, TensorPool, pool, ring};

/// Where the names lie.
#[cfg(target_os = "linux")]
const FOLDER: &str = "/dev/shm";
/// How long memory may be there before its name counts as unlocked: it is locked as soon as it is made.
#[cfg(target_os = "linux")]
const YOUNG: std::time::Duration = std::time::Duration::from_secs(60);

fn unreachable(error: impl std::fmt::Display) -> TensorBusError {
    TensorBusError::Unreachable(error.to_string())
}

fn made(name: &str, bytes: usize) -> Result<Shmem, TensorBusError> {
    let memory = ShmemConf::new().os_id(name).size(bytes).create();
    memory.map_err(unreachable)
}

/// Memory of so many words, there to its last page: writing to a page of a full `/dev/shm` would end the process.
#[cfg(target_os = "linux")]
fn create(name: &str, words: usize) -> Result<Arc<Mapping>, TensorBusError> {
    remove_dead();
    let bytes = words * WORD;
    let memory = made(name, bytes)?;
    let path = format!("{FOLDER}{name}");
    let file = std::fs::OpenOptions::new().write(true).open(&path);
    let lock = file.map_err(|error| unreachable(format!("{path}: {error}")))?;
    lock.lock().map_err(unreachable)?;
    super::reserve(&lock, bytes, FOLDER)?;
    let mapping = Mapping::named(memory, Some(lock)).map_err(unreachable)?;
    Ok(Arc::new(mapping))
}

#[cfg(not(target_os = "linux"))]
fn create(name: &str, words: usize) -> Result<Arc<Mapping>, TensorBusError> {
    let memory = made(name, words * WORD)?;
    Ok(Arc::new(Mapping::named(memory, None).map_err(unreachable)?))
}

/// Removes the names of memory whose creators have died. Whoever has joined one keeps it until it leaves.
#[cfg(target_os = "linux")]
fn remove_dead() {
    let Ok(names) = std::fs::read_dir(FOLDER) else {
        return;
    };
    for name in names.flatten() {
        let Some(name) = name.file_name().to_str().map(|name| format!("/{name}")) else {
            continue;
        };
        if PoolAddress::is_segment_name(&name) {
            let path = format!("{FOLDER}{name}");
            if is_dead(&path).unwrap_or(false) {
                let _ = std::fs::remove_file(&path);
            }
        }
    }
}

/// Whether nobody holds the lock of a name. A creator that lives holds it, whatever namespace it lives in; those of other users
/// cannot be opened.
#[cfg(target_os = "linux")]
fn is_dead(path: &str) -> std::io::Result<bool> {
    let file = std::fs::File::open(path)?;
    let age = file.metadata()?.modified()?.elapsed().unwrap_or_default();
    Ok(age > YOUNG && file.try_lock().is_ok())
}

fn open(address: &PoolAddress) -> Result<Arc<Mapping>, TensorBusError> {
    let name = address.segment.as_deref().ok_or_else(|| {
        TensorBusError::WrongGrant("its memory has no name and cannot be joined by it".into())
    })?;
    if !address.is_well_named() {
        return Err(TensorBusError::WrongGrant(
            "its memory has a name that is none of ours".into(),
        ));
    }
    let memory = ShmemConf::new().os_id(name).open().map_err(unreachable)?;
    Ok(Arc::new(Mapping::named(memory, None).map_err(unreachable)?))
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

    /// Tells the process that is killed what it is.
    const CREATOR: &str = "AIOS_TEST_CREATOR";

    /// Longer ago than memory may be there before it is locked.
    #[cfg(target_os = "linux")]
    fn old(path: &str) {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let long_ago = std::time::SystemTime::now() - 2 * YOUNG;
        file.set_modified(long_ago).unwrap();
    }

    /// What the process does; nothing when the tests are run as usual. It says its name and waits to be killed.
    #[cfg(target_os = "linux")]
    #[test]
    #[allow(clippy::print_stdout)] // what the parent reads
    fn a_creator_that_is_killed() {
        if std::env::var_os(CREATOR).is_none() {
            return;
        }
        let pool = create_pool(SMALL, &here(&[6; RANDOM_BYTES])).unwrap();
        println!("@{}", pool.address().segment.as_deref().unwrap());
        std::thread::sleep(2 * YOUNG);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_name_of_a_creator_that_was_killed_is_removed_by_the_next_and_not_while_it_lives() {
        use std::io::{BufRead as _, BufReader};
        use std::process::{Command, Stdio};

        let test = "tensor::shared_memory::tests::a_creator_that_is_killed";
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CREATOR, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let name = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, name)) = line.split_once('@') {
                break name.to_owned();
            }
        };
        let path = format!("{FOLDER}{name}");
        let next = || drop(create_pool(SMALL, &here(&[7; RANDOM_BYTES])).unwrap());
        old(&path);
        next();
        assert!(std::fs::exists(&path).unwrap(), "its creator lives");
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        assert!(std::fs::exists(&path).unwrap(), "it could not clean up");
        next();
        assert!(!std::fs::exists(&path).unwrap(), "the next one does");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_name_of_a_creator_that_died_is_removed_and_that_of_one_that_lives_is_not() {
        let name = |random: &[u8; RANDOM_BYTES]| {
            let random = Randomness::split(random);
            format!("{FOLDER}{}", PoolAddress::segment_name(random.name))
        };
        let [living, dead, young] = [1, 2, 3].map(|seed| here(&[seed; RANDOM_BYTES]));
        let pool = create_pool(SMALL, &living).unwrap();
        old(&name(&living));
        // As a creator that was killed leaves it: the name is there, and nobody has its lock.
        for random in [&dead, &young] {
            std::fs::write(name(random), [0; 64]).unwrap();
        }
        old(&name(&dead));
        drop(create_pool(SMALL, &here(&[4; RANDOM_BYTES])).unwrap());
        let there = [&living, &dead, &young].map(|random| std::fs::exists(name(random)).unwrap());
        std::fs::remove_file(name(&young)).unwrap();
        assert_eq!(there, [true, false, true]);
        drop(pool);
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
