//! `aios agent spawn`: an agent of a charter's file or of a role of the node.

use std::path::Path;
use std::process::ExitCode;

use aios_control::{Request, Spawn, Spawned};

use super::read;
use crate::arguments::AgentSpawn;
use crate::client;
use crate::console;
use crate::failure::Failure;

pub(crate) fn run(arguments: &AgentSpawn) -> Result<ExitCode, Failure> {
    let path = Path::new(&arguments.what);
    // A role has no ending and no folder; whatever has is meant to be a file.
    let is_file = path.extension().is_some_and(|ending| ending == "md") || path.is_file();
    let common = Spawn {
        under: arguments.under.clone(),
        durable: arguments.durable,
        key: arguments.key.clone(),
        away_ms: arguments.away_ms,
        ..Spawn::default()
    };
    let spawn = match is_file {
        true => Spawn {
            charter: Some(read(path)?.text),
            ..common
        },
        false => Spawn {
            role: arguments.what.clone(),
            ..common
        },
    };
    let spawned: Spawned = client::once(&arguments.asked.which, &Request::Spawn(spawn))?;
    match arguments.asked.json {
        true => console::json(&spawned)?,
        false => console::result(&spawned.agent)?,
    }
    Ok(ExitCode::SUCCESS)
}
