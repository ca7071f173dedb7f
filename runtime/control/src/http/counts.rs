//! What was refused and why, counted: nobody is sent away without a trace.

use std::sync::atomic::{AtomicU64, Ordering};

/// The metric; label `why`.
const REFUSED_TOTAL: &str = "aios_http_refused_total";

/// Why somebody was sent away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There was no place, and nobody to make any.
    Full,
    /// Others wanted the place of somebody who said nothing or read nothing.
    Displaced,
    /// What came is no request line with headers, or too much of it.
    Head,
    /// It was not there in time: the headers, the body, or the reading of an answer.
    Slow,
    /// The body is larger than is taken.
    Body,
    /// It came for another host: a name that was made to lead here.
    Host,
    /// A page of somebody else's sent it.
    Origin,
    /// It came without a token that is known.
    Token,
    /// It showed no certificate of the authority that is named, or speaks no TLS that is taken.
    Certificate,
    /// There were too many in too short a time.
    Rate,
    /// The node said no.
    Node,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Full,
        Self::Displaced,
        Self::Head,
        Self::Slow,
        Self::Body,
        Self::Host,
        Self::Origin,
        Self::Token,
        Self::Certificate,
        Self::Rate,
        Self::Node,
    ];

    /// Its name in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Displaced => "displaced",
            Self::Head => "head",
            Self::Slow => "slow",
            Self::Body => "body",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Token => "token",
            Self::Certificate => "certificate",
            Self::Rate => "rate",
            Self::Node => "node",
        }
    }
}

/// How many were refused, by reason.
#[derive(Debug, Default)]
pub(super) struct Counts([AtomicU64; Refusal::ALL.len()]);

impl Counts {
    pub(super) fn add(&self, why: Refusal) {
        self.0[why as usize].fetch_add(1, Ordering::Relaxed);
        metrics::counter!(REFUSED_TOTAL, "why" => why.as_str()).increment(1);
        tracing::debug!(why = why.as_str(), "refused over HTTP");
    }

    pub(super) fn of(&self, why: Refusal) -> u64 {
        self.0[why as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_number_of_its_own() {
        let counts = Counts::default();
        for why in Refusal::ALL {
            counts.add(why);
            assert_eq!(counts.of(why), 1, "{why:?}");
        }
    }
}
