//! Numeric claims in running text: every number a reader would take as a figure, with the precision it was written in.
//!
//! Not claims: dates, years and quarters (they are periods and checked as such), ordinals, times of day, list marks, numbers inside
//! identifiers, and small counts written as words ("three months").

use super::numerals::{Digits, long_scale, read_digits, scale, small_number};
use crate::english::figures::CURRENCY_SYMBOLS;
use crate::english::prose::{Stretch, Word, words};

/// What kind of quantity a number was written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// A bare number.
    Plain,
    /// `12 %`, `12 percent`.
    Percent,
    /// `2x`, "doubled": a ratio of two figures.
    Ratio,
    /// With a currency symbol or code.
    Currency(String),
    /// With a unit of measure.
    Unit(String),
}

/// A number that a text states.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    /// Where it stands, sign and unit included.
    pub place: Stretch,
    /// Its value.
    pub value: f64,
    /// Half of the last place written: what rounding may have taken away.
    pub tolerance: f64,
    /// What it was written as.
    pub shape: Shape,
    /// Whether it carries a sign.
    pub signed: bool,
}

/// Words that make a number a rough one: its last non-zero digit is then its precision.
const ROUGHLY: [&str; 13] = [
    "about",
    "around",
    "roughly",
    "nearly",
    "almost",
    "approximately",
    "approx",
    "circa",
    "ca",
    "over",
    "under",
    "some",
    "just",
];

/// Names of measures of quantity that must fit the fact's unit.
const UNITS: [&str; 40] = [
    "kg",
    "g",
    "mg",
    "t",
    "tons",
    "tonnes",
    "lb",
    "lbs",
    "km",
    "m",
    "cm",
    "mm",
    "mi",
    "miles",
    "metres",
    "meters",
    "ft",
    "hours",
    "hour",
    "minutes",
    "seconds",
    "ms",
    "s",
    "h",
    "kwh",
    "mwh",
    "gwh",
    "wh",
    "w",
    "kw",
    "mw",
    "litres",
    "liters",
    "l",
    "ml",
    "°c",
    "°f",
    "celsius",
    "fahrenheit",
    "degrees",
];

const CODES: [&str; 16] = [
    "usd", "eur", "gbp", "chf", "jpy", "cny", "inr", "cad", "aud", "sek", "nok", "dkk", "pln",
    "dollars", "euros", "pounds",
];

/// All claims in a text, in order. Numbers that start inside a masked stretch (names, periods) are left out.
#[must_use]
pub(super) fn claims(text: &str, masked: &[Stretch]) -> Vec<Claim> {
    let scan = Scan {
        text,
        words: words(text),
        masked,
    };
    let mut out = scan.digits();
    out.extend(scan.spelled());
    out.sort_by_key(|claim| claim.place.start);
    out
}

struct Scan<'a> {
    text: &'a str,
    words: Vec<Word<'a>>,
    masked: &'a [Stretch],
}

