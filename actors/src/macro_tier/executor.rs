//! The executor: one order, one tool, one result.
//!
//! An order is a durable step. However often it is sent, redelivered or repeated after a crash, the tool's result is committed once under
//! the order's operation id, and the tool is handed that id so that its own effects are idempotent too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind, TenantId};
use aios_tools::{CancelFlag, Capabilities, ToolCall, ToolError, ToolOutput, Toolbox, WriteError};
use async_trait::async_trait;

use crate::agent::{Agent, AgentError, Context, Incoming};
use crate::content::{TaskOrder, TaskResult, ontology};
use crate::recovery::budget::tool_key;

/// How long a tool may take to notice that its deadline has passed before the executor counts as hung.
const GRACE: Duration = Duration::from_millis(500);

/// Carries out orders with the tools it was given.
pub struct Executor {
    tools: Arc<Toolbox>,
}

impl Executor {
    /// An executor with these tools; it offers their names as its skills.
    pub fn new(tools: Arc<Toolbox>) -> Self {
        Self { tools }
    }
}

#[async_trait]
impl Agent for Executor {
    fn card(&self, card: &mut AgentCard) {
        card.skills = self
            .tools
            .specs()
            .iter()
            .map(|spec| spec.name.to_owned())
            .collect();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        if incoming.performative != Performative::Request
            || incoming.ontology.as_deref() != Some(ontology::TASK)
        {
            return Err(AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedFunction,
                "an executor takes requests of ontology aios.task",
            )));
        }
        let order: TaskOrder = incoming.json()?;
        let tools = Arc::clone(&self.tools);
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let key = tool_key(&order.operation, ctx.tenant(), ctx.society().tenant());
            let result = {
                let given = incoming.message().envelope.timestamp;
                let (ledger, role) = (ctx.society().ledger(), ctx.me().role());
                // The step ends before its goal does.
                let _under_way = ledger.attend(ctx.tenant(), role, &order.operation, given)?;
                tokio::select! {
                    biased;
                    // The planner has given up; dropping the step raises the tool's flag.
                    () = incoming.cancelled() => return Ok(()),
                    result = ctx.once(&order.operation, || perform(tools, &order, key, &ctx)) => result?,
                }
            };
            incoming.inform(Content::json(&result)?)?;
            Ok(())
        });
        Ok(())
    }
}

/// Runs the tool off the async threads, within the order's deadline.
async fn perform(
    tools: Arc<Toolbox>,
    order: &TaskOrder,
    key: String,
    ctx: &Context,
) -> Result<TaskResult, AgentError> {
    let begun = Instant::now();
    let allowed = Duration::from_millis(order.deadline_ms);
    let cancel = RaisedOnDrop(CancelFlag::new());
    let work = {
        let order = order.clone();
        let cancel = cancel.0.clone();
        let tenant = ctx.tenant().clone();
        tokio::task::spawn_blocking(move || {
            call(&tools, &tenant, &order, &key, &cancel, begun + allowed)
        })
    };
    let output = match tokio::time::timeout(allowed + GRACE, work).await {
        Ok(Ok(output)) => output.map_err(refusal)?,
        // A tool that panicked may have left its caches in any state: a new incarnation starts from clean ones.
        Ok(Err(panic)) => {
            return Err(AgentError::broken(format!(
                "tool {} panicked: {panic}",
                order.action
            )));
        }
        Err(_) => {
            return Err(AgentError::broken(format!(
                "tool {} did not end within its {} ms and does not listen",
                order.action, order.deadline_ms
            )));
        }
    };
    Ok(TaskResult {
        task_id: order.task_id.clone(),
        output,
        duration_ms: begun.elapsed().as_secs_f64() * 1_000.0,
        agent: ctx.me().to_string(),
    })
}

fn call(
    tools: &Toolbox,
    tenant: &TenantId,
    order: &TaskOrder,
    key: &str,
    cancel: &CancelFlag,
    deadline: Instant,
) -> Result<ToolOutput, ToolError> {
    let workspace = tools.workspace(
        tenant.as_str(),
        &order.goal_id,
        order.inputs.clone(),
        &order.out_dir,
    );
    let granted: Capabilities = order.capabilities.iter().copied().collect();
    tools.call(
        &order.action,
        &granted,
        &ToolCall {
            args: &order.args,
            idempotency_key: key,
            workspace: &workspace,
            cancel,
            deadline,
        },
    )
}

/// What the planner hears: whether it is worth trying again is in FIPA's word, what to do about it in the sentence.
fn refusal(error: ToolError) -> AgentError {
    let kind = match &error {
        ToolError::UnknownTool { .. } => ReasonKind::UnsupportedFunction,
        ToolError::NotGranted { .. } => ReasonKind::Unauthorised,
        // Asked again at once, a model may write something that can be used.
        ToolError::Write(WriteError::Unusable(_)) => ReasonKind::UnrecognisedValue,
        _ if error.is_transient() => ReasonKind::Overloaded,
        // The tool did its work: what it was given cannot be used, by anybody.
        _ => ReasonKind::UnsupportedValue,
    };
    AgentError::Failed(Reason::new(kind, error.to_string()))
}

/// A job that is dropped (its agent was killed, its asker went away) takes its tool with it.
struct RaisedOnDrop(CancelFlag);

impl Drop for RaisedOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
