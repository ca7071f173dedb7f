//! Checks: what a pack, or a stranger, has to say about a piece of work.

use serde_json::Value;

use crate::{Assessment, Category, Dimensions, Evidence, Issue, Task, ToolOutput};

/// A piece of work that is judged.
#[derive(Debug, Clone, Copy)]
pub enum Judged<'a> {
    /// Prose, against the facts it may state.
    Text {
        /// The text.
        text: &'a str,
        /// What it is judged against.
        evidence: &'a Evidence,
    },
    /// What a tool gave.
    Result {
        /// The task it was called for, with the arguments it was called with.
        task: &'a Task,
        /// What it gave.
        output: &'a ToolOutput,
        /// What the task's `recheck` gave, if it has one.
        again: Option<&'a Value>,
        /// The bytes of each file the result names, in their order; none of one that cannot be read.
        files: &'a [Option<Vec<u8>>],
    },
}

/// What one check found: what it says of the dimensions it looks at, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opinion {
    /// Each dimension it looked at, with a score from 0 to 1.
    pub scores: Vec<(Category, f64)>,
    /// What is wrong.
    pub issues: Vec<Issue>,
    /// Numeric claims it found.
    pub claims: usize,
    /// Of these, claims that a fact bears out.
    pub supported: usize,
}

/// A rule by which work is judged. Pure: what it needs of the world is handed to it.
pub trait Check: Send + Sync {
    /// What it is called: each issue that it finds is reported with it.
    fn name(&self) -> &str;

    /// What it finds; none if it has nothing to say about this kind of work.
    fn check(&self, work: &Judged<'_>) -> Option<Opinion>;
}

impl Assessment {
    /// Puts opinions together: of two on one dimension the lower one counts, so that a check can only take away. A dimension that nobody
    /// looked at is not marked down.
    #[must_use]
    pub fn of(opinions: impl IntoIterator<Item = Opinion>) -> Self {
        let mut dimensions = Dimensions::FULL;
        let (mut issues, mut claims, mut supported) = (Vec::new(), 0, 0);
        let mut checked = false;
        for opinion in opinions {
            for (category, score) in opinion.scores {
                checked |= category == Category::Accuracy;
                let so_far = dimensions.get_mut(category);
                // What is no number is nothing.
                *so_far = so_far.min(if score.is_nan() { 0.0 } else { score });
            }
            issues.extend(opinion.issues);
            claims += opinion.claims;
            supported += opinion.supported;
        }
        Self {
            checked,
            ..Self::draw(dimensions, issues, claims, supported)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Severity, Verdict};

    fn opinion(scores: &[(Category, f64)], worst: Option<Severity>) -> Opinion {
        Opinion {
            scores: scores.to_vec(),
            issues: worst
                .map(|severity| Issue::new(Category::Accuracy, severity, "x", "y"))
                .into_iter()
                .collect(),
            ..Opinion::default()
        }
    }

    #[test]
    fn a_check_takes_away_and_never_lifts() {
        use Category::{Accuracy, Tone};
        let cases = [
            (vec![], Verdict::Approved, false),
            (
                vec![opinion(&[(Tone, 1.0)], None)],
                Verdict::Approved,
                false,
            ),
            (
                vec![opinion(&[(Accuracy, 1.0)], None)],
                Verdict::Approved,
                true,
            ),
            (
                vec![
                    opinion(&[(Accuracy, 0.4)], None),
                    opinion(&[(Accuracy, 1.0)], None),
                ],
                Verdict::NeedsRevision,
                true,
            ),
            (
                vec![opinion(&[(Accuracy, f64::NAN)], None)],
                Verdict::NeedsRevision,
                true,
            ),
            (
                vec![opinion(&[(Accuracy, 1.0)], Some(Severity::Critical))],
                Verdict::NeedsRevision,
                true,
            ),
        ];
        for (opinions, verdict, checked) in cases {
            let shown = format!("{opinions:?}");
            let drawn = Assessment::of(opinions);
            assert_eq!(
                (drawn.verdict, drawn.checked),
                (verdict, checked),
                "{shown}"
            );
        }
    }
}
