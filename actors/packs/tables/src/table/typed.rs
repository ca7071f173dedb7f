//! How cells are read for good, and the values that come of it.

use std::borrow::Cow;

use super::date::{DateReading, Order};
use super::number::{Mark, Number};
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
    },
    Integer(Mark),
    Real(Mark),
}

/// The value of a cell.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Read<'t> {
    Integer(i64),
    Real(f64),
    Text(Cow<'t, str>),
}

impl Typed {
    /// Reads a cell that fits; `None` for one that does not.
    pub(crate) fn read(self, text: &str) -> Option<Read<'_>> {
        Some(match self {
            Self::Text => Read::Text(Cow::Borrowed(text)),
            Self::Date { order, with_time } => {
                Read::Text(Cow::Owned(DateReading::of(text)?.iso(order, with_time)?))
            }
            Self::Integer(mark) => Read::Integer(Number::of(text, mark)?.integer()?),
            Self::Real(mark) => Read::Real(Number::of(text, mark)?.real()),
        })
    }
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
