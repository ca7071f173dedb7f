//! What the buses refuse, on the node's one trail of refusals.

use std::sync::Arc;

use aios_actors::AgentSystem;
use aios_bus::{BusRefusal, RefusalSink, Refusals};
use aios_protocols::Party;

/// Enters each refusal of a bus once, beside those of messages.
struct OnTrail {
    /// Held weakly: the world holds the buses.
    world: Box<dyn Fn() -> Option<AgentSystem> + Send + Sync>,
    by: Party,
}

impl RefusalSink for OnTrail {
    fn refused(&self, refusal: BusRefusal) {
        if let Some(world) = (self.world)() {
            let reason = format!("{} bus: {}", refusal.bus, refusal.reason);
            world.refused(self.by.clone(), refusal.from, refusal.label, reason);
        }
    }
}

/// Enters what a bus refuses in the name of a service of the node.
pub(crate) fn on_trail(system: &AgentSystem, by: Party) -> Refusals {
    Refusals::to(Arc::new(OnTrail {
        world: Box::new(system.weak()),
        by,
    }))
}
