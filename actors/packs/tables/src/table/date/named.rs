//! Dates with words in them: months by name, quarters, weeks, fiscal years.

use std::sync::LazyLock;

use jiff::civil;

use super::{DateReading, Layout, day, full_year, reading, two, year};

/// Reads a date that has letters in it.
pub(super) fn read(text: &str) -> Option<DateReading> {
    if let Some(plain) = without_signs(text) {
        return day(&plain);
    }
    let parts = parts(text);
    quarter(&parts)
        .or_else(|| week(&parts))
        .or_else(|| fiscal(text))
        .or_else(|| named_month(parts))
}

/// `2025-Q3`, `Q3 2025`, `Q3 '25`, `3Q25`, `T3 2025`, `3. Quartal 2025`.
fn quarter(parts: &[&str]) -> Option<DateReading> {
    let of = |quarter: &str| -> Option<i8> {
        let number = match quarter.as_bytes() {
            [b'Q' | b'q' | b'T' | b't', number] | [number, b'Q' | b'q' | b'T' | b't'] => *number,
            _ => return None,
        };
        (b'1'..=b'4')
            .contains(&number)
            .then(|| i8::try_from(number - b'0').unwrap_or(1))
    };
    let (written, quarter) = match parts {
        [one] if one.len() == 6 && one.is_ascii() => match one.get(..4).and_then(full_year) {
            Some(_) => (one.get(..4)?, of(one.get(4..)?)?),
            None => (one.get(2..)?, of(one.get(..2)?)?),
        },
        [one] if one.len() == 4 && one.is_ascii() => (one.get(2..)?, of(one.get(..2)?)?),
        [first, second] => match of(second) {
            Some(quarter) => (*first, quarter),
            None => (*second, of(first)?),
        },
        [number, word, last] if is_one_of(word, &QUARTERS) => {
            let number = number.trim_end_matches(|c: char| c.is_alphabetic());
            (
                *last,
                number
                    .parse()
                    .ok()
                    .filter(|number| (1..=4).contains(number))?,
            )
        }
        [word, number, last] if is_one_of(word, &QUARTERS) => (
            *last,
            number
                .parse()
                .ok()
                .filter(|number| (1..=4).contains(number))?,
        ),
        _ => return None,
    };
    let (year, short_year) = year(written.trim_start_matches(['\'', '\u{2019}']))?;
    Some(DateReading {
        short_year,
        ..reading(Layout::Quarter, year, quarter * 3 - 2, 1)
    })
}

/// Words for a quarter, and for a week.
const QUARTERS: [&str; 4] = ["quartal", "quarter", "trimestre", "trim"];
const WEEKS: [&str; 6] = ["kw", "week", "woche", "wk", "semaine", "semana"];

/// Whether it is one of these words, in small letters or large ones. It is asked of every cell of a text, so nothing is allocated.
fn is_one_of(word: &str, words: &[&str]) -> bool {
    let first = word.as_bytes().first().map(u8::to_ascii_lowercase);
    words
        .iter()
        .any(|known| known.as_bytes().first().copied() == first && known.eq_ignore_ascii_case(word))
}

/// What stands between the marks of a date.
fn parts(text: &str) -> Vec<&str> {
    text.split(['-', '/', ' ', ',', '.', '\u{a0}', '_'])
        .filter(|part| !part.is_empty())
        .collect()
}

/// `2025-W05`, `2025W05`, `W05 2025`, `KW 5/2025`, `Week 5, 2025`: the Monday that the week begins with.
fn week(parts: &[&str]) -> Option<DateReading> {
    let number = |part: &str| {
        let digits = ["KW", "kw", "Kw", "W", "w"]
            .iter()
            .find_map(|sign| part.strip_prefix(sign))?;
        two(digits)
    };
    let named = |word: &str| is_one_of(word, &WEEKS);
    let (year, week) = match parts {
        [one] if one.len() == 7 && one.is_ascii() => {
            (full_year(one.get(..4)?)?, number(one.get(4..)?)?)
        }
        [first, second] => match (full_year(first), full_year(second)) {
            (Some(year), _) => (year, number(second)?),
            (_, Some(year)) => (year, number(first)?),
            _ => return None,
        },
        [word, week, year] if named(word) => (full_year(year)?, two(week)?),
        [year, word, week] if named(word) => (full_year(year)?, two(week)?),
        _ => return None,
    };
    let monday = civil::ISOWeekDate::new(year, week, civil::Weekday::Monday)
        .ok()?
        .date();
    Some(reading(
        Layout::Week,
        monday.year(),
        monday.month(),
        monday.day(),
    ))
}

/// `FY2025`, `FY 25`, `GJ 2025`.
fn fiscal(text: &str) -> Option<DateReading> {
    let rest = ["FY", "fy", "GJ", "AF"]
        .iter()
        .find_map(|sign| text.strip_prefix(sign))?;
    let (year, short_year) = year(rest.trim_start_matches([' ', '-', '\'']))?;
    Some(DateReading {
        short_year,
        ..reading(Layout::FiscalYear, year, 1, 1)
    })
}

