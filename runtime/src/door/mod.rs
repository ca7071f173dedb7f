//! The door of a running node: a socket of its own user, over which other programs of the same user look at the node and steer it.
//!
//! A request is one line of JSON, and so is its answer ([`words`]). Who may come in is decided by the operating system: the socket
//! lies in a folder that only its user can enter ([`place`]), and the user at the other end is asked for from the kernel and compared
//! ([`keeper`]). There is no network here; that is the control bus's business. [`Visit`] is the other side of it.

mod attend;
mod keeper;
mod place;
mod visit;
mod visitors;
mod words;

pub(crate) use keeper::{DoorState, KeeperArguments};
pub(crate) use place::own_user;
pub use place::{DoorFolder, PlaceError};
pub use visit::{Visit, VisitError};
pub use words::{LINE_MAX, Request, SwarmQuestion};
