//! Schemas: whether one is sound, whether a server's strict manner takes it, and whether an answer keeps to it.

use serde_json::{Map, Value};

use crate::{EngineError, Grammar};

/// Bytes of a schema.
const BYTES_MAX: usize = 256 << 10;
/// Comparisons of one answer. Schemas that refer to each other twice, and each of those twice again, ask for more than anybody has time
/// for.
const COMPARISONS_MAX: usize = 1_000_000;
/// Schemas that follow each other from the outside in, references included.
const NESTED_MAX: usize = 256;

/// A schema as a value.
///
/// # Errors
/// [`EngineError::BadGrammar`] where it is no schema, or one that asks for more than what is compared.
pub(super) fn read(grammar: &Grammar) -> Result<Value, EngineError> {
    let Grammar::JsonSchema(text) = grammar;
    let bad = |reason: String| EngineError::BadGrammar { reason };
    if text.len() > BYTES_MAX {
        return Err(bad(format!(
            "it has {} bytes, allowed are {BYTES_MAX}",
            text.len()
        )));
    }
    let schema: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let mut count = Count::of(&schema);
    count.everywhere(&schema).map_err(bad)?;
    jsonschema::validator_for(&schema)
        .map_err(|error| bad(super::words::shown(&error.to_string())))?;
    Ok(schema)
}

/// Whether an answer keeps to the schema; the first thing that does not.
pub(super) fn broken_by(schema: &Value, answer: &str) -> Option<String> {
    let value: Value = match serde_json::from_str(answer) {
        Ok(value) => value,
        Err(error) => return Some(format!("it is not JSON: {error}")),
    };
    if let Err(too_much) = Count::of(schema).compare(schema, &value, NESTED_MAX) {
        return Some(format!("which cannot be compared with it: {too_much}"));
    }
    let validator = jsonschema::validator_for(schema).ok()?;
    let error = validator.iter_errors(&value).next()?;
    Some(format!(
        "at {:?}: {error}",
        error.instance_path().to_string()
    ))
}

/// Counts comparisons before the first is made, each at least once.
struct Count<'s> {
    root: &'s Value,
    left: usize,
}

impl<'s> Count<'s> {
    fn of(root: &'s Value) -> Self {
        Self {
            root,
            left: COMPARISONS_MAX,
        }
    }

    /// What any value asks for, at each place of the schema.
    fn everywhere(&mut self, schema: &Value) -> Result<(), String> {
        match schema {
            Value::Object(words) => {
                self.compare(schema, &Value::Null, NESTED_MAX)?;
                // What is said of values is no schema.
                let data = ["enum", "const", "default", "examples"];
                words
                    .iter()
                    .filter(|(word, _)| !data.contains(&word.as_str()))
                    .try_for_each(|(_, below)| self.everywhere(below))
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.everywhere(item)),
            _ => Ok(()),
        }
    }

    fn take(&mut self, comparisons: usize) -> Result<(), String> {
        let left = self.left.checked_sub(comparisons);
        self.left = left.ok_or_else(|| {
            format!("the schema asks for more than {COMPARISONS_MAX} comparisons")
        })?;
        Ok(())
    }

    fn compare(&mut self, schema: &Value, value: &Value, nested: usize) -> Result<(), String> {
        self.take(1)?;
        let Some(words) = schema.as_object() else {
            return Ok(());
        };
        let below = nested
            .checked_sub(1)
            .ok_or_else(|| format!("the schema leads into itself more than {NESTED_MAX} times"))?;
        if let Some(options) = words.get("enum").and_then(Value::as_array) {
            self.take(options.len())?;
        }
        // Whether something was compared is found out by comparing again.
        let again = ["unevaluatedProperties", "unevaluatedItems"];
        let again = again.iter().filter(|word| words.contains_key(**word));
        let rounds = 1 + again.count();
        let mut itself: Vec<&Value> = self.referred(words)?.into_iter().collect();
        for (word, part) in words {
            match (word.as_str(), part) {
                ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => itself.extend(parts),
                ("not" | "if" | "then" | "else", part) => itself.push(part),
                ("dependentSchemas" | "dependencies", Value::Object(parts)) => {
                    itself.extend(parts.values());
                }
                _ => self.parts(word, part, value, below)?,
            }
        }
        for _ in 0..rounds {
            for part in &itself {
                self.compare(part, value, below)?;
            }
        }
        Ok(())
    }

