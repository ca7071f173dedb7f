//! What a message says.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::printable::Printable;

/// The content of a message: bytes whose meaning the message's language and ontology give. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Content(Bytes);

/// Why a content is not what was asked of it.
#[derive(Debug, Error)]
pub enum ContentError {
    /// The value has no JSON form.
    #[error("the value cannot be written as JSON: {}", Printable(&.0.to_string()))]
    Write(#[source] serde_json::Error),
    /// The content is not this JSON.
    #[error("the content is not the expected JSON: {}", Printable(&.0.to_string()))]
    Read(#[source] serde_json::Error),
}

impl Content {
    /// No content.
    pub const fn empty() -> Self {
        Self(Bytes::new())
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Bytes::from(text.into()))
    }

    /// Raw bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(bytes.into())
    }

    /// A value as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, ContentError> {
        serde_json::to_vec(value)
            .map(|bytes| Self(bytes.into()))
            .map_err(ContentError::Write)
    }

    /// The content read as JSON.
    pub fn read_json<T: DeserializeOwned>(&self) -> Result<T, ContentError> {
        serde_json::from_slice(&self.0).map_err(ContentError::Read)
    }

    /// The content as text, if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

/// Shows the beginning only: contents can be large and private.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 80;
        match self.as_str() {
            Some(text) if text.chars().count() <= SHOWN => write!(f, "{text:?}"),
            Some(text) => {
                let begin: String = text.chars().take(SHOWN).collect();
                write!(f, "{begin:?}… ({} bytes)", self.len())
            }
            None => write!(f, "<{} bytes>", self.len()),
        }
    }
}
