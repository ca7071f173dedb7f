//! The five macro agents. They meet by message and by nothing else: none knows another's struct.

pub(crate) mod bench;
pub mod critic;
pub mod executor;
mod growing;
pub(crate) mod history;
pub mod interface;
mod judging;
mod kept;
pub mod memory;
pub mod planner;
