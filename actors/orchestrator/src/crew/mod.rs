//! Agents of charters: what a person wrote down in `agents/NAME.md`, at work under a supervisor like any other agent.
//!
//! A [`Member`] is a charter whose tools and schemas were checked; the [`Crew`] holds the members of a node and what stops a runaway.
//! [`CharterAgent`] takes questions and orders; `shell` carries one out as durable steps (`thought` and `calls`), `run` decides each of them,
//! `brief`, `act` and `transcript` are what its model reads and says, `ended` why there is no answer,
//! `judged` what the Critic says of one. `delegate` hands work on to another member, among several by a contract net; `skill` makes a member a
//! tool of everybody else.
//!
//! Grants, budgets and bounds are enforced here, whatever a prompt says.

mod act;
mod agent;
mod brief;
mod calls;
mod delegate;
mod ended;
mod errand;
mod grants;
mod grounds;
mod judged;
mod member;
mod record;
mod run;
mod seen;
mod shell;
mod skill;
mod thought;
mod transcript;

use std::collections::BTreeMap;
use std::sync::Arc;

use aios_actors::Spending;
use aios_actors::agent::Context;
use aios_actors::recovery::{Lineages, Reach};
use aios_work::{AGENT_TOOLS, Charter, Spent};
use parking_lot::RwLock;
use tokio::sync::Semaphore;

pub use agent::CharterAgent;
pub use grants::{Changes, tools_with};
pub use member::{EnlistError, Member};
pub use record::{Bill, Outcome, RunRecord};
pub use skill::AgentSkill;

pub(crate) use skill::ordered;

use record::Records;

/// Thoughts of a crew's agents that are with the engine at once; the others wait for their turn, so that its queue is left to others too.
const THOUGHTS: usize = 16;

/// The members of one node, and what all their agents share. Cheap to clone; clones are the same crew.
#[derive(Clone)]
pub struct Crew(Arc<Inner>);

struct Inner {
    members: RwLock<BTreeMap<String, Arc<Member>>>,
    lineages: Lineages,
    reach: Reach,
    records: Records,
    grants: grants::Grants,
    thoughts: Semaphore,
}

impl Default for Crew {
    fn default() -> Self {
        Self::new(Reach::default())
    }
}

impl Crew {
    /// A crew without members, whose work may reach so far.
    #[must_use]
    pub fn new(reach: Reach) -> Self {
        Self(Arc::new(Inner {
            members: RwLock::default(),
            lineages: Lineages::default(),
            reach,
            records: Records::default(),
            grants: grants::Grants::default(),
            thoughts: Semaphore::new(THOUGHTS),
        }))
    }

    /// Lets a member go: nobody is handed work for its name any more. Its agents that are there end as they would have.
    pub fn dismiss(&self, name: &str) {
        self.0.members.write().remove(name);
    }

    /// Takes a member in. One of the same name and role is replaced: its agents that are there go on as they were made, others follow the
    /// new one. One of another role keeps its name, so that nobody is handed what was meant for it; who spawns agents refuses that before.
    pub fn enlist(&self, member: Arc<Member>) {
        let charter = member.charter();
        let (name, role) = (charter.name.clone(), charter.role.clone());
        let mut members = self.0.members.write();
        let other = { members.get(&name) }.is_some_and(|held| held.charter().role != role);
        if !other {
            members.insert(name, member);
        }
    }

    /// A member, by the name of its charter.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<Arc<Member>> {
        self.0.members.read().get(name).cloned()
    }

    /// The member whose skill is called so among the tools.
    #[must_use]
    pub fn skill(&self, tool: &str) -> Option<Arc<Member>> {
        self.member(tool.strip_prefix(AGENT_TOOLS)?)
    }

    /// All members, by name.
    #[must_use]
    pub fn members(&self) -> Vec<Arc<Member>> {
        self.0.members.read().values().cloned().collect()
    }

    /// What was given to an agent beside its charter and taken from it, by its whole name.
    #[must_use]
    pub fn changes(&self, agent: &str) -> Changes {
        self.0.grants.of(agent)
    }

    /// The same from now on: it holds from the agent's next tool call on, whatever it is at work on.
    pub fn change(&self, agent: &str, changes: Changes) {
        self.0.grants.set(agent, changes);
    }

    /// The tools that an agent of this charter has now.
    #[must_use]
    pub fn tools_of(&self, agent: &str, charter: &Charter) -> Vec<String> {
        tools_with(&charter.tools, &self.changes(agent))
    }

    /// What each agent has cost since the node began, by its whole name.
    #[must_use]
    pub fn bills(&self) -> Vec<(String, Bill)> {
        self.0.records.bills()
    }

    fn enter(&self, ctx: &Context, record: RunRecord) {
        let agent = ctx.me().as_str();
        ctx.system().tell_spent(&Spending {
            agent,
            operation: &record.operation,
            status: record.outcome.as_str(),
            spent: record.spent,
        });
        self.0.records.enter(agent, record);
    }

    /// What an agent spent on a piece of work of this name, as long as it is on record.
    #[must_use]
    pub fn spent_on(&self, operation: &str) -> Option<Spent> {
        self.0.records.on(operation)
    }

    /// The questions that an agent was at work on last, by its whole name, the latest first.
    #[must_use]
    pub fn runs(&self, agent: &str) -> Vec<RunRecord> {
        self.0.records.of(agent)
    }
}

pub(crate) use crate::excerpt::start;
