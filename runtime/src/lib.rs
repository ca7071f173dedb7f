//! A node: agents, supervisors, bus, memory and engine assembled into one value.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use aios_runtime::{Goal, Node};
//!
//! let node = Node::builder().start().await?;
//! let answer = node.run(Goal::new("Analyze Q3 sales").data(["q3_sales.csv"])).await?.answer().await?;
//! println!("{}", answer.answer);
//! node.stop().await;
//! # Ok(()) }
//! ```
//!
//! Nothing here is global: two nodes in one process share nothing. [`boot`] is the tree as data, [`gateway`] the way from outside to an
//! interface agent and back, [`view`] the picture that people and programs look at. What a client of the node can ask for is the contract
//! in `aios-control`; [`dispatch`] is where the node keeps it, [`lookout`] what it shows of itself, [`socket`] opens the way for other programs of the same user.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;
#[cfg(feature = "shared-memory")]
pub mod engine_process;
pub mod engines;
mod measure;
pub mod metric;
pub mod swarm;

mod adopt;
mod allowances;
mod ask;
mod audit;
mod boot;
mod builder;
mod commanded;
mod crew;
mod dispatch;
mod durable;
mod events;
mod falls;
mod gateway;
mod generate;
mod goals;
#[cfg(test)]
#[path = "../../tests/golden.rs"]
mod golden;
mod grants;
mod judge;
mod lookout;
mod models;
mod names;
#[cfg(feature = "nats")]
mod nats;
mod node;
mod owner;
mod packs;
mod power;
#[cfg(feature = "remote")]
pub mod probes;
mod refusals;
mod remote;
mod rights;
mod servers;
mod socket;
mod spawned;
mod state;
pub mod team;
#[cfg_attr(not(feature = "telemetry"), allow(dead_code))]
mod telemetry;
pub mod thinking;
mod threads;
mod tools;
mod view;
#[cfg(feature = "shared-memory")]
mod wire;

pub use adopt::{AdoptError, adopt};
pub use aios_work::content::{Answer, MessageReport, ModelReport};
pub use ask::AskError;
pub use audit::{AuditError, AuditLine, Audited, audit, trail};
pub use builder::{NodeBuilder, StartError};
pub use config::Config;
pub use crew::CharterRefused;
pub use durable::OpenError as StateError;
pub use events::GoalEvent;
pub use gateway::{Goal, GoalError, GoalRun};
#[cfg(feature = "nats")]
pub use nats::{NatsError, NatsView};
pub use node::{Node, SpawnError, SpawnOptions};
pub use owner::OwnerError;
pub use packs::standard_tools;
pub use remote::{RemoteError, RemoteOptions};
pub use threads::tool_threads;
pub use view::{AgentSeen, NodeView};
#[cfg(feature = "shared-memory")]
pub use wire::WireError;
