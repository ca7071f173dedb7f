//! The swarm: millions of supervised 64-byte agents.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arena;
mod counts;
pub mod decay;
mod effects;
mod event;
mod handle;
mod kind;
pub mod pheromone;
mod refusal;
mod slot;
mod step;
#[cfg(test)]
mod testing;
mod window;

pub use arena::{Arena, ArenaConfig};
pub use counts::Counts;
pub use effects::Effects;
pub use event::{Act, EVENT_BYTES, Event, EventError};
pub use handle::{Handle, LAST_GENERATION, SLOTS_PER_SHARD};
pub use kind::{Around, HalfLine, Kind, Neighbour, WholeLine};
pub use pheromone::{TrailConfig, TrailError, Trails};
pub use refusal::Refusal;
pub use step::{PanicNote, StepConfig, Stepper};
pub use slot::{HEADER_BYTES, Header, Life, Slot};

/// temp
#[derive(Debug, Clone, Copy)]
pub struct Intensity { /// r
 pub restarts: u32, /// w
 pub within: std::time::Duration }
/// temp
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Restart { /// p
 Permanent, /// t
 Transient, /// t
 Temporary }
