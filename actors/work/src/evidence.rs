//! What a text is judged against.

use serde::{Deserialize, Serialize};

use crate::{Fact, Point, Span, Subject};

/// What kind of text is judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextKind {
    /// A few sentences of prose.
    #[default]
    Paragraph,
    /// A whole Markdown report; tables and headings are expected.
    Report,
}

/// What a text is judged against.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the text is.
    #[serde(default)]
    pub kind: TextKind,
    /// Of which domain the work is; the machinery enters it, a domain need not.
    #[serde(default)]
    pub domain: String,
    /// What was asked.
    pub goal: String,
    /// The only figures the text may state.
    pub facts: Vec<Fact>,
    /// Things a text may name: those that facts are about, and others that lie beside them.
    #[serde(default)]
    pub subjects: Vec<Subject>,
    /// Names of the measures: `revenue`, `units`.
    #[serde(default)]
    pub measures: Vec<String>,
    /// What must be covered.
    #[serde(default)]
    pub points: Vec<Point>,
    /// Source text that numbers may also be taken from (a document, recalled passages).
    #[serde(default)]
    pub passages: Vec<String>,
    /// The days the data covers.
    #[serde(default)]
    pub covers: Option<Span>,
    /// Whether the text is made of its facts and says nothing else. It is judged by where its figures come from; how a language would read
    /// such sentences says nothing about them.
    #[serde(default)]
    pub made: bool,
}

/// What opens a report's last section: which results are missing and why. It is written by the runtime, in the words of errors.
pub const GAPS_HEADING: &str = "## Gaps";
