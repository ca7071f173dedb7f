//! The way to a node in another process of the same user: a socket that only this user can reach.
//!
//! A request is one line of JSON, and so is each reply ([`Reply`](crate::Reply)). Who may come in is decided by the operating system: the
//! socket lies in a folder that only its user can enter (`folder`), and the user at the other end is asked for from the kernel and
//! compared (`server`). There is no network here.

mod client;
mod folder;
mod server;

pub use client::SocketClient;
pub use folder::{FolderError, SocketFolder, own_user};
pub use server::{Observed, Observer, OpenError, OpenSocket, Server, Service};
