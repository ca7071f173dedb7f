//! The planner's thinking: how a goal becomes an analysis, a plan, and its results become facts.
//!
//! [`analysis`] reads goal and table by rules; [`mod@question`] asks the model for its pick and takes it only where the rules leave
//! room; [`dag`] builds the tasks; [`sql`] writes their queries; [`findings`] reads the results into facts; [`writing`] prepares what the
//! model is asked to write and the paragraph that stands in for it. All of that is pure; [`agent`] acts on it, task by task through
//! `conduct`, and `recourse` when that fails.

pub mod agent;
pub mod analysis;
pub mod arithmetic;
pub mod columns;
mod conduct;
pub mod dag;
pub mod document;
pub mod findings;
mod lexicon;
pub mod question;
mod recourse;
pub mod simpler;
pub mod sql;
pub mod timeframe;
pub mod writing;

#[cfg(test)]
mod tests;

pub use analysis::{Analysis, analyse};
pub use dag::{ACTIONS, build, fill, scout};
pub use findings::{Findings, Reading};
pub use question::{Question, merge, question};
