//! Names of the node's metrics, and all others' described in one place.
//!
//! Labels are words of closed lists, services, engines, roles and zones: never the name of a message, a goal or an instance.

/// Goals that ended; label `status`.
pub const GOALS_TOTAL: &str = "aios_orchestrator_goals_total";
/// From request to answer, in seconds; label `status`.
pub const GOAL_SECONDS: &str = "aios_orchestrator_goal_duration_seconds";
/// Goals under way.
pub const GOALS_RUNNING: &str = "aios_orchestrator_goals_running";
/// Tasks that came to where they stand; label `status`.
pub const TASKS_TOTAL: &str = "aios_orchestrator_tasks_total";
/// Time in the tool that made a task's accepted result, in seconds.
pub const TASK_SECONDS: &str = "aios_orchestrator_task_duration_seconds";
/// Attempts at a task that failed and were tried again.
pub const RETRIES_TOTAL: &str = "aios_orchestrator_retries_total";
/// Agents restarted by their supervisors.
pub const RESTARTS_TOTAL: &str = "aios_orchestrator_restarts_total";
/// From the end of an agent to the start of its next incarnation, in seconds.
pub const RECOVERY_SECONDS: &str = "aios_recovery_duration_seconds";
/// Children of supervisors that are down and are to come back.
pub const CHILDREN_DOWN: &str = "aios_supervisor_children_down";
/// Agents that are here; label `tier`.
pub const REGISTRY_AGENTS: &str = "aios_registry_agents";
/// What a service's breaker does; label `service`: 0 closed, 1 half-open, 2 open, 3 safe mode.
pub const BREAKER_STATE: &str = "aios_breaker_state";
/// Bytes held in a layer of memory; label `tier`: `l1` what goals work with, `l2` vectors, `l3` graph, `l4` what is on disk.
pub const MEMORY_TIER_BYTES: &str = "aios_memory_tier_bytes";
/// Bytes that goals under way hold to work with.
pub const WORKING_BYTES: &str = "aios_memory_working_bytes";
/// Bytes that goals under way may hold.
pub const WORKING_LIMIT_BYTES: &str = "aios_memory_working_limit_bytes";
/// Memory of the process.
pub const PROCESS_BYTES: &str = "aios_process_resident_memory_bytes";
/// Questions to people that wait for a decision.
pub const APPROVALS_OPEN: &str = "aios_approvals_open";
/// Stages that documents went through on their way into memory, in seconds; label `stage`. Nothing is counted while no pipeline runs.
pub const PIPELINE_SECONDS: &str = "aios_pipeline_stage_duration_seconds";
/// Runs of training; label `outcome`. Nothing is counted while no training runs.
pub const QLORA_RUNS_TOTAL: &str = "aios_qlora_runs_total";
/// What came over a link between zones; labels `zone` and `what`, each a field of [`crate::swarm::link::LinkCounts`].
pub const SWARM_LINK: &str = "aios_micro_link_total";
/// Events that slow watchers were not told.
pub const WATCH_LEFT_OUT_TOTAL: &str = "aios_watch_left_out_total";

/// Spans that were not sent: whoever takes them was slow or away.
pub const SPANS_DROPPED_TOTAL: &str = "aios_trace_spans_dropped_total";

/// Where a task may stand.
const TASK_STATUS: [&str; 6] = [
    "pending",
    "running",
    "completed",
    "failed",
    "cancelled",
    "retrying",
];
/// How a goal may end.
const GOAL_STATUS: [&str; 4] = ["approved", "unverified", "partial", "failed"];
/// Stages of the pipeline.
const STAGES: [&str; 5] = ["parse", "chunk", "embed", "enrich", "index"];

