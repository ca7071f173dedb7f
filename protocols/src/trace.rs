//! W3C trace context: which user's goal a message belongs to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::printable::Printable;

/// The `traceparent` of the W3C recommendation, version 00.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

/// Why a text is no trace context.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TraceError {
    /// Not the form of version 00.
    #[error(
        "`{}` is not a traceparent; write 00-{{32 hex digits}}-{{16 hex digits}}-{{2 hex digits}} in lower case",
        Printable(.0)
    )]
    Form(String),
    /// An identifier of zeros only is not one.
    #[error("the trace and span identifiers of a traceparent must not be zero")]
    Zero,
}

impl TraceContext {
    /// From its parts; identifiers of zeros only are refused.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Result<Self, TraceError> {
        if trace_id == [0; 16] || span_id == [0; 8] {
            return Err(TraceError::Zero);
        }
        Ok(Self {
            trace_id,
            span_id,
            flags,
        })
    }

    /// The same trace seen from a child span.
    pub fn child(&self, span_id: [u8; 8]) -> Result<Self, TraceError> {
        Self::new(self.trace_id, span_id, self.flags)
    }

    /// Names the whole trace.
    pub const fn trace_id(&self) -> &[u8; 16] {
        &self.trace_id
    }

    /// Names the span that sent the message.
    pub const fn span_id(&self) -> &[u8; 8] {
        &self.span_id
    }

    /// Trace flags; bit 0 means sampled.
    pub const fn flags(&self) -> u8 {
        self.flags
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        for byte in self.trace_id {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("-")?;
        for byte in self.span_id {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TraceContext {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || TraceError::Form(text.chars().take(64).collect());
        let mut parts = text.split('-');
        let (Some("00"), Some(trace), Some(span), Some(flags), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(form());
        };
        let trace_id = read_hex::<16>(trace).ok_or_else(form)?;
        let span_id = read_hex::<8>(span).ok_or_else(form)?;
        let [flags] = read_hex::<1>(flags).ok_or_else(form)?;
        Self::new(trace_id, span_id, flags)
    }
}

fn read_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

impl Serialize for TraceContext {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
