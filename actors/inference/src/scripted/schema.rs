//! A small valid document for a JSON schema.
//!
//! Of an object it writes what is required; of a choice it takes what shares most words with the prompt. A number is
//! one that stands in the prompt beside its name, else the allowed number nearest to zero. Keywords it cannot obey are
//! an error, never ignored where that could make the document invalid.

use std::cell::Cell;

use serde_json::{Map, Number, Value, json};

use super::{prose, words};
use crate::EngineError;

/// Nesting and references followed; a schema that needs more is refused.
const DEPTH_MAX: usize = 32;
/// Values written and references followed in all.
const STEPS_MAX: u32 = 10_000;
/// Items of an array that are written at most.
const ITEMS_MAX: u64 = 256;

/// The document as text.
pub(super) fn answer(schema: &str, prompt: &str) -> Result<String, EngineError> {
    let root: Value =
        serde_json::from_str(schema).map_err(|error| bad(format!("it is not JSON: {error}")))?;
    let writer = Writer {
        root: &root,
        prompt,
        prompt_words: words(prompt),
        steps: Cell::new(0),
    };
    Ok(writer.value(&root, "", 0)?.to_string())
}

fn bad(reason: impl Into<String>) -> EngineError {
    EngineError::BadGrammar {
        reason: reason.into(),
    }
}

struct Writer<'a> {
    root: &'a Value,
    prompt: &'a str,
    prompt_words: Vec<String>,
    steps: Cell<u32>,
}

