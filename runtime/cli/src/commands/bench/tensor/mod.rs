//! The tensor bus beside what it is made of and what else there is, in one run: a word that another thread spins on, a plain copy, a
//! batch over gRPC, and iceoryx2 where it is built in.
//!
//! Both ends are threads of this process with a mapping each of one sealed memory, as two processes have it. A frame is written and
//! sealed before the clock starts, as a rival's sample is loaned and written before it is sent: what is measured is how long it takes
//! from saying that it is there until the other end knows. What writing, sealing, reading and proving cost is told beside it.

mod grpc;
mod one_way;
#[cfg(feature = "peers")]
mod peers;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::*;
use std::time::{Duration, Instant};

use aios_bench::{Bar, BenchError, Report, Samples};
use aios_bus::tensor::handed::{self, Handed};
use aios_bus::tensor::{PoolShape, RANDOM_BYTES, TensorPool};
use aios_protocols::Party;
use aios_protocols::ports::{FrameNote, SealedSlot, TensorBus, TensorBusError, Wait};
use aios_protocols::tensor::{ContentType, Flags, FrameKind, PartyHash, TensorGrant};

use super::failed;
use one_way::{Line, Teller, Times, one_way};

/// Frames of each size in a round, the largest last: 4 KiB to 64 MiB.
const SIZES: [(&str, usize, usize); 4] = [
    ("4_kib", 4 << 10, 400),
    ("64_kib", 64 << 10, 200),
    ("1_mib", 1 << 20, 60),
    ("64_mib", BATCH, 12),
];
/// A large batch of vectors.
const BATCH: usize = 64 << 20;
/// Bytes of a frame that is told before one that is measured, and of one for whose waiter it is only measured how it waits.
const SMALL: usize = 64;
/// The most that telling of a frame may cost beside a word that is spun on.
const BESIDE_SPIN: f64 = 2.0;
/// The most in all, in nanoseconds.
const AT_MOST_NS: f64 = 1_000.0;
/// The most that the largest frame may cost beside the smallest.
const INDEPENDENT: f64 = 1.2;
/// The least that the batch must be faster than over gRPC.
const BESIDE_GRPC: f64 = 100.0;
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
    let mut costs = Costs::default();
    let mut over_grpc = grpc::Batch::start(BATCH)?;
    let mut grpc = Samples::new();
    let mut cold = Samples::new();
    #[cfg(feature = "peers")]
    let (mut theirs, mut theirs_cold) = (SIZES.map(|_| Samples::new()), Samples::new());
    for _ in 0..rounds {
        spin.extend(raw_spin(SIZES[0].2)?);
        for (at, (_, bytes, count)) in SIZES.iter().enumerate() {
            frames[at].extend(told(*bytes, at_once(*count), Wait::Spin)?);
            #[cfg(feature = "peers")]
            theirs[at].extend(peers::sent(*bytes, at_once(*count))?);
        }
        let [.., (_, _, count)] = SIZES;
        let seldom = Times {
            rehearsed: false,
            ..at_once(count)
        };
        cold.extend(told(BATCH, seldom, Wait::Spin)?);
        #[cfg(feature = "peers")]
        theirs_cold.extend(peers::sent(BATCH, seldom)?);
        let apart = Times {
            count: WAKES,
            pause: ASLEEP,
            rehearsed: false,
        };
        spun.extend(told(SMALL, apart, Wait::Spin)?);
        both.extend(told(SMALL, apart, Wait::SpinThenBlock)?);
        slept.extend(told(SMALL, apart, Wait::Block)?);
        costs.measure()?;
        grpc.push(over_grpc.send()?);
    }
    let spin = spin.median();
    report.figure("tensor_raw_spin_ns", spin);
    let medians = frames.map(|samples| samples.median());
    for ((name, ..), median) in SIZES.iter().zip(medians) {
        report.figure(format!("tensor_told_{name}_ns"), median);
    }
    report.figure("tensor_told_64_mib_cold_ns", cold.median());
    #[cfg(feature = "peers")]
    report.figure("iceoryx2_sent_64_mib_cold_ns", theirs_cold.median());
    #[cfg(feature = "peers")]
    for ((name, ..), samples) in SIZES.iter().zip(theirs) {
        report.figure(format!("iceoryx2_sent_{name}_ns"), samples.median());
    }
    #[cfg(not(feature = "peers"))]
    report.skip("iceoryx2: build with `--features peers`");
    report.figure("tensor_wait_spin_ns", spun.median());
    report.figure("tensor_wait_spin_then_block_ns", both.median());
    report.figure("tensor_wait_block_ns", slept.median());
    costs.report(report);
    let grpc = grpc.median();
    report.figure("grpc_64_mib_ms", grpc * 1e3);
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
    let [.., largest] = medians;
    report.bar(Bar::at_most(
        "tensor_independent",
        "a frame of 64 MiB told, beside one of 4 KiB",
        largest / medians[0],
        INDEPENDENT,
        "times",
    ));
    report.bar(Bar::at_least(
        "tensor_beside_grpc",
        "a batch of 64 MiB over gRPC, beside the same told as a frame",
        grpc * 1e9 / largest,
        BESIDE_GRPC,
        "times",
    ));
    report.figure(
        "tensor_copied_beside_grpc_times",
        grpc / costs.both_ways.median(),
    );
    Ok(())
}

