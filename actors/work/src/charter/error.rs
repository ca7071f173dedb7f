//! Why a text is no charter.

/// Why a text is no charter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CharterError {
    /// It is larger than a charter may be.
    #[error(
        "the charter has {asked} bytes, {allowed} are allowed; keep what is long in a file that the agent reads"
    )]
    TooLarge {
        /// Its size.
        asked: usize,
        /// The largest there may be.
        allowed: usize,
    },
    /// Its front matter cannot be read.
    #[error(
        "the front matter cannot be read: {why}; write `key: value` lines between two lines of three hyphens"
    )]
    FrontMatter {
        /// What is wrong.
        why: String,
    },
    /// A key that nobody knows, most likely misspelt.
    #[error("no charter has a key `{key}`; nearest is `{nearest}`")]
    UnknownKey {
        /// The key.
        key: String,
        /// The known one most like it.
        nearest: String,
    },
    /// A key that must be there is not.
    #[error(
        "the charter has no `{key}`; every charter needs a name, a description and instructions below its front matter"
    )]
    Missing {
        /// The key, or `instructions` for the body.
        key: &'static str,
    },
    /// A key's value cannot be meant so.
    #[error("`{key}` cannot be used: {why}")]
    Wrong {
        /// The key.
        key: String,
        /// Why not, and what is expected.
        why: String,
    },
}
