//! Accuracy: every numeric claim is looked up in the facts, with the subject, period, measure, statistic, unit and direction its
//! clause gives it.
//!
//! A claim is *supported* when a fact of that description has its value within the rounding shown; *contradicted* when such a fact
//! exists with another value; otherwise *unsupported*. The last two are critical alike: a number without a source is not delivered.

use std::collections::BTreeSet;

use aios_work::{Statistic, Value};

use super::claims::{Claim, Shape, claims};
use super::fit::{fits_unit, same, same_size, within};
use super::known::{Known, Library, place_of};
use super::scope::{About, MarkedText};
use super::statements::{direction_at, statements};
use crate::english::figures::readable;
use crate::english::mention::mentions;
use crate::english::naming::name;
use crate::english::prose::{content_stems, has_phrase, last_word, sentences};
use aios_work::{Category, Evidence, Issue, Severity};

/// What the check found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checked {
    /// Supported share of everything checkable that was said; 1 when nothing was.
    pub score: f64,
    /// What is wrong.
    pub issues: Vec<Issue>,
    /// Numeric claims.
    pub claims: usize,
    /// Of these, supported ones.
    pub supported: usize,
    /// The facts that were stated, by their places in the evidence.
    pub stated: BTreeSet<usize>,
}

/// Checks every claim of a text.
#[must_use]
pub(super) fn check(text: &str, evidence: &Evidence) -> Checked {
    let library = Library::new(evidence);
    let reading = MarkedText::new(text, &library, evidence);
    let mut issues = Vec::new();
    let mut stated = BTreeSet::new();
    let mut supported = 0;
    for (index, claim) in reading.claims.iter().enumerate() {
        match reading.judge(index, claim) {
            Ok(facts) => {
                supported += 1;
                stated.extend(facts);
            }
            Err(issue) => issues.push(*issue),
        }
    }
    let mut said = reading.claims.len();
    for found in statements(&reading) {
        said += 1;
        issues.push(found);
    }
    for issue in reading.astray(evidence) {
        said += 1;
        issues.push(issue);
    }
    for (at, fact) in evidence.facts.iter().enumerate() {
        if let Value::Text(value) = &fact.value
            && value.chars().count() > 2
            && has_phrase(text, value)
        {
            stated.insert(at);
        }
    }
    let wrong = issues.len();
    let score = if said == 0 {
        1.0
    } else {
        said.saturating_sub(wrong) as f64 / said as f64
    };
    Checked {
        score,
        issues,
        claims: reading.claims.len(),
        supported,
        stated,
    }
}

