//! Tools by hand: what the node has, and one call of one in its owner's name.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_control::{CallTool, ControlError, ErrorKind, Place, ToolCalled, ToolLine};
use aios_tools::{CallError, OnDisk, Toolbox, WorkspaceError};
use aios_work::{InputFile, ToolCall, ToolError, ToolErrorKind};

use crate::gateway::fresh_id;
use crate::goals::absolute;
use crate::node::Node;
use crate::rights::leads_to;

impl Node {
    /// The tools there are, by name, and what is in the way of calling them.
    pub(crate) fn tools(&self) -> Vec<ToolLine> {
        let tools = self.parts.services.tools();
        tools.specs().map(|spec| line(tools, &spec)).collect()
    }

    /// Calls a tool once. Its owner may have all that the node grants to anybody.
    pub(crate) async fn call_tool(
        &self,
        place: Place,
        mut asked: CallTool,
        confined: bool,
    ) -> Result<ToolCalled, ControlError> {
        let allowed = CallTool::DEADLINE_MS_MAX;
        let deadline_ms = asked.deadline_ms;
        if !(1..=allowed).contains(&deadline_ms) {
            return Err(ControlError::invalid(format!(
                "deadline_ms is {deadline_ms}, allowed is 1 to {allowed}"
            )));
        }
        if place == Place::Elsewhere {
            absolute(asked.data.iter().chain(&asked.out))?;
        }
        // Of somebody who may name some folders alone it was looked at already.
        if !confined
            && let Some(out) = asked.out.as_mut()
            && let Some(found) = leads_to(Path::new(out)).as_deref().and_then(Path::to_str)
        {
            found.clone_into(out);
        }
        let tools = self.parts.services.tools();
        // Whoever may not, or asks for what is not there, learns so before a file is touched.
        let granted = tools.needs();
        tools.granted(&asked.tool, &granted).map_err(refused)?;
        let effect = tools.spec(&asked.tool).map(|spec| spec.effect);
        let begun = Instant::now();
        let operation = fresh_id()?;
        let call = ToolCall {
            idempotency_key: operation.clone(),
            tenant: self.config().node.tenant.clone(),
            goal: operation,
            inputs: inputs(asked.data, confined).await?,
            out_dir: asked.out.unwrap_or_default(),
            ..ToolCall::new(asked.args, begun + Duration::from_millis(deadline_ms))
        };
        let output = tokio::select! {
            called = tools.call_apart(&asked.tool, &granted, call) => called.map_err(fallen)?,
            () = self.stops() => {
                return Err(ControlError::new(ErrorKind::Unavailable, "the node is stopping"));
            }
        };
        Ok(ToolCalled {
            effect: effect.unwrap_or(aios_work::Effect::Ask),
            tool: asked.tool,
            value: output.value,
            facts: output.facts,
            artifacts: output.artifacts,
            log: output.log,
            took_ms: begun.elapsed().as_secs_f64() * 1_000.0,
        })
    }
}

fn line(tools: &Arc<Toolbox>, spec: &aios_work::ToolSpec) -> ToolLine {
    ToolLine {
        missing: tools.missing(&spec.name),
        unusable: tools.problem(&spec.name).map(|error| error.to_string()),
        spec: spec.clone(),
    }
}

/// The files as they are now: what a tool reads is in this state or is not read.
async fn inputs(paths: Vec<String>, in_place: bool) -> Result<Vec<InputFile>, ControlError> {
    let found = tokio::task::spawn_blocking(move || match in_place {
        true => InputFile::all_in_place(&paths),
        false => InputFile::all(&paths),
    })
    .await;
    match found {
        Ok(files) => {
            files.map_err(|error: WorkspaceError| ControlError::invalid(error.to_string()))
        }
        // The node is closing.
        Err(_) => Err(ControlError::new(
            ErrorKind::Unavailable,
            "the node is stopping",
        )),
    }
}

fn fallen(error: CallError) -> ControlError {
    refused(error.into())
}

/// A tool's error in the words of the contract.
fn refused(error: ToolError) -> ControlError {
    let (kind, advice) = match error.kind() {
        ToolErrorKind::InvalidArguments => (
            ErrorKind::Invalid,
            "mend what the message names; `aios tool show` says what the tool takes",
        ),
        ToolErrorKind::NotFound => (
            ErrorKind::Unknown,
            "choose one of those that `aios tool list` shows",
        ),
        ToolErrorKind::Permission => (
            ErrorKind::Forbidden,
            "add the capability to tools.grants in the node's configuration, if you mean it",
        ),
        ToolErrorKind::Timeout => (ErrorKind::Late, ErrorKind::Late.advice()),
        ToolErrorKind::Cancelled => (ErrorKind::Unavailable, ErrorKind::Unavailable.advice()),
        ToolErrorKind::RateLimited => (ErrorKind::Busy, "wait a while before asking again"),
        ToolErrorKind::Provider | ToolErrorKind::Network | ToolErrorKind::Other => {
            (ErrorKind::Failed, ErrorKind::Failed.advice())
        }
    };
    ControlError::new(kind, error.message()).advise(advice)
}
