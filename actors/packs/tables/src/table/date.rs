//! Dates as people and programs write them, read into ISO text.
//!
//! `03/07/2025` alone is a day in July or in March. A cell is therefore read into its parts, and the column decides their order.

use jiff::civil;

/// Bytes of a cell that may be a date.
const LONGEST: usize = 100;

/// How a date is laid out. Two cells of one column may differ in layout; each alone says what it means, except [`Layout::Numeric`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layout {
    /// `2025-07-03`, with `-`, `/` or `.`.
    YearMonthDay(char),
    /// Day and month as numbers in unknown order, year last: `03/07/2025`.
    Numeric(char),
    /// `3 Jul 2025`, `3-Jul-2025`, `3. Juli 2025`.
    DayMonthName,
    /// `Jul 3, 2025`.
    MonthNameDay,
    /// `July 2025`, `Jul-25`.
    MonthNameYear,
    /// `2025-07`.
    YearMonth,
    /// `07/2025`.
    MonthYear,
    /// `20250703`; eight digits that may be a number, the column decides.
    Compact,
    /// `2025-Q3`, `Q3 2025`.
    Quarter,
    /// `2025-W05`, `KW 5/2025`.
    Week,
    /// `FY2025`.
    FiscalYear,
    /// `2025`; four digits that may be a number, the column's name decides.
    Year,
}

/// Which of the two numbers in [`Layout::Numeric`] comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    DayFirst,
    MonthFirst,
}

/// A date as written, its parts still in the cell's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DateReading {
    pub(crate) layout: Layout,
    year: i16,
    first: i8,
    second: i8,
    /// The year was written with two digits.
    pub(crate) short_year: bool,
    pub(crate) time: Option<Time>,
}

/// The clock time after a date, as written; an offset is kept apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Time {
    clock: civil::Time,
    pub(crate) offset: Option<String>,
}

impl Time {
    pub(crate) fn is_midnight(&self) -> bool {
        self.clock == civil::Time::midnight()
    }
}

impl DateReading {
    /// The parts of `cell`, if it is a date under at least one order of day and month.
    pub(crate) fn of(cell: &str) -> Option<Self> {
        if cell.len() > LONGEST {
            return None;
        }
        let cell = cell.trim();
        if !(4..=48).contains(&cell.len()) || !cell.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let cell = without_weekday(cell);
        let (date, time) = split_time(cell)?;
        let mut reading = day(date)?;
        if time.is_some()
            && matches!(
                reading.layout,
                Layout::YearMonth
                    | Layout::MonthYear
                    | Layout::MonthNameYear
                    | Layout::Quarter
                    | Layout::Week
                    | Layout::FiscalYear
                    | Layout::Year
            )
        {
            return None;
        }
        reading.time = time;
        (reading.under(Order::DayFirst).is_some() || reading.under(Order::MonthFirst).is_some())
            .then_some(reading)
    }

    /// The day it names; a month, quarter or year stands for its first day.
    pub(crate) fn under(&self, order: Order) -> Option<civil::Date> {
        let (month, day) = match (self.layout, order) {
            (Layout::Numeric(_), Order::DayFirst) => (self.second, self.first),
            _ => (self.first, self.second),
        };
        civil::Date::new(self.year, month, day).ok()
    }

    /// ISO text: the date alone, or with the clock time as written.
    pub(crate) fn iso(&self, order: Order, with_time: bool) -> Option<String> {
        let date = self.under(order)?;
        if !with_time {
            return Some(date.to_string());
        }
        let midnight = civil::Time::midnight();
        let clock = self.time.as_ref().map_or(midnight, |time| time.clock);
        Some(format!("{date} {clock}"))
    }

    /// For a [`Layout::Numeric`] date: its two numbers as written.
    pub(crate) fn numbers(&self) -> (i8, i8) {
        (self.first, self.second)
    }
}

