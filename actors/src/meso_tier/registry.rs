//! The registry agent: who is here and what do they offer.
//!
//! An agent is registered by existing: its cell is in the directory and its card says what it can do. That it died is learned from its
//! exit, so an entry is never stale and never dropped because somebody was silent for a while.

use aios_protocols::{AgentCard, Content, Performative};
use async_trait::async_trait;

use crate::agent::{Agent, AgentError, Context, Incoming};
use aios_work::content::{Found, LookupRequest, ToolOffer, ontology};

/// Finds agents by role and skill.
#[derive(Debug, Default)]
pub struct Registry;

#[async_trait]
impl Agent for Registry {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["lookup".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::QueryRef, Some(ontology::LOOKUP)) => {
                let wanted: LookupRequest = incoming.json()?;
                incoming.inform(Content::json(&lookup(&wanted, ctx))?)?;
                Ok(())
            }
            _ => Err(super::not_mine(&incoming, "query-ref of aios.lookup")),
        }
    }
}

fn lookup(wanted: &LookupRequest, ctx: &Context) -> Vec<Found> {
    let directory = ctx.system().directory();
    directory
        .cards()
        .into_iter()
        .filter(|card| offers(card, wanted))
        .map(|card| {
            let status = directory
                .get(&(&card.id).into())
                .map_or("offline", |cell| cell.state().as_str());
            let tools = card.properties.iter();
            Found {
                agent: card.id.to_string(),
                tools: tools
                    .filter_map(|(name, properties)| ToolOffer::read(name, properties))
                    .collect(),
                skills: card.skills.into_iter().collect(),
                status: status.to_owned(),
            }
        })
        .collect()
}

fn offers(card: &AgentCard, wanted: &LookupRequest) -> bool {
    (wanted.role.is_empty() || card.id.role() == wanted.role)
        && wanted
            .skills
            .iter()
            .all(|skill| card.skills.contains(skill))
}
