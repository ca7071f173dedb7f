//! The words of a goal, with the numbers among them, and how a word of a goal meets a word of the data.

use aios_languages::{Folded, Tag, folded, lexicon};

/// A number that stands in a goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Numeral {
    /// The first of its words.
    pub from: usize,
    /// Behind the last of its words.
    pub to: usize,
    /// Its value.
    pub value: f64,
    /// Whether a percent sign stands behind it.
    pub percent: bool,
    /// Whether it is written in digits.
    pub digits: bool,
}

/// A goal in words.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// As it was asked.
    pub raw: String,
    /// Its words.
    pub all: Vec<Folded>,
    /// Its numbers.
    pub numerals: Vec<Numeral>,
    /// The code of its language.
    pub language: String,
    /// Whether an "m" behind a number is a metre, and no million.
    pub metres: bool,
}

impl Words {
    /// Cuts a goal. `known` are words of the data, which are not cut further.
    pub(super) fn read(raw: &str, language: &str, known: &[String]) -> Self {
        let mut all = folded(raw);
        if language == "de" {
            all = all
                .into_iter()
                .flat_map(|word| apart(word, raw, known))
                .collect();
        }
        let mut words = Self {
            raw: raw.to_owned(),
            all,
            numerals: Vec::new(),
            language: language.to_owned(),
            metres: known.iter().any(|word| word == "m"),
        };
        words.numerals = words.numbers();
        words
    }

    pub(super) fn text(&self, at: usize) -> &str {
        self.all.get(at).map_or("", |word| word.text.as_str())
    }

    /// What stands between the word before and this one.
    pub(super) fn gap(&self, at: usize) -> &str {
        let start = match at.checked_sub(1) {
            Some(before) => self.all.get(before).map_or(0, |word| word.end),
            None => 0,
        };
        let end = self.all.get(at).map_or(self.raw.len(), |word| word.start);
        self.raw.get(start..end).unwrap_or("")
    }

    /// The words as they were written.
    pub(super) fn written(&self, from: usize, to: usize) -> &str {
        let start = self.all.get(from).map_or(0, |word| word.start);
        let end = to
            .checked_sub(1)
            .and_then(|last| self.all.get(last))
            .map_or(start, |word| word.end);
        self.raw.get(start..end).unwrap_or("")
    }

    /// Whether the words stand in quotes of any kind.
    pub(super) fn is_quoted(&self, from: usize, to: usize) -> bool {
        const QUOTES: [char; 9] = ['"', '\'', '“', '”', '„', '«', '»', '`', '‘'];
        let before = self.gap(from).trim_end().ends_with(QUOTES)
            || self.gap(from).ends_with("« ")
            || self.gap(from).ends_with(QUOTES);
        let behind =
            self.gap(to).starts_with(QUOTES) || self.gap(to).trim_start().starts_with(['»', '”']);
        before && behind
    }

    /// "longer than an hour": one of what stands behind.
    pub(super) fn is_one_of_a_unit(&self, at: usize) -> bool {
        self.language == "en"
            && ["a", "an"].contains(&self.text(at))
            && at > 0
            && ["than", "over", "under"].contains(&self.text(at - 1))
            && ["second", "minute", "hour", "day", "week", "month", "year"]
                .contains(&self.text(at + 1))
    }

    /// Whether an article stands before a word.
    pub(super) fn is_behind_an_article(&self, at: usize) -> bool {
        const ARTICLES: [&str; 12] = [
            "the", "a", "an", "der", "die", "das", "le", "la", "les", "el", "los", "las",
        ];
        at.checked_sub(1)
            .is_some_and(|before| ARTICLES.contains(&self.text(before)))
    }

    /// The number that begins with this word.
    pub(super) fn numeral(&self, from: usize) -> Option<Numeral> {
        self.numerals
            .iter()
            .find(|numeral| numeral.from == from)
            .copied()
    }

