//! Facts as the critic knows them: which of the subjects, measures and periods that a text may name they are about.

use std::collections::BTreeSet;

use aios_work::{Evidence, Fact, Grain, Period, Span, Statistic, Subject, When, quoted};

use crate::english::mention::{Mention, Named, is_read, mentions};
use crate::english::prose::{Stretch, find_phrase, is_stop_word};

/// A numeric fact and what a text would call what it is about.
#[derive(Debug, Clone)]
pub(crate) struct Known<'a> {
    /// The fact.
    pub fact: &'a Fact,
    /// Its place among the facts of the evidence.
    pub at: usize,
    /// Its value.
    pub value: f64,
    /// What it is.
    pub statistic: &'a Statistic,
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
            // A paragraph may give a name as the file has it, a report gives it as texts do.
            .flat_map(|term| [term.to_ascii_lowercase(), spoken(term).to_ascii_lowercase()])
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
        let names: Vec<String> = evidence.subjects.iter().map(called).collect();
        library.known = evidence
            .facts
            .iter()
            .enumerate()
            .filter_map(|(at, fact)| library.understand(at, fact, &names))
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

    /// A fact as texts speak of it; `names` are those of the subjects, as they are called.
    fn understand(&self, at: usize, fact: &'a Fact, names: &[String]) -> Option<Known<'a>> {
        let value = fact.value.as_f64()?;
        let about: Vec<String> = fact.subject.iter().map(called).collect();
        let measure = fact
            .measure
            .as_deref()
            .map(|measure| spoken(measure).to_lowercase());
        let periods = match fact.period {
            None | Some(When::Undated) => vec![],
            Some(When::During(period)) => vec![period],
            Some(When::Between { from, to }) => vec![from, to],
        };
        Some(Known {
            fact,
            at,
            value,
            statistic: &fact.statistic,
            subjects: names
                .iter()
                .enumerate()
                .filter(|(_, name)| about.contains(name))
                .map(|(index, _)| index)
                .collect(),
            periods: periods.into_iter().filter_map(as_said).collect(),
            measure: measure.and_then(|name| self.measures.iter().position(|known| *known == name)),
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

    /// Whether facts are about these days: a week is called by its Monday, which may lie before the data.
    fn is_stated(&self, span: Span) -> bool {
        self.known.iter().any(|known| known.periods.contains(&span))
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
                Some(span) if span.overlaps(&covers) || self.is_stated(span) => {
                    within.push(FoundPeriod {
                        place: place_of(&mention),
                        span,
                        whole: span.covers(&covers),
                    });
                }
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

/// The days that a text means which calls a period by its key; none where no text would be read so. A week is called by its Monday.
fn as_said(period: Period) -> Option<Span> {
    let said = match period.grain() {
        Grain::Week => Period::of(Grain::Day, period.from()),
        _ => period,
    };
    is_read(said).then(|| said.span())
}

/// What tells a subject from others. Texts write a name in any case, so names that differ in it alone are one.
fn called(of: &Subject) -> String {
    spoken(&format!("{} {}", of.kind, of.name)).to_ascii_lowercase()
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
    use aios_work::{Source, Value};

    #[test]
    fn facts_are_known_by_what_they_are_about() {
        let subject = |name: &str, kind: &str| Subject {
            name: name.into(),
            kind: kind.into(),
        };
        let fact = |statistic: Statistic,
                    measure: &str,
                    about: Option<Subject>,
                    period: Option<When>| Fact {
            subject: about.into_iter().collect(),
            measure: (!measure.is_empty()).then(|| measure.to_owned()),
            statistic,
            period,
            value: Value::Integer(1),
            unit: None,
            source: Source::default(),
        };
        let month = |key: &str| Period::read(Grain::Month, key).unwrap();
        let between = When::Between {
            from: month("2025-07"),
            to: month("2025-08"),
        };
        let quarter = When::During(Period::read(Grain::Quarter, "2025-Q3").unwrap());
        let evidence = Evidence {
            subjects: vec![
                subject("North", "region"),
                subject("North East", "region"),
                subject("1", "store"),
                subject("11", "store"),
            ],
            measures: vec!["revenue".into(), "net revenue".into()],
            facts: vec![
                fact(
                    Statistic::Total,
                    "revenue",
                    Some(subject("North East", "region")),
                    None,
                ),
                fact(
                    Statistic::Total,
                    "net revenue",
                    Some(subject("North", "region")),
                    None,
                ),
                fact(Statistic::Growth, "revenue", None, Some(between)),
                fact(Statistic::Rows, "", Some(subject("11", "store")), None),
                fact(Statistic::Mean, "revenue", None, Some(quarter)),
                fact(Statistic::Other("whatever".into()), "", None, None),
            ],
            ..Evidence::default()
        };
        let library = Library::new(&evidence);
        let shown: Vec<_> = library
            .known
            .iter()
            .map(|k| {
                (
                    k.statistic.clone(),
                    k.subjects.clone(),
                    k.periods.len(),
                    k.measure,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                (Statistic::Total, vec![1], 0, Some(0)),
                (Statistic::Total, vec![0], 0, Some(1)),
                (Statistic::Growth, vec![], 2, Some(0)),
                (Statistic::Rows, vec![3], 0, None),
                (Statistic::Mean, vec![], 1, Some(0)),
                (Statistic::Other("whatever".into()), vec![], 0, None),
            ]
        );
        let named: Vec<_> = library
            .subjects_in("North East beat north; 11 orders in store 1")
            .iter()
            .map(|found| found.index)
            .collect();
        assert_eq!(named, [1, 0, 2]);
    }

    #[test]
    fn a_period_is_known_by_the_days_that_its_key_means_in_a_text() {
        let known = |grain: Grain, key: &str| as_said(Period::read(grain, key).unwrap());
        for (grain, key) in [
            (Grain::Day, "2025-08-14"),
            (Grain::Week, "2025-08-11"),
            (Grain::Month, "2025-08"),
            (Grain::Quarter, "2025-Q3"),
            (Grain::Year, "2025"),
            (Grain::Year, "1850"),
            (Grain::Month, "1850-07"),
            (Grain::Day, "0850-07-01"),
        ] {
            let said = mentions(key)
                .first()
                .and_then(|mention| mention.named.span());
            assert_eq!(known(grain, key), said, "{key}");
        }
    }
}
