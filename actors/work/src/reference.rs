//! References: an argument that is what another task gives.
//!
//! In a plan's arguments `{"$from": "task-id", "at": "/json/pointer"}` stands for the value at that place of that task's result; without
//! `at` for the whole of it. In those of a task that is done once for each element of a list, `{"$each": "/json/pointer"}` stands for that
//! place of the element. Anything else is itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::PlanLimits;
use crate::schema::step;

/// The key that makes an object a reference.
pub const FROM: &str = "$from";
/// The key that says where in the result.
const AT: &str = "at";
/// The key that makes an object a place of the element a task is done for; its value is a JSON pointer.
pub const EACH: &str = "$each";

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

/// The place of an element that a value stands for, as a JSON pointer; none of a value that is itself.
#[must_use]
pub(crate) fn of_element(value: &Value) -> Option<&str> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(EACH)?.as_str()
}

/// Something in arguments that stands for something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hole<'a> {
    /// What another task gives.
    Task(Reference<'a>),
    /// A place of the element, as a JSON pointer.
    Element(&'a str),
}

/// Every hole in some arguments, each with its own place there as a JSON pointer, in their order.
#[must_use]
pub fn holes(args: &Value) -> Vec<(String, Hole<'_>)> {
    let mut found = Vec::new();
    // Arguments are bounded in bytes, and so is how deep they go.
    let mut left = vec![(String::new(), args)];
    while let Some((at, value)) = left.pop() {
        if let Some(reference) = Reference::read(value) {
            found.push((at, Hole::Task(reference)));
            continue;
        }
        if let Some(place) = of_element(value) {
            found.push((at, Hole::Element(place)));
            continue;
        }
        match value {
            Value::Array(items) => {
                let items = items.iter().enumerate().rev();
                left.extend(items.map(|(index, item)| (format!("{at}/{index}"), item)));
            }
            Value::Object(fields) => {
                let fields = fields.iter().rev();
                left.extend(fields.map(|(name, value)| (format!("{at}/{}", step(name)), value)));
            }
            _ => {}
        }
    }
    found
}

/// Every reference in some arguments.
#[must_use]
pub fn references(args: &Value) -> Vec<Reference<'_>> {
    let task = |(_, hole)| match hole {
        Hole::Task(reference) => Some(reference),
        Hole::Element(_) => None,
    };
    holes(args).into_iter().filter_map(task).collect()
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
    let filling = Filling {
        results: Some(results),
        element: None,
    };
    filling.copy(args, &mut { FILLED_BYTES })
}

/// The same for one element of a list, with what it takes from the bytes that are left to all of them.
pub(crate) fn fill_for(
    args: &Value,
    results: &BTreeMap<String, Value>,
    element: &Value,
    left: &mut usize,
) -> Option<Value> {
    let filling = Filling {
        results: Some(results),
        element: Some(element),
    };
    filling.copy(args, left)
}

/// What holes are filled from.
#[derive(Clone, Copy)]
struct Filling<'a> {
    results: Option<&'a BTreeMap<String, Value>>,
    element: Option<&'a Value>,
}

impl Filling<'_> {
    /// What holes stand for comes from outside and holds none of its own.
    const NOTHING: Self = Self {
        results: None,
        element: None,
    };

    /// A copy that takes its bytes from what is left, with what its holes stand for.
    fn copy(self, value: &Value, left: &mut usize) -> Option<Value> {
        if let Some(results) = self.results
            && let Some(reference) = Reference::read(value)
        {
            let stands_for = results.get(reference.task)?.pointer(reference.at)?;
            return Self::NOTHING.copy(stands_for, left);
        }
        if let Some(element) = self.element
            && let Some(at) = of_element(value)
        {
            return Self::NOTHING.copy(element.pointer(at)?, left);
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
            Value::Array(items) => {
                let items = items.iter().map(|item| self.copy(item, left));
                Value::Array(items.collect::<Option<_>>()?)
            }
            Value::Object(fields) => {
                take(fields.keys().map(String::len).sum())?;
                let fields = fields
                    .iter()
                    .map(|(name, value)| Some((name.clone(), self.copy(value, left)?)));
                Value::Object(fields.collect::<Option<_>>()?)
            }
            plain => plain.clone(),
        })
    }
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
