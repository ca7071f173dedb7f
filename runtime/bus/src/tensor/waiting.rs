//! Waiting for a word to change, by looking or by sleeping.

use std::sync::atomic::{AtomicU64, Ordering::*, fence};
use std::time::{Duration, Instant};

use aios_protocols::ports::{TensorBusError, Wait};

use super::segment::Segment;

/// Longest sleep before the other side's life is looked at again.
const SLICE: Duration = Duration::from_millis(50);
/// Looks between two looks at the clock while spinning: so many that hardly ever something comes while the clock is read.
const LOOKS: u32 = 128;
/// About what it costs to be woken by the kernel (`aios bench buses`): who has looked for so long sleeps.
const WAKE_UP: Duration = Duration::from_micros(15);
/// Longer than an answer takes of one who has a core. After it a spinner offers its own, as the other side may wait for it.
const POLITE_AFTER: Duration = Duration::from_micros(100);

/// Waits until `ready` says how it ended. `gone` is asked now and then whether there is nobody left to wait for.
pub(super) fn until<T>(
    segment: &dyn Segment,
    word: usize,
    sleepers: usize,
    how: Wait,
    longest: Duration,
    mut ready: impl FnMut() -> Option<T>,
    mut gone: impl FnMut() -> bool,
) -> Result<T, TensorBusError> {
    let begin = Instant::now();
    let mut asked = begin;
    let mut over = |ready: &mut dyn FnMut() -> Option<T>| {
        let now = Instant::now();
        if now.duration_since(begin) >= longest {
            return Some(ready().ok_or(TensorBusError::Late(longest)));
        }
        if now.duration_since(asked) >= SLICE {
            asked = now;
            if gone() {
                // What it did last may have come between the two looks.
                return Some(ready().ok_or(TensorBusError::PeerGone));
            }
        }
        None
    };
    let words = segment.words();
    let (word_at, sleepers) = (&words[word], &words[sleepers]);
    if how != Wait::Block {
        loop {
            // Loaded before the look, so that nothing comes between the two unseen.
            let seen = word_at.load(Relaxed);
            if let Some(outcome) = ready() {
                return Ok(outcome);
            }
            let changed = (0..LOOKS).any(|_| {
                std::hint::spin_loop();
                word_at.load(Relaxed) != seen
            });
            if changed && let Some(outcome) = ready() {
                return Ok(outcome);
            }
            if let Some(end) = over(&mut ready) {
                return end;
            }
            match how {
                Wait::Spin if begin.elapsed() >= POLITE_AFTER => std::thread::yield_now(),
                Wait::SpinThenBlock if begin.elapsed() >= WAKE_UP => break,
                _ => {}
            }
        }
    }
    let _asleep = Asleep::over(sleepers);
    loop {
        let seen = word_at.load(Acquire) as u32;
        if let Some(outcome) = ready() {
            return Ok(outcome);
        }
        if let Some(end) = over(&mut ready) {
            return end;
        }
        let left = longest.saturating_sub(begin.elapsed());
        segment.wait(word, seen, left.min(SLICE));
    }
}

/// Wakes sleepers if there are any; called after the word was stored.
pub(super) fn rouse(segment: &dyn Segment, word: usize, sleepers: usize) {
    // The store before and this load must not change places, or a sleeper that has just counted itself is not seen.
    fence(SeqCst);
    if segment.words()[sleepers].load(Relaxed) != 0 {
        segment.wake(word);
    }
}

/// Counts as asleep while it lives. A sleeper that is killed stays counted, which costs needless wake-ups and nothing else.
struct Asleep<'a>(&'a AtomicU64);

impl<'a> Asleep<'a> {
    fn over(sleepers: &'a AtomicU64) -> Self {
        sleepers.fetch_add(1, SeqCst);
        fence(SeqCst);
        Self(sleepers)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
