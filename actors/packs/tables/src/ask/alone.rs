//! Judging an overview that was made of facts: every number in it is one of them or was given.

use aios_languages::english::figures::{exact, readable};
use aios_work::{Category, Evidence, GAPS_HEADING, Opinion};

use super::numerals::{Known, accuracy, seen};

/// Whether an overview says its facts and nothing else; none of one without facts, which nothing here can be said of.
pub(crate) fn overview(text: &str, evidence: &Evidence) -> Option<Opinion> {
    if evidence.facts.is_empty() {
        return None;
    }
    let known = Known::of(evidence, |value, unit| {
        vec![readable(value, unit), exact(value)]
    });
    let gaps = format!("\n{GAPS_HEADING}\n");
    let own = text.split(gaps.as_str()).next().unwrap_or(text);
    let mut opinion = known.judge(&seen(own));
    let accuracy = accuracy(&opinion);
    opinion.scores.push((Category::Accuracy, accuracy));
    Some(opinion)
}
