//! Names of everything this crate counts, described once. Every metric carries the label `supervisor` (its path).

/// Children started, first starts and restarts alike.
pub const STARTS_TOTAL: &str = "aios_supervisor_starts_total";
/// Starts that failed.
pub const START_FAILURES_TOTAL: &str = "aios_supervisor_start_failures_total";
/// Restarts a supervisor decided on.
pub const RESTARTS_TOTAL: &str = "aios_supervisor_restarts_total";
/// Children that ended; label `reason` is one of the words of [`crate::ExitReason::label`].
pub const EXITS_TOTAL: &str = "aios_supervisor_exits_total";
/// Children killed because they had not left by their shutdown deadline.
pub const DEADLINE_KILLS_TOTAL: &str = "aios_supervisor_deadline_kills_total";
/// Times a supervisor gave up and left the decision to its parent.
pub const ESCALATIONS_TOTAL: &str = "aios_supervisor_escalations_total";

/// Tells the installed recorder what the names mean; call it once where the recorder is set up.
pub fn describe() {
    use metrics::{Unit, describe_counter};
    describe_counter!(STARTS_TOTAL, Unit::Count, "children started");
    describe_counter!(
        START_FAILURES_TOTAL,
        Unit::Count,
        "child starts that failed"
    );
    describe_counter!(RESTARTS_TOTAL, Unit::Count, "restarts decided on");
    describe_counter!(EXITS_TOTAL, Unit::Count, "children that ended, by reason");
    describe_counter!(
        DEADLINE_KILLS_TOTAL,
        Unit::Count,
        "children killed at their shutdown deadline"
    );
    describe_counter!(ESCALATIONS_TOTAL, Unit::Count, "supervisors that gave up");
}
