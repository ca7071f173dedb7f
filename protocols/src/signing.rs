//! Ed25519 keys and signatures, always over a domain-separated form of the bytes.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroize;

use crate::Party;

/// The bytes that are signed for a body: `AIOSv1 <length of type> <type> <length of body> <body>`, in the manner of
/// DSSE's pre-authentication encoding. No two pairs of type and body give the same bytes, so a signature made for one
/// purpose cannot serve another.
fn pre_authentication(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload_type.len() + body.len() + 48);
    bytes.extend_from_slice(b"AIOSv1 ");
    bytes.extend_from_slice(payload_type.len().to_string().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(payload_type.as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(body.len().to_string().as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(body);
    bytes
}

/// Names a public key: the first 8 bytes of its SHA-256.
///
/// Only a name: two keys with one name would at worst make a good signature fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; Self::LENGTH]);

impl KeyId {
    /// Bytes of a key id.
    pub const LENGTH: usize = 8;

    /// From the bytes that travel.
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes that travel.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why bytes or text are no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not a point of the curve.
    #[error("these 32 bytes are not an Ed25519 public key")]
    NotAKey,
    /// A point of small order, under which one signature fits many messages.
    #[error("this Ed25519 public key is weak; make a new one")]
    Weak,
    /// Not 64 hexadecimal digits.
    #[error("a public key is written as 64 hexadecimal digits")]
    Form,
}

/// A party's public key, decompressed once so that each verification is cheap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey {
    key: VerifyingKey,
    id: KeyId,
}

impl PublicKey {
    /// Reads and checks a key; weak keys are refused.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAKey)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self::named(key))
    }

    fn named(key: VerifyingKey) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        let mut id = [0; KeyId::LENGTH];
        id.copy_from_slice(&digest[..KeyId::LENGTH]);
        Self { key, id: KeyId(id) }
    }

    /// The 32 bytes of the key.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// True if the signature was made by this key over this body for this purpose. Strict: weak keys and
    /// non-canonical signatures fail.
    #[must_use]
    pub fn verifies(&self, payload_type: &str, body: &[u8], signature: &Signature) -> bool {
        let signed = pre_authentication(payload_type, body);
        self.key.verify_strict(&signed, &signature.0).is_ok()
    }
}

/// A public key as it is kept of somebody who may never say anything: decompressed, which makes it five times as large, when something is
/// to be verified with it for the first time.
#[derive(Debug)]
pub(crate) struct KeptKey {
    bytes: [u8; 32],
    id: KeyId,
    ready: OnceLock<Box<PublicKey>>,
}

impl KeptKey {
    /// The key's name.
    pub(crate) fn id(&self) -> KeyId {
        self.id
    }

    /// The key; none if these bytes are none, which cannot be of what was one before.
    pub(crate) fn key(&self) -> Option<PublicKey> {
        if let Some(ready) = self.ready.get() {
            return Some(**ready);
        }
        let key = VerifyingKey::from_bytes(&self.bytes).ok()?;
        let ready = || Box::new(PublicKey { key, id: self.id });
        Some(**self.ready.get_or_init(ready))
    }
}

impl From<PublicKey> for KeptKey {
    fn from(key: PublicKey) -> Self {
        Self {
            bytes: key.to_bytes(),
            id: key.id,
            ready: OnceLock::new(),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(KeyError::Form);
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * index..2 * index + 2], 16)
                .map_err(|_| KeyError::Form)?;
        }
        Self::from_bytes(&bytes)
    }
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(ed25519_dalek::Signature);

impl Signature {
    /// Bytes of a signature.
    pub const LENGTH: usize = 64;

    /// From the bytes that travel; whether it fits anything only verification tells.
    pub fn from_bytes(bytes: &[u8; Self::LENGTH]) -> Self {
        Self(ed25519_dalek::Signature::from_bytes(bytes))
    }

    /// From a slice of exactly the right length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_bytes)
    }

    /// The bytes that travel.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        self.0.to_bytes()
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(..)")
    }
}

/// What keys are derived for.
const DERIVED: &[u8] = b"aios derived identity 1";

