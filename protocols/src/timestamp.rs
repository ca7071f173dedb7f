//! Moments, handed in by whoever has a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

const MICROS_PER_SECOND: u64 = 1_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// Microseconds since the Unix epoch, at most the end of the year 9999 so that it can always be written as a date.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "u64", into = "u64")]
pub struct Timestamp(u64);

/// Why a number or text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimestampError {
    /// Later than the year 9999.
    #[error("a moment of {asked} microseconds lies after the year 9999, {allowed} are allowed")]
    TooLate {
        /// Microseconds asked.
        asked: u64,
        /// Microseconds allowed.
        allowed: u64,
    },
    /// Not FIPA's form of a date.
    #[error("`{0}` is not a FIPA date; write 20261123T080000000Z")]
    Form(String),
}

impl Timestamp {
    /// The Unix epoch.
    pub const ZERO: Timestamp = Timestamp(0);
    /// The last microsecond of the year 9999.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999_999);

    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: u64) -> Result<Self, TimestampError> {
        if micros > Self::MAX.0 {
            return Err(TimestampError::TooLate {
                asked: micros,
                allowed: Self::MAX.0,
            });
        }
        Ok(Self(micros))
    }

    /// From the time since the Unix epoch; a clock beyond the year 9999 reads as its end.
    pub fn since_epoch(elapsed: Duration) -> Self {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        Self(micros.min(Self::MAX.0))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Time passed since an earlier moment; nothing if that moment is not earlier.
    pub const fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// FIPA00070's form, in UTC and whole milliseconds: `20261123T080000000Z`.
    pub fn to_fipa(self) -> String {
        let (year, month, day, hour, minute, second) = self.civil();
        let millis = self.0 / 1_000 % 1_000;
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{millis:03}Z")
    }

    /// Reads FIPA00070's absolute form. A missing `Z` means local time there; we read it as UTC, as JADE writes it.
    pub fn from_fipa(text: &str) -> Result<Self, TimestampError> {
        let form = || TimestampError::Form(text.chars().take(40).collect());
        let body = text.strip_suffix(['Z', 'z']).unwrap_or(text);
        let bytes = body.as_bytes();
        if bytes.len() != 18 || !matches!(bytes[8], b'T' | b't') {
            return Err(form());
        }
        let number = |from: usize, to: usize| -> Result<u64, TimestampError> {
            bytes[from..to].iter().try_fold(0_u64, |sum, byte| {
                byte.is_ascii_digit()
                    .then(|| sum * 10 + u64::from(byte - b'0'))
                    .ok_or_else(form)
            })
        };
        let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
        let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
        let millis = number(15, 18)?;
        if year < 1970
            || !(1..=12).contains(&month)
            || !(1..=days_in_month(year, month)).contains(&day)
            || hour > 23
            || minute > 59
            || second > 59
        {
            return Err(form());
        }
        let days = days_from_civil(year, month, day);
        let seconds = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
        Ok(Self(seconds * MICROS_PER_SECOND + millis * 1_000))
    }

    fn civil(self) -> (u64, u64, u64, u64, u64, u64) {
        let seconds = self.0 / MICROS_PER_SECOND;
        let (year, month, day) = civil_from_days(seconds / SECONDS_PER_DAY);
        let rest = seconds % SECONDS_PER_DAY;
        (year, month, day, rest / 3_600, rest / 60 % 60, rest % 60)
    }
}

/// RFC 3339, in UTC and microseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day, hour, minute, second) = self.civil();
        let micros = self.0 % MICROS_PER_SECOND;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_fipa(text)
    }
}

impl TryFrom<u64> for Timestamp {
    type Error = TimestampError;

    fn try_from(micros: u64) -> Result<Self, Self::Error> {
        Self::from_micros(micros)
    }
}

impl From<Timestamp> for u64 {
    fn from(moment: Timestamp) -> u64 {
        moment.0
    }
}

/// Stops at the ends of the range instead of wrapping.
impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Duration) -> Timestamp {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros).min(Self::MAX.0))
    }
}

/// Stops at the ends of the range instead of wrapping.
impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, span: Duration) -> Timestamp {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_sub(micros))
    }
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar, for years from 1970 on. The year is taken to
/// begin in March, so that the leap day is its last.
const fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}
