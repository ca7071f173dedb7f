//! References: an argument that is what another task gives.
//!
//! In a plan's arguments `{"$from": "task-id", "at": "/json/pointer"}` stands for the value at that place of that task's result; without
//! `at` for the whole of it. Anything else is itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::PlanLimits;

/// The key that makes an object a reference.
pub const FROM: &str = "$from";
/// The key that says where in the result.
const AT: &str = "at";

/// A reference in a task's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference<'a> {
    /// The task.
    pub task: &'a str,
    /// A JSON pointer (RFC 6901) into its result; empty for all of it.
    pub at: &'a str,
}

impl<'a> Reference<'a> {
    /// The reference that a value is, if it is one.
    #[must_use]
    pub fn read(value: &'a Value) -> Option<Self> {
        let fields = value.as_object()?;
        let task = fields.get(FROM)?.as_str()?;
        let at = match fields.get(AT) {
            None => "",
            Some(at) => at.as_str()?,
        };
        let known = 1 + usize::from(fields.contains_key(AT));
        (fields.len() == known).then_some(Self { task, at })
    }
}

/// Every reference in some arguments.
#[must_use]
pub fn references(args: &Value) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    // Arguments are bounded in bytes, and so is how deep they go.
    let mut left = vec![args];
    while let Some(value) = left.pop() {
        if let Some(reference) = Reference::read(value) {
            found.push(reference);
            continue;
        }
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => left.extend(fields.values()),
            _ => {}
        }
    }
    found
}

/// Most bytes of arguments with their references replaced: sixteen times those a plan may write itself. A reference is short and what it
/// stands for is not, so a plan within its own limit could otherwise ask for any amount of memory.
pub const FILLED_BYTES: usize = 16 * PlanLimits::USUAL.args_bytes;
/// What a value counts beside its text.
const VALUE_BYTES: usize = 8;

/// The arguments with each reference replaced by what it stands for; none if one of them leads nowhere, or if they have more than
/// [`FILLED_BYTES`] then, which is noticed before more is copied.
#[must_use]
pub fn fill(args: &Value, results: &BTreeMap<String, Value>) -> Option<Value> {
    copy(args, Some(results), &mut { FILLED_BYTES })
}

/// A copy that takes its bytes from what is left; with results also of what its references stand for, which hold no references of their
/// own.
fn copy(
    value: &Value,
    results: Option<&BTreeMap<String, Value>>,
    left: &mut usize,
) -> Option<Value> {
    if let Some(results) = results
        && let Some(reference) = Reference::read(value)
    {
        let stands_for = results.get(reference.task)?.pointer(reference.at)?;
        return copy(stands_for, None, left);
    }
    let mut take = |bytes: usize| {
        *left = left.checked_sub(bytes)?;
        Some(())
    };
    take(VALUE_BYTES)?;
    Some(match value {
        Value::String(text) => {
            take(text.len())?;
            Value::String(text.clone())
        }
        Value::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| copy(item, results, left))
                .collect::<Option<_>>()?,
        ),
        Value::Object(fields) => {
            take(fields.keys().map(String::len).sum())?;
            Value::Object(
                fields
                    .iter()
                    .map(|(name, value)| Some((name.clone(), copy(value, results, left)?)))
                    .collect::<Option<_>>()?,
            )
        }
        plain => plain.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_replaced_by_what_they_stand_for() {
        let results = BTreeMap::from([
            ("a".to_owned(), json!({"rows": [[1, "x"]], "b/c": 7})),
            ("t".to_owned(), json!("text")),
        ]);
        let cases = [
            (json!({"$from": "t"}), Some(json!("text"))),
            (json!({"$from": "a", "at": "/rows/0/1"}), Some(json!("x"))),
            (json!({"$from": "a", "at": "/b~1c"}), Some(json!(7))),
            (json!([1, {"$from": "t"}]), Some(json!([1, "text"]))),
            (
                json!({"deep": {"er": {"$from": "a", "at": "/rows"}}}),
                Some(json!({"deep": {"er": [[1, "x"]]}})),
            ),
            (json!({"$from": "nobody"}), None),
            (json!({"$from": "a", "at": "/nothing"}), None),
            // Not of the form, so they are what they are.
            (json!({"$from": 3}), Some(json!({"$from": 3}))),
            (
                json!({"$from": "t", "more": 1}),
                Some(json!({"$from": "t", "more": 1})),
            ),
            (json!(null), Some(json!(null))),
        ];
        for (args, expected) in cases {
            assert_eq!(fill(&args, &results), expected, "{args}");
        }
        let args = json!({"x": [{"$from": "a"}], "y": {"$from": "t", "at": "/z"}, "z": 1});
        let mut named: Vec<_> = references(&args)
            .iter()
            .map(|reference| (reference.task, reference.at))
            .collect();
        named.sort_unstable();
        assert_eq!(named, [("a", ""), ("t", "/z")]);
    }

    #[test]
    fn what_references_stand_for_is_bounded_in_bytes() {
        let results = BTreeMap::from([
            ("text".to_owned(), json!("x".repeat(1_000))),
            ("rows".to_owned(), json!(vec![json!([1, null]); 1_000])),
            ("named".to_owned(), json!({ "n".repeat(1_000): true })),
        ]);
        let times = |count: usize, task: &str| json!(vec![json!({ "$from": task }); count]);
        for task in results.keys() {
            assert!(fill(&times(20, task), &results).is_some(), "{task}");
            assert_eq!(fill(&times(2_000, task), &results), None, "{task}");
        }
        // To the byte: the list, its texts, and each text's own.
        let most = (FILLED_BYTES - VALUE_BYTES) / (1_000 + VALUE_BYTES);
        let filled = fill(&times(most, "text"), &results).unwrap();
        assert_eq!(filled.as_array().unwrap().len(), most);
        assert_eq!(fill(&times(most + 1, "text"), &results), None);
    }
}
