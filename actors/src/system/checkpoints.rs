//! The checkpoints of agents, and what is on record of their messages.

use std::sync::Arc;

use aios_memory::StoreError;
use aios_protocols::{AgentId, Party, SigningIdentity};
use serde::{Deserialize, Serialize};

use super::AgentSystem;
use crate::agent::{AgentError, Mail, MailView, Snapshot, adopt_mail, mail_view};
use crate::checkpoints::Found;

/// Where it lies on record that somebody had unsigned records adopted: `adopted/{agent}/{when}`, as JSON.
const ADOPTED: &str = "adopted/";

/// What was adopted of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    form: u16,
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// Checkpoints that nobody had signed.
    pub checkpoints: usize,
    /// Messages that nobody had signed.
    pub messages: usize,
}

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
        mail_view(&self.0.store, id, self.stands_for(id).as_deref())
    }

    /// Who stands for what is on record of the messages to an agent: itself, as it is here or would be.
    fn stands_for(&self, id: &AgentId) -> Option<Arc<SigningIdentity>> {
        let cell = self.directory().get(&Party::from(id));
        let here = cell.as_ref().and_then(|cell| cell.mail()).map(Mail::me);
        let would_be = || self.0.durable_keys.as_ref().map(|keys| Arc::new(keys(id)));
        here.cloned().or_else(would_be)
    }

    /// Signs the checkpoints of an agent, and the messages to it, that an earlier version has left unsigned. The agent finds them when it is
    /// started the next time. To be asked for by a person, once, who knows that nobody else could write the store: whatever is unsigned there
    /// is believed from now on. That it was done is on record.
    ///
    /// # Errors
    /// The store fails.
    pub fn adopt_unsigned(&self, id: &AgentId) -> Result<Adopted, StoreError> {
        let now = self.now();
        let checkpoints = self.0.checkpoints.adopt(id, now)?;
        let messages = match self.stands_for(id) {
            Some(me) => adopt_mail(&self.0.store, id, &me)?,
            None => 0,
        };
        let adopted = Adopted {
            form: 1,
            at_us: now.as_micros(),
            checkpoints,
            messages,
        };
        if checkpoints + messages > 0 {
            let written = serde_json::to_vec(&adopted).map_err(|error| StoreError::Io {
                reason: format!("what was adopted cannot be written: {error}"),
            })?;
            let key = format!("{ADOPTED}{id}/{:020}", adopted.at_us);
            self.0.store.put(key.as_bytes(), &written)?;
            self.0.store.flush()?;
        }
        Ok(adopted)
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
