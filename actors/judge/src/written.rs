//! The texts of a goal: what a model wrote for it, and what its domain wrote of results.
//!
//! A model's paragraph is held against the goal's sources and the figures that were signed for it, like an answer of anybody. A domain
//! spells its own figures, so that its text and its figures agree says nothing: of such a text it is looked at whether it answers the
//! goal, as this judge reads the goal and the sources by itself.

use std::collections::{BTreeMap, HashSet};

use aios_work::{Category, Evidence, FactKind, GAPS_HEADING, Issue, Opinion, Severity, TextKind};

use crate::criteria::{Criteria, IN_TEXTS};
use crate::explain::Form;
use crate::ground::Ground;
use crate::judge::Looked;
use crate::reading::Reading;

/// What a paragraph is looked at for. Whether it answers all of the goal is not its business but the answer's.
const PARAGRAPH: [&str; 6] = [
    "numbers",
    "contradiction",
    "support",
    "language",
    "tone",
    "duplicates",
];
/// The check that reads one table: of several a domain may have made one that it does not know.
const OF_ONE_TABLE: &str = "coverage";
/// What a domain's text is looked at for: its form is its own, and what it repeats of sources was made harmless by whoever wrote it.
const REPORT: [&str; 3] = ["numbers", "contradiction", "coverage"];

/// What can be said of a text of a goal.
///
/// It speaks of accuracy only where something bears the text out or is wrong with it; where nothing was looked at it says nothing.
#[must_use]
pub fn judge_text(text: &str, ground: &Ground, evidence: &Evidence) -> Opinion {
    if !text.chars().any(char::is_alphanumeric) {
        return nothing_said();
    }
    let ground = ground.for_text(evidence);
    let report = evidence.kind == TextKind::Report;
    let (text, wanted): (&str, &[&str]) = match report {
        true => (own_words(text), &REPORT),
        false => (text, &PARAGRAPH),
    };
    let criteria = Criteria {
        wanted: Some(
            wanted
                .iter()
                .filter(|name| **name != OF_ONE_TABLE || ground.grids.len() < 2)
                .map(|name| (*name).to_owned())
                .collect(),
        ),
        always: if report { &[] } else { IN_TEXTS },
        ..Criteria::default()
    };
    let reading = Reading::new(text, &ground);
    let mut looked = Looked::at(&reading, &criteria, |_| true);
    looked.opinions.push(points(&reading));
    let borne = borne_out(&reading, report) && looked.unable.is_empty();
    together(looked.opinions, borne)
}

/// Whether a source, or for a model's words a signed figure, bears out something of the text.
fn borne_out(reading: &Reading<'_>, report: bool) -> bool {
    let by_source = |form: Form| !matches!(form, Form::Given | Form::Signed);
    let mut claims = reading.claims.iter();
    let numbers = claims.any(|claim| {
        let mut found = claim.found.iter();
        found.any(|found| !report || by_source(found.form))
    });
    numbers || (!report && reading.ground.has_sources())
}

fn nothing_said() -> Opinion {
    let issue = Issue::new(
        Category::Completeness,
        Severity::Critical,
        "the text is empty",
        "Write two or three sentences from the facts",
    );
    Opinion {
        scores: vec![(Category::Completeness, 0.0)],
        issues: vec![issue],
        ..Opinion::default()
    }
}

/// Opinions as one. Accuracy is spoken of if something is wrong with it or `borne` says that something bears it out.
fn together(opinions: Vec<Opinion>, borne: bool) -> Opinion {
    let mut all = Opinion::default();
    let mut scores: BTreeMap<Category, f64> = BTreeMap::new();
    for opinion in opinions {
        for (category, score) in opinion.scores {
            let least = scores.entry(category).or_insert(1.0);
            *least = least.min(score);
        }
        all.issues.extend(opinion.issues);
        all.claims += opinion.claims;
        all.supported += opinion.supported;
    }
    let told = scores
        .into_iter()
        .filter(|(category, score)| *category != Category::Accuracy || borne || *score < 1.0);
    all.scores = told.collect();
    all
}

/// Which of the plan's points the text covers: each names the kinds of figures, or the words, of which one says it.
fn points(reading: &Reading<'_>) -> Opinion {
    let ground = reading.ground;
    if ground.points.is_empty() {
        return Opinion::default();
    }
    let stated: HashSet<usize> = reading
        .claims
        .iter()
        .flat_map(|claim| claim.signed.iter().copied())
        .collect();
    let said: HashSet<&str> = reading
        .texts
        .iter()
        .flat_map(|text| text.stems.iter().map(|(_, stem)| stem.as_str()))
        .collect();
    let told = |kind: &FactKind| {
        let mut facts = stated.iter().filter_map(|at| ground.facts.get(*at));
        facts.any(|signed| kind.holds(&signed.fact))
    };
    let uses = |words: &String| {
        let wanted = ground.read(words, &reading.lexicon);
        !wanted.stems.is_empty()
            && wanted
                .stems
                .iter()
                .all(|(_, stem)| said.contains(stem.as_str()))
    };
    let missing = ground
        .points
        .iter()
        .filter(|point| !point.facts.iter().any(told) && !point.words.iter().any(uses));
    let issues: Vec<Issue> = missing
        .map(|point| {
            let mut issue = Issue::new(
                Category::Completeness,
                Severity::Warning,
                format!("the text does not say: {}", point.asks),
                format!("Add {}", point.asks),
            );
            issue.check = Some("points".to_owned());
            issue
        })
        .collect();
    let all = ground.points.len();
    Opinion {
        scores: vec![(
            Category::Completeness,
            (all - issues.len()) as f64 / all as f64,
        )],
        issues,
        ..Opinion::default()
    }
}

/// A report without its title, which is the goal's words, and without its gaps, which are the runtime's.
fn own_words(text: &str) -> &str {
    let body = match text.strip_prefix("# ") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, body)| body),
        None => text,
    };
    let gaps = format!("\n{GAPS_HEADING}\n");
    body.split(gaps.as_str()).next().unwrap_or(body)
}
