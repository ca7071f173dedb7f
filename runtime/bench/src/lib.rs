//! What the parts cost, measured beside the raw primitives they are made of and the rivals that are built in, in one run.
//!
//! Absolute times say little on a shared machine, so every bar is a ratio against a peer in the same run or a count. Each bench is a
//! module that ends in a [`Report`]; how its figures are measured is told in `docs/benchmarks.md`. The benches of whole goals and of
//! signed messages need the product and stand with its command.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod durability;
mod meter;
mod micro;
mod report;
mod restarts;
mod samples;
mod supervision;

pub use durability::run as durability;
pub use meter::process_cpu;
pub use report::{Bar, Report};
pub use samples::Samples;

/// A measurement that can be asked for by name.
pub struct Bench {
    /// Its name.
    pub name: &'static str,
    /// What it measures, in a line.
    pub what: &'static str,
    /// Measures it in so many interleaved rounds.
    pub run: fn(rounds: u32) -> Result<Report, BenchError>,
}

/// A measurement broke off; the sentence says where.
#[derive(Debug, thiserror::Error)]
#[error("the measurement broke off: {0}")]
pub struct BenchError(pub String);

/// The benches of this crate.
pub const BENCHES: &[Bench] = &[
    micro::BENCH,
    Bench {
        name: "durability",
        what: "a durable step of the journal beside a raw append with fdatasync, one and 64 under way",
        run: durability::run,
    },
    Bench {
        name: "supervision",
        what: "restarts, groups, many children, memory and messages, beside ractor, OTP and rivals",
        run: supervision::run,
    },
    Bench {
        name: "restarts",
        what: "who restarts what, and when: twelve cases of supervision, OTP as the oracle, beside rivals",
        run: restarts::run,
    },
];
