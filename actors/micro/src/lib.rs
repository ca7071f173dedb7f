//! The swarm: millions of supervised 64-byte agents.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod pheromone;

pub use pheromone::{TrailConfig, TrailError, Trails};
