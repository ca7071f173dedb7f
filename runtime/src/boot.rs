//! The tree of a node as data: who stands under whom, and who goes down with whom.

use std::sync::Arc;
use std::time::Duration;

use aios_actors::agent::AgentOptions;
use aios_actors::{AgentSystem, AgentSystemError};
use aios_inference::{EngineActor, EngineFactory, LocalEngine};
use aios_micro::{Zone, report};
use aios_protocols::{AgentId, Tier};
use aios_supervisor::{Backoff, ChildSpec, Strategy, SupervisorSpec};

use crate::config::Config;
use crate::socket::ControlSocketArguments;

/// The supervisor of agents that are spawned while the node runs.
pub(crate) const SPAWNED: &str = "spawned";
/// How much longer than a goal the jobs that carry it may last.
const JOB_GRACE: Duration = Duration::from_secs(30);
/// A control socket that cannot open (no space, no descriptors) is tried again, at longer and longer intervals.
const SOCKET_BACKOFF: Duration = Duration::from_secs(1);
/// Services of the meso tier, in start order: who is needed by others comes first.
const MESO: [&str; 6] = [
    "state",
    "security",
    "registry",
    "consensus",
    "router",
    "monitor",
];

/// What stands in the tree besides agents.
pub(crate) struct Fixtures<'a> {
    pub(crate) engine: &'a LocalEngine,
    pub(crate) factory: EngineFactory,
    pub(crate) zone: Zone,
    /// The team, if the node has one.
    pub(crate) team: Option<SupervisorSpec>,
    /// The control socket, if the node has one.
    pub(crate) socket: Option<ControlSocketArguments>,
    /// The servers that tools come from, if the node has any.
    pub(crate) servers: Option<SupervisorSpec>,
}

/// The whole tree: engine, meso tier, macro tier and whatever is spawned later. Later ones rely on earlier ones, so the strategy is
/// rest_for_one: when the engine's supervisor gives up, everything above starts anew.
pub(crate) fn tree(
    config: &Config,
    system: &AgentSystem,
    fixtures: Fixtures<'_>,
) -> Result<SupervisorSpec, AgentSystemError> {
    let group = |name: &'static str, strategy| {
        let within = Duration::from_millis(config.agents.restart_window_ms);
        SupervisorSpec::new(name)
            .strategy(strategy)
            .intensity(config.agents.restarts, within)
    };
    let options = AgentOptions {
        mailbox: config.agents.mailbox as usize,
        deliveries: config.agents.deliveries,
        // A goal is one job of the interface and one of the planner; their own deadlines must end it first.
        job_deadline: config.goal.deadline() + JOB_GRACE,
        ..AgentOptions::default()
    };
    let agent = |tier: Tier, kind: &str, number: u32| -> Result<ChildSpec, AgentSystemError> {
        let id = AgentId::new(tier, kind, &format!("{number:03}"), &config.node.zone)?;
        system.child_spec(&id, options.clone())
    };

    let engines = group("engine", Strategy::OneForOne).child(EngineActor::child_spec(
        "engine.0",
        fixtures.engine,
        fixtures.factory,
    ));
    let speaker = report::speaker(&config.node.zone)?;
    let mut zone = fixtures.zone;
    let within = Duration::from_millis(config.agents.restart_window_ms);
    zone.spec = zone
        .spec
        .intensity(config.agents.restarts, within)
        .child(system.child_spec(&speaker, options.clone())?);
    let (zone, _) = zone.into_child();
    let meso = MESO
        .iter()
        .map(|kind| agent(Tier::Meso, kind, 1))
        .collect::<Result<Vec<_>, _>>()?;
    let mut thinkers = vec![
        agent(Tier::Macro, "memory", 1)?,
        agent(Tier::Macro, "critic", 1)?,
    ];
    for number in 1..=config.agents.executors {
        thinkers.push(agent(Tier::Macro, "executor", number)?);
    }
    thinkers.push(agent(Tier::Macro, "planner", 1)?);
    thinkers.push(agent(Tier::Macro, "interface", 1)?);

    let mut tree = group("node", Strategy::RestForOne)
        .child(ChildSpec::supervisor(engines))
        .child(ChildSpec::supervisor(
            group("meso", Strategy::OneForOne).children(meso),
        ))
        .child(ChildSpec::supervisor(
            group("macro", Strategy::OneForOne).children(thinkers),
        ))
        .child(ChildSpec::supervisor(group(SPAWNED, Strategy::OneForOne)));
    if let Some(team) = fixtures.team {
        tree = tree.child(ChildSpec::supervisor(team));
    }
    // Nobody above relies on it, so nobody above goes down with it.
    tree = tree.child(zone);
    if let Some(servers) = fixtures.servers {
        // Whoever calls their tools waits for them, and nobody falls with them.
        tree = tree.child(ChildSpec::supervisor(servers));
    }
    if let Some(socket) = fixtures.socket {
        tree = tree.child(ChildSpec::supervisor(
            group("doors", Strategy::OneForOne).child(socket.child_spec().backoff(Backoff {
                first: SOCKET_BACKOFF,
                ..Backoff::default()
            })),
        ));
    }
    Ok(tree)
}

/// Says how every agent of the team is made.
pub(crate) fn enlist(system: &AgentSystem, services: &Arc<aios_orchestrator::Services>) {
    aios_actors::meso_tier::team::enlist(system.factories());
    aios_orchestrator::team::enlist(system.factories(), services);
}
