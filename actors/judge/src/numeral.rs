//! Numbers as a text writes them: grouped, rounded, with a sign, a unit, a scale, in words.

use aios_languages::{Folded, Sense, Tag, Tagged};

use crate::unit::Unit;

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
}

/// One meaning of a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    pub value: f64,
    /// What rounding may have taken away.
    pub half: f64,
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
    out.sort_by_key(|number| number.start);
    out
}

struct Scan<'a> {
    text: &'a str,
    words: &'a [Folded],
    tags: &'a [Tagged],
    /// In order.
    taken: &'a [(usize, usize)],
    comma: bool,
}

impl Scan<'_> {
    fn is_taken(&self, at: usize) -> bool {
        let behind = self.taken.partition_point(|(start, _)| *start <= at);
        self.taken[..behind]
            .iter()
            .rev()
            .take(4)
            .any(|(_, end)| at < *end)
    }

    /// The first word that starts at a place or behind it.
    fn word_at(&self, place: usize) -> usize {
        self.words.partition_point(|word| word.start < place)
    }

    fn figures(&self) -> Vec<Number> {
        let bytes = self.text.as_bytes();
        let (mut out, mut at): (Vec<Number>, usize) = (Vec::new(), 0);
        while let Some(found) = bytes
            .get(at..)
            .and_then(|rest| rest.iter().position(u8::is_ascii_digit))
        {
            let start = at + found;
            let before = self.text[..start].chars().next_back();
            let inside =
                before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '@'));
            let joined = before == Some('-')
                && self.text[..start - 1].ends_with(char::is_alphanumeric)
                && !self.text[..start - 1].ends_with(|c: char| c.is_ascii_digit());
            let (len, readings) = read(&self.text[start..], self.comma);
            at = start + len.max(1);
            if inside || joined || self.is_taken(start) || readings.is_empty() {
                at = self.end_of_word(at);
                continue;
            }
            let after_digit = before.is_some_and(|c| matches!(c, '.' | ',' | ':' | '/'))
                && self.text[..start - 1].ends_with(|c: char| c.is_ascii_digit());
            if after_digit {
                continue;
            }
            if let Some(number) = self.figure(start, start + len, readings) {
                at = at.max(number.end);
                out.push(number);
            } else {
                at = self.end_of_word(at);
            }
        }
        out
    }

    fn end_of_word(&self, at: usize) -> usize {
        let rest = &self.text[at.min(self.text.len())..];
        at + rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len())
    }

    fn figure(&self, start: usize, end: usize, readings: Vec<Reading>) -> Option<Number> {
        let mut number = Number {
            start,
            end,
            readings,
            unit: None,
            signed: false,
            rough: false,
            bound: None,
            spelled: false,
            times: false,
        };
        if self.is_list_mark(start, end) {
            return None;
        }
        // Signs and currencies may stand in either order: -$5, $-5, EUR -5.
        for _ in 0..3 {
            let head = &self.text[..number.start];
            let bare = head.trim_end_matches(['-', '−', '–', '+']);
            let sign = &head[bare.len()..];
            let free = bare.is_empty()
                || bare.ends_with(|c: char| {
                    c.is_whitespace()
                        || matches!(c, '(' | '|' | ':' | '*' | '$' | '€' | '£' | '=' | '"' | '>')
                });
            if sign.chars().count() == 1
                && free
                && !number.signed
                && (sign != "–"
                    || !bare.ends_with(char::is_whitespace)
                    || !bare.trim_end().ends_with(|c: char| c.is_ascii_digit()))
            {
                number.signed = true;
                number.start = bare.len();
                if sign != "+" {
                    number
                        .readings
                        .iter_mut()
                        .for_each(|reading| reading.value = -reading.value);
                }
            } else if let Some((unit, at)) = Unit::before(head).filter(|_| number.unit.is_none()) {
                number.unit = Some(unit);
                number.start = at;
            } else {
                break;
            }
        }
        self.glued(&mut number)?;
        self.trailing(&mut number);
        self.leading(&mut number);
        Some(number)
    }

    /// What is written right behind the digits: a unit, a scale, an ordinal's ending, the rest of a name.
    fn glued(&self, number: &mut Number) -> Option<()> {
        let tail = &self.text[number.end..];
        let glued: String = tail.chars().take_while(|c| c.is_alphabetic()).collect();
        if glued.is_empty() {
            // "3-5", "3/4" are left as they are; "1:30" and "12th" are no figures.
            let clock =
                tail.starts_with(':') && tail[1..].starts_with(|c: char| c.is_ascii_digit());
            return (!clock).then_some(());
        }
        if let Some((unit, len)) = Unit::symbol(tail) {
            number.unit.get_or_insert(unit);
            number.end += len;
            return Some(());
        }
        let factor = match glued.as_str() {
            "x" | "X" => {
                number.times = true;
                1.0
            }
            "k" | "K" | "tsd" | "Tsd" => 1e3,
            "M" | "m" | "mn" | "Mio" | "mio" | "mln" => 1e6,
            "bn" | "B" | "Mrd" | "mrd" | "md" => 1e9,
            _ => return None,
        };
        number.end += glued.len();
        scale(number, factor);
        Some(())
    }

    /// Scale words, signs and units behind a number.
    fn trailing(&self, number: &mut Number) {
        let mut scaled = false;
        for _ in 0..2 {
            let tail = &self.text[number.end..];
            let rest = tail.trim_start_matches([' ', '\u{a0}', '\u{202f}', '-', '.']);
            let gap = tail.len() - rest.len();
            if gap > 3
                || tail[..gap].matches(['-', '.']).count() > 1
                || (tail.starts_with('.') && gap > 1 && !scaled)
            {
                return;
            }
            let place = number.end + gap;
            if let Some((unit, len)) = Unit::symbol(rest).filter(|(unit, len)| {
                let single =
                    rest[..*len].chars().count() == 1 && rest.starts_with(char::is_alphabetic);
                let next_number = unit.is_money()
                    && rest[*len..]
                        .trim_start()
                        .starts_with(|c: char| c.is_ascii_digit())
                    && gap > 0
                    && number.unit.is_some();
                !next_number && (!single || gap <= 1)
            }) {
                // "EUR 5, $6": the sign before a number is its own.
                let foreign = unit.is_money()
                    && rest[len..]
                        .trim_start()
                        .starts_with(|c: char| c.is_ascii_digit())
                    && number.unit.is_some();
                if number.unit.is_none() && !foreign {
                    number.unit = Some(unit);
                    number.end = place + len;
                }
                return;
            }
            let at = self.word_at(place);
            if self.words.get(at).is_none_or(|word| word.start != place) {
                return;
            }
            let tag = self.tags_from(at).max_by_key(|tag| tag.to);
            let Some(tag) = tag else { return };
            let end = self.words.get(tag.to - 1).map_or(place, |word| word.end);
            match tag.tag {
                Tag::Scale(factor)
                    if gap > 0
                        && factor >= 1e3
                        && !matches!(self.words[at].text.as_str(), "m" | "k") =>
                {
                    scale(number, factor);
                    number.end = end;
                    scaled = true;
                }
                Tag::Unit(name) => {
                    if number.unit.is_none() {
                        number.unit = Some(Unit::named(name));
                        number.end = end;
                    }
                    return;
                }
                _ => {
                    if matches!(
                        self.words[at].text.as_str(),
                        "times" | "mal" | "fois" | "veces"
                    ) {
                        number.times = true;
                        number.end = end;
                    }
                    return;
                }
            }
        }
    }

    /// "Half a year" is a length of time and no part of a whole.
    fn part_of_unit(&self, number: &mut Number) {
        let next = self.word_at(number.end);
        for at in next..(next + 2).min(self.words.len()) {
            let unit = self.tags_from(at).find_map(|tag| match tag.tag {
                Tag::Unit(name) if name != aios_languages::UnitName::Percent => {
                    Some((name, tag.to))
                }
                _ => None,
            });
            if let Some((name, to)) = unit {
                let value = number.value() / 100.0;
                number.readings = vec![Reading { value, half: 0.001 }];
                number.unit = Some(Unit::named(name));
                number.end = self.words[to - 1].end;
                return;
            }
            if self.words[at].text.chars().count() > 5 {
                return;
            }
        }
    }

    fn tags_from(&self, word: usize) -> impl Iterator<Item = &Tagged> {
        let first = self.tags.partition_point(|tag| tag.from < word);
        self.tags[first..]
            .iter()
            .take_while(move |tag| tag.from == word)
            .filter(|tag| matches!(tag.tag, Tag::Unit(_) | Tag::Scale(_)))
    }

    /// "about", "fewer than" before a number, "or more" behind it.
    fn leading(&self, number: &mut Number) {
        let at = self.word_at(number.start);
        let behind = self.word_at(number.end);
        let near = self.tags.partition_point(|tag| tag.from + 5 < at);
        for tag in self.tags[near..]
            .iter()
            .take_while(|tag| tag.from <= behind)
        {
            let before = tag.to == at || (tag.to + 1 == at && self.words[tag.to].text.len() <= 3);
            let after = tag.from == behind;
            let Tag::Sense(sense) = tag.tag else { continue };
            match sense {
                Sense::Roughly if before => number.rough = true,
                Sense::Above | Sense::AtLeast if before => number.bound = Some(Bound::Above),
                Sense::Below | Sense::AtMost if before => number.bound = Some(Bound::Below),
                Sense::AtLeast if after => number.bound = Some(Bound::Above),
                Sense::AtMost if after => number.bound = Some(Bound::Below),
                _ => {}
            }
        }
        if self.text[..number.start].trim_end().ends_with(['~', '≈']) {
            number.rough = true;
        }
        match self.text[..number.start].trim_end().chars().next_back() {
            Some('>' | '≥') => number.bound = Some(Bound::Above),
            Some('<' | '≤') => number.bound = Some(Bound::Below),
            _ => {}
        }
        if number.rough {
            for reading in &mut number.readings {
                let zeros = trailing_zeros(reading.value);
                reading.half = (reading.half * 2.0)
                    .max(0.5 * 10f64.powi(zeros))
                    .max(reading.value.abs() * 0.01);
            }
        }
    }

    fn is_list_mark(&self, start: usize, end: usize) -> bool {
        let line = self.text[..start].rsplit('\n').next().unwrap_or("");
        let tail = &self.text[end..];
        line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '>' | '*'))
            .is_empty()
            && tail.starts_with(['.', ')'])
            && tail[1..].starts_with(|c: char| c.is_whitespace())
    }

    /// Numbers in words.
    fn spelled(&self, figures: &[Number]) -> Vec<Number> {
        let mut out = Vec::new();
        let mut next = 0;
        for tag in self.tags {
            if tag.from < next {
                continue;
            }
            let start = self.words[tag.from].start;
            if self.is_taken(start)
                || figures
                    .iter()
                    .any(|number| number.start <= start && start < number.end)
            {
                continue;
            }
            let (mut value, fraction) = match tag.tag {
                Tag::Number(value) => (value, false),
                Tag::Fraction(percent) => (percent, true),
                _ => continue,
            };
            let mut to = tag.to;
            let mut sum = 0.0;
            // "two hundred and five thousand" is as long as such a number gets.
            for _ in 0..8 {
                let gap_end = self
                    .words
                    .get(to)
                    .map_or(self.text.len(), |word| word.start);
                if fraction
                    || !matches!(
                        self.text.get(self.words[to - 1].end..gap_end),
                        Some(" " | "-")
                    )
                {
                    break;
                }
                let following = self
                    .tags
                    .iter()
                    .skip(self.tags.partition_point(|other| other.from < to));
                let following = following.take_while(|other| other.from == to);
                let more = following.into_iter().find_map(|other| match other.tag {
                    Tag::Number(more) if (more == 100.0 && value < 10.0) => {
                        Some((value * 100.0, 0.0))
                    }
                    Tag::Number(more)
                        if value % 100.0 >= 20.0 && value % 10.0 == 0.0 && more < 10.0 =>
                    {
                        Some((value + more, 0.0))
                    }
                    Tag::Number(more) if value >= 100.0 && value % 100.0 == 0.0 && more < 100.0 => {
                        Some((value + more, 0.0))
                    }
                    Tag::Scale(factor) if self.words[to].text.len() > 1 => {
                        Some((0.0, value.max(1.0) * factor))
                    }
                    _ => None,
                });
                let Some((now, scaled)) = more else { break };
                value = now;
                sum += scaled;
                to += 1;
            }
            value += sum;
            // "Two and a half".
            let joins = self
                .tags
                .iter()
                .any(|other| other.from == to && other.tag == Tag::Sense(Sense::And));
            let half = self
                .tags
                .iter()
                .find(|other| other.from == to + 1 && other.tag == Tag::Fraction(50.0));
            if let Some(half) = half.filter(|_| joins && !fraction) {
                value += 0.5;
                to = half.to;
            }
            next = to;
            let end = self.words[to - 1].end;
            let mut number = Number {
                start,
                end,
                readings: vec![Reading {
                    value,
                    half: if fraction { value * 0.03 + 0.5 } else { 0.0 },
                }],
                unit: fraction.then(|| Unit::named(aios_languages::UnitName::Percent)),
                signed: false,
                rough: false,
                bound: None,
                spelled: true,
                times: false,
            };
            if fraction {
                self.part_of_unit(&mut number);
            } else {
                self.trailing(&mut number);
            }
            self.leading(&mut number);
            // "one" and "ein" are articles as often as numbers.
            let article = value == 1.0 && number.unit.is_none();
            if !article {
                out.push(number);
            }
        }
        out
    }
}

