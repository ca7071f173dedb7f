//! How many requests are taken in a time: a bucket that fills steadily and is emptied by one a request.

use std::collections::HashMap;
use std::time::Duration;

use aios_protocols::PrincipalId;
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

    /// Whether as many could be taken as ever.
    fn is_full(&self, now: Instant) -> bool {
        let (left, at) = *self.level.lock();
        let passed = now.saturating_duration_since(at).as_secs_f64();
        left + passed * self.a_second >= self.most
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

/// Principals whose buckets are kept; those whose buckets are full again make room.
const PRINCIPALS: usize = 1_024;

/// A bucket for each principal, so that none uses up what another may.
#[derive(Debug)]
pub(super) struct Buckets {
    a_second: u32,
    most: u32,
    of: Mutex<HashMap<PrincipalId, Bucket>>,
}

impl Buckets {
    /// Each takes so many a second, and after a while without any so many at once.
    pub(super) fn new(a_second: u32, most: u32) -> Self {
        Self {
            a_second,
            most,
            of: Mutex::default(),
        }
    }

    /// One of a principal's is taken, or the time after which it would be.
    pub(super) fn take(&self, principal: &PrincipalId, now: Instant) -> Result<(), Duration> {
        let mut of = self.of.lock();
        if let Some(bucket) = of.get(principal) {
            return bucket.take(now);
        }
        if of.len() >= PRINCIPALS {
            of.retain(|_, bucket| !bucket.is_full(now));
        }
        let bucket = Bucket::new(self.a_second, self.most);
        of.entry(principal.clone()).or_insert(bucket).take(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_has_its_own() {
        let buckets = Buckets::new(1, 2);
        let begun = Instant::now();
        let name = |at: usize| format!("user:p{at}@local").parse().unwrap();
        for at in [1, 2] {
            let one: PrincipalId = name(at);
            assert!(buckets.take(&one, begun).is_ok() && buckets.take(&one, begun).is_ok());
            assert!(buckets.take(&one, begun).is_err());
        }
        for at in 0..2 * PRINCIPALS {
            let at_s = Duration::from_secs(at as u64);
            assert!(buckets.take(&name(at + 10), begun + at_s).is_ok());
        }
        assert!(buckets.of.lock().len() <= PRINCIPALS);
    }

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
