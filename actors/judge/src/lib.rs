//! Judges a text against what was asked and what is known, without agents: a goal, its sources and an answer in, a report out.
//!
//! [`Ground`] is the goal with its sources, read once; [`judge`] holds an answer against it by [`Criteria`]. The checks are pure and
//! deterministic; commands, tools and models that criteria ask for are carried out by whoever calls, and what they said is handed in as
//! [`Heard`]. What belongs to one language comes from `aios_languages`, tables and other sources as
//! [`Material`](aios_work::Material) from the packs.
//!
//! Where to read next: `reading` for how a number finds its source, `checks` for what is looked at, `judge` for what follows.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod answer;
mod cases;
mod checks;
mod clause;
mod column;
mod conditions;
mod criteria;
mod derived;
mod equal;
mod explain;
mod goal;
mod grid;
mod ground;
mod here;
mod hours;
mod judge;
mod moment;
mod numeral;
mod of_it;
mod others;
mod paper;
mod reading;
mod reduced;
mod said;
mod scope;
mod signed;
mod text;
mod unit;
mod vocabulary;
mod watch;
mod way;
mod written;

pub use aios_work::{Report, Status, Unable};
pub use cases::{Case, Judged, Measured};
pub use criteria::{Criteria, CriteriaError, Outside, Rubric};
pub use ground::Ground;
pub use judge::{Heard, Said, judge, judge_beginning, profile};
pub use watch::Watch;
pub use written::judge_text;
