//! What a critic says: five dimensions, issues, one verdict.
//!
//! Weights and thresholds are the contract's: relevance, clarity and accuracy weigh 0.25 each, completeness 0.15, tone 0.10; a mean of
//! 0.85 passes, below 0.60 it is rejected. Two rules stand above the mean: what has a critical issue is never approved, and neither is
//! what has a dimension below one half.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::goal::quoted;

/// At least this mean passes.
pub const PASS: f64 = 0.85;
/// Below this mean a text is rejected.
pub const REJECT: f64 = 0.60;
/// A dimension below this keeps a text from being approved, whatever the mean.
pub const FLOOR: f64 = 0.50;
/// Stands before everything that is said to a writer: no answer may hold it.
pub const FEEDBACK_MARK: &str = "[[critic]]";
/// How often a text is written again before an honest partial answer.
pub const REGENERATIONS: u32 = 2;

/// Five values between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Dimensions {
    /// Whether it is about what was asked.
    pub relevance: f64,
    /// Whether it reads well.
    pub clarity: f64,
    /// Whether its numbers and directions are those of the facts.
    pub accuracy: f64,
    /// Whether it says all that was asked.
    pub completeness: f64,
    /// Whether its manner fits a report.
    pub tone: f64,
}

impl Dimensions {
    /// All ones.
    pub const FULL: Self = Self {
        relevance: 1.0,
        clarity: 1.0,
        accuracy: 1.0,
        completeness: 1.0,
        tone: 1.0,
    };

    /// The weighted mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        0.25 * self.relevance
            + 0.25 * self.clarity
            + 0.25 * self.accuracy
            + 0.15 * self.completeness
            + 0.10 * self.tone
    }

    /// One of them.
    pub fn get_mut(&mut self, category: Category) -> &mut f64 {
        match category {
            Category::Accuracy => &mut self.accuracy,
            Category::Completeness => &mut self.completeness,
            Category::Relevance => &mut self.relevance,
            Category::Clarity => &mut self.clarity,
            Category::Tone => &mut self.tone,
        }
    }

    /// Each with its name, as reports show them.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<String, f64> {
        [
            ("relevance", self.relevance),
            ("clarity", self.clarity),
            ("accuracy", self.accuracy),
            ("completeness", self.completeness),
            ("tone", self.tone),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// The smallest.
    #[must_use]
    pub fn least(&self) -> f64 {
        self.relevance
            .min(self.clarity)
            .min(self.accuracy)
            .min(self.completeness)
            .min(self.tone)
    }
}

/// The dimensions and their mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Weighted mean, 0 to 1.
    pub overall: f64,
    /// What it is the mean of.
    pub dimensions: Dimensions,
}

impl From<Dimensions> for Score {
    fn from(dimensions: Dimensions) -> Self {
        Self {
            overall: dimensions.mean(),
            dimensions,
        }
    }
}

/// What follows from a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may leave.
    Approved,
    /// It may leave, with its warnings beside it.
    ApprovedWithWarnings,
    /// It goes back once more with feedback.
    NeedsRevision,
    /// It must be made anew.
    Rejected,
}

impl Verdict {
    /// Whether it may leave.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::Approved | Self::ApprovedWithWarnings)
    }

    /// The name used in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::ApprovedWithWarnings => "approved-with-warnings",
            Self::NeedsRevision => "needs-revision",
            Self::Rejected => "rejected",
        }
    }
}

/// Where an issue belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// A number or direction.
    Accuracy,
    /// Something missing.
    Completeness,
    /// Off the topic.
    Relevance,
    /// Hard to read.
    Clarity,
    /// Unsuitable manner.
    Tone,
}

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Warning,
    /// Costs score.
    Error,
    /// Keeps the text from being approved, whatever its mean.
    Critical,
}

/// One thing wrong with a text or result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Where it belongs.
    pub category: Category,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub description: String,
    /// What to do about it.
    pub suggestion: String,
    /// The words it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The line of the text it is on, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What is known that shows it: a figure with its description, the words of a source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The check that found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

impl Issue {
    /// An issue without a location.
    #[must_use]
    pub fn new(
        category: Category,
        severity: Severity,
        description: impl Into<String>,
        suggestion: impl Into<String>,
    ) -> Self {
        Self {
            category,
            severity,
            description: description.into(),
            suggestion: suggestion.into(),
            location: None,
            line: None,
            evidence: None,
            check: None,
        }
    }

