//! `aios node`: a node that stays until Ctrl-C, to be watched and steered from other terminals.

use std::process::ExitCode;
use std::time::Duration;

use aios_runtime::Node;

use super::run::engine;
use crate::arguments::NodeArguments;
use crate::console;
use crate::failure::Failure;
use crate::settings;

pub(crate) fn run(arguments: &NodeArguments) -> Result<ExitCode, Failure> {
    let config = settings::load(
        &arguments.settings,
        &[
            ("model.device", arguments.device.as_deref()),
            ("model.engine", arguments.engine.as_deref()),
            ("door.open", Some("true")),
        ],
    )?;
    let engine = engine(&config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(aios_runtime::tool_threads())
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::plain(format!("cannot start the threads of the node: {error}"))
        })?;
    let outcome = runtime.block_on(async {
        let node = Node::builder()
            .config(config)
            .engine(engine)
            .start()
            .await
            .map_err(Failure::from)?;
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
        match node.door().await {
            Some(Err(why)) => console::note(&format!(
                "it cannot be watched, its door does not open: {why}"
            )),
            _ => console::note("watch it from another terminal with `aios tree --watch`"),
        }
        until_told().await?;
        console::note("stopping");
        node.stop().await;
        Ok(ExitCode::SUCCESS)
    });
    runtime.shutdown_timeout(Duration::from_secs(2));
    outcome
}

/// Ctrl-C from a person, SIGTERM from whoever manages services.
async fn until_told() -> Result<(), Failure> {
    let unheard = |error| Failure::plain(format!("the system's signals cannot be heard: {error}"));
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(unheard)?;
    tokio::select! {
        heard = tokio::signal::ctrl_c() => heard.map_err(unheard),
        _ = term.recv() => Ok(()),
    }
}
