//! `aios agent ask`: a question to an agent of a running node; where none runs, to a charter's agent in a node of this process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use aios_control::{Ask, Asked, ClientError, Request};
use aios_runtime::Config;

use super::{Written, read};
use crate::arguments::AgentAsk;
use crate::failure::{Failure, Kind};
use crate::own_node::{Engine, engine, started, threads};
use crate::settings;
use crate::{client, console};

pub(crate) fn run(arguments: &AgentAsk) -> Result<ExitCode, Failure> {
    let config = settings::of_a_node(&arguments.asked.which.settings, &arguments.thinking)?;
    let ask = Ask {
        agent: arguments.agent.clone(),
        content: arguments.text.clone(),
        deadline_ms: arguments.deadline_ms,
    };
    let runtime = threads()?;
    let node = arguments.asked.which.node.as_deref();
    let running = runtime.block_on(client::to(&config, node));
    let outcome = match running {
        Ok(mut client) => runtime
            .block_on(client.ask(&Request::Ask(ask)))
            .map_err(Failure::from),
        Err(ClientError::NoNode) => {
            let charters = found(&arguments.agent, &arguments.charters)?;
            let engine = engine(&config)?;
            runtime.block_on(here(config, engine, &charters, ask))
        }
        Err(error) => Err(error.into()),
    };
    // Also after a failure: dropped, the runtime would wait for a tool that does not listen.
    runtime.shutdown_timeout(Duration::from_secs(2));
    let asked: Asked = outcome?;
    match arguments.asked.json {
        true => console::json(&asked)?,
        false => console::text(&asked.content)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The charter that is meant, and those of everybody it may hand work to, the last first.
fn found(name: &str, folder: &Path) -> Result<Vec<Written>, Failure> {
    let path = match name.ends_with(".md") {
        true => PathBuf::from(name),
        false => folder.join(format!("{name}.md")),
    };
    if !path.is_file() {
        return Err(Failure::new(
            Kind::NoNode,
            format!(
                "no node of yours is running, and there is no charter {}; start a node with `aios node`, or write the charter",
                path.display()
            ),
        ));
    }
    let beside = path.parent().map(Path::to_owned).unwrap_or_default();
    let mut charters = vec![read(&path)?];
    let mut known: BTreeSet<String> = BTreeSet::from([charters[0].charter.name.clone()]);
    let mut at = 0;
    while let Some(written) = charters.get(at) {
        let delegates: Vec<String> = written.charter.delegates.clone();
        for name in delegates {
            let path = beside.join(format!("{name}.md"));
            if known.insert(name) && path.is_file() {
                charters.push(read(&path)?);
            }
        }
        at += 1;
    }
    charters.reverse();
    Ok(charters)
}

/// Asks in a node of this process, which has nobody but these agents beside its own.
async fn here(
    mut config: Config,
    engine: Engine,
    charters: &[Written],
    ask: Ask,
) -> Result<Asked, Failure> {
    config.door.open = false;
    config.swarm.pages = 0;
    let node = started(config, engine).await?;
    let outcome = async {
        let mut spawned = String::new();
        for Written { charter, path, .. } in charters {
            let agent = node
                .spawn_charter(charter.clone(), None)
                .await
                .map_err(|error| {
                    Failure::new(Kind::Input, format!("{}: {error}", path.display()))
                })?;
            spawned = agent.to_string();
        }
        let ask = Ask {
            agent: spawned,
            ..ask
        };
        tokio::select! {
            asked = async { node.control().ask_agent(ask).await } => asked.map_err(Failure::from),
            _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
        }
    };
    let outcome = outcome.await;
    node.stop().await;
    outcome
}
