//! The swarm: millions of supervised 64-byte agents.
//!
//! An agent of this tier stands for one resource: a page, a connection, a buffer. It is a slot in an arena, named by an
//! 8-byte handle that never reaches a successor, and it acts by a plain function of its state, an event and what it sees
//! beside it. A shard steps its agents in batches on a thread of its own and is a supervised actor; the shards of a zone
//! are one subtree; the population is the zone's only door.
//!
//! Not here: async code outside the shard and the population, any way for an agent to reach another tier (a zone's
//! [`report`] does that), `unsafe`, a clock or a random source of its own.
//!
//! ```
//! use std::time::Duration;
//! use aios_micro::kinds::{Page, page};
//! use aios_micro::{Event, KindConfig, Source, Zone};
//! use aios_supervisor::Supervisor;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pages = KindConfig { source: Source::Range(0..10_000), ..KindConfig::of::<Page>() };
//! let zone = Zone::builder("numa-0").kind::<Page>(pages).build()?;
//! let tree = Supervisor::start(zone.spec).await?;
//! let swarm = zone.population;
//!
//! let soon = Duration::from_secs(1);
//! let agent = swarm.find("page", 4_711, soon).await?.ok_or("no such page")?;
//! swarm.tell(&mut vec![Event::inform(agent, page::TOUCH, 0)])?;
//! assert_eq!(swarm.look(agent)?.within(soon).await?.pheromone.round(), 1.0);
//! assert_eq!(swarm.totals().active(), 10_000);
//! tree.stop().await;
//! # Ok(()) }
//! ```
//!
//! Read in this order: slot, handle, event, kind, arena, step, port, worker, shard, zone, population. The layout is drawn in
//! `docs/formats/micro-agent.md`, a kind of one's own is explained in `docs/guide/swarm.md`.

// With no unsafe code here, every access is checked by the compiler or at run time; a layout or a bound that is wrong is a
// compile error or a caught panic, never undefined behaviour.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod arena;
mod counts;
pub mod decay;
mod effects;
mod event;
mod handle;
mod hook;
mod inbox;
mod kind;
pub mod kinds;
pub mod metric;
pub mod pager;
pub mod pheromone;
mod population;
mod port;
mod refusal;
pub mod report;
mod shard;
mod slot;
mod step;
mod survey;
mod sync {
    pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};
}
#[cfg(test)]
mod model;
#[cfg(test)]
mod testing;
mod totals;
mod view;
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

pub use population::{DoorError, Population, Promise};
pub use port::AgentView;
pub use survey::{CLASSES, Strong, Survey, SurveyRequest, TOP_MOST};
pub use totals::{ALERT_BELOW, Alert, KindTotals, Rates, ZoneTotals};
pub use view::{Class, KindRates, NamedView, StrongView, TopView, ZoneView};
pub use worker::Clock;
pub use zone::{KindConfig, Source, Zone, ZoneBuilder, ZoneError};

pub use aios_supervisor::{Intensity, Restart};