impl Writer<'_> {
    /// Counts a step, so that a schema whose references and choices multiply ends as an error.
    fn step(&self) -> Result<(), EngineError> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS_MAX {
            Err(bad(format!("it takes more than {STEPS_MAX} steps")))
        } else {
            Ok(())
        }
    }

    /// A value for `schema`, which stands under `name` in its parent.
    fn value(&self, schema: &Value, name: &str, depth: usize) -> Result<Value, EngineError> {
        self.step()?;
        if depth > DEPTH_MAX {
            return Err(bad(format!("it nests deeper than {DEPTH_MAX}")));
        }
        let schema = match schema {
            Value::Bool(true) => return Ok(Value::Null),
            Value::Object(schema) => schema,
            _ => return Err(bad("no value is allowed")),
        };
        for keyword in [
            "pattern",
            "not",
            "if",
            "allOf",
            "patternProperties",
            "propertyNames",
            "contains",
            "format",
        ] {
            if schema.contains_key(keyword) {
                return Err(bad(format!(
                    "`{keyword}` is not supported by the scripted engine"
                )));
            }
        }
        if let Some(reference) = schema.get("$ref") {
            return self.value(self.resolve(reference)?, name, depth + 1);
        }
        if let Some(value) = schema.get("const") {
            return Ok(value.clone());
        }
        if let Some(choices) = schema.get("enum") {
            let choices = choices.as_array().filter(|choices| !choices.is_empty());
            return self.choose(
                choices.ok_or_else(|| bad("`enum` is no list of values"))?,
                &[],
            );
        }
        if let Some(branches) = schema.get("anyOf").or_else(|| schema.get("oneOf")) {
            return self.branch(branches, name, depth);
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
            Some(kind) => kind.as_str(),
            None if schema.contains_key("properties") => Some("object"),
            None if schema.contains_key("items") => Some("array"),
            None => Some("null"),
        };
        match kind {
            Some("object") => self.object(schema, depth),
            Some("array") => self.array(schema, name, depth),
            Some("string") => self.string(schema, name),
            Some("integer") => self.number(schema, name, true),
            Some("number") => self.number(schema, name, false),
            Some("boolean") => Ok(Value::Bool(false)),
            Some("null") => Ok(Value::Null),
            _ => Err(bad(format!(
                "`type` is unknown: {}",
                schema.get("type").unwrap_or(&Value::Null)
            ))),
        }
    }

    fn resolve(&self, reference: &Value) -> Result<&Value, EngineError> {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        pointer
            .and_then(|pointer| self.root.pointer(pointer))
            .ok_or_else(|| bad(format!("reference {reference} leads nowhere")))
    }

    /// The first branch that can be written.
    fn branch(&self, branches: &Value, name: &str, depth: usize) -> Result<Value, EngineError> {
        let mut last = bad("a choice has no branches");
        for branch in branches.as_array().into_iter().flatten() {
            match self.value(branch, name, depth + 1) {
                Ok(value) => return Ok(value),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn object(&self, schema: &Map<String, Value>, depth: usize) -> Result<Value, EngineError> {
        let any = Value::Bool(true);
        let mut object = Map::new();
        let empty = Map::new();
        let properties = schema
            .get("properties")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        let required = schema
            .get("required")
            .and_then(Value::as_array)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let required: Vec<&str> = required.iter().filter_map(Value::as_str).collect();
        // In the order of the properties, which is the order a constrained model writes them in.
        let listed = properties
            .keys()
            .map(String::as_str)
            .filter(|name| required.contains(name));
        let others = required
            .iter()
            .copied()
            .filter(|name| !properties.contains_key(*name));
        for name in listed.chain(others) {
            let value = self.value(properties.get(name).unwrap_or(&any), name, depth + 1)?;
            object.insert(name.to_owned(), value);
        }
        Ok(Value::Object(object))
    }

    fn array(
        &self,
        schema: &Map<String, Value>,
        name: &str,
        depth: usize,
    ) -> Result<Value, EngineError> {
        let count = |key| schema.get(key).and_then(Value::as_u64);
        let least = count("minItems").unwrap_or(0);
        let most = count("maxItems").unwrap_or(ITEMS_MAX).min(ITEMS_MAX);
        if least > most {
            return Err(bad(format!(
                "an array needs {least} items, at most {most} are written"
            )));
        }
        let any = Value::Bool(true);
        let items = schema.get("items").unwrap_or(&any);
        let mut list: Vec<Value> = Vec::new();
        let mut item = items;
        while let Some(reference) = item.get("$ref") {
            self.step()?;
            item = self.resolve(reference)?;
        }
        if let Some(choices) = item.get("enum").and_then(Value::as_array) {
            // Whatever the prompt speaks of, and then as many as must be.
            list.extend(
                choices
                    .iter()
                    .filter(|choice| self.overlap(choice) > 0.0)
                    .take(most as usize)
                    .cloned(),
            );
            while (list.len() as u64) < least {
                let taken = if list.len() < choices.len() {
                    list.as_slice()
                } else {
                    &[]
                };
                let next = self.choose(choices, taken)?;
                list.push(next);
            }
        }
        let unique = schema.get("uniqueItems") == Some(&json!(true));
        while (list.len() as u64) < least {
            let value = self.value(items, name, depth + 1)?;
            if unique && list.contains(&value) {
                return Err(bad(
                    "the scripted engine cannot make the items of an array differ",
                ));
            }
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn string(&self, schema: &Map<String, Value>, name: &str) -> Result<Value, EngineError> {
        let count = |key| {
            schema
                .get(key)
                .and_then(Value::as_u64)
                .map(|count| count as usize)
        };
        let (least, most) = (
            count("minLength").unwrap_or(0),
            count("maxLength").unwrap_or(usize::MAX),
        );
        if least > most || least > 65_536 {
            return Err(bad(format!(
                "a string needs {least} characters, {} are allowed",
                most.min(65_536)
            )));
        }
        let mut text: String = prose::write(self.prompt)
            .chars()
            .take(most.min(400))
            .collect();
        // A name is shorter than a sentence and says what is missing.
        if text.chars().count() < least {
            text = name.to_owned();
        }
        let missing = least.saturating_sub(text.chars().count());
        text.extend(std::iter::repeat_n('.', missing));
        Ok(Value::String(text))
    }

    fn number(
        &self,
        schema: &Map<String, Value>,
        name: &str,
        whole: bool,
    ) -> Result<Value, EngineError> {
        let bound = |key| schema.get(key).and_then(Value::as_f64);
        let step = bound("multipleOf")
            .filter(|step| *step > 0.0)
            .or(whole.then_some(1.0));
        let gap = step.unwrap_or(1e-6);
        let least = bound("minimum")
            .into_iter()
            .chain(bound("exclusiveMinimum").map(|b| b + gap));
        let most = bound("maximum")
            .into_iter()
            .chain(bound("exclusiveMaximum").map(|b| b - gap));
        let (least, most) = (
            least.fold(f64::NEG_INFINITY, f64::max),
            most.fold(f64::INFINITY, f64::min),
        );
        let fits = |x: f64| {
            x >= least && x <= most && step.is_none_or(|step| (x / step).fract().abs() < 1e-9)
        };
        let near = match step {
            Some(step) if least > 0.0 => (least / step).ceil() * step,
            Some(step) if most < 0.0 => (most / step).floor() * step,
            _ => 0f64.max(least).min(most),
        };
        let found = self.beside(name).into_iter().find(|x| fits(*x));
        let value = found.or(fits(near).then_some(near));
        let value = value.ok_or_else(|| bad(format!("no number is allowed for {name:?}")))?;
        let number = if value.fract() == 0.0 && value.abs() < 9e15 {
            Some(Number::from(value as i64))
        } else {
            Number::from_f64(value)
        };
        number
            .map(Value::Number)
            .ok_or_else(|| bad(format!("no number is allowed for {name:?}")))
    }

    /// The numbers of the prompt's lines that share a word with a property's name.
    fn beside(&self, name: &str) -> Vec<f64> {
        let name = words(name);
        let speaks = |line: &&str| {
            words(line)
                .iter()
                .any(|word| name.iter().any(|part| alike(word, part)))
        };
        let number = |word: &str| {
            let word = word.trim_matches(|c: char| !c.is_ascii_digit() && c != '-' && c != '+');
            word.replace(',', "")
                .parse::<f64>()
                .ok()
                .filter(|x| x.is_finite())
        };
        let lines = self.prompt.lines().filter(speaks);
        lines
            .flat_map(|line| line.split_whitespace().filter_map(number))
            .collect()
    }

    /// The choice that shares most with the prompt, the first among equals; `taken` ones only if there is no other.
    fn choose(&self, choices: &[Value], taken: &[Value]) -> Result<Value, EngineError> {
        let mut best: Option<(f64, &Value)> = None;
        for choice in choices.iter().filter(|choice| !taken.contains(choice)) {
            let overlap = self.overlap(choice);
            if best.is_none_or(|(most, _)| overlap > most) {
                best = Some((overlap, choice));
            }
        }
        best.map(|(_, choice)| choice.clone())
            .ok_or_else(|| bad("a choice has no values left"))
    }

    /// Which part of a choice's words the prompt holds, 0 to 1, and a little more for more words.
    fn overlap(&self, choice: &Value) -> f64 {
        let parts = words(choice.as_str().unwrap_or_default());
        let held = parts
            .iter()
            .filter(|part| self.prompt_words.iter().any(|word| alike(word, part)))
            .count();
        if held == 0 {
            0.0
        } else {
            held as f64 / parts.len() as f64 + held as f64 * 1e-3
        }
    }
}

/// The same word, or one that only ends differently: `trend` and `trends`, `analyze` and `analysis`.
fn alike(a: &str, b: &str) -> bool {
    let shared = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let longest = a.chars().count().max(b.chars().count());
    a == b || (shared >= 4 && longest - shared <= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(schema: Value, prompt: &str) -> Result<Value, EngineError> {
        answer(&schema.to_string(), prompt).map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_minimal_document_is_written_for_each_kind_of_schema() {
        for (schema, prompt, expected) in [
            (json!({"type": "boolean"}), "", json!(false)),
            (json!({"type": ["null", "string"]}), "", json!(null)),
            (json!({"const": {"a": 1}}), "", json!({"a": 1})),
            (
                json!({"enum": ["compare", "trend", "rank"]}),
                "Analyze the trends of Q3",
                json!("trend"),
            ),
            (
                json!({"enum": ["compare", "trend"]}),
                "nothing of either",
                json!("compare"),
            ),
            (
                json!({"enum": ["sales by region", "sales"]}),
                "sales for each region",
                json!("sales"),
            ),
            (
                json!({"enum": ["sales region", "sales"]}),
                "sales for each region",
                json!("sales region"),
            ),
            (
                json!({"type": "string", "maxLength": 7}),
                "- revenue: 12",
                json!("Revenue"),
            ),
            (
                json!({"type": "string", "minLength": 90, "maxLength": 90}),
                "- a: 1",
                json!(".".repeat(90)),
            ),
            (json!({"type": "integer"}), "", json!(0)),
            (
                json!({"type": "integer", "minimum": 3, "multipleOf": 2}),
                "",
                json!(4),
            ),
            (
                json!({"type": "integer", "exclusiveMaximum": -1}),
                "",
                json!(-2),
            ),
            (
                json!({"type": "number", "minimum": 0.5, "maximum": 1}),
                "",
                json!(0.5),
            ),
            (
                json!({"type": "array", "items": {"type": "null"}}),
                "",
                json!([]),
            ),
            (
                json!({"type": "array", "items": {"type": "null"}, "minItems": 2}),
                "",
                json!([null, null]),
            ),
            (
                json!({"type": "array", "items": {"enum": ["a1", "b1", "c1"]}}),
                "b1 and c1",
                json!(["b1", "c1"]),
            ),
            (
                json!({"type": "array", "items": {"enum": ["a1", "b1"]}, "minItems": 2}),
                "b1",
                json!(["b1", "a1"]),
            ),
            (
                json!({"type": "object", "properties": {"b": {"type": "null"}, "a": {"type": "boolean"}, "c": {}},
                       "required": ["a", "b", "x"]}),
                "",
                json!({"b": null, "a": false, "x": null}),
            ),
            (
                json!({"type": "object", "properties": {"limit": {"type": "integer", "maximum": 50}}, "required": ["limit"]}),
                "take 70 rows\nlimit: 99 or 20 at most",
                json!({"limit": 20}),
            ),
            (
                json!({"anyOf": [{"type": "string", "pattern": "x"}, {"type": "null"}]}),
                "",
                json!(null),
            ),
            (
                json!({"$ref": "#/$defs/kind", "$defs": {"kind": {"enum": ["x"]}}}),
                "",
                json!("x"),
            ),
        ] {
            assert_eq!(
                written(schema.clone(), prompt),
                Ok(expected),
                "{schema} for {prompt:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_obeyed_is_an_error() {
        for schema in [
            json!({"type": "string", "pattern": "^a+$"}),
            json!({"type": "date"}),
            json!({"enum": []}),
            json!(false),
            json!({"$ref": "#/nowhere"}),
            json!({"$ref": "#"}),
            json!({"type": "array", "items": {"$ref": "#/items"}, "minItems": 1}),
            json!({"type": "array", "items": {"$ref": "#/$defs/a"}, "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
            json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}),
            json!({"type": "integer", "minimum": 3, "maximum": 2}),
            json!({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
        ] {
            assert!(
                matches!(
                    written(schema.clone(), ""),
                    Err(EngineError::BadGrammar { .. })
                ),
                "{schema}"
            );
        }
        assert!(matches!(
            answer("{", ""),
            Err(EngineError::BadGrammar { .. })
        ));
    }
}