/// Describes the metrics once to the recorder that is installed, if one is, and begins those whose labels are known at nothing: a rate
/// over what has never happened is zero and not unknown.
pub fn describe() {
    use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, histogram};
    aios_supervisor::metric_names::describe();
    aios_actors::agent::metric::describe();
    aios_actors::recovery::breakers::metric::describe();
    aios_inference::metric::describe();
    aios_micro::metric::describe();
    aios_orchestrator::metric::describe();
    for (name, _) in aios_micro::Counts::default().metrics() {
        describe_counter!(
            name,
            "what happened to micro agents and their events, by zone and kind"
        );
    }
    describe_counter!(
        aios_bus::data::METRIC_MISSED,
        "deliveries dropped because a subscriber was slow"
    );
    describe_counter!(
        aios_bus::tensor::METRIC_REFUSED,
        "frames and handles of the tensor bus that were refused"
    );
    #[cfg(feature = "nats")]
    aios_bus::data::nats::metric::describe();
    #[cfg(feature = "shared-memory")]
    describe_counter!(
        crate::engine_process::METRIC_SESSIONS,
        "sessions of the engine's process that were saved, given back, or refused when they were"
    );
    describe_counter!(
        "aios_http_refused_total",
        "requests that were sent away, by why"
    );
    describe_counter!(GOALS_TOTAL, "goals that ended, by status");
    describe_histogram!(GOAL_SECONDS, Unit::Seconds, "from request to answer");
    describe_gauge!(GOALS_RUNNING, "goals under way");
    describe_counter!(
        TASKS_TOTAL,
        "tasks that came to where they stand, by status"
    );
    describe_histogram!(
        TASK_SECONDS,
        Unit::Seconds,
        "time in the tool that made a task's accepted result"
    );
    describe_counter!(RETRIES_TOTAL, "attempts that failed and were tried again");
    describe_counter!(RESTARTS_TOTAL, "agents restarted by their supervisors");
    describe_histogram!(
        RECOVERY_SECONDS,
        Unit::Seconds,
        "from the end of an agent to its next start"
    );
    describe_gauge!(
        CHILDREN_DOWN,
        "children of supervisors that are down and are to come back"
    );
    describe_gauge!(REGISTRY_AGENTS, "agents that are here, by tier");
    describe_gauge!(
        BREAKER_STATE,
        "0 closed, 1 half-open, 2 open, 3 safe mode, by service"
    );
    describe_gauge!(
        MEMORY_TIER_BYTES,
        Unit::Bytes,
        "bytes held, by layer of memory"
    );
    describe_gauge!(
        WORKING_BYTES,
        Unit::Bytes,
        "bytes that goals under way hold"
    );
    describe_gauge!(
        WORKING_LIMIT_BYTES,
        Unit::Bytes,
        "bytes that goals under way may hold"
    );
    describe_gauge!(PROCESS_BYTES, Unit::Bytes, "memory of the process");
    describe_gauge!(
        APPROVALS_OPEN,
        "questions to people that wait for a decision"
    );
    describe_histogram!(
        PIPELINE_SECONDS,
        Unit::Seconds,
        "stages of documents on their way into memory"
    );
    describe_counter!(QLORA_RUNS_TOTAL, "runs of training, by outcome");
    describe_counter!(SWARM_LINK, "what came over a link between zones, by end");
    describe_counter!(
        WATCH_LEFT_OUT_TOTAL,
        "events that slow watchers were not told, each of them told of the gap"
    );
    describe_counter!(
        SPANS_DROPPED_TOTAL,
        "spans that were not sent, because whoever takes them was slow or away"
    );
    for status in TASK_STATUS {
        counter!(TASKS_TOTAL, "status" => status).increment(0);
    }
    for status in GOAL_STATUS {
        counter!(GOALS_TOTAL, "status" => status).increment(0);
        let _ = histogram!(GOAL_SECONDS, "status" => status);
    }
    for stage in STAGES {
        let _ = histogram!(PIPELINE_SECONDS, "stage" => stage);
    }
    for outcome in ["deployed", "rejected", "failed"] {
        counter!(QLORA_RUNS_TOTAL, "outcome" => outcome).increment(0);
    }
    for bus in ["control", "data", "tensor"] {
        counter!(aios_bus::data::METRIC_MESSAGES, "bus" => bus).increment(0);
        let _ = histogram!(aios_bus::data::METRIC_LATENCY, "bus" => bus);
    }
    for name in [
        RETRIES_TOTAL,
        RESTARTS_TOTAL,
        WATCH_LEFT_OUT_TOTAL,
        SPANS_DROPPED_TOTAL,
        aios_orchestrator::metric::REPLANS_TOTAL,
        aios_actors::agent::metric::CHECKPOINT_FAILURES_TOTAL,
        aios_actors::meso_tier::consensus::TAKEOVERS_TOTAL,
        aios_actors::recovery::waits::DEADLOCKS_TOTAL,
    ] {
        counter!(name).increment(0);
    }
    for name in [
        TASK_SECONDS,
        RECOVERY_SECONDS,
        aios_orchestrator::metric::CRITIC_SCORE,
        aios_actors::agent::metric::CHECKPOINT_SAVE_SECONDS,
        aios_actors::agent::metric::CHECKPOINT_RESTORE_SECONDS,
    ] {
        let _ = histogram!(name);
    }
}
