//! Agents, teams and the swarm.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Asked, AuditFolder, Order, Show, Thinking};

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Whether charters can be followed; exit code 1 if one cannot.
    Check(AgentCheck),
    /// The agents of a running node.
    List(AgentList),
    /// One agent of a running node closely, or a charter's file.
    Show(AgentShow),
    /// Spawn an agent of a charter's file, or of a role, on a running node; prints its name.
    Spawn(AgentSpawn),
    /// Ask an agent, and print what it says; without a running node, a charter's agent is started for it.
    Ask(AgentAsk),
    /// Stop an agent of a running node and keep it down.
    Stop(Order),
    /// Kill an agent of a running node as a fault would; its supervisor answers.
    Kill(Order),
    /// Let an agent of a running node pause: what is asked of it waits, through restarts too.
    Suspend(Order),
    /// Let an agent of a running node that pauses go on.
    Resume(Order),
    /// Give an agent of a running node a tool beside those of its charter, from its next call on.
    Grant(AgentTool),
    /// Take a tool from an agent of a running node, from its next call on.
    Revoke(AgentTool),
    /// Make charters of the agent files of another system, and say what of them could not be honoured.
    Import(AgentImport),
    /// Sign what a version before this one left unsigned of agents, checkpoints and messages, in the storage folder of a node that is stopped.
    Adopt(AgentAdopt),
}

#[derive(Debug, Args)]
pub(crate) struct AgentAdopt {
    /// Their names, such as `macro.clerk.001@global`. Whatever is unsigned of them in the folder is believed from then on.
    #[arg(required = true, value_name = "AGENT")]
    pub(crate) agents: Vec<String>,
    /// Also of agents of which it was done before: what is unsigned now came there since.
    #[arg(long)]
    pub(crate) again: bool,
    /// Where.
    #[command(flatten)]
    pub(crate) place: AuditFolder,
}

#[derive(Debug, Args)]
pub(crate) struct AgentCheck {
    /// Charters, or folders with charters in them.
    #[arg(default_value = "agents")]
    pub(crate) paths: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AgentList {
    /// Who is asked.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct AgentShow {
    /// Its name, its role, the name of its charter, or a charter's file.
    pub(crate) agent: String,
    /// Who is asked.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct AgentSpawn {
    /// A charter's file such as `agents/clerk.md`, or a role such as `macro.executor`.
    pub(crate) what: String,
    /// The supervisor it stands under; without it that of agents that are spawned.
    #[arg(long, value_name = "SUPERVISOR")]
    pub(crate) under: Option<String>,
    /// What it is asked outlives the node's process: on record before it is acknowledged, and taken up again after a crash.
    #[arg(long, conflicts_with = "key")]
    pub(crate) durable: bool,
    /// The public key of its own process, as 64 hexadecimal digits, of an agent of a charter whose code runs there.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// How long such an agent may be away before whoever waits for it hears so; half a minute unless said.
    #[arg(long, value_name = "MS", requires = "key")]
    pub(crate) away_ms: Option<u64>,
    /// Who is asked.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct AgentTool {
    /// Its whole name, such as `macro.clerk.001@local`.
    pub(crate) agent: String,
    /// The tool's name; `aios tool list` shows those there are.
    pub(crate) tool: String,
    /// Who is asked.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct AgentAsk {
    /// Its name, its role, or the name of its charter.
    pub(crate) agent: String,
    /// What it is asked: text, or JSON as its `input` says.
    pub(crate) text: String,
    /// Where charters lie, for an agent that is started for the question.
    #[arg(long, value_name = "FOLDER", default_value = "agents")]
    pub(crate) charters: PathBuf,
    /// How long it may take, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 120_000)]
    pub(crate) deadline_ms: u64,
    /// What thinks, if it is started here.
    #[command(flatten)]
    pub(crate) thinking: Thinking,
    /// Who is asked.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct AgentImport {
    /// A file, or a folder with such files below it.
    pub(crate) from: PathBuf,
    /// Where the charters are written.
    #[arg(long, value_name = "FOLDER", default_value = "agents")]
    pub(crate) out: PathBuf,
    /// Write over charters that are there.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TeamCommand {
    /// Draw a team's file, and say what is wrong with it; exit code 1 if something is.
    Show(TeamShow),
}

#[derive(Debug, Args)]
pub(crate) struct TeamShow {
    /// The team's file (TOML).
    pub(crate) file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Swarm {
    /// Every kind in numbers: agents, events a second, births and ends, pheromone, memory.
    Show(Show),
    /// The strongest agents of a kind, and how all of them are spread.
    Top(SwarmTop),
    /// One agent closely.
    Agent(SwarmAgent),
}

#[derive(Debug, Args)]
pub(crate) struct SwarmTop {
    /// The kind, such as page; `aios swarm show` lists them.
    pub(crate) kind: String,
    /// How many agents are named, those with most pheromone first; at most 1024.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) most: usize,
    /// How it is shown.
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct SwarmAgent {
    /// Its name; `aios swarm top` shows some.
    pub(crate) id: String,
    /// How it is shown.
    #[command(flatten)]
    pub(crate) show: Show,
}