    /// The same issue at some words, shortened.
    #[must_use]
    pub fn at(mut self, words: &str) -> Self {
        self.location = Some(quoted(words, 120));
        self
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// How good it is.
    pub score: Score,
    /// What follows.
    pub verdict: Verdict,
    /// What is wrong, worst first.
    pub issues: Vec<Issue>,
    /// Numeric claims found.
    pub claims: usize,
    /// Of these, claims that a fact bears out.
    pub supported: usize,
    /// Whether any check looked at accuracy. What nobody checked is not known to be right.
    pub checked: bool,
}

impl Assessment {
    /// Draws the verdict from dimensions and issues.
    #[must_use]
    pub fn draw(
        dimensions: Dimensions,
        mut issues: Vec<Issue>,
        claims: usize,
        supported: usize,
    ) -> Self {
        issues.sort_by_key(|issue| std::cmp::Reverse(issue.severity));
        let score = Score::from(dimensions);
        let worst = issues.first().map(|issue| issue.severity);
        // The sum of weights carries binary dust; a mean of exactly 0.85 passes.
        let verdict = if score.overall + 1e-9 < REJECT {
            Verdict::Rejected
        } else if score.overall + 1e-9 < PASS
            || worst == Some(Severity::Critical)
            || dimensions.least() < FLOOR
        {
            Verdict::NeedsRevision
        } else if issues.is_empty() {
            Verdict::Approved
        } else {
            Verdict::ApprovedWithWarnings
        };
        Self {
            score,
            verdict,
            issues,
            claims,
            supported,
            checked: true,
        }
    }

    /// What to tell the writer: the worst issues, one short line each. Each is marked, so that a writer who repeats it instead of writing
    /// is found out.
    #[must_use]
    pub fn feedback(&self) -> String {
        feedback(&self.issues)
    }
}

/// The worst issues, one short line each, marked as the critic's.
pub(crate) fn feedback(issues: &[Issue]) -> String {
    let lines = issues.iter().take(4).map(|issue| {
        let place = issue
            .location
            .as_ref()
            .map(|words| format!(" ({words})"))
            .unwrap_or_default();
        format!(
            "- {FEEDBACK_MARK} {}{place}. {}.",
            issue.description, issue.suggestion
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(
        relevance: f64,
        clarity: f64,
        accuracy: f64,
        completeness: f64,
        tone: f64,
        worst: Option<Severity>,
    ) -> Verdict {
        let dimensions = Dimensions {
            relevance,
            clarity,
            accuracy,
            completeness,
            tone,
        };
        let issues = worst.map(|severity| Issue::new(Category::Accuracy, severity, "x", "y"));
        Assessment::draw(dimensions, issues.into_iter().collect(), 0, 0).verdict
    }

    #[test]
    fn verdicts_follow_weights_thresholds_and_the_two_hard_rules() {
        use Severity::{Critical, Warning};
        use Verdict::{Approved, ApprovedWithWarnings, NeedsRevision, Rejected};
        let cases = [
            (drawn(1.0, 1.0, 1.0, 1.0, 1.0, None), Approved),
            (
                drawn(1.0, 1.0, 1.0, 1.0, 1.0, Some(Warning)),
                ApprovedWithWarnings,
            ),
            (
                drawn(1.0, 1.0, 1.0, 1.0, 1.0, Some(Critical)),
                NeedsRevision,
            ),
            (drawn(0.85, 0.85, 0.85, 0.85, 0.85, None), Approved),
            (drawn(0.84, 0.85, 0.85, 0.85, 0.85, None), NeedsRevision),
            (drawn(1.0, 1.0, 1.0, 1.0, 0.49, None), NeedsRevision),
            (drawn(0.6, 0.6, 0.6, 0.6, 0.6, None), NeedsRevision),
            (drawn(0.6, 0.6, 0.59, 0.6, 0.6, None), Rejected),
            (drawn(0.0, 0.0, 0.0, 1.0, 1.0, None), Rejected),
        ];
        for (index, (verdict, expected)) in cases.into_iter().enumerate() {
            assert_eq!(verdict, expected, "case {index}");
        }
    }
}
