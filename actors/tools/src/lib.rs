//! The general tools an executor may call, and what every tool that works on files is made of.
//!
//! The crate knows nothing of agents, messages or models. An executor hands a [`ToolCall`](aios_work::ToolCall) to the [`Toolbox`], which
//! checks what was granted and the arguments, and calls the tool. An async function is made a tool by [`function`], a tool that blocks by
//! [`Blocking`]. The latter reads nothing but the files of its [`Workspace`] and writes nothing but into its output folder. Text is written through the trait
//! [`Writer`], which the caller implements with a model.
//!
//! Where to read next: `aios_work` for the contract, `workspace` for the walls, `toolbox` for a call's way.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use aios_work::Stopped;

mod apart;
pub mod args;
mod blocking;
mod calc;
mod command;
mod encoding;
mod error;
mod function;
mod given;
#[cfg(feature = "http")]
mod http;
mod input;
mod list_files;
#[cfg(feature = "mcp")]
pub mod mcp;
mod memory;
mod outline;
mod read_file;
mod toolbox;
mod validator;
mod witness;
mod workspace;
mod workspaces;
mod write_file;
mod write_text;

pub use aios_schema::{Schema, SchemaError};
pub use apart::CallError;
pub use blocking::{Blocking, BlockingTool};
pub use command::{CommandEnd, CommandError, run_command};
pub use encoding::{Decoded, decode};
pub use error::{WorkspaceError, size};
pub use function::{Function, function};
pub use given::{drop_empty, drop_given, is_plain_name, keep_given};
pub use input::{OnDisk, read_regular};
pub use memory::{Memory, Reserved};
pub use toolbox::Toolbox;
pub use validator::Validator;
pub use witness::Witness;
pub use workspace::{Limits, Unsynced, Workspace};
pub use workspaces::Workspaces;
pub use write_text::{WRITING_TOOL, WriteError, WriteRequest, Writer};

/// The names of the general tools; `http_get` is there with the feature `http`.
pub const TOOLS: [&str; 6] = [
    "calc",
    "http_get",
    "list_files",
    "read_file",
    "write_file",
    "write_text",
];
/// Those that only look at a file: what was seen in the same file before is as good.
pub const LOOKS: [&str; 2] = ["list_files", "read_file"];

/// What tools of the same use are called in other systems' agent files, with their names here.
pub const ELSEWHERE: &[(&str, &str)] = &[
    ("Read", "read_file"),
    ("View", "read_file"),
    ("ReadFile", "read_file"),
    ("Write", "write_file"),
    ("WriteFile", "write_file"),
    ("LS", "list_files"),
    ("ls", "list_files"),
    ("WebFetch", "http_get"),
    ("fetch", "http_get"),
    ("fetch_content", "http_get"),
    ("web_fetch", "http_get"),
    ("Calculator", "calc"),
];

/// Asked while something long is done: whether to go on.
pub type Check<'c> = &'c dyn Fn() -> Result<(), Stopped>;