impl Scan<'_> {
    fn is_masked(&self, at: usize) -> bool {
        self.masked.iter().any(|stretch| stretch.holds(at))
    }

    fn digits(&self) -> Vec<Claim> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(found) = self
            .text
            .get(at..)
            .and_then(|rest| rest.find(|c: char| c.is_ascii_digit()))
        {
            let start = at + found;
            let before = self
                .text
                .get(..start)
                .and_then(|head| head.chars().next_back());
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                // Inside an identifier: skip all of it.
                at = self.end_of_word(start);
                continue;
            }
            let clock = self.text.get(..start).is_some_and(|head| {
                head.ends_with(':')
                    && head
                        .trim_end_matches(':')
                        .ends_with(|c: char| c.is_ascii_digit())
            });
            if clock {
                at = self.end_of_word(start);
                continue;
            }
            let Some(number) = read_digits(self.text.get(start..).unwrap_or("")) else {
                at = self.end_of_run(start);
                continue;
            };
            let end = start + number.len;
            at = end;
            if self.is_masked(start) {
                continue;
            }
            if let Some((claim, end)) = self.claim(start, end, &number) {
                at = end;
                out.push(claim);
            } else {
                at = at.max(self.end_of_word(end));
            }
        }
        out
    }

    fn end_of_word(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        at + rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len())
    }

    fn end_of_run(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        at + rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
            .unwrap_or(rest.len())
            .max(1)
    }

    /// Sign and currency before the digits, scale and unit behind them.
    fn claim(&self, start: usize, end: usize, number: &Digits) -> Option<(Claim, usize)> {
        let mut place = Stretch { start, end };
        let (mut value, mut half) = (number.value, number.half);
        let mut shape = Shape::Plain;
        let mut negative = false;
        let mut signed = false;
        // Signs and symbols may stand in either order: -$5, $-5.
        for _ in 0..3 {
            let head = self.text.get(..place.start).unwrap_or("");
            let Some(sign) = head.chars().next_back() else {
                break;
            };
            let outer = head
                .get(..head.len() - sign.len_utf8())
                .and_then(|rest| rest.chars().next_back());
            let free = outer.is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != ')');
            if matches!(sign, '-' | '−' | '+') && free && !signed {
                negative = sign != '+';
                signed = true;
            } else if let Some(symbol) = CURRENCY_SYMBOLS
                .iter()
                .find(|symbol| symbol.starts_with(sign))
            {
                shape = Shape::Currency((*symbol).to_owned());
            } else {
                break;
            }
            place.start -= sign.len_utf8();
        }
        if shape == Shape::Plain
            && let Some(code) = self.word_before(place.start).filter(|word| {
                CODES.contains(&word.lower().as_str()) && word.text.chars().all(char::is_uppercase)
            })
        {
            shape = Shape::Currency(code.text.to_owned());
            place.start = code.start;
        }
        let rough = self
            .word_before(place.start)
            .is_some_and(|word| ROUGHLY.contains(&word.lower().as_str()))
            || self
                .text
                .get(..place.start)
                .is_some_and(|head| head.ends_with(['~', '≈']));

        let tail = self.text.get(place.end..).unwrap_or("");
        let glued: String = tail
            .chars()
            .take_while(|c| c.is_alphabetic() || *c == '°')
            .collect();
        if !glued.is_empty() {
            match glued.as_str() {
                "st" | "nd" | "rd" | "th" | "am" | "pm" | "AM" | "PM" => return None,
                "x" => shape = Shape::Ratio,
                _ if scale(&glued).is_some() => {
                    let factor = scale(&glued).unwrap_or(1.0);
                    value *= factor;
                    half *= factor;
                }
                unit if is_unit(unit) => shape = Shape::Unit(unit.to_owned()),
                code if CODES.contains(&code.to_lowercase().as_str()) => {
                    shape = Shape::Currency(code.to_owned())
                }
                _ => return None,
            }
            place.end += glued.len();
        } else if self.is_list_mark(&place, tail) || is_clock(tail) {
            return None;
        }
        self.trailing(&mut place, &mut value, &mut half, &mut shape);
        if rough && number.trailing_zeros > 0 && half > 0.0 {
            half *= 10f64.powi(i32::try_from(number.trailing_zeros).unwrap_or(0));
        }
        if rough {
            // "over 1,200" and "nearly 1,300" may lie anywhere within the place they round to.
            half *= 2.0;
        }
        if negative {
            value = -value;
        }
        let end = place.end;
        Some((
            Claim {
                place,
                value,
                tolerance: half,
                shape,
                signed,
            },
            end,
        ))
    }

    /// A word right before an offset, with only white space between.
    fn word_before(&self, at: usize) -> Option<Word<'_>> {
        let index = self.words.partition_point(|word| word.end <= at);
        let word = *self.words.get(index.checked_sub(1)?)?;
        self.text
            .get(word.end..at)?
            .chars()
            .all(char::is_whitespace)
            .then_some(word)
    }

    /// Scale word, percent sign, currency code or unit behind a number.
    fn trailing(&self, place: &mut Stretch, value: &mut f64, half: &mut f64, shape: &mut Shape) {
        for _ in 0..2 {
            let tail = self.text.get(place.end..).unwrap_or("");
            let skipped = tail.len()
                - tail
                    .trim_start_matches([' ', '\u{a0}', '\u{202f}', '-'])
                    .len();
            if skipped > 2 {
                return;
            }
            let rest = tail.get(skipped..).unwrap_or("");
            if rest.starts_with('%') {
                *shape = Shape::Percent;
                place.end += skipped + 1;
                return;
            }
            if let Some(symbol) = CURRENCY_SYMBOLS
                .iter()
                .find(|symbol| rest.starts_with(**symbol))
            {
                // "500 €", but not "500, $600" or "500 $600".
                if !rest
                    .get(symbol.len()..)
                    .is_some_and(|more| more.starts_with(|c: char| c.is_ascii_digit()))
                {
                    *shape = Shape::Currency((*symbol).to_owned());
                    place.end += skipped + symbol.len();
                }
                return;
            }
            let word: String = rest
                .chars()
                .take_while(|c| c.is_alphabetic() || *c == '°')
                .collect();
            let lower = word.to_lowercase();
            if let Some(factor) = long_scale(&lower) {
                *value *= factor;
                *half *= factor;
                place.end += skipped + word.len();
                continue;
            }
            match lower.as_str() {
                "percent" | "pct" | "pp" | "percentage" => *shape = Shape::Percent,
                "per"
                    if rest.get(3..).is_some_and(|more| {
                        more.trim_start().to_lowercase().starts_with("cent")
                    }) =>
                {
                    *shape = Shape::Percent
                }
                "times" => *shape = Shape::Ratio,
                code if CODES.contains(&code) => *shape = Shape::Currency(word.clone()),
                unit if skipped > 0 && *shape == Shape::Plain && is_unit_word(unit, &word) => {
                    *shape = Shape::Unit(word.clone())
                }
                _ => return,
            }
            place.end += skipped + word.len();
            return;
        }
    }

    /// `1.` or `2)` at the start of a line.
    fn is_list_mark(&self, place: &Stretch, tail: &str) -> bool {
        let head = self.text.get(..place.start).unwrap_or("");
        let opens = head.rsplit('\n').next().is_some_and(|line| {
            line.trim_matches(|c: char| c.is_whitespace() || c == '#' || c == '>')
                .is_empty()
        });
        let mut after = tail.chars();
        opens
            && matches!(after.next(), Some('.' | ')'))
            && after.next().is_none_or(char::is_whitespace)
    }

    /// Numbers in words, when they are figures: above twelve, or with a scale or percent sign; and "doubled" and its kin.
    fn spelled(&self) -> Vec<Claim> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(word) = self.words.get(at) {
            at += 1;
            if self.is_masked(word.start) {
                continue;
            }
            if let Some(ratio) = self.ratio(at - 1) {
                out.push(Claim {
                    place: Stretch {
                        start: word.start,
                        end: word.end,
                    },
                    value: ratio,
                    tolerance: ratio * 0.1,
                    shape: Shape::Ratio,
                    signed: false,
                });
                continue;
            }
            let Some(mut value) = small_number(&word.lower()) else {
                continue;
            };
            let mut end = word.end;
            let mut compound = value > 12.0;
            // A spelled number is short; eight words are "nine hundred ninety nine thousand nine hundred ninety nine" and then some.
            let mut whole = 0.0;
            for _ in 0..10 {
                let Some(next) = self.words.get(at) else {
                    break;
                };
                let gap = self.text.get(end..next.start).unwrap_or("");
                if !matches!(gap, " " | "-") {
                    break;
                }
                let lower = next.lower();
                if lower == "hundred" {
                    value *= 100.0;
                } else if let Some(factor) = long_scale(&lower) {
                    whole += value * factor;
                    value = 0.0;
                } else if let Some(more) = small_number(&lower).filter(|more| {
                    value == 0.0
                        || (value % 10.0 == 0.0 && *more < 10.0)
                        || (value % 100.0 == 0.0 && *more < 100.0)
                }) {
                    value += more;
                } else {
                    break;
                }
                compound = true;
                end = next.end;
                at += 1;
            }
            let mut place = Stretch {
                start: word.start,
                end,
            };
            let mut shape = Shape::Plain;
            let mut value = whole + value;
            let mut half = if compound { value.abs() * 0.005 } else { 0.5 };
            self.trailing(&mut place, &mut value, &mut half, &mut shape);
            let figure = compound || !matches!(shape, Shape::Plain | Shape::Ratio | Shape::Unit(_));
            if figure {
                out.push(Claim {
                    place,
                    value,
                    tolerance: half,
                    shape,
                    signed: false,
                });
            }
        }
        out
    }

    fn ratio(&self, at: usize) -> Option<f64> {
        let lower = self.words.get(at)?.lower();
        match lower.as_str() {
            "doubled" | "doubling" | "twice" | "twofold" => Some(2.0),
            "tripled" | "tripling" | "threefold" => Some(3.0),
            "quadrupled" | "fourfold" => Some(4.0),
            "halved" | "halving" => Some(0.5),
            _ => None,
        }
    }
}

