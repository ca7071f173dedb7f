//! Which column says when, which is measured, which is grouped by: ranked by kind, name and the goal's words.

use std::collections::BTreeSet;

use crate::{ColumnKind, ColumnProfile, TableProfile};
use aios_work::shown::is_harmful;
use serde::{Deserialize, Serialize};

use super::lexicon::{
    self, BYGONE, DATES, FAMILIES, GROUPS, HAPPENED, INTENSIVE, MAIN, NOT_A_MEASURE,
};
use aios_languages::english::prose::{content_stems, has_phrase, name_parts};

/// A lead by which the first of a ranking is beyond doubt.
pub(super) const CLEAR: i32 = 20;

/// How values of a measure are put together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Added.
    #[default]
    Sum,
    /// Averaged: prices, rates, temperatures.
    Mean,
    /// There is no measure: rows are counted.
    Count,
}

/// A column and how well it fits its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// The column.
    pub name: String,
    /// Higher fits better; below zero it does not fit at all.
    pub score: i32,
    /// Whether the goal names it.
    pub named: bool,
}

/// The goal's words, prepared for comparing with names.
pub struct Wanted {
    lower: String,
    stems: BTreeSet<String>,
}

impl Wanted {
    /// Reads a goal.
    #[must_use]
    pub fn new(goal: &str) -> Self {
        Self {
            lower: goal.to_lowercase(),
            stems: content_stems(goal).into_iter().collect(),
        }
    }

    /// Whether the goal names the column: its whole name, or all words of it.
    #[must_use]
    pub fn names(&self, column: &str) -> bool {
        let parts = plain_parts(column);
        has_phrase(&self.lower, &column.to_lowercase())
            || (!parts.is_empty() && parts.iter().all(|part| self.stems.contains(part)))
    }

    /// Whether the goal has one of these words.
    #[must_use]
    pub fn has(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.stems.contains(*word))
    }

    /// Whether the goal asks how many there are.
    #[must_use]
    pub fn counts(&self) -> bool {
        ["how many", "number of", "count of", "count the"]
            .iter()
            .any(|phrase| has_phrase(&self.lower, phrase))
    }

    /// How a name is met by the goal: wholly, by a word, or by a word of the same family.
    fn closeness(&self, column: &ColumnProfile) -> i32 {
        let parts = plain_parts(&column.name);
        if self.names(&column.name) {
            return 100;
        }
        if parts.iter().any(|part| self.stems.contains(part)) {
            return 45;
        }
        let family = FAMILIES
            .iter()
            .find(|family| family.iter().any(|word| self.stems.contains(*word)));
        match family {
            // Earlier in the family is nearer to what the word means.
            Some(family) => parts
                .iter()
                .filter_map(|part| family.iter().position(|word| word == part))
                .map(|at| 40 - i32::try_from(at).unwrap_or(40).min(30))
                .max()
                .unwrap_or(0),
            None => 0,
        }
    }
}

/// A name's words without what stands in brackets (mostly a unit).
fn plain_parts(column: &str) -> Vec<String> {
    let head = column.split(['(', '[']).next().unwrap_or(column);
    name_parts(if head.trim().is_empty() { column } else { head })
}

/// The name as a report writes it: `unit_price` and `Unit price (EUR)` are both "unit price". Nothing in it is hidden.
#[must_use]
pub fn label(column: &str) -> String {
    let seen = |c: char| !is_harmful(c) || c.is_whitespace();
    let column: String = column.chars().filter(|c| seen(*c)).collect();
    let head = column
        .split(['(', '['])
        .next()
        .unwrap_or(&column)
        .replace(['_', '-', '.'], " ");
    let words: Vec<String> = head.split_whitespace().map(str::to_lowercase).collect();
    let label = words.join(" ");
    // Signs alone are no name; then all of it is.
    if label.contains(char::is_alphanumeric) {
        label
    } else {
        column.trim().to_lowercase()
    }
}

/// The name as its heading writes it, without its unit in brackets and with spaces between its words. Nothing in it is hidden.
#[must_use]
pub(crate) fn label_as_written(column: &str) -> String {
    let seen = |c: char| !is_harmful(c) || c.is_whitespace();
    let column: String = column.chars().filter(|c| seen(*c)).collect();
    let head = column
        .split(['(', '['])
        .next()
        .unwrap_or(&column)
        .replace('_', " ");
    let label = head.split_whitespace().collect::<Vec<_>>().join(" ");
    if label.contains(char::is_alphanumeric) {
        label
    } else {
        column.trim().to_owned()
    }
}

fn missing_cost(column: &ColumnProfile, rows: u64) -> i32 {
    if rows == 0 {
        0
    } else {
        (20.0 * column.missing as f64 / rows as f64) as i32
    }
}

fn ranked(
    profile: &TableProfile,
    wanted: &Wanted,
    score: impl Fn(&ColumnProfile) -> Option<i32>,
) -> Vec<Ranked> {
    let mut out: Vec<Ranked> = profile
        .columns
        .iter()
        .filter_map(|column| {
            Some(Ranked {
                name: column.name.clone(),
                score: score(column)? - missing_cost(column, profile.rows),
                named: wanted.names(&column.name),
            })
        })
        .filter(|column| column.score >= 0)
        .collect();
    // Equal scores keep the file's order.
    out.sort_by_key(|column| std::cmp::Reverse(column.score));
    out
}