impl Layout {
    /// The layout in letters, for a profile.
    pub(crate) fn describe(self, order: Order) -> String {
        match (self, order) {
            (Self::YearMonthDay(mark), _) => format!("YYYY{mark}MM{mark}DD"),
            (Self::Numeric(mark), Order::DayFirst) => format!("DD{mark}MM{mark}YYYY"),
            (Self::Numeric(mark), Order::MonthFirst) => format!("MM{mark}DD{mark}YYYY"),
            (Self::DayMonthName, _) => "D Mon YYYY".to_owned(),
            (Self::MonthNameDay, _) => "Mon D, YYYY".to_owned(),
            (Self::MonthNameYear, _) => "Mon YYYY".to_owned(),
            (Self::YearMonth, _) => "YYYY-MM".to_owned(),
            (Self::MonthYear, _) => "MM/YYYY".to_owned(),
            (Self::Compact, _) => "YYYYMMDD".to_owned(),
            (Self::Quarter, _) => "YYYY-Qn".to_owned(),
            (Self::Week, _) => "YYYY-Www".to_owned(),
            (Self::Year | Self::FiscalYear, _) => "YYYY".to_owned(),
        }
    }
}

fn reading(layout: Layout, year: i16, first: i8, second: i8) -> DateReading {
    DateReading {
        layout,
        year,
        first,
        second,
        short_year: false,
        time: None,
    }
}

/// `Thu, 3 Jul 2025` -> `3 Jul 2025`.
fn without_weekday(cell: &str) -> &str {
    let word = cell
        .split(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let known = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let is_weekday = word.len() >= 3
        && known.iter().any(|day| {
            word.get(..3)
                .is_some_and(|head| head.eq_ignore_ascii_case(day))
        })
        && (word.len() == 3
            || word.to_ascii_lowercase().ends_with("day")
            || matches!(word.len(), 4 | 5));
    let rest = cell.get(word.len()..).unwrap_or_default();
    if is_weekday && month(word).is_none() {
        rest.trim_start_matches([',', '.', ' '])
    } else {
        cell
    }
}

/// Splits `2025-07-03T14:30:00Z` into date and time. `None` if what follows the date is no time.
fn split_time(cell: &str) -> Option<(&str, Option<Time>)> {
    let Some(colon) = cell.find(':') else {
        return Some((cell, None));
    };
    let head = cell.get(..colon)?;
    let hours = head.bytes().rev().take_while(u8::is_ascii_digit).count();
    let at = colon - hours;
    let date = cell.get(..at)?.trim_end();
    let date = date
        .strip_suffix(['T', 't', ','])
        .unwrap_or(date)
        .trim_end();
    let date = date.strip_suffix("at").unwrap_or(date).trim_end();
    if date.len() == at {
        return None;
    }
    Some((date, Some(clock(cell.get(at..)?)?)))
}

/// `14:30`, `2:30:05.250 pm`, `14:30:00+02:00`, `14:30Z`.
fn clock(text: &str) -> Option<Time> {
    let digits_end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')))
        .unwrap_or(text.len());
    let (numbers, rest) = (text.get(..digits_end)?, text.get(digits_end..)?.trim());
    let mut parts = numbers.splitn(3, ':');
    let (hour, minute) = (two(parts.next()?)?, two(parts.next()?)?);
    let (second, fraction) = match parts.next() {
        None => (0, ""),
        Some(seconds) => match seconds.split_once(['.', ',']) {
            None => (two(seconds)?, ""),
            Some((whole, fraction)) => (two(whole)?, fraction),
        },
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || fraction.len() > 9 {
        return None;
    }
    let lower = rest.to_ascii_lowercase().replace('.', "");
    let (hour, offset) = match lower.as_str() {
        "" => (hour, None),
        "am" | "pm" if !(1..=12).contains(&hour) => return None,
        "am" => (hour % 12, None),
        "pm" => (hour % 12 + 12, None),
        "z" | "utc" | "gmt" => (hour, Some("Z".to_owned())),
        zone => {
            let digits: String = zone
                .strip_prefix(['+', '-'])?
                .chars()
                .filter(|c| *c != ':')
                .collect();
            let valid =
                matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit());
            (hour, Some(valid.then(|| rest.to_owned())?))
        }
    };
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    let clock = civil::Time::new(hour, minute, second, nanoseconds).ok()?;
    Some(Time { clock, offset })
}

/// One or two digits.
fn two(text: &str) -> Option<i8> {
    (matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Four digits; or two, which mean 1969-2068 as POSIX has it.
fn year(text: &str) -> Option<(i16, bool)> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i16 = text.parse().ok()?;
    match text.len() {
        4 if number > 0 => Some((number, false)),
        2 if number < 69 => Some((2000 + number, true)),
        2 => Some((1900 + number, true)),
        _ => None,
    }
}

fn full_year(text: &str) -> Option<i16> {
    year(text).filter(|(_, short)| !short).map(|(year, _)| year)
}

/// Reads a date without its time.
fn day(text: &str) -> Option<DateReading> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits_only(text);
    }
    if !text.chars().any(char::is_alphabetic) {
        return numeric(text);
    }
    if let Some(plain) = without_signs(text) {
        return day(&plain);
    }
    quarter(text)
        .or_else(|| week(text))
        .or_else(|| fiscal(text))
        .or_else(|| named_month(text))
}

