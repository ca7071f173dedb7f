//! The swarm: millions of supervised 64-byte agents.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arena;
mod counts;
pub mod decay;
mod effects;
mod event;
mod handle;
mod hook;
mod kind;
pub mod kinds;
pub mod pheromone;
mod population;
mod port;
mod refusal;
mod shard;
mod slot;
mod step;
mod survey;
#[cfg(test)]
mod testing;
mod totals;
mod window;
mod worker;
mod zone;

pub use arena::{Arena, ArenaConfig};
pub use counts::Counts;
pub use effects::Effects;
pub use event::{Act, EVENT_BYTES, Event, EventError};
pub use handle::{Handle, LAST_GENERATION, SLOTS_PER_SHARD};
pub use hook::quiet_agent_panics;
pub use kind::{Around, HalfLine, Kind, Neighbour, WholeLine};
pub use pheromone::{TrailConfig, TrailError, Trails};
pub use refusal::Refusal;
pub use slot::{HEADER_BYTES, Header, Life, Slot};
pub use step::{PanicNote, StepConfig, Stepper};

pub use population::{Answer, DoorError, Population};
pub use port::AgentView;
pub use survey::{CLASSES, Strong, Survey, SurveyRequest, TOP_MOST};
pub use totals::{ALERT_BELOW, Alert, KindTotals, Rates, ZoneTotals};
pub use worker::Clock;
pub use zone::{KindConfig, Source, Zone, ZoneBuilder, ZoneError};

pub use aios_supervisor::{Intensity, Restart};
