//! What may be written on the command line.

mod agent;
mod goal;
mod model;
mod serve;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub(crate) use agent::{
    AgentAdopt, AgentAsk, AgentCheck, AgentCommand, AgentImport, AgentList, AgentShow, AgentSpawn,
    AgentTool, Swarm, SwarmAgent, SwarmTop, TeamCommand, TeamShow,
};
pub(crate) use goal::{
    Approvals, ApprovalsCommand, Asked, Audit, AuditFolder, AuditShow, Decide, DiffGoals,
    ExportGoal, ForkGoal, Goal, GoalList, ImportGoal, OneGoal, Order, Show, SubmitGoal, Top, Tree,
    Which,
};
pub(crate) use model::{
    Bench, EngineCommand, EngineServe, Judge, Model, ModelDevices, ModelEmbed, ModelList,
    ModelLoad, ModelProbe, ModelPull, ModelRun, ModelSwap, ModelUnload, RouteCommand, RouteExplain,
    Tool, ToolApprove, ToolCall, ToolList, ToolShow, ToolsOf,
};
pub(crate) use serve::{
    Demo, DemoPart, KeyCommand, KeyIssue, KeyOne, Mcp, NatsServer, NodeArguments, Serve,
};

/// The operating system for AI agents: supervised, signed, measured.
#[derive(Debug, Parser)]
#[command(
    name = "aios",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give a goal to a node in this process and wait for its answer.
    ///
    /// Exit code 0: approved, or unverified, as the answer says. 2: partial, the answer names what is missing. 1: failed.
    Run(Run),
    /// Show what would be done for a goal, before anything is.
    ///
    /// Files may be looked into and the model may be asked. What --json prints is a plan file that --plan takes.
    Plan(Plan),
    /// Fetch, list and try the models, and say which one a running node thinks with.
    #[command(subcommand)]
    Model(Model),
    /// Say which engines would be asked.
    #[command(subcommand)]
    Route(RouteCommand),
    /// The model in a process of its own, for a node with model.process = true.
    #[command(subcommand)]
    Engine(EngineCommand),
    /// Measure the system against the raw primitives and the rivals that are installed.
    Bench(Bench),
    /// Judge an answer against its goal and sources: here without a node, or with --node by the Critic of one that runs.
    ///
    /// Exit code 0: approved, or unverified, as the report says. 1: rejected, or it could not be judged. Of a batch 0 once every line was judged.
    Judge(Judge),
    /// Keep a node running until Ctrl-C.
    Node(NodeArguments),
    /// Keep a node running that is asked by HTTP, on this machine, with a token.
    Serve(Serve),
    /// Start a node and let six things go wrong on it: each act is a button on its page, and a command.
    Demo(Demo),
    /// Be an MCP server on standard input and output, for a client that starts it.
    ///
    /// Asks a node that runs, and where none does starts one. `aios serve` speaks the same at /mcp.
    Mcp(Mcp),
    /// Who may come in where `aios serve` listens: make keys, list them, take them away.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Run a NATS server on this machine until Ctrl-C, for whoever has none.
    ///
    /// It is fetched if it is not there, unless NATS_SERVER_BIN names one. `aios serve --nats nats://127.0.0.1:4222` then tells on it what happens.
    Nats(NatsServer),
    /// Show the supervision tree of a running node.
    Tree(Tree),
    /// Watch a running node in the terminal: tree, goals, rates.
    Top(Top),
    /// Kill an agent of a running node as a fault would; its supervisor answers.
    Kill(Order),
    /// Stop an agent of a running node; it stays down until its group is started anew.
    Stop(Order),
    /// The goals of a node, or of a storage folder: submit, list, show, watch, explain, pause, resume, cancel, retry, fork, replay, diff, undo, export, import.
    #[command(subcommand)]
    Goal(Goal),
    /// Look at the journal of a storage folder, whether or not a node runs over it.
    #[command(subcommand)]
    Audit(Audit),
    /// Show what agents ask a human, and decide it.
    Approvals(Approvals),
    /// Agents of charters and others: check, list, show, spawn, ask, stop, kill, suspend, resume, import.
    #[command(subcommand)]
    Agent(AgentCommand),
    /// A team in one file.
    #[command(subcommand)]
    Team(TeamCommand),
    /// Look at the micro agents of a running node.
    #[command(subcommand)]
    Swarm(Swarm),
    /// List the tools, show one, call one by hand.
    #[command(subcommand)]
    Tool(Tool),
    /// Look at what a node needs here, and say what to do about what is missing.
    ///
    /// Exit code 0: a node as it is configured would start. 1: it would not, and the list says why.
    Doctor(Doctor),
    /// Print every setting with its value, in the form a configuration file has.
    Config(ConfigArguments),
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Print one JSON object: ok, and checks with check, state, says, what_to_do.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where `aios serve` is to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4270")]
    pub(crate) http: SocketAddr,
    /// Where it is to listen for gRPC.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4271")]
    pub(crate) grpc: SocketAddr,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArguments {
    /// Print one JSON object instead of TOML.
    #[arg(long)]
    pub(crate) json: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Settings that outrank the environment and the configuration file.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct Settings {
    /// A configuration file (TOML); `aios config` prints one.
    #[arg(long, value_name = "FILE", env = "AIOS_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// One setting, such as `model.device=cpu`; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) set: Vec<(String, String)>,
}

/// A goal in somebody's words.
#[derive(Debug, Args, Clone)]
pub(crate) struct Wanted {
    /// What you want, in your own words; with --plan the plan's own if left out.
    #[arg(required_unless_present = "plan")]
    pub(crate) goal: Option<String>,
    /// A file the goal is about, a table or a document (CSV, text, Markdown, HTML, JSON, XLSX, ODS, PDF); may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// Nothing of the goal leaves this machine: engines elsewhere are not asked about it.
    #[arg(long)]
    pub(crate) private: bool,
}

/// What thinks in a node that is started here.
#[derive(Debug, Args)]
pub(crate) struct Thinking {
    /// Where the model computes: auto, cpu or wgpu.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Which engine thinks: auto, burn or scripted.
    #[arg(long, value_name = "ENGINE")]
    pub(crate) engine: Option<String>,
}

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Markdown, as it is written.
    Md,
    /// A page for a browser.
    Html,
    /// One JSON object.
    Json,
}

