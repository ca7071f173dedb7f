//! Numbers as a text writes them: grouped, rounded, with a sign, a unit, a scale, in words.

mod digits;
mod scan;
mod spelled;

use aios_languages::{Folded, Tagged};

use crate::unit::Unit;
use scan::Scan;

/// A number that a text states.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    /// Where it stands, sign and unit included.
    pub start: usize,
    /// Behind it.
    pub end: usize,
    /// What it can mean: `1.234` is two numbers in one.
    pub readings: Vec<Reading>,
    /// Its unit.
    pub unit: Option<Unit>,
    /// Whether it carries a sign.
    pub signed: bool,
    /// Whether it is said to be a rough one.
    pub rough: bool,
    /// Whether it is a limit: "fewer than 40".
    pub bound: Option<Bound>,
    /// Whether it is written in words.
    pub spelled: bool,
    /// Whether it counts how many times one thing is another: `2x`, "three times".
    pub times: bool,
    /// By how much the word or letter behind it multiplies it: "18.4 thousand", `2k`.
    pub scale: f64,
    /// The seconds for which it is told: 3600 of "63 litres an hour". Of amounts of money and lengths of time it is not read.
    pub per: Option<f64>,
}

/// One meaning of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub value: f64,
    /// What rounding may have taken away.
    pub half: f64,
}

impl Reading {
    /// Lets a rough number be what it is roughly.
    fn loosen(&mut self) {
        self.half = (self.half * 2.0)
            .max(0.5 * 10f64.powi(digits::trailing_zeros(self.value)))
            .max(self.value.abs() * 0.01);
    }
}

/// On which side of a number something lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Above,
    Below,
}

impl Number {
    /// Whether the number is this value, rounded as it is written, whatever side of it is meant.
    pub(crate) fn equals(&self, value: f64) -> bool {
        self.readings.iter().any(|reading| {
            (reading.value - value).abs() <= reading.half * 1.000_001 + value.abs().max(1.0) * 1e-9
        })
    }

    /// Whether the number is this value, rounded as it is written; where it is a limit, whether the value lies near it on its side.
    pub(crate) fn is(&self, value: f64) -> bool {
        self.readings.iter().any(|reading| {
            let dust = value.abs().max(1.0) * 1e-9;
            let off = (reading.value - value).abs();
            match self.bound {
                None => off <= reading.half * 1.000_001 + dust,
                Some(Bound::Below) => {
                    value < reading.value + dust
                        && value >= reading.value - reading.value.abs() * 0.3
                }
                Some(Bound::Above) => {
                    value > reading.value - dust
                        && value <= reading.value + reading.value.abs() * 0.3
                }
            }
        })
    }

    /// Whether it is this value but for the sign.
    pub(crate) fn is_size(&self, value: f64) -> bool {
        self.is(value) || (!self.signed && self.is(-value))
    }

    /// The likeliest value.
    pub(crate) fn value(&self) -> f64 {
        self.readings
            .first()
            .map_or(f64::NAN, |reading| reading.value)
    }

    /// Whether it has so many digits that it meets a figure by no accident.
    pub(crate) fn is_precise(&self) -> bool {
        self.readings.iter().any(|reading| {
            reading.half < 0.5 || (reading.value.abs() >= 100.0 && reading.half < 1.0)
        })
    }

    /// A small number in words that counts nothing in particular.
    pub(crate) fn is_casual(&self) -> bool {
        self.spelled && self.unit.is_none() && self.value() <= 12.0
    }
}

/// The numbers of a text, in order. What `taken` holds (names, dates) is not read.
pub(crate) fn numbers(
    text: &str,
    words: &[Folded],
    tags: &[Tagged],
    taken: &[(usize, usize)],
    comma: bool,
) -> Vec<Number> {
    let scan = Scan {
        text,
        words,
        tags,
        taken,
        comma,
    };
    let mut out = scan.figures();
    out.extend(scan.spelled(&out));
    out.extend(scan.single(&out));
    out.sort_by_key(|number| number.start);
    spans(text, &mut out);
    roughly(words, tags, &mut out);
    of_every(text, words, tags, &mut out);
    lengths(text, words, tags, &mut out);
    rates(words, tags, &mut out);
    out
}

