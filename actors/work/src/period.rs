//! Calendar periods: days and the grains they are grouped by.
//!
//! No clock: what "last month" means is decided by the last date in the data.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Unit;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A day of the proleptic Gregorian calendar, its year of four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(Date);

impl Day {
    /// The day, if it exists and its year has four digits.
    #[must_use]
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let year = i16::try_from(year).ok()?;
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Self::of(Date::new(year, month, day).ok()?)
    }

    /// The library's calendar goes back to the year -9999.
    fn of(date: Date) -> Option<Self> {
        (date.year() >= 1).then_some(Self(date))
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> i32 {
        self.0.year().into()
    }

    /// Its month, 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.0.month().unsigned_abs()
    }

    /// Its quarter, 1 to 4.
    #[must_use]
    pub fn quarter(self) -> u8 {
        (self.month() - 1) / 3 + 1
    }

    /// Days since 1970-01-01, before it less than none; only differences mean something.
    #[must_use]
    pub fn number(self) -> i64 {
        Date::constant(1970, 1, 1).duration_until(self.0).as_hours() / 24
    }

    /// The day so many days later (or earlier), as far as the calendar goes.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus(jiff::Span::new().try_days(days)).unwrap_or(self)
    }

    /// The first day of the month so many months later (or earlier).
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let first = Self(self.0.first_of_month());
        first
            .plus(jiff::Span::new().try_months(months))
            .unwrap_or(self)
    }

    fn plus(self, span: Result<jiff::Span, jiff::Error>) -> Option<Self> {
        Self::of(self.0.checked_add(span.ok()?).ok()?)
    }

    /// Reads the day at the start of ISO text (`2025-07-14`, `2025-07-14T09:30`); a month or year alone stands for its first day.
    #[must_use]
    pub fn parse_prefix(text: &str) -> Option<Self> {
        let mut parts = text
            .get(..text.len().min(10))
            .unwrap_or(text)
            .splitn(3, '-');
        let year = parts.next().filter(|part| part.len() == 4)?.parse().ok()?;
        let month = parts.next().map_or(Some(1), |part| part.parse().ok())?;
        let day = parts.next().map_or(Some(1), |part| part.parse().ok())?;
        Self::new(year, month, day)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Some(text)
            .filter(|text| text.len() == 10)
            .and_then(Self::parse_prefix)
            .ok_or_else(|| format!("{text:?} is not a day: write it as 2025-07-14"))
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// What rows are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// `2025-07-14`
    Day,
    /// The Monday it starts on: `2025-07-14`
    Week,
    /// `2025-07`
    Month,
    /// `2025-Q3`
    Quarter,
    /// `2025`
    Year,
}

impl Grain {
    /// The noun.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The next coarser grain.
    #[must_use]
    pub fn coarser(self) -> Option<Self> {
        match self {
            Self::Day => Some(Self::Week),
            Self::Week => Some(Self::Month),
            Self::Month => Some(Self::Quarter),
            Self::Quarter => Some(Self::Year),
            Self::Year => None,
        }
    }

    /// The period that holds a day.
    #[must_use]
    pub fn span_of(self, day: Day) -> Span {
        let from = match self {
            Self::Day => day,
            Self::Week => day.plus_days(-i64::from(day.0.weekday().to_monday_zero_offset())),
            Self::Month => Day(day.0.first_of_month()),
            Self::Quarter => day.plus_months(-((i32::from(day.month()) - 1) % 3)),
            Self::Year => Day(day.0.first_of_year()),
        };
        let until = match self {
            Self::Day => from,
            Self::Week => Day(from.0.saturating_add(jiff::Span::new().days(6))),
            Self::Month => Day(from.0.last_of_month()),
            Self::Quarter => Day(from.plus_months(2).0.last_of_month()),
            Self::Year => Day(from.0.last_of_year()),
        };
        Span { from, until }
    }

