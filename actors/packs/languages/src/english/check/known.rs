//! Facts as the critic understands them: what a fact's name says about statistic, measure, subject and period.
//!
//! The names follow one grammar, written by the planner: `statistic measure [kind subject] [period | period to period]`, for example
//! `total revenue region North`, `growth revenue 2025-07 to 2025-08`. A name outside the grammar is still usable: its value counts,
//! only without the finer checks.

use std::collections::BTreeSet;

use aios_work::Fact;

use crate::english::mention::{Mention, Named, mentions};
use crate::english::prose::{Stretch, find_phrase, has_phrase, is_stop_word};
use aios_work::Span;
use aios_work::quoted;
use aios_work::{Evidence, Subject};

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// A sum.
    Total,
    /// An arithmetic mean.
    Mean,
    /// The middle value.
    Median,
    /// The smallest value.
    Least,
    /// The largest value.
    Greatest,
    /// A change in percent.
    Growth,
    /// A change in the measure's unit.
    Change,
    /// A part of the whole in percent.
    Share,
    /// A count of rows.
    Rows,
    /// A count of missing cells.
    Missing,
    /// A value far from the others.
    Outlier,
    /// Something else.
    Other,
}

impl Statistic {
    fn of_name(name: &str) -> Self {
        match name.split(' ').next().unwrap_or("") {
            "total" | "sum" => Self::Total,
            "average" | "mean" => Self::Mean,
            "median" => Self::Median,
            "lowest" | "minimum" | "min" => Self::Least,
            "highest" | "maximum" | "max" => Self::Greatest,
            "growth" => Self::Growth,
            "change" => Self::Change,
            "share" => Self::Share,
            "rows" | "count" => Self::Rows,
            "missing" => Self::Missing,
            "outlier" | "outliers" => Self::Outlier,
            _ => Self::Other,
        }
    }
}

/// A numeric fact and what its name says.
#[derive(Debug, Clone)]
pub(crate) struct Known<'a> {
    /// The fact.
    pub fact: &'a Fact,
    /// Its value.
    pub value: f64,
    /// What it is.
    pub statistic: Statistic,
    /// Indices of the subjects it is about.
    pub subjects: Vec<usize>,
    /// The periods it is about: none, one, or from and to.
    pub periods: Vec<Span>,
    /// Index of the measure it is about.
    pub measure: Option<usize>,
}

impl Known<'_> {
    /// Whether it is a percentage.
    #[must_use]
    pub(crate) fn is_percent(&self) -> bool {
        self.fact.unit.as_deref() == Some("%")
    }
}

/// A subject found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundSubject {
    /// Where.
    pub place: Stretch,
    /// Which.
    pub index: usize,
}

/// A period found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundPeriod {
    /// Where.
    pub place: Stretch,
    /// The days it means in this data.
    pub span: Span,
    /// Whether it means all the data.
    pub whole: bool,
}

/// The evidence, prepared for looking things up.
pub(crate) struct Library<'a> {
    /// Numeric facts.
    pub known: Vec<Known<'a>>,
    /// Subjects as given.
    pub subjects: &'a [Subject],
    /// Measures, in lower case.
    pub measures: Vec<String>,
    /// The days the data covers, if known.
    pub covers: Option<Span>,
    lowered: Vec<String>,
    /// Names of measures and kinds, in lower case.
    terms: Vec<String>,
    /// Indices of subjects, longest name first, so that "North East" is not read as "North".
    by_length: Vec<usize>,
}

impl<'a> Library<'a> {
    /// Reads the evidence.
    #[must_use]
    pub(crate) fn new(evidence: &'a Evidence) -> Self {
        let lowered: Vec<String> = evidence
            .subjects
            .iter()
            .map(|subject| shown_name(&subject.name).to_ascii_lowercase())
            .collect();
        let kinds = evidence.subjects.iter().map(|subject| &subject.kind);
        let terms: BTreeSet<String> = evidence
            .measures
            .iter()
            .chain(kinds)
            .map(|term| spoken(term).to_ascii_lowercase())
            .collect();
        let terms: Vec<String> = terms.into_iter().collect();
        let mut by_length: Vec<usize> = (0..lowered.len()).collect();
        by_length
            .sort_by_key(|index| std::cmp::Reverse(lowered.get(*index).map_or(0, String::len)));
        let mut library = Self {
            known: Vec::new(),
            subjects: &evidence.subjects,
            measures: evidence
                .measures
                .iter()
                .map(|measure| spoken(measure).to_lowercase())
                .collect(),
            covers: evidence.covers,
            lowered,
            terms,
            by_length,
        };
        library.known = evidence
            .facts
            .iter()
            .filter_map(|fact| library.understand(fact))
            .collect();
        if library.covers.is_none() {
            library.covers = library
                .known
                .iter()
                .flat_map(|known| known.periods.iter().copied())
                .reduce(|all, one| all.joined(&one));
        }
        library
    }

