//! `list_files`: what a goal may read, and what it has written.

use aios_work::{Capability, Effect, InputFile, ToolCall, ToolError, ToolOutput, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{BlockingTool, Workspace, args};

const NAME: &str = "list_files";
/// Files of each kind that are listed.
const LISTED: usize = 500;

/// Lists files.
pub(crate) struct ListFiles;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {}

impl BlockingTool for ListFiles {
    fn spec(&self) -> ToolSpec {
        let files = json!({"type": "array", "items": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "bytes": {"type": "integer"}},
            "required": ["name", "bytes"]
        }});
        ToolSpec {
            name: NAME.to_owned(),
            description: "Lists the goal's input files and the files in its own folder.".to_owned(),
            needs: [Capability::FILES_READ].into(),
            effect: Effect::Pure,
            input: json!({"type": "object", "properties": {}, "additionalProperties": false}),
            output: json!({
                "type": "object",
                "properties": {
                    "inputs": files,
                    "written": files,
                    "more": {"type": "boolean", "description": "whether there are files that are not listed"}
                },
                "required": ["inputs", "written", "more"]
            }),
        }
    }

    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
        let Args {} = args::parse(NAME, call)?;
        let listed = |files: &[InputFile]| -> Vec<Value> {
            let files = files.iter().take(LISTED);
            files
                .map(|file| json!({"name": file.name, "bytes": file.state.length}))
                .collect()
        };
        let inputs = workspace.inputs();
        let (written, more) = workspace.all_written(LISTED);
        let log = format!("{NAME}: {} inputs, {} written", inputs.len(), written.len());
        Ok(ToolOutput {
            value: json!({
                "inputs": listed(inputs),
                "written": listed(&written),
                "more": more || inputs.len() > LISTED,
            }),
            log,
            ..ToolOutput::default()
        })
    }
}
