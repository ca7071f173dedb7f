//! Moments, handed in by whoever has a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::calendar::Civil;
use crate::printable::Printable;

const MICROS_PER_SECOND: u64 = 1_000_000;

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
    #[error("`{}` is not a FIPA date; write 20261123T080000000Z", Printable(.0))]
    Form(String),
    /// Before 1970, or relative to a moment that is not known here.
    #[error(
        "`{}` is no moment since 1970 by itself; read it as a `When` and say what time it is", Printable(.0)
    )]
    NoMoment(String),
}

impl Timestamp {
    /// The Unix epoch.
    pub const ZERO: Timestamp = Timestamp(0);
    /// The last microsecond of the year 9999.
    pub const MAX: Timestamp = Timestamp(253_402_300_799_999_999);
    /// How far the clock of whoever signed may be ahead of ours.
    pub const CLOCK_SKEW: Duration = Duration::from_secs(30);

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

    /// Reads RFC 3339 in UTC, as a moment is shown. What there is beyond microseconds is left out.
    pub(crate) fn from_rfc3339(text: &str) -> Option<Self> {
        let rest = text.strip_suffix('Z')?;
        let (whole, part) = rest.split_once('.').unwrap_or((rest, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        let bytes = whole.as_bytes();
        let formed = bytes.len() == 19 && marks.iter().all(|(at, mark)| bytes[*at] == *mark);
        if !formed || part.len() > 9 || !is_digits(part) {
            return None;
        }
        let number = |from: usize, until: usize| -> Option<i64> {
            let digits = whole.get(from..until)?;
            is_digits(digits).then(|| digits.parse().ok())?
        };
        let civil = Civil {
            year: number(0, 4)?,
            month: number(5, 7)?,
            day: number(8, 10)?,
            hour: number(11, 13)?,
            minute: number(14, 16)?,
            second: number(17, 19)?,
        };
        let seconds = u64::try_from(civil.to_seconds()?).ok()?;
        let micros: u64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
        Self::from_micros(seconds.checked_mul(MICROS_PER_SECOND)? + micros).ok()
    }

    fn civil(self) -> Civil {
        // At most the year 9999.
        Civil::from_seconds((self.0 / MICROS_PER_SECOND).cast_signed())
    }
}

/// RFC 3339, in UTC and microseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self.civil();
        let micros = self.0 % MICROS_PER_SECOND;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z"
        )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_shown() {
        let moment = Timestamp(1_795_420_800_123_456);
        let shown = moment.to_string();
        assert_eq!(shown, "2026-11-23T08:00:00.123456Z");
        assert_eq!(shown.parse(), Ok(moment));
        assert_eq!(
            moment.to_fipa().parse(),
            Ok(Timestamp(1_795_420_800_123_000))
        );
        for (text, micros) in [
            ("2026-11-23T08:00:00Z", Some(0)),
            ("2026-11-23T08:00:00.5Z", Some(500_000)),
            ("2026-11-23T08:00:00.123456789Z", Some(123_456)),
            ("2026-11-23T08:00:00", None),
            ("2026-11-23 08:00:00Z", None),
            ("2026-02-30T08:00:00Z", None),
            ("2026-11-23T08:00:0\u{e4}Z", None),
            ("2026-11-23T08:00:00.-5Z", None),
        ] {
            let read: Option<Timestamp> = text.parse().ok();
            assert_eq!(
                read.map(|read| read.0 % MICROS_PER_SECOND),
                micros,
                "{text}"
            );
        }
    }
}
