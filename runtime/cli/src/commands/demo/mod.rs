//! `aios demo`: a node with a charter, a server of tools and a table, and six acts in which things go wrong. One command, no key, nothing to
//! install: the table, the server and the engine's lines are in the binary.
//!
//! The node is a process of its own, because one act kills it. This process starts it again, as a service manager would.

mod acts;
mod lines;
mod part;
mod played;
mod remains;
mod rest;
mod stage;
mod till;

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use aios_control::http::HttpClient;
use aios_control::{CallTool, Client, ClientError, Decision, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use self::played::{Act, Played};
use self::remains::Hold;
use self::stage::Stage;
use crate::arguments::{Demo, DemoPart};
use crate::commands::node::Signals;
use crate::console;
use crate::failure::Failure;

/// What the node may take to start: a million agents are born meanwhile.
const START: Duration = Duration::from_secs(120);
/// What one act may take.
const ACT_MS: u64 = 180_000;
/// Between two tries to reach a node that starts.
const AGAIN: Duration = Duration::from_millis(100);

pub(crate) fn run(arguments: &Demo) -> Result<ExitCode, Failure> {
    let stage = |folder: &Option<PathBuf>| {
        folder
            .clone()
            .map(Stage::at)
            .ok_or_else(|| Failure::usage("--part needs --folder"))
    };
    match arguments.part {
        Some(DemoPart::Till) => till::run(&stage(&arguments.folder)?),
        Some(DemoPart::Node) => {
            part::run(&stage(&arguments.folder)?, arguments.http, arguments.asleep)
        }
        None => {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .map_err(|error| {
                    Failure::plain(format!("cannot start the demo's threads: {error}"))
                })?;
            runtime.block_on(direct(arguments))
        }
    }
}

/// Where the node is reached, as it says itself.
#[derive(Debug, Clone, Deserialize)]
struct Ready {
    http: String,
    link: String,
}

async fn direct(arguments: &Demo) -> Result<ExitCode, Failure> {
    remains::sweep(&std::env::temp_dir());
    let folder = tempfile::Builder::new().prefix(remains::PREFIX).tempdir()?;
    let _hold = Hold::begin(folder.path())?;
    let stage = Stage::at(folder.path());
    let own = std::env::current_exe()?;
    stage.build(&own, arguments.asleep)?;
    let mut signals = Signals::listen()?;
    let troupe = Troupe {
        stage: stage.clone(),
        own,
        asleep: arguments.asleep,
    };
    let (mut node, ready) = tokio::select! {
        started = troupe.start(arguments.http) => started?,
        () = signals.told() => return Ok(ExitCode::SUCCESS),
    };
    let address: SocketAddr = ready
        .http
        .trim_start_matches("http://")
        .parse()
        .map_err(|_| Failure::plain("the node said no address"))?;
    let mut client = troupe.client(&ready)?;
    let acts: Vec<Act> = read(&called(&mut client, "demo_acts", json!({})).await?["acts"])?;
    if arguments.json {
        console::json_line(
            &json!({"http": ready.http, "link": format!("{}#/demo", ready.link), "folder": stage.folder(), "acts": acts}),
        )?;
    } else {
        announce(&ready, &acts)?;
    }
    let mut show = arguments
        .all
        .then(|| tokio::spawn(walk(troupe.clone(), ready.clone(), acts, arguments.json)));
    let ended = loop {
        let shown = async {
            match &mut show {
                Some(show) => show.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = signals.told() => break Ok(ExitCode::SUCCESS),
            shown = shown => break shown.map_err(|error| Failure::plain(error.to_string())).and_then(|shown| shown),
            status = node.process.wait() => {
                let status = status?;
                if status.signal() != Some(9) {
                    let notes = std::fs::read_to_string(stage.notes()).unwrap_or_default();
                    let last = notes.lines().last().unwrap_or_default();
                    break Err(Failure::plain(format!("the node ended by itself ({status}): {last}")));
                }
                console::note("the node was killed with signal 9; it is started again over the same folder");
                (node, _) = troupe.start(address).await?;
            }
        }
    };
    stop(&mut node).await;
    ended
}

/// The node's process. It ends when its input does, so that it does not outlive this one, whatever ends that.
struct NodeProcess {
    process: Child,
    _input: ChildStdin,
}

/// Asked to leave, and killed if it does not.
async fn stop(NodeProcess { process: node, .. }: &mut NodeProcess) {
    if let Some(process) = node
        .id()
        .and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()))
    {
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
    }
    if tokio::time::timeout(Duration::from_secs(15), node.wait())
        .await
        .is_err()
    {
        let _ = node.kill().await;
    }
}

fn announce(ready: &Ready, acts: &[Act]) -> Result<(), Failure> {
    console::result(&format!("{}#/demo", ready.link))?;
    console::note("open it in a browser: each act is a button there, and a command here");
    for act in acts {
        console::note(&format!("\n{}. {}\n   {}", act.act, act.title, act.says));
        for command in &act.commands {
            console::note(&format!("   $ {command}"));
        }
    }
    console::note("\nCtrl-C ends it, and nothing is left behind");
    Ok(())
}

