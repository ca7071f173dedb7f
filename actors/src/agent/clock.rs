//! Where time comes from. A world is given its clock, so a test decides what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aios_protocols::Timestamp;
use parking_lot::Mutex;

/// Tells the time of one world.
///
/// Timestamps in messages and reply-by checks use it. Waiting uses the tokio timer, because a wait must be woken.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since the Unix epoch.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::since_epoch(since)
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Stands at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves forward by `by`.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock();
        *now = *now + by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock()
    }
}

/// A clock that follows tokio's timer: under a paused runtime, waiting moves it.
#[derive(Debug)]
pub struct TimerClock {
    start: Timestamp,
    began: tokio::time::Instant,
}

impl TimerClock {
    /// Reads `start` now. Must be called inside a tokio runtime.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            began: tokio::time::Instant::now(),
        }
    }
}

impl Clock for TimerClock {
    fn now(&self) -> Timestamp {
        self.start + self.began.elapsed()
    }
}
