//! Who belongs to the macro tier, and how each is made.

use std::sync::Arc;

use aios_tools::Toolbox;

use super::critic::agent::Critic;
use super::executor::Executor;
use super::interface::Interface;
use super::memory_keeper::MemoryKeeper;
use super::planner::agent::Planner;
use crate::factory::Factories;

/// Enters the five thinkers among the roles that can be spawned. Executor and Critic share the tools: the one to do the work, the other
/// to do it again.
pub fn enlist(factories: &Factories, tools: &Arc<Toolbox>) {
    let (at_work, at_proof) = (Arc::clone(tools), Arc::clone(tools));
    factories.register("macro.interface", |_| Ok(Interface::new()));
    factories.register("macro.planner", |_| Ok(Planner::new()));
    factories.register("macro.executor", move |_| {
        Ok(Executor::new(Arc::clone(&at_work)))
    });
    factories.register("macro.critic", move |_| {
        Ok(Critic::new(Arc::clone(&at_proof)))
    });
    factories.register("macro.memory", |_| Ok(MemoryKeeper::new()));
}
