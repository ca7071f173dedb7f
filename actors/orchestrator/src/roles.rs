//! The roles of the macro tier, each named once: by these the agents of a goal find each other and say whom they are open to.

/// Takes goals in and lets answers out.
pub const INTERFACE: &str = "macro.interface";
/// Sees a goal through.
pub const PLANNER: &str = "macro.planner";
/// Calls tools.
pub const EXECUTOR: &str = "macro.executor";
/// Judges.
pub const CRITIC: &str = "macro.critic";
/// Keeps and recalls.
pub const MEMORY: &str = "macro.memory";
