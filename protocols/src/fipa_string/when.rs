//! FIPA00070's DateTime: absolute or relative, in whole milliseconds.

use std::fmt;
use std::str::FromStr;

use crate::calendar::{Civil, SECONDS_PER_DAY};
use crate::{Timestamp, TimestampError};

const MILLIS_PER_DAY: i64 = SECONDS_PER_DAY * 1_000;
/// A relative date counts years and months, which have no length of their own; JADE's are taken.
const DAYS_PER_YEAR: i64 = 365;
const DAYS_PER_MONTH: i64 = 30;
/// The longest span that can be written; what is longer by its hours is shortened to it.
const MAX_SPAN: i64 = (9_999 * DAYS_PER_YEAR + 99 * DAYS_PER_MONTH + 100) * MILLIS_PER_DAY - 1;

/// A date as a string gives it. What it means by itself depends on when and where it is read, so it is kept as said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// In UTC (`Z`): milliseconds since the Unix epoch, negative before 1970.
    Utc(i64),
    /// Without a zone, which FIPA calls local time: milliseconds since the epoch as that place's clocks count.
    Local(i64),
    /// So many milliseconds from now; negative for the past. A year counts 365 days and a month 30, as JADE has it.
    After(i64),
}

impl When {
    /// The moment that is meant, for a reader whose clock says `now`. Local time is read as UTC; a moment before 1970 as
    /// the beginning of 1970, which has passed all the same.
    pub fn at(self, now: Timestamp) -> Timestamp {
        self.at_offset(now, 0)
    }

    /// The same where the sender's place is known: its local time is `minutes_east` ahead of UTC.
    pub fn at_offset(self, now: Timestamp, minutes_east: i16) -> Timestamp {
        let now = now.as_millis().cast_signed();
        let millis = match self {
            Self::Utc(millis) => millis,
            Self::Local(millis) => millis.saturating_sub(i64::from(minutes_east) * 60_000),
            Self::After(span) => now.saturating_add(span),
        };
        let micros = u64::try_from(millis).unwrap_or(0).saturating_mul(1_000);
        Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
    }
}

impl From<Timestamp> for When {
    /// Rounds down to whole milliseconds.
    fn from(moment: Timestamp) -> Self {
        Self::Utc(moment.as_millis().cast_signed())
    }
}

impl Timestamp {
    /// FIPA00070's form, in UTC and whole milliseconds: `20261123T080000000Z`.
    pub fn to_fipa(self) -> String {
        When::from(self).to_string()
    }

    /// Reads FIPA00070's absolute form, from 1970 on. A missing `Z` means local time there; it is read as UTC here, see
    /// [`When`], which holds all that FIPA allows.
    pub fn from_fipa(text: &str) -> Result<Self, TimestampError> {
        let short = || text.chars().take(40).collect();
        match text.parse() {
            Ok(When::Utc(millis) | When::Local(millis)) => u64::try_from(millis)
                .ok()
                .and_then(|millis| Self::from_micros(millis.checked_mul(1_000)?).ok())
                .ok_or_else(|| TimestampError::NoMoment(short())),
            Ok(When::After(_)) => Err(TimestampError::NoMoment(short())),
            Err(error) => Err(error),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// As it is shown, or in FIPA's form.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_rfc3339(text).map_or_else(|| Self::from_fipa(text), Ok)
    }
}

/// FIPA00070's form: `20261123T080000000Z`, `20261123T080000000`, `+00000000T000010000`.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (millis, zone) = match *self {
            Self::Utc(millis) => (millis, "Z"),
            Self::Local(millis) => (millis, ""),
            Self::After(span) => return write_span(f, span),
        };
        let civil = Civil::from_seconds(millis.div_euclid(1_000));
        let Civil {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = civil;
        let millis = millis.rem_euclid(1_000);
        write!(
            f,
            "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}{millis:03}{zone}"
        )
    }
}

fn write_span(f: &mut fmt::Formatter<'_>, span: i64) -> fmt::Result {
    let sign = if span < 0 { '-' } else { '+' };
    let span = span
        .unsigned_abs()
        .min(MAX_SPAN.unsigned_abs())
        .cast_signed();
    let (days, rest) = (span / MILLIS_PER_DAY, span % MILLIS_PER_DAY);
    let years = (days / DAYS_PER_YEAR).min(9_999);
    let days = days - years * DAYS_PER_YEAR;
    let months = (days / DAYS_PER_MONTH).min(99);
    let days = days - months * DAYS_PER_MONTH;
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, millis) = (rest / 1_000 % 60, rest % 1_000);
    write!(
        f,
        "{sign}{years:04}{months:02}{days:02}T{hours:02}{minutes:02}{seconds:02}{millis:03}"
    )
}

impl FromStr for When {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text).ok_or_else(|| TimestampError::Form(text.chars().take(40).collect()))
    }
}

fn read(text: &str) -> Option<When> {
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => text.strip_prefix('-').map_or((0, text), |rest| (-1, rest)),
    };
    // Z is the one designator that FIPA gives a meaning.
    let body = rest.strip_suffix(['Z', 'z']);
    let digits = body.unwrap_or(rest).as_bytes();
    if digits.len() != 18 || !matches!(digits[8], b'T' | b't') {
        return None;
    }
    let number = |from: usize, to: usize| {
        digits[from..to].iter().try_fold(0_i64, |sum, digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + i64::from(digit - b'0'))
        })
    };
    let civil = Civil {
        year: number(0, 4)?,
        month: number(4, 6)?,
        day: number(6, 8)?,
        hour: number(9, 11)?,
        minute: number(11, 13)?,
        second: number(13, 15)?,
    };
    let millis = number(15, 18)?;
    if sign == 0 {
        let at = civil.to_seconds()? * 1_000 + millis;
        return Some(match body {
            Some(_) => When::Utc(at),
            None => When::Local(at),
        });
    }
    let days = civil.year * DAYS_PER_YEAR + civil.month * DAYS_PER_MONTH + civil.day;
    let seconds = civil.hour * 3_600 + civil.minute * 60 + civil.second;
    let span = days * MILLIS_PER_DAY + seconds * 1_000 + millis;
    Some(When::After(sign * span.min(MAX_SPAN)))
}
