//! The macro tier: five agents that take a goal from its request to an answer the Critic has signed.
//!
//! Three folders: `agents` are those who speak, `goal` is one goal from its lease to its answer, `task` one task of it from its turn to its
//! end. In reading order: [`interface`] lets goals in and answers out; [`planner`] takes a goal, `goal::run` sees it through,
//! `goal::progress` carries its plan out; `task::run` decides what becomes of each task, `task::fallback` what when that fails, and
//! `task::shell` does it; `goal::delivery` has the answer judged by what `evidence` proves. [`executor`] calls tools, [`critic`] judges,
//! [`memory`] keeps and recalls. [`crew`] are the agents that people write charters for. What a goal is about is the business of the [`Packs`].
//!
//! Deliberately absent: the name of a tool, of a kind of data, or a word of a language.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agents;
pub mod crew;
mod doubt;
mod evidence;
mod excerpt;
mod goal;
#[cfg(test)]
#[path = "../../../tests/golden.rs"]
mod golden;
pub mod metric;
mod packs;
pub mod plans;
pub mod roles;
mod services;
mod task;
pub mod team;
pub mod writer;

pub use agents::{critic, executor, interface, memory, planner};
pub use packs::Packs;
pub use services::{Ports, Services, Settings};
