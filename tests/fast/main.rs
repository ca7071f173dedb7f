//! Flows, tables and rules that hold over the whole workspace.
#![allow(clippy::unwrap_used)]

mod door;
mod goals;
mod house;
mod layering;
mod made_up;
mod nodes;
mod recovery;
mod swarm;
mod tables;
mod verdict;
