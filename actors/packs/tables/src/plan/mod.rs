//! The pack's thinking: how a goal becomes an analysis, a plan, and its results become facts.
//!
//! [`analysis`] reads goal and table by rules; [`mod@question`] asks the model for its pick and takes it only where the rules leave
//! room; [`dag`] builds the tasks; [`queries`] writes their SQL; [`mod@reading`] reads the results into facts, [`findings`] holds them; [`writing`] prepares what the
//! model is asked to write and the paragraph that stands in for it; [`mod@simpler`] knows what to do instead. All of that is pure.

pub mod analysis;
pub mod arithmetic;
pub mod columns;
pub mod dag;
pub mod findings;
pub mod intent;
mod lexicon;
pub mod queries;
pub mod question;
pub mod reading;
pub(crate) mod recalled;
pub mod simpler;
pub mod timeframe;
pub mod writing;

#[cfg(test)]
mod tests;

pub use analysis::{Analysis, analyse};
pub use dag::{TOOLS, build, fill, scout};
pub use findings::Findings;
pub use intent::Intent;
pub use question::{merge, question};
pub use reading::Reading;

/// The name of this domain.
pub const NAME: &str = "tables";
