//! What a goal wants of its data.

use serde::{Deserialize, Serialize};

/// What a goal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Totals, growth, outlier and chart of a table.
    AnalyseTable,
    /// A figure, a list, a comparison: what is asked of tables in words.
    AskTable,
    /// Arithmetic that needs no data.
    Arithmetic,
    /// Anything else: recall and answer.
    PlainQuestion,
}

impl Intent {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::AnalyseTable,
        Self::AskTable,
        Self::Arithmetic,
        Self::PlainQuestion,
    ];

    /// The name used in prompts and plans.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnalyseTable => "analyse_table",
            Self::AskTable => "ask_table",
            Self::Arithmetic => "arithmetic",
            Self::PlainQuestion => "plain_question",
        }
    }
}
