//! The state agent: what is stored is made durable.

use aios_protocols::{AgentCard, Content, Performative};
use async_trait::async_trait;

use crate::agent::{Agent, AgentError, Context, Incoming};

/// Asks to make everything written so far durable.
pub const FLUSH: &str = "aios.flush";

/// Looks after the store.
#[derive(Debug, Default)]
pub struct State;

#[async_trait]
impl Agent for State {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["flush".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::Request, Some(FLUSH)) => {
                ctx.store().flush()?;
                incoming.inform(Content::empty())?;
                Ok(())
            }
            _ => Err(super::not_mine(&incoming, "requests of aios.flush")),
        }
    }
}
