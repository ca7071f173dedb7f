//! Completeness: which of the asked points a text covers.

use std::collections::BTreeSet;

use crate::english::prose::{content_stems, stem};
use aios_work::{Category, Evidence, FactKind, Issue, Severity};

/// Covered share of the points, 1 when none was asked, with an issue for each that is missing.
#[must_use]
pub(super) fn check(
    text: &str,
    evidence: &Evidence,
    stated: &BTreeSet<usize>,
) -> (f64, Vec<Issue>) {
    if evidence.points.is_empty() {
        return (1.0, Vec::new());
    }
    let stems: BTreeSet<String> = content_stems(text).into_iter().collect();
    let told = |kind: &FactKind| {
        let mut facts = stated.iter().filter_map(|at| evidence.facts.get(*at));
        facts.any(|fact| kind.holds(fact))
    };
    let mut issues = Vec::new();
    for point in &evidence.points {
        let covered = point.facts.iter().any(told)
            || point.words.iter().any(|word| stems.contains(&stem(word)));
        if !covered {
            issues.push(Issue::new(
                Category::Completeness,
                Severity::Warning,
                format!("the text does not say: {}", point.asks),
                format!("Add {}", point.asks),
            ));
        }
    }
    let covered = evidence.points.len() - issues.len();
    (covered as f64 / evidence.points.len() as f64, issues)
}