/// The rest of `12:30` behind its hour.
fn is_clock(tail: &str) -> bool {
    tail.starts_with(':')
        && tail
            .get(1..2)
            .is_some_and(|c| c.bytes().all(|b| b.is_ascii_digit()))
}

fn is_unit(glued: &str) -> bool {
    UNITS.contains(&glued.to_lowercase().as_str())
}

/// After a space, a single letter is too weak a sign of a unit.
fn is_unit_word(lower: &str, written: &str) -> bool {
    UNITS.contains(&lower) && (written.chars().count() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::english::figures::readable;
    use proptest::prelude::*;

    fn shown(text: &str) -> Vec<(f64, f64, Shape)> {
        claims(text, &[])
            .into_iter()
            .map(|claim| (claim.value, claim.tolerance, claim.shape))
            .collect()
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        use Shape::{Currency, Percent, Plain, Ratio, Unit};
        let eur = || Currency("EUR".into());
        let dollar = || Currency("$".into());
        let cases: Vec<(&str, f64, f64, Shape)> = vec![
            ("1,234.5", 1234.5, 0.05, Plain),
            ("1.234,5", 1234.5, 0.05, Plain),
            ("12,5", 12.5, 0.05, Plain),
            ("1,234,567", 1_234_567.0, 0.5, Plain),
            ("1.234.567", 1_234_567.0, 0.5, Plain),
            ("1\u{a0}234", 1234.0, 0.5, Plain),
            ("12 %", 12.0, 0.5, Percent),
            ("12.3%", 12.3, 0.05, Percent),
            ("12 per cent", 12.0, 0.5, Percent),
            ("12 percentage points", 12.0, 0.5, Percent),
            ("-12%", -12.0, 0.5, Percent),
            ("−12%", -12.0, 0.5, Percent),
            ("$3.2M", 3.2e6, 0.05e6, dollar()),
            ("$ 3.2", 3.2, 0.05, Plain),
            ("-$1,234", -1234.0, 0.5, dollar()),
            ("3.2 million EUR", 3.2e6, 0.05e6, eur()),
            ("EUR 500", 500.0, 0.5, eur()),
            ("500 EUR", 500.0, 0.5, eur()),
            ("500 €", 500.0, 0.5, Currency("€".into())),
            ("12k", 12e3, 500.0, Plain),
            ("5kg", 5.0, 0.5, Unit("kg".into())),
            ("5 km", 5.0, 0.5, Unit("km".into())),
            ("about 1,200", 1200.0, 100.0, Plain),
            ("2x", 2.0, 0.5, Ratio),
            ("revenue doubled", 2.0, 0.2, Ratio),
            ("twelve percent", 12.0, 0.5, Percent),
            ("twenty-five orders", 25.0, 0.125, Plain),
            ("two million", 2e6, 1e4, Plain),
            ("10-15".split('-').next().unwrap(), 10.0, 0.5, Plain),
        ];
        for (text, value, tolerance, shape) in cases {
            let found = shown(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            let (v, t, s) = &found[0];
            assert!(
                (v - value).abs() < 1e-6 * value.abs().max(1.0),
                "{text}: {v}"
            );
            assert!(
                (t - tolerance).abs() < 1e-6 * tolerance.max(1.0),
                "{text}: {t}"
            );
            assert_eq!(*s, shape, "{text}");
        }
        assert_eq!(
            shown("10-15 orders")
                .iter()
                .map(|claim| claim.0)
                .collect::<Vec<_>>(),
            [10.0, 15.0]
        );
    }

    #[test]
    fn what_is_not_a_figure_is_no_claim() {
        for text in [
            "three months",
            "one of twelve regions",
            "the 3rd month",
            "at 12:30",
            "SKU-A12 and A12",
            "1. first\n2) second",
            "v1.2.3.4",
            "10am",
            "",
            "x_12",
            "no number",
        ] {
            assert_eq!(shown(text), [], "{text}");
        }
        let text = "Widget 3000 sold";
        assert_eq!(claims(text, &[Stretch { start: 0, end: 11 }]), []);
    }

    proptest! {
        #[test]
        fn a_written_number_reads_back_within_its_rounding(value in -1e12f64..1e12, unit in proptest::sample::select(vec![None, Some("%"), Some("EUR"), Some("$"), Some("kg")])) {
            let text = readable(value, unit);
            let found = claims(&text, &[]);
            prop_assert_eq!(found.len(), 1, "{}", text);
            prop_assert!((found[0].value - value).abs() <= found[0].tolerance * (1.0 + 1e-6) + value.abs() * 1e-12, "{} {}", text, value);
        }

        #[test]
        fn any_text_can_be_searched(text in "([0-9.,%$€ a-zA-Z\\-]|\\PC|million|percent|twenty){0,60}") {
            for claim in claims(&text, &[]) {
                prop_assert!(text.get(claim.place.start..claim.place.end).is_some());
                prop_assert!(claim.value.is_finite() || claim.value.is_infinite());
            }
        }
    }
}
