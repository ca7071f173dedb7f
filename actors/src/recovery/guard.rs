//! Ends what goes round in circles: the same act with the same arguments while nothing comes of it, and orders that breed orders.

use std::collections::HashMap;

use aios_work::Looping;
use sha2::{Digest, Sha256};

/// How deep one message may lead to another that leads to another. The longest way here is four: gateway, interface, planner, executor.
pub const DEPTH_MAX: u32 = 16;
/// The same act without progress, in one goal.
pub const REPEATS_MAX: u32 = 24;

/// Watches one run. Pure.
#[derive(Debug, Clone)]
pub struct Trajectory {
    allowed: u32,
    /// How far the run had come when the act was last done, and how often it was done since.
    seen: HashMap<[u8; 32], (u64, u32)>,
}

impl Trajectory {
    /// Lets the same act with the same arguments happen so often before something must have come of it.
    #[must_use]
    pub fn new(allowed: u32) -> Self {
        Self {
            allowed,
            seen: HashMap::new(),
        }
    }

    /// About to do `act`; `progress` is any number that rises when the run gets on.
    ///
    /// # Errors
    /// When it was done as often as allowed since the run last got on.
    pub fn about_to(&mut self, act: &str, arguments: &[u8], progress: u64) -> Result<(), Looping> {
        let mut hash = Sha256::new();
        hash.update((act.len() as u64).to_le_bytes());
        hash.update(act);
        hash.update(arguments);
        let (at, times) = self
            .seen
            .entry(hash.finalize().into())
            .or_insert((progress, 0));
        if *at != progress {
            (*at, *times) = (progress, 0);
        }
        *times = times.saturating_add(1);
        if *times > self.allowed {
            return Err(Looping {
                act: act.to_owned(),
                times: *times,
                allowed: self.allowed,
            });
        }
        Ok(())
    }
}

impl Default for Trajectory {
    fn default() -> Self {
        Self::new(REPEATS_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: act, arguments, progress, whether it may be done.
    #[test]
    fn the_same_act_without_progress_ends_and_anything_new_does_not() {
        let rows = [
            ("sql", "a", 0, true),
            ("sql", "a", 0, true),
            ("sql", "b", 0, true),
            ("chart", "a", 0, true),
            ("sql", "a", 0, false),
            ("sql", "a", 0, false),
            ("sql", "a", 1, true),
            ("sql", "a", 1, true),
            ("sql", "a", 1, false),
        ];
        let mut guard = Trajectory::new(2);
        for (at, (act, arguments, progress, may)) in rows.into_iter().enumerate() {
            let got = guard.about_to(act, arguments.as_bytes(), progress);
            assert_eq!(got.is_ok(), may, "row {at}: {got:?}");
        }
        let error = guard.about_to("sql", b"a", 1).unwrap_err();
        assert_eq!((error.times, error.allowed), (4, 2));
    }
}
