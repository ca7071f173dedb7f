//! How long a failed child waits before it is started again: exponential, with jitter, forgotten after a stable run.

use std::time::Duration;

use rand::Rng;
use serde::{Deserialize, Serialize};

/// Waits grow from `first` by `factor` up to `max`; each is shortened by a random share of at most `jitter`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Wait before the first restart.
    pub first: Duration,
    /// Growth from one restart to the next, at least 1.
    pub factor: f64,
    /// No wait is longer.
    pub max: Duration,
    /// Share of the wait that chance may take away, 0 to 1; spreads out children that failed together.
    pub jitter: f64,
    /// A child that has run this long starts again from `first`.
    pub reset_after: Duration,
    /// Share of the wait kept when the child comes back warm from a checkpoint, 0 to 1.
    pub warm: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            factor: 2.0,
            max: Duration::from_secs(30),
            jitter: 0.2,
            reset_after: Duration::from_secs(60),
            warm: 0.1,
        }
    }
}

impl Backoff {
    /// The wait before restart number `attempt` (the first is 1) since the last stable run.
    pub fn delay(&self, attempt: u32, rng: &mut impl Rng) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let grown = self.first.as_secs_f64() * self.factor.powi(exponent);
        // `min` also answers infinity, which a long row of failures reaches.
        let capped = grown.min(self.max.as_secs_f64());
        let kept = 1.0 - self.jitter * rng.random::<f64>();
        Duration::try_from_secs_f64(capped * kept).unwrap_or(self.max)
    }

    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if !(self.factor.is_finite() && self.factor >= 1.0) {
            Some("factor must be at least 1")
        } else if !(0.0..=1.0).contains(&self.jitter) {
            Some("jitter must be between 0 and 1")
        } else if !(0.0..=1.0).contains(&self.warm) {
            Some("warm must be between 0 and 1")
        } else if self.max < self.first {
            Some("max must not be shorter than first")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::SmallRng};

    #[test]
    fn waits_double_up_to_the_longest() {
        let plain = Backoff {
            jitter: 0.0,
            ..Backoff::default()
        };
        let mut rng = SmallRng::seed_from_u64(1);
        for (attempt, expected_ms) in [
            (1, 100),
            (2, 200),
            (5, 1_600),
            (9, 25_600),
            (10, 30_000),
            (u32::MAX, 30_000),
        ] {
            assert_eq!(
                plain.delay(attempt, &mut rng).as_millis(),
                expected_ms,
                "attempt {attempt}"
            );
        }
    }

    #[test]
    fn jitter_only_shortens_and_the_same_seed_gives_the_same_waits() {
        let backoff = Backoff {
            jitter: 0.5,
            ..Backoff::default()
        };
        let waits = |seed| {
            let mut rng = SmallRng::seed_from_u64(seed);
            (1..20)
                .map(|attempt| backoff.delay(attempt, &mut rng))
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
        let mut rng = SmallRng::seed_from_u64(3);
        for _ in 0..1_000 {
            let wait = backoff.delay(1, &mut rng).as_millis();
            assert!((50..=100).contains(&wait), "{wait}");
        }
    }
}
