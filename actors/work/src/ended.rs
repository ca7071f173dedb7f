//! What a goal spent, and what cuts a run short, in a form that a program can match.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What cut a run short: a guard or a budget. The first one is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Ended {
    /// The same thing was done again and again and nothing came of it.
    Looping(Looping),
    /// Something would have cost more than there was.
    OverBudget(OverBudget),
    /// One message led to another too often.
    TooDeep {
        /// How deep it would have been.
        asked: u32,
        /// How deep it may be.
        allowed: u32,
    },
    /// Too much was under way at once.
    TooWide {
        /// How much it would have been.
        asked: u32,
        /// How much it may be.
        allowed: u32,
    },
    /// Too much was begun in too short a time.
    TooFast {
        /// How much it would have been.
        asked: u32,
        /// How much it may be within that time.
        allowed: u32,
        /// The time, in milliseconds.
        within_ms: u64,
    },
    /// It came to no end in the turns it had.
    TooLong {
        /// Turns it would have taken.
        asked: u32,
        /// Turns it may take.
        allowed: u32,
    },
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Looping(looping) => looping.fmt(f),
            Self::OverBudget(over) => over.fmt(f),
            Self::TooDeep { asked, allowed } => {
                write!(
                    f,
                    "{asked} orders deep, {allowed} allowed; who orders from whom goes round in circles"
                )
            }
            Self::TooWide { asked, allowed } => {
                write!(
                    f,
                    "{asked} at work at once, {allowed} allowed; ask for less at once"
                )
            }
            Self::TooFast {
                asked,
                allowed,
                within_ms,
            } => {
                write!(
                    f,
                    "{asked} begun within {within_ms} ms, {allowed} allowed; it breeds orders"
                )
            }
            Self::TooLong { asked, allowed } => {
                write!(
                    f,
                    "turn {asked} would begin, {allowed} are allowed; ask for less, or allow more turns"
                )
            }
        }
    }
}

/// What was spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Calls of the model.
    pub calls: u64,
    /// Tokens, prompt included.
    pub tokens: u64,
    /// Millionths of the currency that the price is in.
    pub money_micros: u64,
}

/// A call would cost more than there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum OverBudget {
    /// Tokens.
    #[error(
        "the goal's token budget is used up: {asked} needed, {left} of {allowed} left; raise goal.tokens"
    )]
    Tokens {
        /// Tokens the call may take.
        asked: u64,
        /// Tokens left.
        left: u64,
        /// Tokens of the goal.
        allowed: u64,
    },
    /// Money.
    #[error(
        "the goal's money is used up: {asked} millionths needed, {left} of {allowed} left; raise goal.money_micros"
    )]
    Money {
        /// What the call may cost.
        asked: u64,
        /// What is left.
        left: u64,
        /// What the goal may cost.
        allowed: u64,
    },
    /// Time.
    #[error(
        "the goal's time is used up: {asked} ms needed, {left} of {allowed} ms left; raise goal.deadline_ms"
    )]
    Time {
        /// The shortest call that is of use, in milliseconds.
        asked: u64,
        /// What is left, in milliseconds.
        left: u64,
        /// What the goal may take, in milliseconds.
        allowed: u64,
    },
}

impl OverBudget {
    /// The goal's time is over.
    #[must_use]
    pub fn late(left: Duration, allowed: Duration) -> Self {
        Self::Time {
            asked: CALL_LEAST.as_millis() as u64,
            left: left.as_millis() as u64,
            allowed: allowed.as_millis() as u64,
        }
    }
}

/// The shortest time in which a model call can be of use.
pub const CALL_LEAST: Duration = Duration::from_millis(10);

/// The same thing was done again and again and nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error(
    "{act} was done {times} times with the same arguments and nothing came of it, {allowed} allowed; it goes round in circles"
)]
pub struct Looping {
    /// The act.
    pub act: String,
    /// How often it would have been done.
    pub times: u32,
    /// How often it may be.
    pub allowed: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_one_json_form_and_comes_back_from_it() {
        let rows = [
            (
                Ended::Looping(Looping {
                    act: "sql".to_owned(),
                    times: 25,
                    allowed: 24,
                }),
                r#"{"by":"looping","act":"sql","times":25,"allowed":24}"#,
            ),
            (
                Ended::OverBudget(OverBudget::Tokens {
                    asked: 3,
                    left: 2,
                    allowed: 9,
                }),
                r#"{"by":"over_budget","of":"tokens","asked":3,"left":2,"allowed":9}"#,
            ),
            (
                Ended::TooDeep {
                    asked: 17,
                    allowed: 16,
                },
                r#"{"by":"too_deep","asked":17,"allowed":16}"#,
            ),
        ];
        for (ended, json) in rows {
            assert_eq!(serde_json::to_string(&ended).unwrap(), json);
            assert_eq!(serde_json::from_str::<Ended>(json).unwrap(), ended);
        }
    }
}
