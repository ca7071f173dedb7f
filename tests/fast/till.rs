//! A house with a till that the real executor counts and the real Critic judges, and what an honest planner would show of it.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::{AgentError, Context};
use aios_actors::async_trait;
use aios_protocols::{Content, Draft, Performative, ProtocolName, Trusted};
use aios_runtime::{Node, NodeBuilder};
use aios_work::content::{
    Answer, Exhibit, GoalStatus, Grounds, Origin, Submission, TaskOrder, ValidationRequest, hex,
    ontology,
};
use aios_work::{
    Capabilities, Case, Domain, Effect, Evidence, Fact, Goal, GoalLimits, InputFile, Pack, Plan,
    SoFar, Source, Statistic, Task, Tool, ToolCall, ToolError, ToolOutput, ToolSpec, Value,
    Written,
};
use serde_json::json;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn answer(goal_id: &str, text: &str) -> Answer {
    Answer {
        status: GoalStatus::Partial,
        answer: text.to_owned(),
        facts: vec![Fact {
            subject: vec![],
            measure: Some("revenue".to_owned()),
            statistic: Statistic::Total,
            period: None,
            value: Value::Integer(120),
            unit: None,
            source: Source::from("till 1".to_owned()),
        }],
        gaps: vec!["the regions are missing".to_owned()],
        ..Answer::none(goal_id)
    }
}

/// Goals about a till: one task, whose result is the only figure.
struct Till;

impl Domain for Till {
    fn name(&self) -> &str {
        "till"
    }

    fn open(&self, _: &Goal, _: &Plan) -> Result<Box<dyn Case>, String> {
        Ok(Box::new(Till))
    }
}

impl Case for Till {
    fn prose(&self, _: &Task, so_far: &SoFar<'_>) -> Evidence {
        self.write(so_far).evidence
    }

    fn write(&self, so_far: &SoFar<'_>) -> Written {
        let total = so_far.results.get("sum").and_then(|sum| sum.as_i64());
        let facts: Vec<Fact> = total
            .map(|total| Fact {
                subject: vec![],
                measure: Some("revenue".to_owned()),
                statistic: Statistic::Total,
                period: None,
                value: Value::Integer(total),
                unit: None,
                source: Source::from("till 1".to_owned()),
            })
            .into_iter()
            .collect();
        Written {
            answer: total
                .map(|total| format!("The total revenue is {total}."))
                .unwrap_or_default(),
            facts: facts.clone(),
            gaps: vec!["the regions are missing".to_owned()],
            evidence: Evidence {
                goal: "What is the total revenue?".to_owned(),
                facts,
                measures: vec!["revenue".to_owned()],
                ..Evidence::default()
            },
        }
    }
}

/// Counts a till; each holds something else.
struct CountTill;

#[async_trait]
impl Tool for CountTill {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "count_till".to_owned(),
            description: "Counts a till".to_owned(),
            input: json!({ "type": "object" }),
            output: json!({ "type": "integer" }),
            needs: Capabilities::none(),
            effect: Effect::Pure,
        }
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let till = call.args["till"].as_i64().unwrap_or_default();
        Ok(ToolOutput {
            value: json!(119 + till),
            ..ToolOutput::default()
        })
    }
}

/// Has a till counted for a task of a goal.
pub(crate) async fn counted(
    goal_id: &str,
    task_id: &str,
    till: u32,
    ctx: &Context,
) -> Result<Trusted, AgentError> {
    counted_from(goal_id, task_id, till, &[], ctx).await
}

/// The same, for a goal with files.
pub(crate) async fn counted_from(
    goal_id: &str,
    task_id: &str,
    till: u32,
    inputs: &[InputFile],
    ctx: &Context,
) -> Result<Trusted, AgentError> {
    let order = TaskOrder {
        goal_id: goal_id.to_owned(),
        task_id: task_id.to_owned(),
        // Each till under a name of its own: what was counted once is not counted again.
        operation: format!("{goal_id}/{task_id}/till-{till}"),
        tool: "count_till".to_owned(),
        args: json!({ "till": till }),
        attempt: 1,
        inputs: inputs.to_vec(),
        out_dir: String::new(),
        capabilities: Capabilities::none(),
        deadline_ms: 10_000,
    };
    let draft = Draft::new(Performative::Request, Content::json(&order)?)
        .protocol(ProtocolName::FipaRequest)
        .ontology(ontology::TASK);
    Ok(ctx.ask("macro.executor", draft, PATIENCE).await?)
}

pub(crate) fn exhibit(goal_id: &str, till: u32, frame: &[u8]) -> Exhibit {
    Exhibit {
        task_id: "sum".to_owned(),
        task: None,
        origin: Origin::Signed {
            operation: format!("{goal_id}/sum/till-{till}"),
        },
        frame: Some(hex(frame)),
    }
}

/// What an honest planner would show of an answer to a goal in these words.
pub(crate) async fn grounds(
    goal_id: &str,
    text: &str,
    ctx: &Context,
) -> Result<Grounds, AgentError> {
    let counted = counted(goal_id, "sum", 1, ctx).await?;
    let limits = GoalLimits::default();
    let goal = Goal::new(goal_id, ctx.tenant().as_str(), text, vec![], &limits)
        .map_err(|error| AgentError::failure(error.to_string()))?;
    let task =
        json!({ "id": "sum", "tool": "count_till", "args": { "till": 1 }, "deadline_ms": 1_000 });
    Ok(Grounds {
        goal,
        plan: Plan {
            goal: goal_id.to_owned(),
            source: "till".to_owned(),
            tasks: vec![serde_json::from_value(task)?],
            points: Vec::new(),
            gaps: Vec::new(),
            meaning: serde_json::Value::Null,
        },
        inputs: Vec::new(),
        folder: 0,
        exhibits: vec![exhibit(goal_id, 1, counted.sealed().as_bytes())],
        recalled: None,
        gaps: Vec::new(),
        told: Vec::new(),
    })
}

/// The critic's reply: its frame is the proof.
pub(crate) async fn judged(
    answer: &Answer,
    grounds: Grounds,
    ctx: &Context,
) -> Result<Trusted, AgentError> {
    let work = Submission::Answer {
        answer: Box::new(answer.clone()),
        grounds: Box::new(grounds),
    };
    submitted(&answer.goal_id, work, ctx).await
}

pub(crate) async fn submitted(
    goal_id: &str,
    work: Submission,
    ctx: &Context,
) -> Result<Trusted, AgentError> {
    let request = ValidationRequest {
        goal_id: goal_id.to_owned(),
        task_id: String::new(),
        work,
    };
    let draft = Draft::new(Performative::Request, Content::json(&request)?)
        .protocol(ProtocolName::FipaRequest)
        .ontology(ontology::VALIDATE);
    Ok(ctx.ask("macro.critic", draft, PATIENCE).await?)
}

/// An honest verdict over an answer to the goal it names, asked in these words.
pub(crate) async fn honestly(
    answer: &Answer,
    text: &str,
    ctx: &Context,
) -> Result<Trusted, AgentError> {
    let grounds = grounds(&answer.goal_id, text, ctx).await?;
    judged(answer, grounds, ctx).await
}

/// A house with a planner of the test's own and a till.
pub(crate) fn house() -> NodeBuilder {
    let till = Pack {
        domains: vec![Arc::new(Till)],
        ..Pack::default()
    };
    Node::builder().pack(till).tool(Arc::new(CountTill))
}
