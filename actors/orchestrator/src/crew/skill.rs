//! What an agent offers, as a tool of everybody else: `agent__NAME`. A plan names it like any tool; an executor that finds it in its order
//! hands the work on in its own name, because agents meet by signed messages alone.

use std::time::Instant;

use aios_actors::agent::Context;
use aios_tools::Schema;
use aios_work::content::{AgentAnswer, AgentOrder, AgentReply, NoAnswer};
use aios_work::{
    Capabilities, Charter, Status, Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec,
};
use async_trait::async_trait;

use super::Member;
use super::delegate::delegate;
use super::ended::told;
use super::member::skill_of;

/// Hands a call of a member's skill to an agent that offers it, and waits for its answer.
pub(crate) async fn ordered(
    member: &Member,
    operation: &str,
    call: ToolCall,
    granted: &Capabilities,
    ctx: &Context,
) -> Result<ToolOutput, ToolError> {
    let spec = member.spec();
    if let Some(needs) = granted.missing(&spec.needs) {
        let sentence = format!(
            "tool {} needs the capability {needs}, which was not granted",
            spec.name
        );
        return Err(ToolError::new(ToolErrorKind::Permission, sentence));
    }
    Schema::new(&spec.input)
        .map_err(|error| error.to_string())
        .and_then(|schema| schema.check(&call.args))
        .map_err(|why| ToolError::invalid_arguments(&spec.name, why))?;
    let left = call.deadline.saturating_duration_since(Instant::now());
    let order = AgentOrder {
        operation: operation.to_owned(),
        input: member.asked(call.args),
        chain: Vec::new(),
        tools: None,
        granted: granted.clone(),
        inputs: call.inputs,
        out_dir: call.out_dir,
        deadline_ms: left.mul_f64(0.9).as_millis() as u64,
    };
    let reply = delegate(&member.charter().name, &order, ctx, left).await;
    let unanswered = |why: String| ToolError::new(ToolErrorKind::Provider, why);
    match reply.map_err(|error| unanswered(error.to_string()).retryable(true))? {
        AgentReply::Done(answer) => Ok(ToolOutput {
            log: log(&answer),
            value: answer.value,
            facts: answer.facts,
            artifacts: answer.artifacts,
        }),
        AgentReply::None(none @ NoAnswer::InDoubt { .. }) => {
            Err(unanswered(told(&none)).retryable(false).in_doubt())
        }
        // What stopped it once stops it again.
        AgentReply::None(none) => Err(unanswered(told(&none)).retryable(false)),
    }
}

fn log(answer: &AgentAnswer) -> String {
    let judged = match answer.judged {
        None => "",
        Some(Status::Approved) => "; judged by its criteria: approved",
        Some(_) => "; judged by its criteria: nothing is wrong, and nothing bears it out",
    };
    format!(
        "{} answered after {} turns and {} tokens{judged}",
        answer.agent, answer.turns, answer.spent.tokens
    )
}

/// A member of a crew among the tools: what it says of itself, for whoever plans. Called by anybody but an executor it says whom to ask.
pub struct AgentSkill {
    name: String,
    spec: ToolSpec,
}

impl AgentSkill {
    /// The skill that agents of this charter offer.
    #[must_use]
    pub fn new(charter: &Charter) -> Self {
        Self {
            name: charter.name.clone(),
            spec: skill_of(charter),
        }
    }
}

#[async_trait]
impl Tool for AgentSkill {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, _: ToolCall) -> Result<ToolOutput, ToolError> {
        Err(ToolError::new(
            ToolErrorKind::Permission,
            format!(
                "{} is an agent and is asked by agents alone; ask it with `aios agent ask {}`",
                self.spec.name, self.name
            ),
        ))
    }
}
