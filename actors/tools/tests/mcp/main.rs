//! Servers nobody here wrote, and servers that mean no good: what their tools do in a tree, and what they cannot do to it.
#![cfg(feature = "mcp")]
#![allow(clippy::unwrap_used)]

mod hostile;
mod hostile_http;
mod hostile_server;
mod installed;
mod rig;
mod strangers;
mod trusted;
