//! The planner: drives a goal from the request to an answer the Critic has signed.
//!
//! The code reads as if nothing could fall. What makes that true: the goal's request stays in flight until it is answered, so a planner
//! that was killed gets it again; the answer, the model's pick and every task are durable steps, so what was done is not done again.

use std::sync::Arc;

use aios_protocols::{AgentCard, Content};
use async_trait::async_trait;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{Answer, GoalRequest, ontology};

use crate::Services;
use crate::agents::interface::goal_or_plan;
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
        card.open_to = crate::services::only(crate::roles::INTERFACE);
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        let asked = goal_or_plan(&incoming)?;
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
            let again = incoming.deliveries() > 1;
            let tell = |answer: &Answer| Ok(incoming.inform(Content::json(answer)?)?);
            tokio::select! {
                pursued = pursue(&request, again, &services, &ctx, tell) => pursued,
                () = incoming.cancelled() => {
                    give_back(&request, &ctx).await;
                    Ok(())
                }
            }
        });
        Ok(())
    }
}
