//! What the macro agents of one node share. It is handed to each when it is made; no agent finds it by itself.

use std::sync::Arc;

use aios_actors::AgentSystem;
use aios_actors::recovery::{AsksPeople, Breakers, Budgets, Policies};
use aios_protocols::{OpenTo, Party, Role};
use aios_tools::Toolbox;
use aios_work::{Capability, Effect, Thinks, ToolSpec};

use crate::Packs;
use crate::agents::bench::Bench;
use crate::agents::history::History;
use crate::crew::Crew;
use crate::evidence::Room;
use crate::goal::ledger::Ledger;

/// Numbers and rules that goals are carried out by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is done when a task fails, by its kind.
    pub policies: Policies,
    /// What a thousand tokens of the engine cost, in millionths.
    pub price_micros: u64,
    /// What the model is asked for when no rules make a plan; none for what its size allows.
    pub thinks: Option<Thinks>,
    /// How many results of earlier goals are kept, and goals that can be asked for again, at least one.
    pub results: u32,
    /// Whether goals are only gone through again, from what is kept of them: their files are those that were, wherever they are now.
    pub replays: bool,
    /// Who hands in goals of many that it has let in itself, and bounds how many are under way: they are not counted as one asker's.
    pub front: Option<Party>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policies: Policies::default(),
            price_micros: 0,
            thinks: None,
            results: 500,
            replays: false,
            front: None,
        }
    }
}

/// What the macro agents are handed of the world around them, instead of looking for it themselves: on another node each is another way to
/// the same thing.
#[derive(Clone)]
pub struct Ports {
    /// Where people are asked.
    pub people: Arc<dyn AsksPeople>,
    /// What rests after failures, as seen from this node.
    pub breakers: Breakers,
    /// What goals under way may still spend. Whoever else works for goals is given the same.
    pub budgets: Budgets,
}

impl Ports {
    /// Those of a node that stands alone.
    #[must_use]
    pub fn of(system: &AgentSystem) -> Self {
        Self {
            people: Arc::new(system.approvals().clone()),
            breakers: system.breakers().clone(),
            budgets: Budgets::over(Arc::clone(system.store())),
        }
    }
}

/// Packs, tools, settings, ports, the record of goals, and where the frames of their results lie.
pub struct Services {
    pub(crate) packs: Packs,
    pub(crate) tools: Arc<Toolbox>,
    pub(crate) settings: Settings,
    pub(crate) ledger: Ledger,
    /// What the Critic judged.
    pub(crate) history: History,
    pub(crate) bench: Bench,
    ports: Ports,
    pub(crate) room: Room,
    crew: Crew,
}

impl Services {
    /// Those of a node's agents, which share the store of `system`.
    #[must_use]
    pub fn new(
        system: &AgentSystem,
        packs: Packs,
        tools: Arc<Toolbox>,
        settings: Settings,
        ports: Ports,
    ) -> Arc<Self> {
        let crew = Crew::default();
        let ledger = Ledger::with(
            Arc::clone(system.store()),
            system.step_log().clone(),
            settings.results as usize,
            crew.clone(),
        );
        Arc::new(Self {
            packs,
            tools,
            settings,
            ledger,
            history: History::over(Arc::clone(system.store())),
            bench: Bench::default(),
            ports,
            room: Room::default(),
            crew,
        })
    }

    /// Somebody means to go on with a goal, or does not any more: what was done for one that is held is kept, however old.
    pub fn hold(&self, tenant: &str, goal: &str, held: bool) {
        self.ledger.hold(tenant, goal, held);
    }

    /// The agents of charters.
    #[must_use]
    pub fn crew(&self) -> &Crew {
        &self.crew
    }

    /// What goals under way may still spend.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.ports.budgets
    }

    /// Where people are asked.
    pub(crate) fn people(&self) -> &dyn AsksPeople {
        self.ports.people.as_ref()
    }

    /// What rests after failures.
    pub(crate) fn breakers(&self) -> &Breakers {
        &self.ports.breakers
    }

    /// What calling a tool changes; none if there is no such tool.
    pub(crate) fn effect(&self, tool: &str) -> Option<Effect> {
        self.tools.spec(tool).map(|spec| spec.effect)
    }

    /// The packs.
    #[must_use]
    pub fn packs(&self) -> &Packs {
        &self.packs
    }

    /// The tools of the executors.
    #[must_use]
    pub fn tools(&self) -> &Arc<Toolbox> {
        &self.tools
    }

    /// The numbers and rules.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// Agents of this role and nobody else. What is no role lets nobody in.
pub(crate) fn only(role: &str) -> OpenTo {
    let role: Option<Role> = role.parse().ok();
    role.map_or_else(OpenTo::none, |role| OpenTo::none().and(role))
}

/// Why a tool is not called for something that may not leave this machine, if what it needs reaches another.
pub(crate) fn elsewhere(spec: &ToolSpec) -> Option<String> {
    let need = spec
        .needs
        .iter()
        .find(|need| Capability::NET.covers(need))?;
    Some(format!(
        "tool {} needs {need}, and this is private: nothing of it may leave this machine",
        spec.name
    ))
}
