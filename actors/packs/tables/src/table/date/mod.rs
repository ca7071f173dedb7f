//! Dates as people and programs write them, read into ISO text.
//!
//! `03/07/2025` alone is a day in July or in March. A cell is therefore read into its parts, and the column decides their order.

mod named;

pub(crate) use named::month;

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

    /// How many minutes its offset is ahead of UTC.
    fn minutes_ahead(&self) -> i64 {
        let Some(offset) = &self.offset else {
            return 0;
        };
        let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
        let part = |from: usize| {
            let part = digits.get(from..from + 2);
            part.and_then(|part| part.parse::<i64>().ok()).unwrap_or(0)
        };
        let minutes = part(0) * 60 + part(2);
        if offset.starts_with('-') {
            -minutes
        } else {
            minutes
        }
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
        if let Some(day) = iso_day(cell) {
            return Some(day);
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

    /// ISO text of the moment in UTC; a time without an offset is taken as one.
    pub(crate) fn utc(&self, order: Order) -> Option<String> {
        let time = self.time.as_ref();
        let clock = time.map_or(civil::Time::midnight(), |time| time.clock);
        let ahead = time.map_or(0, Time::minutes_ahead);
        let moment = self
            .under(order)?
            .to_datetime(clock)
            .checked_sub(jiff::Span::new().try_minutes(ahead).ok()?)
            .ok()?;
        Some(format!("{} {}", moment.date(), moment.time()))
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

/// `2025-07-03` alone, as programs write it and most large files have it.
fn iso_day(cell: &str) -> Option<DateReading> {
    let [
        thousands,
        hundreds,
        tens,
        ones,
        b'-',
        month,
        of_month,
        b'-',
        day,
        of_day,
    ] = *cell.as_bytes()
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_i16, |all, digit| {
            digit
                .is_ascii_digit()
                .then(|| all * 10 + i16::from(digit - b'0'))
        })
    };
    let two = |high, low| i8::try_from(number(&[high, low])?).ok();
    let read = reading(
        Layout::YearMonthDay('-'),
        number(&[thousands, hundreds, tens, ones]).filter(|year| *year > 0)?,
        two(month, of_month)?,
        two(day, of_day)?,
    );
    read.under(Order::DayFirst).is_some().then_some(read)
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
    let nanoseconds = match fraction {
        "" => 0,
        _ => format!("{fraction:0<9}").parse().ok()?,
    };
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
    named::read(text)
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

    #[test]
    fn moments_of_several_offsets_are_told_in_one() {
        for (cell, utc) in [
            ("2024-03-01T10:00:00Z", "2024-03-01 10:00:00"),
            ("2024-03-01T12:00:00+02:00", "2024-03-01 10:00:00"),
            ("2024-03-01T01:00:00+0200", "2024-02-29 23:00:00"),
            ("2024-12-31 23:30-01:00", "2025-01-01 00:30:00"),
            ("2024-03-01 10:00", "2024-03-01 10:00:00"),
        ] {
            let reading = DateReading::of(cell).unwrap();
            assert_eq!(reading.utc(Order::DayFirst).as_deref(), Some(utc), "{cell}");
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
