//! Schemas: whether one is sound, whether a server's strict manner takes it, and whether an answer keeps to it.

use serde_json::Value;

use crate::{EngineError, Grammar};

/// A schema as a value.
///
/// # Errors
/// [`EngineError::BadGrammar`] where it is no schema.
pub(super) fn read(grammar: &Grammar) -> Result<Value, EngineError> {
    let Grammar::JsonSchema(text) = grammar;
    let bad = |reason: String| EngineError::BadGrammar { reason };
    let schema: Value = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
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
    let validator = jsonschema::validator_for(schema).ok()?;
    let error = validator.iter_errors(&value).next()?;
    Some(format!(
        "at {:?}: {error}",
        error.instance_path().to_string()
    ))
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
}
