//! Arguments against a tool's schema, before the tool is called.
//!
//! This is the part of JSON Schema that every tool has in common: an object, the fields it must have and may have, and what each of them
//! is. What is inside a field is the tool's to judge.

use serde_json::Value;

/// What is wrong with `args`, in words that name the field.
pub(crate) fn check(schema: &Value, args: &Value) -> Result<(), String> {
    let Some(args) = args.as_object() else {
        return Err(format!("they are {}, not an object", what(args)));
    };
    let none = serde_json::Map::new();
    let fields = schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let required = || {
        let names = schema.get("required").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str)
    };
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, given) in args {
        match fields.get(name) {
            None if closed => return Err(unknown(name, fields.keys())),
            None => {}
            // Whoever leaves a field out may also write that it is nothing.
            Some(_) if given.is_null() && !required().any(|required| required == name) => {}
            Some(field) => fits(field, given).map_err(|kinds| {
                let kinds = kinds.join(" or ");
                format!("`{name}` is {}, expected {kinds}", what(given))
            })?,
        }
    }
    match required().find(|name| !args.contains_key(*name)) {
        Some(missing) => Err(format!("missing field `{missing}`")),
        None => Ok(()),
    }
}

fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n String>) -> String {
    let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    let expected = match known.as_slice() {
        [] => "there are no fields".to_owned(),
        [only] => format!("expected {only}"),
        [one, other] => format!("expected {one} or {other}"),
        many => format!("expected one of {}", many.join(", ")),
    };
    format!("unknown field `{name}`, {expected}")
}

/// Whether a value is of a type that its field names; otherwise these types.
fn fits<'s>(field: &'s Value, given: &Value) -> Result<(), Vec<&'s str>> {
    let kinds: Vec<&str> = match field.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let is = |kind: &&str| match *kind {
        "string" => given.is_string(),
        "integer" => given.is_i64() || given.is_u64(),
        "number" => given.is_number(),
        "boolean" => given.is_boolean(),
        "array" => given.is_array(),
        "object" => given.is_object(),
        "null" => given.is_null(),
        // A word of a schema that is newer than we are refuses nothing.
        _ => true,
    };
    if kinds.iter().any(is) {
        Ok(())
    } else {
        Err(kinds)
    }
}

fn what(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with decimals",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_known_of_its_type_and_there_when_it_must_be() {
        let schema = json!({
            "type": "object",
            "properties": {
                "query": {"type": "string"},
                "from": {"type": "integer"},
                "rate": {"type": ["number", "null"]},
                "facts": {"description": "anything"},
                "files": {"type": "array"}
            },
            "required": ["query"],
            "additionalProperties": false
        });
        let table = [
            (json!({"query": "q"}), None),
            (
                json!({"query": "q", "from": null, "facts": 1, "files": [1]}),
                None,
            ),
            (json!({"query": "q", "rate": 1.5}), None),
            (json!({}), Some("missing field `query`")),
            (
                json!({"query": null}),
                Some("`query` is null, expected string"),
            ),
            (
                json!({"query": "q", "from": 1.5}),
                Some("`from` is a number with decimals, expected integer"),
            ),
            (
                json!({"query": "q", "rate": "x"}),
                Some("`rate` is a string, expected number or null"),
            ),
            (
                json!({"quer": "q"}),
                Some(
                    "unknown field `quer`, expected one of `query`, `from`, `rate`, `facts`, `files`",
                ),
            ),
            (json!(["q"]), Some("they are an array, not an object")),
        ];
        for (args, wrong) in table {
            assert_eq!(check(&schema, &args).err().as_deref(), wrong, "{args}");
        }
        let open = json!({"properties": {"a": {}, "b": {}}});
        assert_eq!(check(&open, &json!({"c": 1})), Ok(()));
        assert_eq!(check(&json!({}), &json!({"c": 1})), Ok(()));
        let two = json!({"properties": {"a": {}, "b": {}}, "additionalProperties": false});
        let says = check(&two, &json!({"c": 1})).unwrap_err();
        assert_eq!(says, "unknown field `c`, expected `a` or `b`");
    }
}
