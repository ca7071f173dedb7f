//! Whether a fact is of the kind that a clause speaks of, and whether its value is the one written.

use super::claims::{Claim, Shape};
use super::known::{FoundPeriod, Known};
use super::scope::{About, MarkedText, Named, TOTAL};
use super::statements::Direction;
use crate::english::naming::figure;
use crate::english::prose::{Stretch, find_phrase, has_phrase, words};
use aios_work::{Span, Statistic, When};

/// What the words around a number say of it. Read once, and held against every fact.
pub(super) struct Said {
    percent: bool,
    /// The measure named nearest to it in its clause, else before it in its sentence.
    measure: Option<usize>,
    /// In its clause. A measure may itself be called "highest": this word alone is looked for among the names too.
    extreme: bool,
    /// The same in its sentence.
    extreme_sentence: bool,
    unusual_sentence: bool,
    rows: bool,
    /// Right behind it.
    rows_behind: bool,
    missing: bool,
    /// Before it, and behind the number before.
    near: Near,
}

struct Near {
    mean: bool,
    median: bool,
    total: bool,
    missing: bool,
    changing: bool,
}

impl MarkedText<'_> {
    /// What is said around a claim.
    pub(super) fn said(&self, claim: &Claim, clause: Stretch) -> Said {
        let (_, sentence) = self.sentence_of(claim.place.start);
        let before = Stretch {
            end: claim.place.start,
            ..sentence
        };
        let head = self.bare.get(clause.start..claim.place.start).unwrap_or("");
        // What was said after the number before belongs to this one.
        let after_last = self
            .claims
            .iter()
            .filter(|other| clause.holds(other.place.start) && other.place.end <= claim.place.start)
            .map(|other| other.place.end)
            .max();
        let near = after_last
            .and_then(|end| self.bare.get(end..claim.place.start))
            .unwrap_or(head);
        let near = lowered(near);
        let body = lowered(clause.of(&self.bare));
        let behind = self.bare.get(claim.place.end..clause.end).unwrap_or("");
        Said {
            percent: claim.shape == Shape::Percent,
            measure: self
                .nearest_measure(claim, clause)
                .or_else(|| self.nearest_measure(claim, before)),
            extreme: any(&lowered(clause.of(&self.lower)), &EXTREME),
            extreme_sentence: any(&lowered(sentence.of(&self.lower)), &EXTREME),
            unusual_sentence: any(&lowered(sentence.of(&self.bare)), &UNUSUAL),
            rows: any(&body, &ROWS),
            rows_behind: starts_with_any(behind, &ROWS),
            missing: any(&body, &MISSING),
            near: Near {
                mean: any(&near, &MEAN),
                median: any(&near, &MEDIAN),
                total: any(&near, &TOTAL),
                missing: any(&near, &MISSING),
                changing: any(&near, &CHANGING),
            },
        }
    }

    /// Whether a fact is of the kind that the clause speaks of.
    pub(super) fn describes(&self, known: &Known<'_>, said: &Said, about: &About) -> bool {
        self.fits_subjects(known, &about.subjects, said.extreme)
            && (self.fits_periods(known, &about.periods)
                || (said.extreme && about.periods == Named::Nothing && known.periods.len() == 1))
            && fits_measure(known, said)
            && self.fits_statistic(known, said)
            && said.percent == known.is_percent()
    }

    pub(super) fn fits_subjects(&self, known: &Known<'_>, named: &Named, extreme: bool) -> bool {
        match named {
            Named::Firm(ids) => {
                let kinds: Vec<_> = ids
                    .iter()
                    .filter_map(|id| self.library.subjects.get(*id))
                    .map(|subject| &subject.kind)
                    .collect();
                // One name may stand for things of several kinds ("(missing)"), so names are compared.
                let named = |of: &usize| ids.iter().any(|id| self.library.same_name(*id, *of));
                let other_kind = |of: &usize| {
                    let subject = self.library.subjects.get(*of);
                    subject.is_some_and(|subject| !kinds.contains(&&subject.kind))
                };
                let all = ids.iter().all(|id| {
                    known
                        .subjects
                        .iter()
                        .any(|of| self.library.same_name(*id, *of))
                });
                // An outlier's fact names a row; what the row is about may be said beside it.
                all && known.subjects.iter().all(|of| named(of) || other_kind(of))
                    || is_odd(known) && known.subjects.is_empty()
            }
            Named::Loose(ids) => {
                known.subjects.is_empty()
                    || ids.iter().any(|id| known.subjects.contains(id))
                    || extreme
            }
            Named::Nothing => known.subjects.is_empty() || extreme,
        }
    }

    pub(super) fn fits_periods(&self, known: &Known<'_>, named: &Named) -> bool {
        let span = |id: &usize| self.periods.get(*id).copied();
        let same_span = |found: &FoundPeriod, period: &Span| found.span == *period;
        let single = |found: FoundPeriod| match known.periods.as_slice() {
            [] => found.whole || is_odd(known),
            [period] => same_span(&found, period) || (is_odd(known) && found.span.covers(period)),
            [from, to] => {
                same_span(&found, to)
                    || (same_span(&found, from) && self.comes_after(found.place))
                    || (found.whole
                        && from
                            .joined(to)
                            .covers(&self.library.covers.unwrap_or(*from)))
            }
            _ => false,
        };
        match named {
            Named::Firm(ids) => match ids.iter().filter_map(span).collect::<Vec<_>>().as_slice() {
                [one] => single(*one),
                [one, other] => {
                    let both = one.span.joined(&other.span);
                    known.periods.len() == 2
                        && known.periods.iter().any(|period| same_span(one, period))
                        && known.periods.iter().any(|period| same_span(other, period))
                        || known.periods.is_empty()
                            && self
                                .library
                                .covers
                                .is_some_and(|covers| both.covers(&covers))
                        || known.periods.len() == 1 && (single(*one) || single(*other))
                }
                _ => true,
            },
            // "It rose in August, then fell by 5": the period said before may be where the change starts.
            Named::Loose(ids) => {
                let starts = |found: FoundPeriod| matches!(known.periods.as_slice(), [from, _] if same_span(&found, from));
                known.periods.is_empty()
                    || ids
                        .iter()
                        .filter_map(span)
                        .any(|found| single(found) || starts(found))
            }
            Named::Nothing => {
                known.periods.is_empty() || known.periods.len() == 2 && self.is_overall(known)
            }
        }
    }

    /// "after July", "from July on": the period named is where the change starts.
    fn comes_after(&self, place: Stretch) -> bool {
        let head = self.lower.get(..place.start).unwrap_or("").trim_end();
        ["after", "since", "from"]
            .iter()
            .any(|word| head.ends_with(word))
    }

    /// A change from the first to the last period, or the only one there is.
    fn is_overall(&self, known: &Known<'_>) -> bool {
        let (Some(covers), [from, to]) = (self.library.covers, known.periods.as_slice()) else {
            return false;
        };
        from.joined(to).covers(&covers)
    }

    fn nearest_measure(&self, claim: &Claim, within: Stretch) -> Option<usize> {
        let body = within.of(&self.lower);
        let mut nearest: Option<(usize, usize)> = None;
        for (index, name) in self.library.measures.iter().enumerate() {
            let mut at = 0;
            while let Some(place) = find_phrase(body, name, at) {
                at = place.end.max(at + 1);
                let (start, end) = (within.start + place.start, within.start + place.end);
                // Right behind the number binds firmest; then the nearest before it; then any behind.
                let distance = if start >= claim.place.end {
                    let between = self.lower.get(claim.place.end..start).unwrap_or("");
                    if words(between).is_empty() {
                        0
                    } else {
                        1000 + start - claim.place.end
                    }
                } else {
                    1 + claim.place.start.saturating_sub(end).min(990)
                };
                let length = |of: usize| self.library.measures.get(of).map_or(0, String::len);
                // A longer name at the same place is the better reading ("net revenue" over "revenue").
                if nearest.is_none_or(|(best, of)| {
                    distance < best || (distance == best && name.len() > length(of))
                }) {
                    nearest = Some((distance, index));
                }
            }
        }
        nearest.map(|(_, index)| index)
    }

    fn fits_statistic(&self, known: &Known<'_>, said: &Said) -> bool {
        let near = &said.near;
        let siblings = |statistic: &Statistic| {
            self.library.known.iter().any(|other| {
                other.statistic == statistic
                    && other.measure == known.measure
                    && other.subjects == known.subjects
                    && other.periods == known.periods
            })
        };
        match known.statistic {
            Statistic::Mean => {
                near.mean || (!near.median && !near.total && !siblings(&Statistic::Total))
            }
            Statistic::Median => near.median,
            Statistic::Total => {
                // "Total revenue without date" is a sum of its own, and the only one that is said so.
                let undated = known.fact.period == Some(When::Undated);
                near.missing == undated && !(near.mean || near.median || said.rows_behind)
            }
            Statistic::Rows | Statistic::Members => self.library.measures.is_empty() || said.rows,
            Statistic::Missing => said.missing,
            Statistic::Least | Statistic::Greatest => said.extreme_sentence,
            Statistic::Outlier | Statistic::Outliers => said.unusual_sentence,
            Statistic::Share => !near.changing,
            Statistic::Growth
            | Statistic::Change
            | Statistic::Ratio
            | Statistic::Computed
            | Statistic::Quoted
            | Statistic::Other(_) => true,
        }
    }
}

