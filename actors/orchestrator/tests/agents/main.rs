//! Goals in a small world with the real planner, executor, critic and memory.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs, dead_code)]

mod costs;
mod crew;
mod doors;
mod goals;
#[path = "../../../tests/agents/house.rs"]
mod house;
mod judging;
mod kept;
mod tables;
