//! What may be written on the command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use aios_control::access::Scope;
use clap::{Args, Parser, Subcommand};

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
    /// Fetch, list and try the models.
    #[command(subcommand)]
    Model(Model),
    /// Say which engines would be asked.
    #[command(subcommand)]
    Route(RouteCommand),
    /// Measure the system against the raw primitives and the rivals that are installed.
    Bench(Bench),
    /// Judge an answer against its goal and sources, without a node.
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
    /// The goals of a node, or of a storage folder: submit, list, show, explain, pause, resume, cancel, retry, fork, replay, diff, undo, export, import.
    #[command(subcommand)]
    Goal(Goal),
    /// Look at the journal of a storage folder, whether or not a node runs over it.
    #[command(subcommand)]
    Audit(Audit),
    /// Show what agents ask a human, and decide it.
    Approvals(Approvals),
    /// Agents of charters: check, list, show, spawn, ask, stop, import.
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

/// What is wanted of goals.
#[derive(Debug, Subcommand)]
pub(crate) enum Goal {
    /// Give a goal to a running node.
    ///
    /// Its name is printed once it is accepted; with --wait its answer, as `aios run` does. Handed in again with the same --id it is the same goal.
    Submit(SubmitGoal),
    /// List the goals on record, newest first.
    List(GoalList),
    /// Show one: what was asked, what happened, how it ended.
    Show(OneGoal),
    /// Say why a goal is where it is, what it has, and what can be done now.
    Explain(OneGoal),
    /// Let a goal under way rest; what it has done stays.
    Pause(OneGoal),
    /// Go on with a goal that rests, was interrupted, set aside or called off, or failed.
    ///
    /// On a running node if there is one; else here, over storage.folder, to its answer.
    Resume(OneGoal),
    /// Call a goal off.
    Cancel(OneGoal),
    /// Try a task again that came to nothing, and go on from there; what was finished is not done again.
    Retry(RetryTask),
    /// Go on from where a goal was at a task, as a goal of its own and another way if a plan is given.
    ///
    /// What was finished before that task is taken over. What comes after is done anew under keys of its own; before anything that nobody can take back a
    /// person is asked.
    Fork(ForkGoal),
    /// Go through a goal again from what is on record: no tool is called, no model asked.
    ///
    /// Exit code 0: it comes to the same answer, byte for byte. 1: it does not, or cannot be gone through.
    Replay(OneGoal),
    /// Say what is different between two goals: in what was asked, their plans, results and answers.
    ///
    /// Exit code 0: nothing. 1: something.
    Diff(DiffGoals),
    /// Take back what a goal did, the last thing first, by the tools that its tools name for it.
    ///
    /// Exit code 0: all of it was taken back. 2: something stands, and is named.
    Undo(OneGoal),
    /// Write a goal with all that is on record of it into one file: what it was asked, planned, did and answered.
    Export(ExportGoal),
    /// Take a goal in from such a file. It rests until somebody goes on with it.
    Import(ImportGoal),
}

