//! Flows, tables and rules that hold over the whole workspace.
#![allow(clippy::unwrap_used)]

mod layering;
