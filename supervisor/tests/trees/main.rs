//! Supervision of real actors: what the core's tables promise, once more with ractor underneath.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod dynamic;
mod links;
mod orders;
mod restarts;
mod shutdown;
mod starts;
mod views;

use std::{sync::Arc, time::Duration};

use aios_supervisor::{
    AutoShutdown, Backoff, ChildHandle, ChildSpec, ChildState, Ended, EventKind, ExitReason,
    HandleError, LinkEnd, Options, OrderError, Restart, Shutdown, StartError, Stopped, Strategy,
    Supervisor, SupervisorRef, SupervisorSpec, SupervisorState, Template,
};
use ractor::Actor;
use support::*;

fn spec(name: &str, diary: &Diary, ids: &[&str]) -> SupervisorSpec {
    SupervisorSpec::new(name)
        .intensity(100, LONG)
        .children(ids.iter().map(|id| puppet(id, diary)))
}
