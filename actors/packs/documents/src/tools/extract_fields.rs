//! `extract_fields`: the values that a schema asks for, each with the words that say it and their place.

use aios_tools::{BlockingTool, Workspace, args};
use aios_work::{Capability, Effect, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{EXTRACT, open};
use crate::document::Leftovers;
use crate::fields::{self, Extracted};
use crate::lexicon;
use crate::ranking::each_passage;

/// Bytes of a schema.
const SCHEMA: usize = 32 << 10;

/// Extracts fields.
pub(super) struct ExtractFields;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    files: Vec<String>,
    schema: Value,
}

/// What `extract_fields` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extraction {
    /// Each field of the schema, in its order.
    pub(crate) fields: Vec<Extracted>,
    /// Sentences that give orders: neither followed nor given.
    pub(crate) orders: Leftovers,
}

impl BlockingTool for ExtractFields {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: EXTRACT.to_owned(),
            description: "Finds the values of a JSON schema's fields in the files, each with the words that say it and their place, or null with the reason.".to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            input: json!({
                "type": "object",
                "properties": {
                    "files": {"type": "array", "items": {"type": "string"}, "description": "names of input files; all of the goal's if left out"},
                    "schema": {"type": "object", "description": "JSON schema of an object"}
                },
                "required": ["schema"],
                "additionalProperties": false
            }),
            output: json!({
                "type": "object",
                "properties": {
                    "fields": {"type": "array", "items": {"type": "object", "description": "pointer, value, raw, unit, quote, why, near"}},
                    "orders": {"type": "object", "description": "sentences that give orders: count, and places"}
                },
                "required": ["fields", "orders"]
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let args: Args = args::parse(EXTRACT, call)?;
        let wrong = |why: String| ToolError::invalid_arguments(EXTRACT, why);
        let length = args.schema.to_string().len();
        if length > SCHEMA {
            return Err(wrong(format!(
                "the schema has {length} bytes, at most {SCHEMA} are read"
            )));
        }
        let wanted = fields::fields(&args.schema).map_err(wrong)?;
        let documents = open(EXTRACT, &args.files, workspace, call)?;
        let check = || call.check();
        let mut orders = Leftovers::default();
        for document in &documents {
            each_passage(document, &check, &mut |_, block, text, range| {
                if lexicon::gives_orders(text) {
                    orders.add(
                        document.place(block, range.start, range.end),
                        "it gives orders",
                    );
                }
                Ok(())
            })?;
        }
        let fields = fields::extract(&documents, &wanted, &check)?;
        let found = fields.iter().filter(|field| !field.value.is_null()).count();
        let log = format!("{found} of {} fields", fields.len());
        let extraction = Extraction { fields, orders };
        Ok(ToolOutput {
            value: serde_json::to_value(extraction).map_err(|error| wrong(error.to_string()))?,
            log,
            ..ToolOutput::default()
        })
    }
}
