//! The monitor agent: how everybody is, asked for and not polled.

use std::collections::BTreeMap;
use std::time::Duration;

use aios_micro::report;
use aios_protocols::{AgentCard, Content, Draft, Performative, ProtocolName};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::agent::{Agent, AgentError, AgentState, Context, Incoming};

/// Asks for a [`Health`].
pub const HEALTH: &str = "aios.health";

/// Asks for the micro agents of a zone in numbers, as the zone signed them: the only way a macro agent hears of the swarm.
pub const POPULATION: &str = "aios.population";
/// Zones whose alerts are kept; a node has one.
const ZONES: usize = 64;
/// How long a zone may take over its numbers.
const ZONE_DEADLINE: Duration = Duration::from_secs(2);

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
pub struct Monitor {
    /// What is wrong with each zone, as it said last.
    zones: BTreeMap<String, Vec<String>>,
}

/// What of a zone's report is looked at; what is wrong there the zone has found itself.
#[derive(Debug, Deserialize)]
struct Zone {
    zone: String,
    alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    kind: String,
    active: u64,
    expected: u64,
}

impl Zone {
    /// The alerts in sentences.
    fn alerts(&self) -> Vec<String> {
        let told = |alert: &Alert| {
            let Alert {
                kind,
                active,
                expected,
            } = alert;
            format!(
                "zone {} has {active} {kind} agents, {expected} are expected",
                self.zone
            )
        };
        self.alerts.iter().map(told).collect()
    }
}

#[async_trait]
impl Agent for Monitor {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["health".to_owned(), "population".to_owned()].into();
    }

    async fn handle(&mut self, incoming: Incoming, ctx: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::QueryRef, Some(HEALTH)) => {
                let mut health = health(ctx);
                health.alerts.extend(self.zones.values().flatten().cloned());
                incoming.inform(Content::json(&health)?)?;
                Ok(())
            }
            (Performative::QueryRef, Some(POPULATION)) => {
                ctx.spawn(incoming, |incoming, ctx| async move {
                    let question = Draft::new(Performative::QueryRef, Content::empty())
                        .ontology(report::ONTOLOGY)
                        .protocol(ProtocolName::FipaQuery);
                    let totals = ctx
                        .ask(report::SPEAKER_ROLE, question, ZONE_DEADLINE)
                        .await?;
                    incoming.inform(totals.content.clone())?;
                    Ok(())
                });
                Ok(())
            }
            (Performative::Inform, Some(report::ONTOLOGY)) => {
                let zone: Zone = incoming.json()?;
                let alerts = zone.alerts();
                for alert in &alerts {
                    tracing::warn!(by = %incoming.sender, "{alert}");
                }
                // What a zone without alerts said last is that it has none; of those with some there is a bound.
                let zone = incoming.sender.to_string();
                if alerts.is_empty() {
                    self.zones.remove(&zone);
                } else if self.zones.len() < ZONES || self.zones.contains_key(&zone) {
                    self.zones.insert(zone, alerts);
                } else {
                    tracing::warn!(by = %incoming.sender, most = ZONES, "the alerts of one zone more are not kept");
                }
                Ok(())
            }
            _ => Err(super::not_mine(
                &incoming,
                "query-ref of aios.health and aios.population, and a zone's inform of its totals",
            )),
        }
    }
}

fn health(ctx: &Context) -> Health {
    let system = ctx.system();
    let mut agents = BTreeMap::new();
    let mut failed = BTreeMap::new();
    let mut alerts = Vec::new();
    for view in system.directory().view() {
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
    let circles = system.waits().deadlocks(system.now());
    alerts.extend(circles.iter().map(ToString::to_string));
    alerts.extend(
        system
            .breakers()
            .view()
            .into_iter()
            .filter(|breaker| breaker.state != "closed")
            .map(|breaker| {
                let (service, state, error) = (breaker.service, breaker.state, breaker.last_error);
                format!("the breaker of {service} is {state}: {error}")
            }),
    );
    let refused = system
        .audit()
        .counts()
        .into_iter()
        .map(|(label, count)| (label.to_owned(), count))
        .collect();
    Health {
        agents,
        failed,
        refused,
        dead_letters: system.dead_letters().counts().total,
        alerts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_zone_found_wrong_is_told_in_sentences_and_a_report_without_it_is_none() {
        let report = r#"{
            "zone": "local", "at_ms": 5, "kinds": [{"kind": "page", "active": 1, "expected": 100}],
            "alerts": [{"kind": "page", "active": 79, "expected": 100}]
        }"#;
        let zone: Zone = serde_json::from_str(report).unwrap();
        assert_eq!(
            zone.alerts(),
            ["zone local has 79 page agents, 100 are expected"],
            "as the zone judged, whatever its numbers"
        );
        assert!(serde_json::from_str::<Zone>(r#"{"zone": "local", "kinds": []}"#).is_err());
    }
}