/// The measure that was named must be the fact's.
fn fits_measure(known: &Known<'_>, said: &Said) -> bool {
    let measures = known.measure.zip(said.measure);
    measures.is_none_or(|(of_fact, named)| of_fact == named)
}

const MEAN: [&str; 6] = [
    "average",
    "averaged",
    "averages",
    "mean",
    "averaging",
    "typical",
];
const MEDIAN: [&str; 3] = ["median", "middle", "typical"];
const ROWS: [&str; 14] = [
    "row",
    "rows",
    "record",
    "records",
    "entries",
    "entry",
    "orders",
    "transactions",
    "observations",
    "lines",
    "items",
    "count",
    "counted",
    "values",
];
const MISSING: [&str; 7] = [
    "missing", "empty", "blank", "without", "absent", "lack", "lacks",
];
const EXTREME: [&str; 26] = [
    "highest",
    "lowest",
    "best",
    "worst",
    "top",
    "largest",
    "smallest",
    "biggest",
    "strongest",
    "weakest",
    "leading",
    "led",
    "peak",
    "peaked",
    "maximum",
    "minimum",
    "max",
    "min",
    "most",
    "least",
    "greatest",
    "ranged",
    "ranges",
    "ranging",
    "between",
    "bottom",
];
const UNUSUAL: [&str; 16] = [
    "outlier",
    "outliers",
    "unusual",
    "unusually",
    "stands",
    "stood",
    "exception",
    "exceptional",
    "anomaly",
    "anomalous",
    "extreme",
    "spike",
    "single",
    "row",
    "far",
    "apart",
];
const CHANGING: [&str; 12] = [
    "rose",
    "grew",
    "fell",
    "dropped",
    "declined",
    "increased",
    "decreased",
    "gained",
    "climbed",
    "growth",
    "decline",
    "shrank",
];

