//! Periods as people name them in running text.

use std::ops::RangeInclusive;

use crate::english::prose::{Word, words};
use aios_work::{Day, Grain, Span};

/// A period as it was named, perhaps without its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// `2025-07-14`
    Date(Day),
    /// `July 14`
    DayOfMonth {
        /// 1 to 12.
        month: u8,
        /// 1 to 31.
        day: u8,
        /// If it was said.
        year: Option<i32>,
    },
    /// `July 2025`
    Month {
        /// 1 to 12.
        month: u8,
        /// If it was said.
        year: Option<i32>,
    },
    /// `Q3`
    Quarter {
        /// 1 to 4.
        quarter: u8,
        /// If it was said.
        year: Option<i32>,
    },
    /// `H1`
    Half {
        /// 1 or 2.
        half: u8,
        /// If it was said.
        year: Option<i32>,
    },
    /// `2025`
    Year(i32),
}

/// A period named in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset behind it.
    pub end: usize,
    /// What was named.
    pub named: Named,
    /// False for a bare four-digit number without a word that makes it a year; it may be a quantity.
    pub certain: bool,
}

impl Named {
    /// The year, if it was said.
    #[must_use]
    pub fn year(self) -> Option<i32> {
        match self {
            Self::Date(day) => Some(day.year()),
            Self::Year(year) => Some(year),
            Self::DayOfMonth { year, .. }
            | Self::Month { year, .. }
            | Self::Quarter { year, .. }
            | Self::Half { year, .. } => year,
        }
    }

    fn with_year(self, said: i32) -> Self {
        let said = Some(said);
        match self {
            Self::DayOfMonth { month, day, .. } => Self::DayOfMonth {
                month,
                day,
                year: said,
            },
            Self::Month { month, .. } => Self::Month { month, year: said },
            Self::Quarter { quarter, .. } => Self::Quarter {
                quarter,
                year: said,
            },
            Self::Half { half, .. } => Self::Half { half, year: said },
            other => other,
        }
    }

    /// The days it names, if its year is known.
    #[must_use]
    pub fn span(self) -> Option<Span> {
        let first = |year: Option<i32>, month| Day::new(year?, month, 1);
        Some(match self {
            Self::Date(day) => Grain::Day.span_of(day),
            Self::DayOfMonth { month, day, year } => {
                Grain::Day.span_of(Day::new(year?, month, day)?)
            }
            Self::Month { month, year } => Grain::Month.span_of(first(year, month)?),
            Self::Quarter { quarter, year } => {
                Grain::Quarter.span_of(first(year, quarter * 3 - 2)?)
            }
            Self::Half { half, year } => {
                let from = first(year, half * 6 - 5)?;
                Span {
                    from,
                    until: from.plus_months(6).plus_days(-1),
                }
            }
            Self::Year(year) => Grain::Year.span_of(first(Some(year), 1)?),
        })
    }

    /// The days it names in this data: without a year, the latest year in which the data has such days, else the data's last year.
    #[must_use]
    pub fn within(self, data: &Span) -> Option<Span> {
        if self.year().is_some() {
            return self.span();
        }
        let years = data.from.year().max(data.until.year() - 200)..=data.until.year();
        years
            .rev()
            .filter_map(|year| self.with_year(year).span())
            .find(|span| span.overlaps(data))
            .or_else(|| self.with_year(data.until.year()).span())
    }
}

const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];

/// Words after which a number or an ambiguous name is a period.
const LEADING: [&str; 20] = [
    "in", "of", "for", "during", "since", "from", "to", "until", "till", "through", "between",
    "by", "before", "after", "year", "fy", "early", "late", "mid", "and",
];

/// Years that stand alone; any other number of four digits is a quantity.
const YEARS: RangeInclusive<i32> = 1900..=2100;
/// Years with a month, a quarter or a day behind them.
const DATED: RangeInclusive<i32> = 1000..=2999;

/// All periods named in a text, in order, without overlap.
#[must_use]
pub fn mentions(text: &str) -> Vec<Mention> {
    let scan = Scan {
        text,
        words: words(text),
    };
    let mut out = Vec::new();
    let mut at = 0;
    while at < scan.words.len() {
        match scan.mention(at) {
            Some((mention, used)) => {
                out.push(mention);
                at += used.max(1);
            }
            None => at += 1,
        }
    }
    out
}

struct Scan<'a> {
    text: &'a str,
    words: Vec<Word<'a>>,
}

