//! Calendar periods: days and the grains they are grouped by.
//!
//! No clock: what "last month" means is decided by the last date in the data.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A day of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    year: i32,
    month: u8,
    day: u8,
}

impl Day {
    /// The day, if it exists and its year has four digits.
    #[must_use]
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        let fits = (1..=9999).contains(&year)
            && (1..=12).contains(&month)
            && day >= 1
            && day <= days_in(year, month);
        fits.then_some(Self { year, month, day })
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> i32 {
        self.year
    }

    /// Its month, 1 to 12.
    #[must_use]
    pub fn month(self) -> u8 {
        self.month
    }

    /// Its quarter, 1 to 4.
    #[must_use]
    pub fn quarter(self) -> u8 {
        (self.month - 1) / 3 + 1
    }

    /// Days since 0000-03-01; only differences mean something.
    #[must_use]
    pub fn number(self) -> i64 {
        let (y, m) = if self.month > 2 {
            (i64::from(self.year), i64::from(self.month) - 3)
        } else {
            (i64::from(self.year) - 1, i64::from(self.month) + 9)
        };
        365 * y + y.div_euclid(4) - y.div_euclid(100)
            + y.div_euclid(400)
            + (153 * m + 2) / 5
            + i64::from(self.day)
            - 1
    }

    fn from_number(number: i64) -> Option<Self> {
        // The year is guessed from the mean length and corrected by at most one.
        let mut year = (number * 400).div_euclid(146_097);
        let start = |y: i64| 365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
        if start(year) > number {
            year -= 1;
        } else if start(year + 1) <= number {
            year += 1;
        }
        let rest = number - start(year);
        let m = (5 * rest + 2) / 153;
        let day = rest - (153 * m + 2) / 5 + 1;
        let (year, month) = if m < 10 {
            (year, m + 3)
        } else {
            (year + 1, m - 9)
        };
        Self::new(
            i32::try_from(year).ok()?,
            u8::try_from(month).ok()?,
            u8::try_from(day).ok()?,
        )
    }

    /// The day so many days later (or earlier), as far as the calendar goes.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        Self::from_number(self.number().saturating_add(days)).unwrap_or(self)
    }

    /// The first day of the month so many months later (or earlier).
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let index = (self.year * 12 + i32::from(self.month) - 1).saturating_add(months);
        let month = u8::try_from(index.rem_euclid(12) + 1).unwrap_or(1);
        Self::new(index.div_euclid(12), month, 1).unwrap_or(self)
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

fn days_in(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
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
            // Day number 0 (0000-03-01) is a Wednesday.
            Self::Week => day.plus_days(-(day.number() + 2).rem_euclid(7)),
            Self::Month => Day { day: 1, ..day },
            Self::Quarter => Day {
                month: (day.quarter() - 1) * 3 + 1,
                day: 1,
                ..day
            },
            Self::Year => Day {
                month: 1,
                day: 1,
                ..day
            },
        };
        let next = match self {
            Self::Day => from.plus_days(1),
            Self::Week => from.plus_days(7),
            Self::Month => from.plus_months(1),
            Self::Quarter => from.plus_months(3),
            Self::Year => from.plus_months(12),
        };
        Span {
            from,
            until: next.plus_days(-1),
        }
    }

    /// The name of the period that starts on this day.
    #[must_use]
    pub fn key(self, start: Day) -> String {
        match self {
            Self::Day | Self::Week => start.to_string(),
            Self::Month => format!("{:04}-{:02}", start.year, start.month),
            Self::Quarter => format!("{:04}-Q{}", start.year, start.quarter()),
            Self::Year => format!("{:04}", start.year),
        }
    }

    /// How many periods of this grain two days touch.
    #[must_use]
    pub fn count(self, from: Day, until: Day) -> i64 {
        let months = |day: Day| i64::from(day.year) * 12 + i64::from(day.month) - 1;
        let index = |day: Day| match self {
            Self::Day => day.number(),
            Self::Week => (day.number() + 2).div_euclid(7),
            Self::Month => months(day),
            Self::Quarter => months(day).div_euclid(3),
            Self::Year => i64::from(day.year),
        };
        index(until) - index(from) + 1
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

    proptest! {
        #[test]
        fn day_numbers_run_without_gap(number in 400i64..3_600_000) {
            let day = Day::from_number(number).unwrap();
            prop_assert_eq!(day.number(), number);
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
