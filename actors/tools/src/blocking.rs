//! Tools that read, compute and write without awaiting anything, off the async threads.

use std::panic;
use std::sync::Arc;

use aios_work::{Stopped, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;

use crate::{Workspace, Workspaces};

/// A tool that holds its thread until it is done. It looks at [`ToolCall::check`] often enough that nobody waits for it in vain.
pub trait BlockingTool: Send + Sync + 'static {
    /// What the tool is called, needs, takes and gives.
    fn spec(&self) -> ToolSpec;

    /// Does the work within the goal's walls. The same idempotency key and arguments write the same artefact again, never a second one.
    fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError>;
}

/// A blocking tool as one that can be awaited.
pub struct Blocking<T> {
    tool: Arc<T>,
    workspaces: Workspaces,
}

impl<T: BlockingTool> Blocking<T> {
    /// The tool, working within these walls.
    pub fn new(tool: T, workspaces: &Workspaces) -> Self {
        Self {
            tool: Arc::new(tool),
            workspaces: workspaces.clone(),
        }
    }

    /// The same, as a toolbox takes it.
    pub fn shared(tool: T, workspaces: &Workspaces) -> Arc<dyn Tool> {
        Arc::new(Self::new(tool, workspaces))
    }
}

#[async_trait]
impl<T: BlockingTool> Tool for Blocking<T> {
    fn spec(&self) -> ToolSpec {
        self.tool.spec()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let (tool, workspaces) = (Arc::clone(&self.tool), self.workspaces.clone());
        let work = tokio::task::spawn_blocking(move || {
            let workspace = workspaces.of_call(&call);
            tool.run(&call, &workspace)
        });
        match work.await {
            Ok(outcome) => outcome,
            // The panic is the caller's, as if the tool had run on its thread.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => panic::resume_unwind(panic),
                // The node is closing.
                Err(_) => Err(Stopped::Cancelled.into()),
            },
        }
    }
}
