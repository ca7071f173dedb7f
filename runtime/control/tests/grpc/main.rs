//! The server that speaks gRPC, before a node that is made for it: what it says to whom, and what it does not let itself be kept from.
#![allow(clippy::unwrap_used)]

#[path = "../http/authority.rs"]
mod authority;
mod fake;
mod hostile;
mod judged;
mod manners;
mod models;
mod tls;
