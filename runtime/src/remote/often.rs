//! How often one agent may come: each coming and going is a restart of its actor, and whoever flaps must not keep a supervisor busy.

use std::time::Duration;

use tokio::time::Instant;

/// Arrivals at once after a pause.
const AT_ONCE: u32 = 10;
/// And then one in so long.
const EACH: Duration = Duration::from_secs(1);

/// Arrivals that are left, as a bucket that fills by itself.
#[derive(Debug, Default)]
pub(super) struct Often {
    /// When it will be full again.
    full: Option<Instant>,
}

impl Often {
    /// Takes one; else how long until there is one.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let full = self.full.map_or(now, |full| full.max(now));
        let after = full + EACH;
        let most = now + EACH * AT_ONCE;
        if after > most {
            return Err(after - most);
        }
        self.full = Some(after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_come_at_once_and_then_one_a_second() {
        let (mut often, now) = (Often::default(), Instant::now());
        let at = |ms| now + Duration::from_millis(ms);
        for _ in 0..10 {
            assert!(often.take(at(0)).is_ok());
        }
        assert_eq!(often.take(at(0)), Err(Duration::from_secs(1)));
        assert_eq!(often.take(at(600)), Err(Duration::from_millis(400)));
        assert!(often.take(at(1_000)).is_ok());
        assert!(often.take(at(1_000)).is_err());
        for _ in 0..10 {
            assert!(often.take(at(60_000)).is_ok());
        }
    }
}
