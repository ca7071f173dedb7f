//! What an answer is looked at for. Each check is one file; none knows another.

mod contradiction;
mod coverage;
mod decision;
mod duplicates;
mod forbidden;
mod form;
mod injection;
mod language;
mod markup;
mod numbers;
mod quotes;
mod readability;
mod support;
mod tone;
mod truncation;

use aios_work::{Category, Issue, Severity};

use crate::criteria::Criteria;
use crate::reading::Reading;

/// Something an answer is looked at for.
pub(crate) trait Look: Send + Sync {
    /// What it is called in criteria and reports.
    fn name(&self) -> &'static str;

    /// The dimension it speaks of.
    fn dimension(&self) -> Category;

    /// What it finds.
    fn look(&self, reading: &Reading<'_>, criteria: &Criteria) -> Finding;
}

/// What came of a look.
#[derive(Debug, Default)]
pub(crate) struct Finding {
    /// What is wrong.
    pub issues: Vec<Issue>,
    /// Why it could not look, if so.
    pub unable: Option<String>,
    /// Things it looked at, and those of them that are borne out; both 0 where it only looks for faults.
    pub claims: usize,
    /// See above.
    pub supported: usize,
}

impl Finding {
    /// It could not look.
    fn unable(why: impl Into<String>) -> Self {
        Self {
            unable: Some(why.into()),
            ..Self::default()
        }
    }

    fn of(issues: impl IntoIterator<Item = Issue>) -> Self {
        Self {
            issues: issues.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Every check that came with this build, in the order of their reports.
pub(crate) const LOOKS: [&dyn Look; 14] = [
    &markup::Markup,
    &truncation::Truncation,
    &injection::Injection,
    &forbidden::Forbidden,
    &form::Form,
    &language::Language,
    &numbers::Numbers,
    &contradiction::Contradiction,
    &support::Support,
    &quotes::Quotes,
    &coverage::Coverage,
    &tone::Tone,
    &readability::Readability,
    &duplicates::Duplicates,
];

/// An issue at the words of a piece.
fn at(
    reading: &Reading<'_>,
    piece: usize,
    category: Category,
    severity: Severity,
    what: impl Into<String>,
    advice: &str,
) -> Issue {
    let own = &reading.answer.pieces[piece];
    let mut issue = Issue::new(category, severity, what, advice).at(&own.text);
    issue.line = u32::try_from(own.line).ok();
    issue
}
