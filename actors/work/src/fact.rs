//! One stated figure or text, with where it came from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something a tool found out. Every number in an answer is one of these, so that it can be traced and computed again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// What is stated, in words: `revenue in North`.
    pub name: String,
    /// The figure or text itself.
    pub value: Value,
    /// Unit of the value: `EUR`, `%`, `kg`; null where it has none.
    #[serde(default)]
    pub unit: Option<String>,
    /// Where it came from: `sales.csv: SELECT sum(revenue) FROM data`.
    pub source: String,
}

/// A number or a text; in JSON simply that number or text.
///
/// Integers stay integers: a count of 9,007,199,254,740,993 must not lose its last digit by passing through a double. A real is always
/// finite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Integer(i64),
    /// A finite number with decimals.
    Real(f64),
    /// Anything else: a date, a name.
    Text(String),
}

impl Value {
    /// The value as a double, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Real(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// The value as text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Real(_) => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A double becomes a real; one that is not finite is kept as its name, because JSON has no such number.
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        if number.is_finite() {
            Self::Real(number)
        } else {
            Self::Text(number.to_string())
        }
    }
}
