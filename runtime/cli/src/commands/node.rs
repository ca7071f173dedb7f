//! `aios node`: a node that stays until Ctrl-C, to be watched and steered from other terminals.

use std::process::ExitCode;
use std::time::Duration;

use aios_runtime::Node;
use aios_runtime::team::Team;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::NodeArguments;
use crate::console;
use crate::failure::{Failure, Kind};
use crate::logging;
use crate::own_node::{engine, say_found, threads};
use crate::settings;

pub(crate) fn run(arguments: &NodeArguments) -> Result<ExitCode, Failure> {
    keep(arguments, async |node| {
        let mut signals = Signals::listen()?;
        match node.control_socket().await {
            Some(Err(why)) => console::note(&format!(
                "it cannot be watched, its door does not open: {why}"
            )),
            _ => console::note("watch it from another terminal with `aios tree --watch`"),
        }
        signals.told().await;
        Ok(())
    })
}

/// Starts a node, keeps it for as long as `stay` says, and stops it.
pub(super) fn keep(
    arguments: &NodeArguments,
    stay: impl AsyncFnOnce(&Node) -> Result<(), Failure>,
) -> Result<ExitCode, Failure> {
    let nats = arguments.nats.as_deref();
    let config = settings::of_a_kept_node(&arguments.settings, &arguments.thinking, nats)?;
    // Refuse what cannot work before anything is fetched or started.
    let team = arguments.team.as_deref().map(Team::load).transpose();
    let team = team.map_err(|error| Failure::new(Kind::Input, error.to_string()))?;
    let engine = engine(&config)?;
    let runtime = threads()?;
    let outcome = runtime.block_on(async {
        let node = engine.of(Node::builder().config(config));
        let node = match team {
            Some(team) => node.team(team),
            None => node,
        };
        let node = node.start().await?;
        say_found(&node);
        let model = node.model();
        console::note(&format!(
            "node {} runs with {} agents; {} on {} thinks; Ctrl-C stops it",
            std::process::id(),
            node.view().agents.len(),
            if model.name.is_empty() {
                model.engine
            } else {
                model.name
            },
            model.device,
        ));
        if let Some((_, key)) = node.nats_signer() {
            if let Some(lines) = logging::lines() {
                node.tell_logs(lines);
            }
            console::note(&format!(
                "what happens is told on {} whenever it can be reached, signed with the key {key}",
                node.config().bus.data.nats
            ));
        }
        let stayed = stay(&node).await;
        console::note("stopping");
        node.stop().await;
        stayed.map(|()| ExitCode::SUCCESS)
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

/// Ctrl-C from a person, SIGTERM from whoever manages services; heard from the moment that this is there.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let heard = |kind| {
            signal(kind).map_err(|error| {
                Failure::plain(format!("the system's signals cannot be heard: {error}"))
            })
        };
        Ok(Self {
            interrupt: heard(SignalKind::interrupt())?,
            terminate: heard(SignalKind::terminate())?,
        })
    }

    pub(super) async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
