//! Numbers in digits, with what stands around them: sign, unit, scale, limit.

use aios_languages::{Folded, Sense, Tag, Tagged};

use super::digits::read;
use super::{Bound, Number, Reading};
use crate::unit::Unit;

pub(super) struct Scan<'a> {
    pub(super) text: &'a str,
    pub(super) words: &'a [Folded],
    pub(super) tags: &'a [Tagged],
    /// In order.
    pub(super) taken: &'a [(usize, usize)],
    pub(super) comma: bool,
}

impl Scan<'_> {
    pub(super) fn is_taken(&self, at: usize) -> bool {
        let behind = self.taken.partition_point(|(start, _)| *start <= at);
        self.taken[..behind]
            .iter()
            .rev()
            .take(4)
            .any(|(_, end)| at < *end)
    }

    /// The first word that starts at a place or behind it.
    pub(super) fn word_at(&self, place: usize) -> usize {
        self.words.partition_point(|word| word.start < place)
    }

    pub(super) fn figures(&self) -> Vec<Number> {
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
            // "26/14" are two figures; "24/7", "2024/25" and "22/10" are a habit, a season and a day.
            let slashed = before == Some('/') && {
                let head = &self.text[..start - 1];
                let bare = head.trim_end_matches(|c: char| c.is_ascii_digit());
                let (first, second) = (&head[bare.len()..], &self.text[start..start + len]);
                let value = |digits: &str| digits.parse::<u32>().unwrap_or(0);
                bare.ends_with(' ')
                    && (2..=3).contains(&first.len())
                    && second.len() > 1
                    && (value(first) > 31 || value(second) > 12)
                    && !self.text[start + len..].starts_with(['/', '.', ',', ':'])
            };
            if after_digit && !slashed {
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
            scale: 1.0,
            per: None,
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
        self.sign_in_words(&mut number);
        self.glued(&mut number)?;
        self.trailing(&mut number);
        self.below_zero(&mut number);
        self.leading(&mut number);
        Some(number)
    }

    /// "18 degrees below zero", where nothing else says a sign.
    fn below_zero(&self, number: &mut Number) {
        let behind = self.word_at(number.end);
        let [below, zero] = match self.words.get(behind..behind + 2) {
            Some([below, zero]) => [below, zero],
            _ => return,
        };
        let gap = self.text.get(number.end..below.start).unwrap_or("-");
        let said = matches!(
            (below.text.as_str(), zero.text.as_str()),
            ("below", "zero" | "freezing")
                | ("unter", "null")
                | ("sous", "zero")
                | ("bajo", "cero")
        );
        let degrees = number.unit.as_ref().is_some_and(Unit::is_temperature);
        if said && degrees && !number.signed && gap.trim().is_empty() {
            number.signed = true;
            number.end = zero.end;
            for reading in &mut number.readings {
                reading.value = -reading.value;
            }
        }
    }

    /// "Minus 29.2 %", "plus 5": a sign in words, where no other number stands before it.
    fn sign_in_words(&self, number: &mut Number) {
        let Some(before) = self.word_at(number.start).checked_sub(1) else {
            return;
        };
        let word = &self.words[before];
        let apart = self.text.get(word.end..number.start).unwrap_or("-");
        let head = self.text.get(..word.start).unwrap_or("").trim_end();
        let sums = head.ends_with(|c: char| c.is_ascii_digit() || matches!(c, '%' | '€' | '$'));
        let down = match word.text.as_str() {
            "plus" => false,
            "minus" => true,
            _ => return,
        };
        if number.signed || sums || !apart.trim().is_empty() {
            return;
        }
        number.signed = true;
        number.start = word.start;
        if down {
            for reading in &mut number.readings {
                reading.value = -reading.value;
            }
        }
    }

    /// What is written right behind the digits: a unit, a scale, an ordinal's ending, the rest of a name.
    fn glued(&self, number: &mut Number) -> Option<()> {
        let tail = &self.text[number.end..];
        let glued: String = tail.chars().take_while(|c| c.is_alphabetic()).collect();
        if glued.is_empty() && tail.starts_with("-mal") {
            number.times = true;
            number.end += "-mal".len();
            return Some(());
        }
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
            "x" | "X" | "mal" => {
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
    pub(super) fn trailing(&self, number: &mut Number) {
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
            let known = Unit::symbol(rest).is_some();
            if let (Some((unit, seconds, len)), None, false) =
                (Unit::rate(rest), &number.unit, known)
            {
                number.unit = Some(unit);
                number.per = Some(seconds);
                number.end = place + len;
                return;
            }
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

    pub(super) fn tags_from(&self, word: usize) -> impl Iterator<Item = &Tagged> {
        let first = self.tags.partition_point(|tag| tag.from < word);
        self.tags[first..]
            .iter()
            .take_while(move |tag| tag.from == word)
            .filter(|tag| matches!(tag.tag, Tag::Unit(_) | Tag::Scale(_)))
    }

    /// "about", "fewer than" before a number, "or more" behind it.
    pub(super) fn leading(&self, number: &mut Number) {
        let at = self.word_at(number.start);
        let behind = self.word_at(number.end);
        let near = self.tags.partition_point(|tag| tag.from + 5 < at);
        for tag in self.tags[near..]
            .iter()
            .take_while(|tag| tag.from <= behind)
        {
            // One short word may stand between, but no name: "more than R2 (3.2)".
            let short = tag.to + 1 == at && {
                let word = &self.words[tag.to];
                word.text.len() <= 3
                    && word.text.bytes().all(|byte| byte.is_ascii_alphabetic())
                    && self
                        .text
                        .get(word.end..number.start)
                        .is_some_and(|gap| !gap.contains('('))
            };
            let before = tag.to == at || short;
            // "38 EUR, and under 4 nothing": what a sign parts from a number, or another number follows, says nothing of it.
            let after = tag.from == behind && self.goes_on(number.end, tag);
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
            number.readings.iter_mut().for_each(Reading::loosen);
        }
    }

    /// Whether words stand right behind a number and before none.
    fn goes_on(&self, number: usize, words: &Tagged) -> bool {
        let (first, last) = (&self.words[words.from], &self.words[words.to - 1]);
        let gap = self.text.get(number..first.start).unwrap_or("");
        let next = self.text.get(last.end..).unwrap_or("").trim_start();
        !gap.contains([',', ';']) && !next.starts_with(|c: char| c.is_ascii_digit())
    }

    fn is_list_mark(&self, start: usize, end: usize) -> bool {
        let line = self.text[..start].rsplit('\n').next().unwrap_or("");
        let tail = &self.text[end..];
        line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '>' | '*'))
            .is_empty()
            && tail.starts_with(['.', ')'])
            && tail[1..].starts_with(|c: char| c.is_whitespace())
    }
}

fn scale(number: &mut Number, factor: f64) {
    number.scale *= factor;
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
