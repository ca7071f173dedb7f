//! Names of what this crate counts. Every metric carries the label `role` (such as `macro.planner`), never an instance.

/// Messages sent and signed.
pub const SENT_TOTAL: &str = "aios_agent_messages_sent_total";
/// Messages received whose signature, freshness and order were verified.
pub const VERIFIED_TOTAL: &str = "aios_agent_messages_verified_total";
/// Messages refused; label `reason` is one of the audit labels.
pub const REFUSED_TOTAL: &str = "aios_agent_messages_refused_total";
/// Time from taking a message up to the end of its handler, in seconds.
pub const HANDLE_SECONDS: &str = "aios_agent_handle_seconds";
/// Messages handed over again after a crash.
pub const REDELIVERED_TOTAL: &str = "aios_agent_messages_redelivered_total";
/// Messages that went to the dead letters.
pub const DEAD_LETTERS_TOTAL: &str = "aios_agent_dead_letters_total";
/// Incarnations begun.
pub const INCARNATIONS_TOTAL: &str = "aios_agent_incarnations_total";
/// Durable steps whose result was found committed and not run again.
pub const STEPS_REPLAYED_TOTAL: &str = "aios_agent_steps_replayed_total";

/// Time to write an agent's checkpoint down, in seconds.
pub const CHECKPOINT_SAVE_SECONDS: &str = "aios_checkpoint_save_seconds";
/// Time to read an agent's checkpoint, in seconds.
pub const CHECKPOINT_RESTORE_SECONDS: &str = "aios_checkpoint_restore_seconds";
/// Checkpoints that could not be written or read.
pub const CHECKPOINT_FAILURES_TOTAL: &str = "aios_checkpoint_failures_total";
/// Messages on a bus; label `bus`, here `control`.
pub const BUS_MESSAGES_TOTAL: &str = "aios_bus_messages_total";
/// From the moment a message was signed or published to the moment it was taken up, in seconds; label `bus`, here `control`.
pub const BUS_LATENCY_SECONDS: &str = "aios_bus_latency_seconds";

/// Tells the installed recorder what the names mean; call it once where the recorder is set up.
pub fn describe() {
    use metrics::{Unit, describe_counter, describe_histogram};
    describe_counter!(SENT_TOTAL, Unit::Count, "messages sent and signed");
    describe_counter!(
        VERIFIED_TOTAL,
        Unit::Count,
        "messages received and verified"
    );
    describe_counter!(REFUSED_TOTAL, Unit::Count, "messages refused, by reason");
    describe_histogram!(
        HANDLE_SECONDS,
        Unit::Seconds,
        "time from taking a message up to the end of its handler"
    );
    describe_counter!(
        REDELIVERED_TOTAL,
        Unit::Count,
        "messages handed over again after a crash"
    );
    describe_counter!(
        DEAD_LETTERS_TOTAL,
        Unit::Count,
        "messages that went to the dead letters"
    );
    describe_counter!(INCARNATIONS_TOTAL, Unit::Count, "incarnations begun");
    describe_histogram!(
        CHECKPOINT_SAVE_SECONDS,
        Unit::Seconds,
        "time to write an agent's checkpoint down"
    );
    describe_histogram!(
        CHECKPOINT_RESTORE_SECONDS,
        Unit::Seconds,
        "time to read an agent's checkpoint"
    );
    describe_counter!(
        CHECKPOINT_FAILURES_TOTAL,
        Unit::Count,
        "checkpoints that could not be written or read"
    );
    describe_counter!(
        crate::meso_tier::consensus::TAKEOVERS_TOTAL,
        Unit::Count,
        "leases that were taken over from a holder who had not given them back"
    );
    describe_counter!(
        crate::recovery::waits::DEADLOCKS_TOTAL,
        Unit::Count,
        "circles of agents that wait for each other"
    );
    describe_counter!(BUS_MESSAGES_TOTAL, Unit::Count, "messages, by bus");
    describe_histogram!(
        BUS_LATENCY_SECONDS,
        Unit::Seconds,
        "from signing or publishing to taking up, by bus"
    );
    describe_counter!(
        STEPS_REPLAYED_TOTAL,
        Unit::Count,
        "durable steps found committed"
    );
}