    fn numbers(&self) -> Vec<Numeral> {
        let mut out: Vec<Numeral> = Vec::new();
        let spelled = lexicon(&self.language).map(|lexicon| lexicon.tags(&self.all));
        let mut at = 0;
        while at < self.all.len() {
            if let Some((to, numeral)) = self.in_digits(at) {
                at = to;
                out.extend(numeral);
                continue;
            }
            if self.text(at) == "twice" {
                out.push(Numeral {
                    from: at,
                    to: at + 1,
                    value: 2.0,
                    percent: false,
                    digits: false,
                });
                at += 1;
                continue;
            }
            if self.is_one_of_a_unit(at) {
                out.push(Numeral {
                    from: at,
                    to: at + 1,
                    value: 1.0,
                    percent: false,
                    digits: false,
                });
                at += 1;
                continue;
            }
            // "half an hour"
            if self.text(at) == "half" && ["a", "an"].contains(&self.text(at + 1)) {
                out.push(Numeral {
                    from: at,
                    to: at + 2,
                    value: 0.5,
                    percent: false,
                    digits: false,
                });
                at += 2;
                continue;
            }
            let tag = |wanted: fn(&Tag) -> Option<f64>| {
                spelled
                    .iter()
                    .flatten()
                    .filter(|tag| tag.from == at)
                    .find_map(|tag| Some((wanted(&tag.tag)?, tag.to)))
            };
            let number = tag(|tag| match tag {
                Tag::Number(number) => Some(*number),
                _ => None,
            });
            let scale = tag(|tag| match tag {
                Tag::Scale(scale) => Some(*scale),
                _ => None,
            });
            match (number, scale, out.last_mut()) {
                // "2 million", "5 k": a scale alone is no number.
                (_, Some((scale, to)), Some(last))
                    if last.to == at && !(self.metres && self.text(at) == "m") =>
                {
                    last.value *= scale;
                    last.to = to;
                    at = to;
                }
                (Some((value, to)), _, _) => {
                    out.push(Numeral {
                        from: at,
                        to,
                        value,
                        percent: false,
                        digits: false,
                    });
                    at = to;
                }
                _ => at += 1,
            }
        }
        out
    }

    /// The number that is written here and behind it; none in what is a date.
    fn in_digits(&self, from: usize) -> Option<(usize, Option<Numeral>)> {
        let first = self.text(from);
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(first) {
            // "5k", "3m": digits with a scale.
            let split = first.find(|c: char| !c.is_ascii_digit())?;
            let (digits, scale) = first.split_at(split);
            let scale = match scale {
                "k" => 1e3,
                "m" if self.metres => return None,
                "m" | "mio" | "mn" => 1e6,
                _ => return None,
            };
            let value: f64 = digits.parse().ok()?;
            let numeral = Numeral {
                from,
                to: from + 1,
                value: value * scale,
                percent: false,
                digits: true,
            };
            return Some((from + 1, Some(numeral)));
        }
        let mut parts = vec![first.to_owned()];
        let mut signs: Vec<char> = Vec::new();
        let mut to = from + 1;
        while to < self.all.len() && is_digits(self.text(to)) {
            let gap = self.gap(to);
            let sign = match gap {
                "." | "," | "'" | "’" => gap.chars().next().unwrap_or('.'),
                "\u{a0}" | "\u{202f}" => ' ',
                " " if self.language == "fr" && self.text(to).len() == 3 && first.len() <= 3 => ' ',
                _ => break,
            };
            signs.push(sign);
            parts.push(self.text(to).to_owned());
            to += 1;
        }
        let english = self.language == "en";
        let groups = |sign: char| {
            let three = parts.iter().skip(1).all(|part| part.len() == 3);
            three && first.len() <= 3 && signs.iter().all(|other| *other == sign)
        };
        let whole = match signs.first() {
            None => true,
            Some(' ' | '\'' | '’') => groups(signs[0]),
            Some(',') if signs.len() > 1 || english => groups(','),
            Some('.') if signs.len() > 1 || !english => groups('.'),
            Some(_) => false,
        };
        let text = if whole {
            parts.concat()
        } else if signs.len() == 1 || signs.last() != signs.first() {
            let (last, head) = parts.split_last()?;
            format!("{}.{last}", head.concat())
        } else {
            // 1.3.2024 is a date and no number.
            return Some((to, None));
        };
        let negative = self.gap(from).ends_with(" -") || self.gap(from).ends_with('−');
        let value: f64 = text.parse().ok()?;
        let numeral = Numeral {
            from,
            to,
            value: if negative { -value } else { value },
            percent: self.gap(to).trim_start().starts_with('%'),
            digits: true,
        };
        Some((to, Some(numeral)))
    }
}

