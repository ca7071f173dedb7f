//! Whose public keys are valid when. The one place a verifier takes keys from.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use thiserror::Error;

use crate::{KeyId, Party, PublicKey, Timestamp};

/// Looks up the key that a message claims to be signed with.
pub trait KeyDirectory: Send + Sync {
    /// The party's key of this name, if it is valid at this moment.
    fn key(&self, party: &Party, id: KeyId, at: Timestamp) -> Result<PublicKey, KeyProblem>;
}

/// Why a key does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyProblem {
    /// The party has never been registered.
    #[error("the sender is not registered")]
    UnknownParty,
    /// The party has no key of this name.
    #[error("the sender has no such key")]
    UnknownKey,
    /// The party was cut off.
    #[error("the sender was cut off")]
    RevokedParty,
    /// The key was revoked.
    #[error("the key was revoked")]
    RevokedKey,
    /// The key was replaced and its time of grace is over.
    #[error("the key was valid until {until}")]
    Expired {
        /// The last moment of validity.
        until: Timestamp,
    },
    /// The key becomes valid later.
    #[error("the key is valid from {from}")]
    NotYetValid {
        /// The first moment of validity.
        from: Timestamp,
    },
}

/// Why a key cannot be entered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistryError {
    /// The party is known already.
    #[error("{0} is already registered; rotate its key instead")]
    AlreadyRegistered(Party),
    /// The party is not known.
    #[error("{0} is not registered; register it first")]
    NotRegistered(Party),
    /// The party was cut off.
    #[error("{0} was cut off; reinstate it with a new key")]
    Revoked(Party),
    /// The key belongs to somebody, so it cannot tell two parties apart.
    #[error("this key already belongs to {0}; make a new one")]
    KeyInUse(Party),
}

/// Parties and their keys. Shared by all verifiers of a node, so that cutting off a party holds everywhere at once.
#[derive(Debug, Default)]
pub struct KeyRegistry {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    parties: HashMap<Party, Keys>,
    owners: HashMap<KeyId, Party>,
}

#[derive(Debug, Default)]
struct Keys {
    revoked: bool,
    /// Oldest first; at most [`MAX_KEYS`].
    keys: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: PublicKey,
    from: Timestamp,
    until: Option<Timestamp>,
    revoked: bool,
}

/// Keys remembered per party, the current one included. Older ones are forgotten and then read as unknown.
const MAX_KEYS: usize = 8;

impl KeyRegistry {
    /// A registry without parties.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters a new party with its first key.
    pub fn register(
        &self,
        party: &Party,
        key: PublicKey,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        let mut inner = self.write();
        if let Some(known) = inner.parties.get(party) {
            return Err(if known.revoked {
                RegistryError::Revoked(party.clone())
            } else {
                RegistryError::AlreadyRegistered(party.clone())
            });
        }
        inner.claim(party, key)?;
        inner
            .parties
            .entry(party.clone())
            .or_default()
            .push(key, now);
        Ok(())
    }

    /// Enters a new key. The keys so far stay valid for the time of grace, in which messages under way arrive.
    pub fn rotate(
        &self,
        party: &Party,
        key: PublicKey,
        now: Timestamp,
        grace: Duration,
    ) -> Result<(), RegistryError> {
        let mut inner = self.write();
        match inner.parties.get(party) {
            None => return Err(RegistryError::NotRegistered(party.clone())),
            Some(keys) if keys.revoked => return Err(RegistryError::Revoked(party.clone())),
            Some(_) => {}
        }
        inner.claim(party, key)?;
        let last_moment = now + grace;
        let keys = inner.parties.entry(party.clone()).or_default();
        for entry in &mut keys.keys {
            entry.until = Some(
                entry
                    .until
                    .map_or(last_moment, |until| until.min(last_moment)),
            );
        }
        let forgotten = keys.push(key, now);
        inner.release(&forgotten);
        Ok(())
    }

    /// Revokes one key, at once. Returns whether the party had it.
    pub fn revoke_key(&self, party: &Party, id: KeyId) -> bool {
        let mut inner = self.write();
        let entry = inner
            .parties
            .get_mut(party)
            .and_then(|keys| keys.keys.iter_mut().find(|entry| entry.key.id() == id));
        entry.map(|entry| entry.revoked = true).is_some()
    }

    /// Cuts a party off, at once and with all its keys. Returns whether it was known.
    pub fn revoke_party(&self, party: &Party) -> bool {
        let mut inner = self.write();
        let known = inner.parties.get_mut(party);
        known.map(|keys| keys.revoked = true).is_some()
    }

    /// Lets a party that was cut off in again, with a new key only.
    pub fn reinstate(
        &self,
        party: &Party,
        key: PublicKey,
        now: Timestamp,
    ) -> Result<(), RegistryError> {
        let mut inner = self.write();
        if !inner.parties.contains_key(party) {
            return Err(RegistryError::NotRegistered(party.clone()));
        }
        inner.claim(party, key)?;
        let keys = inner.parties.entry(party.clone()).or_default();
        for entry in &mut keys.keys {
            entry.revoked = true;
        }
        keys.revoked = false;
        let forgotten = keys.push(key, now);
        inner.release(&forgotten);
        Ok(())
    }

    /// Forgets a party that is gone for good. Returns whether it was known.
    pub fn remove(&self, party: &Party) -> bool {
        let mut inner = self.write();
        let Some(keys) = inner.parties.remove(party) else {
            return false;
        };
        let ids: Vec<KeyId> = keys.keys.iter().map(|entry| entry.key.id()).collect();
        inner.release(&ids);
        true
    }

    /// How many parties are known, cut off or not.
    pub fn len(&self) -> usize {
        self.inner
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .parties
            .len()
    }

    /// True if nobody is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each change is complete before the lock is released, so a poisoned lock still guards a sound table.
    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn claim(&mut self, party: &Party, key: PublicKey) -> Result<(), RegistryError> {
        if let Some(owner) = self.owners.get(&key.id()) {
            return Err(RegistryError::KeyInUse(owner.clone()));
        }
        self.owners.insert(key.id(), party.clone());
        Ok(())
    }

    fn release(&mut self, ids: &[KeyId]) {
        for id in ids {
            self.owners.remove(id);
        }
    }
}

impl Keys {
    /// Adds a key and returns the names of those forgotten for it.
    fn push(&mut self, key: PublicKey, from: Timestamp) -> Vec<KeyId> {
        // Most parties never have a second one, and an entry is large.
        self.keys.reserve_exact(1);
        self.keys.push(Entry {
            key,
            from,
            until: None,
            revoked: false,
        });
        let surplus = self.keys.len().saturating_sub(MAX_KEYS);
        self.keys
            .drain(..surplus)
            .map(|entry| entry.key.id())
            .collect()
    }
}

impl KeyDirectory for KeyRegistry {
    fn key(&self, party: &Party, id: KeyId, at: Timestamp) -> Result<PublicKey, KeyProblem> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let keys = inner.parties.get(party).ok_or(KeyProblem::UnknownParty)?;
        if keys.revoked {
            return Err(KeyProblem::RevokedParty);
        }
        let entry = keys
            .keys
            .iter()
            .find(|entry| entry.key.id() == id)
            .ok_or(KeyProblem::UnknownKey)?;
        if entry.revoked {
            return Err(KeyProblem::RevokedKey);
        }
        if at < entry.from {
            return Err(KeyProblem::NotYetValid { from: entry.from });
        }
        match entry.until {
            Some(until) if at > until => Err(KeyProblem::Expired { until }),
            _ => Ok(entry.key),
        }
    }
}
