//! How cells are read for good, and the values that come of it.

use std::borrow::Cow;

use jiff::{Span, civil};

use super::date::{DateReading, Order};
use super::number::{Mark, Number, Plain};
use aios_work::Value;

/// How the cells of a column are read once it is known what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// As written.
    Text,
    /// Into ISO text.
    Date {
        order: Order,
        with_time: bool,
        /// Times of several offsets are made comparable.
        utc: bool,
    },
    /// Days since the end of 1899, as spreadsheets count them, into ISO text.
    Serial {
        with_time: bool,
    },
    /// Seconds or milliseconds since 1970, into ISO text.
    Unix {
        millis: bool,
    },
    Integer(Mark),
    Real(Mark),
    /// A number with its unit, told in this one of its kind.
    InUnit(Mark, &'static str),
    /// The unit that stands beside a number.
    Unit(Mark),
    /// Hours and minutes that something took, in the smallest part that is written.
    Clock,
    /// Minutes, seconds and parts of a second that something took, in seconds.
    Seconds,
}

/// The value of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Read<'t> {
    Integer(i64),
    Real(f64),
    Text(Cow<'t, str>),
}

impl Typed {
    /// The decimal mark of numbers.
    pub(crate) fn mark(self) -> Option<Mark> {
        match self {
            Self::Integer(mark) | Self::Real(mark) | Self::InUnit(mark, _) | Self::Unit(mark) => {
                Some(mark)
            }
            _ => None,
        }
    }

    /// Whether all its values are numbers.
    pub(crate) fn is_number(self) -> bool {
        matches!(
            self,
            Self::Integer(_) | Self::Real(_) | Self::Clock | Self::Seconds
        )
    }

    /// Reads a cell that fits; `None` for one that does not.
    pub(crate) fn read(self, text: &str) -> Option<Read<'_>> {
        Some(match self {
            Self::Text => Read::Text(Cow::Borrowed(text)),
            Self::Date {
                order,
                with_time,
                utc,
            } => {
                let reading = DateReading::of(text)?;
                let iso = if utc {
                    reading.utc(order)
                } else {
                    reading.iso(order, with_time)
                };
                Read::Text(Cow::Owned(iso?))
            }
            Self::Serial { with_time } => Read::Text(Cow::Owned(serial(text, with_time)?)),
            Self::Unix { millis } => Read::Text(Cow::Owned(unix(text, millis)?)),
            Self::Integer(mark) => Read::Integer(match Plain::of(text) {
                Some(Plain { decimals: 0, .. }) => text.parse().ok()?,
                _ => Number::of(text, mark)?.integer()?,
            }),
            Self::Real(mark) => Read::Real(match Plain::of(text) {
                // Never minus zero, as in any other way of writing.
                Some(plain) if plain.decimals == 0 || mark == Mark::Point => {
                    text.parse::<f64>().ok()? + 0.0
                }
                _ => Number::of(text, mark)?.real(),
            }),
            Self::InUnit(mark, unit) => {
                let number = Number::of(text, mark)?;
                let (one, into) = super::alike::ratio(number.unit?, unit)?;
                Read::Real(number.real() * one as f64 / into as f64 + 0.0)
            }
            Self::Clock => Read::Integer(super::clocks::clock(text)?.1),
            Self::Seconds => Read::Real(super::clocks::seconds(text)?.0),
            Self::Unit(mark) => Read::Text(Cow::Borrowed(Number::of(text, mark)?.unit?)),
        })
    }
}

/// The days that spreadsheets count, if the number is one of a century around today.
pub(super) const SERIALS: std::ops::RangeInclusive<f64> = 14_600.0..=73_100.0;

fn serial(text: &str, with_time: bool) -> Option<String> {
    let days: f64 = text.parse().ok()?;
    let whole = days.floor();
    let day = civil::date(1899, 12, 30)
        .checked_add(Span::new().try_days(whole as i64).ok()?)
        .ok()?;
    if !with_time {
        return Some(day.to_string());
    }
    let seconds = ((days - whole) * 86_400.0).round() as i64;
    let moment = day
        .to_datetime(civil::Time::midnight())
        .checked_add(Span::new().try_seconds(seconds).ok()?)
        .ok()?;
    Some(format!("{} {}", moment.date(), moment.time()))
}

fn unix(text: &str, millis: bool) -> Option<String> {
    let number: f64 = text.parse().ok()?;
    let seconds = if millis { number / 1_000.0 } else { number };
    let moment = civil::date(1970, 1, 1)
        .to_datetime(civil::Time::midnight())
        .checked_add(Span::new().try_seconds(seconds.floor() as i64).ok()?)
        .ok()?;
    Some(format!("{} {}", moment.date(), moment.time()))
}

impl Read<'_> {
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Integer(number) => Value::Integer(number),
            Self::Real(number) => Value::Real(number),
            Self::Text(text) => Value::Text(text.into_owned()),
        }
    }

    /// Values of one column are all of one variant.
    pub(crate) fn order(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => std::cmp::Ordering::Equal,
        }
    }
}
