//! What follows a failed attempt: again, after how long, or one declared way out. Pure data and one function.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How waits grow from one attempt to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryBackoff {
    /// 1, 2, 4, ... times the first.
    Exponential {
        /// Wait before the first retry.
        first: Duration,
        /// No wait is longer.
        max: Duration,
    },
    /// 1, 2, 3, ... times the step.
    Linear {
        /// Wait before the first retry, and growth.
        step: Duration,
        /// No wait is longer.
        max: Duration,
    },
    /// At once: right for errors that time does not heal, such as a malformed answer.
    Immediate,
}

impl RetryBackoff {
    /// The wait before retry number `retry` (the first is 1).
    pub fn delay(&self, retry: u32) -> Duration {
        match *self {
            Self::Exponential { first, max } => {
                let factor = 1_u32
                    .checked_shl(retry.saturating_sub(1))
                    .unwrap_or(u32::MAX);
                first.saturating_mul(factor).min(max)
            }
            Self::Linear { step, max } => step.saturating_mul(retry).min(max),
            Self::Immediate => Duration::ZERO,
        }
    }
}

/// What went wrong, as far as retrying is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// May pass: a timeout, a full queue, a service that is down.
    Transient,
    /// The answer was malformed; asking again at once may do.
    Syntax,
    /// Will not pass: refused, not permitted, no such thing.
    Permanent,
}

/// The way out when retrying is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recourse {
    /// Plan the task anew in simpler steps.
    #[default]
    ReplanAndSimplify,
    /// Use an earlier result.
    Cached,
    /// Give it to another backend.
    Delegate,
    /// Deliver what there is and name the gaps.
    Partial,
    /// Ask a human.
    Human,
}

/// The policy of one kind of task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Retries after the first attempt.
    pub retries: u32,
    /// Wait between attempts after a transient failure; after a malformed answer there is none.
    pub backoff: RetryBackoff,
    /// Time one attempt may take.
    pub attempt_timeout: Duration,
    /// The way out.
    pub then: Recourse,
}

impl Default for RetryPolicy {
    /// Three retries after 1, 2 and 4 seconds, 30 seconds an attempt, then a simpler plan.
    fn default() -> Self {
        Self {
            retries: 3,
            backoff: RetryBackoff::Exponential {
                first: Duration::from_secs(1),
                max: Duration::from_secs(30),
            },
            attempt_timeout: Duration::from_secs(30),
            then: Recourse::default(),
        }
    }
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Try again.
    Again {
        /// After this wait.
        after: Duration,
    },
    /// Retrying is over.
    Then(Recourse),
}

impl RetryPolicy {
    /// After `failures` failed attempts (at least 1), the last of this kind, with `left` until the task's own deadline.
    pub fn after(&self, failures: u32, kind: Failure, left: Option<Duration>) -> AfterFailure {
        if kind == Failure::Permanent || failures > self.retries {
            return AfterFailure::Then(self.then);
        }
        let after = match kind {
            Failure::Syntax => Duration::ZERO,
            _ => self.backoff.delay(failures),
        };
        // A retry that could not even begin before the deadline only wastes the time of the way out.
        match left {
            Some(left) if after >= left => AfterFailure::Then(self.then),
            _ => AfterFailure::Again { after },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_three_backoffs_grow_as_named() {
        let rows = [
            (
                RetryBackoff::Exponential {
                    first: s(1),
                    max: s(30),
                },
                [1, 2, 4, 8, 16, 30, 30],
            ),
            (
                RetryBackoff::Linear {
                    step: s(5),
                    max: s(30),
                },
                [5, 10, 15, 20, 25, 30, 30],
            ),
            (RetryBackoff::Immediate, [0; 7]),
        ];
        for (backoff, expected) in rows {
            let waits: Vec<u64> = (1..=7)
                .map(|retry| backoff.delay(retry).as_secs())
                .collect();
            assert_eq!(waits, expected, "{backoff:?}");
            assert!(backoff.delay(u32::MAX) <= s(30));
        }
    }

    #[test]
    fn after_each_failure_there_is_one_thing_to_do() {
        let policy = RetryPolicy::default();
        let again = |after| AfterFailure::Again { after };
        let over = AfterFailure::Then(Recourse::ReplanAndSimplify);
        let rows = [
            (1, Failure::Transient, None, again(s(1))),
            (3, Failure::Transient, None, again(s(4))),
            (4, Failure::Transient, None, over),
            (1, Failure::Syntax, None, again(s(0))),
            (4, Failure::Syntax, None, over),
            (1, Failure::Permanent, None, over),
            (2, Failure::Transient, Some(s(3)), again(s(2))),
            (2, Failure::Transient, Some(s(2)), over),
        ];
        for (failures, kind, left, expected) in rows {
            assert_eq!(
                policy.after(failures, kind, left),
                expected,
                "{failures} {kind:?} {left:?}"
            );
        }
    }
}
