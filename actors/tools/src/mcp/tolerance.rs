//! How much a server may send that nobody asked for. Pure: it is told the time.

use std::time::Instant;

use super::limits::{UNASKED_BURST, UNASKED_LEAST, UNASKED_RATE};

/// A purse that fills up again: progress and log lines of an honest server fit, a flood does not.
#[derive(Debug)]
pub(crate) struct Tolerance {
    left: u64,
    seen: Instant,
}

impl Tolerance {
    /// A full purse.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            left: UNASKED_BURST,
            seen: now,
        }
    }

    /// Whether so many bytes more are borne.
    pub(crate) fn bears(&mut self, bytes: usize, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.seen);
        let gained = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let gained = gained.saturating_mul(UNASKED_RATE) / 1_000;
        // What is less than a millisecond is counted the next time.
        if gained > 0 {
            self.seen = now;
            self.left = self.left.saturating_add(gained).min(UNASKED_BURST);
        }
        let cost = (bytes as u64).max(UNASKED_LEAST);
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_honest_server_is_borne_and_a_flood_is_not() {
        let begun = Instant::now();
        let mut honest = Tolerance::new(begun);
        for second in 0..3_600_u64 {
            for _ in 0..100 {
                let now = begun + Duration::from_secs(second);
                assert!(honest.bears(300, now), "at second {second}");
            }
        }
        let mut flood = Tolerance::new(begun);
        let borne = (0..100_000).take_while(|_| flood.bears(50, begun)).count();
        assert_eq!(borne as u64, UNASKED_BURST / UNASKED_LEAST);
        // A flood that goes on for ever earns no more than the rate.
        assert!(!flood.bears(50, begun + Duration::from_micros(10)));
        assert!(flood.bears(50, begun + Duration::from_secs(1)));
        let mut large = Tolerance::new(begun);
        let messages = (0..100).take_while(|_| large.bears(4 << 20, begun)).count();
        assert_eq!(messages, 4);
    }
}