    /// Words about what lies within a value.
    fn parts(
        &mut self,
        word: &str,
        part: &Value,
        value: &Value,
        below: usize,
    ) -> Result<(), String> {
        match (word, part, value) {
            ("properties", Value::Object(parts), Value::Object(fields)) => {
                for (name, part) in parts {
                    if let Some(field) = fields.get(name) {
                        self.compare(part, field, below)?;
                    }
                }
            }
            ("patternProperties", Value::Object(parts), Value::Object(fields)) => {
                for part in parts.values() {
                    for field in fields.values() {
                        self.compare(part, field, below)?;
                    }
                }
            }
            ("additionalProperties" | "unevaluatedProperties", part, Value::Object(fields)) => {
                for field in fields.values() {
                    self.compare(part, field, below)?;
                }
            }
            ("propertyNames", part, Value::Object(fields)) => {
                for _ in fields {
                    self.compare(part, &Value::Null, below)?;
                }
            }
            ("prefixItems" | "items", Value::Array(parts), Value::Array(items)) => {
                for (part, item) in parts.iter().zip(items) {
                    self.compare(part, item, below)?;
                }
            }
            (
                "items" | "additionalItems" | "unevaluatedItems" | "contains",
                part,
                Value::Array(items),
            ) => {
                for item in items {
                    self.compare(part, item, below)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a schema refers to; only places within the whole are looked up.
    fn referred(&self, words: &Map<String, Value>) -> Result<Option<&'s Value>, String> {
        for word in ["$dynamicRef", "$recursiveRef"] {
            if words.get(word).is_some_and(Value::is_string) {
                return Err(format!("it refers with {word}, which is not followed"));
            }
        }
        let inside = !std::ptr::eq(words, self.root.as_object().unwrap_or(words));
        if inside && words.get("$id").is_some_and(Value::is_string) {
            return Err("a schema within it has an address of its own".to_owned());
        }
        let Some(to) = words.get("$ref").and_then(Value::as_str) else {
            return Ok(None);
        };
        let place = to.strip_prefix('#').filter(|place| !place.contains('%'));
        let found = place.and_then(|place| self.root.pointer(place));
        found.map(Some).ok_or_else(|| {
            let to = super::words::shown(to);
            format!(
                "it refers to {to:?}, and only places within it such as #/$defs/name are looked up"
            )
        })
    }
}

/// Whether the strict manner takes the schema: every object closed, and each of its properties required.
pub(super) fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let properties = fields.get("properties").and_then(Value::as_object);
            let object =
                fields.get("type").is_some_and(|kind| kind == "object") || properties.is_some();
            let required: Vec<&str> = fields
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let closed = fields.get("additionalProperties") == Some(&Value::Bool(false))
                && properties.is_some_and(|names| {
                    names.keys().all(|name| required.contains(&name.as_str()))
                });
            (!object || closed) && fields.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_closed_schemas_are_strict() {
        let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
        for (schema, strict) in [
            (closed.clone(), true),
            (json!({"type": "array", "items": closed.clone()}), true),
            (json!({"enum": ["a"]}), true),
            (json!({"type": "object"}), false),
            (
                json!({"properties": {"a": {}}, "additionalProperties": false}),
                false,
            ),
            (
                json!({"type": "array", "items": {"type": "object", "properties": {}}}),
                false,
            ),
        ] {
            assert_eq!(is_strict(&schema), strict, "{schema}");
        }
        assert_eq!(broken_by(&closed, r#"{"a":"x"}"#), None);
        for answer in ["", "{", r#"{"a":1}"#, r#"{"a":"x","b":1}"#, "[]"] {
            assert!(broken_by(&closed, answer).is_some(), "{answer:?}");
        }
        assert!(read(&Grammar::JsonSchema("{ no".into())).is_err());
        assert!(read(&Grammar::JsonSchema(r#"{"type": "date"}"#.into())).is_err());
    }

    #[test]
    fn a_schema_that_asks_for_more_than_anybody_has_time_for_is_refused() {
        let doubled = |of: &dyn Fn(Value) -> Value| {
            let mut defs = Map::new();
            for level in 0..40 {
                let next = of(json!({"$ref": format!("#/$defs/l{}", level + 1)}));
                defs.insert(format!("l{level}"), json!({"allOf": [next, next]}));
            }
            defs.insert("l40".to_owned(), json!({}));
            json!({"$ref": "#/$defs/l0", "$defs": defs})
        };
        let at_once = doubled(&|next| next);
        for schema in [
            at_once.clone(),
            json!({"properties": {"a": {"$ref": "#/$defs/l0"}}, "$defs": at_once["$defs"]}),
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#/%24defs/a"}], "$defs": {"a": {}}}),
            json!({"$ref": "https://elsewhere.example/s.json"}),
            json!({"$dynamicRef": "#a"}),
            json!({"description": "x".repeat(BYTES_MAX)}),
        ] {
            let refused = read(&Grammar::JsonSchema(schema.to_string()));
            assert!(matches!(refused, Err(EngineError::BadGrammar { .. })));
        }
        // Each step into the value doubles it: only the value shows how often.
        let by_step = doubled(&|next| json!({"properties": {"a": next}}));
        let by_step = read(&Grammar::JsonSchema(by_step.to_string())).unwrap();
        let deep = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
        let broken = broken_by(&by_step, &deep).unwrap();
        assert!(broken.contains("comparisons"), "{broken}");
        // One that leads into itself by way of the value is a schema like any other.
        let tree = json!({"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "object", "properties": {
            "left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#/$defs/tree"}}, "additionalProperties": false}}});
        let tree = read(&Grammar::JsonSchema(tree.to_string())).unwrap();
        assert_eq!(
            broken_by(&tree, r#"{"left":{"right":{}},"right":{}}"#),
            None
        );
        assert!(broken_by(&tree, r#"{"left":{"right":1}}"#).is_some());
    }
}
