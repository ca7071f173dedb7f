//! `aios swarm agent`: one agent closely.

use std::process::ExitCode;

use aios_control::{Request, SwarmQuestion};
use serde_json::Value;

use crate::arguments::SwarmAgent;
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn run(arguments: &SwarmAgent) -> Result<ExitCode, Failure> {
    let request = Request::Swarm {
        about: SwarmQuestion::Agent {
            id: arguments.id.clone(),
        },
    };
    client::show(&arguments.show, &request, |answer: &Value, width, _| {
        lines(&console::harmless(answer), width)
    })
}

/// Every field on a line of its own; which there are depends on nothing but the node.
fn lines(answer: &Value, width: usize) -> Vec<String> {
    let fields = answer.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            let line = format!("{name:<12}{text}");
            line.chars().take(width).collect()
        })
        .collect()
}
