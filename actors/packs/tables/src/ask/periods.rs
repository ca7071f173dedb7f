//! Reads periods from a goal's words, in four languages.

use aios_languages::{Ask, Hint, Tag, hints, lexicon};
use aios_work::{Day, Grain, Span};

use super::marks::Marks;
use super::period::{Said, grain_of, part_of};
use super::words::Words;

/// Reads periods from words and what they are known to mean.
pub(super) struct Periods<'a> {
    words: &'a Words,
    marks: &'a Marks,
    tags: Vec<aios_languages::Tagged>,
}

impl<'a> Periods<'a> {
    pub(super) fn new(words: &'a Words, marks: &'a Marks) -> Self {
        let mut tags = lexicon(&words.language)
            .map(|lexicon| lexicon.tags(&words.all))
            .unwrap_or_default();
        // Months are written in English in many goals of other languages.
        if words.language != "en"
            && let Some(english) = lexicon("en")
        {
            let months = english.tags(&words.all);
            tags.extend(
                months
                    .into_iter()
                    .filter(|tag| matches!(tag.tag, Tag::Month(_)) && tag.to == tag.from + 1),
            );
        }
        Self { words, marks, tags }
    }

    /// The period that begins with this word, and behind it.
    pub(super) fn at(&self, from: usize) -> Option<(usize, Said)> {
        self.in_digits(from)
            .or_else(|| self.day_and_month(from))
            .or_else(|| self.month(from))
            .or_else(|| self.quarter_or_half(from))
            .or_else(|| self.week(from))
            .or_else(|| self.weekdays(from))
            .or_else(|| self.relative(from))
            .or_else(|| self.year_alone(from))
    }

    fn has(&self, at: usize, ask: Ask) -> Option<usize> {
        self.marks.ask_at(at, ask)
    }