/// Columns that say when, best first.
#[must_use]
pub fn dates(profile: &TableProfile, wanted: &Wanted) -> Vec<Ranked> {
    ranked(profile, wanted, |column| {
        let parts = plain_parts(&column.name);
        let year = is_year(column);
        if column.kind != ColumnKind::Date && !year {
            return None;
        }
        let mut score = if year { 20 } else { 40 };
        score += if lexicon::any(&parts, &DATES) { 10 } else { 0 };
        score += if lexicon::any(&parts, &HAPPENED) {
            15
        } else {
            0
        };
        score -= if lexicon::any(&parts, &BYGONE) { 25 } else { 0 };
        score -= if column.distinct <= 1 { 15 } else { 0 };
        Some(
            score
                + if wanted.names(&column.name) && parts != ["date"] {
                    60
                } else {
                    0
                },
        )
    })
}

/// Whole numbers between 1900 and 2100 under a name that says year.
#[must_use]
pub fn is_year(column: &ColumnProfile) -> bool {
    let parts = plain_parts(&column.name);
    let named = lexicon::any(&parts, &["year", "jahr", "año", "anno", "année", "ano"]);
    // "born", "built": a year that is not called one.
    let since = lexicon::any(
        &parts,
        &[
            "born",
            "birth",
            "founded",
            "established",
            "built",
            "vintage",
            "released",
            "planted",
            "sown",
            "erected",
            "launched",
            "published",
            "gepflanzt",
            "gebaut",
            "plantado",
            "planté",
            "construit",
            "construido",
            "jahrgang",
            "baujahr",
            "geboren",
            "gegründet",
            "nacido",
            "nacimiento",
            "naissance",
            "fondé",
        ],
    );
    // "joined", "since": numbers that are all years of our time.
    let recent = lexicon::any(
        &parts,
        &[
            "joined",
            "since",
            "hired",
            "started",
            "opened",
            "registered",
            "registration",
            "reg",
            "zulassung",
            "erstzulassung",
            "matriculación",
            "immatriculation",
            "enrolled",
            "graduated",
            "graduation",
            "married",
            "published",
            "bought",
            "purchased",
            "acquired",
            "opening",
            "abschluss",
            "gekauft",
            "diplome",
            "graduado",
            "eintritt",
            "seit",
            "desde",
            "depuis",
        ],
    );
    let within = |value: &Option<aios_work::Value>| matches!(value, Some(aios_work::Value::Integer(year)) if (1900 - if since { 200 } else { 0 }..=2100).contains(year));
    (named || since || recent)
        && matches!(
            column.kind,
            ColumnKind::Number | ColumnKind::Category | ColumnKind::Id
        )
        && within(&column.min)
        && within(&column.max)
}

/// Columns that can be measured, best first.
#[must_use]
pub fn measures(profile: &TableProfile, wanted: &Wanted) -> Vec<Ranked> {
    ranked(profile, wanted, |column| {
        let parts = plain_parts(&column.name);
        if column.kind != ColumnKind::Number || is_year(column) {
            return None;
        }
        if lexicon::any(&parts, &NOT_A_MEASURE)
            && !lexicon::any(&parts, &MAIN)
            && !wanted.names(&column.name)
        {
            return None;
        }
        let mut score = 30 + wanted.closeness(column);
        // Being early in this list decides between two that fit alike.
        score += MAIN
            .iter()
            .position(|word| parts.iter().any(|part| part == word))
            .map_or(0, |at| 20 - i32::try_from(at / 3).unwrap_or(10));
        score -= if is_intensive(column) { 25 } else { 0 };
        score += if column.unit.as_deref().is_some_and(|unit| unit != "%") {
            6
        } else {
            0
        };
        score -= if column.distinct <= 1 { 15 } else { 0 };
        Some(score)
    })
}

/// Whether a sum of its values means nothing.
#[must_use]
pub fn is_intensive(column: &ColumnProfile) -> bool {
    let parts = plain_parts(&column.name);
    // "price" alone may be what was paid, but a sum of unit prices is not; "total_price" adds up.
    let additive = lexicon::any(
        &parts,
        &[
            "total", "sum", "amount", "revenue", "sale", "net", "gross", "subtotal", "extended",
            "line",
        ],
    );
    (lexicon::any(&parts, &INTENSIVE) && !additive) || column.unit.as_deref() == Some("%")
}

/// Columns to group by, best first.
#[must_use]
pub fn categories(profile: &TableProfile, wanted: &Wanted) -> Vec<Ranked> {
    ranked(profile, wanted, |column| {
        let parts = plain_parts(&column.name);
        let named = wanted.names(&column.name);
        let grouping = lexicon::any(&parts, &GROUPS);
        let fits = match column.kind {
            ColumnKind::Category => true,
            ColumnKind::Text | ColumnKind::Id => {
                named && column.distinct <= 1000.max(profile.rows / 2)
            }
            // A store number is a name, not a quantity.
            ColumnKind::Number => {
                (named || grouping)
                    && column.distinct <= 50
                    && column.decimals.unwrap_or(0) == 0
                    && lexicon::any(&parts, &GROUPS)
            }
            ColumnKind::Date | ColumnKind::Empty => false,
        };
        if !fits || is_year(column) {
            return None;
        }
        let mut score = 20 + if named { 100 } else { 0 };
        score += GROUPS
            .iter()
            .position(|word| parts.iter().any(|part| part == word))
            .map_or(0, |at| 30 - i32::try_from(at).unwrap_or(30).min(20));
        score += match column.distinct {
            0 | 1 => -30,
            2..=12 => 15,
            13..=40 => 5,
            _ => -10,
        };
        Some(score)
    })
}
