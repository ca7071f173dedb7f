//! What a node does with other processes of its machine. The test binary starts itself again as the other one.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[cfg(feature = "shared-memory")]
mod engine;
mod link;
#[cfg(feature = "shared-memory")]
mod zones;
