//! Arguments from JSON, with a clear word on what is wrong.

use aios_work::{InputFile, ToolCall, ToolError};
use serde::de::DeserializeOwned;

use crate::Workspace;

/// The arguments of `call` as the tool's own type.
///
/// # Errors
/// Says which of them cannot be used.
pub fn parse<A: DeserializeOwned>(tool: &str, call: &ToolCall) -> Result<A, ToolError> {
    A::deserialize(&call.args).map_err(|error| ToolError::invalid_arguments(tool, error))
}

/// The file that `file` names: one of the goal's inputs, or else one that lies in its output folder now; without a name the only input.
///
/// # Errors
/// When there is no such file, or more than one to choose from.
pub fn file(tool: &str, workspace: &Workspace, file: Option<&str>) -> Result<InputFile, ToolError> {
    let named = input(tool, workspace, file);
    let written = || file.and_then(|name| workspace.written(name));
    match named {
        Ok(input) => Ok(input.clone()),
        Err(error) => written().ok_or(error),
    }
}

/// The input file that `file` names; without a name the only one there is.
///
/// # Errors
/// When there is no such file, or more than one to choose from.
pub fn input<'w>(
    tool: &str,
    workspace: &'w Workspace,
    file: Option<&str>,
) -> Result<&'w InputFile, ToolError> {
    match (file, workspace.inputs()) {
        (Some(file), _) => Ok(workspace.input(file)?),
        (None, [only]) => Ok(only),
        (None, inputs) => Err(ToolError::invalid_arguments(
            tool,
            format!(
                "file is missing, and the goal has {} input files to choose from",
                inputs.len()
            ),
        )),
    }
}
