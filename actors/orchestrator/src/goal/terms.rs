//! What a goal was asked under, and how far an answer that was got under it answers who asks again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use aios_work::content::{Answer, GoalRequest, GoalStatus, hex};

use crate::Settings;

/// The limits of a goal. Zeros are an answer from before they were kept: anything asked now is more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Terms {
    deadline_ms: u64,
    task_deadline_ms: u64,
    tokens: u64,
    tasks: u64,
    money_micros: u64,
    /// What a thousand tokens cost: the less, the further the money goes.
    price_micros: u64,
    /// SHA-256 over the policies of recovery, in hexadecimal: none is more than another, only different.
    policies: String,
}

impl Terms {
    /// Those of a request under a node's settings.
    pub(crate) fn of(request: &GoalRequest, settings: &Settings) -> Self {
        // A struct of numbers and words always has a JSON form.
        let policies = serde_json::to_vec(&settings.policies).unwrap_or_default();
        Self {
            deadline_ms: request.deadline_ms,
            task_deadline_ms: request.task_deadline_ms,
            tokens: request.tokens.into(),
            tasks: request.tasks.into(),
            money_micros: request.money_micros,
            price_micros: settings.price_micros,
            policies: hex(&Sha256::digest(policies)),
        }
    }

    /// Whether these leave room that the others did not.
    fn exceed(&self, before: &Self) -> bool {
        self.deadline_ms > before.deadline_ms
            || self.task_deadline_ms > before.task_deadline_ms
            || self.tokens > before.tokens
            || self.tasks > before.tasks
            || self.money_micros > before.money_micros
            || self.price_micros < before.price_micros
            || self.policies != before.policies
    }

    /// Whether an answer that was got under these terms answers who asks under others now; `again` is the same asking, handed over once
    /// more because a planner fell.
    ///
    /// A whole answer stands whatever is asked. One that lacks something stands where no more is allowed than it had. A failure that no
    /// limit was the cause of stands only for those who asked then: whatever it was may have passed.
    pub(crate) fn hold(&self, answer: &Answer, now: &Self, again: bool) -> bool {
        match answer.status {
            GoalStatus::Approved | GoalStatus::Unverified => true,
            _ if now.exceed(self) => false,
            _ if again => true,
            GoalStatus::Partial => true,
            GoalStatus::Failed => answer.ended_by.is_some() || !answer.waits_for.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::{Ended, OverBudget};

    fn terms() -> Terms {
        Terms {
            deadline_ms: 100,
            task_deadline_ms: 100,
            tokens: 100,
            tasks: 100,
            money_micros: 100,
            price_micros: 100,
            policies: "a".to_owned(),
        }
    }

    fn answer(status: GoalStatus, limited: bool, waits: bool) -> Answer {
        Answer {
            status,
            waits_for: if waits { vec!["ap".to_owned()] } else { vec![] },
            ended_by: limited.then_some(Ended::OverBudget(OverBudget::Tokens {
                asked: 2,
                left: 1,
                allowed: 1,
            })),
            ..Answer::none("g")
        }
    }

    #[test]
    fn every_limit_that_is_raised_is_room_and_none_that_is_lowered() {
        type Change = fn(&mut Terms, u64);
        let rows: [(Change, bool); 6] = [
            (|t, to| t.deadline_ms = to, true),
            (|t, to| t.task_deadline_ms = to, true),
            (|t, to| t.tokens = to, true),
            (|t, to| t.tasks = to, true),
            (|t, to| t.money_micros = to, true),
            // A dearer model leaves less.
            (|t, to| t.price_micros = to, false),
        ];
        assert!(!terms().exceed(&terms()));
        for (at, (change, more_is_room)) in rows.into_iter().enumerate() {
            for (to, more) in [(99, false), (101, true)] {
                let mut now = terms();
                change(&mut now, to);
                assert_eq!(now.exceed(&terms()), more == more_is_room, "{at} {to}");
            }
        }
        let other = Terms {
            policies: "b".to_owned(),
            ..terms()
        };
        assert!(other.exceed(&terms()));
        assert!(terms().exceed(&Terms::default()), "nothing is known of it");
    }

    #[test]
    fn a_whole_answer_stands_and_one_that_lacks_something_only_where_no_more_is_allowed() {
        use GoalStatus::{Approved, Failed, Partial};
        let more = Terms {
            tokens: 101,
            ..terms()
        };
        // Status, cut short by a limit, waits for a human; then under the same terms, under larger ones, handed over again under the same.
        let rows = [
            (Approved, false, false, [true, true, true]),
            (Approved, true, false, [true, true, true]),
            (Partial, false, false, [true, false, true]),
            (Partial, true, false, [true, false, true]),
            (Failed, true, false, [true, false, true]),
            (Failed, false, false, [false, false, true]),
            (Failed, false, true, [true, false, true]),
        ];
        for (status, limited, waits, expected) in rows {
            let answer = answer(status, limited, waits);
            let then = terms();
            let held = [
                then.hold(&answer, &terms(), false),
                then.hold(&answer, &more, false),
                then.hold(&answer, &terms(), true),
            ];
            assert_eq!(held, expected, "{status:?} {limited} {waits}");
        }
    }
}
