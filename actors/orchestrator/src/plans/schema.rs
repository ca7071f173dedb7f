//! The schema that a model's plan follows, made from the tools that were granted.
//!
//! A model can then write nothing but a plan of these tools whose arguments have the right fields; what it may still get wrong (which task
//! gives what, in which order) is checked by the plan's own rules. The schema is simpler than the tools' own: engines differ in what they
//! enforce, and whatever they let pass is validated again.

use aios_work::{EACH, FROM, ToolSpec};
use serde_json::{Map, Value, json};

/// How deep a tool's schema is followed.
const DEPTH: usize = 6;
/// Fields of one object, and alternatives of one place.
const WIDTH: usize = 40;
/// Words of one enumeration.
const WORDS: usize = 60;
/// Tasks that a model may plan.
pub(super) const TASKS: usize = 12;

/// The schema of a whole plan with these tools.
pub(super) fn of_plan(tools: &[ToolSpec], most_each: usize) -> Value {
    let text = |most: usize| json!({"type": "string", "maxLength": most});
    let task = |tool: &ToolSpec| {
        json!({
            "type": "object",
            "properties": {
                "id": text(24),
                "tool": {"const": tool.name},
                "args": Of { root: &tool.input, holes: true }.schema(&tool.input, DEPTH),
                "title": text(80),
                "point": text(24),
                "after": {"type": "array", "items": text(24), "maxItems": TASKS},
                "each": {
                    "type": "object",
                    "properties": {FROM: text(24), "at": text(120), "most": {"type": "integer", "minimum": 1, "maximum": most_each}},
                    "required": [FROM, "most"],
                    "additionalProperties": false
                }
            },
            "required": ["id", "tool", "args"],
            "additionalProperties": false
        })
    };
    let point = json!({
        "type": "object",
        "properties": {"id": text(24), "asks": text(120)},
        "required": ["id", "asks"],
        "additionalProperties": false
    });
    json!({
        "type": "object",
        "properties": {
            "cannot": text(200),
            "points": {"type": "array", "items": point, "maxItems": TASKS},
            "tasks": {"type": "array", "items": {"anyOf": tools.iter().map(task).collect::<Vec<_>>()}, "maxItems": TASKS}
        },
        "required": ["tasks"],
        "additionalProperties": false
    })
}

/// The schema of one call's arguments, all of them given: for a model that fills in one form at a time.
pub(super) fn of_args(tool: &ToolSpec) -> Value {
    let root = &tool.input;
    Of { root, holes: false }.schema(root, DEPTH)
}

/// A tool's schema in words that every engine knows.
struct Of<'a> {
    root: &'a Value,
    /// Whether a place may also be a reference.
    holes: bool,
}

