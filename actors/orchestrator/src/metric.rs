//! Names of what the macro tier counts, described once.

pub use crate::agents::memory::RESULTS_EVICTED_TOTAL;

/// Ways out that were taken when a task failed; labels `tool` and `recourse`.
pub const RECOURSES_TOTAL: &str = "aios_orchestrator_recourses_total";
/// Tasks that were planned anew in simpler steps.
pub const REPLANS_TOTAL: &str = "aios_orchestrator_replans_total";
/// What the Critic said of a work, 0 to 1.
pub const CRITIC_SCORE: &str = "aios_critic_score";

/// Tells the installed recorder what the names mean.
pub fn describe() {
    use metrics::{describe_counter, describe_histogram};
    describe_counter!(
        RESULTS_EVICTED_TOTAL,
        "results of earlier goals that left because there were too many"
    );
    describe_counter!(RECOURSES_TOTAL, "ways out that were taken, by tool and way");
    describe_counter!(
        REPLANS_TOTAL,
        "tasks that were planned anew in simpler steps"
    );
    describe_histogram!(CRITIC_SCORE, "scores the Critic gave, 0 to 1");
}
