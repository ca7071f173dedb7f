//! Flows, tables and rules that hold over the whole workspace.
#![allow(clippy::unwrap_used)]

mod approvals;
mod door;
mod faulty;
mod goals;
mod house;
mod layering;
mod made_up;
mod nodes;
mod recourse;
mod recovery;
mod resting;
mod storm;
mod swarm;
mod tables;
mod verdict;
