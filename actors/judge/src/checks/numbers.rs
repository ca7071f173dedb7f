//! Each figure with its subject, statistic, unit and period has a source: a signed fact, a cell, a figure over rows, a document's words.

use aios_work::{Category, Issue, Severity};

use super::{Finding, Look, at};
use crate::criteria::Criteria;
use crate::reading::{Claim, Reading};

pub(crate) struct Numbers;

impl Look for Numbers {
    fn name(&self) -> &'static str {
        "numbers"
    }

    fn dimension(&self) -> Category {
        Category::Accuracy
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let claims: Vec<&Claim> = reading.claims.iter().filter(|claim| !claim.casual || !claim.found.is_empty()).collect();
        if reading.ground.is_bare() {
            let left = claims.iter().filter(|claim| claim.found.is_empty() && !claim.casual).count();
            return match (left, reading.ground.unread.first()) {
                (_, Some(why)) => Finding::unable(why.clone()),
                (0, None) => Finding::default(),
                (_, None) => Finding::unable("there is no source to compare the figures with; give one with the goal"),
            };
        }
        let mut finding = Finding { claims: claims.len(), ..Finding::default() };
        for claim in claims {
            if claim.found.is_empty() || claim.against.is_some() {
                finding.issues.push(wrong(reading, claim));
            } else {
                finding.supported += 1;
            }
        }
        finding
    }
}

fn wrong(reading: &Reading<'_>, claim: &Claim) -> Issue {
    let shown = reading.shown(claim);
    if let Some(against) = &claim.against {
        let mut issue = at(reading, claim.piece, Category::Accuracy, Severity::Critical, format!("{shown} is not what the source says here"), "State what the source says of this");
        issue.evidence = Some(aios_work::quoted(against, 200));
        return issue;
    }
    let mut issue = at(reading, claim.piece, Category::Accuracy, Severity::Critical, format!("{shown} follows from nothing that is known"), "Use only figures that the sources give or that follow from them");
    // The nearest figure of the description is most likely the one that was meant.
    let value = reading.number(claim).value().abs();
    let nearest = claim.instead.iter().min_by(|a, b| (a.1.abs() - value).abs().total_cmp(&(b.1.abs() - value).abs()));
    issue.evidence = nearest.map(|(what, value)| format!("{what}: {}", readable(*value)));
    issue
}

/// A value as people read it: at most six digits behind the point.
fn readable(value: f64) -> String {
    let shown = format!("{value:.6}");
    match shown.contains('.') {
        true => shown.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => shown,
    }
}
