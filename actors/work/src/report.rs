//! What comes of judging a text by criteria.

use serde::{Deserialize, Serialize};

use crate::{Dimensions, Issue, Verdict};

/// Whether an answer may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is what was asked for and what is known bears it out.
    Approved,
    /// Nothing is wrong with it that could be seen, but something could not be checked.
    Unverified,
    /// It is wrong.
    Rejected,
}

/// What came of judging an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Weighted mean of the dimensions, 0 to 1.
    pub score: f64,
    /// Whether it may leave.
    pub status: Status,
    /// What follows for the writer.
    pub verdict: Verdict,
    /// The dimensions, 0 to 1 each.
    pub dimensions: Dimensions,
    /// What is wrong, worst first.
    pub issues: Vec<Issue>,
    /// Figures, directions and statements that were looked at.
    pub claims: usize,
    /// Of these, those that are borne out.
    pub supported: usize,
    /// Checks that could not run, each with the reason.
    pub unable: Vec<Unable>,
    /// The criteria it was judged by.
    pub criteria: String,
    /// The code of the answer's language, where it could be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A check that could not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unable {
    /// Which.
    pub check: String,
    /// Why.
    pub why: String,
}

impl Report {
    /// What to tell the writer: the worst issues, one short line each, marked as the critic's.
    #[must_use]
    pub fn feedback(&self) -> String {
        crate::judgement::feedback(&self.issues)
    }
}
