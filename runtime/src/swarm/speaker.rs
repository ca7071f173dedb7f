//! The agent that speaks for the zone: micro agents do not sign and reach no higher than a meso agent, so their totals go up as one
//! signed inform.
//!
//! It tells the monitor when a population becomes too small, when it is well again, and otherwise nothing: totals that nobody asked
//! for are not worth a signature.

use std::collections::BTreeSet;
use std::time::Duration;

use aios_actors::agent::{Agent, AgentError, Context, Incoming};
use aios_actors::async_trait;
use aios_micro::Population;
use aios_micro::report::{self, ZoneReport};
use aios_protocols::{AgentCard, Content, Draft, Performative, Reason, ReasonKind};
use tokio::task::JoinHandle;

/// How often the totals are looked at: a handful of loads, whatever the number of agents.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Whom it tells.
const MONITOR: &str = "meso.monitor";

/// Speaks for a zone.
pub(crate) struct Speaker {
    population: Population,
    watch: Option<JoinHandle<()>>,
}

impl Speaker {
    pub(crate) fn new(population: Population) -> Self {
        Self {
            population,
            watch: None,
        }
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.abort();
        }
    }
}

#[async_trait]
impl Agent for Speaker {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["population".to_owned()].into();
    }

    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let (population, ctx) = (self.population.clone(), ctx.clone());
        self.watch = Some(tokio::spawn(async move {
            let mut told = BTreeSet::new();
            let mut tick = tokio::time::interval(LOOK_EVERY);
            loop {
                tick.tick().await;
                let report = ZoneReport::from(population.totals());
                let short: BTreeSet<_> = report.alerts.iter().map(|alert| alert.kind).collect();
                if short == told {
                    continue;
                }
                let content = match Content::json(&report) {
                    Ok(content) => content,
                    Err(error) => {
                        tracing::error!(%error, "the zone's totals cannot be written");
                        return;
                    }
                };
                let draft = Draft::new(Performative::Inform, content).ontology(report::ONTOLOGY);
                match ctx.tell(MONITOR, draft).await {
                    Ok(()) => told = short,
                    // Told again at the next look: the monitor may be about to be restarted.
                    Err(error) => tracing::warn!(%error, "the monitor did not hear the zone"),
                }
            }
        }));
        Ok(())
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        match incoming.performative {
            Performative::QueryRef | Performative::Request => {
                let report = ZoneReport::from(self.population.totals());
                incoming.inform(Content::json(&report)?)?;
                Ok(())
            }
            _ => Err(AgentError::NotUnderstood(Reason::new(
                ReasonKind::UnsupportedFunction,
                "a zone's speaker takes query-ref and request for its totals",
            ))),
        }
    }
}
