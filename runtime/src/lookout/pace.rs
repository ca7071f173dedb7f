//! How often watchers are woken: at once while little happens, and all of them together every few milliseconds in a flood.

use std::time::{Duration, Instant};

/// How often watchers are woken in the long run at most. What happened meanwhile is told at once.
pub(super) const BEAT: Duration = Duration::from_millis(25);
/// How often they are woken at once after a rest: what is rare does not wait for a beat.
const AT_ONCE: f64 = 16.0;
/// Messages noted between two beats, beside those that somebody looks for in particular: an order more than a watcher is told of in a flood,
/// and few enough that it costs those who make it next to nothing.
pub(super) const NOTED: usize = 64;

/// So many at once, and then so many in a second.
#[derive(Debug)]
pub(super) struct Allowed {
    left: f64,
    at_once: f64,
    per_second: f64,
    at: Instant,
}

impl Allowed {
    /// `first` may be used up at once and does not come back beyond `at_once`.
    pub(super) fn new(first: f64, at_once: f64, per_second: f64, at: Instant) -> Self {
        Self {
            left: first,
            at_once,
            per_second,
            at,
        }
    }

    pub(super) fn refill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + since * self.per_second).min(self.at_once.max(self.left));
        self.at = now;
    }

    pub(super) fn is_some(&self) -> bool {
        self.left >= 1.0
    }

    pub(super) fn take(&mut self) -> bool {
        let may = self.is_some();
        if may {
            self.left -= 1.0;
        }
        may
    }
}

/// Whom an event wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wakes {
    /// Everybody who watches.
    All,
    /// Whoever keeps the beat, who will wake all.
    Beat,
    /// Nobody: it is told with others that wait for the beat.
    Nobody,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    wakings: Allowed,
    /// Whether a beat is under way that will wake all.
    waits: bool,
    /// Messages noted since watchers were woken last.
    messages: usize,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            wakings: Allowed::new(AT_ONCE, AT_ONCE, 1.0 / BEAT.as_secs_f64(), now),
            waits: false,
            messages: 0,
        }
    }

    /// Something was noted, a message or something rare. The clock is read only where that matters.
    pub(super) fn noted(&mut self, is_message: bool, now: impl FnOnce() -> Instant) -> Wakes {
        self.messages += usize::from(is_message);
        if self.waits {
            return Wakes::Nobody;
        }
        self.wakings.refill(now());
        if self.wakings.take() {
            self.messages = 0;
            return Wakes::All;
        }
        self.waits = true;
        Wakes::Beat
    }

    /// Whether more messages are noted than anybody is told.
    pub(super) fn is_full(&self) -> bool {
        self.waits && self.messages >= NOTED
    }

    /// The beat is over, and everybody is woken.
    pub(super) fn beat(&mut self, now: Instant) {
        self.wakings.refill(now);
        self.wakings.take();
        self.waits = false;
        self.messages = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rare_wakes_at_once_and_a_flood_wakes_with_the_beat() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin);
        for _ in 0..16 {
            assert_eq!(pace.noted(false, || begin), Wakes::All);
        }
        assert_eq!(pace.noted(false, || begin), Wakes::Beat);
        for _ in 0..NOTED {
            assert!(!pace.is_full());
            assert_eq!(
                pace.noted(true, || panic!("asked for the time")),
                Wakes::Nobody
            );
        }
        assert!(pace.is_full());
        pace.beat(begin + BEAT);
        assert!(!pace.is_full());
        assert_eq!(pace.noted(true, || begin + BEAT), Wakes::Beat);
        pace.beat(begin + 2 * BEAT);
        // After a rest it is as at first.
        let rested = begin + 20 * BEAT;
        for _ in 0..16 {
            assert_eq!(pace.noted(false, || rested), Wakes::All);
        }
        assert_eq!(pace.noted(false, || rested), Wakes::Beat);
    }
}
