//! Ed25519 keys and signatures, always over a domain-separated form of the bytes.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroize;

use crate::codec::{self, MESSAGE_TYPE, Sealed};
use crate::limits::{EncodeError, Limits};
use crate::{Message, Party};

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
        let signed = codec::pre_authentication(payload_type, body);
        self.key.verify_strict(&signed, &signature.0).is_ok()
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
        Signature(
            self.key
                .sign(&codec::pre_authentication(payload_type, body)),
        )
    }

    /// Signs a stamped message of this party.
    pub fn seal(&self, message: &Message, limits: &Limits) -> Result<Sealed, EncodeError> {
        if message.sender != self.party || message.envelope.key_id != self.key_id() {
            return Err(EncodeError::NotTheSigner {
                sender: message.sender.clone(),
                signer: self.party.clone(),
            });
        }
        let body = codec::encode_body(message, limits)?;
        let signature = self.sign(MESSAGE_TYPE, &body);
        Ok(Sealed::signed(&signature, &body, &self.public_key()))
    }
}

impl fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningIdentity({}, key {})", self.party, self.key_id())
    }
}
