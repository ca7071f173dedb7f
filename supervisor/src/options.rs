//! What a tree takes from outside: time, chance and capacities. Nothing in this crate asks a global for them.

use std::{sync::Arc, time::Duration};

/// Time since some fixed moment; must not run backwards.
pub trait Clock: Send + Sync + 'static {
    /// Time since the clock's origin.
    fn now(&self) -> Duration;
}

/// tokio's clock, so that a paused runtime pauses supervision too.
#[derive(Debug)]
pub struct TokioClock(tokio::time::Instant);

impl Default for TokioClock {
    fn default() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What a tree takes from outside.
#[derive(Clone)]
pub struct Options {
    /// Its clock; by default tokio's, starting now.
    pub clock: Arc<dyn Clock>,
    /// Seed of the jitter in backoffs; every supervisor derives its own from it and its path.
    pub seed: u64,
    /// Events kept for a slow listener before it starts to miss some.
    pub event_capacity: usize,
    /// How long an ask (start, terminate, restart, delete, kill) waits for its answer unless told otherwise.
    pub ask_deadline: Duration,
    /// How long a killed child that does not leave is waited for before it is reported stuck, and given up in a shutdown.
    pub kill_grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Arc::new(TokioClock::default()),
            seed: rand::random(),
            event_capacity: 1_024,
            ask_deadline: Duration::from_secs(30),
            kill_grace: Duration::from_secs(5),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("seed", &self.seed)
            .field("event_capacity", &self.event_capacity)
            .field("ask_deadline", &self.ask_deadline)
            .field("kill_grace", &self.kill_grace)
            .finish_non_exhaustive()
    }
}
