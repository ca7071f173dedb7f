//! What a plan may cost.

/// What a plan may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanLimits {
    /// Most tasks.
    pub tasks: usize,
    /// Most dependencies of one task.
    pub needs: usize,
    /// Most model tokens of the whole plan.
    pub tokens: u64,
    /// Most milliseconds along the longest chain of deadlines.
    pub time_ms: u64,
    /// Most bytes of one task's arguments.
    pub args_bytes: usize,
    /// Most elements of a list that a task is done for.
    pub each: usize,
}

impl PlanLimits {
    /// Those of a node that says nothing else. 32 tasks hold the largest template (12) twice over; three chained model calls of 30 s and the
    /// tools fit in 5 minutes. 64 elements are sixteen rounds of four; what is done
    /// for more belongs into the tool.
    pub const USUAL: Self = Self {
        tasks: 32,
        needs: 32,
        tokens: 16_000,
        time_ms: 300_000,
        args_bytes: 64 * 1024,
        each: 64,
    };
}

impl Default for PlanLimits {
    fn default() -> Self {
        Self::USUAL
    }
}
