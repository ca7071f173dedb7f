//! What can be done with a goal that was carried out: a task of it tried again, the whole forked, gone through again, compared, taken
//! elsewhere, undone.
//!
//! What follows from what is decided in pure functions: `fork` says what is inherited, `diff` what differs, `again` what may be tried once
//! more. `record` reads and writes what is on record of a goal; `replay` and `undo` are the shells that need a node.

mod again;
mod diff;
mod fork;
mod record;
mod replay;
mod undo;

pub(super) use record::{Origin, kept_plan, left_open};
