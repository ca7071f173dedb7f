//! The planner's thinking: how a goal becomes an analysis, a plan, and its results become facts.
//!
//! [`analysis`] reads goal and table by rules; [`mod@question`] asks the model for its pick and takes it only where the rules leave
//! room; [`dag`] builds the tasks; [`sql`] writes their queries; [`findings`] reads the results into facts; [`writing`] prepares what the
//! model is asked to write and the paragraph that stands in for it. All of that is pure; [`agent`] takes the goal, `pursuit` sees it
//! through, `progress` carries out its plan, task by task through `conduct` and by `recourse` when that fails, and `delivery` has the answer
//! judged.

pub mod agent;
pub mod analysis;
pub mod arithmetic;
pub mod columns;
mod conduct;
pub mod dag;
mod delivery;
pub mod document;
pub mod findings;
mod lexicon;
mod progress;
mod pursuit;
pub mod question;
mod recourse;
pub mod simpler;
pub mod sql;
mod terms;
pub mod timeframe;
pub mod writing;

#[cfg(test)]
mod tests;

pub use analysis::{Analysis, analyse};
pub use dag::{ACTIONS, build, fill, scout};
pub use findings::{Findings, Reading};
pub use question::{Question, merge, question};
