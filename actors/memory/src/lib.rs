//! Working, vector and persistent memory: hybrid recall and a step log over one store.
//!
//! [`store`] is the ground: ordered keys and values, in memory or on disk behind one contract. On it stand the
//! [`StepLog`] ("a step that is committed is not run again"), [`GoalResults`] and the documents of [`VectorMemory`].
//! [`WorkingMemory`] is a session's history and lives in process only.
//!
//! What is deliberately absent: agents, async, clocks (a caller passes the time) and the embedding of text (a caller
//! passes the vectors, one for each of the text's [`parts`]).
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod store;

mod document;
mod error;
#[cfg(test)]
#[path = "../../../tests/golden.rs"]
mod golden;
mod keyword;
mod parts;
mod recall;
mod results;
mod step_log;
mod vector;
mod working;

pub use document::{Document, Provenance};
pub use error::MemoryError;
pub use keyword::{KeywordIndex, tokens};
pub use parts::parts;
pub use recall::{Hit, Query, Ranked, VectorLimits, VectorMemory};
pub use results::{GoalResult, GoalResults};
pub use step_log::{Begin, KeptStep, Step, StepError, StepLog};
pub use store::{
    Entry, InMemoryStore, KEY_BYTES_MAX, Store, StoreError, Swap, VALUE_BYTES_MAX, contract,
};
#[cfg(feature = "sled")]
pub use store::{SledStore, private_folder};
pub use vector::VectorIndex;
pub use working::{Evicted, Turn, WorkingLimits, WorkingMemory};
