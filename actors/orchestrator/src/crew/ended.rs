//! How a question ends without an answer, for programs and for people.

use aios_actors::agent::AgentError;
use aios_work::OverBudget;
use aios_work::content::NoAnswer;

/// Why a run ended without an answer.
pub(super) enum Ended {
    /// It is told to whoever asked.
    Unanswered(NoAnswer),
    /// The agent itself failed: whoever hosts it decides.
    Fault(AgentError),
}

impl<E: Into<AgentError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

pub(super) fn stopped(by: aios_work::Ended) -> Ended {
    Ended::Unanswered(NoAnswer::Stopped { by })
}

pub(super) fn failed(reason: impl Into<String>) -> Ended {
    Ended::Unanswered(NoAnswer::Failed {
        reason: reason.into(),
    })
}

/// Why there is no answer, for a person.
pub(super) fn told(none: &NoAnswer) -> String {
    use aios_work::Ended as By;
    match none {
        NoAnswer::Stopped { by } => match by {
            By::OverBudget(OverBudget::Tokens {
                asked,
                left,
                allowed,
            }) => format!(
                "its token budget is used up: {asked} needed, {left} of {allowed} left; raise budget.tokens in the charter"
            ),
            By::OverBudget(OverBudget::Money {
                asked,
                left,
                allowed,
            }) => format!(
                "its money is used up: {asked} millionths needed, {left} of {allowed} left; raise budget.money in the charter"
            ),
            By::OverBudget(OverBudget::Time { allowed, .. }) => format!(
                "its time of {allowed} ms is used up; raise budget.time in the charter, or give it longer"
            ),
            By::TooLong { asked, allowed } => format!(
                "it came to no answer: turn {asked} would begin, {allowed} are allowed; raise budget.turns in the charter, or ask for less"
            ),
            other => format!("it was stopped: {other}"),
        },
        NoAnswer::Waits { approval } => format!(
            "it waits for a person's decision about approval {approval}; decide it with `aios approvals accept {approval}` and ask again in the same words"
        ),
        NoAnswer::InDoubt { reason } | NoAnswer::Failed { reason } => reason.clone(),
    }
}
