//! What an executor may call: tables, SQL, charts and text, each behind a capability.
//!
//! The crate knows nothing of agents, messages or models. An executor hands a [`ToolCall`] to the [`Toolbox`], which checks the granted
//! [`Capabilities`] and runs the tool; tools block, so the executor runs them off its async threads. A tool reads nothing but the files of
//! its [`Workspace`] and writes nothing but into its output folder. Text is written through the trait [`Writer`], which the caller
//! implements with a model.
//!
//! Where to read next: `tool` for the contract, `table` for how a CSV becomes typed columns, `sql` for how it is queried.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod args;
mod cache;
mod chart;
mod encoding;
mod error;
mod input;
mod memory;
mod outline;
mod profile;
mod profile_table;
mod read_file;
pub use aios_work::shown;
mod sql;
mod table;
mod tables;
mod tool;
mod toolbox;
mod workspace;
mod write_text;

pub use aios_work::{Fact, Value};
pub use error::ToolError;
pub use input::{ContentHash, FileState, InputFile, read_regular};
pub use memory::{Memory, Reserved};
pub use profile::{ColumnKind, ColumnProfile, TableProfile};
pub use table::TableError;
pub use tool::{
    Artifact, CancelFlag, Capabilities, Capability, Tool, ToolCall, ToolOutput, ToolSpec,
};
pub use toolbox::Toolbox;
pub use workspace::{Limits, Workspace};
pub use write_text::{WriteError, WriteRequest, Writer};
