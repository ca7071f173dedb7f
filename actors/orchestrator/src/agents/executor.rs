//! The executor: one order, one tool, one result.
//!
//! An order is a durable step. However often it is sent, redelivered or repeated after a crash, the tool's result is committed once under
//! the order's operation id, and the tool is handed that id so that its own effects are idempotent too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_protocols::{AgentCard, Performative, Reason, ReasonKind};
use aios_tools::CallError;
use aios_work::{Effect, ToolCall, ToolError, ToolErrorKind};
use async_trait::async_trait;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::recovery::tool_key;
use aios_work::content::{TaskOrder, TaskResult, ontology};

use crate::{Services, crew};

/// Carries out orders with the tools it was given.
pub struct Executor {
    services: Arc<Services>,
}

impl Executor {
    /// An executor with its node's tools; it offers their names as its skills.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

#[async_trait]
impl Agent for Executor {
    fn card(&self, card: &mut AgentCard) {
        card.skills = self
            .services
            .tools
            .specs()
            .map(|spec| spec.name.clone())
            .collect();
        // An order names files and a folder: only who plans a goal may give one.
        card.open_to = crate::services::only("macro.planner");
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
        let services = Arc::clone(&self.services);
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let key = tool_key(&order.operation, ctx.tenant(), ctx.system().tenant());
            let tool = services.tools.spec(&order.tool);
            let pure = tool.is_some_and(|spec| spec.effect == Effect::Pure);
            // As it was committed it is told.
            let result = {
                let given = incoming.envelope.timestamp;
                let role = ctx.me().role();
                // The step ends before its goal does.
                let _under_way = services
                    .ledger
                    .attend(ctx.tenant(), role, &order.operation, given)?;
                tokio::select! {
                    biased;
                    // The planner has given up; dropping the step raises the tool's flag.
                    () = incoming.cancelled() => return Ok(()),
                    result = ctx.once_written(&order.operation, pure, || perform(&services, &order, key, &ctx)) => result?,
                }
            };
            incoming.inform(result)?;
            Ok(())
        });
        Ok(())
    }
}

/// Calls the tool in a task of its own, so that its panic is not ours, within the order's deadline.
async fn perform(
    services: &Services,
    order: &TaskOrder,
    key: String,
    ctx: &Context,
) -> Result<TaskResult, AgentError> {
    let begun = Instant::now();
    let call = ToolCall {
        idempotency_key: key,
        tenant: ctx.tenant().as_str().to_owned(),
        goal: order.goal_id.clone(),
        inputs: order.inputs.clone(),
        out_dir: order.out_dir.clone(),
        ..ToolCall::new(
            order.args.clone(),
            begun + Duration::from_millis(order.deadline_ms),
        )
    };
    let called = match services.crew().skill(&order.tool) {
        // An agent is asked by agents alone, in the name of the one who asks.
        Some(member) => crew::ordered(&member, &order.operation, call, &order.capabilities, ctx)
            .await
            .map_err(CallError::from),
        None => {
            let tools = &services.tools;
            tools
                .call_apart(&order.tool, &order.capabilities, call)
                .await
        }
    };
    let output = called.map_err(|error| match error {
        CallError::Failed(error) => refusal(error),
        // A tool that panicked may have left its caches in any state, and one that hangs holds what it holds: a new incarnation starts
        // from clean ones.
        CallError::Panicked { .. } | CallError::Deaf { .. } => {
            AgentError::broken(error.to_string())
        }
    })?;
    Ok(TaskResult {
        task_id: order.task_id.clone(),
        operation: order.operation.clone(),
        asked: order.asked(),
        output,
        duration_ms: begun.elapsed().as_secs_f64() * 1_000.0,
        agent: ctx.me().to_string(),
    })
}

/// What the planner hears: whether it is worth trying again is in FIPA's word, what to do about it in the sentence.
fn refusal(error: ToolError) -> AgentError {
    let kind = match error.kind() {
        ToolErrorKind::NotFound => ReasonKind::UnsupportedFunction,
        ToolErrorKind::Permission => ReasonKind::Unauthorised,
        _ if error.is_retryable() => ReasonKind::Overloaded,
        // Asked again at once, a model may write something that can be used.
        ToolErrorKind::Provider => ReasonKind::UnrecognisedValue,
        // The tool did its work: what it was given cannot be used, by anybody.
        _ => ReasonKind::UnsupportedValue,
    };
    AgentError::Failed(Reason::new(kind, error.to_string()))
}
