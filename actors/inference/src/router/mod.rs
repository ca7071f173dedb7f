//! One engine out of several: which may answer a call, which does, and who goes on when it falls.
//!
//! The choice is one pure function ([`route`]); the shell around it ([`Router`]) is itself an engine, so that nobody who
//! thinks knows how many there are.
//!
//! What is deliberately absent: what a goal is, and how an engine makes its calls.

mod policy;
mod shell;
mod splice;

pub use policy::{Ask, Candidate, Health as CandidateHealth, Policy, Power, Route, Size, route};
pub use shell::{Decision, EngineSlot, Observer, PowerGauge, Router, RouterConfig};
