//! The buses of a node, each behind its port in `aios-protocols`.
//!
//! The data bus is here in process: one node, no server. With `nats` it is on a NATS server too: the same port, and it passes the
//! same [`data::conformance`] suite. The [`tensor`] bus is here in process too, and between processes with `shared-memory`.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod data;
mod refusal;
pub mod tensor;

pub use refusal::{BusRefusal, RefusalSink, Refusals};
