//! Names of the node's metrics.

/// Goals that ended; label `status`.
pub const GOALS_TOTAL: &str = "aios_orchestrator_goals_total";
/// From request to answer, in seconds; label `status`.
pub const GOAL_SECONDS: &str = "aios_orchestrator_goal_duration_seconds";
/// Agents restarted by their supervisors.
pub const RESTARTS_TOTAL: &str = "aios_orchestrator_restarts_total";

/// What came over a link between zones; labels `zone` and `what`, each a field of [`crate::swarm::link::LinkCounts`].
pub const SWARM_LINK: &str = "aios_micro_link_total";

/// Describes the metrics once to the recorder that is installed, if one is.
pub fn describe() {
    aios_actors::recovery::breakers::metric::describe();
    aios_inference::metric::describe();
    metrics::describe_counter!(
        aios_orchestrator::memory::RESULTS_EVICTED_TOTAL,
        "results of earlier goals that left because there were too many"
    );
    metrics::describe_counter!(GOALS_TOTAL, "goals that ended, by status");
    metrics::describe_histogram!(
        GOAL_SECONDS,
        metrics::Unit::Seconds,
        "from request to answer"
    );
    metrics::describe_counter!(RESTARTS_TOTAL, "agents restarted by their supervisors");
    metrics::describe_counter!(SWARM_LINK, "what came over a link between zones, by end");
}
