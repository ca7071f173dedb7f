//! Judging an overview that was made of facts: every number in it is one of them or was given.

use std::collections::BTreeSet;

use aios_languages::english::figures::{exact, readable};
use aios_work::{Category, Evidence, GAPS_HEADING, Issue, Opinion, Severity};

use super::check::{numerals, seen, words_of};

/// Numbers without a fact that are named; more would say nothing new.
const NAMED: usize = 8;

/// Whether an overview says its facts and nothing else; none of one without facts, which nothing here can be said of.
pub(crate) fn overview(text: &str, evidence: &Evidence) -> Option<Opinion> {
    if evidence.facts.is_empty() {
        return None;
    }
    let known = known(evidence);
    let gaps = format!("\n{GAPS_HEADING}\n");
    let own = text.split(gaps.as_str()).next().unwrap_or(text);
    // How many more there are than are named.
    let counted = |run: &String| {
        run.parse::<usize>()
            .is_ok_and(|count| count <= evidence.facts.len())
    };
    let mut opinion = Opinion::default();
    for run in numerals(&seen(own)) {
        opinion.claims += 1;
        if known.contains(&run) || counted(&run) {
            opinion.supported += 1;
        } else if opinion.issues.len() < NAMED {
            opinion.issues.push(Issue::new(
                Category::Accuracy,
                Severity::Critical,
                format!("{run} is in the answer and in none of its facts"),
                "State facts alone",
            ));
        }
    }
    let accuracy = match opinion.claims {
        0 => 1.0,
        all => opinion.supported as f64 / all as f64,
    };
    opinion.scores.push((Category::Accuracy, accuracy));
    Some(opinion)
}

/// Every run of digits that an overview may hold.
fn known(evidence: &Evidence) -> BTreeSet<String> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut learn = |text: &str| known.extend(numerals(text));
    learn(&evidence.goal);
    let told = evidence.passages.iter().chain(&evidence.measures);
    told.for_each(|told| learn(told));
    for subject in &evidence.subjects {
        learn(&subject.name);
        learn(&subject.kind);
    }
    for fact in &evidence.facts {
        if let Some(value) = fact.value.as_f64() {
            learn(&readable(value, fact.unit.as_deref()));
            learn(&exact(value));
        }
        words_of(fact, &mut learn);
    }
    known
}
