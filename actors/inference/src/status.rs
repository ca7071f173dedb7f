//! An engine's window.

use serde::{Deserialize, Serialize};

/// Where an engine is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "phase")]
pub enum EnginePhase {
    /// Being built; calls wait.
    Starting,
    /// Runs calls.
    Ready,
    /// Crashed or killed; calls wait for the next incarnation until their deadline.
    Down {
        /// What ended it.
        reason: String,
    },
    /// Stopped on purpose; calls are refused.
    Stopped,
}

/// An engine's window: a small picture of what it is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// The engine's name in metrics.
    pub name: String,
    /// Where it is in its life.
    #[serde(flatten)]
    pub phase: EnginePhase,
    /// How many engines were started so far.
    pub incarnation: u64,
    /// Calls that wait.
    pub waiting: usize,
    /// Calls that may wait.
    pub allowed: usize,
    /// The kind of call that runs now.
    pub running: Option<String>,
    /// For how long it has been running, in milliseconds.
    pub running_ms: Option<u64>,
}
