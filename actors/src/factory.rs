//! How agents are made: by the name of their role.

use std::collections::BTreeMap;
use std::sync::Arc;

use aios_protocols::AgentId;
use parking_lot::RwLock;

use crate::agent::{Agent, AgentError};

/// What a constructor is told.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// The name of the agent to be made.
    pub id: AgentId,
    /// Its settings, as given when it was spawned.
    pub config: serde_json::Value,
}

/// Makes one agent; called once per incarnation, so it must not keep what a crash may have spoilt.
pub type Constructor = Arc<dyn Fn(&Blueprint) -> Result<Box<dyn Agent>, AgentError> + Send + Sync>;

/// Constructors by role, such as `macro.executor`.
#[derive(Default)]
pub struct Factories {
    by_role: RwLock<BTreeMap<String, Constructor>>,
}

impl Factories {
    /// Says how agents of a role are made; replaces what was said before for agents spawned later.
    pub fn register<A, F>(&self, role: impl Into<String>, make: F)
    where
        A: Agent,
        F: Fn(&Blueprint) -> Result<A, AgentError> + Send + Sync + 'static,
    {
        let constructor: Constructor = Arc::new(move |blueprint| {
            let agent: Box<dyn Agent> = Box::new(make(blueprint)?);
            Ok(agent)
        });
        self.by_role.write().insert(role.into(), constructor);
    }

    pub(crate) fn get(&self, role: &str) -> Option<Constructor> {
        self.by_role.read().get(role).cloned()
    }

    /// The roles that can be spawned.
    #[must_use]
    pub fn roles(&self) -> Vec<String> {
        self.by_role.read().keys().cloned().collect()
    }
}
