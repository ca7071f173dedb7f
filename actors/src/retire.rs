//! What becomes of the messages of an agent that will not come back.
//!
//! A cell waits for the next incarnation. When supervision has decided that there is none (it gave up, or the child was
//! temporary), whoever waits for an answer must hear so, and nothing may stay behind.

use std::sync::Arc;

use aios_protocols::{Party, ReasonKind};
use aios_supervisor::{EventKind, SupervisorRef, SupervisorState};
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
                    // Of thousands that start, none is lost by that.
                    Ok(event) if matches!(event.kind, EventKind::Started { .. }) => continue,
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
        // Whoever stands in for an agent in another process says what becomes of its messages.
        let is_fallen = |cell: &Cell| cell.state() == AgentState::Failed && !cell.is_foreign();
        for cell in self.directory().cells_that(is_fallen) {
            // Asked for by name, however many children there are: a view shows the first of them.
            let may_return =
                root.state() != SupervisorState::Down && root.means_to_have(cell.party().as_str());
            if !may_return {
                self.retire_cell(&cell, FELL);
            }
        }
    }
}
