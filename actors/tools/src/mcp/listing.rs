//! What a server says of its tools, as it says it: read within bounds, named by a hash, compared with what it said before.

use std::collections::BTreeMap;

use aios_work::shown;
use rmcp::model::Tool as Foreign;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::environment::Environment;
use super::limits::{LIST_BYTES, TOOLS};

/// One tool in the server's own words: all that is used of it, and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// The name it is called by.
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    pub(crate) input: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) output: Option<Value>,
    /// That it changes nothing, as the server has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) read_only: Option<bool>,
    /// That a second call changes no more than the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotent: Option<bool>,
}

impl From<Foreign> for Listed {
    fn from(tool: Foreign) -> Self {
        let schema = |schema: std::sync::Arc<Map<String, Value>>| {
            Value::Object(std::sync::Arc::unwrap_or_clone(schema))
        };
        let hints = tool.annotations.unwrap_or_default();
        Self {
            name: tool.name.into_owned(),
            description: tool.description.unwrap_or_default().into_owned(),
            input: schema(tool.input_schema),
            output: tool.output_schema.map(schema),
            read_only: hints.read_only_hint,
            idempotent: hints.idempotent_hint,
        }
    }
}

impl Listed {
    /// The same without what is secret of what the server was given: a list is kept, and shown to people and models.
    pub(crate) fn without_secrets(mut self, environment: &Environment) -> Self {
        self.description = environment.without_secrets_in_text(self.description);
        let schemas = std::iter::once(&mut self.input).chain(&mut self.output);
        schemas.for_each(|schema| environment.without_secrets_in(schema));
        self
    }

    /// Bytes it takes as JSON, in which a list is counted.
    pub(crate) fn bytes(&self) -> usize {
        // What is data always becomes JSON.
        serde_json::to_string(self).map_or(0, |text| text.len())
    }
}

/// A list of tools that is within bounds, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Listing {
    tools: Vec<Listed>,
    hash: String,
}

/// Why a list is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooLong {
    #[error("it lists more than {TOOLS} tools")]
    Tools,
    #[error("what it says of its tools is longer than {LIST_BYTES} bytes")]
    Bytes,
}

impl Listing {
    /// The list, if it is within bounds.
    pub(crate) fn new(mut tools: Vec<Listed>) -> Result<Self, TooLong> {
        if tools.len() > TOOLS {
            return Err(TooLong::Tools);
        }
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        let mut hash = Sha256::new();
        let mut bytes = 0;
        for tool in &tools {
            // What is data always becomes JSON.
            let text = serde_json::to_value(tool).map(ordered).unwrap_or_default();
            let text = text.to_string();
            bytes += text.len();
            if bytes > LIST_BYTES {
                return Err(TooLong::Bytes);
            }
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let hash = aios_work::content::hex(&hash.finalize());
        Ok(Self { tools, hash })
    }

    pub(crate) fn tools(&self) -> &[Listed] {
        &self.tools
    }

    /// SHA-256 over all of it, in hexadecimal. Neither the order of the list nor that of fields in it matters.
    pub(crate) fn hash(&self) -> &str {
        &self.hash
    }

    /// What is different in `new`, a line for each tool.
    pub(crate) fn changes(&self, new: &Self) -> Vec<String> {
        let by_name = |listing: &Self| -> BTreeMap<String, Listed> {
            let tools = listing.tools.iter();
            tools
                .map(|tool| (tool.name.clone(), tool.clone()))
                .collect()
        };
        let (before, after) = (by_name(self), by_name(new));
        let mut lines = Vec::new();
        for (name, tool) in &after {
            let name = shown::terminal(name);
            match before.get(&tool.name) {
                None => lines.push(format!(
                    "new: {name}: {}",
                    shown::terminal(&tool.description)
                )),
                Some(known) if known == tool => {}
                Some(known) => lines.push(format!("changed: {name}: {}", what(known, tool))),
            }
        }
        let gone = before.keys().filter(|name| !after.contains_key(*name));
        lines.extend(gone.map(|name| format!("gone: {}", shown::terminal(name))));
        lines
    }
}

/// What of a tool is not what it was.
fn what(known: &Listed, tool: &Listed) -> String {
    let mut parts = Vec::new();
    if known.description != tool.description {
        parts.push(format!(
            "its description, which is now: {}",
            shown::terminal(&tool.description)
        ));
    }
    for (part, same) in [
        ("its arguments", known.input == tool.input),
        ("its result", known.output == tool.output),
        (
            "what it says of its effect",
            (known.read_only, known.idempotent) == (tool.read_only, tool.idempotent),
        ),
    ] {
        if !same {
            parts.push(part.to_owned());
        }
    }
    parts.join("; ")
}

/// The same value with the fields of every object in the order of their names.
fn ordered(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(ordered).collect(),
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields
                .into_iter()
                .map(|(name, value)| (name, ordered(value)))
                .collect();
            Value::Object(fields.into_iter().collect())
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(name: &str) -> Listed {
        Listed {
            name: name.to_owned(),
            description: format!("Does {name}."),
            input: json!({"type": "object", "properties": {"a": {"type": "string"}}}),
            output: None,
            read_only: None,
            idempotent: None,
        }
    }

    #[test]
    fn the_hash_knows_what_is_said_and_not_in_which_order() {
        let of = |tools: &[Listed]| Listing::new(tools.to_vec()).unwrap();
        let one = of(&[listed("a"), listed("b")]);
        let turned: Listed = serde_json::from_value(json!({
            "input": {"properties": {"a": {"type": "string"}}, "type": "object"},
            "description": "Does a.", "name": "a"
        }))
        .unwrap();
        assert_eq!(one.hash(), of(&[listed("b"), turned]).hash());
        type Change = fn(&mut Listed);
        let changes: [(Change, &str); 5] = [
            (
                |tool| tool.description.push('!'),
                "changed: a: its description, which is now: Does a.!",
            ),
            (
                |tool| tool.input = json!({"type": "object"}),
                "changed: a: its arguments",
            ),
            (
                |tool| tool.output = Some(json!({})),
                "changed: a: its result",
            ),
            (
                |tool| tool.read_only = Some(true),
                "changed: a: what it says of its effect",
            ),
            (
                |tool| tool.name = "c\u{1b}[2J".to_owned(),
                "new: c\\u{1b}[2J: Does a.",
            ),
        ];
        for (change, told) in changes {
            let mut tool = listed("a");
            change(&mut tool);
            let other = of(&[tool, listed("b")]);
            assert_ne!(one.hash(), other.hash(), "{told}");
            assert_eq!(one.changes(&other)[0], told);
        }
        assert_eq!(one.changes(&of(&[listed("b")])), ["gone: a"]);
        assert!(one.changes(&one).is_empty());
    }

    #[test]
    fn a_list_without_end_is_not_taken() {
        let many = (0..=TOOLS).map(|n| listed(&n.to_string())).collect();
        assert_eq!(Listing::new(many), Err(TooLong::Tools));
        let long = Listed {
            description: "d".repeat(LIST_BYTES),
            ..listed("a")
        };
        assert_eq!(Listing::new(vec![long]), Err(TooLong::Bytes));
        assert!(Listing::new(Vec::new()).is_ok());
    }
}
