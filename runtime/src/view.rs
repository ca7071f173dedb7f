//! The read-only picture of a node that the command line, a dashboard and tests share.

use aios_actors::recovery::{BreakerView, DeadlockView};
use aios_supervisor::TreeView;
use serde::{Deserialize, Serialize};

use aios_work::content::{MessageReport, ModelReport};

/// A node at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeView {
    /// The supervision tree.
    pub tree: TreeView,
    /// Every agent, in tree order.
    pub agents: Vec<AgentSeen>,
    /// Messages since the start.
    pub messages: MessageReport,
    /// Agents restarted since the start.
    pub restarts: u64,
    /// Messages nobody handled, since the start.
    pub dead_letters: u64,
    /// What thinks.
    pub model: ModelReport,
    /// The circuit breaker of every service that was called.
    pub breakers: Vec<BreakerView>,
    /// Agents that wait for each other in a circle, now.
    pub deadlocks: Vec<DeadlockView>,
}

/// One agent in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentSeen {
    /// Its identity.
    pub id: String,
    /// The supervisor it stands under, by its own name.
    pub supervisor: String,
    /// What it is doing, in the supervisor's words.
    pub state: String,
    /// How often it was restarted.
    pub restarts: u32,
}

/// Every worker below a supervisor, in start order.
pub(crate) fn agents(tree: &TreeView) -> Vec<AgentSeen> {
    let own = tree.path.rsplit('/').next().unwrap_or_default();
    tree.children
        .iter()
        .flat_map(|child| match &child.supervisor {
            Some(below) => agents(below),
            None => vec![AgentSeen {
                id: child.id.to_string(),
                supervisor: own.to_owned(),
                state: child.state.label().to_owned(),
                restarts: child.restarts,
            }],
        })
        .collect()
}
