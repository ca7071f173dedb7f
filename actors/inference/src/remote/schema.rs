//! Schemas: whether one is sound, whether a server's strict manner takes it, and whether an answer keeps to it.

use aios_schema::Schema;
use serde_json::Value;

use crate::{EngineError, Grammar};

/// The schema of an answer, before anything is sent.
///
/// # Errors
/// [`EngineError::BadGrammar`] where it is no schema, or one that asks for more than what is compared.
pub(super) fn read(grammar: &Grammar) -> Result<Schema, EngineError> {
    let Grammar::JsonSchema(text) = grammar;
    Schema::read(text)
        .and_then(Schema::that_ends)
        .map_err(|error| EngineError::BadGrammar {
            reason: super::words::shown(&error.to_string()),
        })
}

/// Whether an answer keeps to the schema; what of it does not.
pub(super) fn broken_by(schema: &Schema, answer: &str) -> Option<String> {
    match serde_json::from_str(answer) {
        Ok(value) => schema.check(&value).err(),
        Err(error) => Some(format!("it is not JSON: {error}")),
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
        let closed = Schema::new(&closed).unwrap();
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
            let mut defs = serde_json::Map::new();
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
            json!({"allOf": [{"$ref": "#/%24defs/b"}], "$defs": {"a": {}}}),
            json!({"$ref": "https://elsewhere.example/s.json"}),
            json!({"$dynamicRef": "#a"}),
            json!({"description": "x".repeat(256 << 10)}),
        ] {
            let refused = read(&Grammar::JsonSchema(schema.to_string()));
            assert!(matches!(refused, Err(EngineError::BadGrammar { .. })));
        }
        // A reference may be written as a URI writes it.
        let written = json!({"allOf": [{"$ref": "#/%24defs/a"}], "$defs": {"a": {}}});
        assert!(read(&Grammar::JsonSchema(written.to_string())).is_ok());
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
