//! The planner: drives a goal from the request to an answer the Critic has signed.
//!
//! The code reads as if nothing could fall. What makes that true: the goal's request stays in flight until it is answered, so a planner
//! that was killed gets it again; the answer, the model's pick and every task are durable steps, so what was done is not done again.

use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind};
use async_trait::async_trait;

use super::pursuit::{give_back, pursue};
use crate::agent::{Agent, AgentError, Context, Incoming};
use crate::content::{GoalRequest, ontology};

/// Plans goals and sees them through.
#[derive(Debug, Default)]
pub struct Planner;

impl Planner {
    /// A planner; all it knows of a goal is in the step log.
    pub fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Agent for Planner {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["plan".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        if incoming.performative != Performative::Request
            || incoming.ontology.as_deref() != Some(ontology::GOAL)
        {
            return Err(AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedFunction,
                "a planner takes requests of ontology aios.goal",
            )));
        }
        ctx.spawn(incoming, |incoming, ctx| async move {
            let request: GoalRequest = incoming.json()?;
            let answer = tokio::select! {
                answer = pursue(&request, incoming.deliveries() > 1, &ctx) => answer?,
                () = incoming.cancelled() => {
                    give_back(&request, &ctx).await;
                    return Ok(());
                }
            };
            incoming.inform(Content::json(&answer)?)?;
            Ok(())
        });
        Ok(())
    }
}
