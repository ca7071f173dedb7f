//! What a supervisor promises a child.

use std::time::Duration;

use crate::{
    backoff::Backoff,
    intensity::Intensity,
    strategy::{Kind, Restart, Shutdown},
};

/// The part of a spec that decisions are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// When it comes back.
    pub restart: Restart,
    /// How it is asked to leave.
    pub shutdown: Shutdown,
    /// Worker or supervisor; only shown and counted.
    pub kind: Kind,
    /// Whether its end can end the supervisor, see [`crate::AutoShutdown`].
    pub significant: bool,
    /// Wait between restarts; at once without it.
    pub backoff: Option<Backoff>,
    /// A limit of its own beside the supervisor's; exceeding either one makes the supervisor give up.
    pub intensity: Option<Intensity>,
    /// A start that takes longer is called off and counts as failed.
    pub start_within: Option<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            restart: Restart::Permanent,
            shutdown: Shutdown::WORKER_DEFAULT,
            kind: Kind::Worker,
            significant: false,
            backoff: None,
            intensity: None,
            start_within: None,
        }
    }
}
