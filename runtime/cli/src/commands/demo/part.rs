//! The node of the demo, in a process of its own so that it can be killed: a node that serves its page and its contract, with the acts as tools
//! of its own.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use aios_inference::ScriptedEngine;
use aios_runtime::Node;
use aios_runtime::config::{Config, Sources};
use aios_tools::{Function, function};
use aios_work::{Charter, Effect, ToolCall};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;

use super::acts::Acts;
use super::lines;
use super::played::{Act, Played};
use super::remains::Hold;
use super::stage::{self, Stage};
use crate::commands::node::Signals;
use crate::commands::serve::{self, Shown};
use crate::console;
use crate::failure::{Failure, Kind};
use crate::own_node::threads;

#[derive(Debug, Deserialize, JsonSchema)]
struct Nothing {}

#[derive(Debug, Deserialize, JsonSchema)]
struct Play {
    /// Which act, from 1 to 6.
    act: u8,
    /// Which part of it, from 1.
    #[serde(default)]
    part: u8,
    /// The goal that the part before was about.
    #[serde(default)]
    goal: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Announced {
    acts: Vec<Act>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct WayBack {
    /// Where a browser comes in again once the node was killed.
    link: String,
}

pub(super) fn run(stage: &Stage, address: SocketAddr, sleepers: u32) -> Result<ExitCode, Failure> {
    let config = Config::load(&Sources {
        file: Some(stage.settings()),
        // Where its door is may be said from outside; what it plays may not.
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("AIOS_DOOR_"))
            .collect(),
        flags: Vec::new(),
    });
    let config = config.map_err(|error| Failure::new(Kind::Settings, error.to_string()))?;
    let _hold = Hold::join(stage.folder())?;
    threads()?.block_on(async {
        let scripts = lines::scripts();
        let acts = Acts::new(stage.clone(), scripts.clone(), sleepers);
        let node = Node::builder()
            .config(config)
            .engine(Arc::new(move || {
                Ok(Box::new(ScriptedEngine::scripted_by(scripts.clone())))
            }))
            .tool(announced(&acts))
            .tool(played(&acts))
            .tool(crashed())
            .tool(way_back(stage))
            .start()
            .await?;
        acts.is_played_on(&node);
        for text in [stage::AUDITOR, stage::CLERK] {
            let charter = Charter::parse(text)
                .map_err(|error| Failure::plain(format!("a charter of the demo: {error}")))?;
            node.spawn_charter(charter, None)
                .await
                .map_err(|error| Failure::plain(error.to_string()))?;
        }
        let mut signals = Signals::listen()?;
        let shown = Shown::at(&node, &[address.port()], Some(&stage.token()))?;
        let running = serve::opened(&node, address, &shown, stage.out()).await?;
        let link = format!("http://{}/?token={}", running.address(), shown.reveal());
        console::json_line(
            &json!({"http": format!("http://{}", running.address()), "link": link}),
        )?;
        let alone = input_ends()?;
        tokio::select! {
            () = signals.told() => {}
            _ = alone => tracing::warn!("whoever plays the demo is gone, and so goes its node"),
        }
        running.drain().await;
        node.stop().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Comes when nobody holds the other end of the input any more: whoever started this process has ended, and perhaps could not say so.
fn input_ends() -> std::io::Result<oneshot::Receiver<()>> {
    let (tell, told) = oneshot::channel();
    // A thread of its own: reading cannot be called off, and the process need not wait for it.
    std::thread::Builder::new()
        .name("aios-input".to_owned())
        .spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = tell.send(());
        })?;
    Ok(told)
}

fn announced(acts: &Arc<Acts>) -> Function {
    let acts = Arc::clone(acts);
    let work = move |_: Nothing, _: ToolCall| {
        let acts = acts.announced();
        async move { Ok::<_, std::io::Error>(Announced { acts }) }
    };
    function("demo_acts", "The acts of the demo.", work).effect(Effect::Pure)
}

fn played(acts: &Arc<Acts>) -> Function {
    let acts = Arc::clone(acts);
    let work = move |play: Play, _: ToolCall| {
        let acts = Arc::clone(&acts);
        async move { acts.play(play.act, play.part, &play.goal).await }
    };
    function("demo_play", "Plays an act of the demo.", work).effect(Effect::Repeatable)
}

/// What `kill -9` does, done to this very process: nothing is finished, flushed or told.
fn crashed() -> Function {
    let work = |_: Nothing, _: ToolCall| async {
        let own = rustix::process::getpid();
        rustix::process::kill_process(own, rustix::process::Signal::KILL)?;
        Ok::<_, rustix::io::Errno>(Played::default())
    };
    function("demo_crash", "Kills the node's process at once.", work).effect(Effect::Repeatable)
}

/// Sessions of browsers end with a server. Whoever may call tools may do everything else as well, so it is no secret to them.
fn way_back(stage: &Stage) -> Function {
    let stage = stage.clone();
    let work = move |_: Nothing, _: ToolCall| {
        let token = std::fs::read_to_string(stage.token());
        async move {
            let link = format!("/?token={}", token?.trim());
            Ok::<_, std::io::Error>(WayBack { link })
        }
    };
    function(
        "demo_way_back",
        "The link by which a browser comes in again.",
        work,
    )
    .effect(Effect::Pure)
}