/// Bytes between two numbers of which "about" stands before the first: "about 650 at A and 450 at B".
const ABOUT: usize = 40;

/// A round number that follows a rough one behind "and" is as rough.
fn roughly(words: &[Folded], tags: &[Tagged], numbers: &mut [Number]) {
    let and = aios_languages::Tag::Sense(aios_languages::Sense::And);
    for at in 1..numbers.len() {
        let (before, behind) = numbers.split_at_mut(at);
        let (Some(one), Some(other)) = (before.last(), behind.first_mut()) else {
            continue;
        };
        let joined = tags.iter().any(|tag| {
            let place = words.get(tag.from).map_or(0, |word| word.start);
            tag.tag == and && one.end <= place && place < other.start
        });
        let near = other.start.saturating_sub(one.end) < ABOUT && one.unit == other.unit;
        let plain = !other.rough && other.bound.is_none() && other.value() % 10.0 == 0.0;
        if one.rough && joined && near && plain {
            other.rough = true;
            other.readings.iter_mut().for_each(Reading::loosen);
        }
    }
}

/// Words between a unit and the length of time that it is told for.
const RATE: usize = 2;

/// "3,800 litres an hour", "63 l pro Minute": an amount for each of a length of time.
fn rates(words: &[Folded], tags: &[Tagged], numbers: &mut [Number]) {
    use aios_languages::{Sense, Tag};
    for number in numbers.iter_mut().filter(|number| number.per.is_none()) {
        let flows = number.unit.as_ref().is_some_and(Unit::flows);
        let next = words.partition_point(|word| word.start < number.end);
        let joined = |at: usize| {
            let word = words.get(at).map(|word| word.text.as_str());
            matches!(word, Some("a" | "an" | "the" | "l" | "la" | "der"))
                || tags.iter().any(|tag| {
                    tag.from == at && matches!(tag.tag, Tag::Sense(Sense::Per | Sense::Ratio))
                })
        };
        let time = tags.iter().find_map(|tag| match tag.tag {
            Tag::Unit(name) if (next + 1..=next + RATE).contains(&tag.from) => {
                let unit = Unit::named(name);
                let timed = unit.kind == crate::unit::Kind::Time;
                (timed && (next..tag.from).all(joined)).then_some(unit.factor)
            }
            _ => None,
        });
        number.per = time.filter(|_| flows);
    }
}

