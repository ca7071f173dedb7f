//! The door of a running node: a socket of its own user, over which other programs of the same user look at the node and steer it.
//!
//! A request is one line of JSON, and so is its answer ([`protocol`]). Who may come in is decided by the operating system: the socket
//! lies in a folder that only its user can enter ([`folder`]), and the user at the other end is asked for from the kernel and compared
//! ([`server`]). There is no network here; that is the control bus's business. [`Visit`] is the other side of it.

mod client;
mod connections;
mod dispatch;
mod folder;
mod protocol;
mod server;

pub use client::{Visit, VisitError};
pub(crate) use folder::own_user;
pub use folder::{DoorFolder, PlaceError};
pub use protocol::{LINE_MAX, Request, SwarmQuestion};
pub(crate) use server::{DoorState, KeeperArguments};
