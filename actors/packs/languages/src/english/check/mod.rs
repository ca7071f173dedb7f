//! Judging prose against facts, in English: what the numbers say, what is missing, how it reads.
//!
//! A text is judged against facts, never by a model's opinion. Each rule is pure.

mod accuracy;
#[cfg(test)]
mod cases;
mod claims;
mod clarity;
mod completeness;
mod fit;
pub(super) mod known;
mod numerals;
mod relevance;
mod scope;
mod statements;
mod tone;

use std::borrow::Cow;

use aios_work::shown::read_markdown;
use aios_work::{
    Assessment, Category, Check, Evidence, GAPS_HEADING, Issue, Judged, Opinion, Severity,
    TextKind, Vectors,
};

/// Judges English prose against the facts it may state.
#[derive(Debug, Clone, Copy, Default)]
pub struct English;

impl Check for English {
    fn name(&self) -> &str {
        "english"
    }

    fn check(&self, work: &Judged<'_>) -> Option<Opinion> {
        match work {
            // Sentences that were made of facts are no prose, and may be of any language.
            Judged::Text { evidence, .. } if evidence.made => None,
            Judged::Text {
                text,
                evidence,
                vectors,
            } => Some(read(text, evidence, *vectors)),
            Judged::Result { .. } => None,
        }
    }
}

/// Judges a text by this check alone.
#[must_use]
pub fn assess(text: &str, evidence: &Evidence, vectors: Option<Vectors<'_>>) -> Assessment {
    Assessment::of([read(text, evidence, vectors)])
}

fn read(text: &str, evidence: &Evidence, vectors: Option<Vectors<'_>>) -> Opinion {
    let scores = |[relevance, clarity, accuracy, completeness, tone]: [f64; 5]| {
        vec![
            (Category::Relevance, relevance),
            (Category::Clarity, clarity),
            (Category::Accuracy, accuracy),
            (Category::Completeness, completeness),
            (Category::Tone, tone),
        ]
    };
    if !text.chars().any(char::is_alphanumeric) {
        let issue = Issue::new(
            Category::Completeness,
            Severity::Critical,
            "the text is empty",
            "Write two or three sentences from the facts",
        );
        return Opinion {
            scores: scores([0.0; 5]),
            issues: vec![issue],
            ..Opinion::default()
        };
    }
    // A report is judged by what its reader sees.
    let text = &match evidence.kind {
        TextKind::Report => Cow::Owned(read_markdown(own_words(text))),
        TextKind::Paragraph => Cow::Borrowed(text),
    };
    let checked = accuracy::check(text, evidence);
    let (completeness, missing) = completeness::check(text, evidence, &checked.stated);
    let (relevance, astray) = relevance::check(text, evidence, vectors, checked.supported);
    let (clarity, unclear) = clarity::check(text, evidence);
    let (tone, unsuitable) = tone::check(text);
    let mut issues = checked.issues;
    for more in [missing, astray, unclear, unsuitable] {
        issues.extend(more);
    }
    Opinion {
        scores: scores([relevance, clarity, checked.score, completeness, tone]),
        issues,
        claims: checked.claims,
        supported: checked.supported,
    }
}

/// A report without its title, which is the goal's words, and without its gaps.
fn own_words(text: &str) -> &str {
    let body = match text.strip_prefix("# ") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, body)| body),
        None => text,
    };
    let gaps = format!("\n{GAPS_HEADING}\n");
    body.split(gaps.as_str()).next().unwrap_or(body)
}
