//! What is done with goals, with what waits for a person, and with the journal.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Settings, Wanted};

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
    /// Watch a goal from its beginning to its answer; Ctrl-C ends the look, not the goal.
    Watch(OneGoal),
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
    /// Where the report and the chart are written, on the node's machine: `aios-out` here, or where a node that is asked by its address says.
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
    pub(crate) asked: Asked,
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
