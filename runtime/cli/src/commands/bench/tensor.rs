//! The tensor bus beside what it is made of, in one run: a word that another thread spins on, and a plain copy.
//!
//! Both ends are threads of this process with a mapping each of one sealed memory, as two processes have it. The content is written before
//! the clock starts: what is measured is how long it takes from saying that a frame is there until the other end knows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::thread;
use std::time::{Duration, Instant};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_bus::tensor::handed::{self, Handed};
use aios_bus::tensor::{PoolShape, RANDOM_BYTES, TensorPool};
use aios_protocols::Party;
use aios_protocols::ports::{FrameNote, TensorBus, TensorBusError, Wait};
use aios_protocols::tensor::{ContentType, Flags, FrameKind, PartyHash, TensorGrant};

use super::failed;

/// Frames of each size in a round, the largest last: 4 KiB to 64 MiB.
const SIZES: [(&str, usize, usize); 4] = [
    ("4_kib", 4 << 10, 400),
    ("64_kib", 64 << 10, 200),
    ("1_mib", 1 << 20, 60),
    ("64_mib", 64 << 20, 6),
];
/// The most that telling of a frame may cost beside a word that is spun on.
const BESIDE_SPIN: f64 = 2.0;
/// The most in all, in nanoseconds.
const AT_MOST_NS: f64 = 1_000.0;
/// The most that the largest frame may cost beside the smallest.
const INDEPENDENT: f64 = 1.2;
/// How long a frame is waited for.
const SOON: Duration = Duration::from_secs(20);
/// Between two frames when the waiter is to be asleep.
const ASLEEP: Duration = Duration::from_millis(1);
/// Frames that a waiter is woken for.
const WAKES: usize = 200;

pub(super) fn measure(rounds: u32, report: &mut Report) -> Result<(), BenchError> {
    let mut spin = Samples::new();
    let mut frames = SIZES.map(|_| Samples::new());
    let [mut spun, mut both, mut slept] = [const { Samples::new() }; 3];
    let [mut copied, mut written, mut read] = [const { Samples::new() }; 3];
    for _ in 0..rounds {
        spin.extend(raw_spin(SIZES[0].2));
        for ((_, bytes, count), samples) in SIZES.iter().zip(&mut frames) {
            samples.extend(told(*bytes, *count, Wait::Spin, Duration::ZERO)?);
        }
        spun.extend(told(64, WAKES, Wait::Spin, ASLEEP)?);
        both.extend(told(64, WAKES, Wait::SpinThenBlock, ASLEEP)?);
        slept.extend(told(64, WAKES, Wait::Block, ASLEEP)?);
        let (copy, write, take) = speeds()?;
        copied.push(copy);
        written.push(write);
        read.push(take);
    }
    let spin = spin.median();
    report.figure("tensor_raw_spin_ns", spin);
    let medians: Vec<f64> = frames.iter().map(Samples::median).collect();
    for ((name, ..), median) in SIZES.iter().zip(&medians) {
        report.figure(format!("tensor_told_{name}_ns"), *median);
    }
    report.figure("tensor_wait_spin_ns", spun.median());
    report.figure("tensor_wait_spin_then_block_ns", both.median());
    report.figure("tensor_wait_block_ns", slept.median());
    report.figure("memcpy_64_mib_gb_per_s", copied.median());
    report.figure("tensor_write_64_mib_gb_per_s", written.median());
    report.figure("tensor_read_64_mib_gb_per_s", read.median());
    report.bar(Bar::at_most(
        "tensor_told",
        "a frame of 4 KiB told to whoever spins for it",
        medians[0],
        AT_MOST_NS,
        "ns",
    ));
    report.bar(Bar::at_most(
        "tensor_beside_spin",
        "the same beside a word that is spun on",
        medians[0] / spin,
        BESIDE_SPIN,
        "times",
    ));
    let largest = medians.last().copied().unwrap_or(f64::NAN);
    report.bar(Bar::at_most(
        "tensor_independent",
        "a frame of 64 MiB told, beside one of 4 KiB",
        largest / medians[0],
        INDEPENDENT,
        "times",
    ));
    Ok(())
}

/// From storing a word until another thread sees it, in nanoseconds.
fn raw_spin(count: usize) -> Vec<f64> {
    let (word, seen) = (AtomicU64::new(0), AtomicU64::new(0));
    let begin = Instant::now();
    let mut samples = Vec::with_capacity(count);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=count as u64 {
                while word.load(Acquire) != number {
                    std::hint::spin_loop();
                }
                seen.store(nanoseconds(begin), Release);
            }
        });
        for number in 1..=count as u64 {
            let said = nanoseconds(begin);
            word.store(number, Release);
            let heard = loop {
                match seen.swap(0, AcqRel) {
                    0 => std::hint::spin_loop(),
                    heard => break heard,
                }
            };
            samples.push(heard.saturating_sub(said) as f64);
        }
    });
    samples
}

