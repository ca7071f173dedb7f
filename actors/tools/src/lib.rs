//! The general tools an executor may call, and what every tool that works on files is made of.
//!
//! The crate knows nothing of agents, messages or models. An executor hands a [`ToolCall`](aios_work::ToolCall) to the [`Toolbox`], which
//! checks what was granted and the arguments, and calls the tool. A tool that blocks is made one that can be awaited by [`Blocking`]. It
//! reads nothing but the files of its [`Workspace`] and writes nothing but into its output folder. Text is written through the trait
//! [`Writer`], which the caller implements with a model.
//!
//! Where to read next: `aios_work` for the contract, `workspace` for the walls, `toolbox` for a call's way.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use aios_work::Stopped;

pub mod args;
mod blocking;
mod encoding;
mod error;
mod input;
mod memory;
mod outline;
mod read_file;
mod schema;
mod toolbox;
mod validator;
mod workspace;
mod workspaces;
mod write_text;

pub use blocking::{Blocking, BlockingTool};
pub use encoding::{Decoded, decode};
pub use error::{WorkspaceError, size};
pub use input::{OnDisk, read_regular};
pub use memory::{Memory, Reserved};
pub use toolbox::Toolbox;
pub use validator::Validator;
pub use workspace::{Limits, Workspace};
pub use workspaces::Workspaces;
pub use write_text::{WriteError, WriteRequest, Writer};

/// The names of the general tools.
pub const TOOLS: [&str; 2] = ["read_file", "write_text"];
/// Those that only look at a file: what was seen in the same file before is as good.
pub const LOOKS: [&str; 1] = ["read_file"];

/// Asked while something long is done: whether to go on.
pub type Check<'c> = &'c dyn Fn() -> Result<(), Stopped>;