fn digits_only(text: &str) -> Option<DateReading> {
    match text.len() {
        4 => full_year(text)
            .filter(|year| (1000..=2999).contains(year))
            .map(|year| reading(Layout::Year, year, 1, 1)),
        8 => {
            let year = full_year(text.get(..4)?).filter(|year| (1900..=2100).contains(year))?;
            Some(reading(
                Layout::Compact,
                year,
                two(text.get(4..6)?)?,
                two(text.get(6..)?)?,
            ))
        }
        _ => None,
    }
}

/// `2025-Q3`, `Q3 2025`, `Q3 '25`, `3Q25`, `T3 2025`, `3. Quartal 2025`.
fn quarter(text: &str) -> Option<DateReading> {
    let parts = parts(text);
    let of = |quarter: &str| -> Option<i8> {
        let number = match quarter.as_bytes() {
            [b'Q' | b'q' | b'T' | b't', number] | [number, b'Q' | b'q' | b'T' | b't'] => *number,
            _ => return None,
        };
        (b'1'..=b'4')
            .contains(&number)
            .then(|| i8::try_from(number - b'0').unwrap_or(1))
    };
    let (written, quarter) = match parts.as_slice() {
        [one] if one.len() == 6 && one.is_ascii() => match one.get(..4).and_then(full_year) {
            Some(_) => (one.get(..4)?, of(one.get(4..)?)?),
            None => (one.get(2..)?, of(one.get(..2)?)?),
        },
        [one] if one.len() == 4 && one.is_ascii() => (one.get(2..)?, of(one.get(..2)?)?),
        [first, second] => match of(second) {
            Some(quarter) => (*first, quarter),
            None => (*second, of(first)?),
        },
        [number, word, last]
            if matches!(
                word.to_lowercase().as_str(),
                "quartal" | "quarter" | "trimestre" | "trim"
            ) =>
        {
            let number = number.trim_end_matches(|c: char| c.is_alphabetic());
            (
                *last,
                number
                    .parse()
                    .ok()
                    .filter(|number| (1..=4).contains(number))?,
            )
        }
        [word, number, last]
            if matches!(
                word.to_lowercase().as_str(),
                "quartal" | "quarter" | "trimestre" | "trim"
            ) =>
        {
            (
                *last,
                number
                    .parse()
                    .ok()
                    .filter(|number| (1..=4).contains(number))?,
            )
        }
        _ => return None,
    };
    let (year, short_year) = year(written.trim_start_matches(['\'', '\u{2019}']))?;
    Some(DateReading {
        short_year,
        ..reading(Layout::Quarter, year, quarter * 3 - 2, 1)
    })
}

/// What stands between the marks of a date.
fn parts(text: &str) -> Vec<&str> {
    text.split(['-', '/', ' ', ',', '.', '\u{a0}', '_'])
        .filter(|part| !part.is_empty())
        .collect()
}

