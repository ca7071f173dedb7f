//! Arguments from JSON, with a clear word on what is wrong.

use serde::de::DeserializeOwned;

use crate::{InputFile, ToolCall, ToolError};

/// The arguments of `call` as the tool's own type.
pub(crate) fn parse<A: DeserializeOwned>(
    tool: &'static str,
    call: &ToolCall<'_>,
) -> Result<A, ToolError> {
    A::deserialize(call.args).map_err(|error| bad(tool, error.to_string()))
}

/// Arguments that cannot be used.
pub(crate) fn bad(tool: &'static str, reason: impl Into<String>) -> ToolError {
    ToolError::BadArguments {
        tool,
        reason: reason.into(),
    }
}

/// The input file that `file` names; without a name the only one there is.
pub(crate) fn input<'w>(
    tool: &'static str,
    call: &ToolCall<'w>,
    file: Option<&str>,
) -> Result<&'w InputFile, ToolError> {
    match (file, call.workspace.inputs()) {
        (Some(file), _) => call.workspace.input(file),
        (None, [only]) => Ok(only),
        (None, inputs) => Err(bad(
            tool,
            format!(
                "file is missing, and the goal has {} input files to choose from",
                inputs.len()
            ),
        )),
    }
}
