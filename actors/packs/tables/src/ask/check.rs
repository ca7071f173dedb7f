//! Judging an answer that was made of facts: every number in it is one of them or was given, and what was asked stands in its first
//! paragraph. Whether the facts are right is for whoever asks again and for the Critic's own reading of the file.

use std::collections::BTreeSet;

use aios_languages::language_of_goal;
use aios_work::{Category, Evidence, Fact, Issue, Opinion, Severity, When};

use super::say::Speech;

/// The runs of digits in a text with what groups and cuts them; a space ends one, as some languages group by it.
fn numerals(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut open = String::new();
    for c in text.chars().chain([' ']) {
        let inside = c.is_ascii_digit() || (!open.is_empty() && matches!(c, '.' | ','));
        if inside {
            open.push(c);
        } else if !open.is_empty() {
            let run = open.trim_end_matches(['.', ',']).to_owned();
            open.clear();
            out.push(run);
        }
    }
    out
}

/// What a reader sees: without the title, which is the goal, without statements, and without drawings, which are judged by themselves.
fn seen(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && at > 0 && !line.starts_with("![") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn shown(fact: &Fact, speech: &Speech) -> Option<String> {
    Some(speech.number(fact.value.as_f64()?, None))
}

/// Whether an answer says its facts and nothing else.
pub(crate) fn check(text: &str, evidence: &Evidence) -> Opinion {
    let speech = Speech::of(language_of_goal(&evidence.goal));
    let text = seen(text);
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut learn = |text: &str| known.extend(numerals(text));
    learn(&evidence.goal);
    evidence.passages.iter().for_each(|passage| learn(passage));
    evidence.measures.iter().for_each(|measure| learn(measure));
    for fact in &evidence.facts {
        shown(fact, &speech).iter().for_each(|shown| learn(shown));
        fact.value.as_str().iter().for_each(|text| learn(text));
        fact.subject.iter().for_each(|subject| {
            learn(&subject.name);
            learn(&subject.kind);
        });
        fact.unit.iter().for_each(|unit| learn(unit));
        learn(&fact.source.text);
        match fact.period {
            Some(When::During(period)) => {
                learn(&period.key());
                super::say::week(&period.key())
                    .iter()
                    .for_each(|week| learn(week));
            }
            Some(When::Between { from, to }) => {
                learn(&from.key());
                learn(&to.key());
            }
            Some(When::Undated) | None => {}
        }
        if let Some(line) = fact.source.row {
            learn(&line.to_string());
        }
    }
    // How many more there are than are named.
    let counted = |run: &String| {
        run.parse::<usize>()
            .is_ok_and(|count| count <= evidence.facts.len())
    };
    let (mut right, mut all) = (0, 0);
    let mut issues = Vec::new();
    for run in numerals(&text) {
        all += 1;
        if known.contains(&run) || counted(&run) {
            right += 1;
        } else if issues.len() < 8 {
            issues.push(Issue::new(
                Category::Accuracy,
                Severity::Critical,
                format!("{run} is in the answer and in none of its facts"),
                "State facts alone",
            ));
        }
    }
    // The answer comes first.
    let first = text
        .split("\n\n")
        .find(|part| !part.trim().is_empty() && !part.trim_start().starts_with('#'))
        .unwrap_or_default();
    let said: BTreeSet<String> = numerals(first).into_iter().collect();
    let stated = evidence.facts.iter().any(|fact| {
        let shown = shown(fact, &speech);
        shown.is_some_and(|shown| numerals(&shown).iter().all(|run| said.contains(run)))
    });
    let complete = evidence.facts.is_empty() || stated;
    if !complete {
        issues.push(Issue::new(
            Category::Completeness,
            Severity::Critical,
            "the first paragraph states none of the figures",
            "Begin with the figure that was asked for",
        ));
    }
    let accuracy = if all == 0 {
        1.0
    } else {
        f64::from(right) / f64::from(all)
    };
    Opinion {
        scores: vec![
            (Category::Accuracy, accuracy),
            (Category::Completeness, if complete { 1.0 } else { 0.0 }),
        ],
        issues,
        claims: all as usize,
        supported: right as usize,
    }
}
