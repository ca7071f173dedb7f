//! What becomes of the messages of an agent that will not come back.
//!
//! A cell waits for the next incarnation. When supervision has decided that there is none (it gave up, or the child was
//! temporary), whoever waits for an answer must hear so, and nothing may stay behind.

use std::sync::Arc;

use aios_protocols::{Party, ReasonKind};
use aios_supervisor::{ChildState, SupervisorRef, SupervisorState, TreeView};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use crate::AgentSystem;
use crate::agent::{AgentError, AgentState, Cell, Outbox, settle_all};

/// Of an agent that supervision has given up.
const FELL: &str = "the agent fell and will not come back";

impl AgentSystem {
    /// Ends a cell whose agent will not come back: what waits is refused to its senders, what was taken is answered
    /// `failure`, and it takes nothing more. Does nothing to an agent that runs.
    pub fn retire(&self, party: &Party) {
        if let Some(cell) = self.directory().get(party)
            && cell.state() == AgentState::Failed
            && !cell.is_foreign()
        {
            self.retire_cell(&cell, FELL);
        }
    }

    /// The same for a durable agent that was stopped by order and is not to come back: what it had taken is for nobody any more. Does nothing
    /// to one that runs.
    pub fn dismiss(&self, party: &Party) {
        if let Some(cell) = self.directory().get(party)
            && cell.is_durable()
            && cell.state() == AgentState::Offline
        {
            self.retire_cell(
                &cell,
                "the agent was stopped by order and will not come back",
            );
        }
    }

    fn retire_cell(&self, cell: &Arc<Cell>, why: &str) {
        tracing::warn!(agent = %cell.party(), why, "its senders are told");
        // A last incarnation that does nothing but say so.
        let (last, _) = cell.begin();
        let outbox = Outbox {
            system: self.clone(),
            cell: Arc::clone(cell),
            incarnation: last,
        };
        let why = AgentError::refuse(ReasonKind::InternalError, why);
        settle_all(&outbox, &why);
        cell.go_offline();
        outbox.incarnation.end();
    }

    /// Retires the agents of a tree whose supervisors have given them up, as long as the tree runs.
    pub fn follow(&self, root: &SupervisorRef) -> JoinHandle<()> {
        let (system, root, mut events) = (self.clone(), root.clone(), root.events());
        tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(_) | Err(RecvError::Lagged(_)) => system.retire_lost(&root),
                    Err(RecvError::Closed) => return,
                }
                if root.state() == SupervisorState::Down {
                    system.retire_lost(&root);
                    return;
                }
            }
        })
    }

    fn retire_lost(&self, root: &SupervisorRef) {
        let fallen: Vec<_> = self
            .directory()
            .cells()
            .into_iter()
            // Whoever stands in for an agent in another process says what becomes of its messages.
            .filter(|cell| cell.state() == AgentState::Failed && !cell.is_foreign())
            .collect();
        if fallen.is_empty() {
            return;
        }
        let tree = root.view();
        for cell in fallen {
            if !(tree.state != SupervisorState::Down && may_return(&tree, cell.party().as_str())) {
                self.retire_cell(&cell, FELL);
            }
        }
    }
}

/// Whether some supervisor of the tree still means to have this child.
fn may_return(tree: &TreeView, id: &str) -> bool {
    tree.children.iter().any(|child| {
        let wanted = !matches!(child.state, ChildState::Stopped | ChildState::Finished);
        match &child.supervisor {
            Some(below) => wanted && may_return(below, id),
            None => wanted && &*child.id == id,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_supervisor::{ChildView, Kind, Restart};

    fn child(id: &str, state: ChildState, supervisor: Option<TreeView>) -> ChildView {
        ChildView {
            id: id.into(),
            kind: Kind::Worker,
            restart: Restart::Permanent,
            state,
            incarnation: 1,
            pid: None,
            since: std::time::Duration::ZERO,
            restarts: 0,
            backoff_left: None,
            last_exit: None,
            mailbox: None,
            note: None,
            supervisor,
        }
    }

    fn tree(children: Vec<ChildView>) -> TreeView {
        TreeView {
            path: "root".into(),
            strategy: aios_supervisor::Strategy::OneForOne,
            state: SupervisorState::Running,
            pid: None,
            uptime: std::time::Duration::ZERO,
            restarts: 0,
            intensity: aios_supervisor::Intensity::default(),
            counts: aios_supervisor::ChildCounts::default(),
            children,
            omitted: 0,
        }
    }

    #[test]
    fn an_agent_may_return_while_every_supervisor_above_it_means_to_have_it() {
        use ChildState::{Backoff, Finished, Running, Stopped};
        let below = |state| tree(vec![child("a", state, None)]);
        for (view, expected) in [
            (below(Backoff), true),
            (below(Finished), false),
            (tree(vec![]), false),
            (tree(vec![child("s", Running, Some(below(Backoff)))]), true),
            (tree(vec![child("s", Backoff, Some(below(Stopped)))]), false),
            (tree(vec![child("s", Stopped, Some(below(Backoff)))]), false),
        ] {
            assert_eq!(may_return(&view, "a"), expected, "{view:?}");
        }
    }
}