/// "1 h 20 min", "an hour and twenty minutes": one length of time.
fn lengths(text: &str, words: &[Folded], tags: &[Tagged], numbers: &mut Vec<Number>) {
    let time = |number: &Number| {
        let unit = number.unit.as_ref()?;
        (unit.kind == crate::unit::Kind::Time).then_some(unit.factor)
    };
    let joins = |gap: &str| matches!(gap.trim(), "" | "and" | "und" | "et" | "y" | ",");
    // "An hour and a half": an article before the unit is one of it.
    let ends: Vec<usize> = numbers.iter().map(|number| number.end).collect();
    for number in numbers.iter_mut().filter(|number| number.spelled) {
        let part = number
            .unit
            .as_ref()
            .is_some_and(Unit::is_share)
            .then(|| number.value());
        let next = words.partition_point(|word| word.start < number.start);
        let joined = tags.iter().find(|tag| {
            tag.to == next && tag.tag == aios_languages::Tag::Sense(aios_languages::Sense::And)
        });
        let unit = joined.and_then(|joined| {
            tags.iter().find_map(|tag| match tag.tag {
                aios_languages::Tag::Unit(name) if tag.to == joined.from => Some((name, tag.from)),
                _ => None,
            })
        });
        // "45 pounds a year and a half plot": an amount for each of it.
        let start = unit.and_then(|(_, from)| Some(words.get(from.checked_sub(1)?)?.start));
        let apiece = start.is_some_and(|start| ends.iter().any(|end| *end + 1 == start));
        if let (Some(percent), Some((name, from)), false) = (part, unit, apiece) {
            number.readings = vec![Reading {
                value: 1.0 + percent / 100.0,
                half: 0.1,
            }];
            number.unit = Some(Unit::named(name));
            number.start = words[from.saturating_sub(1)].start;
        }
    }
    let mut at = 0;
    while at < numbers.len() {
        let Some(small) = time(&numbers[at]) else {
            at += 1;
            continue;
        };
        let before = at.checked_sub(1).map(|before| &numbers[before]);
        let larger = before.and_then(|before| {
            let factor = time(before).filter(|factor| *factor > small)?;
            let gap = text.get(before.end..numbers[at].start)?;
            joins(gap).then(|| (before.start, before.value() * factor, true))
        });
        // An article is no number: "an hour".
        let single = || {
            let next = words.partition_point(|word| word.start < numbers[at].start);
            tags.iter().find_map(|tag| {
                let aios_languages::Tag::Unit(name) = tag.tag else {
                    return None;
                };
                let unit = Unit::named(name);
                let near = tag.to == next || tag.to + 1 == next;
                let gap = text.get(words[tag.to - 1].end..numbers[at].start)?;
                let article = tag
                    .from
                    .checked_sub(1)
                    .map(|before| words[before].text.as_str());
                let one = matches!(
                    article,
                    Some("an" | "a" | "one" | "eine" | "einer" | "une" | "una")
                );
                let larger = unit.kind == crate::unit::Kind::Time && unit.factor > small;
                (near && one && larger && joins(gap))
                    .then(|| (words[tag.from - 1].start, unit.factor, false))
            })
        };
        if let Some((start, seconds, counted)) = larger.or_else(single) {
            let number = &mut numbers[at];
            number.start = start;
            let hedged = tags.iter().any(|tag| {
                tag.tag == aios_languages::Tag::Sense(aios_languages::Sense::Roughly)
                    && words[tag.to - 1].end <= start
                    && start - words[tag.to - 1].end <= 1
            });
            number.rough |= hedged;
            for reading in &mut number.readings {
                reading.value += seconds / small;
                reading.half = reading.half.max(if number.rough { 5.0 } else { 0.5 });
            }
            if counted {
                numbers.remove(at - 1);
                continue;
            }
        }
        at += 1;
    }
}

/// "16 in every 100", "3 sur 10": a part of a whole, said of a round number.
fn of_every(text: &str, words: &[Folded], tags: &[Tagged], numbers: &mut Vec<Number>) {
    let mut at = 1;
    while at < numbers.len() {
        let (part, whole) = (&numbers[at - 1], &numbers[at]);
        let round = [10.0, 100.0, 1000.0].contains(&whole.value()) && whole.unit.is_none();
        let plain = part.unit.is_none() && !part.signed && part.bound.is_none();
        let joined = tags.iter().any(|tag| {
            let said = tag.tag == aios_languages::Tag::Sense(aios_languages::Sense::InEvery);
            let between = |from: usize, to: usize| {
                text.get(from..to)
                    .is_some_and(|gap| gap.trim().is_empty() && !gap.contains('\n'))
            };
            said && part.end <= words[tag.from].start
                && words[tag.to - 1].end <= whole.start
                && between(part.end, words[tag.from].start)
                && between(words[tag.to - 1].end, whole.start)
        });
        if !(round && plain && joined && part.value() < whole.value()) {
            at += 1;
            continue;
        }
        let (end, percent) = (whole.end, 100.0 / whole.value());
        numbers.remove(at);
        let part = &mut numbers[at - 1];
        part.end = end;
        part.unit = Some(Unit::named(aios_languages::UnitName::Percent));
        for reading in &mut part.readings {
            reading.value *= percent;
            reading.half = reading.half.max(0.5) * percent;
        }
    }
}

/// Whether what stands between two numbers makes a range of them: "14 to 17".
pub(crate) fn ranges(gap: &str) -> bool {
    matches!(
        gap.trim(),
        "to" | "-" | "–" | "bis" | "à" | "a" | "or" | "oder" | "ou" | "o"
    )
}

