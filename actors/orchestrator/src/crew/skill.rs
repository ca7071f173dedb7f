//! What an agent offers, as a tool of everybody else: `agent__NAME`. It is called like any tool; whoever calls it must be an agent, because
//! agents meet by signed messages alone, and the order goes out in the caller's name.

use std::time::Instant;

use aios_actors::agent::Context;
use aios_work::content::{AgentOrder, AgentReply};
use aios_work::{Tool, ToolCall, ToolError, ToolErrorKind, ToolOutput, ToolSpec};
use async_trait::async_trait;

use super::delegate::delegate;
use super::shell::told;
use super::{Crew, Member};

/// The agent in whose name a tool is called now, and the operation it is called for.
#[derive(Clone)]
pub(crate) struct Speaker {
    pub(crate) ctx: Context,
    pub(crate) operation: String,
}

tokio::task_local! {
    /// Of one call and the task it runs in; a call without it is nobody's.
    static SPEAKER: Speaker;
}

/// Does some work in an agent's name.
pub(crate) async fn speaking<F: Future>(speaker: Option<Speaker>, work: F) -> F::Output {
    match speaker {
        Some(speaker) => SPEAKER.scope(speaker, work).await,
        None => work.await,
    }
}

/// A member of a crew as a tool.
pub struct AgentSkill {
    crew: Crew,
    name: String,
    spec: ToolSpec,
}

impl AgentSkill {
    /// The skill of this member.
    #[must_use]
    pub fn new(crew: &Crew, member: &Member) -> Self {
        Self {
            crew: crew.clone(),
            name: member.charter().name.clone(),
            spec: member.spec(),
        }
    }
}

#[async_trait]
impl Tool for AgentSkill {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, call: ToolCall) -> Result<ToolOutput, ToolError> {
        let Ok(Speaker { ctx, operation }) = SPEAKER.try_with(Clone::clone) else {
            return Err(ToolError::new(
                ToolErrorKind::Permission,
                format!(
                    "{} is an agent and is asked by agents alone; ask it with `aios agent ask {}`",
                    self.spec.name, self.name
                ),
            ));
        };
        let Some(member) = self.crew.member(&self.name) else {
            let gone = format!("agent {} is not here any more", self.name);
            return Err(ToolError::new(ToolErrorKind::NotFound, gone));
        };
        let left = call.deadline.saturating_duration_since(Instant::now());
        let order = AgentOrder {
            operation,
            input: member.asked(call.args.clone()),
            chain: Vec::new(),
            tools: None,
            granted: call.granted.clone(),
            inputs: call.inputs.clone(),
            out_dir: call.out_dir.clone(),
            deadline_ms: left.mul_f64(0.9).as_millis() as u64,
        };
        let reply = delegate(&self.name, &order, &ctx, left).await;
        let unanswered = |why: String| ToolError::new(ToolErrorKind::Provider, why);
        match reply.map_err(|error| unanswered(error.to_string()).retryable(true))? {
            AgentReply::Done(answer) => Ok(ToolOutput {
                log: format!(
                    "{} answered after {} turns and {} tokens",
                    answer.agent, answer.turns, answer.spent.tokens
                ),
                value: answer.value,
                facts: answer.facts,
                artifacts: answer.artifacts,
            }),
            // What stopped it once stops it again.
            AgentReply::None(none) => Err(unanswered(told(&none)).retryable(false)),
        }
    }
}
