//! `aios agent grant` and `aios agent revoke`: a tool given to an agent of a running node, or taken from it.

use std::process::ExitCode;

use aios_control::{AgentTools, Request};

use crate::arguments::AgentTool;
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn grant(arguments: &AgentTool) -> Result<ExitCode, Failure> {
    let AgentTool { agent, tool, .. } = arguments;
    let (agent, tool) = (agent.clone(), tool.clone());
    done(arguments, &Request::GrantTool { agent, tool })
}

pub(crate) fn revoke(arguments: &AgentTool) -> Result<ExitCode, Failure> {
    let AgentTool { agent, tool, .. } = arguments;
    let (agent, tool) = (agent.clone(), tool.clone());
    done(arguments, &Request::RevokeTool { agent, tool })
}

fn done(arguments: &AgentTool, request: &Request) -> Result<ExitCode, Failure> {
    let has: AgentTools = client::once(&arguments.asked.which, request)?;
    if arguments.asked.json {
        console::json(&has)?;
        return Ok(ExitCode::SUCCESS);
    }
    let tools = match has.tools.as_slice() {
        [] => "no tool".to_owned(),
        tools => tools.join(", "),
    };
    console::result(&format!("{} has {tools}", has.agent))?;
    Ok(ExitCode::SUCCESS)
}
