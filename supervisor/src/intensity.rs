//! Restart intensity: how many restarts a supervisor makes within a sliding window before it gives up.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};

/// At most `restarts` restarts within any span of `within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intensity {
    /// Restarts allowed; 0 gives up at the first failure.
    pub restarts: u32,
    /// Length of the window; its ends are inclusive, as in OTP.
    pub within: Duration,
}

impl Intensity {
    /// `restarts` within `within`.
    pub const fn new(restarts: u32, within: Duration) -> Self {
        Self { restarts, within }
    }
}

impl Default for Intensity {
    /// OTP's default: one restart in five seconds.
    fn default() -> Self {
        Self::new(1, Duration::from_secs(5))
    }
}

/// The restarts that still count, oldest first. Never holds more than [`Intensity::restarts`] moments.
#[derive(Clone, Debug)]
pub struct Window {
    limit: Intensity,
    moments: VecDeque<Duration>,
}

impl Window {
    /// An empty window.
    pub fn new(limit: Intensity) -> Self {
        Self {
            limit,
            moments: VecDeque::new(),
        }
    }

    /// The limit it enforces.
    pub fn limit(&self) -> Intensity {
        self.limit
    }

    /// Takes one restart at `now` into account; false when it would be one too many, and then it is not counted.
    pub fn admit(&mut self, now: Duration) -> bool {
        self.forget(now);
        if self.moments.len() >= self.limit.restarts as usize {
            return false;
        }
        self.moments.push_back(now);
        true
    }

    /// Restarts that count at `now`.
    pub fn used(&self, now: Duration) -> u32 {
        let counted = self
            .moments
            .iter()
            .filter(|then| self.counts(**then, now))
            .count();
        u32::try_from(counted).unwrap_or(u32::MAX)
    }

    fn forget(&mut self, now: Duration) {
        while let Some(oldest) = self.moments.front() {
            if self.counts(*oldest, now) {
                break;
            }
            self.moments.pop_front();
        }
    }

    fn counts(&self, then: Duration, now: Duration) -> bool {
        now.saturating_sub(then) <= self.limit.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_window_slides_by_the_millisecond_and_its_ends_are_inclusive() {
        // (limit, restarts asked at, admitted)
        let rows: &[(Intensity, &[u64], &[bool])] = &[
            (Intensity::new(0, ms(10)), &[0, 100], &[false, false]),
            (
                Intensity::new(1, ms(10)),
                &[0, 10, 11],
                &[true, false, true],
            ),
            (
                Intensity::new(2, ms(10)),
                &[0, 5, 9, 11, 12],
                &[true, true, false, true, false],
            ),
            (
                Intensity::new(3, ms(0)),
                &[7, 7, 7, 7, 8],
                &[true, true, true, false, true],
            ),
        ];
        for (limit, asked, admitted) in rows {
            let mut window = Window::new(*limit);
            let got: Vec<bool> = asked.iter().map(|t| window.admit(ms(*t))).collect();
            assert_eq!(&got, admitted, "{limit:?} asked at {asked:?}");
        }
    }

    #[test]
    fn used_counts_only_what_is_inside_the_window() {
        let mut window = Window::new(Intensity::new(3, ms(10)));
        assert!(window.admit(ms(0)) && window.admit(ms(6)));
        assert_eq!(
            [ms(6), ms(10), ms(11), ms(17)].map(|t| window.used(t)),
            [2, 2, 1, 0]
        );
    }
}
