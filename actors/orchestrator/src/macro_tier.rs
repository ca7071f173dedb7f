//! The macro tier: what decides about a goal.
//!
//! The cores are pure: no async, no clock, no files, no model call. Where a model is asked, a core makes the question (prompt and
//! JSON schema) and takes the text back. The agents around them only carry messages, tools and time.
//!
//! The cores in reading order: [`goal`] (what is asked), [`plan`] (tasks and points), [`planner`] (how a goal becomes a plan and results
//! become facts), [`report`] (how facts become an answer), [`critic`] (whether the answer may leave). [`figures`], [`period`] and
//! [`prose`] are the shared ways of writing numbers, naming time and cutting text.

pub mod critic;
pub mod executor;
pub mod figures;
pub mod goal;
pub mod interface;
mod kept;
pub mod memory_keeper;
pub mod period;
pub mod plan;
pub mod planner;
pub mod prose;
pub mod report;
pub mod team;
pub mod writer;