impl MarkedText<'_> {
    /// The facts that bear a claim out, or why there are none.
    fn judge(&self, index: usize, claim: &Claim) -> Result<Vec<usize>, Box<Issue>> {
        let about = self.about(index, claim);
        let clause = self.clause_of(claim);
        let direction = direction_at(&self.bare, clause, claim);
        let shown = claim.place.of(self.text);
        let place = self.sentence_of(claim.place.start).1.of(self.text).trim();
        if let Some(at) = self.reference(claim) {
            return Ok(vec![at]);
        }
        if claim.shape == Shape::Ratio {
            return self.judge_ratio(claim, &about, place);
        }
        let fits_value = |known: &Known<'_>| same(claim, known, direction);
        let said = self.said(claim, clause);
        let described: Vec<&Known<'_>> = self
            .library
            .known
            .iter()
            .filter(|known| self.describes(known, &said, &about))
            .collect();
        let right: Vec<&Known<'_>> = described
            .iter()
            .copied()
            .filter(|known| fits_value(known) && fits_unit(claim, known))
            .collect();
        if !right.is_empty() {
            return Ok(right.iter().map(|known| known.at).collect());
        }
        if self.in_passages(claim) {
            return Ok(Vec::new());
        }
        let critical = |description: String, suggestion: String| {
            let issue = Issue::new(
                Category::Accuracy,
                Severity::Critical,
                description,
                suggestion,
            );
            Box::new(issue.at(place))
        };
        if let Some(known) = described.iter().find(|known| fits_value(known)) {
            let unit = known.fact.unit.as_deref().unwrap_or("no unit");
            return Err(critical(
                format!("{shown} has the wrong unit"),
                format!("{} is given in {unit}", name(known.fact)),
            ));
        }
        if let Some(known) = described
            .iter()
            .find(|known| same(claim, known, None) || same_size(claim, known))
        {
            return Err(critical(
                format!("{shown} has the wrong direction"),
                format!("Say that {} is {}", name(known.fact), shown_fact(known)),
            ));
        }
        // Which fact was meant: of those described, the nearest one of the same kind.
        let distance = |known: &Known<'_>| (known.value.abs() - claim.value.abs()).abs();
        let kind = |known: &&&Known<'_>| known.is_percent() == (claim.shape == Shape::Percent);
        if let Some(meant) = described
            .iter()
            .filter(kind)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        {
            let owner = self
                .library
                .known
                .iter()
                .find(|known| same(claim, known, None) && fits_unit(claim, known));
            let whose = owner
                .map(|known| format!(" ({shown} is {})", name(known.fact)))
                .unwrap_or_default();
            return Err(critical(
                format!("{shown} contradicts the data"),
                format!("{} is {}{whose}", name(meant.fact), shown_fact(meant)),
            ));
        }
        Err(critical(
            format!("{shown} is in none of the facts"),
            "Use only numbers that the facts give".to_owned(),
        ))
    }

    /// "line 7": a number that says where in the file a fact stands.
    fn reference(&self, claim: &Claim) -> Option<usize> {
        let head = self.lower.get(..claim.place.start)?;
        let word =
            last_word(head).filter(|word| head.get(word.end..).is_some_and(|gap| gap == " "))?;
        let row = (word.text == "line")
            .then(|| claim.place.of(self.text).parse::<u64>().ok())
            .flatten()?;
        let known = self.library.known.iter();
        known
            .filter(|known| known.fact.source.row == Some(row))
            .map(|known| known.at)
            .next()
    }

    /// "doubled": some growth of that ratio must exist in the period named.
    fn judge_ratio(
        &self,
        claim: &Claim,
        about: &About,
        place: &str,
    ) -> Result<Vec<usize>, Box<Issue>> {
        let factor = |known: &Known<'_>| 1.0 + known.value / 100.0;
        let right: Vec<&Known<'_>> = self
            .library
            .known
            .iter()
            .filter(|known| {
                *known.statistic == Statistic::Growth
                    && (factor(known) - claim.value).abs() <= claim.tolerance
            })
            .filter(|known| {
                self.fits_periods(known, &about.periods)
                    && self.fits_subjects(known, &about.subjects, true)
            })
            .collect();
        let ratios = self
            .library
            .known
            .iter()
            .filter(|known| *known.statistic == Statistic::Ratio && within(claim, known.value));
        let borne_out: Vec<usize> = right
            .into_iter()
            .chain(ratios)
            .map(|known| known.at)
            .collect();
        if !borne_out.is_empty() {
            return Ok(borne_out);
        }
        let shown = claim.place.of(self.text);
        let issue = Issue::new(
            Category::Accuracy,
            Severity::Critical,
            format!("no growth in the facts bears out {shown:?}"),
            "Give the growth as the facts have it",
        );
        Err(Box::new(issue.at(place)))
    }

    /// Whether a source text has the number, in a sentence that shares a word with the claim's.
    fn in_passages(&self, claim: &Claim) -> bool {
        let (_, sentence) = self.sentence_of(claim.place.start);
        let about: BTreeSet<String> = content_stems(sentence.of(self.text)).into_iter().collect();
        self.passages.iter().any(|passage| {
            sentences(passage).iter().any(|stretch| {
                let said = stretch.of(passage);
                claims(said, &[]).iter().any(|source| {
                    source.shape_class() == claim.shape_class()
                        && (source.value - claim.value).abs() <= claim.tolerance * (1.0 + 1e-9)
                }) && content_stems(said).iter().any(|stem| about.contains(stem))
            })
        })
    }

    /// Periods that the data does not have.
    fn astray(&self, evidence: &Evidence) -> Vec<Issue> {
        if self.library.covers.is_none() {
            return Vec::new();
        }
        let asked: Vec<_> = mentions(&evidence.goal)
            .into_iter()
            .map(|mention| mention.named)
            .collect();
        self.elsewhere
            .iter()
            .filter(|mention| !asked.contains(&mention.named))
            .filter(|mention| {
                !evidence.passages.iter().any(|passage| {
                    mentions(passage)
                        .iter()
                        .any(|other| other.named == mention.named)
                })
            })
            .map(|mention| {
                let shown = place_of(mention).of(self.text);
                let covers = self
                    .library
                    .covers
                    .map(|covers| covers.to_string())
                    .unwrap_or_default();
                Issue::new(
                    Category::Accuracy,
                    Severity::Critical,
                    format!("the data has no {shown}"),
                    format!("It covers {covers}"),
                )
                .at(self.sentence_of(mention.start).1.of(self.text).trim())
            })
            .collect()
    }
}

impl Claim {
    /// Percentages, and everything else.
    fn shape_class(&self) -> bool {
        self.shape == Shape::Percent
    }
}

fn shown_fact(known: &Known<'_>) -> String {
    readable(known.value, known.fact.unit.as_deref())
}
