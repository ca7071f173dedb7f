//! Publish and subscribe by subject.

pub mod conformance;
mod in_process;

pub use in_process::InProcessDataBus;

/// The most one delivery may carry, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Deliveries dropped because a subscriber was slow; label `subject` is the pattern's first two tokens.
pub const METRIC_MISSED: &str = "aios_bus_missed_total";
