//! Values against a JSON schema, for whoever checks a plan before its tools are called.

use aios_schema::{Mismatch, Schema};
use aios_work::{Problem, Validate};
use serde_json::Value;

/// Knows JSON Schema, as the toolbox does.
#[derive(Debug, Clone, Copy, Default)]
pub struct Validator;

impl Validate for Validator {
    fn problems(&self, schema: &Value, value: &Value) -> Vec<Problem> {
        match Schema::new(schema) {
            Ok(schema) => schema.mismatches(value).into_iter().map(problem).collect(),
            Err(unusable) => vec![Problem {
                at: String::new(),
                of_alternatives: false,
                says: format!("the tool cannot be called by anybody: {unusable}"),
            }],
        }
    }
}

fn problem(mismatch: Mismatch) -> Problem {
    let Mismatch {
        at,
        of_alternatives,
        says,
    } = mismatch;
    Problem {
        at,
        of_alternatives,
        says,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_with_its_place() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 3},
                "many": {"type": "array", "items": {"type": "integer"}},
                "either": {"anyOf": [{"type": "string"}, {"type": "null"}]}
            },
            "required": ["name"],
            "additionalProperties": false
        });
        let told = |value: Value| {
            let problems = Validator.problems(&schema, &value);
            let told = problems
                .into_iter()
                .map(|problem| (problem.at, problem.of_alternatives));
            told.collect::<Vec<_>>()
        };
        let at = |at: &str| (at.to_owned(), false);
        assert_eq!(
            told(json!({"name": "abc", "many": [1], "either": null})),
            []
        );
        assert_eq!(
            told(json!({"name": "abcd", "many": [1, "x"]})),
            [at("/name"), at("/many/1")]
        );
        assert_eq!(told(json!({"nam": 1})).len(), 2);
        assert_eq!(
            told(json!({"name": "a", "either": 3})),
            [("/either".to_owned(), true)]
        );
    }

    #[test]
    fn a_schema_that_is_none_is_a_problem_and_nothing_is_fetched() {
        for schema in [
            json!({"type": "nothing"}),
            json!({"$ref": "https://example.org/schema.json"}),
            json!(7),
        ] {
            let problems = Validator.problems(&schema, &json!({}));
            assert!(
                problems[0]
                    .says
                    .starts_with("the tool cannot be called by anybody"),
                "{schema}: {problems:?}"
            );
        }
    }
}
