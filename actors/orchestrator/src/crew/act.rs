//! What an agent may do next, as its model says it: call a tool it was granted, or answer. Pure.

use aios_work::ToolSpec;
use serde_json::{Map, Value, json};

/// What the model wants.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// A tool is to be called.
    Call {
        /// Its name.
        tool: String,
        /// What it is called with.
        args: Value,
    },
    /// It is done.
    Answer(Value),
}

/// The JSON schema of the next act. An answer stands first: of what is possible it is what ends the work.
pub(super) fn grammar(tools: &[ToolSpec], output: Option<&Value>) -> Value {
    let mut definitions = Map::new();
    let text = json!({"type": "string"});
    let answer = placed(output.unwrap_or(&text), "answer", &mut definitions);
    let mut acts = vec![one("answer", answer, None)];
    for (at, tool) in tools.iter().enumerate() {
        let args = placed(&tool.input, &format!("tool{at}"), &mut definitions);
        acts.push(one("tool", json!({"const": tool.name}), Some(args)));
    }
    let mut schema = match acts.len() {
        1 => acts.swap_remove(0),
        _ => json!({"anyOf": acts}),
    };
    if !definitions.is_empty() {
        schema["$defs"] = Value::Object(definitions);
    }
    schema
}

fn one(key: &str, value: Value, args: Option<Value>) -> Value {
    let mut properties = Map::from_iter([(key.to_owned(), value)]);
    let mut required = vec![key];
    if let Some(args) = args {
        properties.insert("args".to_owned(), args);
        required.push("args");
    }
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// A schema inside another. One that refers to itself keeps its own root, under a name of its own.
fn placed(schema: &Value, name: &str, definitions: &mut Map<String, Value>) -> Value {
    let mut schema = schema.clone();
    if let Some(fields) = schema.as_object_mut() {
        // They say what the whole document is, which it is not any more.
        fields.remove("$schema");
        fields.remove("$id");
    }
    let own = format!("#/$defs/{name}");
    if !rooted(&mut schema, &own) {
        return schema;
    }
    definitions.insert(name.to_owned(), schema);
    json!({"$ref": own})
}

/// Leads references to the schema's own root to where that is now; says whether there were any.
fn rooted(schema: &mut Value, own: &str) -> bool {
    match schema {
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |any, item| rooted(item, own) | any),
        Value::Object(fields) => fields
            .iter_mut()
            .fold(false, |any, (key, value)| match value {
                Value::String(to) if key == "$ref" && to.starts_with('#') => {
                    *to = format!("{own}{}", &to[1..]);
                    true
                }
                value => rooted(value, own) | any,
            }),
        _ => false,
    }
}

/// What the model said, read. Where nothing held it to the schema, there may be words around the object; they are passed over.
pub(super) fn read(said: &str) -> Result<Act, String> {
    const FORM: &str = r#"write one JSON object: {"tool": NAME, "args": {..}} or {"answer": ..}"#;
    let object = between_braces(said).ok_or_else(|| format!("it holds no JSON object; {FORM}"))?;
    let mut fields: Map<String, Value> =
        serde_json::from_str(object).map_err(|error| format!("it is no JSON: {error}; {FORM}"))?;
    let act = match (fields.remove("tool"), fields.remove("answer")) {
        (Some(Value::String(tool)), None) => Act::Call {
            tool,
            args: fields.remove("args").unwrap_or_else(|| json!({})),
        },
        (None, Some(answer)) => Act::Answer(answer),
        (Some(_), Some(_)) => return Err(format!("it is a call and an answer at once; {FORM}")),
        (Some(_), None) => return Err(format!("the tool is no name; {FORM}")),
        (None, None) => return Err(format!("it is neither a call nor an answer; {FORM}")),
    };
    match fields.keys().next() {
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            Err(format!("it has a key {other:?} beside; {FORM}"))
        }
        None => Ok(act),
    }
}

fn between_braces(said: &str) -> Option<&str> {
    let (begin, end) = (said.find('{')?, said.rfind('}')?);
    (begin < end).then(|| &said[begin..=end])
}

#[cfg(test)]
mod tests {
    use aios_work::{Capabilities, Effect};

    use super::*;

    fn tool(name: &str, input: Value) -> ToolSpec {
        ToolSpec {
            name: name.to_owned(),
            description: String::new(),
            input,
            output: json!({}),
            needs: Capabilities::none(),
            effect: Effect::Pure,
        }
    }

    #[test]
    fn the_schema_admits_what_was_granted_and_nothing_else() {
        let recursive = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {"tree": {"$ref": "#/$defs/Tree"}},
            "required": ["tree"],
            "$defs": {"Tree": {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}}
        });
        let plain = json!({"type": "object", "properties": {"of": {"type": "integer"}}, "required": ["of"]});
        let tools = [tool("add", plain), tool("climb", recursive)];
        let output = json!({"type": "number"});
        let schema = grammar(&tools, Some(&output));
        let valid = aios_tools::Schema::new(&schema).unwrap();
        for (act, fits) in [
            (json!({"answer": 3}), true),
            (json!({"answer": "3"}), false),
            (json!({"tool": "add", "args": {"of": 1}}), true),
            (json!({"tool": "add", "args": {"of": "x"}}), false),
            (json!({"tool": "add"}), false),
            (json!({"tool": "other", "args": {"of": 1}}), false),
            (
                json!({"tool": "climb", "args": {"tree": {"kids": [{"kids": []}]}}}),
                true,
            ),
            (
                json!({"tool": "climb", "args": {"tree": {"kids": [1]}}}),
                false,
            ),
            (json!({"answer": 3, "tool": "add"}), false),
        ] {
            assert_eq!(valid.check(&act).is_ok(), fits, "{act}");
        }
        let alone = grammar(&[], None);
        assert_eq!(alone["properties"]["answer"], json!({"type": "string"}));
    }

    #[test]
    fn what_a_model_says_is_read_strictly_and_what_surrounds_it_is_not_read() {
        let call = |tool: &str, args| Act::Call {
            tool: tool.to_owned(),
            args,
        };
        for (said, act) in [
            (r#"{"answer": "42"}"#, Act::Answer(json!("42"))),
            (
                r#"{"tool": "add", "args": {"of": 1}}"#,
                call("add", json!({"of": 1})),
            ),
            (r#"{"tool": "now"}"#, call("now", json!({}))),
            (
                "Sure!\n```json\n{\"answer\": {\"a\": 1}}\n```\nDone.",
                Act::Answer(json!({"a": 1})),
            ),
            (r#"{"answer": null}"#, Act::Answer(Value::Null)),
        ] {
            assert_eq!(read(said), Ok(act), "{said}");
        }
        for (said, why) in [
            ("42", "no JSON object"),
            ("", "no JSON object"),
            ("}{", "no JSON object"),
            (r#"{"answer": "cut o"#, "no JSON object"),
            (r#"{"answer": 1} {"answer": 2}"#, "no JSON"),
            (r#"{"tool": 7}"#, "no name"),
            (r#"{"args": {}}"#, "neither"),
            (r#"{"tool": "a", "answer": 1}"#, "at once"),
            (r#"{"answer": 1, "thought": "x"}"#, "\"thought\" beside"),
        ] {
            let error = read(said).unwrap_err();
            assert!(
                error.contains(why) && error.contains("write one JSON object"),
                "{said}: {error}"
            );
        }
    }
}
