//! What is wrong with a journal, named so that somebody can look at it.

use std::fmt;

pub use crate::frame::Flaw;

/// A place of a journal that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub segment: String,
    /// The byte in it.
    pub offset: u64,
    /// The first byte behind it that could be read again.
    pub until: u64,
    /// The entry that was due there.
    pub sequence: u64,
    /// What is wrong.
    pub flaw: Flaw,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            segment,
            offset,
            until,
            sequence,
            flaw,
        } = self;
        write!(f, "entry {sequence} (segment {segment}, byte {offset}")?;
        if until > offset {
            write!(f, ", {} bytes", until - offset)?;
        }
        write!(f, "): {flaw}")
    }
}
