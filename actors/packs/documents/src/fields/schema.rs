//! What a schema asks for, and where a goal has one.

use aios_tools::Schema;
use serde_json::{Map, Value, json};

use crate::lexicon::{self, LANGUAGES};

/// Fields of one goal.
pub(crate) const FIELDS: usize = 64;
/// How deep objects within objects are looked into.
const DEPTH: usize = 4;
/// Words of one name in a list.
const NAME_WORDS: usize = 5;

/// One value that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// Where it goes: a JSON pointer into the object.
    pub(crate) pointer: String,
    /// What it is called, in all ways that the schema knows: its key, its title, its description.
    pub(crate) names: Vec<String>,
    /// What its value must be.
    pub(crate) schema: Value,
}

/// The fields of an object schema, those of objects within it included.
///
/// # Errors
/// In a sentence what the schema asks for that is not done here.
pub(crate) fn fields(schema: &Value) -> Result<Vec<Field>, String> {
    let mut out = Vec::new();
    walk(schema, "", 0, &mut out)?;
    match out.len() {
        0 => Err("the schema names no fields; give it properties".to_owned()),
        count if count > FIELDS => Err(format!(
            "the schema has {count} fields, at most {FIELDS} are looked for at once; split it"
        )),
        _ => Ok(out),
    }
}

fn walk(schema: &Value, at: &str, depth: usize, out: &mut Vec<Field>) -> Result<(), String> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Ok(());
    };
    if depth >= DEPTH {
        return Err(format!(
            "the schema nests more than {DEPTH} objects; make it flatter"
        ));
    }
    for (key, inner) in properties {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        if inner.get("properties").is_some() {
            walk(inner, &pointer, depth + 1, out)?;
            continue;
        }
        let said = |name: &str| inner.get(name).and_then(Value::as_str).map(str::to_owned);
        let names = [Some(spaced(key)), said("title"), said("description")];
        out.push(Field {
            pointer,
            names: names.into_iter().flatten().collect(),
            schema: inner.clone(),
        });
        if out.len() > FIELDS * 4 {
            break;
        }
    }
    Ok(())
}

/// `invoiceNumber` and `invoice_number` as the words they are.
fn spaced(key: &str) -> String {
    let mut out = String::new();
    let mut small = false;
    for c in key.chars() {
        if matches!(c, '_' | '-' | '.') {
            out.push(' ');
            small = false;
            continue;
        }
        if c.is_uppercase() && small {
            out.push(' ');
        }
        small = c.is_lowercase() || c.is_ascii_digit();
        out.push(c);
    }
    out
}

/// An object with these values at their pointers.
pub(crate) fn whole<'v>(values: impl IntoIterator<Item = (&'v str, Value)>) -> Value {
    let mut root = Value::Object(Map::new());
    for (pointer, value) in values {
        let mut at = &mut root;
        for part in pointer.split('/').skip(1) {
            let key = part.replace("~1", "/").replace("~0", "~");
            let Value::Object(members) = at else { break };
            at = members
                .entry(key)
                .or_insert_with(|| Value::Object(Map::new()));
        }
        *at = value;
    }
    root
}

/// The schema that stands in a goal: as JSON, as an example of the object, or as a list of names behind the word that asks for them.
pub(crate) fn in_goal(text: &str) -> Option<Value> {
    if let Some(value) = json_in(text) {
        return Some(as_schema(value));
    }
    let names = listed(text)?;
    let properties: Map<String, Value> = names.into_iter().map(|name| (name, json!({}))).collect();
    Some(json!({"type": "object", "properties": properties}))
}

/// Whether a schema allows a value; one that cannot be used allows all.
pub(crate) fn allows(schema: &Value, value: &Value) -> bool {
    Schema::new(schema).map_or(true, |schema| schema.is_valid(value))
}

/// The first JSON object of a text.
fn json_in(text: &str) -> Option<Value> {
    text.match_indices('{').take(8).find_map(|(at, _)| {
        let mut values = serde_json::Deserializer::from_str(text.get(at..)?).into_iter::<Value>();
        values.next()?.ok().filter(Value::is_object)
    })
}

/// A schema as it is; of an example, in which types or empty values stand for the values, the schema that it shows.
fn as_schema(value: Value) -> Value {
    if value.get("properties").is_some_and(Value::is_object) {
        return value;
    }
    let Value::Object(members) = value else {
        return json!({});
    };
    let kind = |shown: Value| match shown {
        Value::String(name)
            if matches!(name.as_str(), "string" | "number" | "integer" | "boolean") =>
        {
            json!({"type": name})
        }
        Value::String(name) if name == "date" => json!({"type": "string", "format": "date"}),
        Value::Number(number) if number.is_f64() => json!({"type": "number"}),
        Value::Number(_) => json!({"type": "number"}),
        Value::Bool(_) => json!({"type": "boolean"}),
        inner @ Value::Object(_) => as_schema(inner),
        Value::String(_) => json!({"type": "string"}),
        _ => json!({}),
    };
    let properties: Map<String, Value> = members
        .into_iter()
        .map(|(key, shown)| (key, kind(shown)))
        .collect();
    json!({"type": "object", "properties": properties})
}

