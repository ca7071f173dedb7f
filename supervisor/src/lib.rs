//! Supervision trees for any ractor actor.
//!
//! ```
//! # use ractor::{Actor, ActorRef, ActorProcessingErr};
//! # struct Printer;
//! # impl Actor for Printer {
//! #     type Msg = String; type State = (); type Arguments = ();
//! #     async fn pre_start(&self, _: ActorRef<String>, _: ()) -> Result<(), ActorProcessingErr> { Ok(()) }
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use aios_supervisor::{ChildSpec, Supervisor, SupervisorSpec};
//! use std::time::Duration;
//!
//! let spec = SupervisorSpec::new("root")
//!     .intensity(3, Duration::from_secs(5))
//!     .child(ChildSpec::worker("printer", || (Printer, ())));
//! let root = Supervisor::start(spec).await?;
//! println!("{}", root.view());
//! root.stop().await;
//! # Ok(()) }
//! ```
//!
//! A tree is data ([`SupervisorSpec`], [`ChildSpec`]) that is checked before anything starts. What to do about an exit
//! is decided by a pure core (`decision`); the actor around it (`supervisor`) only carries plans out, so it never
//! waits and always listens. The reference is OTP's `supervisor`, case by case.
//!
//! What a child that crashes leaves behind is the business of [`Mailbox`] and [`DeadLetters`]: queues that outlive it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod backoff;
mod breaker;
mod child_spec;
mod counters;
mod dead_letters;
mod decision;
mod dynamic;
mod ends;
mod events;
mod exit;
mod fault;
mod health;
mod intensity;
mod links;
mod mailbox;
pub mod metric_names;
mod options;
mod order;
mod partitioned;
mod policy;
mod reference;
mod report;
mod retry;
mod shared;
mod snapshot;
mod spec;
mod strategy;
mod supervisor;

pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerSettings, BreakerState, Permit, Rejected};
pub use child_spec::{ChildSpec, StartContext, StartFn, Started};
pub use dead_letters::{DeadLetter, DeadLetterCounts, DeadLetters, Reason, Room};
pub use dynamic::{DynamicRef, Template};
pub use ends::Ended;
pub use events::{EventKind, SupervisionEvent};
pub use exit::ExitReason;
pub use fault::{SpecError, StartError};
pub use health::{Deadlines, Missed, Promise};
pub use intensity::{Intensity, Window};
pub use links::{Link, LinkEnd, Monitor};
pub use mailbox::{Admission, Admitted, Backlog, Counts, Depth, Mailbox, Refused};
pub use options::{Clock, Options, TokioClock};
pub use order::OrderError;
pub use partitioned::PartitionedRef;
pub use policy::Policy;
pub use reference::{ChildHandle, HandleError, Stopped, SupervisorRef};
pub use report::{Deadlock, Wait, WaitGraph};
pub use retry::{AfterFailure, Failure, Recourse, RetryBackoff, RetryPolicy};
pub use snapshot::{ChildCounts, ChildState, ChildView, SupervisorState, TreeView};
pub use spec::SupervisorSpec;
pub use strategy::{AutoShutdown, Kind, Restart, Shutdown, Strategy};
pub use supervisor::Supervisor;