/// From saying that a frame is there until whoever waits for it knows, in nanoseconds.
fn told(bytes: usize, count: usize, how: Wait, pause: Duration) -> Result<Vec<f64>, BenchError> {
    let (here, there) = pair(bytes)?;
    let content = vec![7_u8; bytes];
    let (grants, granted) = std::sync::mpsc::sync_channel::<TensorGrant>(1);
    let (seen, ready) = (AtomicU64::new(0), AtomicBool::new(false));
    let begin = Instant::now();
    let mut samples = Vec::with_capacity(count);
    let outcome = thread::scope(|scope| {
        // Dropped with this closure, so that the other end hears that nothing more comes.
        let grants = grants;
        let (seen, ready) = (&seen, &ready);
        scope.spawn(move || {
            while let Ok(grant) = granted.recv() {
                ready.store(true, Release);
                let waited = there.wait(&grant, how, SOON);
                seen.store(nanoseconds(begin).max(1), Release);
                if waited.is_err() {
                    return;
                }
            }
        });
        for number in 0..count {
            let mut slot = here.allocate(bytes)?;
            slot.write(&content)?;
            let note = note(bytes, number)?;
            let grant = slot.grant(&note)?;
            if grants.send(grant.clone()).is_err() {
                return Err(TensorBusError::PeerGone);
            }
            while !ready.swap(false, AcqRel) {
                std::hint::spin_loop();
            }
            // So that the other end waits already, asleep if it sleeps.
            let since = Instant::now();
            while since.elapsed() < pause.max(Duration::from_micros(2)) {
                if pause.is_zero() {
                    std::hint::spin_loop();
                } else {
                    thread::sleep(pause);
                }
            }
            let said = nanoseconds(begin);
            slot.publish(&note)?;
            let heard = loop {
                match seen.swap(0, AcqRel) {
                    0 => thread::yield_now(),
                    heard => break heard,
                }
            };
            samples.push(heard.saturating_sub(said) as f64);
            here.release(&grant)?;
        }
        Ok(())
    });
    outcome.map_err(failed)?;
    Ok(samples)
}

/// Gigabytes a second of a copy, of writing a frame and of reading it: with its checksum and its proof, both ways.
fn speeds() -> Result<(f64, f64, f64), BenchError> {
    const BYTES: usize = 64 << 20;
    let (here, there) = pair(BYTES)?;
    let content = vec![7_u8; BYTES];
    let mut into = vec![0_u8; BYTES];
    let rate = |begun: Instant| BYTES as f64 / 1e9 / begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    into.copy_from_slice(std::hint::black_box(&content));
    std::hint::black_box(&into);
    let copy = rate(begun);
    let begun = Instant::now();
    let mut slot = here.allocate(BYTES).map_err(failed)?;
    slot.write(&content).map_err(failed)?;
    let grant = slot.publish(&note(BYTES, 0).map_err(failed)?);
    let grant = grant.map_err(failed)?;
    let write = rate(begun);
    let begun = Instant::now();
    there.read(&grant, &mut into).map_err(failed)?;
    let read = rate(begun);
    there.release(&grant).map_err(failed)?;
    Ok((copy, write, read))
}

/// Two ends of one memory, each with a mapping of its own.
fn pair(bytes: usize) -> Result<(TensorPool, TensorPool), BenchError> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(failed)?;
    let shape = PoolShape {
        slots: 2,
        slot_bytes: u32::try_from(bytes).map_err(failed)?,
    };
    let here = handed::create_pool(shape, &random).map_err(failed)?;
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(failed)?;
    handed::hand_over(&ours, &here).map_err(failed)?;
    let there = Handed::receive(&theirs).map_err(failed)?;
    let there = there.pool(here.address(), [9; 32]).map_err(failed)?;
    Ok((here, there))
}

fn note(bytes: usize, number: usize) -> Result<FrameNote, TensorBusError> {
    let party = |name: &str| {
        let party: Result<Party, _> = name.parse();
        let party = party.map_err(|error| TensorBusError::WrongGrant(error.to_string()));
        party.map(|party| PartyHash::of(&party))
    };
    Ok(FrameNote {
        kind: FrameKind::Tensor,
        content_type: ContentType::Raw,
        shape: vec![bytes as u64],
        flags: Flags::NONE,
        conversation: [0; 16],
        sequence: number as u64,
        timestamp_ns: 0,
        sender: party("service:bench@here")?,
        receiver: party("service:bench@there")?,
    })
}

fn nanoseconds(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
