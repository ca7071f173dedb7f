//! Who belongs to the macro tier, and how each is made.

use std::sync::Arc;

use aios_actors::Factories;

use crate::agents::critic::Critic;
use crate::agents::executor::Executor;
use crate::agents::interface::Interface;
use crate::agents::memory::MemoryKeeper;
use crate::agents::planner::Planner;
use crate::{Services, roles};

/// Enters the five thinkers among the roles that can be spawned. Executor and Critic share the tools: the one to do the work, the other
/// to do it again.
pub fn enlist(factories: &Factories, services: &Arc<Services>) {
    let share = || Arc::clone(services);
    let front = services.settings.front.clone();
    factories.register(roles::INTERFACE, move |_| {
        Ok(Interface::behind(front.clone()))
    });
    let planning = share();
    factories.register(roles::PLANNER, move |_| {
        Ok(Planner::new(Arc::clone(&planning)))
    });
    let at_work = share();
    factories.register(roles::EXECUTOR, move |_| {
        Ok(Executor::new(Arc::clone(&at_work)))
    });
    let at_proof = share();
    factories.register(roles::CRITIC, move |_| {
        Ok(Critic::new(Arc::clone(&at_proof)))
    });
    let results = services.settings.results;
    factories.register(roles::MEMORY, move |_| Ok(MemoryKeeper::new(results)));
}