/// The names of a list: behind a colon, or behind the word that asks for fields; up to what ends the list.
fn listed(text: &str) -> Option<Vec<String>> {
    let lower = text.to_lowercase();
    // Byte places stay only where no letter changes its length.
    if lower.len() != text.len() {
        return None;
    }
    let behind = match text.split_once(": ") {
        Some((_, list)) if list.contains(',') => list,
        _ => {
            let at = LANGUAGES
                .iter()
                .flat_map(|language| language.extraction)
                .find_map(|word| {
                    let word = word.trim_end_matches('*');
                    let at = lower.find(word)?;
                    let rest = text.get(at..)?;
                    let end = rest.find(char::is_whitespace)?;
                    Some(at + end)
                })?;
            text.get(at..)?
        }
    };
    let lower = behind.to_lowercase();
    let end = LANGUAGES
        .iter()
        .flat_map(|language| language.list_ends)
        .filter_map(|word| {
            let stands = |at: &usize| {
                let behind = lower.get(at + 1 + word.len()..).unwrap_or_default();
                *at > 0 && !behind.starts_with(char::is_alphanumeric)
            };
            lower
                .match_indices(&format!(" {word}"))
                .map(|(at, _)| at)
                .find(stands)
        })
        .min()
        .unwrap_or(behind.len());
    let mut list = behind
        .get(..end)?
        .trim_end_matches(['.', '!', '?'])
        .to_owned();
    for word in LANGUAGES.iter().flat_map(|language| language.joins) {
        list = list.replace(&format!(" {word} "), ",");
    }
    let names: Vec<String> = list
        .split([',', ';'])
        .map(|name| {
            name.trim()
                .trim_matches(['"', '\'', '`', '\u{201e}', '\u{201c}', '\u{ab}', '\u{bb}'])
        })
        .map(|name| {
            let words: Vec<&str> = name
                .split_whitespace()
                .skip_while(|word| lexicon::is_stop(&word.to_lowercase()))
                .collect();
            words.join(" ")
        })
        .filter(|name| name.chars().any(char::is_alphabetic) && !asks_for(name))
        .collect();
    let fits = !names.is_empty()
        && names
            .iter()
            .all(|name| name.split_whitespace().count() <= NAME_WORDS);
    fits.then_some(names)
}

/// Whether a name is none, but a word by which fields are asked for.
fn asks_for(name: &str) -> bool {
    lexicon::has(name, |language| language.extraction) && name.split_whitespace().count() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_found_in_a_goal_in_whatever_form_it_has() {
        let keys = |text: &str| -> Option<Vec<String>> {
            Some(
                fields(&in_goal(text)?)
                    .ok()?
                    .into_iter()
                    .map(|field| field.pointer)
                    .collect(),
            )
        };
        let rows: [(&str, Option<&[&str]>); 9] = [
            (
                "Extract by this schema {\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"},\"b\":{\"properties\":{\"c\":{}}}}}",
                Some(&["/a", "/b/c"]),
            ),
            (
                "Extract {\"total\": 0, \"date\": \"date\"} from it",
                Some(&["/total", "/date"]),
            ),
            (
                "Extract the invoice number, date and total as JSON",
                Some(&["/invoice number", "/date", "/total"]),
            ),
            (
                "Extract these fields: number, due date",
                Some(&["/number", "/due date"]),
            ),
            (
                "Extrahiere Rechnungsnummer, Datum und Betrag aus dem Brief als JSON",
                Some(&["/Rechnungsnummer", "/Datum", "/Betrag"]),
            ),
            (
                "Extrais la date et le montant en JSON",
                Some(&["/date", "/montant"]),
            ),
            (
                "Extrae la fecha y el importe como JSON",
                Some(&["/fecha", "/importe"]),
            ),
            ("What is the total?", None),
            ("Summarise {this}", None),
        ];
        for (text, expected) in rows {
            let expected =
                expected.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>());
            assert_eq!(keys(text), expected, "{text}");
        }
    }

    #[test]
    fn values_go_to_where_their_pointers_lead() {
        let made = whole([
            ("/a", json!(1)),
            ("/b/c~1d", json!("x")),
            ("/b/e", Value::Null),
        ]);
        assert_eq!(made, json!({"a": 1, "b": {"c/d": "x", "e": null}}));
        assert_eq!(spaced("invoiceNumber"), "invoice Number");
        assert_eq!(spaced("due_date"), "due date");
    }
}
