//! The server that speaks HTTP, before a node that is made for it: what it says to whom, and what it does not let itself be kept from.
#![allow(clippy::unwrap_used)]

mod authority;
mod fake;
mod health;
mod hostile;
mod keys;
mod large;
mod manners;
mod mcp;
mod openai;
mod ready;
mod tls;
mod transcripts;
