//! A node in the command's own process: its engine, its threads, and the goal it is given.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aios_inference::EngineFactory;
use aios_inference::models::{ALL_MINILM_L6_V2, SMOLLM2_135M_INSTRUCT};
use aios_runtime::config::{Config, Device, EngineChoice};
use aios_runtime::engine_process::{EngineProcess, HostCommand};
use aios_runtime::{Goal, Node, NodeBuilder, engines};
use aios_work::PlanFile;

use crate::arguments::Wanted;
use crate::failure::{Failure, Kind};
use crate::{console, quiet, weights};

/// Bytes that are read of a plan file: more than one may have, so that a larger one is refused for its size.
const READ: u64 = 1 << 20;

/// What a node thinks with, and the process that it runs in if it has one of its own.
pub(crate) struct Engine {
    pub(crate) factory: EngineFactory,
    process: Option<EngineProcess>,
}

impl From<EngineFactory> for Engine {
    fn from(factory: EngineFactory) -> Self {
        Self {
            factory,
            process: None,
        }
    }
}

impl Engine {
    /// Of a node that is to be started.
    pub(crate) fn of(self, node: NodeBuilder) -> NodeBuilder {
        match &self.process {
            Some(process) => node.engine_process(process),
            None => node.engine(self.factory),
        }
    }
}

/// A goal in the words of whoever asks, or those of its plan.
pub(crate) fn wanted(wanted: &Wanted, plan: Option<PlanFile>, out: &Path) -> Goal {
    let words = plan.as_ref().map(|plan| plan.goal.as_str());
    let goal = Goal::new(wanted.goal.as_deref().or(words).unwrap_or_default())
        .data(&wanted.data)
        .out(out)
        .private(wanted.private);
    match plan {
        Some(plan) => goal.plan(plan),
        None => goal,
    }
}

/// A plan file; `-` is standard input.
pub(crate) fn plan_file(path: &Path) -> Result<PlanFile, Failure> {
    let unread = |error: io::Error| {
        let sentence = format!("cannot read the plan file {}: {error}", path.display());
        Failure::new(Kind::Input, sentence)
    };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(READ).read_to_end(&mut bytes)
    } else {
        let file = File::open(path).map_err(unread)?;
        file.take(READ).read_to_end(&mut bytes)
    }
    .map_err(unread)?;
    PlanFile::read(&bytes)
        .map_err(|error| Failure::new(Kind::Input, format!("{}: {error}", path.display())))
}

/// What a node runs on.
pub(crate) fn threads() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(aios_runtime::tool_threads())
        .enable_all()
        .build()
        .map_err(|error| Failure::plain(format!("cannot start the threads of the node: {error}")))
}

pub(crate) async fn started(config: Config, engine: Engine) -> Result<Node, Failure> {
    // What was under way in the same storage folder is no part of what is asked for here.
    let node = engine.of(Node::builder().config(config));
    let mut node = node.leaving_goals();
    if let Ok(folder) = weights::probes() {
        node = node.probes(folder);
    }
    let node = node.start().await?;
    say_found(&node);
    Ok(node)
}

/// Whatever was not in order in the storage folder is said to whoever starts a node over it.
pub(crate) fn say_found(node: &Node) {
    for found in node.found() {
        console::note(&format!("aios: {found}"));
    }
}

/// The engine for an order about a goal on record: what is at hand, and nothing is fetched for it unless the configuration insists.
pub(crate) fn engine_at_hand(config: &Config) -> Result<Engine, Failure> {
    let at_hand = || {
        let cache = weights::cache().ok();
        let models = [&SMOLLM2_135M_INSTRUCT, &ALL_MINILM_L6_V2];
        cache.is_some_and(|cache| models.iter().all(|model| cache.holds(model)))
    };
    if config.model.engine == EngineChoice::Auto && !at_hand() {
        console::note(
            "no weights are at hand, so the scripted engine thinks; `aios model pull` fetches them",
        );
        return Ok(Engine::from(engines::scripted()));
    }
    engine(config)
}

/// The engine the configuration asks for; weights are fetched first if they are wanted and not there.
pub(crate) fn engine(config: &Config) -> Result<Engine, Failure> {
    if config.model.engine == EngineChoice::Scripted {
        return scripted(config);
    }
    let cache = weights::cache()?;
    for model in [&SMOLLM2_135M_INSTRUCT, &ALL_MINILM_L6_V2] {
        if let Err(failure) = weights::fetch(model, &cache) {
            if config.model.engine == EngineChoice::Burn {
                return Err(failure);
            }
            console::note(failure.sentence());
            console::note(
                "no weights, so the scripted engine thinks: the figures are the same, the prose is plainer",
            );
            return scripted(config);
        }
    }
    if config.model.process {
        return apart(EngineChoice::Burn, config.model.device);
    }
    // Before there is a picture, so that no driver writes into it.
    quiet::quietly(|| engines::open_device(config.model.device));
    Ok(Engine::from(engines::burn(config.model.device, &cache)))
}

fn scripted(config: &Config) -> Result<Engine, Failure> {
    if config.model.process {
        return apart(EngineChoice::Scripted, config.model.device);
    }
    Ok(Engine::from(engines::scripted()))
}

/// The engine in a process of its own: this program again, as `aios engine serve`.
fn apart(engine: EngineChoice, device: Device) -> Result<Engine, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::plain(format!(
            "cannot find this program to start it again: {error}"
        ))
    })?;
    let arguments = ["engine", "serve", engine.as_str(), device.as_str()];
    let mut command = HostCommand::new(program, arguments);
    // A log that somebody asked for is wanted of both; a driver's own words are not.
    command.speaks = std::env::var_os("AIOS_LOG").is_some();
    let process = EngineProcess::new(command);
    Ok(Engine {
        factory: process.factory(),
        process: Some(process),
    })
}