impl Scan<'_> {
    /// In lower case, without a possessive ending ("July's").
    fn lower(&self, at: usize) -> String {
        let lower = self.words.get(at).map(Word::lower).unwrap_or_default();
        let bare = lower
            .strip_suffix("'s")
            .or_else(|| lower.strip_suffix("’s"));
        bare.map_or_else(|| lower.clone(), str::to_owned)
    }

    /// What stands between two neighbouring words.
    fn gap(&self, at: usize) -> &str {
        match (self.words.get(at), self.words.get(at + 1)) {
            (Some(word), Some(next)) => self.text.get(word.end..next.start).unwrap_or(""),
            _ => "",
        }
    }

    fn after(&self, at: usize) -> &str {
        self.words
            .get(at)
            .and_then(|word| self.text.get(word.end..))
            .unwrap_or("")
    }

    fn before(&self, at: usize) -> Option<char> {
        let head = self.text.get(..self.words.get(at)?.start)?;
        head.chars().next_back()
    }

    fn digits(&self, at: usize, len: usize) -> Option<i32> {
        let word = self.words.get(at)?.text;
        (word.len() == len && word.bytes().all(|b| b.is_ascii_digit()))
            .then(|| word.parse().ok())
            .flatten()
    }

    /// A whole number that is not part of a larger figure such as `2,024` or `2024.5`.
    fn is_alone(&self, at: usize) -> bool {
        let mut after = self.after(at).chars();
        let joined_after = match after.next() {
            Some('.' | ',') => after.next().is_some_and(|c| c.is_ascii_digit()),
            Some('%') => true,
            _ => false,
        };
        let head = self
            .words
            .get(at)
            .and_then(|word| self.text.get(..word.start))
            .unwrap_or("");
        let mut before = head.chars().rev();
        let joined_before = match before.next() {
            Some('.' | ',') => before.next().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => matches!(c, '$' | '€' | '£' | '¥' | '₹' | '#'),
            None => false,
        };
        !joined_after && !joined_before
    }

    fn year(&self, at: usize) -> Option<i32> {
        self.digits(at, 4)
            .filter(|year| YEARS.contains(year) && self.is_alone(at))
    }

    /// A year that follows the word at `at`, perhaps after "of" or a comma, and how many words that takes.
    fn year_behind(&self, at: usize) -> (Option<i32>, usize) {
        let close = |gap: &str| matches!(gap, " " | ", " | "-" | "/" | " / " | " '" | "\u{a0}");
        if close(self.gap(at)) {
            if let Some(year) = self.year(at + 1) {
                return (Some(year), 1);
            }
            if self.lower(at + 1) == "of" && self.gap(at + 1) == " " && self.year(at + 2).is_some()
            {
                return (self.year(at + 2), 2);
            }
        }
        (None, 0)
    }

    fn build(
        &self,
        from: usize,
        used: usize,
        named: Named,
        certain: bool,
    ) -> Option<(Mention, usize)> {
        let start = self.words.get(from)?.start;
        let end = self.words.get(from + used - 1)?.end;
        Some((
            Mention {
                start,
                end,
                named,
                certain,
            },
            used,
        ))
    }

    fn mention(&self, at: usize) -> Option<(Mention, usize)> {
        self.iso(at)
            .or_else(|| self.slashed(at))
            .or_else(|| self.quarter_or_half(at))
            .or_else(|| self.day_then_month(at))
            .or_else(|| self.month(at))
            .or_else(|| self.bare_year(at))
    }

    /// `2025-07-14`, `2025-07`, `2025-Q3`.
    fn iso(&self, at: usize) -> Option<(Mention, usize)> {
        let year = self.digits(at, 4).filter(|year| DATED.contains(year))?;
        if self.gap(at) != "-" || self.before(at) == Some('-') {
            return None;
        }
        if let Some(quarter) = quarter_sign(&self.lower(at + 1)) {
            return self.build(
                at,
                2,
                Named::Quarter {
                    quarter,
                    year: Some(year),
                },
                true,
            );
        }
        let month = u8::try_from(self.digits(at + 1, 2)?)
            .ok()
            .filter(|month| (1..=12).contains(month))?;
        if self.gap(at + 1) == "-" {
            let word = self.words.get(at + 2)?.text;
            // A time may be joined to the day by a T: 2025-07-14T09:30.
            let day = word
                .get(..2)
                .filter(|_| word.len() == 2 || word.get(2..3) == Some("T"))?
                .parse()
                .ok()?;
            return self.build(at, 3, Named::Date(Day::new(year, month, day)?), true);
        }
        self.build(
            at,
            2,
            Named::Month {
                month,
                year: Some(year),
            },
            true,
        )
    }

    /// `14/07/2025`, `14.07.2025`, `7/14/2025`: with a slash and no number above 12, the month comes first.
    fn slashed(&self, at: usize) -> Option<(Mention, usize)> {
        let sign = self.gap(at);
        if !matches!(sign, "/" | ".") || self.gap(at + 1) != sign {
            return None;
        }
        let part = |at: usize| {
            self.digits(at, 2)
                .or_else(|| self.digits(at, 1))
                .and_then(|n| u8::try_from(n).ok())
        };
        let (first, second) = (part(at)?, part(at + 1)?);
        let year = self.digits(at + 2, 4)?;
        let (month, day) = if sign == "/" && first <= 12 {
            (first, second)
        } else {
            (second, first)
        };
        let day = Day::new(year, month, day).or_else(|| Day::new(year, day, month))?;
        self.build(at, 3, Named::Date(day), true)
    }

    fn quarter_or_half(&self, at: usize) -> Option<(Mention, usize)> {
        let word = self.lower(at);
        let ordinal = ordinal(&word);
        let next = self.lower(at + 1);
        let (quarter, half, used) = if let Some(quarter) = quarter_sign(&word) {
            (Some(quarter), None, 1)
        } else if matches!(word.as_str(), "h1" | "h2") {
            (None, Some(if word == "h1" { 1 } else { 2 }), 1)
        } else if next == "quarter" && self.gap(at) == " " && ordinal.is_some() {
            (ordinal, None, 2)
        } else if next == "half"
            && self.gap(at) == " "
            && ordinal.is_some_and(|n| n <= 2)
            && self.year_half(at)
        {
            (None, ordinal, 2)
        } else if word == "quarter" && self.gap(at) == " " {
            (
                self.digits(at + 1, 1)
                    .and_then(|n| u8::try_from(n).ok())
                    .filter(|n| (1..=4).contains(n)),
                None,
                2,
            )
        } else {
            return None;
        };
        let (mut year, mut more) = self.year_behind(at + used - 1);
        let mut from = at;
        // `2025 Q3`
        if year.is_none()
            && at > 0
            && matches!(self.gap(at - 1), " " | "/")
            && self.year(at - 1).is_some()
        {
            year = self.year(at - 1);
            from = at - 1;
            more = 1;
        }
        let named = match (quarter, half) {
            (Some(quarter), _) => Named::Quarter { quarter, year },
            (None, Some(half)) => Named::Half { half, year },
            (None, None) => return None,
        };
        let (mention, _) = self.build(from, used + more, named, true)?;
        Some((mention, used + if from == at { more } else { 0 }))
    }

    /// "first half" is a period when a year or "of the year" follows; "the first half of the text" is not.
    fn year_half(&self, at: usize) -> bool {
        self.year_behind(at + 1).0.is_some()
            || (self.lower(at + 2) == "of"
                && self.lower(at + 3) == "the"
                && self.lower(at + 4) == "year")
    }

    /// `14 July`, `14th of July 2025`.
    fn day_then_month(&self, at: usize) -> Option<(Mention, usize)> {
        let day = day_number(&self.lower(at)).filter(|_| self.is_alone(at))?;
        let of = usize::from(self.lower(at + 1) == "of");
        if self.gap(at) != " " || (of == 1 && self.gap(at + 1) != " ") {
            return None;
        }
        let month = self.month_name(at + 1 + of)?;
        let (year, more) = self.year_behind(at + 1 + of);
        Day::new(year.unwrap_or(2024), month, day)?;
        self.build(
            at,
            2 + of + more,
            Named::DayOfMonth { month, day, year },
            true,
        )
    }

    fn month(&self, at: usize) -> Option<(Mention, usize)> {
        let month = self.month_name(at)?;
        let (year, more) = self.year_behind(at);
        if year.is_some() {
            return self.build(at, 1 + more, Named::Month { month, year }, true);
        }
        if matches!(self.gap(at), " " | ". ")
            && let Some(day) = day_number(&self.lower(at + 1)).filter(|_| self.is_alone(at + 1))
            && !self.counts_something(at + 1)
        {
            let (year, more) = self.year_behind(at + 1);
            Day::new(year.unwrap_or(2024), month, day)?;
            return self.build(at, 2 + more, Named::DayOfMonth { month, day, year }, true);
        }
        self.build(at, 1, Named::Month { month, year: None }, true)
    }

    /// "in July 12 orders": a plain number with a plural noun behind it is a quantity, not a day.
    fn counts_something(&self, at: usize) -> bool {
        let next = self.lower(at + 1);
        self.gap(at) == " "
            && self
                .digits(at, self.words.get(at).map_or(0, |word| word.text.len()))
                .is_some()
            && (next == "percent" || (next.len() > 3 && next.ends_with('s') && next != "was"))
    }

    fn month_name(&self, at: usize) -> Option<u8> {
        let word = self.words.get(at)?;
        let lower = self.lower(at);
        let index = MONTHS.iter().position(|(full, short)| {
            lower == *full || lower == *short || (lower == "sept" && *short == "sep")
        })?;
        // These are also common words: they need a capital inside a sentence, a leading word, or a number behind.
        if matches!(
            lower.as_str(),
            "may" | "march" | "mar" | "dec" | "jan" | "jun" | "sep"
        ) {
            let led = at > 0 && LEADING.contains(&self.lower(at - 1).as_str());
            let numbered = self
                .words
                .get(at + 1)
                .is_some_and(|next| next.text.starts_with(|c: char| c.is_ascii_digit()));
            let capital = word.text.starts_with(char::is_uppercase) && (at > 0 || lower != "may");
            if !(led || numbered || capital) {
                return None;
            }
        }
        u8::try_from(index + 1).ok()
    }

    fn bare_year(&self, at: usize) -> Option<(Mention, usize)> {
        let year = self.year(at)?;
        // `2024 Q1`: the quarter takes the year.
        let next = self.lower(at + 1);
        if matches!(self.gap(at), " " | "/")
            && (quarter_sign(&next).is_some() || matches!(next.as_str(), "h1" | "h2"))
            && self.year_behind(at + 1).0.is_none()
        {
            return None;
        }
        let led = at > 0 && LEADING.contains(&self.lower(at - 1).as_str());
        self.build(at, 1, Named::Year(year), led)
    }
}

