//! `aios agent list`: the agents of a running node.

use std::process::ExitCode;

use aios_control::{AgentLine, Request};
use aios_work::shown;

use crate::arguments::AgentList;
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn run(arguments: &AgentList) -> Result<ExitCode, Failure> {
    let agents: Vec<AgentLine> = client::once(&arguments.asked.which, &Request::Agents {})?;
    if arguments.asked.json {
        console::json(&agents)?;
        return Ok(ExitCode::SUCCESS);
    }
    let width = agents
        .iter()
        .map(|agent| agent.agent.len())
        .max()
        .unwrap_or(0);
    let lines: Vec<String> = agents
        .iter()
        .map(|agent| {
            let follows = agent
                .charter
                .as_deref()
                .map(|name| format!("charter {name}: "))
                .unwrap_or_default();
            let line = format!(
                "{:width$}  {:9}  {} waiting, {} at work  {follows}{}",
                agent.agent, agent.state, agent.waiting, agent.at_work, agent.description
            );
            shown::terminal(line.trim_end())
        })
        .collect();
    console::result(&lines.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}
