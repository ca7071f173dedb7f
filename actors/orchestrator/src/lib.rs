//! The macro tier: five agents that take a goal from its request to an answer the Critic has signed.
//!
//! In reading order: [`interface`] lets goals in and answers out; [`planner`] takes a goal, `goal_run` sees it through, `progress`
//! carries its plan out task by task through `task_run`, and by `fallback` when that fails; `delivery` has the answer judged
//! by what `evidence` proves. [`executor`] calls tools, [`critic`] judges, [`memory`] keeps and recalls. What a goal is about is the business of the [`Packs`].
//!
//! Deliberately absent: the name of a tool, of a kind of data, or a word of a language.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cached;
pub mod critic;
mod delivery;
mod evidence;
pub mod executor;
mod fallback;
mod goal_run;
pub mod interface;
mod kept;
mod ledger;
pub mod memory;
mod packs;
pub mod planner;
mod progress;
mod services;
mod task_run;
pub mod team;
mod terms;
pub mod writer;

pub use packs::Packs;
pub use services::{Services, Settings};
