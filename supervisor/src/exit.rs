//! How an actor ended, in the words supervision needs.

use ractor::{ActorId, SupervisionEvent as RactorEvent};
use serde::{Deserialize, Serialize};

/// The reason word ractor gives to an actor that was killed; a graceful stop must not use it.
const KILLED: &str = "killed";
/// The reason word ractor gives when an actor's task was aborted or its runtime went away.
const CANCELLED: &str = "actor_task_cancelled";
/// The reason a supervisor gives to the children it asks to stop.
pub(crate) const SHUTDOWN: &str = "shutdown";

/// How an actor ended.
///
/// ractor cannot tell an error from a panic once the actor is gone, so both are [`ExitReason::Failed`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitReason {
    /// Stopped by itself, without a reason; its `post_stop` has run.
    Normal,
    /// Stopped in order with a reason; its `post_stop` has run. The counterpart of OTP's `{shutdown, Term}`.
    Shutdown(String),
    /// Returned an error from a handler, or panicked.
    Failed(String),
    /// Killed: its future was dropped where it stood and `post_stop` did not run.
    Killed,
    /// Its task was aborted from outside the actor system.
    Cancelled,
    /// Did not leave after a kill (it blocks its thread) and was given up during a shutdown.
    Abandoned,
}

impl ExitReason {
    /// Whether a transient child comes back after it. A kill counts as abnormal.
    pub fn is_abnormal(&self) -> bool {
        !matches!(self, Self::Normal | Self::Shutdown(_))
    }

    /// One word for metrics; a closed set, so it is safe as a label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Shutdown(_) => "shutdown",
            Self::Failed(_) => "failed",
            Self::Killed => "killed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    /// Reads ractor's own event; `None` when the event is not an exit.
    pub(crate) fn read(event: RactorEvent) -> Option<(ActorId, Self)> {
        match event {
            RactorEvent::ActorTerminated(cell, state, reason) => {
                // The ended actor's state is a stranger's; what its drop does wrong must not end the supervisor.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(state)));
                let exit = match reason {
                    None => Self::Normal,
                    Some(word) if word == KILLED => Self::Killed,
                    Some(word) if word == CANCELLED => Self::Cancelled,
                    Some(word) => Self::Shutdown(word),
                };
                Some((cell.get_id(), exit))
            }
            RactorEvent::ActorFailed(cell, error) => {
                Some((cell.get_id(), Self::Failed(error.to_string())))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for ExitReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shutdown(why) if why == SHUTDOWN => f.write_str("shutdown"),
            Self::Shutdown(why) => write!(f, "shutdown: {why}"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            other => f.write_str(other.label()),
        }
    }
}