fn lowered(text: &str) -> Vec<String> {
    words(text).iter().map(|word| word.lower()).collect()
}

fn any(said: &[String], list: &[&str]) -> bool {
    said.iter().any(|word| list.contains(&word.as_str()))
}

fn starts_with_any(text: &str, list: &[&str]) -> bool {
    words(text)
        .first()
        .is_some_and(|word| list.contains(&word.lower().as_str()))
}

/// Whether a fact is about what stands far from the others.
fn is_odd(known: &Known<'_>) -> bool {
    matches!(known.statistic, Statistic::Outlier | Statistic::Outliers)
}

pub(super) fn within(claim: &Claim, value: f64) -> bool {
    // The slack takes up what binary fractions lose at exactly half a place.
    (claim.value - value).abs() <= claim.tolerance * (1.0 + 1e-6) + value.abs() * 1e-12
}

/// Whether value (and, for changes, sign) agree. A direction word gives an unsigned change its sign.
pub(super) fn same(claim: &Claim, known: &Known<'_>, direction: Option<Direction>) -> bool {
    let moves = matches!(known.statistic, Statistic::Growth | Statistic::Change);
    match direction {
        Some(direction) if moves && !claim.signed => {
            let signed = Claim {
                value: claim.value.abs() * direction.sign(),
                ..claim.clone()
            };
            within(&signed, known.value)
        }
        // "a change of -12 %, that is down": a sign and a word must agree.
        Some(direction) if moves => {
            within(claim, known.value)
                && (known.value == 0.0
                    || direction.sign() == known.value.signum()
                    || claim.value.signum() != direction.sign())
        }
        _ => within(claim, known.value),
    }
}

pub(super) fn same_size(claim: &Claim, known: &Known<'_>) -> bool {
    matches!(known.statistic, Statistic::Growth | Statistic::Change)
        && within(
            &Claim {
                value: claim.value.abs(),
                ..claim.clone()
            },
            known.value.abs(),
        )
}

pub(super) fn fits_unit(claim: &Claim, known: &Known<'_>) -> bool {
    let unit = known.fact.unit.as_deref().unwrap_or("");
    match &claim.shape {
        Shape::Plain | Shape::Ratio | Shape::Percent => true,
        Shape::Currency(said) => canonical(said) == canonical(unit),
        Shape::Unit(said) => {
            canonical(said) == canonical(unit)
                || has_phrase(&figure(known.fact).to_lowercase(), &said.to_lowercase())
        }
    }
}

fn canonical(unit: &str) -> String {
    let lower = unit.trim().to_lowercase();
    let name = match lower.as_str() {
        "$" | "us$" | "dollar" | "dollars" => "usd",
        "€" | "euro" | "euros" => "eur",
        "£" | "pound" | "pounds" => "gbp",
        "¥" => "jpy",
        "₹" => "inr",
        "hour" | "hours" => "h",
        "second" | "seconds" => "s",
        "litres" | "liters" => "l",
        "metres" | "meters" => "m",
        "miles" => "mi",
        "tons" | "tonnes" => "t",
        "lbs" => "lb",
        "celsius" => "°c",
        "fahrenheit" => "°f",
        other => other,
    };
    name.to_owned()
}
