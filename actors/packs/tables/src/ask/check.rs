//! Judging an answer that was made of facts: every number in it is one of them or was given, and what was asked stands in its first
//! paragraph. Whether the facts are right is for whoever asks again and for the Critic's own reading of the file.

use std::collections::BTreeSet;

use aios_languages::language_of_goal;
use aios_work::{Category, Evidence, Fact, Issue, Opinion, Severity};

use super::numerals::{Known, accuracy, numerals, seen};
use super::say::Speech;
use super::second::{another_figure, untraced};

/// Choices among several readings: an answer that says it made one is not known to be what was meant.
const CHOICES: [&str; 12] = [
    "row_or_value",
    "any_of",
    "several_columns",
    "taken_parts",
    "one_kind",
    "averaged",
    "no_measure",
    "best_is",
    "aside",
    "spelling",
    "last_is",
    "present_is",
];

fn shown(fact: &Fact, speech: &Speech) -> Option<String> {
    Some(speech.number(fact.value.as_f64()?, None))
}

/// Whether an answer says its facts and nothing else.
pub(crate) fn check(text: &str, evidence: &Evidence) -> Opinion {
    let speech = Speech::of(language_of_goal(&evidence.goal));
    let text = seen(text);
    // A year is shown without marks between its digits.
    let known = Known::of(evidence, |value, _| {
        vec![speech.number(value, None), value.to_string()]
    });
    let mut opinion = known.judge(&text);
    // The answer comes first.
    let first = text
        .split("\n\n")
        .find(|part| !part.trim().is_empty() && !part.trim_start().starts_with('#'))
        .unwrap_or_default();
    let said: BTreeSet<String> = numerals(first).into_iter().collect();
    let stated = evidence.facts.iter().any(|fact| {
        let shown = shown(fact, &speech);
        let plain = fact.value.as_str().map(str::to_owned);
        let written = fact.value.as_f64().map(|value| value.to_string());
        let mut all = shown.into_iter().chain(plain).chain(written);
        all.any(|shown| {
            let runs = numerals(&shown);
            // A name without a digit is stated by its letters.
            runs.iter().all(|run| said.contains(run))
                && (!runs.is_empty() || first.contains(&shown))
        })
    });
    let complete = evidence.facts.is_empty() || stated;
    if !complete {
        opinion.issues.push(Issue::new(
            Category::Completeness,
            Severity::Critical,
            "the first paragraph states none of the figures",
            "Begin with the figure that was asked for",
        ));
    }
    let accuracy = accuracy(&opinion);
    if let Some(wanted) =
        another_figure(&evidence.goal, &evidence.facts).filter(|_| !evidence.facts.is_empty())
    {
        opinion.issues.push(Issue::new(
            Category::Accuracy,
            Severity::Critical,
            format!("the goal asks for a {wanted}, and none of the figures is one"),
            "Compute what is asked for",
        ));
    }
    let completeness = if complete { 1.0 } else { 0.0 };
    opinion.scores.push((Category::Completeness, completeness));
    // What a word of the goal changes that nothing here can place, no check can tell: the answer is then not known to be right. Nor is it
    // where it names a choice that it made.
    let mut doubts = untraced(&evidence.goal, &evidence.facts);
    doubts.extend(chosen(&speech, &evidence.passages));
    if accuracy < 1.0 || doubts.is_empty() {
        opinion.scores.push((Category::Accuracy, accuracy));
    } else {
        opinion.issues.push(Issue::new(
            Category::Accuracy,
            Severity::Warning,
            format!("no second reading bears out: {}", doubts.join("; ")),
            "Name the column, value or period that is meant",
        ));
    }
    opinion
}

/// What an answer says it chose.
fn chosen(speech: &Speech, passages: &[String]) -> Vec<String> {
    let chose = |passage: &&String| {
        CHOICES.iter().any(|key| speech.is(key, passage)) || passage.contains(crate::table::HOURS)
    };
    passages.iter().filter(chose).cloned().collect()
}
