//! Who belongs to the meso tier, and how each is made.

use super::consensus::Consensus;
use super::monitor::Monitor;
use super::registry::Registry;
use super::router::Router;
use super::security::Security;
use super::state::State;
use crate::factory::Factories;

/// Says who offers what.
pub const REGISTRY: &str = "meso.registry";
/// Gives out leases.
pub const CONSENSUS: &str = "meso.consensus";

/// Enters the six services among the roles that can be spawned.
pub fn enlist(factories: &Factories) {
    factories.register(REGISTRY, |_| Ok(Registry));
    factories.register(CONSENSUS, |_| Ok(Consensus::default()));
    factories.register("meso.router", |_| Ok(Router::default()));
    factories.register("meso.monitor", |_| Ok(Monitor::default()));
    factories.register("meso.state", |_| Ok(State));
    factories.register("meso.security", |_| Ok(Security));
}
