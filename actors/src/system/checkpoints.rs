//! The checkpoints of agents, and what is on record of their messages.

use std::sync::Arc;
use std::time::Duration;

use aios_memory::StoreError;
use aios_protocols::{AgentId, Party, SigningIdentity, Timestamp};
use serde::{Deserialize, Serialize};

use super::AgentSystem;
use crate::agent::{AdoptedMail, AgentError, Mail, MailView, Snapshot, adopt_mail, mail_view};
use crate::checkpoints::Found;

/// Where it lies on record that somebody had unsigned records adopted: `adopted/{agent}/{when}`, as JSON.
const ADOPTED: &str = "adopted/";

/// What was adopted of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// Up to the first form it was not said what was signed.
    form: u16,
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// Checkpoints that nobody had signed.
    pub checkpoints: usize,
    /// Messages that nobody had signed.
    pub messages: usize,
    /// Outcomes of messages that nobody had signed.
    pub outcomes: usize,
    /// Each of them: where it lies and what it is.
    pub signed: Vec<String>,
}

/// Why nothing was adopted of an agent.
#[derive(Debug, thiserror::Error)]
pub enum NotAdopted {
    /// It was done before; whatever is unsigned now came there since.
    #[error(
        "what was unsigned of {agent} was adopted at {at} already, and this node leaves nothing unsigned: somebody else may have put there what is. Nothing is signed; see `aios audit show --about {agent}`, and say `--again` to believe it all the same"
    )]
    Before {
        /// Of whom.
        agent: AgentId,
        /// When, the last time.
        at: Timestamp,
    },
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
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
    /// is believed from now on. That it was done is on record, also where nothing was unsigned, and `again` must be said to do it once more.
    ///
    /// # Errors
    /// It was done before, or the store fails.
    pub fn adopt_unsigned(&self, id: &AgentId, again: bool) -> Result<Adopted, NotAdopted> {
        if !again {
            self.never_adopted(id)?;
        }
        let now = self.now();
        let checkpoints = self.0.checkpoints.adopt(id, now)?;
        let mail = match self.stands_for(id) {
            Some(me) => adopt_mail(&self.0.store, id, &me)?,
            None => AdoptedMail::default(),
        };
        let adopted = Adopted {
            form: 2,
            at_us: now.as_micros(),
            checkpoints: checkpoints.len(),
            messages: mail.messages.len(),
            outcomes: mail.outcomes.len(),
            signed: [checkpoints, mail.messages, mail.outcomes].concat(),
        };
        let written = serde_json::to_vec(&adopted).map_err(|error| StoreError::Io {
            reason: format!("what was adopted cannot be written: {error}"),
        })?;
        let key = format!("{ADOPTED}{id}/{:020}", adopted.at_us);
        self.0.store.put(key.as_bytes(), &written)?;
        self.0.store.flush()?;
        Ok(adopted)
    }

    /// Whether nobody has had the unsigned records of an agent adopted before.
    ///
    /// # Errors
    /// Somebody has, or the store fails.
    pub fn never_adopted(&self, id: &AgentId) -> Result<(), NotAdopted> {
        let prefix = format!("{ADOPTED}{id}/");
        let store = &self.0.store;
        let before = store.scan_prefix(prefix.as_bytes(), None, usize::MAX)?;
        let Some((key, _)) = before.last() else {
            return Ok(());
        };
        let when = String::from_utf8_lossy(&key[prefix.len()..]).parse();
        let at = when.map_or(Timestamp::ZERO, |at_us| {
            Timestamp::since_epoch(Duration::from_micros(at_us))
        });
        let agent = id.clone();
        Err(NotAdopted::Before { agent, at })
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