/// `2025-W05`, `2025W05`, `W05 2025`, `KW 5/2025`, `Week 5, 2025`: the Monday that the week begins with.
fn week(text: &str) -> Option<DateReading> {
    let parts = parts(text);
    let number = |part: &str| {
        let digits = ["KW", "kw", "Kw", "W", "w"]
            .iter()
            .find_map(|sign| part.strip_prefix(sign))?;
        two(digits)
    };
    let named = |word: &str| {
        matches!(
            word.to_lowercase().as_str(),
            "kw" | "week" | "woche" | "wk" | "semaine" | "semana"
        )
    };
    let (year, week) = match parts.as_slice() {
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
    if !text.contains('年') {
        return None;
    }
    let plain = text.replace(['年', '月'], "-").replace('日', "");
    Some(plain.trim_end_matches('-').to_owned())
}

fn numeric(text: &str) -> Option<DateReading> {
    let mark = text.chars().find(|c| matches!(c, '-' | '/' | '.'))?;
    let parts: Vec<&str> = text.split(mark).map(str::trim).collect();
    match parts.as_slice() {
        [first, second, third] if first.len() == 4 => Some(reading(
            Layout::YearMonthDay(mark),
            full_year(first)?,
            two(second)?,
            two(third)?,
        )),
        [first, second, third] => {
            let (year, short_year) = year(third)?;
            Some(DateReading {
                short_year,
                ..reading(Layout::Numeric(mark), year, two(first)?, two(second)?)
            })
        }
        // With a point these would be decimal numbers.
        [first, second] if first.len() == 4 && mark != '.' => Some(reading(
            Layout::YearMonth,
            full_year(first)?,
            two(second)?,
            1,
        )),
        [first, second] if second.len() == 4 && mark != '.' => Some(reading(
            Layout::MonthYear,
            full_year(second)?,
            two(first)?,
            1,
        )),
        _ => None,
    }
}

fn named_month(text: &str) -> Option<DateReading> {
    // `5 de marzo de 2025`, `5th of March 2025`.
    let mut parts = parts(text);
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
pub(super) fn month(name: &str) -> Option<i8> {
    if name.len() > 12 || !name.chars().all(char::is_alphabetic) {
        return None;
    }
    let name = name.to_lowercase();
    let at = MONTHS
        .iter()
        .position(|names| names.contains(&name.as_str()))?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cell_reads_as_people_write_dates() {
        // cell, ISO text with the day first, with the month first
        for (cell, day_first, month_first) in [
            ("2025-07-03", "2025-07-03", "2025-07-03"),
            ("2025-7-3", "2025-07-03", "2025-07-03"),
            ("2025/07/03", "2025-07-03", "2025-07-03"),
            ("2025-07", "2025-07-01", "2025-07-01"),
            ("07/2025", "2025-07-01", "2025-07-01"),
            ("03/07/2025", "2025-07-03", "2025-03-07"),
            ("3/7/25", "2025-07-03", "2025-03-07"),
            ("13/07/2025", "2025-07-13", ""),
            ("07/13/2025", "", "2025-07-13"),
            ("13/13/2025", "", ""),
            ("31/02/2025", "", ""),
            ("29/02/2024", "2024-02-29", ""),
            ("03.07.2025", "2025-07-03", "2025-03-07"),
            ("3 Jul 2025", "2025-07-03", "2025-07-03"),
            ("3-Jul-25", "2025-07-03", "2025-07-03"),
            ("3. Juli 2025", "2025-07-03", "2025-07-03"),
            ("Jul 3, 2025", "2025-07-03", "2025-07-03"),
            ("July 3rd, 2025", "2025-07-03", "2025-07-03"),
            ("Thu, 3 Jul 2025", "2025-07-03", "2025-07-03"),
            ("Thursday 3 July 2025", "2025-07-03", "2025-07-03"),
            ("Mar 3, 2025", "2025-03-03", "2025-03-03"),
            ("March 2025", "2025-03-01", "2025-03-01"),
            ("Jul-25", "2025-07-01", "2025-07-01"),
            ("2025 Jul 3", "2025-07-03", "2025-07-03"),
            ("20250703", "2025-07-03", "2025-07-03"),
            ("20251303", "", ""),
            ("2025-Q3", "2025-07-01", "2025-07-01"),
            ("Q4 2025", "2025-10-01", "2025-10-01"),
            ("2025Q1", "2025-01-01", "2025-01-01"),
            ("Q5 2025", "", ""),
            ("Q3 '25", "2025-07-01", "2025-07-01"),
            ("3Q25", "2025-07-01", "2025-07-01"),
            ("T2 2025", "2025-04-01", "2025-04-01"),
            ("3. Quartal 2025", "2025-07-01", "2025-07-01"),
            ("2024-W05", "2024-01-29", "2024-01-29"),
            ("2024W05", "2024-01-29", "2024-01-29"),
            ("KW 5/2024", "2024-01-29", "2024-01-29"),
            ("Week 5, 2024", "2024-01-29", "2024-01-29"),
            ("2024-W54", "", ""),
            ("FY2024", "2024-01-01", "2024-01-01"),
            ("FY24", "2024-01-01", "2024-01-01"),
            ("Jan 24", "2024-01-01", "2024-01-01"),
            ("Jan '24", "2024-01-01", "2024-01-01"),
            ("Sept 2024", "2024-09-01", "2024-09-01"),
            ("2024年3月5日", "2024-03-05", "2024-03-05"),
            ("2024年3月", "2024-03-01", "2024-03-01"),
            ("5 de marzo de 2024", "2024-03-05", "2024-03-05"),
            ("1er janvier 2024", "2024-01-01", "2024-01-01"),
            ("A5 2024", "", ""),
            ("2025", "2025-01-01", "2025-01-01"),
            ("3 Jul", "", ""),
            ("July", "", ""),
            ("12.5", "", ""),
            ("12", "", ""),
            ("1.234.567", "", ""),
            ("14:30", "", ""),
            ("hello", "", ""),
            ("", "", ""),
        ] {
            let under = |order| {
                DateReading::of(cell)
                    .and_then(|reading| reading.iso(order, false))
                    .unwrap_or_default()
            };
            assert_eq!(
                (
                    under(Order::DayFirst).as_str(),
                    under(Order::MonthFirst).as_str()
                ),
                (day_first, month_first),
                "{cell:?}"
            );
        }
    }

    #[test]
    fn clock_times_are_kept_as_written() {
        for (cell, iso, offset) in [
            ("2025-07-03T14:30:00Z", "2025-07-03 14:30:00", Some("Z")),
            ("2025-07-03 14:30", "2025-07-03 14:30:00", None),
            (
                "2025-07-03 14:30:05.250+02:00",
                "2025-07-03 14:30:05.25",
                Some("+02:00"),
            ),
            ("3/7/2025 2:05 PM", "2025-07-03 14:05:00", None),
            ("3/7/2025, 12:05 a.m.", "2025-07-03 00:05:00", None),
            ("20250703T010203", "", None),
            ("2025-07-03 25:00", "", None),
            ("2025-07 10:00", "", None),
        ] {
            let reading = DateReading::of(cell);
            let text = reading
                .as_ref()
                .and_then(|reading| reading.iso(Order::DayFirst, true))
                .unwrap_or_default();
            assert_eq!(text, iso, "{cell:?}");
            assert_eq!(
                reading.and_then(|reading| reading.time?.offset).as_deref(),
                offset,
                "{cell:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_cell_makes_it_panic(cell in "\\PC{0,30}|[-0-9/.:TZ+ ]{0,20}|[0-9]{1,2} ?[A-Za-z\u{e9}]{2,9} ?[0-9]{0,4}") {
            let _ = DateReading::of(&cell);
        }

        #[test]
        fn every_day_reads_back(day in 0..200_000i32) {
            let date = civil::date(1800, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap();
            let iso = date.to_string();
            prop_assert_eq!(DateReading::of(&iso).unwrap().iso(Order::DayFirst, false), Some(iso.clone()));
            let european = format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year());
            prop_assert_eq!(DateReading::of(&european).unwrap().iso(Order::DayFirst, false), Some(iso));
        }
    }
}
