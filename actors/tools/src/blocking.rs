//! Tools that read, compute and write without awaiting anything, off the async threads.

use std::panic;
use std::sync::Arc;

use aios_work::{Stopped, Tool, ToolCall, ToolError, ToolOutput, ToolSpec};
use async_trait::async_trait;

use crate::{Workspace, Workspaces, witness};

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
        let here = witness::here();
        let work = tokio::task::spawn_blocking(move || {
            let _here = here.as_ref().map(witness::Call::begin);
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use aios_work::{Effect, ToolErrorKind};
    use serde_json::json;

    use super::*;
    use crate::Toolbox;

    /// Waits until it is told to stop, or falls at once.
    struct Patient;

    impl BlockingTool for Patient {
        fn spec(&self) -> ToolSpec {
            ToolSpec {
                name: "patient".to_owned(),
                description: "Waits.".to_owned(),
                input: json!({"type": "object", "properties": {"falls": {"type": "boolean"}}, "additionalProperties": false}),
                output: json!({}),
                needs: [].into(),
                effect: Effect::Pure,
            }
        }

        fn run(&self, call: &ToolCall, workspace: &Workspace) -> Result<ToolOutput, ToolError> {
            assert!(call.args["falls"] != true, "it falls");
            let held = workspace.memory().reserve("the wait", 70)?;
            while call.check().is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(held);
            Ok(call.check().map(|()| ToolOutput::default())?)
        }
    }

    fn call(args: serde_json::Value) -> ToolCall {
        ToolCall {
            tenant: "acme".to_owned(),
            goal: "g".to_owned(),
            ..ToolCall::new(args, Instant::now() + Duration::from_secs(60))
        }
    }

    #[tokio::test]
    async fn a_blocking_tool_holds_no_async_thread_and_works_within_its_goals_walls() {
        let workspaces = Workspaces::default();
        let tools = Toolbox::new(&workspaces).with([Blocking::shared(Patient, &workspaces)]);
        let call = call(json!({}));
        let cancel = call.cancel.clone();
        let granted = tools.needs();
        let waits = tools.call("patient", &granted, call);
        // The one thread that runs the tool's future also runs this.
        let watches = async {
            let space = workspaces.of("acme", "g", Vec::new(), "out");
            while space.memory().held() < 70 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            cancel.cancel();
        };
        let (ended, ()) = tokio::join!(waits, watches);
        assert_eq!(ended.unwrap_err().kind(), ToolErrorKind::Cancelled);
        assert_eq!(workspaces.memory().held(), 0);
    }

    #[tokio::test]
    async fn a_panic_is_the_callers() {
        let workspaces = Workspaces::default();
        let tools = Toolbox::new(&workspaces).with([Blocking::shared(Patient, &workspaces)]);
        let fallen = tokio::spawn(async move {
            let granted = tools.needs();
            tools
                .call("patient", &granted, call(json!({"falls": true})))
                .await
        });
        let told = fallen.await.unwrap_err();
        assert!(told.is_panic());
        assert!(told.to_string().contains("it falls"), "{told}");
    }
}
