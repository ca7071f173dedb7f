//! The checkpoints of agents, and what is on record of their messages.

use aios_memory::StoreError;
use aios_protocols::AgentId;

use super::AgentSystem;
use crate::agent::{AgentError, MailView, Snapshot, mail_view};
use crate::checkpoints::Found;

impl AgentSystem {
    /// The last checkpoint of an agent; where it cannot be used, the one before it.
    ///
    /// # Errors
    /// There are some and none can be used, which is not the same as none.
    pub(crate) fn load_snapshot(&self, id: &AgentId) -> Result<Option<Snapshot>, AgentError> {
        match self.0.checkpoints.load(id)? {
            Found::None => Ok(None),
            Found::Usable(snapshot, unusable) => {
                for error in unusable {
                    tracing::error!(agent = %id, %error, "a later checkpoint cannot be used; it goes on from an earlier one, and the later one is set aside with the next");
                }
                Ok(Some(snapshot))
            }
            Found::Unusable(error) => Err(error.into()),
        }
    }

    /// Keeps a checkpoint, and the two before it.
    pub(crate) fn save_snapshot(
        &self,
        id: &AgentId,
        snapshot: &Snapshot,
    ) -> Result<(), StoreError> {
        self.0.checkpoints.save(id, snapshot, self.now())
    }

    /// What is on record of the messages to a durable agent, whether or not it is here: those without an outcome, and the last outcomes.
    ///
    /// # Errors
    /// The store fails.
    pub fn mail(&self, id: &AgentId) -> Result<MailView, StoreError> {
        mail_view(&self.0.store, id)
    }

    /// Throws an agent's checkpoints away: its next incarnation begins as if there had never been one. For one that is parked because they
    /// cannot be read, when nobody has a copy of them.
    ///
    /// # Errors
    /// The store fails.
    pub fn discard_checkpoints(&self, id: &AgentId) -> Result<(), StoreError> {
        self.0.checkpoints.discard(id)
    }
}
