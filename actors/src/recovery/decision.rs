//! What follows a failed attempt. Pure: a policy, what has failed so far and the time left give one thing to do next.
//!
//! A task is tried, then its policy's recourse is taken once, then what is missing is named. A recourse that fails is never followed by a
//! stronger one, so every task ends.

use std::time::Duration;

use aios_protocols::ReasonKind;
use aios_supervisor::{AfterFailure, Failure, Recourse, RetryPolicy};

use crate::agent::{AskError, SendError};

/// Why an attempt failed, as far as recovery is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// May pass by itself.
    Passing,
    /// The answer was malformed; asking again at once may do.
    Malformed,
    /// The service itself failed and will fail again.
    Broken,
    /// What was asked cannot be done with this input, by anybody.
    BadInput,
    /// The service is resting: its breaker lets nothing through.
    Resting,
    /// Nobody knows whether it was carried out, so only a human can say whether to do it once more.
    InDoubt,
    /// The goal's time or budget is used up.
    Spent,
    /// A guard ended it: whatever follows would go round the same circle.
    Circling,
}

impl FailureKind {
    /// What an ask's error means.
    #[must_use]
    pub fn of(error: &AskError) -> Self {
        match error {
            AskError::Deadline { .. } | AskError::NotSent(SendError::NotTaking { .. }) => {
                Self::Passing
            }
            full if full.is_for_want_of_room() => Self::Passing,
            AskError::NotSent(SendError::TooDeep { .. }) => Self::Circling,
            AskError::Refused { reason, .. } | AskError::Failed { reason, .. } => {
                match reason.kind {
                    ReasonKind::Overloaded => Self::Passing,
                    ReasonKind::UnrecognisedValue => Self::Malformed,
                    ReasonKind::InDoubt => Self::InDoubt,
                    ReasonKind::UnsupportedValue
                    | ReasonKind::UnsupportedFunction
                    | ReasonKind::Unauthorised
                    | ReasonKind::MissingArgument => Self::BadInput,
                    _ => Self::Broken,
                }
            }
            _ => Self::Broken,
        }
    }

    /// Whether the service that was asked is to blame; none says nothing about it.
    #[must_use]
    pub fn blames_service(error: &AskError) -> Option<bool> {
        match error {
            AskError::Deadline { .. } => Some(true),
            AskError::Failed { reason, .. } => Some(matches!(
                reason.kind,
                ReasonKind::Overloaded
                    | ReasonKind::Unavailable
                    | ReasonKind::InternalError
                    | ReasonKind::UnrecognisedValue
                    | ReasonKind::InDoubt
            )),
            _ => None,
        }
    }

