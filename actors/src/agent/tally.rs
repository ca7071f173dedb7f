//! What agents count: each for its window, those of a role together for the metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::metric;
use super::state::MessageCounts;

/// What one agent sent, verified and refused, for its window and for the metrics.
pub(crate) struct Tally {
    sent: AtomicU64,
    verified: AtomicU64,
    refused: AtomicU64,
    meters: Arc<Meters>,
}

/// What the agents of one role count together.
pub(crate) struct Meters {
    role: String,
    sent_total: metrics::Counter,
    verified_total: metrics::Counter,
    handle_seconds: metrics::Histogram,
    bus_total: metrics::Counter,
    bus_latency: metrics::Histogram,
}

impl Meters {
    pub(crate) fn of(role: &str) -> Self {
        let role = role.to_owned();
        Self {
            sent_total: metrics::counter!(metric::SENT_TOTAL, "role" => role.clone()),
            verified_total: metrics::counter!(metric::VERIFIED_TOTAL, "role" => role.clone()),
            handle_seconds: metrics::histogram!(metric::HANDLE_SECONDS, "role" => role.clone()),
            bus_total: metrics::counter!(metric::BUS_MESSAGES_TOTAL, "bus" => "control"),
            bus_latency: metrics::histogram!(metric::BUS_LATENCY_SECONDS, "bus" => "control"),
            role,
        }
    }
}

impl Tally {
    pub(super) fn new(meters: Arc<Meters>) -> Self {
        Self {
            sent: AtomicU64::new(0),
            verified: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            meters,
        }
    }

    pub(crate) fn handled(&self, took: std::time::Duration) {
        self.meters.handle_seconds.record(took);
    }

    pub(crate) fn role(&self) -> &str {
        &self.meters.role
    }

    pub(crate) fn sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.meters.sent_total.increment(1);
    }

    /// A message was taken in, so long after it was signed.
    pub(crate) fn verified(&self, after: std::time::Duration) {
        self.verified.fetch_add(1, Ordering::Relaxed);
        self.meters.verified_total.increment(1);
        self.meters.bus_total.increment(1);
        self.meters.bus_latency.record(after);
    }

    pub(crate) fn refused(&self, label: &'static str) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(metric::REFUSED_TOTAL, "role" => self.meters.role.clone(), "reason" => label)
            .increment(1);
    }

    pub(super) fn counts(&self) -> MessageCounts {
        MessageCounts {
            sent: self.sent.load(Ordering::Relaxed),
            verified: self.verified.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }
}