fn quarter_sign(word: &str) -> Option<u8> {
    match word {
        "q1" => Some(1),
        "q2" => Some(2),
        "q3" => Some(3),
        "q4" => Some(4),
        _ => None,
    }
}

fn ordinal(word: &str) -> Option<u8> {
    match word {
        "first" | "1st" => Some(1),
        "second" | "2nd" => Some(2),
        "third" | "3rd" => Some(3),
        "fourth" | "4th" => Some(4),
        _ => None,
    }
}

/// `14`, `14th`, `1st`.
fn day_number(word: &str) -> Option<u8> {
    let digits = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending))
        .unwrap_or(word);
    if digits.is_empty() || digits.len() > 2 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn periods_are_found_as_people_write_them() {
        let data = Span {
            from: Day::new(2024, 2, 1).unwrap(),
            until: Day::new(2025, 9, 28).unwrap(),
        };
        let cases = [
            ("Analyze Q3 sales", "2025-07-01 to 2025-09-30"),
            ("Q4", "2024-10-01 to 2024-12-31"),
            ("Q3 2024 results", "2024-07-01 to 2024-09-30"),
            ("2024 Q1", "2024-01-01 to 2024-03-31"),
            ("2024-Q1", "2024-01-01 to 2024-03-31"),
            ("the third quarter of 2024", "2024-07-01 to 2024-09-30"),
            ("H1 2025", "2025-01-01 to 2025-06-30"),
            ("first half of 2024", "2024-01-01 to 2024-06-30"),
            ("sales in july", "2025-07-01 to 2025-07-31"),
            ("November", "2024-11-01 to 2024-11-30"),
            ("Jul 2024", "2024-07-01 to 2024-07-31"),
            ("in may", "2025-05-01 to 2025-05-31"),
            ("14 July 2024", "2024-07-14 to 2024-07-14"),
            ("14th of July", "2025-07-14 to 2025-07-14"),
            ("July 14, 2024", "2024-07-14 to 2024-07-14"),
            ("in July 12 orders", "2025-07-01 to 2025-07-31"),
            ("2024-07-14", "2024-07-14 to 2024-07-14"),
            ("2024-07", "2024-07-01 to 2024-07-31"),
            ("14.07.2024", "2024-07-14 to 2024-07-14"),
            ("7/14/2024", "2024-07-14 to 2024-07-14"),
            ("revenue in 2024", "2024-01-01 to 2024-12-31"),
        ];
        for (text, expected) in cases {
            let found = mentions(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(
                found[0].named.within(&data).unwrap().to_string(),
                expected,
                "{text}"
            );
        }
        for text in [
            "it may rise",
            "May I ask",
            "we march on",
            "2,024 units",
            "2024.5",
            "$2024",
            "first half of the text",
            "12 % growth",
            "",
            "quarter 9",
        ] {
            assert_eq!(mentions(text), [], "{text}");
        }
        assert!(!mentions("sold 2024 units")[0].certain);
    }

    proptest! {
        #[test]
        fn any_text_can_be_searched(text in "([a-zA-Z0-9 ,.\\-/%$]|\\PC|july|Q3|2025|second half|of){0,40}") {
            let data = Span { from: Day::new(2024, 2, 1).unwrap(), until: Day::new(2025, 9, 28).unwrap() };
            let mut last = 0;
            for mention in mentions(&text) {
                prop_assert!(mention.start <= mention.end && text.get(mention.start..mention.end).is_some());
                prop_assert!(mention.end > last);
                last = mention.end;
                let _ = mention.named.within(&data);
            }
        }
    }
}
