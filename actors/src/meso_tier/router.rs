//! The router agent: work goes where it went well.
//!
//! Among several agents of a role the one with the stronger trail is chosen more often. A finished task deposits pheromone, more if it was
//! quick; trails evaporate, so an agent that has become slow loses its advantage. The choice itself happens in the sender's outbox,
//! without a hop: the router only brings the chooser.

use std::sync::Arc;
use std::time::Duration;

use aios_micro::pheromone::reward;
use aios_micro::{TrailConfig, Trails};
use aios_protocols::ports::Subscription;
use aios_protocols::subject::EventTopic;
use aios_protocols::{AgentCard, Content, Performative, SubjectPattern};
use async_trait::async_trait;
use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;
use tokio::time::Instant;

use crate::agent::{Agent, AgentError, Cell, Context, Incoming};
use crate::directory::Chooser;
use aios_work::content::{TaskEvent, TaskStatus};

/// Asks for the trails.
pub const ROUTES: &str = "aios.routes";
/// Events that may wait to be read; more are missed, and a missed event is a deposit less.
const EVENTS: usize = 1_024;
/// A task of this duration earns a usual deposit.
const USUAL: Duration = Duration::from_millis(50);

/// Brings the chooser and shows its trails.
#[derive(Default)]
pub struct Router {
    trails: Option<Arc<ByTrails>>,
}

/// One agent's trail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Route {
    /// Who.
    pub agent: String,
    /// How strong, after evaporation.
    pub level: f64,
}

#[async_trait]
impl Agent for Router {
    fn card(&self, card: &mut AgentCard) {
        card.skills = ["route".to_owned()].into();
    }

    async fn start(&mut self, ctx: &Context) -> Result<(), AgentError> {
        let feedback = match ctx.system().bus() {
            Some(bus) => Some(
                bus.subscribe(SubjectPattern::events(EventTopic::Task), EVENTS)
                    .await?,
            ),
            None => None,
        };
        let trails = Arc::new(ByTrails {
            begun: Instant::now(),
            inner: Mutex::new(Inner {
                trails: Trails::new(TrailConfig::default())?,
                feedback,
                // The choice need not be secret, only spread; a fixed seed keeps a run repeatable.
                chance: StdRng::seed_from_u64(0x7261_696c),
            }),
        });
        ctx.system()
            .directory()
            .choose_by(Arc::clone(&trails) as Arc<dyn Chooser>);
        self.trails = Some(trails);
        Ok(())
    }

    async fn handle(&mut self, incoming: Incoming, _: &Context) -> Result<(), AgentError> {
        match (incoming.performative, incoming.ontology.as_deref()) {
            (Performative::QueryRef, Some(ROUTES)) => {
                let routes = self
                    .trails
                    .as_ref()
                    .map(|trails| trails.routes())
                    .unwrap_or_default();
                incoming.inform(Content::json(&routes)?)?;
                Ok(())
            }
            _ => Err(super::not_mine(&incoming, "query-ref of aios.routes")),
        }
    }
}

/// Chooses the stronger trail more often, among the agents with the fewest waiting requests.
struct ByTrails {
    begun: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    trails: Trails<String>,
    feedback: Option<Box<dyn Subscription>>,
    chance: StdRng,
}

impl Inner {
    /// Reads what has happened since the last look. Nobody looks, nothing is done.
    fn learn(&mut self, now: Duration) {
        let Some(feedback) = &mut self.feedback else {
            return;
        };
        while let Some(delivery) = feedback.try_next() {
            let Ok(event) = serde_json::from_slice::<TaskEvent>(&delivery.payload) else {
                continue;
            };
            let Some(agent) = event.agent else { continue };
            match (event.status, event.duration_ms) {
                (TaskStatus::Completed, Some(took)) if took >= 0.0 => {
                    let took = Duration::from_secs_f64(took / 1_000.0);
                    self.trails.deposit(agent, reward(took, USUAL), now);
                }
                (TaskStatus::Failed | TaskStatus::Retrying, _) => {
                    self.trails.weaken(&agent, 0.5, now)
                }
                _ => {}
            }
        }
    }
}

impl ByTrails {
    fn routes(&self) -> Vec<Route> {
        let now = self.begun.elapsed();
        let mut inner = self.inner.lock();
        inner.learn(now);
        let mut routes: Vec<Route> = inner
            .trails
            .iter(now)
            .map(|(agent, level)| Route {
                agent: agent.clone(),
                level,
            })
            .collect();
        routes.sort_by(|a, b| a.agent.cmp(&b.agent));
        routes
    }
}

impl Chooser for ByTrails {
    fn choose(&self, _: &str, candidates: &[Arc<Cell>]) -> usize {
        let least = candidates.iter().map(|cell| cell.load()).min().unwrap_or(0);
        let (places, ways): (Vec<usize>, Vec<String>) = candidates
            .iter()
            .enumerate()
            .filter(|(_, cell)| cell.load() == least)
            .map(|(at, cell)| (at, cell.party().to_string()))
            .unzip();
        let now = self.begun.elapsed();
        let mut inner = self.inner.lock();
        inner.learn(now);
        let Inner { trails, chance, .. } = &mut *inner;
        let chosen = trails.choose(&ways, chance, now);
        chosen
            .and_then(|chosen| ways.iter().position(|way| way == chosen))
            .map_or(0, |at| places[at])
    }
}