    fn understand(&self, fact: &'a Fact) -> Option<Known<'a>> {
        let value = fact.value.as_f64()?;
        let name = spoken(&fact.name);
        let lower = name.to_ascii_lowercase();
        let mut subjects: Vec<usize> = Vec::new();
        for (index, subject) in self.subjects.iter().enumerate() {
            // With its kind before it, a name is certain even if it is a number or a common word.
            let exact = spoken(&format!("{} {}", subject.kind, subject.name)).to_ascii_lowercase();
            // The statistic comes first and may be called like a kind ("change").
            let behind = |phrase: &str| find_phrase(&lower, phrase, 1).is_some();
            if (lower.len() > exact.len() && lower.ends_with(&exact))
                || behind(&format!("{exact} "))
            {
                subjects.push(index);
            }
        }
        // "region North" also stands in "region North East": keep the longest name of each kind.
        let kind = |index: usize| {
            self.subjects
                .get(index)
                .map(|subject| subject.kind.as_str())
        };
        let length = |index: usize| self.lowered.get(index).map_or(0, String::len);
        let longest: Vec<usize> = subjects
            .iter()
            .copied()
            .filter(|one| {
                !subjects
                    .iter()
                    .any(|other| kind(*other) == kind(*one) && length(*other) > length(*one))
            })
            .collect();
        let mut hidden = self.terms_in(&lower);
        let statistic = Statistic::of_name(&lower);
        // A name outside the grammar is searched for any subject.
        let subjects = if longest.is_empty() && statistic == Statistic::Other {
            self.subjects_in(&name)
                .into_iter()
                .inspect(|found| hidden.push(found.place))
                .map(|found| found.index)
                .collect()
        } else {
            longest
        };
        let periods = if subjects.is_empty() || lower.contains(" to ") {
            mentions(&name)
                .into_iter()
                .filter(|mention| {
                    !hidden
                        .iter()
                        .any(|place: &Stretch| place.holds(mention.start))
                })
                .filter_map(|mention| mention.named.span())
                .collect()
        } else {
            Vec::new()
        };
        let measure = self
            .measures
            .iter()
            .enumerate()
            .filter(|(_, measure)| has_phrase(&lower, measure))
            .max_by_key(|(_, measure)| measure.len())
            .map(|(index, _)| index);
        Some(Known {
            fact,
            value,
            statistic,
            subjects,
            periods,
            measure,
        })
    }

    /// Whether two subjects are called alike.
    #[must_use]
    pub(crate) fn same_name(&self, one: usize, other: usize) -> bool {
        one == other || self.lowered.get(one) == self.lowered.get(other)
    }

    /// Where a text in lower case names measures and kinds.
    #[must_use]
    pub(crate) fn terms_in(&self, lower: &str) -> Vec<Stretch> {
        let mut out = Vec::new();
        for term in &self.terms {
            let mut at = 0;
            while let Some(place) = find_phrase(lower, term, at) {
                at = place.end.max(at + 1);
                out.push(place);
            }
        }
        out
    }

    /// Subjects named in a text, in order, without overlap.
    #[must_use]
    pub(crate) fn subjects_in(&self, text: &str) -> Vec<FoundSubject> {
        let lower = text.to_ascii_lowercase();
        let mut out: Vec<FoundSubject> = Vec::new();
        for index in self.by_length.iter().copied() {
            let (Some(subject), Some(name)) = (self.subjects.get(index), self.lowered.get(index))
            else {
                continue;
            };
            let mut at = 0;
            while let Some(place) = find_phrase(&lower, name, at) {
                at = place.end.max(at + 1);
                let taken = out
                    .iter()
                    .any(|found| found.place.holds(place.start) || place.holds(found.place.start));
                if !taken && is_named(text, &lower, place, subject) {
                    out.push(FoundSubject { place, index });
                }
            }
        }
        out.sort_by_key(|found| found.place.start);
        out
    }

    /// Periods named in a text that lie in the data, and those that do not.
    #[must_use]
    pub(crate) fn periods_in(&self, text: &str) -> (Vec<FoundPeriod>, Vec<Mention>) {
        let mut within = Vec::new();
        let mut astray = Vec::new();
        for mention in mentions(text) {
            let Some(covers) = self.covers else {
                if let (true, Some(span)) = (mention.certain, mention.named.span()) {
                    within.push(FoundPeriod {
                        place: place_of(&mention),
                        span,
                        whole: false,
                    });
                }
                continue;
            };
            match mention.named.within(&covers) {
                Some(span) if span.overlaps(&covers) => within.push(FoundPeriod {
                    place: place_of(&mention),
                    span,
                    whole: span.covers(&covers),
                }),
                // A bare number that is no year of the data is a figure.
                _ if mention.certain || !matches!(mention.named, Named::Year(_)) => {
                    astray.push(mention)
                }
                _ => {}
            }
        }
        (within, astray)
    }
}

/// Where a mention stands.
#[must_use]
pub(crate) fn place_of(mention: &Mention) -> Stretch {
    Stretch {
        start: mention.start,
        end: mention.end,
    }
}

/// What a name says in the spelling of texts: a quotation mark there is a plain one, a bar a slash.
fn spoken(name: &str) -> String {
    quoted(name, 2_000).replace('|', "/")
}

/// A name as texts show it: on one line, bounded, without the marks of a prompt or a table.
#[must_use]
pub fn shown_name(name: &str) -> String {
    quoted(name, 80).replace('|', "/")
}

/// Short names, numbers and common words are names only behind their kind ("store 1") or in the first cell of a table's row. Two
/// capitals ("DE") are a name as they stand.
fn is_named(text: &str, lower: &str, place: Stretch, subject: &Subject) -> bool {
    const COMMON: [&str; 22] = [
        "total", "other", "average", "mean", "median", "up", "down", "high", "low", "new", "top",
        "change", "growth", "share", "rose", "fell", "value", "rows", "highest", "lowest",
        "outlier", "data",
    ];
    let name = subject.name.as_str();
    let lowered = name.to_ascii_lowercase();
    let capitals =
        name.len() == 2 && name.bytes().all(|b| b.is_ascii_uppercase()) && place.of(text) == name;
    let short = name.chars().filter(|c| c.is_alphanumeric()).count() <= 2 && !capitals;
    let wordless = !name.chars().any(char::is_alphabetic);
    let common =
        is_stop_word(&lowered) || COMMON.contains(&lowered.as_str()) || !mentions(name).is_empty();
    if !(short || wordless || common) || name.starts_with('(') {
        return true;
    }
    let head = lower.get(..place.start).unwrap_or("");
    let line = head.rsplit('\n').next().unwrap_or("");
    let tail = lower.get(place.end..).unwrap_or("");
    (line.trim() == "|" && tail.trim_start().starts_with('|'))
        || head
            .trim_end()
            .ends_with(&subject.kind.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_work::Value;

    #[test]
    fn names_of_facts_are_understood() {
        let subject = |name: &str, kind: &str| Subject {
            name: name.into(),
            kind: kind.into(),
        };
        let fact = |name: &str| Fact {
            name: name.into(),
            value: Value::Integer(1),
            unit: None,
            source: String::new(),
        };
        let evidence = Evidence {
            subjects: vec![
                subject("North", "region"),
                subject("North East", "region"),
                subject("1", "store"),
                subject("11", "store"),
            ],
            measures: vec!["revenue".into(), "net revenue".into()],
            facts: [
                "total revenue region North East",
                "total net revenue region North",
                "growth revenue 2025-07 to 2025-08",
                "rows store 11",
                "average revenue 2025-Q3",
                "whatever",
            ]
            .map(fact)
            .to_vec(),
            ..Evidence::default()
        };
        let library = Library::new(&evidence);
        let shown: Vec<_> = library
            .known
            .iter()
            .map(|k| (k.statistic, k.subjects.clone(), k.periods.len(), k.measure))
            .collect();
        assert_eq!(
            shown,
            [
                (Statistic::Total, vec![1], 0, Some(0)),
                (Statistic::Total, vec![0], 0, Some(1)),
                (Statistic::Growth, vec![], 2, Some(0)),
                (Statistic::Rows, vec![3], 0, None),
                (Statistic::Mean, vec![], 1, Some(0)),
                (Statistic::Other, vec![], 0, None),
            ]
        );
        let named: Vec<_> = library
            .subjects_in("North East beat north; 11 orders in store 1")
            .iter()
            .map(|found| found.index)
            .collect();
        assert_eq!(named, [1, 0, 2]);
    }
}
