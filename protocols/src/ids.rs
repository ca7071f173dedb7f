//! Names of messages and conversations.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::Uuid;

use crate::Timestamp;
use crate::printable::Printable;

/// The text is no UUID.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{}` is not an identifier; it must be a UUID such as 01930e3c-7a5b-7c4d-8e9f-001122334455",
    Printable(.0)
)]
pub struct IdError(String);

/// Names one message. A UUID of version 7: its first bits are the time, so identifiers sort by age.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(Uuid);

/// Names one run of an interaction protocol. A piece of work that needs help opens conversations of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConversationId(Uuid);

impl MessageId {
    /// A new name, from the time and from randomness that the caller draws.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        Self(version_7(now, random))
    }
}

impl ConversationId {
    /// A new name, from the time and from randomness that the caller draws.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        Self(version_7(now, random))
    }

    /// The name under which a foreign platform's conversation is kept here: a UUID stays itself, any other text is
    /// hashed into a UUID of version 8, so that equal texts meet again.
    pub fn from_foreign(text: &str) -> Self {
        if let Ok(id) = text.parse() {
            return id;
        }
        let mut digest = Sha256::new();
        digest.update(b"aios.conversation\0");
        digest.update(text.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.finalize()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// A conversation is named after the message that opens it.
impl From<MessageId> for ConversationId {
    fn from(id: MessageId) -> Self {
        Self(id.0)
    }
}

fn version_7(now: Timestamp, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid()
}

macro_rules! uuid_name {
    ($($name:ident),*) => {$(
        impl $name {
            /// From the 16 bytes that travel.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes that travel.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// As a plain UUID.
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| IdError(text.chars().take(40).collect()))
            }
        }
    )*};
}
uuid_name!(MessageId, ConversationId);
