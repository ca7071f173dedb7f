//! What cuts a run short, in a form that a program can match.

use serde::{Deserialize, Serialize};

use super::budget::OverBudget;
use super::guard::Looping;

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
