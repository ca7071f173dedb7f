//! Takes back what a goal did, the last thing first, by the tools that its tools name for it. Only a person's order begins it, and what is
//! taken back is itself a step: ordered again, it is not done twice.

use std::time::{Duration, Instant};

use aios_control::{ControlError, ErrorKind, UndoOutcome, Undone, UndoneEffect};
use aios_memory::Begin;
use aios_orchestrator::roles::EXECUTOR;
use aios_work::ToolCall;
use aios_work::content::{CALL_MARK, KeptCall, TaskResult};
use aios_work::run::{Unheard, unheard};
use serde_json::{Value, json};

use super::record::{Origin, Steps, unwritten_step};
use crate::goals::register::State;
use crate::goals::{Goals, now_us, unwritten};
use crate::node::Node;

/// How long one thing may take to be taken back.
const DEADLINE: Duration = Duration::from_secs(60);
/// What the name of its step ends with.
const MARK: &str = "/~undo";

/// One thing that a goal did.
struct Done {
    name: String,
    at_us: u64,
    call: KeptCall,
    result: TaskResult,
}

impl Goals {
    /// Takes back what a goal did.
    pub(crate) async fn undo(
        &self,
        node: &Node,
        tenant: &str,
        goal_id: &str,
    ) -> Result<Undone, ControlError> {
        let _entered = self.entrance.lock().await;
        self.at_rest(tenant, goal_id)?;
        if self.register.origin(goal_id).map_err(unwritten)? == Origin::Imported {
            return Err(ControlError::new(
                ErrorKind::Conflict,
                format!("goal {goal_id} was carried out elsewhere; what it did is not this node's to take back"),
            )
            .advise("undo it on the node that carried it out"));
        }
        let all = done(node, tenant, goal_id)?;
        // On record before the first thing is taken back: from here on nobody goes on with it as if all of it stood.
        let error = ControlError::new(
            ErrorKind::Conflict,
            format!("what goal {goal_id} did was taken back by order"),
        )
        .advise("hand it in again under another id");
        let state = State::undone(error);
        self.register
            .settle(goal_id, &state, None)
            .map_err(unwritten)?;
        self.known.lock().retain(|known| known.goal_id != goal_id);
        let mut effects = Vec::new();
        let mut stands = false;
        for effect in all {
            let (outcome, why) = match stands {
                true => (UndoOutcome::NotTried, String::new()),
                false => taken_back(node, tenant, goal_id, &effect).await?,
            };
            // What was done before may be what this one rests on.
            stands |= outcome == UndoOutcome::Failed;
            effects.push(UndoneEffect {
                task: effect.call.task_id,
                tool: effect.call.tool,
                outcome,
                why,
            });
        }
        Ok(Undone {
            goal_id: goal_id.to_owned(),
            effects,
        })
    }
}

/// What a goal did, the last thing first.
fn done(node: &Node, tenant: &str, goal_id: &str) -> Result<Vec<Done>, ControlError> {
    let steps = Steps::of(node, tenant, goal_id).of_role(EXECUTOR)?;
    let result = |name: &str| {
        let step = steps.iter().find(|step| step.name == name)?;
        serde_json::from_str::<TaskResult>(step.result.as_deref()?).ok()
    };
    let mut all: Vec<Done> = steps
        .iter()
        .filter_map(|step| {
            let name = step.name.strip_suffix(CALL_MARK)?;
            Some(Done {
                name: name.to_owned(),
                at_us: step.at_us,
                call: serde_json::from_str(step.result.as_deref()?).ok()?,
                result: result(name)?,
            })
        })
        .collect();
    all.sort_by(|one, other| (other.at_us, &other.name).cmp(&(one.at_us, &one.name)));
    Ok(all)
}