    fn retrying(self) -> Failure {
        match self {
            Self::Passing => Failure::Transient,
            Self::Malformed => Failure::Syntax,
            Self::Broken
            | Self::BadInput
            | Self::Resting
            | Self::InDoubt
            | Self::Spent
            | Self::Circling => Failure::Permanent,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The same attempt again, after this wait.
    Again {
        /// How long.
        after: Duration,
    },
    /// This way out. [`Recourse::Partial`] is the last one and cannot fail: the gap is named.
    Take(Recourse),
}

/// One task on its way.
#[derive(Debug, Clone)]
pub struct RetryState {
    policy: RetryPolicy,
    failures: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Trying,
    /// The recourse was begun; a failure now is its failure.
    Taken(Recourse),
    /// A human let it be tried once more.
    OnceMore,
}

impl RetryState {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(policy: RetryPolicy) -> Self {
        Self {
            policy,
            failures: 0,
            stage: Stage::Trying,
        }
    }

    /// After a failure, with `left` until the task must be done.
    pub fn failed(&mut self, kind: FailureKind, left: Option<Duration>) -> Next {
        let next = match self.stage {
            Stage::Trying => {
                self.failures = self.failures.saturating_add(1);
                match self.policy.after(self.failures, kind.retrying(), left) {
                    AfterFailure::Again { after } => return Next::Again { after },
                    AfterFailure::Then(recourse) => self.allowed(recourse, kind),
                }
            }
            // What a human allowed once and failed again is not asked a second time.
            Stage::OnceMore if kind == FailureKind::InDoubt => Recourse::Partial,
            Stage::OnceMore => self.allowed(Recourse::ReplanAndSimplify, kind),
            Stage::Taken(_) => Recourse::Partial,
        };
        self.stage = Stage::Taken(next);
        Next::Take(next)
    }

    /// A human let it be tried once more.
    pub fn approved(&mut self) {
        self.stage = Stage::OnceMore;
    }

    /// A recourse that cannot help is not taken.
    fn allowed(&self, recourse: Recourse, kind: FailureKind) -> Recourse {
        match (recourse, kind) {
            (_, FailureKind::Circling) => Recourse::Partial,
            // Whatever else would be done in its place might be done beside it.
            (_, FailureKind::InDoubt) => Recourse::Human,
            // Another executor reads the same input, and asks the same resting service.
            (
                Recourse::Delegate,
                FailureKind::BadInput | FailureKind::Resting | FailureKind::Spent,
            ) => Recourse::Partial,
            // A human cannot mend the file by saying yes, nor give time or money that way.
            (Recourse::Human, FailureKind::BadInput | FailureKind::Spent) => Recourse::Partial,
            _ => recourse,
        }
    }
}

#[cfg(test)]
mod tests {
    use aios_supervisor::RetryBackoff;

    use crate::agent::AgentError;

    use super::*;

    const fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn policy(retries: u32, then: Recourse) -> RetryPolicy {
        RetryPolicy {
            retries,
            backoff: RetryBackoff::Exponential {
                first: s(1),
                max: s(30),
            },
            attempt_timeout: s(30),
            then,
        }
    }

    /// Nothing was done, and nobody is to blame for it.
    #[test]
    fn want_of_room_on_either_side_passes() {
        let to: aios_protocols::Party = "macro.executor.001@global".parse().unwrap();
        let reason = aios_supervisor::Reason::Full { capacity: 1 };
        for full in [
            SendError::MailboxFull { to, reason },
            SendError::TooManyAsks {
                asked: 257,
                allowed: 256,
            },
            SendError::TooManyConversations {
                asked: 2,
                allowed: 1,
            },
        ] {
            let error = AskError::NotSent(full);
            assert_eq!(FailureKind::of(&error), FailureKind::Passing, "{error}");
            assert_eq!(FailureKind::blames_service(&error), None, "{error}");
            let told = AgentError::from(error);
            let reason = told.reason().map(|reason| reason.kind);
            assert_eq!(reason, Some(ReasonKind::Overloaded), "{told}");
        }
        let deep = AskError::NotSent(SendError::TooDeep {
            asked: 2,
            allowed: 1,
        });
        assert_eq!(FailureKind::of(&deep), FailureKind::Circling);
        assert!(!deep.is_for_want_of_room());
    }

    /// Rows: retries, recourse, the kinds of the failures in order, what follows each.
    #[test]
    fn what_follows_a_failure_is_one_table() {
        use FailureKind::{
            BadInput, Broken, Circling, InDoubt, Malformed, Passing, Resting, Spent,
        };
        use Recourse::{Cached, Delegate, Human, Partial, ReplanAndSimplify as Simpler};
        let again = |n| Next::Again { after: s(n) };
        let take = Next::Take;
        type Row = (u32, Recourse, &'static [FailureKind], Vec<Next>);
        let rows: Vec<Row> = vec![
            (
                2,
                Simpler,
                &[Passing, Passing, Passing, Passing],
                vec![again(1), again(2), take(Simpler), take(Partial)],
            ),
            (
                2,
                Cached,
                &[Malformed, Malformed, Passing],
                vec![again(0), again(0), take(Cached)],
            ),
            (
                3,
                Delegate,
                &[Broken, Broken],
                vec![take(Delegate), take(Partial)],
            ),
            (
                3,
                Delegate,
                &[BadInput, BadInput],
                vec![take(Partial), take(Partial)],
            ),
            (3, Delegate, &[Resting], vec![take(Partial)]),
            (
                3,
                Human,
                &[Passing, Broken, Broken],
                vec![again(1), take(Human), take(Partial)],
            ),
            (3, Human, &[BadInput], vec![take(Partial)]),
            (3, Human, &[Spent], vec![take(Partial)]),
            (3, Simpler, &[Spent], vec![take(Simpler)]),
            (3, Simpler, &[Circling], vec![take(Partial)]),
            (3, Cached, &[Circling], vec![take(Partial)]),
            (3, Delegate, &[Circling], vec![take(Partial)]),
            (3, Simpler, &[Resting], vec![take(Simpler)]),
            (
                3,
                Simpler,
                &[InDoubt, Broken],
                vec![take(Human), take(Partial)],
            ),
            (3, Cached, &[Passing, InDoubt], vec![again(1), take(Human)]),
            (3, Simpler, &[BadInput], vec![take(Simpler)]),
            (
                0,
                Partial,
                &[Passing, Passing],
                vec![take(Partial), take(Partial)],
            ),
        ];
        for (retries, then, kinds, expected) in rows {
            let mut state = RetryState::new(policy(retries, then));
            let got: Vec<Next> = kinds.iter().map(|kind| state.failed(*kind, None)).collect();
            assert_eq!(got, expected, "{retries} {then:?} {kinds:?}");
        }
    }

    #[test]
    fn what_a_human_allowed_is_tried_once_more_then_simpler_then_a_gap() {
        let mut state = RetryState::new(policy(0, Recourse::Human));
        assert_eq!(
            state.failed(FailureKind::Passing, None),
            Next::Take(Recourse::Human)
        );
        state.approved();
        assert_eq!(
            state.failed(FailureKind::Passing, None),
            Next::Take(Recourse::ReplanAndSimplify)
        );
        assert_eq!(
            state.failed(FailureKind::Passing, None),
            Next::Take(Recourse::Partial)
        );
    }

    #[test]
    fn what_is_in_doubt_a_human_alone_lets_be_done_once_more() {
        let mut state = RetryState::new(policy(3, Recourse::Cached));
        let failed = |state: &mut RetryState| state.failed(FailureKind::InDoubt, None);
        assert_eq!(failed(&mut state), Next::Take(Recourse::Human));
        state.approved();
        assert_eq!(failed(&mut state), Next::Take(Recourse::Partial));
    }

    #[test]
    fn a_retry_that_would_begin_after_the_deadline_is_not_made() {
        let mut state = RetryState::new(policy(9, Recourse::Cached));
        assert_eq!(
            state.failed(FailureKind::Passing, Some(s(2))),
            Next::Again { after: s(1) }
        );
        assert_eq!(
            state.failed(FailureKind::Passing, Some(s(1))),
            Next::Take(Recourse::Cached)
        );
    }

    #[test]
    fn every_task_ends_whatever_fails() {
        use FailureKind::{
            BadInput, Broken, Circling, InDoubt, Malformed, Passing, Resting, Spent,
        };
        for then in [
            Recourse::ReplanAndSimplify,
            Recourse::Cached,
            Recourse::Delegate,
            Recourse::Partial,
            Recourse::Human,
        ] {
            for kind in [
                Passing, Malformed, Broken, BadInput, Resting, InDoubt, Spent, Circling,
            ] {
                let mut state = RetryState::new(policy(3, then));
                let steps = (1..).find(|_| {
                    let next = state.failed(kind, None);
                    if next == Next::Take(Recourse::Human) {
                        state.approved();
                    }
                    next == Next::Take(Recourse::Partial)
                });
                assert!(
                    steps.is_some_and(|steps| steps <= 7),
                    "{then:?} {kind:?}: {steps:?}"
                );
            }
        }
    }
}
