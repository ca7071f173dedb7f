//! `profile_table`: what is in a table, before anybody asks it anything.

use std::sync::Arc;

use aios_work::{
    Capability, Effect, Fact, Source, Statistic, Subject, ToolCall, ToolError, ToolOutput,
    ToolSpec, Value,
};
use serde::Deserialize;
use serde_json::json;

use crate::tables::Tables;
use aios_tools::{BlockingTool, Workspace, args};

const NAME: &str = "profile_table";

/// Looks at a CSV or TSV file and gives its [`crate::TableProfile`].
pub(crate) struct ProfileTable {
    pub(crate) tables: Arc<Tables>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    file: Option<String>,
}

impl BlockingTool for ProfileTable {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: NAME.to_owned(),
            description: "Reads a CSV or TSV file and tells its rows, columns, kinds, formats, extremes and oddities.".to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            output: json!({
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "rows": {"type": "integer"},
                    "columns": {"type": "array", "items": {"type": "object", "description": "name, kind, missing, distinct, min, max, examples and how its cells are written"}},
                    "separator": {"type": "string"},
                    "header": {"type": "boolean"},
                    "encoding": {"type": "string"},
                    "warnings": {"type": "array", "items": {"type": "string"}}
                },
                "required": ["file", "rows", "columns", "separator", "header", "encoding", "warnings"]
            }),
            input: json!({
                "type": "object",
                "properties": {"file": {"type": "string", "description": "name of an input file; may be left out if there is only one"}},
                "additionalProperties": false
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let Args { file } = args::parse(NAME, call)?;
        let input = args::input(NAME, workspace, file.as_deref())?;
        let table = self.tables.load(input, call, workspace)?;
        let profile = &table.profile;
        let fact = |statistic: Statistic, value: usize, at: Option<&str>| Fact {
            subject: vec![Subject {
                name: profile.file.clone(),
                kind: "file".to_owned(),
            }],
            measure: None,
            statistic,
            period: None,
            value: Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)),
            unit: None,
            source: Source {
                at: at.map(str::to_owned),
                ..Source::from(format!("{}: {NAME}", profile.file))
            },
        };
        let other = |words: &str| Statistic::Other(words.to_owned());
        let mut log = format!(
            "{}: {} rows, {} columns",
            profile.file,
            profile.rows,
            profile.columns.len()
        );
        for warning in &profile.warnings {
            log.push_str("\nwarning: ");
            log.push_str(warning);
        }
        Ok(ToolOutput {
            value: serde_json::to_value(profile).unwrap_or_default(),
            facts: vec![
                fact(Statistic::Rows, table.lines.len(), Some("/rows")),
                fact(other("columns"), profile.columns.len(), None),
            ],
            artifacts: Vec::new(),
            log,
        })
    }
}