/// What a tool is told of the call that it takes back. One that was written for it takes `args`, `result` and `key`; of any other each
/// argument is what has its name in the result, or else in the arguments.
fn told(input: &Value, args: &Value, result: &Value, key: &str) -> Value {
    let whole = json!({ "args": args, "result": result, "key": key });
    let Some(asked) = input.get("properties").and_then(Value::as_object) else {
        return whole;
    };
    let ours = ["args", "result", "key"];
    if asked.is_empty() || ours.iter().any(|name| asked.contains_key(*name)) {
        return whole;
    }
    let named = |name: &String| match name.as_str() {
        "idempotency_key" => Some(Value::from(key)),
        name => result.get(name).or_else(|| args.get(name)).cloned(),
    };
    let told = asked
        .keys()
        .filter_map(|name| Some((name.clone(), named(name)?)));
    Value::Object(told.collect())
}

async fn taken_back(
    node: &Node,
    tenant: &str,
    goal_id: &str,
    effect: &Done,
) -> Result<(UndoOutcome, String), ControlError> {
    let tools = node.services().tools();
    let Some(undo) = tools.undo_of(&effect.call.tool) else {
        let why = format!("{} names no tool that takes it back", effect.call.tool);
        return Ok((UndoOutcome::NoUndo, why));
    };
    let Some(spec) = tools.spec(&undo) else {
        return Ok((UndoOutcome::Failed, format!("there is no tool {undo}")));
    };
    let key = format!("{goal_id}/{}{MARK}", effect.name);
    let operation = format!("{tenant}/{EXECUTOR}/{key}");
    let begun = node
        .system()
        .step_log()
        .begin(&operation, now_us(node))
        .map_err(unwritten_step)?;
    let (step, again) = match begun {
        Begin::Committed(_) => return Ok((UndoOutcome::Undone, String::new())),
        Begin::Fresh(step) => (step, false),
        Begin::Pending { step, .. } => (step, true),
    };
    if again && unheard(spec.effect) == Unheard::AskPerson {
        let why = format!(
            "an earlier call of {undo} was cut short, and nobody knows whether it was carried out"
        );
        return Ok((UndoOutcome::Failed, why));
    }
    let call = ToolCall {
        idempotency_key: key,
        again,
        tenant: tenant.to_owned(),
        goal: goal_id.to_owned(),
        ..ToolCall::new(
            told(
                &spec.input,
                &effect.call.args,
                &effect.result.output.value,
                &effect.result.operation,
            ),
            Instant::now() + DEADLINE,
        )
    };
    let granted = tools.needs();
    match tools.call_apart(&undo, &granted, call).await {
        Ok(output) => {
            step.commit(output.value.to_string().as_bytes())
                .map_err(unwritten_step)?;
            Ok((UndoOutcome::Undone, String::new()))
        }
        Err(error) => {
            let error = aios_work::ToolError::from(error);
            if !error.is_in_doubt() && !again {
                step.abort().map_err(unwritten_step)?;
            }
            Ok((UndoOutcome::Failed, error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_takes_back_is_told_of_the_call_in_its_own_words() {
        let (args, result) = (
            json!({"room": 7, "night": "friday"}),
            json!({"booking": "b-1", "night": "the friday"}),
        );
        let whole = json!({"args": args, "result": result, "key": "g/a"});
        let properties = |names: &[&str]| {
            let names = names.iter().map(|name| ((*name).to_owned(), json!({})));
            json!({"properties": Value::Object(names.collect())})
        };
        for (input, expected) in [
            (json!({"type": "object"}), whole.clone()),
            (properties(&[]), whole.clone()),
            (properties(&["result", "booking"]), whole),
            (properties(&["booking"]), json!({"booking": "b-1"})),
            (
                properties(&["night", "room", "reason"]),
                json!({"night": "the friday", "room": 7}),
            ),
            (
                properties(&["booking", "idempotency_key"]),
                json!({"booking": "b-1", "idempotency_key": "g/a"}),
            ),
        ] {
            assert_eq!(told(&input, &args, &result, "g/a"), expected, "{input}");
        }
    }
}
