//! Whose public keys are valid when. The one place a verifier takes keys from.

use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use thiserror::Error;

use crate::signing::KeptKey;
use crate::{KeyClaim, KeyId, Party, PublicKey, Timestamp};

/// Looks up the key that a message claims to be signed with.
pub trait KeyDirectory: Send + Sync {
    /// The party's key of this name, if it is valid at this moment.
    fn key(&self, party: &Party, id: KeyId, at: Timestamp) -> Result<PublicKey, KeyProblem>;

    /// The epochs in which messages of the party may have been signed, as of this moment. An epoch is a moment in
    /// microseconds, or a smaller number; one further ahead than a clock may be would shut its own party out.
    fn epochs(&self, _: &Party, at: Timestamp) -> RangeInclusive<u64> {
        0..=last_epoch(at)
    }
}

/// The highest epoch that a party whose clock is ahead may have come to.
fn last_epoch(at: Timestamp) -> u64 {
    (at + Timestamp::CLOCK_SKEW).as_micros()
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
    /// Whoever brings the key does not hold its secret half.
    #[error("the claim on a key for {0} is not signed with that key; sign it with the key itself")]
    NotPossessed(Party),
    /// The key before did not sign, or is not valid now.
    #[error(
        "no valid key of {0} has signed for its successor; sign with it, or have the key replaced by whoever runs the registry"
    )]
    NotEndorsed(Party),
    /// The key was revoked once, and so for ever.
    #[error("the key {0} was revoked and is never admitted again; make a new one")]
    KeyRevoked(KeyId),
    /// The claim was made before the last one that was accepted.
    #[error("the claim is of epoch {asked}, the party's last one was of {current}; sign a new one")]
    StaleClaim {
        /// The claim's epoch.
        asked: u64,
        /// The epoch of the party's last claim.
        current: u64,
    },
    /// The claim is of a time that has not come.
    #[error(
        "the claim is of epoch {asked}, and {allowed} is the highest now; sign with the present moment in microseconds"
    )]
    FutureEpoch {
        /// The claim's epoch.
        asked: u64,
        /// The highest epoch now.
        allowed: u64,
    },
    /// The party is new here, and the claim is older than that of a party which left: it may be a used one.
    #[error(
        "the claim is of epoch {asked}, a party that left was in {floor}; sign a new one with the present moment in microseconds"
    )]
    ForgottenEpoch {
        /// The claim's epoch.
        asked: u64,
        /// The highest epoch of all parties that left.
        floor: u64,
    },
    /// So many keys were revoked that the next one could not be remembered.
    #[error(
        "{asked} keys were revoked and {allowed} can be remembered, so no new key can be told from a revoked one; begin a registry with room for more"
    )]
    RevocationsFull {
        /// Keys revoked.
        asked: usize,
        /// Keys remembered.
        allowed: usize,
    },
}

/// Parties and their keys. Shared by all verifiers of a node, so that cutting off a party holds everywhere at once.
///
/// A key is entered by a [`KeyClaim`], which proves that its holder has the secret half. A revoked key is never entered
/// again, for whomever: its name is remembered for as long as the registry lives. When no more names can be remembered
/// revoking still works, and no new key is entered any more.
#[derive(Debug)]
pub struct KeyRegistry {
    inner: RwLock<Inner>,
    /// The latest moment it was told, in microseconds: where a clock is set back, epochs given before stay good.
    latest: AtomicU64,
}

impl Default for KeyRegistry {
    fn default() -> Self {
        Self::with_revocations(Self::REVOCATIONS)
    }
}

#[derive(Debug)]
struct Inner {
    parties: HashMap<Party, Keys>,
    owners: HashMap<KeyId, Party>,
    revoked: Revoked,
    /// The highest epoch of all parties that were removed: one for all, so that it needs no memory of them.
    removed: Option<u64>,
}

/// The names of all keys that were ever revoked.
#[derive(Debug)]
struct Revoked {
    names: HashSet<KeyId>,
    allowed: usize,
    /// Those that found no place.
    surplus: usize,
}

