//! What a running supervisor can be told, and why it may decline.

use std::{sync::Arc, time::Duration};

use thiserror::Error;

use crate::fault::StartError;

/// Why an order to a supervisor was not carried out.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum OrderError {
    /// The supervisor does not run (it may be about to be restarted).
    #[error("supervisor `{supervisor}` is not running; try again when its parent has restarted it")]
    NotRunning {
        /// Its path.
        supervisor: Arc<str>,
    },
    /// The supervisor is stopping and takes no more orders.
    #[error("the supervisor is stopping")]
    Stopping,
    /// No answer in time. The order may still be carried out.
    #[error("no answer to `{order}` within {waited:?}; it may still be carried out")]
    Deadline {
        /// What was asked.
        order: &'static str,
        /// How long was waited.
        waited: Duration,
    },
    /// No child has that id.
    #[error("no child has the id `{id}`")]
    NotFound {
        /// The id.
        id: Arc<str>,
    },
    /// A child with that id is there and runs.
    #[error("child `{id}` has already been started")]
    AlreadyStarted {
        /// The id.
        id: Arc<str>,
    },
    /// A child with that id is there and does not run: it is stopped, or between two incarnations.
    #[error("child `{id}` is already there but does not run; restart or delete it")]
    AlreadyPresent {
        /// The id.
        id: Arc<str>,
    },
    /// The child runs; terminate it first.
    #[error("child `{id}` is running; terminate it first")]
    Running {
        /// The id.
        id: Arc<str>,
    },
    /// The child is between two incarnations; terminate it first or wait.
    #[error("child `{id}` is being restarted; terminate it first or wait")]
    Restarting {
        /// The id.
        id: Arc<str>,
    },
    /// The child is not running, so it cannot be killed.
    #[error("child `{id}` is not running")]
    NotAlive {
        /// The id.
        id: Arc<str>,
    },
    /// The child did not leave after a kill: it blocks its thread.
    #[error("child `{id}` has not left after a kill; it blocks its thread")]
    Stuck {
        /// The id.
        id: Arc<str>,
    },
    /// The order makes no sense for this kind of supervisor.
    #[error("{0}")]
    WrongKind(&'static str),
    /// The child's start failed; a new child was not kept, an old one stays stopped.
    #[error(transparent)]
    Start(#[from] StartError),
}
