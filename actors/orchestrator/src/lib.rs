//! The macro tier: five agents that take a goal from its request to an answer the Critic has signed.
//!
//! In reading order: [`interface`] lets goals in and answers out; [`planner`] takes a goal, `goal_run` sees it through, `progress`
//! carries its plan out; `task_run` decides what becomes of each task, `fallback` what when that fails, and `task_shell` does it, with
//! what the goal's tasks share in `dispatcher`; `delivery` has the answer judged by what `evidence` proves.
//! [`executor`] calls tools, [`critic`] judges, [`memory`] keeps and recalls. What a goal is about is the business of the [`Packs`].
//!
//! Deliberately absent: the name of a tool, of a kind of data, or a word of a language.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cached;
pub mod critic;
mod delivery;
mod dispatcher;
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
mod task_shell;
pub mod team;
mod terms;
pub mod writer;

pub use packs::Packs;
pub use services::{Services, Settings};
