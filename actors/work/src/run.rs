//! What to do after a crash: the two rules that whoever keeps runs goes by, wherever what happened is written down.
//!
//! An operation that was begun and of whose end nobody heard goes by its tool's [`Effect`]; where nobody can know, a person is asked, and that
//! is the default. A run that was at work each time its node fell goes on alone, and then not at all.

use serde::{Deserialize, Serialize};

use crate::Effect;

/// After so many falls of the node in one place a run is parked.
pub const FALLS_MAX: usize = 3;

/// What may be done about an operation that was begun and of whose end nobody heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// Call it again, under the same key; `again` is told to the tool.
    Repeat {
        /// Whether the earlier call may have been carried out.
        again: bool,
    },
    /// Its provider can be asked by the key, by whoever keeps the run or by the tool itself when it is called again.
    AskProvider,
    /// Nobody but a person can know.
    AskPerson,
}

/// The rule, by what the tool says of being called twice. Whoever carries operations out goes by it.
#[must_use]
pub fn unheard(effect: Effect) -> Unheard {
    match effect {
        Effect::Pure => Unheard::Repeat { again: false },
        Effect::Repeatable => Unheard::Repeat { again: true },
        Effect::Query => Unheard::AskProvider,
        Effect::Ask => Unheard::AskPerson,
    }
}

/// How often in a row the node fell while a run was at work and came no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Falls {
    /// So often.
    #[serde(rename = "falls")]
    pub count: u32,
    /// How many of its operations were done when it fell last.
    #[serde(default)]
    pub done: usize,
}

/// What follows from the falls of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFalls {
    /// It goes on with the others.
    Go,
    /// It goes on when the others have come to rest, one at a time: whoever falls alone is known.
    Alone,
    /// It is set aside with its evidence, and the others go on.
    Park,
}

impl Falls {
    /// One fall more, with so many operations done by now. A run that came further since is not what fells the node: the count begins anew.
    #[must_use]
    pub fn once_more(self, done: usize) -> Self {
        Self {
            count: if done > self.done { 1 } else { self.count + 1 },
            done: done.max(self.done),
        }
    }

    /// The one rule for a run whose node fell, wherever its falls are written down.
    #[must_use]
    pub fn lead_to(self) -> AfterFalls {
        let falls = self.count as usize;
        if falls >= FALLS_MAX {
            AfterFalls::Park
        } else if falls == FALLS_MAX - 1 {
            AfterFalls::Alone
        } else {
            AfterFalls::Go
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_of_whose_end_nobody_heard_goes_the_way_of_its_effect() {
        for (effect, expected) in [
            (Effect::Pure, Unheard::Repeat { again: false }),
            // It is told to the tool that it may be the second time.
            (Effect::Repeatable, Unheard::Repeat { again: true }),
            (Effect::Query, Unheard::AskProvider),
            (Effect::Ask, Unheard::AskPerson),
        ] {
            assert_eq!(unheard(effect), expected, "{effect:?}");
        }
    }

    #[test]
    fn falls_lead_to_going_on_with_the_others_then_alone_then_aside() {
        use AfterFalls::{Alone, Go, Park};
        // What was done at each fall, and what follows from the last.
        for (done, expected) in [
            (vec![], Go),
            (vec![0], Go),
            (vec![0, 0], Alone),
            (vec![0, 0, 0], Park),
            (vec![2, 2], Alone),
            (vec![0, 0, 1], Go),
            (vec![0, 0, 1, 1], Alone),
            (vec![0, 0, 1, 1, 1], Park),
            (vec![1, 2, 3, 4, 5], Go),
            // A result that was taken back is no progress.
            (vec![3, 2, 3], Park),
        ] {
            let falls = done
                .iter()
                .fold(Falls::default(), |falls, done| falls.once_more(*done));
            assert_eq!(falls.lead_to(), expected, "{done:?}");
        }
    }
}
