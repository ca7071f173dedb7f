//! A team as a part of a node's tree: its charters made members, its groups supervisors, its seats agents.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aios_actors::recovery::{Allowance, Budget};
use aios_actors::{AgentSystem, AgentSystemError};
use aios_orchestrator::Services;
use aios_orchestrator::crew::Member;
use aios_supervisor::{ChildSpec, SupervisorSpec};
use aios_work::Charter;

use super::{Bounds, Child, Group, Team, TeamError};
use crate::config::Config;
use crate::crew::{self, Thinker};

/// Longer than any node runs.
const EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A team whose every word can be followed, before any of it runs.
pub(crate) struct Grown {
    group: Group,
    members: BTreeMap<String, Arc<Member>>,
}

impl Grown {
    /// Makes members of the charters, within the bounds of their places.
    pub(crate) fn new(
        team: Team,
        system: &AgentSystem,
        services: &Services,
        thinker: &Thinker,
        criteria: &Path,
    ) -> Result<Self, TeamError> {
        let mut problems: Vec<String> = team.problems().iter().map(ToString::to_string).collect();
        let ceilings = Ceilings::new(system, services);
        let mut members = BTreeMap::new();
        for (name, bounds, above) in ceilings.of(&team.group, &[], &[]) {
            let Some(charter) = team.charters.get(&name) else {
                continue;
            };
            let charter = within(charter.clone(), &bounds);
            match crew::member(charter, system, services, thinker, criteria, above) {
                Ok(member) => drop(members.insert(name, member)),
                Err(refused) => problems.push(refused.to_string()),
            }
        }
        if !problems.is_empty() {
            return Err(TeamError::Problems(problems));
        }
        Ok(Self {
            group: team.group,
            members,
        })
    }

    /// The team's supervisor with everything under it. Its members are of the crew from now on.
    pub(crate) fn spec(
        self,
        system: &AgentSystem,
        services: &Arc<Services>,
        config: &Config,
    ) -> Result<SupervisorSpec, AgentSystemError> {
        for member in self.members.values() {
            services.crew().enlist(Arc::clone(member));
        }
        self.supervisor(&self.group, system, services, config)
    }

    fn supervisor(
        &self,
        group: &Group,
        system: &AgentSystem,
        services: &Arc<Services>,
        config: &Config,
    ) -> Result<SupervisorSpec, AgentSystemError> {
        let mut spec = SupervisorSpec::new(group.name.as_str())
            .strategy(group.strategy)
            .intensity(group.restarts, Duration::from_millis(group.within_ms));
        for child in &group.children {
            match child {
                Child::Group(below) => {
                    let below = self.supervisor(below, system, services, config)?;
                    spec = spec.child(ChildSpec::supervisor(below));
                }
                Child::Seat(seat) => {
                    let Some(member) = self.members.get(&seat.charter) else {
                        continue;
                    };
                    for _ in 0..seat.instances {
                        let id = system.next_instance(&member.charter().role)?;
                        spec = spec.child(crew::child(&id, member, system, services, config)?);
                    }
                }
            }
        }
        Ok(spec)
    }
}

/// A charter with no more tools than its place allows.
fn within(mut charter: Charter, bounds: &[Bounds]) -> Charter {
    for tools in bounds.iter().filter_map(|bounds| bounds.tools.as_ref()) {
        charter.tools.retain(|tool| tools.contains(tool));
    }
    charter
}

/// Makes the budgets that groups and seats share.
struct Ceilings {
    price_micros: u64,
    now: aios_protocols::Timestamp,
}

/// A seat's charter, the bounds above it and the budgets that follow from them.
type Bounded = (String, Vec<Bounds>, Vec<Budget>);

impl Ceilings {
    fn new(system: &AgentSystem, services: &Services) -> Self {
        Self {
            price_micros: services.settings().price_micros,
            now: system.now(),
        }
    }

    fn budget(&self, bounds: &Bounds) -> Option<Budget> {
        if bounds.tokens.is_none() && bounds.money_micros.is_none() {
            return None;
        }
        let allowance = Allowance {
            tokens: bounds.tokens.unwrap_or(u64::MAX),
            money_micros: bounds.money_micros.unwrap_or(u64::MAX),
            time: EVER,
            price_micros: self.price_micros,
        };
        Some(Budget::new(allowance, self.now))
    }

    fn of(&self, group: &Group, bounds: &[Bounds], above: &[Budget]) -> Vec<Bounded> {
        let also = |bounds: &[Bounds], above: &[Budget], own: &Bounds| {
            let mut all = bounds.to_vec();
            all.push(own.clone());
            let mut budgets = above.to_vec();
            budgets.extend(self.budget(own));
            (all, budgets)
        };
        let (bounds, above) = also(bounds, above, &group.bounds);
        let mut seats = Vec::new();
        for child in &group.children {
            match child {
                Child::Group(below) => seats.extend(self.of(below, &bounds, &above)),
                Child::Seat(seat) => {
                    let (bounds, above) = also(&bounds, &above, &seat.bounds);
                    seats.push((seat.charter.clone(), bounds, above));
                }
            }
        }
        seats
    }
}