/// Whoever starts the node, again and again.
#[derive(Debug, Clone)]
struct Troupe {
    stage: Stage,
    own: PathBuf,
    asleep: u32,
}

impl Troupe {
    async fn start(&self, address: SocketAddr) -> Result<(NodeProcess, Ready), Failure> {
        let notes = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.stage.notes())?;
        let mut node = Command::new(&self.own)
            .args(["demo", "--part", "node", "--folder"])
            .arg(self.stage.folder())
            .args([
                "--http",
                &address.to_string(),
                "--asleep",
                &self.asleep.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(notes)
            .kill_on_drop(true)
            .spawn()?;
        let (input, out) = node
            .stdin
            .take()
            .zip(node.stdout.take())
            .ok_or_else(|| Failure::plain("the node has no input or output"))?;
        let mut lines = BufReader::new(out).lines();
        let line = tokio::time::timeout(START, lines.next_line()).await;
        let line = line.map_err(|_| {
            Failure::plain(format!(
                "the node was not ready within {} s",
                START.as_secs()
            ))
        })??;
        let ready = line.and_then(|line| serde_json::from_str(&line).ok());
        let ready = ready.ok_or_else(|| {
            let notes = std::fs::read_to_string(self.stage.notes()).unwrap_or_default();
            Failure::plain(format!(
                "the node did not start: {}",
                notes.lines().last().unwrap_or_default()
            ))
        })?;
        let node = NodeProcess {
            process: node,
            _input: input,
        };
        Ok((node, ready))
    }

    fn client(&self, ready: &Ready) -> Result<Client, Failure> {
        let token = aios_control::access::Token::read(&self.stage.token())
            .map_err(|error| Failure::plain(error.to_string()))?;
        HttpClient::client(&ready.http, token).map_err(|error| Failure::plain(error.to_string()))
    }
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    T::deserialize(value)
        .map_err(|error| Failure::plain(format!("the node says something else: {error}")))
}

async fn called(client: &mut Client, tool: &str, args: Value) -> Result<Value, Failure> {
    let call = CallTool {
        deadline_ms: ACT_MS,
        ..CallTool::new(tool, args)
    };
    Ok(client.call_tool(call).await?.value)
}

/// Plays one act, or a part of it, by asking the node.
async fn play(client: &mut Client, act: u8, part: u8, goal: &str) -> Result<Played, Failure> {
    let value = called(
        client,
        "demo_play",
        json!({"act": act, "part": part, "goal": goal}),
    )
    .await?;
    read(&value)
}

/// All acts, one after the other, without a keystroke.
async fn walk(
    troupe: Troupe,
    ready: Ready,
    acts: Vec<Act>,
    json: bool,
) -> Result<ExitCode, Failure> {
    let mut client = troupe.client(&ready)?;
    let mut failed = 0;
    for act in acts {
        if !json {
            console::result(&format!("\n{}. {}", act.act, act.title))?;
        }
        let mut seen = play(&mut client, act.act, 1, "").await?;
        let goal = seen.goal.clone().unwrap_or_default();
        let more = match act.act {
            2 => {
                // Nobody answers to this: whoever would is dead.
                let _ = called(&mut client, "demo_crash", json!({})).await;
                client = back(&troupe, &ready).await?;
                Some(play(&mut client, 2, 2, &goal).await?)
            }
            5 => {
                let id = seen.approval.clone().unwrap_or_default();
                let decide = Request::Decide {
                    id,
                    decision: Decision::Accept,
                    reason: "the demo says yes".to_owned(),
                };
                client.ask::<Value>(&decide).await?;
                Some(play(&mut client, 5, 2, &goal).await?)
            }
            _ => None,
        };
        if let Some(more) = more {
            seen.steps.extend(more.steps);
            seen.holds &= more.holds;
        }
        failed += usize::from(!seen.holds);
        if json {
            console::json_line(
                &json!({"act": act.act, "title": act.title, "holds": seen.holds, "steps": seen.steps}),
            )?;
        } else {
            for step in &seen.steps {
                console::text(&format!("   {step}"))?;
            }
            let word = if seen.holds {
                "it holds"
            } else {
                "IT DOES NOT HOLD"
            };
            console::result(&format!("   {word}"))?;
        }
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Waits for the node that was killed to be back.
async fn back(troupe: &Troupe, ready: &Ready) -> Result<Client, Failure> {
    let again = async {
        loop {
            tokio::time::sleep(AGAIN).await;
            let Ok(mut client) = troupe.client(ready) else {
                continue;
            };
            let looked: Result<Vec<Value>, ClientError> = client.ask(&Request::Approvals {}).await;
            if looked.is_ok() {
                return client;
            }
        }
    };
    tokio::time::timeout(START, again)
        .await
        .map_err(|_| Failure::plain("the node did not come back"))
}