/// "Four to five times": both are one number between the two.
fn spans(text: &str, numbers: &mut [Number]) {
    for at in 1..numbers.len() {
        let (before, behind) = numbers.split_at_mut(at);
        let (Some(low), Some(high)) = (before.last_mut(), behind.first_mut()) else {
            continue;
        };
        // "7.9 and 7.7 MWh": both are of it.
        let beside = text
            .get(low.end..high.start)
            .is_some_and(|gap| matches!(gap.trim(), "and" | "und" | "et" | "y"));
        if beside && low.unit.is_none() && !low.spelled && !high.spelled {
            low.unit.clone_from(&high.unit);
        }
        let joined = text.get(low.end..high.start).is_some_and(ranges);
        // "From 14 to 17 years": the first is of years as well.
        if joined && !low.spelled && low.unit.is_none() && low.value() < high.value() {
            low.unit.clone_from(&high.unit);
        }
        if joined && high.times && low.unit.is_none() && low.value() < high.value() {
            let (from, to) = (low.value(), high.value());
            let reading = Reading {
                value: (from + to) / 2.0,
                half: (to - from) / 2.0,
            };
            for number in [low, high] {
                number.readings = vec![reading];
                number.times = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aios_languages::{folded, lexicon};
    use proptest::prelude::*;

    fn found(code: &str, text: &str) -> Vec<Number> {
        let words = folded(text);
        let tags = lexicon(code).unwrap().tags(&words);
        numbers(text, &words, &tags, &[], code != "en")
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        let rows = [
            ("en", "EUR 132,437.16", 132_437.16, Some("EUR")),
            ("de", "132.437,16 €", 132_437.16, Some("EUR")),
            ("de", "132'437.16 CHF", 132_437.16, Some("CHF")),
            ("fr", "132 437,16 €", 132_437.16, Some("EUR")),
            ("en", "₹1,32,437", 132_437.0, Some("INR")),
            ("en", "-18.08 degrees Celsius", -18.08, Some("°C")),
            ("en", "18.1% of all", 18.1, Some("%")),
            ("de", "3,5 Mio. Euro", 3.5e6, Some("EUR")),
            ("en", "$3.2M", 3.2e6, Some("USD")),
            ("en", "twenty-five orders", 25.0, None),
            ("en", "two hundred and", 200.0, None),
            ("en", "one year", 1.0, Some("years")),
            ("en", "half of them", 50.0, Some("%")),
            ("es", "tres millones", 3e6, None),
            ("en", "5 working days", 5.0, Some("days")),
            ("en", "12k", 12_000.0, None),
        ];
        for (code, text, value, unit) in rows {
            let numbers = found(code, text);
            assert_eq!(numbers.len(), 1, "{text}: {numbers:?}");
            assert!(
                (numbers[0].value() - value).abs() < 1e-6,
                "{text}: {numbers:?}"
            );
            let shown = numbers[0].unit.as_ref().map(|unit| unit.shown.as_str());
            assert_eq!(shown, unit, "{text}");
        }
    }

    #[test]
    fn what_is_no_figure_is_none() {
        for text in [
            "CR-2",
            "SKU12",
            "v1.2.3.4",
            "1. first",
            "the 3rd",
            "an only one",
            "x_12",
            "#12",
        ] {
            assert_eq!(found("en", text), [], "{text}");
        }
    }

    #[test]
    fn a_number_is_what_it_rounds_to_and_a_limit_what_lies_near_it() {
        let rows = [
            ("132,437", 132_437.16, true),
            ("132,400", 132_437.16, true),
            ("133,641.09", 132_437.16, false),
            ("about 130,000", 132_437.16, true),
            ("4.68", 4.675, true),
            ("4.67", 4.675, true),
            ("4.66", 4.675, false),
            ("fewer than 40", 38.0, true),
            ("fewer than 40", 41.0, false),
            ("more than 30", 38.0, true),
            ("1.234", 1234.0, true),
            ("1.234", 1.234, true),
        ];
        for (text, value, is) in rows {
            assert_eq!(found("en", text)[0].is(value), is, "{text} {value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_searched(text in "([0-9.,%$€ a-zA-Z\\-:'|]|\\PC|million|percent|twenty|über){0,60}") {
            for code in ["en", "de"] {
                for number in found(code, &text) {
                    prop_assert!(text.get(number.start..number.end).is_some());
                }
            }
        }
    }
}
