//! The contract between an executor and a tool.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::{Fact, ToolError, Workspace};

/// Something an executor can call. Tools block; the executor runs them off its async threads.
pub trait Tool: Send + Sync {
    /// What the tool is called, needs and takes.
    fn spec(&self) -> ToolSpec;

    /// Does the work. The same idempotency key and arguments write the same artefact again, never a second one.
    fn run(&self, call: &ToolCall<'_>) -> Result<ToolOutput, ToolError>;
}

/// What a tool says of itself.
#[derive(Clone, Debug, Serialize)]
pub struct ToolSpec {
    /// The name it is called by.
    pub name: &'static str,
    /// One sentence for a planner or a model.
    pub description: &'static str,
    /// What the caller must have been granted.
    pub capability: Capability,
    /// JSON schema of the arguments.
    pub args_schema: serde_json::Value,
}

/// What a tool may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Read the goal's input files.
    ReadFiles,
    /// Query tables loaded from the input files.
    QueryData,
    /// Write into the output folder.
    WriteArtifacts,
    /// Have a model write text.
    UseModel,
}

impl Capability {
    /// All capabilities, in declared order.
    pub const ALL: [Self; 4] = [
        Self::ReadFiles,
        Self::QueryData,
        Self::WriteArtifacts,
        Self::UseModel,
    ];

    /// The name used in configuration and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadFiles => "read-files",
            Self::QueryData => "query-data",
            Self::WriteArtifacts => "write-artifacts",
            Self::UseModel => "use-model",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a caller was granted. Starts empty: whatever is not granted is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Capabilities(BTreeSet<Capability>);

impl Capabilities {
    /// Nothing granted.
    pub fn none() -> Self {
        Self::default()
    }

    /// Everything granted.
    pub fn all() -> Self {
        Capability::ALL.into_iter().collect()
    }

    /// Whether `capability` was granted.
    pub fn contains(&self, capability: Capability) -> bool {
        self.0.contains(&capability)
    }
}

impl FromIterator<Capability> for Capabilities {
    fn from_iter<I: IntoIterator<Item = Capability>>(granted: I) -> Self {
        Self(granted.into_iter().collect())
    }
}

/// One call: what is asked, within which walls, until when.
#[derive(Clone, Copy, Debug)]
pub struct ToolCall<'a> {
    /// Arguments as the tool's schema says.
    pub args: &'a serde_json::Value,
    /// The operation id of the durable step. It names the artefact, so a repeated step writes the same file.
    pub idempotency_key: &'a str,
    /// The files the call may read and the folder it may write.
    pub workspace: &'a Workspace,
    /// Raised when nobody waits for the result any more.
    pub cancel: &'a CancelFlag,
    /// When the result is worthless.
    pub deadline: Instant,
}

impl ToolCall<'_> {
    /// Whether to go on. Called every few thousand rows by everything that loops over data.
    pub fn check(&self) -> Result<(), ToolError> {
        if self.cancel.is_cancelled() {
            Err(ToolError::Cancelled)
        } else if Instant::now() >= self.deadline {
            Err(ToolError::DeadlinePassed)
        } else {
            Ok(())
        }
    }
}

/// A switch from on to off that the caller keeps and the tool looks at.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// A flag that is not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag for good.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the flag is raised.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A flag that somebody else already shares.
impl From<Arc<AtomicBool>> for CancelFlag {
    fn from(shared: Arc<AtomicBool>) -> Self {
        Self(shared)
    }
}

/// What a call gave.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ToolOutput {
    /// The result, shaped as the tool documents it.
    pub value: serde_json::Value,
    /// Figures that an answer may state.
    pub facts: Vec<Fact>,
    /// Files that were written.
    pub artifacts: Vec<Artifact>,
    /// What was done, in one or a few lines, warnings included.
    pub log: String,
}

/// A file that a tool wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Where it lies: inside the workspace's output folder.
    pub path: PathBuf,
    /// `image/svg+xml`, `text/markdown`, ...
    pub media_type: String,
    /// What it shows, for whoever cannot see it (alt text).
    pub description: String,
}
