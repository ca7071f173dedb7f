//! A key: whose it is, how much it allows and until when. Of the token itself only a hash is kept.

use aios_protocols::{PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::rights::{Rights, Scope};
use super::token::{Token, TokenError};

/// A key that is wanted.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// In whose name it speaks.
    pub principal: PrincipalId,
    /// How much it allows.
    pub scope: Scope,
    /// The folders whose files may be named with it, from the root on.
    pub folders: Vec<String>,
    /// When it ends; never if it is left out.
    pub expires_at: Option<Timestamp>,
}

/// A key as the file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) id: String,
    #[serde(with = "as_text")]
    pub(super) principal: PrincipalId,
    pub(super) scope: Scope,
    #[serde(default)]
    pub(super) folders: Vec<String>,
    /// SHA-256 of the token: it was drawn by chance and is as long as the hash, so nothing slower is needed.
    #[serde(with = "as_digits")]
    pub(super) digest: [u8; 32],
    pub(super) issued_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires_at: Option<Timestamp>,
}

/// A key as it is shown; nothing of its token is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Its name.
    pub id: String,
    /// In whose name it speaks.
    pub principal: String,
    /// How much it allows.
    pub scope: Scope,
    /// The folders whose files may be named with it.
    pub folders: Vec<String>,
    /// When it was issued; RFC 3339.
    pub issued_at: String,
    /// When it ends; RFC 3339.
    pub expires_at: Option<String>,
    /// Whether it has ended.
    pub expired: bool,
}

impl Key {
    /// A key with a token of its own, which is told this once.
    pub(super) fn issued(wanted: NewKey, now: Timestamp) -> Result<(Self, Token), TokenError> {
        let token = Token::fresh()?;
        let mut name = [0; 4];
        getrandom::fill(&mut name).map_err(|_| TokenError::NoRandomness)?;
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let key = Self {
            id: format!("k-{name}"),
            principal: wanted.principal,
            scope: wanted.scope,
            folders: wanted.folders,
            digest: Token::digest(token.reveal()),
            issued_at: now,
            expires_at: wanted.expires_at,
        };
        Ok((key, token))
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether a token of this hash is its own; takes the same time whatever is alike.
    pub(super) fn is_of(&self, digest: &[u8; 32]) -> bool {
        self.digest.ct_eq(digest).into()
    }

    pub(super) fn rights(&self) -> Rights {
        Rights {
            scope: self.scope,
            folders: self.folders.clone(),
            key: Some(self.id.clone()),
        }
    }

    pub(super) fn line(&self, now: Timestamp) -> KeyLine {
        KeyLine {
            id: self.id.clone(),
            principal: self.principal.to_string(),
            scope: self.scope,
            folders: self.folders.clone(),
            issued_at: self.issued_at.to_string(),
            expires_at: self.expires_at.map(|end| end.to_string()),
            expired: self.is_expired(now),
        }
    }
}

mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

mod as_digits {
    use aios_work::content::{hex, unhex};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(digest: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let digits = String::deserialize(from)?;
        let bytes = unhex(&digits).and_then(|bytes| bytes.try_into().ok());
        bytes.ok_or_else(|| D::Error::custom("a hash is 64 hexadecimal digits"))
    }
}