fn scale(number: &mut Number, factor: f64) {
    for reading in &mut number.readings {
        reading.value *= factor;
        reading.half *= factor;
    }
    // A scaled number is no grouped one: "1.234 million" has a decimal point.
    if factor > 1.0 && number.readings.len() > 1 {
        number
            .readings
            .sort_by(|a, b| a.value.abs().total_cmp(&b.value.abs()));
    }
}

fn trailing_zeros(value: f64) -> i32 {
    if value == 0.0 || value.fract() != 0.0 || value.abs() > 1e15 {
        return 0;
    }
    let mut zeros = 0;
    let mut rest = value.abs();
    while rest % 10.0 == 0.0 {
        rest /= 10.0;
        zeros += 1;
    }
    zeros
}

/// The digits a text begins with: how long they are and what they can mean, the likeliest first.
fn read(text: &str, comma: bool) -> (usize, Vec<Reading>) {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let mut groups: Vec<(char, &str)> = vec![(' ', &text[..digits(0)])];
    let mut at = digits(0);
    while let Some(sign) = text[at..].chars().next() {
        let from = at + sign.len_utf8();
        let run = if from < bytes.len() { digits(from) } else { 0 };
        let first = groups[0].1.len();
        let fits = match sign {
            '.' | ',' => run > 0,
            '\'' | '’' | '\u{a0}' | '\u{202f}' | '\u{2009}' => run == 3 && first <= 3,
            ' ' => run == 3 && first <= 3 && groups.iter().skip(1).all(|(other, _)| *other == ' '),
            _ => false,
        };
        if !fits {
            break;
        }
        groups.push((sign, &text[from..from + run]));
        at = from + run;
    }
    let plain =
        |groups: &[(char, &str)]| groups.iter().map(|(_, digits)| *digits).collect::<String>();
    let value = |whole: String, part: &str| {
        let written = format!("{whole}.{part}");
        let value: f64 = written
            .trim_end_matches('.')
            .parse()
            .unwrap_or(f64::INFINITY);
        let places = i32::try_from(part.len()).unwrap_or(0);
        Reading {
            value,
            half: 0.5 * 10f64.powi(-places),
        }
    };
    let tail = &groups[1..];
    let readings = match tail {
        [] => {
            let reading = value(plain(&groups), "");
            let zeros = trailing_zeros(reading.value);
            // 132,400 and 1 300 000 are rounded where they end in zeros.
            let half = if reading.value >= 1000.0 && zeros >= 2 {
                0.5 * 10f64.powi(zeros)
            } else {
                reading.half
            };
            vec![Reading { half, ..reading }]
        }
        _ => {
            let (last, part) = tail[tail.len() - 1];
            let earlier = &tail[..tail.len() - 1];
            let same = earlier.iter().all(|(sign, _)| *sign == last);
            let grouped = tail.iter().all(|(_, digits)| digits.len() == 3)
                || (last == ','
                    && part.len() == 3
                    && earlier.iter().all(|(_, digits)| digits.len() == 2));
            let decimal = matches!(last, '.' | ',');
            let whole = || {
                let reading = value(plain(&groups), "");
                let zeros = trailing_zeros(reading.value);
                let half = if zeros >= 2 {
                    0.5 * 10f64.powi(zeros)
                } else {
                    reading.half
                };
                Reading { half, ..reading }
            };
            let real = || value(plain(&groups[..groups.len() - 1]), part);
            match (earlier.is_empty(), same, grouped, decimal) {
                (true, _, true, true) if groups[0].1.len() <= 3 && groups[0].1 != "0" => {
                    if (last == ',') == comma {
                        vec![real(), whole()]
                    } else {
                        vec![whole(), real()]
                    }
                }
                (true, _, _, true) => vec![real()],
                (_, true, true, _) => vec![whole()],
                // Dots between groups of other lengths are a version or an address.
                (_, true, false, _) => Vec::new(),
                (_, false, _, true) => vec![real()],
                (_, false, true, false) => vec![whole()],
                _ => Vec::new(),
            }
        }
    };
    (at, readings)
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