    /// The name of the period that starts on this day.
    #[must_use]
    pub fn key(self, start: Day) -> String {
        match self {
            Self::Day | Self::Week => start.to_string(),
            Self::Month => format!("{:04}-{:02}", start.year(), start.month()),
            Self::Quarter => format!("{:04}-Q{}", start.year(), start.quarter()),
            Self::Year => format!("{:04}", start.year()),
        }
    }

    /// How many periods of this grain two days touch.
    #[must_use]
    pub fn count(self, from: Day, until: Day) -> i64 {
        let (from, until) = (self.span_of(from).from, self.span_of(until).from);
        let days = || until.number() - from.number();
        let months = || {
            let apart = from.0.until((Unit::Month, until.0));
            apart.map_or(0, |apart| i64::from(apart.get_months()))
        };
        1 + match self {
            Self::Day => days(),
            Self::Week => days() / 7,
            Self::Month => months(),
            Self::Quarter => months() / 3,
            Self::Year => i64::from(until.year() - from.year()),
        }
    }
}

/// Days from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The first day.
    pub from: Day,
    /// The last day.
    pub until: Day,
}

impl Span {
    /// Whether they share a day.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }

    /// Whether the other lies wholly within.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.from <= other.from && other.until <= self.until
    }

    /// The smallest span that holds both.
    #[must_use]
    pub fn joined(&self, other: &Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }

    /// Days it holds.
    #[must_use]
    pub fn days(&self) -> i64 {
        self.until.number() - self.from.number() + 1
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.from, self.until)
    }
}

/// A period by what rows are grouped by and where it starts. In JSON its grain with its key: `{"month": "2025-07"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<Grain, String>", into = "BTreeMap<Grain, String>")]
pub struct Period {
    grain: Grain,
    from: Day,
}

impl Period {
    /// The period that holds a day.
    #[must_use]
    pub fn of(grain: Grain, day: Day) -> Self {
        let from = grain.span_of(day).from;
        Self { grain, from }
    }

    /// The period of a grain by its key; none for text that is no such key.
    #[must_use]
    pub fn read(grain: Grain, key: &str) -> Option<Self> {
        let period = Self::of(grain, parse_key(key)?.from);
        (period.key() == key).then_some(period)
    }

    /// What it is one of.
    #[must_use]
    pub fn grain(self) -> Grain {
        self.grain
    }

    /// Its first day.
    #[must_use]
    pub fn from(self) -> Day {
        self.from
    }

    /// Its key: `2025-07-14` of a day, and of a week its Monday; `2025-07`, `2025-Q3`, `2025`.
    #[must_use]
    pub fn key(self) -> String {
        self.grain.key(self.from)
    }

    /// Its days.
    #[must_use]
    pub fn span(self) -> Span {
        self.grain.span_of(self.from)
    }
}

impl TryFrom<BTreeMap<Grain, String>> for Period {
    type Error = String;

    fn try_from(written: BTreeMap<Grain, String>) -> Result<Self, String> {
        let mut all = written.iter();
        match (all.next(), all.next()) {
            (Some((grain, key)), None) => Self::read(*grain, key)
                .ok_or_else(|| format!("{key:?} is not a {}", grain.as_str())),
            _ => Err("a period is one grain with its key: {\"month\": \"2025-07\"}".to_owned()),
        }
    }
}

impl From<Period> for BTreeMap<Grain, String> {
    fn from(period: Period) -> Self {
        Self::from([(period.grain, period.key())])
    }
}