fn at_once(count: usize) -> Times {
    Times {
        count,
        pause: Duration::ZERO,
        rehearsed: true,
    }
}

/// From storing a word until another thread sees it, in nanoseconds.
fn raw_spin(count: usize) -> Result<Vec<f64>, BenchError> {
    struct Word<'a>(&'a Line, u64);

    impl Teller for Word<'_> {
        type Ready = u64;
        type Ahead = u64;
        type Told = ();

        fn prepare(&mut self) -> Result<(u64, u64), BenchError> {
            self.1 += 1;
            Ok((self.1, self.1))
        }

        fn rehearse(&mut self) -> Result<(u64, u64), BenchError> {
            self.prepare()
        }

        fn tell(&mut self, number: u64) -> Result<(), BenchError> {
            self.0.0.store(number, Release);
            Ok(())
        }

        fn put_away(&mut self, (): ()) -> Result<(), BenchError> {
            Ok(())
        }
    }

    let word = Line::default();
    let spins = || {
        Ok(|number| {
            while word.0.load(Acquire) != number {
                std::hint::spin_loop();
            }
            Ok(())
        })
    };
    one_way(at_once(count), || Ok(Word(&word, 0)), spins)
}

/// From saying that a frame is there until whoever waits for it knows, in nanoseconds.
fn told(bytes: usize, times: Times, how: Wait) -> Result<Vec<f64>, BenchError> {
    struct Frames<'a> {
        pool: &'a TensorPool,
        content: &'a [u8],
        number: u64,
    }

    impl<'a> Frames<'a> {
        fn sealed(
            &mut self,
            content: &[u8],
        ) -> Result<(Box<dyn SealedSlot + 'a>, TensorGrant), BenchError> {
            let mut slot = self.pool.allocate(content.len()).map_err(failed)?;
            slot.write(content).map_err(failed)?;
            let note = note(content.len(), self.number).map_err(failed)?;
            self.number += 1;
            let sealed = slot.seal(&note).map_err(failed)?;
            let grant = sealed.grant().clone();
            Ok((sealed, grant))
        }
    }

    impl<'a> Teller for Frames<'a> {
        type Ready = Box<dyn SealedSlot + 'a>;
        type Ahead = TensorGrant;
        type Told = TensorGrant;

        fn prepare(&mut self) -> Result<(Self::Ready, TensorGrant), BenchError> {
            self.sealed(self.content)
        }

        fn rehearse(&mut self) -> Result<(Self::Ready, TensorGrant), BenchError> {
            self.sealed(&self.content[..SMALL])
        }

        fn tell(&mut self, sealed: Self::Ready) -> Result<TensorGrant, BenchError> {
            sealed.publish().map_err(failed)
        }

        fn put_away(&mut self, grant: TensorGrant) -> Result<(), BenchError> {
            self.pool.release(&grant).map_err(failed)
        }
    }

    let (here, there) = pair(bytes)?;
    let content = vec![7; bytes];
    let frames = || {
        Ok(Frames {
            pool: &here,
            content: &content,
            number: 0,
        })
    };
    let waits = || {
        Ok(|grant: TensorGrant| {
            there.wait(&grant, how, SOON).map_err(failed)?;
            Ok(grant)
        })
    };
    one_way(times, frames, waits)
}

