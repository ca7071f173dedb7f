//! Dates of the proleptic Gregorian calendar and seconds since 1970-01-01, for the years 0 to 9999.

use jiff::SignedDuration;
use jiff::civil::{DateTime, datetime};

pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Where seconds are counted from. Dates are counted without a time zone: a moment of jiff's ends some hours before the year 9999 does.
const EPOCH: DateTime = datetime(1970, 1, 1, 0, 0, 0, 0);

/// A date with its time of day, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

impl Civil {
    /// The date at this many seconds since the Unix epoch; the first or last there is for more than the calendar has.
    pub(crate) fn from_seconds(seconds: i64) -> Self {
        let date = EPOCH.saturating_add(SignedDuration::from_secs(seconds));
        Self {
            year: date.year().into(),
            month: date.month().into(),
            day: date.day().into(),
            hour: date.hour().into(),
            minute: date.minute().into(),
            second: date.second().into(),
        }
    }

    /// Seconds since the Unix epoch; `None` if there is no such date.
    pub(crate) fn to_seconds(self) -> Option<i64> {
        let small = |number: i64| i8::try_from(number).ok();
        let year = i16::try_from(self.year).ok().filter(|year| *year >= 0)?;
        let date = DateTime::new(
            year,
            small(self.month)?,
            small(self.day)?,
            small(self.hour)?,
            small(self.minute)?,
            small(self.second)?,
            0,
        );
        Some(date.ok()?.duration_since(EPOCH).as_secs())
    }
}
