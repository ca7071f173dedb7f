//! What a tree tells whoever listens. One bounded broadcast per tree: a slow listener learns how many it missed.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::exit::ExitReason;

/// Something that happened in a tree.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SupervisionEvent {
    /// Path of the supervisor, names joined by `/`.
    pub supervisor: Arc<str>,
    /// The child it is about; `None` when it is about the supervisor itself.
    pub child: Option<Arc<str>>,
    /// What happened.
    pub kind: EventKind,
    /// When, on the tree's own clock: time since the root started.
    pub at: Duration,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// The child runs; the number is its generation, which only grows.
    Started {
        /// Generation of the child that runs now.
        incarnation: u64,
    },
    /// The child's start failed.
    StartFailed {
        /// Why, in words.
        error: Arc<str>,
    },
    /// The child asked not to run (its start returned [`crate::StartError::Ignored`]).
    Ignored,
    /// The child has ended, and what follows is decided. Should something of it, or below it, still be alive, its next
    /// incarnation waits until that is gone.
    Exited {
        /// Generation that ended.
        incarnation: u64,
        /// How it ended.
        reason: ExitReason,
    },
    /// The child is started again, and the restart counts.
    Restarting {
        /// Restarts in a row without a stable run, this one included.
        attempt: u32,
        /// Wait before it, zero without a backoff.
        delay: Duration,
    },
    /// The child was asked to leave.
    Stopping,
    /// The child had not left by its deadline and was killed.
    KilledAtDeadline,
    /// The child has not left after a kill: it blocks its thread.
    Stuck,
    /// The child is killed because one it is linked to ended abnormally.
    KilledByLink {
        /// Generation that is killed.
        incarnation: u64,
        /// Path of the child it is linked to.
        with: Arc<str>,
        /// How that one ended, if it is known.
        reason: Option<ExitReason>,
    },
    /// The child's spec was removed.
    Removed,
    /// The supervisor exceeded its restart intensity; it stops its children and leaves the decision to its parent.
    GaveUp {
        /// Restarts allowed.
        restarts: u32,
        /// Within this span.
        within: Duration,
    },
    /// A significant child ended and took the supervisor with it.
    AutoShutdown,
    /// The supervisor and all its children run.
    Ready,
    /// The supervisor has stopped every child and leaves; the text says why if it leaves abnormally.
    Stopped {
        /// Why, if the exit is abnormal.
        failure: Option<Arc<str>>,
    },
}
