//! Publish and subscribe by subject.

pub mod conformance;
mod in_process;
#[cfg(feature = "nats")]
pub mod nats;

pub use in_process::InProcessDataBus;

/// The most one delivery may carry, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// What is published; label `bus`, here `data`.
pub const METRIC_MESSAGES: &str = "aios_bus_messages_total";
/// From publishing to taking up, in seconds; label `bus`, here `data`.
pub const METRIC_LATENCY: &str = "aios_bus_latency_seconds";
/// Deliveries dropped because a subscriber was slow; label `subject` is the pattern's first two tokens.
pub const METRIC_MISSED: &str = "aios_bus_missed_total";
