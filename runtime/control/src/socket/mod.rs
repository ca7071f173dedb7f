//! The way to a node in another process of the same user: a socket that only this user can reach.
//!
//! A request is one line of JSON, and so is each reply ([`Reply`](crate::Reply)). Who may come in is decided by the operating system: the
//! socket lies in a folder that only its user can enter (`folder`), and the user at the other end is asked for from the kernel and
//! compared (`server`). There is no network here.

mod client;
mod folder;
mod server;

use crate::{ControlError, ErrorKind};

pub use client::SocketClient;
pub use folder::{FolderError, SocketFolder, own_user};
pub use server::{Observed, Observer, OpenError, OpenSocket, Server, Service};

/// The longest request: names and numbers, a goal's text, small files, and a signed decision.
const REQUEST_MAX: usize = 256 * 1024;

fn too_large() -> ControlError {
    ControlError::new(
        ErrorKind::TooLarge,
        format!("a request is one line of at most {REQUEST_MAX} bytes"),
    )
}
