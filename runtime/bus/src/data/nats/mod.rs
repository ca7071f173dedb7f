//! The data bus between processes, on a NATS server.
//!
//! Read in this order: [`frame`] (what travels, and how it is proven), [`streams`] (what lasts, and where), [`lane`] and [`order`] (what is
//! decided, both pure), [`outbox`] (what waits on this machine), [`link`] (the connection), [`bus`] (the port), `together` (many as
//! one), `drain` (from the outbox
//! into the streams), [`follow`] (from a stream into a view, once), [`server`] (a server for whoever has none).
//!
//! Deliberately absent: what an event means, who may see it (the server's accounts say that), leases, and work shared between nodes.

mod bus;
mod drain;
mod follow;
pub mod frame;
mod journal_view;
pub mod lane;
mod link;
pub mod metric;
pub mod order;
mod outbox;
pub mod rpc;
pub mod server;
mod server_streams;
pub mod streams;
mod together;

pub use bus::{Clock, Credentials, NatsDataBus, header_map, open_message};
pub use drain::drain;
pub use follow::{ApplyError, Follow, FollowCounts, StreamView, follow};
pub use journal_view::{JournalView, Write};
pub use link::{LinkCounts, LinkError, NatsLink, NatsSettings};
pub use outbox::{Outbox, OutboxCounts, OutboxError, OutboxLimits};
pub use server_streams::ensure;
pub use together::Told;
