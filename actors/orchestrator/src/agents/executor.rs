//! The executor: one order, one tool, one result.
//!
//! An order is a durable step. However often it is sent, redelivered or repeated after a crash, the tool's result is committed once under
//! the order's operation id, and the tool is handed that id so that its own effects are idempotent too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aios_protocols::{AgentCard, Performative, Reason, ReasonKind};
use aios_tools::CallError;
use aios_work::run::{Unheard, unheard};
use aios_work::{Effect, ToolCall, ToolError, ToolErrorKind};
use async_trait::async_trait;

use aios_actors::agent::{Agent, AgentError, Context, Incoming, Undone};
use aios_actors::recovery::tool_key;
use aios_work::content::{KeptCall, TaskOrder, TaskResult, ToolOffer, call_step, ontology};

use crate::services::elsewhere;
use crate::{Services, crew, doubt};

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
        for spec in self.services.tools.specs() {
            card.skills.insert(spec.name.clone());
            let properties = ToolOffer::properties(&spec);
            card.properties.insert(spec.name.clone(), properties);
        }
        // An order names files and a folder: only who plans a goal may give one.
        card.open_to = crate::services::only(crate::roles::PLANNER);
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
            let pure = services.effect(&order.tool) == Some(Effect::Pure);
            other_work(&order, pure, &ctx)?;
            if !pure {
                let (task_id, tool, args) = (&order.task_id, &order.tool, &order.args);
                let call = KeptCall {
                    task_id: task_id.clone(),
                    tool: tool.clone(),
                    args: args.clone(),
                };
                ctx.note(&call_step(&order.operation), &call)?;
            }
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
                    result = ctx.once_written(&order.operation, pure, |again| attempted(&services, &order, key, again, &ctx)) => result?,
                }
            };
            incoming.inform(result)?;
            Ok(())
        });
        Ok(())
    }
}

/// An operation that is done gives its result to who asks the same, and to nobody else. What changes nothing is done anew for another
/// question; what does is not, because its key is spent.
fn other_work(order: &TaskOrder, pure: bool, ctx: &Context) -> Result<(), AgentError> {
    let Some(done) = ctx.done::<TaskResult>(&order.operation)? else {
        return Ok(());
    };
    if done.asked == order.asked() {
        return Ok(());
    }
    if pure {
        return ctx.forget_step(&order.operation);
    }
    let detail = format!(
        "{} was carried out before with other arguments or files, and its key is spent; ask for it under another goal, or fork this one",
        order.operation
    );
    Err(AgentError::refuse(ReasonKind::UnsupportedValue, detail))
}

/// The order as a step, unless an earlier try at it may have been carried out and nobody but a person can know.
async fn attempted(
    services: &Services,
    order: &TaskOrder,
    key: String,
    again: bool,
    ctx: &Context,
) -> Result<TaskResult, Undone> {
    let effect = services.effect(&order.tool);
    if again && effect.map(unheard) == Some(Unheard::AskPerson) {
        return Err(doubt::not_repeated(&order.tool).into());
    }
    let performed = perform(services, order, key, again, ctx).await;
    // An agent knows by its steps what it has done, as a tool does that can be asked by the key; what it does not know nobody does.
    let ended = match services.crew().skill(&order.tool) {
        Some(_) => Some(Effect::Query),
        None => effect,
    };
    performed.map_err(|failed| undone(failed, ended))
}

/// Calls the tool in a task of its own, so that its panic is not ours, within the order's deadline.
async fn perform(
    services: &Services,
    order: &TaskOrder,
    key: String,
    again: bool,
    ctx: &Context,
) -> Result<TaskResult, Failed> {
    if ctx.is_private()
        && let Some(spec) = services.tools.spec(&order.tool)
        && let Some(why) = elsewhere(&spec)
    {
        return Err(Failed::Told(ToolError::new(ToolErrorKind::Permission, why)));
    }
    let begun = Instant::now();
    let span = ctx.span("execute_tool", &order.tool);
    if let Some(span) = &span {
        span.note("gen_ai.tool.name", &order.tool);
        span.note("gen_ai.tool.call.id", &order.operation);
        span.note("aios.goal.id", &order.goal_id);
    }
    let call = ToolCall {
        idempotency_key: key,
        again,
        tenant: ctx.tenant().as_str().to_owned(),
        goal: order.goal_id.clone(),
        traceparent: ctx.traceparent(span.as_deref()),
        inputs: order.inputs.clone(),
        out_dir: order.out_dir.clone(),
        ..ToolCall::new(
            order.args.clone(),
            begun + Duration::from_millis(order.deadline_ms),
        )
    };
    let ctx = &ctx.within(span.as_ref());
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
    if let (Some(span), Err(error)) = (&span, &called) {
        span.fail(error);
    }
    let output = called.map_err(|error| match error {
        CallError::Failed(error) => Failed::Told(error),
        // A tool that panicked may have left its caches in any state, and one that hangs holds what it holds: a new incarnation starts
        // from clean ones.
        CallError::Panicked { .. } | CallError::Deaf { .. } => {
            Failed::Fallen(AgentError::broken(error.to_string()))
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

/// Why a call gave no result.
enum Failed {
    /// The tool says so, or the call did not reach it.
    Told(ToolError),
    /// It fell, and takes its executor with it.
    Fallen(AgentError),
}

/// The same as the step's end. What changes nothing can be done again, whatever became of it.
fn undone(failed: Failed, effect: Option<Effect>) -> Undone {
    match failed {
        Failed::Told(error) => Undone {
            in_doubt: error.is_in_doubt() || effect == Some(Effect::Pure),
            error: refusal(&error, effect),
        },
        Failed::Fallen(error) => error.into(),
    }
}

/// What the planner hears: whether it is worth trying again is in FIPA's word, what to do about it in the sentence.
fn refusal(error: &ToolError, effect: Option<Effect>) -> AgentError {
    // Asked by its key, a tool knows; one that has just failed to is not asked for ever.
    let unknown = match effect {
        Some(Effect::Ask) => error.is_in_doubt(),
        Some(Effect::Query) => error.is_in_doubt() && !error.is_retryable(),
        _ => false,
    };
    let kind = match error.kind() {
        _ if unknown => return doubt::failed(&error.to_string()),
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
