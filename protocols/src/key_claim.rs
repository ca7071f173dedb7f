//! Proof that whoever brings a key holds its secret half.

use crate::{KeyId, Party, PublicKey, Signature, SigningIdentity};

/// What the holder of the new key signs.
const CLAIM_TYPE: &str = "application/vnd.aios.key-claim";
/// What the holder of the key before signs over the same statement.
const SUCCESSION_TYPE: &str = "application/vnd.aios.key-succession";

/// A key that somebody claims for a party, signed with the key itself: nobody can enter another's key as its own. For a
/// rotation the key before signs too: nobody can slip a key of its own under another's name.
///
/// The epoch makes each claim good once. Like a message's epoch it grows, and its start time will do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    party: Party,
    key: PublicKey,
    epoch: u64,
    possession: Signature,
    succession: Option<(KeyId, Signature)>,
}

impl KeyClaim {
    /// A claim as it travelled; the registry checks it.
    pub fn from_parts(
        party: Party,
        key: PublicKey,
        epoch: u64,
        possession: Signature,
        succession: Option<(KeyId, Signature)>,
    ) -> Self {
        Self {
            party,
            key,
            epoch,
            possession,
            succession,
        }
    }

    /// For whom.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// Which key.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Above the epoch of every earlier claim for this party.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The signature of the key itself.
    pub fn possession(&self) -> &Signature {
        &self.possession
    }

    /// The key before and its signature.
    pub fn succession(&self) -> Option<(KeyId, &Signature)> {
        self.succession.as_ref().map(|(id, by)| (*id, by))
    }

    /// Whether the claimed key signed.
    pub(crate) fn is_possessed(&self) -> bool {
        let before = self.succession.as_ref().map(|(id, _)| *id);
        let body = statement(&self.party, &self.key, self.epoch, before);
        self.key.verifies(CLAIM_TYPE, &body, &self.possession)
    }

    /// Whether the key before signed.
    pub(crate) fn is_endorsed_by(&self, before: &PublicKey) -> bool {
        let Some((id, signature)) = &self.succession else {
            return false;
        };
        let body = statement(&self.party, &self.key, self.epoch, Some(*id));
        *id == before.id() && before.verifies(SUCCESSION_TYPE, &body, signature)
    }
}

impl SigningIdentity {
    /// Claims this identity's key for its party.
    pub fn claim(&self, epoch: u64) -> KeyClaim {
        let body = statement(self.party(), &self.public_key(), epoch, None);
        KeyClaim {
            party: self.party().clone(),
            key: self.public_key(),
            epoch,
            possession: self.sign(CLAIM_TYPE, &body),
            succession: None,
        }
    }

    /// Claims this identity's key for its party, endorsed by the party's key before.
    pub fn claim_after(&self, before: &SigningIdentity, epoch: u64) -> KeyClaim {
        let body = statement(
            self.party(),
            &self.public_key(),
            epoch,
            Some(before.key_id()),
        );
        KeyClaim {
            party: self.party().clone(),
            key: self.public_key(),
            epoch,
            possession: self.sign(CLAIM_TYPE, &body),
            succession: Some((before.key_id(), before.sign(SUCCESSION_TYPE, &body))),
        }
    }
}

/// `epoch (8, big endian) | public key (32) | key id before (8, zeros for none) | party`: one text at the end, so no
/// two statements have the same bytes.
fn statement(party: &Party, key: &PublicKey, epoch: u64, before: Option<KeyId>) -> Vec<u8> {
    let before = before.map_or([0; KeyId::LENGTH], |id| *id.as_bytes());
    [
        &epoch.to_be_bytes()[..],
        &key.to_bytes(),
        &before,
        party.as_str().as_bytes(),
    ]
    .concat()
}
