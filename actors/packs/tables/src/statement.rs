//! Statements of SQL: twice the same question, and how a name is written in one.

/// A query and the same question asked in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Gives the result.
    pub query: String,
    /// Must give it again.
    pub again: String,
}

/// A name as SQL wants it.
#[must_use]
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
