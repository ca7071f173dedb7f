//! Agents in one process: the trait an author writes, the world they live in, and the meso agents.
//!
//! An [`agent::Agent`] lives in a [`AgentSystem`] under any supervisor. It speaks only by signed messages and only through
//! its [`agent::Context`]; what a crash must not lose is kept outside of it, in its [`agent::Cell`].
//!
//! Deliberately absent: transports, servers, and any way from one agent to another's struct.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod meso_tier;
pub mod outside;
pub mod recovery;

mod checkpoints;
mod departed;
mod directory;
mod dormitory;
mod factory;
#[cfg(test)]
#[path = "../../tests/golden.rs"]
mod golden;
mod observer;
mod remains;
mod retire;
mod system;
mod timers;
mod undelivered;

pub use async_trait::async_trait;
pub use checkpoints::CheckpointError;
pub use directory::{Chooser, Directory, LeastWaiting};
pub use dormitory::{Sleep, SleepCounts};
pub use factory::{Blueprint, Constructor, Factories};
pub use observer::{Cause, InHand, Inherited, MessageSeen, Observer, SpanSeen, Spending, Step};
pub use remains::Remains;
pub use system::{
    Adopted, AgentSystem, AgentSystemBuilder, AgentSystemError, NotAdopted, WeakAgentSystem,
};
pub use timers::TimerError;
pub use undelivered::{ResendError, Undelivered};
