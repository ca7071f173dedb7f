//! A call of a tool by an agent: in a task of its own, within its time, ended when its caller is.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::AgentError;
use aios_tools::Toolbox;
use aios_work::{CancelFlag, Capabilities, ToolCall, ToolError, ToolOutput};
use tokio::task::AbortHandle;

use crate::crew::{Speaker, speaking};

/// How long a tool may take to notice that its deadline has passed before its caller counts as hung.
const GRACE: Duration = Duration::from_millis(500);

/// Calls a tool in a task of its own, so that its panic is not ours. A tool that is an agent's skill is asked in the name of `speaker`.
pub(crate) async fn perform(
    tools: Arc<Toolbox>,
    tool: &str,
    granted: &Capabilities,
    call: ToolCall,
    allowed: Duration,
    speaker: Option<Speaker>,
) -> Result<Result<ToolOutput, ToolError>, AgentError> {
    let flag = call.cancel.clone();
    let work = {
        let (tool, granted) = (tool.to_owned(), granted.clone());
        tokio::spawn(speaking(speaker, async move {
            tools.call(&tool, &granted, call).await
        }))
    };
    let _stopped = StoppedOnDrop(flag, work.abort_handle());
    match tokio::time::timeout(allowed + GRACE, work).await {
        Ok(Ok(output)) => Ok(output),
        // A tool that panicked may have left its caches in any state: a new incarnation starts from clean ones.
        Ok(Err(panic)) => Err(AgentError::broken(format!("tool {tool} panicked: {panic}"))),
        Err(_) => {
            let ms = allowed.as_millis();
            Err(AgentError::broken(format!(
                "tool {tool} did not end within its {ms} ms and does not listen"
            )))
        }
    }
}

/// A caller that is dropped (its agent was killed, its asker went away) takes its tool with it.
struct StoppedOnDrop(CancelFlag, AbortHandle);

impl Drop for StoppedOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
        self.1.abort();
    }
}