#[derive(Debug, Args)]
pub(crate) struct RetryTask {
    /// The goal's name, as `aios goal list` prints it.
    pub(crate) goal_id: String,
    /// The task's name, as `aios goal explain` prints it.
    pub(crate) task: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct ForkGoal {
    /// The goal's name, as `aios goal list` prints it.
    pub(crate) goal_id: String,
    /// The task from which on everything is done anew.
    #[arg(long, value_name = "TASK")]
    pub(crate) at: String,
    /// How it is done instead: a plan file; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// A name for the new goal, none for a fresh one.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct DiffGoals {
    /// One goal.
    pub(crate) one: String,
    /// The other.
    pub(crate) other: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct ExportGoal {
    /// The goal's name, as `aios goal list` prints it.
    pub(crate) goal_id: String,
    /// The file; without it standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Print JSON, which it does in any case.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct ImportGoal {
    /// The file.
    pub(crate) file: PathBuf,
    /// A name for it, where its own is taken.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

/// What is wanted of a journal.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Look at every byte, link and signature, and name the first bad entry; exit code 1 if there is one.
    Verify(AuditFolder),
    /// Show the last entries, oldest first.
    Show(AuditShow),
}

#[derive(Debug, Args)]
pub(crate) struct AuditFolder {
    /// The storage folder; without it that of the settings.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct AuditShow {
    /// Those alone whose keys hold this, such as a goal's name.
    #[arg(long, value_name = "WORD", default_value = "")]
    pub(crate) about: String,
    /// Those alone behind this number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) after: u64,
    /// How many.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) most: usize,
    /// Where.
    #[command(flatten)]
    pub(crate) place: AuditFolder,
}

#[derive(Debug, Args)]
pub(crate) struct SubmitGoal {
    /// The goal.
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// How it is done: a plan file, as `aios plan --json` prints one; `-` reads it from standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// A name for the goal, none for a fresh one.
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Where the report and the chart are written, on the node's machine: `aios-out` here, or where a node on another machine says.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Watch it to its answer. Whoever leaves with Ctrl-C leaves it under way.
    #[arg(long)]
    pub(crate) wait: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct GoalList {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct OneGoal {
    /// The goal's name, as `aios goal list` prints it.
    pub(crate) goal_id: String,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

/// Which running node is meant.
#[derive(Debug, Args, Clone)]
pub(crate) struct Which {
    /// The node's number, as `aios node` prints it, or its address, as `aios serve` does; needed when several nodes run.
    #[arg(long, value_name = "PROCESS|ADDRESS", env = "AIOS_NODE")]
    pub(crate) node: Option<String>,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// A running node that is asked once, and how its answer is printed.
#[derive(Debug, Args, Clone)]
pub(crate) struct Asked {
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

/// How a picture is shown.
#[derive(Debug, Args, Clone)]
pub(crate) struct Show {
    /// Keep looking until Ctrl-C.
    #[arg(long)]
    pub(crate) watch: bool,
    /// Print JSON: one object, or with --watch one a line.
    #[arg(long)]
    pub(crate) json: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Show it once, as text; without a terminal it is always so.
    #[arg(long)]
    pub(crate) once: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
pub(crate) struct Tree {
    /// How it is shown.
    #[command(flatten)]
    pub(crate) show: Show,
}

#[derive(Debug, Args)]
pub(crate) struct Order {
    /// A worker of the tree, such as `macro.executor.001@local`; the first column of `aios tree`.
    pub(crate) agent: String,
    /// Which node.
    #[command(flatten)]
    pub(crate) which: Which,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Approvals {
    /// What is said; without it the questions are listed.
    #[command(subcommand)]
    pub(crate) command: Option<ApprovalsCommand>,
    /// Who is asked; where no node runs, the storage folder is looked into.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// Say yes: the task is tried once more.
    Accept(Decide),
    /// Say no: the answer names the gap.
    Reject(Decide),
}

#[derive(Debug, Args)]
pub(crate) struct Decide {
    /// Which question; `aios approvals` lists them.
    pub(crate) id: String,
    /// Why; kept with the decision.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Who is asked; where no node runs, the storage folder is looked into.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

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
    /// Make charters of the agent files of another system, and say what of them could not be honoured.
    Import(AgentImport),
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

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Fetch the models into the cache folder; those that are there already are checked, not fetched.
    Pull(ModelPull),
    /// Which models are known, where they are and whether they are whole.
    List(ModelList),
    /// Let the language model answer one prompt.
    Run(ModelRun),
    /// Turn a text into its embedding.
    Embed(ModelEmbed),
    /// Find out what a server of `[engines]` honours: schemas, tools, counts, vectors, context.
    Probe(ModelProbe),
    /// What could compute on this machine, whether it computes rightly, and how fast it reads memory.
    Devices(ModelDevices),
}

#[derive(Debug, Args)]
pub(crate) struct ModelProbe {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct ModelDevices {
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// For each purpose the engines in their order, with the reasons; nothing of the goal is sent anywhere.
    Explain(RouteExplain),
}

#[derive(Debug, Args)]
pub(crate) struct RouteExplain {
    /// The goal, in your own words.
    pub(crate) goal: String,
    /// Nothing of it may leave this machine.
    #[arg(long)]
    pub(crate) private: bool,
    /// New tokens that an answer may have.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) max_tokens: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct ModelPull {
    /// Which model; all of them if none is named.
    pub(crate) name: Option<String>,
    /// Print one JSON object at the end.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelList {
    /// Settings, for the engines they name.
    #[command(flatten)]
    pub(crate) settings: Settings,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ModelRun {
    /// The prompt.
    pub(crate) prompt: String,
    /// Which model: one that `aios model list` names, or a model file of your own.
    #[arg(long, value_name = "FILE|NAME")]
    pub(crate) model: Option<String>,
    /// Give the model the prompt as it stands, without the chat template.
    #[arg(long)]
    pub(crate) raw: bool,
    /// Report the K highest logits of the last prompt position.
    #[arg(long, value_name = "K", default_value_t = 0)]
    pub(crate) top_logits: usize,
    /// Always take the most likely token; the same prompt gives the same text.
    #[arg(long)]
    pub(crate) greedy: bool,
    /// The seed of the sampler, when not greedy; printed so that a run can be repeated.
    #[arg(long, conflicts_with = "greedy")]
    pub(crate) seed: Option<u64>,
    /// The sampler's temperature, when not greedy.
    #[arg(long, default_value_t = 0.7, conflicts_with = "greedy")]
    pub(crate) temperature: f32,
    /// Stop after this many tokens.
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) max_tokens: u32,
    /// Print one JSON object: prompt_ids, ids, text, top_logits, timings.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the model computes: auto, cpu or wgpu.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: String,
    /// Settings, for the engines they name.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct ModelEmbed {
    /// The text.
    pub(crate) text: String,
    /// Print one JSON object with the field `embedding`.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the model computes: auto, cpu or wgpu.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tool {
    /// Every tool: its effect, what it needs, and whether that is granted.
    List(ToolList),
    /// What a tool takes and gives.
    Show(ToolShow),
    /// Call a tool once and print what it gives.
    Call(ToolCall),
    /// Take the tools that a running node's server offers now in the place of those that were approved; shows what is different and asks.
    Approve(ToolApprove),
}

/// Where the tools are.
#[derive(Debug, Args, Clone)]
pub(crate) struct ToolsOf {
    /// Ask this running node instead of one in this process, by its number or its address.
    #[arg(long, value_name = "PROCESS|ADDRESS", env = "AIOS_NODE")]
    pub(crate) node: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Settings.
    #[command(flatten)]
    pub(crate) settings: Settings,
}

#[derive(Debug, Args)]
pub(crate) struct ToolList {
    /// Where from.
    #[command(flatten)]
    pub(crate) of: ToolsOf,
}

#[derive(Debug, Args)]
pub(crate) struct ToolShow {
    /// Its name; `aios tool list` shows them.
    pub(crate) name: String,
    /// Where from.
    #[command(flatten)]
    pub(crate) of: ToolsOf,
}

#[derive(Debug, Args)]
pub(crate) struct ToolApprove {
    /// The server; `aios tree` shows which ones are suspended.
    pub(crate) server: String,
    /// Approve without being asked.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Which node.
    #[command(flatten)]
    pub(crate) of: ToolsOf,
}

#[derive(Debug, Args)]
pub(crate) struct ToolCall {
    /// Its name; `aios tool list` shows them.
    pub(crate) name: String,
    /// Its arguments as a JSON object, or `-` to read them from standard input.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) args: String,
    /// A file it may read; may be repeated.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Vec<PathBuf>,
    /// The folder it may write into.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// How long it may take, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = aios_control::CallTool::DEADLINE_MS)]
    pub(crate) deadline_ms: u64,
    /// Where it is.
    #[command(flatten)]
    pub(crate) of: ToolsOf,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Which measurement; without a name they are listed.
    pub(crate) name: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Interleaved rounds; the median is reported.
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Judge {
    /// What was asked.
    #[arg(long, value_name = "TEXT", required_unless_present = "batch")]
    pub(crate) goal: Option<String>,
    /// A file the answer rests on, a table or a document (CSV, text, Markdown, HTML, JSON, XLSX, ODS, PDF); may be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "batch")]
    pub(crate) data: Vec<PathBuf>,
    /// What a good answer is (TOML); without it all checks run.
    #[arg(long, value_name = "FILE")]
    pub(crate) criteria: Option<PathBuf>,
    /// Judge many: one JSON object a line with id, goal, data_file and answer; data files lie beside the batch.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["goal", "answer"])]
    pub(crate) batch: Option<PathBuf>,
    /// The file with the answer.
    #[arg(value_name = "ANSWER", required_unless_present = "batch")]
    pub(crate) answer: Option<PathBuf>,
    /// Print JSON: one object, or of a batch one a line.
    #[arg(long)]
    pub(crate) json: bool,
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
