//! A document and how it lies in the store.

use serde::{Deserialize, Serialize};

use crate::MemoryError;

/// Where the documents lie in the store.
pub(crate) const PREFIX: &str = "document/";

/// Where a document comes from and how far it is trusted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The file, tool call or conversation it was taken from.
    pub source: String,
    /// Who put it here.
    pub author: String,
    /// How far it is trusted, 0 to 1.
    pub confidence: f32,
    /// When, in microseconds since the Unix epoch.
    pub recorded_us: u64,
}

/// Something to remember.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Its name within its namespace; adding it again replaces it.
    pub id: String,
    /// What it says.
    pub text: String,
    /// Its vectors, by the embedder that queries are embedded with: one for each [part](crate::parts) of the text, at least
    /// one.
    pub embeddings: Vec<Vec<f32>>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// A NUL ends the namespace, which can hold none: no namespace is the beginning of another.
pub(crate) fn key(namespace: &str, id: &str) -> Vec<u8> {
    [PREFIX, namespace, "\0", id].concat().into_bytes()
}

#[derive(Serialize, Deserialize)]
struct Header {
    text: String,
    provenance: Provenance,
    /// Number of vectors; what was written before there could be more has one.
    #[serde(default = "one")]
    vectors: usize,
}

fn one() -> usize {
    1
}

/// `length of header, u32 little-endian || header as JSON || vectors, one after the other, as f32 little-endian`.
pub(crate) fn encode(document: &Document) -> Result<Vec<u8>, MemoryError> {
    let header = Header {
        text: document.text.clone(),
        provenance: document.provenance.clone(),
        vectors: document.embeddings.len(),
    };
    let header = serde_json::to_vec(&header).map_err(|error| MemoryError::Record {
        key: document.id.clone(),
        reason: error.to_string(),
    })?;
    let mut bytes = (header.len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(&header);
    let numbers = document.embeddings.iter().flatten();
    bytes.extend(numbers.flat_map(|x| x.to_le_bytes()));
    Ok(bytes)
}

pub(crate) fn decode(key: &[u8], value: &[u8]) -> Result<(String, Document), MemoryError> {
    let broken = |reason: &str| MemoryError::Record {
        key: String::from_utf8_lossy(key).into_owned(),
        reason: reason.to_owned(),
    };
    let name = key
        .strip_prefix(PREFIX.as_bytes())
        .and_then(|name| std::str::from_utf8(name).ok());
    let (namespace, id) = name
        .and_then(|name| name.split_once('\0'))
        .ok_or_else(|| broken("its key has no name"))?;
    let (length, rest) = value
        .split_first_chunk::<4>()
        .ok_or_else(|| broken("it is cut short"))?;
    let (header, vector) = rest
        .split_at_checked(u32::from_le_bytes(*length) as usize)
        .ok_or_else(|| broken("it is cut short"))?;
    let Header {
        text,
        provenance,
        vectors,
    } = serde_json::from_slice(header).map_err(|error| broken(&error.to_string()))?;
    let (numbers, rest) = vector.as_chunks::<4>();
    if vectors == 0 || !rest.is_empty() || !numbers.len().is_multiple_of(vectors) {
        return Err(broken("its vectors are cut short"));
    }
    let embeddings = numbers
        .chunks((numbers.len() / vectors).max(1))
        .map(|vector| {
            vector
                .iter()
                .map(|bytes| f32::from_le_bytes(*bytes))
                .collect()
        })
        .collect();
    Ok((
        namespace.to_owned(),
        Document {
            id: id.to_owned(),
            text,
            embeddings,
            provenance,
        },
    ))
}
