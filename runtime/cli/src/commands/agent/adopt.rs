//! `aios agent adopt`: what a version before this one left unsigned is signed, because a person says so.

use std::process::ExitCode;

use aios_protocols::AgentId;
use aios_runtime::{AdoptError, adopt};
use serde_json::json;

use crate::arguments::AgentAdopt;
use crate::commands::audit;
use crate::console;
use crate::failure::{Failure, Kind};

pub(crate) fn run(arguments: &AgentAdopt) -> Result<ExitCode, Failure> {
    let (folder, tenant) = audit::place(&arguments.place)?;
    let agents: Result<Vec<AgentId>, _> = arguments.agents.iter().map(|it| it.parse()).collect();
    let agents = agents.map_err(|error| {
        Failure::usage(format!(
            "{error}; an agent is named as it is in what says that its records are unsigned"
        ))
    })?;
    let adopted = adopt(&folder, &tenant, &agents, arguments.again).map_err(failed)?;
    if arguments.place.json {
        let adopted: Vec<_> = adopted
            .iter()
            .map(|(agent, it)| {
                json!({
                    "agent": agent,
                    "checkpoints": it.checkpoints,
                    "messages": it.messages,
                    "outcomes": it.outcomes,
                    "signed": it.signed,
                })
            })
            .collect();
        console::json(&adopted)?;
    } else {
        let lines: Vec<String> = adopted
            .iter()
            .map(|(agent, it)| {
                let signed: String = it.signed.iter().map(|it| format!("\n  {it}")).collect();
                format!(
                    "{agent}: {} checkpoints, {} messages and {} outcomes of messages are signed now{signed}",
                    it.checkpoints, it.messages, it.outcomes
                )
            })
            .collect();
        console::result(&lines.join("\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(error: AdoptError) -> Failure {
    let kind = match &error {
        AdoptError::None(_) => Kind::Input,
        _ => Kind::Failed,
    };
    Failure::new(kind, error.to_string())
}