    fn digits(&self, at: usize, most: usize) -> Option<i32> {
        let text = self.words.text(at);
        let fits =
            !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| text.parse().ok()).flatten()
    }

    fn year(&self, at: usize) -> Option<i32> {
        let year = self
            .digits(at, 4)
            .filter(|_| self.words.text(at).len() == 4)?;
        // "2024.50" is a number.
        let number = self.words.numeral(at)?;
        ((1900..=2100).contains(&year) && number.to == at + 1).then_some(year)
    }

    fn in_digits(&self, at: usize) -> Option<(usize, Said)> {
        let words = self.words;
        let day =
            |year, month, day| Day::new(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        let one = |day: Day| {
            Said::Days(Span {
                from: day,
                until: day,
            })
        };
        let (first, second) = (self.digits(at, 4)?, self.digits(at + 1, 4));
        let gap = words.gap(at + 1);
        let same = |next: usize| words.gap(next) == gap;
        if words.text(at).len() == 8
            && let Some(whole) = self.digits(at, 8)
        {
            return Some((
                at + 1,
                one(day(whole / 10_000, whole / 100 % 100, whole % 100)?),
            ));
        }
        let second = second?;
        let third = self.digits(at + 2, 4).filter(|_| same(at + 2));
        if words.text(at).len() == 4 && matches!(gap, "-" | "/" | ".") {
            return Some(match third {
                Some(third) => (at + 3, one(day(first, second, third)?)),
                None if words.text(at + 1).len() <= 2 => (
                    at + 2,
                    Said::Days(part_of(first, Grain::Month, u8::try_from(second).ok()?)?),
                ),
                None => return None,
            });
        }
        let gap = if gap.trim().is_empty() && !gap.is_empty() {
            " "
        } else {
            gap
        };
        if let Some(third) = third
            && matches!(gap, "." | "/" | "-" | ". ")
            && words.text(at + 2).len() == 4
        {
            let month_first = gap == "/" && words.language == "en" && first <= 12;
            let (month, of_month) = if month_first {
                (first, second)
            } else {
                (second, first)
            };
            return Some((at + 3, one(day(third, month, of_month)?)));
        }
        // 03/2024
        if gap == "/" && words.text(at + 1).len() == 4 {
            let month = u8::try_from(first).ok()?;
            return Some((at + 2, Said::Days(part_of(second, Grain::Month, month)?)));
        }
        None
    }

    /// Whether the word before is a day of the week.
    fn is_weekday(&self, at: usize) -> bool {
        let before = at.checked_sub(1);
        before.is_some_and(|before| self.weekdays(before).is_some())
    }

    fn month_name(&self, at: usize) -> Option<(usize, u8)> {
        let tag = self.tags.iter().filter(|tag| tag.from == at);
        let (to, month) = tag
            .filter_map(|tag| match tag.tag {
                Tag::Month(month) => Some((tag.to, month)),
                _ => None,
            })
            .max()?;
        // "may" is a verb, "mar" and "sep" are written with a capital.
        let written = self.words.written(at, to);
        let short = written.chars().count() <= 3 && self.words.language == "en";
        let capital = written.starts_with(char::is_uppercase);
        let year = self.year(to).is_some();
        let led = at > 0
            && [
                "in", "since", "until", "from", "to", "of", "for", "and", "before", "after",
                "between", "by",
            ]
            .contains(&self.words.text(at - 1));
        (!short || capital || year || led).then_some((to, month))
    }

    /// "10 March 2025", "10. März", "le 10 mars 2025", "10 de marzo de 2025"; "10 to 16 March", "10.-16. März".
    fn day_and_month(&self, at: usize) -> Option<(usize, Said)> {
        let first = self.day_of(at)?;
        let (last, after) = self.and_day(at + 1, first).unwrap_or((first, at + 1));
        let (to, month) = self.month_name(self.skip_of(after))?;
        let (to, year) = self.year_behind(to);
        let said = Said::InMonth(month, first, last);
        Some((to, year.map_or(said, |year| said.in_year(year))))
    }

    /// The number of a day: "10", "10th", "1er".
    fn day_of(&self, at: usize) -> Option<u8> {
        let text = self.words.text(at);
        let plain = text.trim_end_matches(['s', 't', 'n', 'd', 'r', 'h', 'e']);
        plain.parse().ok().filter(|day| (1..=31).contains(day))
    }

    /// A second day behind a first one: "to 16", "- 16".
    fn and_day(&self, at: usize, first: u8) -> Option<(u8, usize)> {
        const JOINS: [&str; 10] = [
            "to", "until", "till", "through", "and", "bis", "und", "au", "al", "et",
        ];
        let number = if JOINS.contains(&self.words.text(at)) {
            at + 1
        } else if self.words.gap(at).contains(['-', '–', '—']) {
            at
        } else {
            return None;
        };
        let last = self.day_of(number).filter(|last| *last > first)?;
        Some((last, number + 1))
    }

    fn skip_of(&self, at: usize) -> usize {
        if ["of", "de", "del", "du", "des"].contains(&self.words.text(at)) {
            at + 1
        } else {
            at
        }
    }

    fn year_behind(&self, at: usize) -> (usize, Option<i32>) {
        let behind = self.skip_of(at);
        let behind = if ["in", "im", "en", "jahr", "year", "jahres"]
            .contains(&self.words.text(behind))
            && self.year(behind + 1).is_some()
        {
            behind + 1
        } else {
            behind
        };
        match self.year(behind) {
            Some(year) => (behind + 1, Some(year)),
            None => (at, None),
        }
    }

    /// "March 2025", "March 10, 2025", "March".
    fn month(&self, at: usize) -> Option<(usize, Said)> {
        let (to, month) = self.month_name(at)?;
        // "in May 25": of a month one says that something was in it, and of a day that it was on it.
        let led = at
            .checked_sub(1)
            .is_some_and(|before| hints(Hint::Inside, self.words.text(before)));
        if led
            && let Some(year) = self
                .digits(to, 2)
                .filter(|_| self.words.text(to).len() == 2)
            && self.and_day(to + 1, 0).is_none()
            && self.year(to + 1).is_none()
            && (10..=49).contains(&year)
        {
            let said = Said::Part(Grain::Month, month).in_year(2000 + year);
            return Some((to + 1, said));
        }
        // Of "March 10" alone the number may be a limit; of "March 10 to 16" and "March 10, 2025" it is a day.
        let numbered = self
            .words
            .text(to)
            .starts_with(|first: char| first.is_ascii_digit());
        if let Some(first) = self.day_of(to).filter(|_| numbered) {
            let second = self.and_day(to + 1, first);
            let (last, behind) = second.unwrap_or((first, to + 1));
            let said = Said::InMonth(month, first, last);
            if let Some(year) = self.year(behind) {
                return Some((behind + 1, said.in_year(year)));
            }
            if second.is_some() && self.words.gap(to + 1).contains(['-', '–', '—', ' ']) {
                return Some((behind, said));
            }
            // "on May 6", "Monday, May 6": a day, where it is said to be one and the number is of nothing behind it.
            let before = at.checked_sub(1).map_or("", |at| self.words.text(at));
            let day = [
                "on", "since", "until", "after", "before", "of", "from", "am",
            ]
            .contains(&before)
                || self.is_weekday(at);
            let ends = behind >= self.words.all.len()
                || self.words.gap(behind).contains(['?', ',', '.', '!', ';']);
            let ordinal = self.words.text(to).ends_with(['t', 'd', 'h']);
            if second.is_none() && (ordinal || day && ends) {
                return Some((behind, said));
            }
        }
        let (to, year) = self.year_behind(to);
        let said = Said::Part(Grain::Month, month);
        Some((to, year.map_or(said, |year| said.in_year(year))))
    }

    fn quarter_or_half(&self, at: usize) -> Option<(usize, Said)> {
        let quarter = |at: usize| {
            let text = self.words.text(at);
            let short = text
                .strip_prefix(['q', 't'])
                .and_then(|number| number.parse::<u8>().ok());
            if let Some(number) = short.filter(|number| (1..=4).contains(number) && text.len() == 2)
            {
                return Some((at + 1, number));
            }
            let tags = self.tags.iter().filter(|tag| tag.from == at);
            let named = tags.filter_map(|tag| match tag.tag {
                Tag::Quarter(number) => Some((tag.to, number)),
                _ => None,
            });
            named
                .max()
                .filter(|_| self.words.text(at) != "last")
                .or_else(|| self.ordinal_quarter(at))
        };
        if let Some((to, number)) = quarter(at) {
            let (to, year) = self.year_behind(to);
            let said = Said::Part(Grain::Quarter, number);
            return Some((to, year.map_or(said, |year| said.in_year(year))));
        }
        if let Some(year) = self.year(at)
            && let Some((to, number)) = quarter(at + 1)
        {
            return Some((to, Said::Part(Grain::Quarter, number).in_year(year)));
        }
        for (ask, number) in [(Ask::FirstHalf, 1), (Ask::SecondHalf, 2)] {
            if let Some(to) = self.has(at, ask)
                && let Some((to, month)) = self.month_name(self.skip_of(to))
            {
                let (to, year) = self.year_behind(to);
                let (middle, last) = match month {
                    2 => (14, Day::new(year?, 2, 29).map_or(28, |_| 29)),
                    4 | 6 | 9 | 11 => (15, 30),
                    _ => (15, 31),
                };
                let said = if number == 1 {
                    Said::InMonth(month, 1, middle)
                } else {
                    Said::InMonth(month, middle + 1, last)
                };
                return Some((to, year.map_or(said, |year| said.in_year(year))));
            }
            if let Some(to) = self.has(at, ask) {
                // "the first half of the games" is no half of a year.
                let of = self.skip_of(to);
                let (to, year) = self.year_behind(to);
                let of_a_year = [of, of + 1]
                    .into_iter()
                    .any(|at| self.has(at, Ask::Year).is_some());
                if of > to && year.is_none() && !of_a_year {
                    return None;
                }
                let said = Said::Part(Grain::Year, number);
                return Some((to, year.map_or(said, |year| said.in_year(year))));
            }
        }
        None
    }

    /// "1. Quartal", "2e trimestre", "tercer trimestre".
    fn ordinal_quarter(&self, at: usize) -> Option<(usize, u8)> {
        let text = self.words.text(at);
        let number = match text {
            "first" | "erste" | "ersten" | "erstes" | "premier" | "primer" | "1" | "1er"
            | "1st" => 1,
            "second" | "zweite" | "zweiten" | "zweites" | "deuxieme" | "segundo" | "2" | "2e"
            | "2nd" => 2,
            "third" | "dritte" | "dritten" | "drittes" | "troisieme" | "tercer" | "3" | "3e"
            | "3rd" => 3,
            "fourth" | "vierte" | "vierten" | "viertes" | "quatrieme" | "cuarto" | "4" | "4e"
            | "4th" => 4,
            _ => return None,
        };
        self.has(at + 1, Ask::Quarter).map(|to| (to, number))
    }

    fn week(&self, at: usize) -> Option<(usize, Said)> {
        let to = match self.words.text(at) {
            "kw" | "cw" => at + 1,
            text if text.starts_with('w') && text.len() <= 3 => {
                let number: u8 = text.get(1..)?.parse().ok()?;
                return Some((at + 1, Said::Part(Grain::Week, number)));
            }
            _ => self.has(at, Ask::Week)?,
        };
        let number = u8::try_from(self.digits(to, 2)?)
            .ok()
            .filter(|week| (1..=53).contains(week))?;
        let (to, year) = self.year_behind(to + 1);
        let said = Said::Part(Grain::Week, number);
        Some((to, year.map_or(said, |year| said.in_year(year))))
    }

    fn weekdays(&self, at: usize) -> Option<(usize, Said)> {
        if let Some(to) = self.has(at, Ask::Weekend) {
            return Some((to, Said::Weekdays(0b110_0000)));
        }
        if let Some(to) = self.has(at, Ask::Workday) {
            return Some((to, Said::Weekdays(0b001_1111)));
        }
        let tags = self.tags.iter().filter(|tag| tag.from == at);
        let named = tags
            .filter_map(|tag| match tag.tag {
                Tag::Weekday(day) => Some((tag.to, day)),
                _ => None,
            })
            .max();
        let (to, day) = named.or_else(|| Some((at + 1, self.short_weekday(at)?)))?;
        Some((to, Said::Weekdays(1 << day.checked_sub(1)?)))
    }

    /// "Sat", "Sun" beside another day, or behind "on": alone they are other words as well.
    fn short_weekday(&self, at: usize) -> Option<u8> {
        const SHORT: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let day = |at: usize| {
            let written = self.words.written(at, at + 1);
            let place = SHORT
                .iter()
                .position(|short| *short == self.words.text(at))?;
            written
                .starts_with(char::is_uppercase)
                .then(|| u8::try_from(place + 1).ok())
                .flatten()
        };
        let found = day(at).filter(|_| self.words.language == "en")?;
        let before = at.checked_sub(1);
        let beside = before.and_then(day).is_some() || day(at + 1).is_some();
        let led = before.is_some_and(|before| ["on", "every"].contains(&self.words.text(before)));
        let joined = before
            .filter(|before| ["and", "or", "to"].contains(&self.words.text(*before)))
            .and_then(|before| before.checked_sub(1))
            .and_then(day)
            .is_some()
            || ["and", "or", "to"].contains(&self.words.text(at + 1)) && day(at + 2).is_some();
        (beside || led || joined).then_some(found)
    }

    fn relative(&self, at: usize) -> Option<(usize, Said)> {
        if let Some(to) = self.has(at, Ask::YearToDate) {
            return Some((to, Said::YearToDate));
        }
        let grain = |at: usize| {
            [Ask::Day, Ask::Week, Ask::Month, Ask::Quarter, Ask::Year]
                .into_iter()
                .find_map(|ask| Some((self.has(at, ask)?, grain_of(ask)?)))
        };
        let count = |at: usize| {
            let number = self.words.numeral(at)?;
            let whole = number.value.fract() == 0.0 && (1.0..=1_000.0).contains(&number.value);
            whole.then_some((number.to, number.value as i64))
        };
        type Kind = fn(Grain, i64) -> Said;
        let kinds: [(Ask, Kind); 3] = [
            (Ask::Last, Said::Last),
            (Ask::Previous, |grain, _| Said::Previous(grain)),
            (Ask::First, Said::First),
        ];
        for (ask, said) in kinds {
            // "last 3 months", "letzten Monat"
            if let Some(to) = self.has(at, ask) {
                let found = match count(to) {
                    Some((behind, number)) => grain(behind).map(|(to, grain)| (to, grain, number)),
                    None => grain(to).map(|(to, grain)| (to, grain, 1)),
                };
                if let Some((to, grain, number)) = found {
                    // "the first week of 2025"
                    if let (behind, Some(year)) = self.year_behind(to)
                        && ask != Ask::Previous
                        && grain < Grain::Year
                    {
                        let first = ask == Ask::First;
                        return Some((behind, Said::OfYear(grain, number, first, year)));
                    }
                    return Some((to, said(grain, number)));
                }
            }
            // "le mois dernier"
            if let Some((to, grain)) = grain(at)
                && let Some(to) = self.has(to, ask)
            {
                return Some((to, said(grain, 1)));
            }
            // "3 derniers mois"
            if let Some((to, number)) = count(at)
                && let Some(to) = self.has(to, ask)
                && let Some((to, grain)) = grain(to)
            {
                return Some((to, said(grain, number)));
            }
        }
        None
    }

    fn year_alone(&self, at: usize) -> Option<(usize, Said)> {
        let year = self.year(at)?;
        // "2024 EUR" and "more than 2000" are amounts.
        let limit = at.checked_sub(1).is_some_and(|before| {
            [
                Ask::Above,
                Ask::Below,
                Ask::AtLeast,
                Ask::AtMost,
                Ask::Exactly,
                Ask::Top,
            ]
            .into_iter()
            .any(|ask| self.marks.ends_at(before + 1, ask))
        });
        // "between 1000 and 2000"
        let second =
            at >= 2
                && self.marks.ends_at(at, Ask::And)
                && self.words.numerals.iter().any(|number| {
                    number.to == at - 1 && !(1900.0..=2100.0).contains(&number.value)
                });
        let sign = second || self.words.gap(at).contains(['>', '<', '=', '$', '€', '£']);
        (!limit && !sign).then(|| {
            let from = Day::new(year, 1, 1)?;
            Some((at + 1, Said::Days(Grain::Year.span_of(from))))
        })?
    }
}