/// HMAC-SHA-256 (RFC 2104) under a key that is shorter than a block.
fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut pad = [0x36_u8; BLOCK];
    for (pad, key) in pad.iter_mut().zip(key) {
        *pad ^= key;
    }
    let mut inner = Sha256::new_with_prefix(pad);
    for part in parts {
        inner.update(part);
    }
    // From the inner pad to the outer.
    for byte in &mut pad {
        *byte ^= 0x36 ^ 0x5c;
    }
    let outer = Sha256::new_with_prefix(pad).chain_update(inner.finalize());
    pad.zeroize();
    outer.finalize().into()
}

/// A party with its secret key. The key is wiped when dropped and never printed.
pub struct SigningIdentity {
    party: Party,
    /// Holds the public key too.
    key: SigningKey,
    id: KeyId,
}

impl SigningIdentity {
    /// From 32 secret random bytes, which the caller draws; the caller's copy is wiped.
    pub fn from_seed(party: impl Into<Party>, mut seed: [u8; 32]) -> Self {
        let key = SigningKey::from_bytes(&seed);
        seed.zeroize();
        let id = PublicKey::named(key.verifying_key()).id;
        Self {
            party: party.into(),
            key,
            id,
        }
    }

    /// The identity of a party that stands under this one: the same each time, so that it need not be kept, and of no use to learn this one's
    /// secret from. Whoever holds this identity holds those, too.
    ///
    /// HMAC-SHA-256 (RFC 2104) under the secret key over a purpose, both parties and nothing else.
    #[must_use]
    pub fn derive(&self, party: impl Into<Party>) -> Self {
        let party = party.into();
        let mut secret = self.key.to_bytes();
        let (above, below) = (self.party.as_str(), party.as_str());
        // No name holds a zero byte, so no two pairs of parties read the same.
        let seed = hmac(
            &secret,
            &[DERIVED, b"\0", above.as_bytes(), b"\0", below.as_bytes()],
        );
        secret.zeroize();
        Self::from_seed(party, seed)
    }

    /// Whose identity it is.
    pub fn party(&self) -> &Party {
        &self.party
    }

    /// The name of its key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// What others verify with.
    pub fn public_key(&self) -> PublicKey {
        PublicKey {
            key: self.key.verifying_key(),
            id: self.id,
        }
    }

    /// Signs a body for a purpose other than a message, such as a grant. The purpose is part of what is signed.
    #[must_use]
    pub fn sign(&self, payload_type: &str, body: &[u8]) -> Signature {
        Signature(self.key.sign(&pre_authentication(payload_type, body)))
    }
}

impl fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningIdentity({}, key {})", self.party, self.key_id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentId, PrincipalId};

    /// RFC 4231, test case 1 with its key filled up with zeros to 32 bytes, which HMAC does by itself; and test case 2 the same way.
    #[test]
    fn hmac_gives_what_its_rfc_says() {
        let padded = |key: &[u8]| {
            let mut padded = [0; 32];
            padded[..key.len()].copy_from_slice(key);
            padded
        };
        for (key, data, expected) in [
            (
                [0x0b; 20].as_slice(),
                &[b"Hi ".as_slice(), b"There"][..],
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                &[b"what do ya want for nothing?".as_slice()],
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let mac = hmac(&padded(key), data);
            let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected);
        }
    }

    #[test]
    fn a_derived_identity_is_the_same_each_time_and_nobody_elses() {
        let owner = |tenant: &str, seed| {
            let party: PrincipalId = format!("user:owner@{tenant}").parse().unwrap();
            SigningIdentity::from_seed(party, [seed; 32])
        };
        let agent = |name: &str| name.parse::<AgentId>().unwrap();
        let one = agent("macro.clerk.001@global");
        let key = |owner: &SigningIdentity, agent: &AgentId| owner.derive(agent).public_key();
        let mine = key(&owner("local", 1), &one);
        assert_eq!(mine, key(&owner("local", 1), &one));
        assert_eq!(owner("local", 1).derive(&one).party().agent(), Some(&one));
        for other in [
            key(&owner("local", 2), &one),
            key(&owner("acme", 1), &one),
            key(&owner("local", 1), &agent("macro.clerk.002@global")),
            owner("local", 1).public_key(),
        ] {
            assert_ne!(mine, other);
        }
    }
}