impl Format {
    /// JSON where it is asked for by `--json`.
    pub(crate) fn of(json: bool) -> Option<Self> {
        json.then_some(Self::Json)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The goal.
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// How it is done: a plan file, as `aios plan --json` prints one; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// A name for the goal; asked again with the same name it goes on where it stopped.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Where the report and the chart are written.
    #[arg(long, value_name = "FOLDER", default_value = "aios-out")]
    pub(crate) out: PathBuf,
    /// What thinks.
    #[command(flatten)]
    pub(crate) thinking: Thinking,
    /// Print one JSON object instead of the report, also when there is no answer: `error` then says why.
    #[arg(long)]
    pub(crate) json: bool,
    /// How the report is printed: md as it is written, html as a page, json as --json does; without it as a person reads it.
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub(crate) format: Option<Format>,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The goal.
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Check and show this plan file instead of making a plan; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// What thinks.
    #[command(flatten)]
    pub(crate) thinking: Thinking,
    /// Print a plan file instead of a picture, or if there is no plan one JSON object whose `error` says why.
    #[arg(long, conflicts_with = "mermaid")]
    pub(crate) json: bool,
    /// Print a Mermaid flowchart instead of a picture.
    #[arg(long)]
    pub(crate) mermaid: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// The command line with a `--node` that stands before the command put behind it, where each command takes it that asks a node.
pub(crate) fn in_order(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.into_iter().collect();
    let first = words
        .get(1)
        .and_then(|word| word.to_str())
        .unwrap_or_default();
    let taken = match first {
        "--node" => 2,
        joined if joined.starts_with("--node=") => 1,
        _ => return words,
    };
    let taken: Vec<OsString> = words.drain(1..words.len().min(1 + taken)).collect();
    // Behind a lone `--` it would be a goal's words.
    let end = words.iter().position(|word| word == "--");
    let end = end.unwrap_or(words.len());
    words.splice(end..end, taken);
    words
}

/// A time such as 30d.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write 30d, 12h, 15m or 90s");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        "d" => 24 * 3_600,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(wrong()),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| format!("{text:?} is not NAME=VALUE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_with_its_unit() {
        assert_eq!(span("30d"), Ok(Duration::from_secs(30 * 24 * 3_600)));
        assert_eq!(span("90s"), Ok(Duration::from_secs(90)));
        for text in ["", "d", "30", "-1d", "1w", "1.5h", "30ä"] {
            assert!(span(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_node_may_be_named_before_the_command() {
        for (written, meant) in [
            ("aios --node 7 tree --json", "aios tree --json --node 7"),
            ("aios --node=7 tree", "aios tree --node=7"),
            ("aios --node 7 run -- -x", "aios run --node 7 -- -x"),
            ("aios tree --node 7", "aios tree --node 7"),
            ("aios --node", "aios --node"),
            ("aios", "aios"),
        ] {
            let words = written.split(' ').map(OsString::from);
            let meant: Vec<OsString> = meant.split(' ').map(OsString::from).collect();
            assert_eq!(in_order(words), meant, "{written}");
        }
    }
}
