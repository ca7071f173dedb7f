//! How long it takes from saying that something is there until another thread knows: the same for everything that is measured.
//!
//! Two threads, each on a processor of its own where the system lets it choose. What is handed over is complete before the clock starts,
//! and every store of it has left the core by then: what is measured is the word, not the writing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*, fence};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use aios_bench::BenchError;

use super::super::failed;

/// From when the other end waits until it is told, at least; it must have begun to look.
const SETTLED: Duration = Duration::from_micros(2);
/// Looks for an answer before the core is offered to others.
const LOOKS: u32 = 10_000;

/// A word that shares its cache line with no other, nor the one that the processor fetches with it.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Line(pub(super) AtomicU64);

/// The end that tells.
pub(super) trait Teller {
    /// What is complete and was not told yet.
    type Ready;
    /// What the other end must know to wait for it.
    type Ahead: Send;
    /// What is left when it was told.
    type Told;

    /// Completes the next one.
    fn prepare(&mut self) -> Result<(Self::Ready, Self::Ahead), BenchError>;

    /// Completes a small one, to be told first and not counted.
    fn rehearse(&mut self) -> Result<(Self::Ready, Self::Ahead), BenchError>;

    /// Tells of it.
    fn tell(&mut self, ready: Self::Ready) -> Result<Self::Told, BenchError>;

    /// Puts away what was heard of.
    fn put_away(&mut self, told: Self::Told) -> Result<(), BenchError>;
}

/// How often, and how.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) count: usize,
    /// Between the beginning of a wait and its end.
    pub(super) pause: Duration,
    /// Whether a small one is told before each, as in a stream of them. Else the code and the words that telling takes are where writing
    /// the content has left them: for a large one in the memory, and no longer in any cache.
    pub(super) rehearsed: bool,
}

/// Nanoseconds of each. Each end is made in its own thread, as not every end can be handed to one. What the hearing one returns is put
/// away when the clock has stopped.
pub(super) fn one_way<T, H, K>(
    times: Times,
    tells: impl FnOnce() -> Result<T, BenchError> + Send,
    hears: impl FnOnce() -> Result<H, BenchError> + Send,
) -> Result<Vec<f64>, BenchError>
where
    T: Teller,
    H: FnMut(T::Ahead) -> Result<K, BenchError>,
{
    let cores = cores();
    // Without room, so that whoever tells hears at once that nobody is there.
    let (said, awaits) = sync_channel::<T::Ahead>(0);
    let (seen, waits) = (Line::default(), AtomicBool::new(false));
    let (seen, waits) = (&seen.0, &waits);
    let begin = Instant::now();
    thread::scope(|scope| {
        let hearing = scope.spawn(move || {
            stay_on(cores.map(|cores| cores[1]));
            let mut hear = hears()?;
            while let Ok(ahead) = awaits.recv() {
                waits.store(true, Release);
                let heard = hear(ahead);
                seen.store(nanoseconds(begin), Release);
                drop(heard?);
            }
            Ok(())
        });
        let telling = scope.spawn(move || {
            stay_on(cores.map(|cores| cores[0]));
            let mut teller = tells()?;
            let mut samples = Vec::with_capacity(times.count);
            let tell = |teller: &mut T, (ready, ahead): (T::Ready, T::Ahead)| {
                said.send(ahead).map_err(failed)?;
                until(|| waits.swap(false, AcqRel).then_some(()));
                settle(times.pause);
                fence(SeqCst);
                let begun = nanoseconds(begin);
                let told = teller.tell(ready)?;
                let heard = until(|| Some(seen.swap(0, AcqRel)).filter(|at| *at != 0));
                teller.put_away(told)?;
                Ok::<_, BenchError>(heard.saturating_sub(begun) as f64)
            };
            for _ in 0..times.count {
                let next = teller.prepare()?;
                if times.rehearsed {
                    let small = teller.rehearse()?;
                    tell(&mut teller, small)?;
                }
                samples.push(tell(&mut teller, next)?);
            }
            Ok::<_, BenchError>(samples)
        });
        // Whoever told has hung up by now, so the other end has heard all there is.
        let samples = telling.join().map_err(|_| failed("whoever tells fell"))?;
        hearing.join().map_err(|_| failed("whoever hears fell"))??;
        samples
    })
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        for _ in 0..LOOKS {
            if let Some(found) = look() {
                return found;
            }
            std::hint::spin_loop();
        }
        thread::yield_now();
    }
}

fn settle(pause: Duration) {
    let since = Instant::now();
    if !pause.is_zero() {
        thread::sleep(pause);
    }
    while since.elapsed() < SETTLED {
        std::hint::spin_loop();
    }
}

/// Two processors that this process may use; none where there are not so many, or the system does not say.
#[cfg(target_os = "linux")]
fn cores() -> Option<[usize; 2]> {
    use rustix::thread::{CpuSet, sched_getaffinity};

    let allowed = sched_getaffinity(None).ok()?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    Some([cores.next()?, cores.next()?])
}

#[cfg(not(target_os = "linux"))]
fn cores() -> Option<[usize; 2]> {
    None
}

/// Keeps this thread on a processor. Where that is refused it is measured all the same.
#[cfg(target_os = "linux")]
fn stay_on(core: Option<usize>) {
    use rustix::thread::{CpuSet, sched_setaffinity};

    if let Some(core) = core {
        let mut only = CpuSet::new();
        only.set(core);
        let _ = sched_setaffinity(None, &only);
    }
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_: Option<usize>) {}

/// Since the beginning; never 0, which says that nothing was seen.
fn nanoseconds(begin: Instant) -> u64 {
    u64::try_from(begin.elapsed().as_nanos())
        .unwrap_or(u64::MAX)
        .max(1)
}
