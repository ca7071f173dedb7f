//! The contract between an executor and a tool.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Capabilities, Fact, InputFile, Stopped, ToolError};

/// Something an executor can call: code of ours, a server's offer, another agent's skill.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What the tool is called, needs, takes and gives.
    fn spec(&self) -> ToolSpec;

    /// Does the work. The future is dropped when nobody waits any more, and the call's flag is raised: a tool that works elsewhere, on a
    /// thread or in a process, stops at the flag.
    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError>;

    /// The tool that takes back what a call of this one did, if there is one. It is called with `{"args", "result", "key"}` of that call, and
    /// only when a person says so.
    fn undo(&self) -> Option<String> {
        None
    }
}

/// A tool that several hold is a tool.
#[async_trait]
impl<T: Tool + ?Sized> Tool for Arc<T> {
    fn spec(&self) -> ToolSpec {
        self.as_ref().spec()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        self.as_ref().call(call).await
    }

    fn undo(&self) -> Option<String> {
        self.as_ref().undo()
    }
}

/// What a tool says of itself, as data that can travel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The name it is called by.
    pub name: String,
    /// One sentence for a planner or a model.
    pub description: String,
    /// JSON schema of the arguments.
    pub input: serde_json::Value,
    /// JSON schema of [`ToolOutput::value`].
    pub output: serde_json::Value,
    /// What the caller must have been granted.
    pub needs: Capabilities,
    /// What it means to call it twice.
    pub effect: Effect,
}

/// What calling a tool changes, and so what may be done when it is not known whether a call was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Nothing: it may be called as often as one likes.
    Pure,
    /// The same idempotency key has the same effect, however often it is called.
    Repeatable,
    /// The tool can be asked by the key whether it happened.
    Query,
    /// Nobody can know but a person: one is asked.
    Ask,
}

impl Effect {
    /// All of them.
    const ALL: [Self; 4] = [Self::Pure, Self::Repeatable, Self::Query, Self::Ask];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Repeatable => "repeatable",
            Self::Query => "query",
            Self::Ask => "ask",
        }
    }

    /// The effect of this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.as_str() == word)
    }
}

/// One call: what is asked, for whom, within which walls, until when.
#[derive(Clone, Debug)]
pub struct ToolCall {
    /// Arguments as the tool's schema says.
    pub args: serde_json::Value,
    /// The operation id of the durable step. It names what is made, so a repeated step makes the same again.
    pub idempotency_key: String,
    /// Whether an earlier call under this key may have been carried out, though nobody heard of it.
    pub again: bool,
    /// Whose goal it is.
    pub tenant: String,
    /// Which goal of theirs.
    pub goal: String,
    /// The trace that it is called in, as a W3C `traceparent` says it: for whatever the tool asks in its turn.
    pub traceparent: Option<String>,
    /// The files that may be read, in the state that is meant.
    pub inputs: Vec<InputFile>,
    /// The one folder that may be written.
    pub out_dir: String,
    /// What the tool may touch in this call. A toolbox fills it in with what it granted; whoever calls grants nothing by it.
    pub granted: Capabilities,
    /// Raised when nobody waits for the result any more.
    pub cancel: CancelFlag,
    /// When the result is worthless.
    pub deadline: Instant,
}

impl ToolCall {
    /// A call of nobody's, without files: whoever makes one fills in the rest.
    #[must_use]
    pub fn new(args: serde_json::Value, deadline: Instant) -> Self {
        Self {
            args,
            idempotency_key: String::new(),
            again: false,
            tenant: String::new(),
            goal: String::new(),
            traceparent: None,
            inputs: Vec::new(),
            out_dir: String::new(),
            granted: Capabilities::none(),
            cancel: CancelFlag::new(),
            deadline,
        }
    }

    /// Whether to go on. Asked every few thousand rows by everything that loops over data.
    ///
    /// # Errors
    /// Says why not.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.cancel.is_cancelled() {
            Err(Stopped::Cancelled)
        } else if Instant::now() >= self.deadline {
            Err(Stopped::DeadlinePassed)
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