/// German writes what is asked and of what in one word: "Gesamtumsatz", "Umsatzanteil".
fn apart(word: Folded, raw: &str, known: &[String]) -> Vec<Folded> {
    const BEFORE: [&str; 5] = ["gesamt", "durchschnitts", "hochst", "mindest", "median"];
    const BEHIND: [&str; 6] = [
        "anteil",
        "anzahl",
        "summe",
        "wachstum",
        "durchschnitt",
        "quote",
    ];
    let written = raw.get(word.start..word.end).unwrap_or("");
    let plain =
        written.chars().count() == word.text.chars().count() && !known.contains(&canon(&word.text));
    let cut = BEFORE
        .iter()
        .filter(|part| word.text.len() >= part.len() + 4)
        .find(|part| word.text.starts_with(**part))
        .map(|part| part.chars().count())
        .or_else(|| {
            let part = BEHIND
                .iter()
                .filter(|part| word.text.len() >= part.len() + 4)
                .find(|part| word.text.ends_with(**part))?;
            Some(word.text.chars().count() - part.chars().count())
        });
    let Some(cut) = cut.filter(|_| plain) else {
        return vec![word];
    };
    let at = written
        .char_indices()
        .nth(cut)
        .map_or(written.len(), |(at, _)| at);
    let half = |text: String, start: usize, end: usize| Folded { text, start, end };
    let head: String = word.text.chars().take(cut).collect();
    let tail: String = word.text.chars().skip(cut).collect();
    vec![
        half(head, word.start, word.start + at),
        half(tail, word.start + at, word.end),
    ]
}

/// A word as it is compared: without what plurals and cases put behind it, and with one spelling of umlauts.
pub(crate) fn canon(folded: &str) -> String {
    let folded = aios_languages::singular(folded).unwrap_or(folded);
    if folded.bytes().any(|byte| byte.is_ascii_digit()) {
        return folded.to_owned();
    }
    // "cats", "kits": short words have plurals too.
    if folded.len() <= 4 {
        // "copy" and "copies", "city" and "cities"
        let vowel = |at: usize| {
            folded
                .as_bytes()
                .get(at)
                .is_some_and(|byte| matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u'))
        };
        if folded.len() == 4 && folded.ends_with('y') && !vowel(2) && folded.is_ascii() {
            return format!("{}i", &folded[..3]);
        }
        let plural = folded.len() == 4
            && folded.ends_with('s')
            && !["ss", "us", "is", "as", "os"]
                .iter()
                .any(|end| folded.ends_with(end));
        return folded
            .get(..3)
            .filter(|_| plural)
            .unwrap_or(folded)
            .to_owned();
    }
    let mut word = folded
        .replace("ae", "a")
        .replace("oe", "o")
        .replace("ue", "u");
    if let Some(stem) = word.strip_suffix('y') {
        word = format!("{stem}i");
    }
    while word.chars().count() > 4 && word.ends_with(['s', 'e', 'n']) {
        word.pop();
    }
    word
}

/// The words of a name as they are compared; `UnitPrice` is two.
pub(crate) fn name_words(name: &str) -> Vec<String> {
    spaced(name).iter().map(|word| canon(&word.text)).collect()
}

/// The words of a name, those written together apart.
pub(crate) fn spaced(name: &str) -> Vec<Folded> {
    let mut out = String::with_capacity(name.len() + 4);
    let (mut before, mut run) = (' ', 0);
    for c in name.chars() {
        // A single small letter is no word of its own: `pH`.
        if c.is_uppercase() && before.is_lowercase() && run > 1 {
            out.push(' ');
            run = 0;
        }
        run = if c.is_alphabetic() { run + 1 } else { 0 };
        out.push(c);
        before = c;
    }
    folded(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_goal_are_read_as_its_language_writes_them() {
        let rows = [
            ("over 1,500.50", "en", &[1500.5][..]),
            ("über 1.500,50", "de", &[1500.5]),
            ("plus de 1 500,5", "fr", &[1500.5]),
            ("between 10 and 20", "en", &[10.0, 20.0]),
            ("top three", "en", &[3.0]),
            ("over 2 million", "en", &[2e6]),
            ("mehr als 2,5 Mio", "de", &[2.5e6]),
            ("over 5k", "en", &[5000.0]),
            ("in 2024", "en", &[2024.0]),
            ("1.3.2024", "de", &[]),
            ("no number", "en", &[]),
        ];
        for (text, language, wanted) in rows {
            let words = Words::read(text, language, &[]);
            let found: Vec<f64> = words.numerals.iter().map(|numeral| numeral.value).collect();
            assert_eq!(found, wanted, "{text}");
        }
    }

    #[test]
    fn words_meet_in_any_number_and_case() {
        let rows = [
            ("region", "regions"),
            ("region", "regionen"),
            ("kunde", "kunden"),
            ("filiale", "filialen"),
            ("country", "countries"),
            ("price", "prices"),
            ("preis", "preise"),
            ("muenchen", "munchen"),
            ("laptop", "laptops"),
        ];
        for (one, other) in rows {
            assert_eq!(canon(one), canon(other), "{one} {other}");
        }
        assert_ne!(canon("cost"), canon("count"));
        assert_eq!(name_words("UnitPrice (EUR)"), ["unit", "pric", "eur"]);
    }
}
