//! The numbers that stand in an answer, and those that may: what was given, and what its facts hold.

use std::collections::BTreeSet;

use aios_languages::{Asking, asks, folded, language_of_goal};
use aios_work::{Category, Evidence, Issue, Opinion, Severity, When};

/// Numbers of nobody's that are named; more would say nothing new.
const NAMED: usize = 8;

/// The runs of digits in a text with what groups and cuts them; a space ends one, as some languages group by it.
pub(super) fn numerals(text: &str) -> Vec<String> {
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
pub(super) fn seen(text: &str) -> String {
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

/// Every run of digits that an answer may hold.
pub(super) struct Known {
    runs: BTreeSet<String>,
    /// How many more there are than are named may be said too, and that is no more than there are facts.
    facts: usize,
}

impl Known {
    /// What was given, and what the facts say: of which rows, when, in which unit, from which line. How their values are written is for
    /// whoever writes them.
    pub(super) fn of(
        evidence: &Evidence,
        written: impl Fn(f64, Option<&str>) -> Vec<String>,
    ) -> Self {
        let mut known = Self {
            runs: BTreeSet::new(),
            facts: evidence.facts.len(),
        };
        known.learn(&evidence.goal);
        // "third highest": a place that the goal says in letters.
        let said = folded(&evidence.goal);
        let places = asks(language_of_goal(&evidence.goal))
            .map(|asks| asks.find(&said))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|asked| match asked.asking {
                Asking::Ordinal(place) => Some(place.to_string()),
                _ => None,
            });
        known.runs.extend(places);
        let told = evidence.passages.iter().chain(&evidence.measures);
        told.for_each(|told| known.learn(told));
        let of_facts = evidence.facts.iter().flat_map(|fact| &fact.subject);
        for subject in evidence.subjects.iter().chain(of_facts) {
            known.learn(&subject.name);
            known.learn(&subject.kind);
        }
        for fact in &evidence.facts {
            if let Some(value) = fact.value.as_f64() {
                let all = written(value, fact.unit.as_deref());
                all.iter().for_each(|text| known.learn(text));
            }
            fact.value
                .as_str()
                .iter()
                .for_each(|text| known.learn(text));
            fact.unit.iter().for_each(|unit| known.learn(unit));
            known.learn(&fact.source.text);
            match fact.period {
                Some(When::During(period)) => {
                    known.learn(&period.key());
                    let week = super::say::week(&period.key());
                    week.iter().for_each(|week| known.learn(week));
                }
                Some(When::Between { from, to }) => {
                    known.learn(&from.key());
                    known.learn(&to.key());
                }
                Some(When::Undated) | None => {}
            }
            if let Some(line) = fact.source.row {
                known.learn(&line.to_string());
            }
        }
        known
    }

    fn learn(&mut self, text: &str) {
        self.runs.extend(numerals(text));
    }

    fn holds(&self, run: &str) -> bool {
        let counted = || run.parse::<usize>().is_ok_and(|count| count <= self.facts);
        self.runs.contains(run) || counted()
    }

    /// How many of a text's numbers are known, and an issue for each that is nobody's.
    pub(super) fn judge(&self, text: &str) -> Opinion {
        let mut opinion = Opinion::default();
        for run in numerals(text) {
            opinion.claims += 1;
            if self.holds(&run) {
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
        opinion
    }
}

/// The part of a text's numbers that is known.
pub(super) fn accuracy(opinion: &Opinion) -> f64 {
    match opinion.claims {
        0 => 1.0,
        all => opinion.supported as f64 / all as f64,
    }
}
