//! What is started and goes on: a node, a server, a demo, and who may come in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use aios_control::access::Scope;
use clap::{Args, Subcommand};

use super::{Settings, Thinking, Which, span};

#[derive(Debug, Args)]
pub(crate) struct NodeArguments {
    /// A team that stands in the tree from the start (TOML); `aios team show` draws it.
    #[arg(long, value_name = "FILE")]
    pub(crate) team: Option<PathBuf>,
    /// A NATS server on which it is told what happens, such as nats://127.0.0.1:4222; bus.data.nats in the configuration.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) nats: Option<String>,
    /// What thinks.
    #[command(flatten)]
    pub(crate) thinking: Thinking,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct NatsServer {
    /// Where it listens; beyond this machine only with a token.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4222")]
    pub(crate) listen: SocketAddr,
    /// Where it keeps what lasts; without it a folder beside the fetched program.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// A file with a token that whoever comes in must know.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Have everything on the disk before it is acknowledged: it outlives a loss of power, at a tenth of the speed.
    #[arg(long)]
    pub(crate) sync: bool,
    /// Fetch the program and end.
    #[arg(long)]
    pub(crate) fetch: bool,
    /// Print one JSON object when it is ready: nats, program, folder.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where it listens, with port 0 for one that is free: an address of this machine alone, or any where `serve.tls` names certificates.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4270")]
    pub(crate) http: SocketAddr,
    /// Where it listens for gRPC, beside HTTP, by the same rule.
    #[arg(long, value_name = "ADDR")]
    pub(crate) grpc: Option<SocketAddr>,
    /// Where the token lies, and is written if it is not there; without it a fresh one beside the node's socket, for as long as it runs.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Where what goals make is written, when whoever asks does not say.
    #[arg(long, value_name = "FOLDER", default_value = "aios-out")]
    pub(crate) out: PathBuf,
    /// Print a second link, for whoever is to look and do nothing.
    #[arg(long)]
    pub(crate) read_only_link: bool,
    /// Print one JSON object when it is ready: http, grpc, link, token_file, keys.
    #[arg(long)]
    pub(crate) json: bool,
    /// The node.
    #[command(flatten)]
    pub(crate) node: NodeArguments,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Walk through all acts without a keystroke, and end. Exit code 1 if one of them does not hold.
    #[arg(long)]
    pub(crate) all: bool,
    /// Where it listens: an address of this machine alone, with port 0 for one that is free.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub(crate) http: SocketAddr,
    /// How many micro agents are put to sleep in the last act.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(2..=4_000_000))]
    pub(crate) asleep: u32,
    /// Print one JSON object a line: first the link, the folder and the acts, with --all then each act.
    #[arg(long)]
    pub(crate) json: bool,
    /// What this process is of the demo.
    #[arg(long, hide = true)]
    pub(crate) part: Option<DemoPart>,
    /// Where the demo lies.
    #[arg(long, hide = true)]
    pub(crate) folder: Option<PathBuf>,
}

/// A process of the demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DemoPart {
    /// The node.
    Node,
    /// The server of tools.
    Till,
}

#[derive(Debug, Args)]
pub(crate) struct Mcp {
    /// The node's number or address; without it the one that runs, or one that is started for the client.
    #[arg(long, value_name = "PROCESS|ADDRESS", env = "AIOS_NODE")]
    pub(crate) node: Option<String>,
    /// Where what goals make is written, when the client does not say.
    #[arg(long, value_name = "FOLDER", default_value = "aios-out")]
    pub(crate) out: PathBuf,
    /// What thinks in a node that is started.
    #[command(flatten)]
    pub(crate) thinking: Thinking,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What is wanted of keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Begin the file of keys with one of your own, and print its token.
    Init(Keys),
    /// Make a key, and print its token; it is shown this once.
    Issue(KeyIssue),
    /// The keys there are.
    List(Keys),
    /// Put another token in the place of a key's, and print it; the old one opens nothing any more.
    Rotate(KeyOne),
    /// Take a key away; it opens nothing any more, and what is being watched by it ends.
    Revoke(KeyOne),
    /// Print a link to a running node for a browser; it opens once.
    Link(KeyLink),
}

/// Where keys lie.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Settings; serve.keys names the file.
    #[command(flatten)]
    settings: Settings,
}

impl Keys {
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

#[derive(Debug, Args)]
pub(crate) struct KeyIssue {
    /// In whose name it speaks: a name, or all of it such as service:ci@local.
    pub(crate) name: String,
    /// How much it allows: read, operate or admin.
    #[arg(long, value_name = "SCOPE", default_value = "operate")]
    pub(crate) scope: Scope,
    /// Whose goals it sees; those of the node's tenant if it is left out.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// A folder whose files may be named with it; may be repeated.
    #[arg(long = "folder", value_name = "FOLDER")]
    pub(crate) folders: Vec<PathBuf>,
    /// When it ends, such as 30d, 12h, 15m or 90s; never if it is left out.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) expires_in: Option<Duration>,
    /// Where.
    #[command(flatten)]
    pub(crate) of: Keys,
}

#[derive(Debug, Args)]
pub(crate) struct KeyOne {
    /// Which: its own name, or that of whoever it speaks for.
    pub(crate) key: String,
    /// Where.
    #[command(flatten)]
    pub(crate) of: Keys,
}

#[derive(Debug, Args)]
pub(crate) struct KeyLink {
    /// For whoever is to look and do nothing.
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node, by its address.
    #[command(flatten)]
    pub(crate) which: Which,
}
