//! A call in a task of its own: whatever the tool does, its caller goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_work::{CancelFlag, Capabilities, ToolCall, ToolError, ToolErrorKind, ToolOutput};
use tokio::task::AbortHandle;

use crate::Toolbox;

/// How long a tool may take to notice that its deadline has passed before it counts as hung.
const GRACE: Duration = Duration::from_millis(500);
/// Characters of a panic's message that are told.
const PANIC_CHARACTERS: usize = 500;

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The tool says so, or the toolbox did not let the call or its result through.
    #[error(transparent)]
    Failed(#[from] ToolError),
    /// The tool panicked. Its caches may be in any state.
    #[error("tool {tool} panicked: {message}")]
    Panicked {
        /// The tool.
        tool: String,
        /// What it said last.
        message: String,
    },
    /// The tool went on after its deadline. Whatever it holds is still held.
    #[error("tool {tool} did not end within its {allowed_ms} ms and does not listen")]
    Deaf {
        /// The tool.
        tool: String,
        /// What it was given, in milliseconds.
        allowed_ms: u64,
    },
}

impl From<CallError> for ToolError {
    fn from(error: CallError) -> Self {
        let kind = match error {
            CallError::Failed(error) => return error,
            CallError::Panicked { .. } => ToolErrorKind::Other,
            CallError::Deaf { .. } => ToolErrorKind::Timeout,
        };
        // What fell or hung once does so again.
        Self::new(kind, error.to_string()).retryable(false)
    }
}

impl Toolbox {
    /// As [`call`](Self::call), in a task of its own and no longer than a moment beyond the call's deadline. Whoever drops the future takes
    /// the tool with it.
    ///
    /// # Errors
    /// What the tool says, or how it fell.
    pub async fn call_apart(
        self: &Arc<Self>,
        name: &str,
        granted: &Capabilities,
        call: ToolCall,
    ) -> Result<ToolOutput, CallError> {
        let allowed = call.deadline.saturating_duration_since(Instant::now());
        let flag = call.cancel.clone();
        let work = {
            let (tools, name, granted) = (Arc::clone(self), name.to_owned(), granted.clone());
            tokio::spawn(async move { tools.call(&name, &granted, call).await })
        };
        let _stopped = StoppedOnDrop(flag, work.abort_handle());
        match tokio::time::timeout(allowed + GRACE, work).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(panic)) => Err(CallError::Panicked {
                tool: name.to_owned(),
                message: panic.to_string().chars().take(PANIC_CHARACTERS).collect(),
            }),
            Err(_) => Err(CallError::Deaf {
                tool: name.to_owned(),
                allowed_ms: u64::try_from(allowed.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }
}

/// A call that is dropped (its agent was killed, its asker went away) takes its tool with it.
struct StoppedOnDrop(CancelFlag, AbortHandle);

impl Drop for StoppedOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
        self.1.abort();
    }
}

#[cfg(test)]
mod tests {
    use aios_work::{Effect, Tool};
    use serde_json::json;

    use super::*;
    use crate::function;

    async fn does(what: serde_json::Value) -> Result<ToolOutput, CallError> {
        #[derive(serde::Deserialize, schemars::JsonSchema)]
        struct Does {
            what: String,
        }
        async fn work(does: Does, call: ToolCall) -> Result<&'static str, ToolError> {
            match does.what.as_str() {
                "panic" => panic!("it falls"),
                "hang" => std::future::pending().await,
                "listen" => {
                    while call.check().is_ok() {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                    Ok(call.check().map(|()| "late")?)
                }
                _ => Ok("done"),
            }
        }
        let tool = function("does", "Does it.", work).effect(Effect::Pure);
        let tools = Arc::new(Toolbox::default().with([Arc::new(tool) as Arc<dyn Tool>]));
        let call = ToolCall::new(
            json!({ "what": what }),
            Instant::now() + Duration::from_millis(50),
        );
        tools.call_apart("does", &Capabilities::none(), call).await
    }

    #[tokio::test]
    async fn whatever_a_tool_does_its_caller_goes_on() {
        assert_eq!(does(json!("work")).await.unwrap().value, json!("done"));
        let fallen = does(json!("panic")).await.unwrap_err();
        assert!(
            fallen.to_string().starts_with("tool does panicked: "),
            "{fallen}"
        );
        assert!(fallen.to_string().contains("it falls"), "{fallen}");
        let error = ToolError::from(fallen);
        assert!(error.kind() == ToolErrorKind::Other && !error.is_retryable());
        let deaf = ToolError::from(does(json!("hang")).await.unwrap_err());
        assert!(deaf.kind() == ToolErrorKind::Timeout && !deaf.is_retryable());
        assert!(deaf.message().contains("does not listen"), "{deaf}");
        let late = does(json!("listen")).await.unwrap_err();
        assert_eq!(ToolError::from(late).kind(), ToolErrorKind::Timeout);
        let wrong = does(json!(7)).await.unwrap_err();
        assert_eq!(
            ToolError::from(wrong).kind(),
            ToolErrorKind::InvalidArguments
        );
    }

    #[tokio::test]
    async fn whoever_leaves_takes_the_tool_with_it() {
        let raised = CancelFlag::new();
        let tools = {
            async fn wait((): (), _: ToolCall) -> Result<(), ToolError> {
                std::future::pending().await
            }
            Arc::new(Toolbox::default().with([function("wait", "Waits.", wait).shared()]))
        };
        let call = ToolCall {
            cancel: raised.clone(),
            ..ToolCall::new(json!({}), Instant::now() + Duration::from_secs(60))
        };
        let granted = Capabilities::none();
        let mut waits = Box::pin(tools.call_apart("wait", &granted, call));
        let waited = tokio::time::timeout(Duration::from_millis(1), &mut waits).await;
        assert!(waited.is_err() && !raised.is_cancelled());
        drop(waits);
        assert!(raised.is_cancelled());
    }
}
