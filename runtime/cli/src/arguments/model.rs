//! Models, tools, and what is judged and measured.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Asked, Settings, Which};

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Fetch the models into the cache folder; those that are there already are checked, not fetched.
    Pull(ModelPull),
    /// Which models are known, where they are and whether they are whole; with --node those that the engines of a running node have.
    List(ModelList),
    /// Let the language model answer one prompt.
    Run(ModelRun),
    /// Turn a text into its embedding.
    Embed(ModelEmbed),
    /// Find out what a server of `[engines]` honours: schemas, tools, counts, vectors, context.
    Probe(ModelProbe),
    /// What could compute on this machine, whether it computes rightly, and how fast it reads memory.
    Devices(ModelDevices),
    /// Have a running node's own engine load a model, where it has none that writes.
    Load(ModelLoad),
    /// Have a running node's own engine free a model.
    Unload(ModelUnload),
    /// Have a running node's own engine load a model in the place of another; what is under way is finished by the old one.
    Swap(ModelSwap),
}

#[derive(Debug, Args)]
pub(crate) struct ModelLoad {
    /// A model that `aios model list` names, or a file below the node's `model.folder`.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) model: String,
    /// What a file is called from now on; without it as the file is.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Which engine; the node's own without it.
    #[arg(long)]
    pub(crate) engine: Option<String>,
    /// Which node.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct ModelUnload {
    /// Its name.
    pub(crate) model: String,
    /// Of which engine; of the one that has it without it.
    #[arg(long)]
    pub(crate) engine: Option<String>,
    /// Which node.
    #[command(flatten)]
    pub(crate) asked: Asked,
}

#[derive(Debug, Args)]
pub(crate) struct ModelSwap {
    /// The name of the one that is there.
    pub(crate) current: String,
    /// What takes its place.
    #[command(flatten)]
    pub(crate) to: ModelLoad,
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

#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// Hold the device for the node that starts this, until that node ends; not for people.
    Serve(EngineServe),
}

#[derive(Debug, Args)]
pub(crate) struct EngineServe {
    /// Which engine.
    #[arg(value_parser = ["burn", "scripted"])]
    pub(crate) engine: String,
    /// Where it computes.
    #[arg(value_parser = ["auto", "cpu", "wgpu"], default_value = "auto")]
    pub(crate) device: String,
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
    /// Of which node; without one of this machine, and of the engines that the settings name.
    #[command(flatten)]
    pub(crate) asked: Asked,
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
    /// Which node's Critic judges it, if one is named; a batch is always judged here.
    #[command(flatten)]
    pub(crate) which: Which,
}