/// The period that a key of [`Grain::key`] names.
#[must_use]
pub fn parse_key(key: &str) -> Option<Span> {
    let (grain, day) = match key.len() {
        4 => (Grain::Year, Day::parse_prefix(key)?),
        7 if key.get(4..6) == Some("-Q") => {
            let quarter = key
                .get(6..)?
                .parse::<u8>()
                .ok()
                .filter(|quarter| (1..=4).contains(quarter))?;
            (
                Grain::Quarter,
                Day::new(key.get(..4)?.parse().ok()?, quarter * 3 - 2, 1)?,
            )
        }
        7 => (Grain::Month, Day::parse_prefix(key)?),
        10 => (Grain::Day, key.parse().ok()?),
        _ => return None,
    };
    Some(grain.span_of(day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn periods_have_keys_that_read_back() {
        let day = Day::new(2025, 8, 14).unwrap();
        let cases = [
            (Grain::Day, "2025-08-14", "2025-08-14 to 2025-08-14"),
            (Grain::Week, "2025-08-11", "2025-08-11 to 2025-08-17"),
            (Grain::Month, "2025-08", "2025-08-01 to 2025-08-31"),
            (Grain::Quarter, "2025-Q3", "2025-07-01 to 2025-09-30"),
            (Grain::Year, "2025", "2025-01-01 to 2025-12-31"),
        ];
        for (grain, key, span) in cases {
            let of = grain.span_of(day);
            assert_eq!(
                (grain.key(of.from).as_str(), of.to_string().as_str()),
                (key, span)
            );
            if grain != Grain::Week {
                assert_eq!(parse_key(key), Some(of));
            }
        }
        for bad in [
            "",
            "20",
            "2025-Q5",
            "2025-13",
            "2025-02-30",
            "abcd",
            "20é5-07",
        ] {
            assert_eq!(parse_key(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_period_reads_back_by_its_grain_and_key() {
        let day = Day::new(2025, 8, 14).unwrap();
        for (grain, written) in [
            (Grain::Day, r#"{"day":"2025-08-14"}"#),
            (Grain::Week, r#"{"week":"2025-08-11"}"#),
            (Grain::Month, r#"{"month":"2025-08"}"#),
            (Grain::Quarter, r#"{"quarter":"2025-Q3"}"#),
            (Grain::Year, r#"{"year":"2025"}"#),
        ] {
            let period = Period::of(grain, day);
            assert_eq!(serde_json::to_string(&period).unwrap(), written);
            assert_eq!(serde_json::from_str::<Period>(written).unwrap(), period);
            assert_eq!(Period::read(grain, &period.key()), Some(period));
            assert_eq!(period.span(), grain.span_of(day));
        }
        // A Thursday names no week, a month no year.
        for (grain, key) in [
            (Grain::Week, "2025-08-14"),
            (Grain::Year, "2025-08"),
            (Grain::Month, "August"),
        ] {
            assert_eq!(Period::read(grain, key), None, "{key}");
        }
        for bad in [
            r#"{}"#,
            r#"{"month":"2025"}"#,
            r#"{"day":"2025-08-14","year":"2025"}"#,
        ] {
            assert!(serde_json::from_str::<Period>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_calendar_ends_with_the_year_9999() {
        let last = Day::new(9999, 12, 31).unwrap();
        for grain in [
            Grain::Day,
            Grain::Week,
            Grain::Month,
            Grain::Quarter,
            Grain::Year,
        ] {
            assert_eq!(grain.span_of(last).until, last, "{grain:?}");
        }
        assert_eq!((last.plus_days(1), last.plus_months(1)), (last, last));
        let first = Day::new(1, 1, 1).unwrap();
        assert_eq!((first.plus_days(-1), first.plus_months(-1)), (first, first));
        for (year, month, day) in [(0, 12, 31), (10_000, 1, 1), (2025, 2, 29), (2025, 0, 1)] {
            assert_eq!(Day::new(year, month, day), None);
        }
    }

    proptest! {
        #[test]
        fn day_numbers_run_without_gap(number in 94i64..3_599_694) {
            let first = Day::new(1, 1, 1).unwrap();
            let day = first.plus_days(number);
            prop_assert_eq!(day.number(), first.number() + number);
            let number = day.number();
            prop_assert_eq!(day.plus_days(1).number(), number + 1);
            prop_assert_eq!(day.to_string().parse::<Day>().unwrap(), day);
            for grain in [Grain::Day, Grain::Week, Grain::Month, Grain::Quarter, Grain::Year] {
                let span = grain.span_of(day);
                prop_assert!(span.from <= day && day <= span.until);
                prop_assert_eq!(grain.count(span.from, span.until), 1);
                prop_assert_eq!(grain.count(span.from, span.until.plus_days(1)), 2);
            }
        }
    }
}
