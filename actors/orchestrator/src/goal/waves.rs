//! Results of one goal on their way to the critic; `judging` says when they leave.

use aios_work::content::{Candidate, Judgement};
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Results that wait for the critic.
#[derive(Default)]
pub(crate) struct Waves {
    pub(crate) waiting: Mutex<Vec<Waiting>>,
    /// Held by the wave that left last.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// A result, and who hears what is said of it.
pub(crate) struct Waiting {
    pub(crate) candidate: Candidate,
    pub(crate) tell: oneshot::Sender<Result<Judgement, String>>,
}