/// What is done with a frame besides telling of it.
#[derive(Default)]
struct Costs {
    copied: Samples,
    written: Samples,
    read: Samples,
    sealed: Samples,
    /// Seconds to write a batch, tell of it, and read it.
    both_ways: Samples,
}

impl Costs {
    fn measure(&mut self) -> Result<(), BenchError> {
        let (here, there) = pair(BATCH)?;
        let content = vec![7_u8; BATCH];
        let mut into = vec![0_u8; BATCH];
        let begun = Instant::now();
        into.copy_from_slice(std::hint::black_box(&content));
        std::hint::black_box(&into);
        self.copied.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let mut slot = here.allocate(BATCH).map_err(failed)?;
        slot.write(&content).map_err(failed)?;
        let written = begun.elapsed();
        let note = note(BATCH, 0).map_err(failed)?;
        let sealed = slot.seal(&note).map_err(failed)?;
        self.sealed.push((begun.elapsed() - written).as_secs_f64());
        let grant = sealed.publish().map_err(failed)?;
        let told = begun.elapsed();
        there.read(&grant, &mut into).map_err(failed)?;
        let read = begun.elapsed();
        there.release(&grant).map_err(failed)?;
        self.written.push(written.as_secs_f64());
        self.read.push((read - told).as_secs_f64());
        self.both_ways.push(read.as_secs_f64());
        Ok(())
    }

    fn report(&self, report: &mut Report) {
        let rate = |took: &Samples| BATCH as f64 / 1e9 / took.median();
        report.figure("tensor_seal_64_mib_ns", self.sealed.median() * 1e9);
        report.figure("memcpy_64_mib_gb_per_s", rate(&self.copied));
        report.figure("tensor_write_64_mib_gb_per_s", rate(&self.written));
        report.figure("tensor_read_64_mib_gb_per_s", rate(&self.read));
        report.figure("tensor_both_ways_64_mib_ms", self.both_ways.median() * 1e3);
    }
}

/// Batches written, told of and read, one after the other, until it is enough.
pub(super) fn back_and_forth(enough: &AtomicBool) -> Result<(), BenchError> {
    let (here, there) = pair(BATCH)?;
    let content = vec![7_u8; BATCH];
    let mut into = vec![0_u8; BATCH];
    let note = note(BATCH, 0).map_err(failed)?;
    while !enough.load(Relaxed) {
        let mut slot = here.allocate(BATCH).map_err(failed)?;
        slot.write(&content).map_err(failed)?;
        let grant = slot
            .seal(&note)
            .map_err(failed)?
            .publish()
            .map_err(failed)?;
        there.read(&grant, &mut into).map_err(failed)?;
        there.release(&grant).map_err(failed)?;
    }
    Ok(())
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

fn note(bytes: usize, number: u64) -> Result<FrameNote, TensorBusError> {
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
        sequence: number,
        timestamp_ns: 0,
        sender: party("service:bench@here")?,
        receiver: party("service:bench@there")?,
    })
}