impl Of<'_> {
    fn schema(&self, schema: &Value, depth: usize) -> Value {
        let Some(fields) = self.followed(schema) else {
            return json!({});
        };
        let mut said = Map::new();
        for word in ["type", "description", "minimum", "maximum", "const"] {
            if let Some(value) = fields.get(word) {
                said.insert(word.to_owned(), value.clone());
            }
        }
        if let Some(words) = fields.get("enum").and_then(Value::as_array) {
            said.insert(
                "enum".to_owned(),
                words.iter().take(WORDS).cloned().collect(),
            );
        }
        if depth == 0 {
            return Value::Object(said);
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(others) = fields.get(word).and_then(Value::as_array) {
                let others = others.iter().take(WIDTH);
                let others = others.map(|other| self.schema(other, depth - 1)).collect();
                said.insert("anyOf".to_owned(), others);
            }
        }
        if let Some([only]) = fields
            .get("allOf")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            && let Value::Object(inner) = self.schema(only, depth - 1)
        {
            said.extend(inner);
        }
        if let Some(items) = fields.get("items") {
            said.insert("items".to_owned(), self.place(items, depth - 1));
        }
        if let Some(properties) = fields.get("properties").and_then(Value::as_object) {
            let place =
                |(name, schema): (&String, &Value)| (name.clone(), self.place(schema, depth - 1));
            let places: Map<String, Value> = properties.iter().take(WIDTH).map(place).collect();
            let required = fields.get("required").cloned();
            said.insert("properties".to_owned(), places.into());
            said.insert("required".to_owned(), required.unwrap_or_else(|| json!([])));
            said.insert("additionalProperties".to_owned(), json!(false));
        } else if fields.get("type") == Some(&json!("object"))
            && depth == DEPTH
            && !fields.contains_key("additionalProperties")
        {
            // A tool that takes an object and names no field takes none.
            said.insert("additionalProperties".to_owned(), json!(false));
        }
        Value::Object(said)
    }

    /// A place of the arguments: a value as its schema says, or a reference to one.
    fn place(&self, schema: &Value, depth: usize) -> Value {
        let own = self.schema(schema, depth);
        if !self.holes {
            return own;
        }
        let pointer = json!({"type": "string", "maxLength": 120});
        let name = json!({"type": "string", "maxLength": 24});
        json!({"anyOf": [
            own,
            {"type": "object", "properties": {FROM: name, "at": pointer}, "required": [FROM], "additionalProperties": false},
            {"type": "object", "properties": {EACH: pointer}, "required": [EACH], "additionalProperties": false}
        ]})
    }

    /// A schema behind its local references.
    fn followed<'v>(&'v self, schema: &'v Value) -> Option<&'v Map<String, Value>> {
        let mut schema = schema;
        for _ in 0..16 {
            match schema.get("$ref").and_then(Value::as_str) {
                None => return schema.as_object(),
                Some(target) => schema = self.root.pointer(target.strip_prefix('#')?)?,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use aios_work::{Capabilities, Effect};

    use super::*;

    fn tool(input: Value) -> ToolSpec {
        ToolSpec {
            name: "shop".to_owned(),
            description: String::new(),
            input,
            output: json!({}),
            needs: Capabilities::none(),
            effect: Effect::Pure,
        }
    }

    #[test]
    fn arguments_are_asked_for_as_the_tool_takes_them() {
        let input = json!({
            "$defs": {"size": {"enum": ["s", "m"], "title": "Size"}},
            "type": "object",
            "properties": {
                "size": {"$ref": "#/$defs/size", "description": "lost beside a reference"},
                "names": {"type": "array", "items": {"type": "string", "pattern": "^x"}, "uniqueItems": true},
                "loop": {"$ref": "#/properties/loop"}
            },
            "required": ["size"]
        });
        assert_eq!(
            of_args(&tool(input.clone())),
            json!({
                "type": "object",
                "properties": {
                    "size": {"enum": ["s", "m"]},
                    "names": {"type": "array", "items": {"type": "string"}},
                    "loop": {}
                },
                "required": ["size"],
                "additionalProperties": false
            })
        );
        let plan = of_plan(&[tool(input)], 9);
        let task = &plan["properties"]["tasks"]["items"]["anyOf"][0];
        assert_eq!(task["properties"]["tool"], json!({"const": "shop"}));
        let size = &task["properties"]["args"]["properties"]["size"]["anyOf"];
        assert_eq!(size[0], json!({"enum": ["s", "m"]}));
        assert!(size[1]["properties"]["$from"].is_object());
        assert!(size[2]["properties"]["$each"].is_object());
    }

    #[test]
    fn a_schema_is_bounded_whatever_a_tool_says() {
        let many: Map<String, Value> = (0..5_000)
            .map(|at| (format!("f{at}"), json!({"type": "string"})))
            .collect();
        let mut nested = json!({"type": "string"});
        for _ in 0..60 {
            nested = json!({"type": "object", "properties": {"x": nested}});
        }
        let recursive = json!({"type": "object", "properties": {"child": {"$ref": "#"}}});
        for input in [
            json!({"type": "object", "properties": many}),
            nested,
            recursive,
            json!(null),
            json!("no schema"),
        ] {
            let written = of_args(&tool(input)).to_string();
            assert!(written.len() < 4_000, "{}", written.len());
        }
    }
}
