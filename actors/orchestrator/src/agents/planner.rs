//! The planner: drives a goal from the request to an answer the Critic has signed.
//!
//! The code reads as if nothing could fall. What makes that true: the goal's request stays in flight until it is answered, so a planner
//! that was killed gets it again; the answer, the model's pick and every task are durable steps, so what was done is not done again.

use std::sync::Arc;

use aios_protocols::{AgentCard, Content, Performative, Reason, ReasonKind};
use async_trait::async_trait;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{GoalRequest, ontology};

use crate::Services;
use crate::goal::run::{give_back, plan_only, pursue};

/// Plans goals and sees them through.
pub struct Planner {
    services: Arc<Services>,
}

impl Planner {
    /// A planner; all it knows of a goal is in the step log.
    pub fn new(services: Arc<Services>) -> Self {
        Self { services }
    }
}

#[async_trait]
impl Agent for Planner {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["plan".to_owned()].into();
        // A goal comes by the interface alone, which counts goals and looks at what leaves.
        card.open_to = crate::services::only("macro.interface");
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let asked = incoming.ontology.clone().unwrap_or_default();
        if incoming.performative != Performative::Request
            || ![ontology::GOAL, ontology::PLAN].contains(&asked.as_str())
        {
            return Err(AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedFunction,
                "a planner takes requests of ontology aios.goal and aios.plan",
            )));
        }
        let services = Arc::clone(&self.services);
        ctx.spawn(incoming, move |incoming, ctx| async move {
            let request: GoalRequest = incoming.json()?;
            if asked == ontology::PLAN {
                let planned = tokio::select! {
                    planned = plan_only(&request, &services, &ctx) => planned?,
                    () = incoming.cancelled() => return Ok(()),
                };
                incoming.inform(Content::json(&planned)?)?;
                return Ok(());
            }
            let answer = tokio::select! {
                answer = pursue(&request, incoming.deliveries() > 1, &services, &ctx) => answer?,
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
