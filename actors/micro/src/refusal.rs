//! Why an agent was not reached. Each refusal is counted by its shard under the same name.

use crate::handle::Handle;

/// What a shard answers instead of doing what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The agent the handle names has ended; its slot may have another one by now, which was not touched.
    #[error("{0:?} names an agent that has ended; look its resource up again")]
    Stale(Handle),
    /// No agent was ever there.
    #[error("{0:?} was never given out by this zone")]
    Unknown(Handle),
    /// The agent sleeps.
    #[error("{0:?} is suspended; resume it first")]
    Suspended(Handle),
    /// The kind panicked when it made the agent's first state.
    #[error("the kind panicked over resource {0}; no agent was born for it")]
    StillBorn(u64),
    /// The arena has no room.
    #[error(
        "arena is full: {asked} agents asked for, {allowed} allowed; free some or raise the kind's capacity"
    )]
    Exhausted {
        /// Agents there would have been.
        asked: u64,
        /// Agents there may be.
        allowed: u64,
    },
}