impl Revoked {
    fn add(&mut self, id: KeyId) {
        if self.names.contains(&id) {
            return;
        }
        if self.names.len() < self.allowed {
            self.names.insert(id);
        } else {
            self.surplus = self.surplus.saturating_add(1);
        }
    }

    fn check(&self, id: KeyId) -> Result<(), RegistryError> {
        if self.names.contains(&id) {
            return Err(RegistryError::KeyRevoked(id));
        }
        if self.surplus > 0 {
            return Err(RegistryError::RevocationsFull {
                asked: self.allowed.saturating_add(self.surplus),
                allowed: self.allowed,
            });
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Keys {
    /// Of the last claim that was accepted.
    epoch: u64,
    /// Of the claim that the party was entered with; messages of earlier epochs are from before that.
    first: u64,
    revoked: bool,
    /// Oldest first; at most [`MAX_KEYS`].
    keys: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: KeptKey,
    from: Timestamp,
    until: Option<Timestamp>,
    revoked: bool,
}

/// Keys remembered per party, the current one included. Older ones are forgotten and then read as unknown, or as
/// revoked.
const MAX_KEYS: usize = 8;

impl KeyRegistry {
    /// Revoked keys remembered unless said otherwise. A name has 8 bytes, a full table about 1 MiB; revoking is an
    /// operator's act, so at a hundred a day it lasts well over a year.
    pub const REVOCATIONS: usize = 65_536;

    /// A registry without parties.
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry that remembers so many revoked keys.
    pub fn with_revocations(allowed: usize) -> Self {
        Self {
            inner: RwLock::new(Inner {
                parties: HashMap::new(),
                owners: HashMap::new(),
                revoked: Revoked {
                    names: HashSet::new(),
                    allowed,
                    surplus: 0,
                },
                removed: None,
            }),
            latest: AtomicU64::new(0),
        }
    }

    /// Enters a new party with its first key. The claim's epoch is above that of every party that was removed, so that
    /// no used claim comes back.
    pub fn register(&self, claim: &KeyClaim, now: Timestamp) -> Result<(), RegistryError> {
        self.check_claim(claim, now)?;
        let mut inner = self.write();
        if let Some(known) = inner.parties.get(claim.party()) {
            return Err(if known.revoked {
                RegistryError::Revoked(claim.party().clone())
            } else {
                RegistryError::AlreadyRegistered(claim.party().clone())
            });
        }
        inner.check(claim)?;
        if let Some(floor) = inner.removed
            && claim.epoch() <= floor
        {
            let asked = claim.epoch();
            return Err(RegistryError::ForgottenEpoch { asked, floor });
        }
        inner.enter(claim, now);
        if let Some(keys) = inner.parties.get_mut(claim.party()) {
            keys.first = claim.epoch();
        }
        Ok(())
    }

    /// Enters a new key that the party's key so far has signed for. The keys so far stay valid for the time of grace,
    /// in which messages under way arrive.
    pub fn rotate(
        &self,
        claim: &KeyClaim,
        now: Timestamp,
        grace: Duration,
    ) -> Result<(), RegistryError> {
        self.check_claim(claim, now)?;
        let party = claim.party();
        self.known(party)?;
        let not_endorsed = || RegistryError::NotEndorsed(party.clone());
        let (before, _) = claim.succession().ok_or_else(not_endorsed)?;
        let endorsing = self.key(party, before, now).map_err(|_| not_endorsed())?;
        if !claim.is_endorsed_by(&endorsing) {
            return Err(not_endorsed());
        }
        let mut inner = self.write();
        // Signatures are verified without the lock, so it may have been revoked meanwhile.
        inner.key(party, before, now).map_err(|_| not_endorsed())?;
        inner.enter_after(claim, now, grace)
    }

    /// Enters a new key for a party whose secret key is lost, on the word of whoever runs the registry. Otherwise as
    /// [`KeyRegistry::rotate`].
    pub fn replace(
        &self,
        claim: &KeyClaim,
        now: Timestamp,
        grace: Duration,
    ) -> Result<(), RegistryError> {
        self.check_claim(claim, now)?;
        self.write().enter_after(claim, now, grace)
    }

    /// Revokes one key, at once and for ever. One that nobody has is never admitted either. Returns whether the party
    /// had it; a key of somebody else stays as it is.
    pub fn revoke_key(&self, party: &Party, id: KeyId) -> bool {
        let inner = &mut *self.write();
        if let Some(owner) = inner.owners.get(&id)
            && owner != party
        {
            return false;
        }
        inner.revoked.add(id);
        let keys = inner.parties.get_mut(party);
        let entry = keys.and_then(|keys| keys.keys.iter_mut().find(|entry| entry.key.id() == id));
        entry.map(|entry| entry.revoked = true).is_some()
    }

    /// Cuts a party off, at once and with all its keys. Returns whether it was known.
    pub fn revoke_party(&self, party: &Party) -> bool {
        let inner = &mut *self.write();
        let Some(keys) = inner.parties.get_mut(party) else {
            return false;
        };
        keys.revoke(&mut inner.revoked);
        keys.revoked = true;
        true
    }

    /// Lets a party that was cut off in again, with a new key only.
    pub fn reinstate(&self, claim: &KeyClaim, now: Timestamp) -> Result<(), RegistryError> {
        self.check_claim(claim, now)?;
        let inner = &mut *self.write();
        if !inner.parties.contains_key(claim.party()) {
            return Err(RegistryError::NotRegistered(claim.party().clone()));
        }
        inner.check(claim)?;
        if let Some(keys) = inner.parties.get_mut(claim.party()) {
            keys.revoke(&mut inner.revoked);
            keys.revoked = false;
        }
        inner.enter(claim, now);
        Ok(())
    }

    /// The epoch of the party's last claim; the next one must be above it.
    pub fn epoch(&self, party: &Party) -> Option<u64> {
        self.read().parties.get(party).map(|keys| keys.epoch)
    }

    /// The highest epoch of all parties that were removed; a new party's is above it.
    pub fn removed_epoch(&self) -> Option<u64> {
        self.read().removed
    }

    /// Tells the time: from now on epochs up to this moment are good, even if the clock is set back later.
    pub fn advance(&self, now: Timestamp) {
        self.latest.fetch_max(now.as_micros(), Ordering::Relaxed);
    }

    fn last_epoch(&self, at: Timestamp) -> u64 {
        let latest = self.latest.load(Ordering::Relaxed);
        last_epoch(at.max(Timestamp::since_epoch(Duration::from_micros(latest))))
    }

    /// Whether the claim's epoch can have come by now, and the claimed key signed.
    fn check_claim(&self, claim: &KeyClaim, now: Timestamp) -> Result<(), RegistryError> {
        self.advance(now);
        let (asked, allowed) = (claim.epoch(), self.last_epoch(now));
        if asked > allowed {
            return Err(RegistryError::FutureEpoch { asked, allowed });
        }
        if !claim.is_possessed() {
            return Err(RegistryError::NotPossessed(claim.party().clone()));
        }
        Ok(())
    }

    fn known(&self, party: &Party) -> Result<(), RegistryError> {
        match self.read().parties.get(party) {
            None => Err(RegistryError::NotRegistered(party.clone())),
            Some(keys) if keys.revoked => Err(RegistryError::Revoked(party.clone())),
            Some(_) => Ok(()),
        }
    }

    /// Forgets a party that is gone for good. Returns whether it was known.
    pub fn remove(&self, party: &Party) -> bool {
        let mut inner = self.write();
        let Some(keys) = inner.parties.remove(party) else {
            return false;
        };
        inner.removed = inner.removed.max(Some(keys.epoch));
        let ids: Vec<KeyId> = keys.keys.iter().map(|entry| entry.key.id()).collect();
        inner.release(&ids);
        true
    }

    /// How many parties are known, cut off or not.
    pub fn len(&self) -> usize {
        self.read().parties.len()
    }

    /// True if nobody is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each change is complete before the lock is released, so a poisoned lock still guards a sound table.
    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether the claimed key may be entered.
    fn check(&self, claim: &KeyClaim) -> Result<(), RegistryError> {
        let id = claim.key().id();
        if let Some(owner) = self.owners.get(&id) {
            return Err(RegistryError::KeyInUse(owner.clone()));
        }
        self.revoked.check(id)?;
        if let Some(keys) = self.parties.get(claim.party())
            && claim.epoch() <= keys.epoch
        {
            return Err(RegistryError::StaleClaim {
                asked: claim.epoch(),
                current: keys.epoch,
            });
        }
        Ok(())
    }

    fn enter(&mut self, claim: &KeyClaim, now: Timestamp) {
        self.owners.insert(claim.key().id(), claim.party().clone());
        let keys = self.parties.entry(claim.party().clone()).or_default();
        keys.epoch = claim.epoch();
        let forgotten = keys.push(claim.key(), now);
        self.release(&forgotten);
    }

    /// Enters the claimed key; those so far end with the time of grace.
    fn enter_after(
        &mut self,
        claim: &KeyClaim,
        now: Timestamp,
        grace: Duration,
    ) -> Result<(), RegistryError> {
        // The party may have gone or been cut off since it was looked up.
        match self.parties.get(claim.party()) {
            None => return Err(RegistryError::NotRegistered(claim.party().clone())),
            Some(keys) if keys.revoked => {
                return Err(RegistryError::Revoked(claim.party().clone()));
            }
            Some(_) => {}
        }
        self.check(claim)?;
        let last_moment = now + grace;
        let keys = self.parties.get_mut(claim.party());
        for entry in keys.into_iter().flat_map(|keys| &mut keys.keys) {
            let until = entry.until.unwrap_or(last_moment);
            entry.until = Some(until.min(last_moment));
        }
        self.enter(claim, now);
        Ok(())
    }

    fn release(&mut self, ids: &[KeyId]) {
        for id in ids {
            self.owners.remove(id);
        }
    }

    fn key(&self, party: &Party, id: KeyId, at: Timestamp) -> Result<PublicKey, KeyProblem> {
        let keys = self.parties.get(party).ok_or(KeyProblem::UnknownParty)?;
        if keys.revoked {
            return Err(KeyProblem::RevokedParty);
        }
        let Some(entry) = keys.keys.iter().find(|entry| entry.key.id() == id) else {
            return Err(if self.revoked.names.contains(&id) {
                KeyProblem::RevokedKey
            } else {
                KeyProblem::UnknownKey
            });
        };
        if entry.revoked {
            return Err(KeyProblem::RevokedKey);
        }
        if at < entry.from {
            return Err(KeyProblem::NotYetValid { from: entry.from });
        }
        match entry.until {
            Some(until) if at > until => Err(KeyProblem::Expired { until }),
            _ => entry.key.key().ok_or(KeyProblem::UnknownKey),
        }
    }
}

impl Keys {
    /// Adds a key and returns the names of those forgotten for it.
    fn push(&mut self, key: PublicKey, from: Timestamp) -> Vec<KeyId> {
        // Most parties never have a second one.
        self.keys.reserve_exact(1);
        self.keys.push(Entry {
            key: key.into(),
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

    /// Revokes all there are.
    fn revoke(&mut self, revoked: &mut Revoked) {
        for entry in &mut self.keys {
            entry.revoked = true;
            revoked.add(entry.key.id());
        }
    }
}

impl KeyDirectory for KeyRegistry {
    fn key(&self, party: &Party, id: KeyId, at: Timestamp) -> Result<PublicKey, KeyProblem> {
        self.read().key(party, id, at)
    }

    fn epochs(&self, party: &Party, at: Timestamp) -> RangeInclusive<u64> {
        let first = self.read().parties.get(party).map_or(0, |keys| keys.first);
        first..=self.last_epoch(at)
    }
}