/// `2025年3月5日` with hyphens instead.
fn without_signs(text: &str) -> Option<String> {
    if text.is_ascii() || !text.contains('年') {
        return None;
    }
    let plain = text.replace(['年', '月'], "-").replace('日', "");
    Some(plain.trim_end_matches('-').to_owned())
}

fn named_month(mut parts: Vec<&str>) -> Option<DateReading> {
    // `5 de marzo de 2025`, `5th of March 2025`.
    parts.retain(|part| !matches!(*part, "de" | "del" | "of" | "the"));
    let ordinal = |part: &str| {
        two(part.trim_end_matches(|c: char| c.is_ascii_alphabetic())).filter(|_| {
            let suffix = part.trim_start_matches(|c: char| c.is_ascii_digit());
            matches!(suffix, "" | "st" | "nd" | "rd" | "th" | "er" | "º")
        })
    };
    let of = |layout, written: &str, month, day| {
        let (year, short_year) = year(written.trim_start_matches(['\'', '\u{2019}']))?;
        Some(DateReading {
            short_year,
            ..reading(layout, year, month, day)
        })
    };
    match parts.as_slice() {
        [first, second, third] => match (month(first), month(second)) {
            (Some(month), _) => of(Layout::MonthNameDay, third, month, ordinal(second)?),
            (None, Some(month)) if first.len() == 4 => {
                of(Layout::DayMonthName, first, month, ordinal(third)?)
            }
            (None, Some(month)) => of(Layout::DayMonthName, third, month, ordinal(first)?),
            (None, None) => None,
        },
        [first, second] => match (month(first), month(second)) {
            (Some(month), _) => of(Layout::MonthNameYear, second, month, 1),
            // `3 Jul` names no year.
            (None, Some(month)) => {
                full_year(first).and_then(|_| of(Layout::MonthNameYear, first, month, 1))
            }
            (None, None) => None,
        },
        _ => None,
    }
}

/// Month names in English, German, French, Spanish, Italian, Portuguese and Dutch, and their usual short forms.
#[rustfmt::skip]
const MONTHS: [&[&str]; 12] = [
    &["jan", "january", "januar", "jänner", "janvier", "janv", "enero", "ene", "gennaio", "gen", "janeiro", "januari"],
    &["feb", "february", "februar", "février", "févr", "febrero", "febbraio", "fev", "fevereiro", "februari"],
    &["mar", "march", "märz", "mär", "mrz", "mars", "marzo", "março", "maart", "mrt"],
    &["apr", "april", "avril", "avr", "abril", "abr", "aprile"],
    &["may", "mai", "mayo", "maggio", "mag", "maio", "mei"],
    &["jun", "june", "juni", "juin", "junio", "giugno", "giu", "junho"],
    &["jul", "july", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho"],
    &["aug", "august", "août", "agosto", "ago", "aout", "augustus"],
    &["sep", "sept", "september", "septembre", "septiembre", "settembre", "set", "setembro"],
    &["oct", "october", "okt", "oktober", "octobre", "octubre", "ottobre", "ott", "outubro", "out"],
    &["nov", "november", "novembre", "noviembre", "novembro"],
    &["dec", "december", "dez", "dezember", "déc", "décembre", "dic", "diciembre", "dicembre", "dezembro"],
];

/// The number of a month by its name.
pub(crate) fn month(name: &str) -> Option<i8> {
    if !may_be_month(name) || name.len() > 12 || !name.chars().all(char::is_alphabetic) {
        return None;
    }
    let at = if name.is_ascii() {
        MONTHS.iter().position(|names| is_one_of(name, names))?
    } else {
        let name = name.to_lowercase();
        let known = |names: &&[&str]| names.contains(&name.as_str());
        MONTHS.iter().position(known)?
    };
    i8::try_from(at + 1).ok()
}

/// Pairs of letters that names of months begin with.
static BEGINNINGS: LazyLock<[u32; 26]> = LazyLock::new(|| {
    let mut pairs = [0_u32; 26];
    for name in MONTHS.iter().flat_map(|names| names.iter()) {
        if let [first, second, ..] = name.as_bytes()
            && let (Some(first), Some(second)) = (letter(*first), letter(*second))
        {
            pairs[first] |= 1 << second;
        }
    }
    pairs
});

/// The place of a plain letter in the alphabet.
fn letter(byte: u8) -> Option<usize> {
    let byte = byte.to_ascii_lowercase();
    byte.is_ascii_lowercase().then(|| usize::from(byte - b'a'))
}

/// Whether a word could be the name of a month by its first two letters; of others than plain ones it always could.
fn may_be_month(name: &str) -> bool {
    match name.as_bytes() {
        [first, second, ..] if first.is_ascii() && second.is_ascii() => {
            let pair = letter(*first).zip(letter(*second));
            pair.is_some_and(|(first, second)| BEGINNINGS[first] & (1 << second) != 0)
        }
        _ => name.len() > 1,
    }
}
