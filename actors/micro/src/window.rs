//! Restart intensity for a whole zone: how many agents of a kind may be restarted within a sliding window.
//!
//! A supervisor remembers every moment; at a hundred thousand restarts a second that is too much, so the window is sixteen
//! buckets. It counts at least everything within the window and at most one bucket more: it may refuse a sixteenth early,
//! never late.

use crate::Intensity;

const BUCKETS: u64 = 16;

/// The restarts that still count.
#[derive(Debug)]
pub(crate) struct Window {
    limit: u64,
    bucket_ms: u64,
    buckets: [(u64, u64); BUCKETS as usize + 1], // (number of the bucket in time, restarts in it)
}

impl Window {
    pub(crate) fn new(intensity: Intensity) -> Self {
        let bucket_ms = (intensity.within.as_millis() as u64)
            .div_ceil(BUCKETS)
            .max(1);
        Self {
            limit: u64::from(intensity.restarts),
            bucket_ms,
            buckets: Default::default(),
        }
    }

    /// Takes one restart at `now_ms` into account; false when it is one too many, and then it is not counted.
    pub(crate) fn admit(&mut self, now_ms: u64) -> bool {
        let bucket = now_ms / self.bucket_ms + BUCKETS; // so that bucket 0 of an empty window is long past
        let used: u64 = self
            .buckets
            .iter()
            .filter(|(at, _)| at + BUCKETS >= bucket)
            .map(|(_, count)| count)
            .sum();
        if used >= self.limit {
            return false;
        }
        let place = &mut self.buckets[(bucket % (BUCKETS + 1)) as usize];
        if place.0 != bucket {
            *place = (bucket, 0);
        }
        place.1 += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn restarts_beyond_the_limit_are_refused_until_the_window_has_passed() {
        let mut window = Window::new(Intensity {
            restarts: 2,
            within: Duration::from_secs(16),
        });
        let at = [
            (0, true),
            (500, true),
            (600, false),
            (15_900, false),
            (17_000, true),
            (17_100, true),
            (17_200, false),
        ];
        for (now, admitted) in at {
            assert_eq!(window.admit(now), admitted, "at {now} ms");
        }
    }

    #[test]
    fn no_restart_is_admitted_where_none_is_allowed() {
        let mut window = Window::new(Intensity {
            restarts: 0,
            within: Duration::from_secs(1),
        });
        assert!(!window.admit(0));
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_the_limit(
            mut moments in prop::collection::vec(0u64..20_000, 1..300), limit in 1u32..20, within in 1u64..5_000
        ) {
            moments.sort_unstable();
            let mut window = Window::new(Intensity { restarts: limit, within: Duration::from_millis(within) });
            let admitted: Vec<u64> = moments.into_iter().filter(|now| window.admit(*now)).collect();
            for (i, start) in admitted.iter().enumerate() {
                let inside = admitted[i..].iter().take_while(|at| **at <= start + within).count();
                prop_assert!(inside <= limit as usize, "{inside} of {limit} from {start}");
            }
        }
    }
}
