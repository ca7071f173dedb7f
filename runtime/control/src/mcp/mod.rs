//! The node as an MCP server: whoever speaks that protocol, such as a coding agent, has the node's goals and its agents as tools.
//!
//! It is a translation of the contract and keeps nothing: each call is a request to the node in the name of whoever makes it. Over HTTP it
//! stands at `/mcp`, without sessions; a program that is started by its client speaks it on its standard streams ([`serve_stdio`]).

mod calls;
mod outline;
mod server;
mod tools;

pub(crate) use server::over_http;
pub use server::{Asker, serve_stdio};
