//! How many requests are taken in a time: a bucket that fills steadily and is emptied by one a request.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    a_second: f64,
    most: f64,
    level: Mutex<(f64, Instant)>,
}

impl Bucket {
    /// Takes so many a second, and after a while without any so many at once.
    pub(super) fn new(a_second: u32, most: u32) -> Self {
        Self {
            a_second: f64::from(a_second.max(1)),
            most: f64::from(most.max(1)),
            level: Mutex::new((f64::from(most.max(1)), Instant::now())),
        }
    }

    /// One is taken, or the time after which it would be.
    pub(super) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut level = self.level.lock();
        let (left, at) = *level;
        let passed = now.saturating_duration_since(at).as_secs_f64();
        let left = (left + passed * self.a_second).min(self.most);
        if left < 1.0 {
            *level = (left, now);
            return Err(Duration::from_secs_f64((1.0 - left) / self.a_second));
        }
        *level = (left - 1.0, now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_so_many_a_second() {
        let bucket = Bucket::new(2, 3);
        let begun = Instant::now();
        for _ in 0..3 {
            assert_eq!(bucket.take(begun), Ok(()));
        }
        let wait = bucket.take(begun).unwrap_err();
        assert!(wait > Duration::from_millis(490) && wait <= Duration::from_millis(500));
        let later = begun + Duration::from_millis(501);
        assert_eq!(bucket.take(later), Ok(()));
        assert!(bucket.take(later).is_err());
        let much_later = later + Duration::from_secs(3_600);
        let taken = (0..10).filter(|_| bucket.take(much_later).is_ok()).count();
        assert_eq!(taken, 3, "it does not overflow");
    }
}
