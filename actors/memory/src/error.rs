//! What a memory refuses, by what the caller can do next.

use crate::StoreError;

/// A refused write or read of a memory.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// A namespace is full.
    #[error("namespace {namespace:?} holds {held} documents, {allowed} allowed; remove some first")]
    Full {
        /// The namespace.
        namespace: String,
        /// Documents it holds.
        held: usize,
        /// Documents it may hold.
        allowed: usize,
    },
    /// The memory is full.
    #[error("memory holds {held} documents in all, {allowed} allowed; remove some first")]
    FullInAll {
        /// Documents it holds.
        held: usize,
        /// Documents it may hold.
        allowed: usize,
    },
    /// There is no room for the parts of a document.
    #[error(
        "memory holds {held} vectors in all, {asked} more asked, {allowed} allowed; remove some documents first"
    )]
    FullOfVectors {
        /// Vectors it holds, without those of the document that is replaced.
        held: usize,
        /// Vectors of the document.
        asked: usize,
        /// Vectors it may hold.
        allowed: usize,
    },
    /// A namespace has no more room for the parts of a document.
    #[error(
        "namespace {namespace:?} holds {held} vectors, {asked} more asked, {allowed} allowed; remove some documents first"
    )]
    ShareOfVectors {
        /// The namespace.
        namespace: String,
        /// Vectors it holds, without those of the document that is replaced.
        held: usize,
        /// Vectors of the document.
        asked: usize,
        /// Vectors it may hold.
        allowed: usize,
    },
    /// A namespace with a NUL in it.
    #[error("namespace holds a NUL character; name it without")]
    Namespace,
    /// A vector has the wrong length.
    #[error(
        "vector of {asked} dimensions where the memory has {allowed}; embed with the same model"
    )]
    Dimensions {
        /// Dimensions given.
        asked: usize,
        /// Dimensions of this memory.
        allowed: usize,
    },
    /// A vector that has no direction.
    #[error("vector is zero or not finite; embed the text again")]
    NoDirection,
    /// A text or name that is too long or empty.
    #[error("{what} of {asked} bytes where 1 to {allowed} are allowed")]
    Length {
        /// What it is: `id`, `namespace`, `text`, `source`.
        what: &'static str,
        /// Its length.
        asked: usize,
        /// The longest allowed.
        allowed: usize,
    },
    /// What the store holds cannot be read as what it should be.
    #[error("stored record {key:?} cannot be read: {reason}")]
    Record {
        /// Its key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
