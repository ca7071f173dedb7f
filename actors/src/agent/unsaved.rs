//! What an agent has done since it was last saved, and when that has become too much to lose. It is saved without asking for it, so that a
//! crash costs no more than its tier may lose; one that has nothing to save is asked and says so.

use std::time::Duration;

use aios_protocols::Tier;
use tokio::time::Instant;

/// How much a tier's agents may lose: so many turns, or what they did in so long. Micro agents are not saved.
const MACRO: (u32, Duration) = (10, Duration::from_secs(60));
const MESO: (u32, Duration) = (u32::MAX, Duration::from_secs(300));
/// How long it waits at least to be saved again when that came to nothing: a disk that is full is so for a while.
const RETRY: Duration = Duration::from_secs(5);

/// Turns that are in no checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Unsaved {
    turns: u32,
    since: Option<Instant>,
    /// Not before, because saving has failed.
    not_before: Option<Instant>,
}

impl Unsaved {
    /// A turn has ended.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.turns = self.turns.saturating_add(1);
        self.since.get_or_insert(now);
    }

    /// It has been saved.
    pub(crate) fn saved(&mut self) {
        *self = Self::default();
    }

    /// It should have been saved, and what it has done is in no checkpoint still.
    pub(crate) fn not_saved(&mut self, now: Instant) {
        self.since.get_or_insert(now);
        self.not_before = Some(now + RETRY);
    }

    /// When it is to be saved at the latest; none if there is nothing to lose.
    pub(crate) fn due(&self, tier: Tier) -> Option<Instant> {
        let since = self.since?;
        let (turns, within) = match tier {
            Tier::Macro => MACRO,
            Tier::Meso => MESO,
            Tier::Micro => return None,
        };
        let due = match self.turns >= turns {
            true => since,
            false => since + within,
        };
        Some(self.not_before.map_or(due, |retry| due.max(retry)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tier_loses_so_many_turns_or_so_long_at_most() {
        let begin = Instant::now();
        let second = Duration::from_secs;
        for (tier, turns, due) in [
            (Tier::Macro, 0, None),
            (Tier::Macro, 1, Some(second(60))),
            (Tier::Macro, 9, Some(second(60))),
            (Tier::Macro, 10, Some(second(0))),
            (Tier::Meso, 10_000, Some(second(300))),
            (Tier::Micro, 10_000, None),
        ] {
            let mut unsaved = Unsaved::default();
            for turn in 0..turns {
                unsaved.turn(begin + second(turn));
            }
            let expected = due.map(|after| begin + after);
            assert_eq!(unsaved.due(tier), expected, "{tier:?}, {turns}");
            unsaved.saved();
            assert_eq!(unsaved.due(tier), None, "{tier:?}, {turns}");
        }
    }

    #[test]
    fn what_was_not_saved_is_tried_again_and_not_at_once() {
        let begin = Instant::now();
        let mut unsaved = Unsaved::default();
        for _ in 0..10 {
            unsaved.turn(begin);
        }
        unsaved.not_saved(begin);
        assert_eq!(unsaved.due(Tier::Macro), Some(begin + RETRY));
        unsaved.saved();
        assert_eq!(unsaved.due(Tier::Macro), None);
        // It asked to be saved before it had done anything.
        unsaved.not_saved(begin);
        assert_eq!(unsaved.due(Tier::Macro), Some(begin + MACRO.1));
    }
}
