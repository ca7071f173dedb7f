//! A whole agent: identity, keys, replay window, mailbox, under our supervisor.

use std::time::Duration;

use aios_actors::{
    AgentSystem,
    agent::{Agent, AgentError, AgentOptions, Context, Incoming},
    async_trait,
};
use aios_supervisor::{Supervisor, SupervisorSpec};

use super::Fault;

/// Making a key pair takes its time, so there are fewer of them.
pub(super) const AGENTS: usize = 10_000;

struct Idle;

#[async_trait]
impl Agent for Idle {
    async fn handle(&mut self, _: Incoming, _: &Context) -> Result<(), AgentError> {
        Ok(())
    }
}

/// Starts so many agents and leaves them running.
pub(super) async fn populate(count: usize) -> Result<(), Fault> {
    let system = AgentSystem::builder().build();
    system.factories().register("macro.idle", |_| Ok(Idle));
    let spec = SupervisorSpec::new("agents").intensity(1, Duration::from_secs(1));
    let supervisor = Supervisor::start(spec).await?;
    for _ in 0..count {
        let id = system.next_instance("macro.idle")?;
        system
            .spawn_as(&id, &supervisor, AgentOptions::default())
            .await?;
    }
    std::mem::forget((system, supervisor));
    Ok(())
}
