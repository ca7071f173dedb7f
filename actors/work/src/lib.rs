//! What agents work on, as data and traits: what a tool is and may touch, what it gives, which figures it found.
//!
//! There is no I/O here and no tool, pack, store or model. Whoever writes a tool, a pack or a client takes this crate alone.
//!
//! Where to read next: `tool` for the contract between an executor and a tool, `capability` for what is granted.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capability;
mod fact;
mod input;
pub mod shown;
mod tool;
mod tool_error;

pub use capability::{Capabilities, Capability, CapabilityError};
pub use fact::{Fact, Value};
pub use input::{ContentHash, FileState, InputFile};
pub use tool::{Artifact, CancelFlag, Effect, Tool, ToolCall, ToolOutput, ToolSpec};
pub use tool_error::{Stopped, ToolError, ToolErrorKind};
