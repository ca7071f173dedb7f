//! The monitor agent: how everybody is, asked for and not polled.

use std::collections::BTreeMap;

use aios_protocols::{AgentCard, Content, Performative};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, AgentState, Context, Incoming};

/// Asks for a [`Health`].
pub const HEALTH: &str = "aios.health";

/// A picture of the node's health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// How many agents are in each state.
    pub agents: BTreeMap<String, u64>,
    /// Agents that fell and are not back, with the reason of their fall.
    pub failed: BTreeMap<String, String>,
    /// Refused messages by reason.
    pub refused: BTreeMap<String, u64>,
    /// Messages nobody handled, since the start.
    pub dead_letters: u64,
    /// What is wrong, in sentences; empty when all is well.
    pub alerts: Vec<String>,
}

/// Looks after the others.
#[derive(Debug, Default)]
pub struct Monitor;

#[async_trait]
impl Agent for Monitor {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["health".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::QueryRef, Some(HEALTH)) => {
                incoming.inform(Content::json(&health(ctx))?)?;
                Ok(())
            }
            _ => Err(super::not_mine(&incoming, "query-ref of aios.health")),
        }
    }
}

fn health(ctx: &Context) -> Health {
    let society = ctx.society();
    let mut agents = BTreeMap::new();
    let mut failed = BTreeMap::new();
    let mut alerts = Vec::new();
    for view in society.directory().view() {
        *agents.entry(view.state.as_str().to_owned()).or_insert(0) += 1;
        if view.state == AgentState::Failed {
            let why = view
                .last_failure
                .clone()
                .unwrap_or_else(|| "unknown".to_owned());
            alerts.push(format!("{} is down: {why}", view.id));
            failed.insert(view.id.to_string(), why);
        }
        if view.mailbox.queued * 10 >= view.mailbox.capacity * 9 {
            let (waiting, places) = (view.mailbox.queued, view.mailbox.capacity);
            alerts.push(format!(
                "the mailbox of {} is nearly full: {waiting} of {places}",
                view.id
            ));
        }
    }
    let circles = society.waits().deadlocks(society.now());
    alerts.extend(circles.iter().map(ToString::to_string));
    alerts.extend(
        society
            .breakers()
            .view()
            .into_iter()
            .filter(|breaker| breaker.state != "closed")
            .map(|breaker| {
                let (service, state, error) = (breaker.service, breaker.state, breaker.last_error);
                format!("the breaker of {service} is {state}: {error}")
            }),
    );
    let refused = society
        .audit()
        .counts()
        .into_iter()
        .map(|(label, count)| (label.to_owned(), count))
        .collect();
    Health {
        agents,
        failed,
        refused,
        dead_letters: society.dead_letters().counts().total,
        alerts,
    }
}
