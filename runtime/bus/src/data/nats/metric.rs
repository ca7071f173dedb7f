//! What is counted. All of it is of this process; a node without a NATS server counts nothing.

/// Frames that are not believed; label `reason`.
pub const REFUSED: &str = "aios_bus_refused_total";
/// Connections that were made, the first included.
pub const CONNECTS: &str = "aios_bus_connects_total";
/// Connections that were lost.
pub const DISCONNECTS: &str = "aios_bus_disconnects_total";
/// 1 while there is a connection.
pub const CONNECTED: &str = "aios_bus_connected";
/// Deliveries that the client's own queue of a subscription had no room for; they are lost.
pub const SLOW: &str = "aios_bus_slow_consumers_total";
/// Messages that wait in the outbox.
pub const OUTBOX_WAITING: &str = "aios_bus_outbox_waiting";
/// Messages that the outbox took.
pub const OUTBOX_ACCEPTED: &str = "aios_bus_outbox_accepted_total";
/// Messages that a stream holds because of the outbox; label `how`: `stored`, `found` (an earlier attempt had stored it).
pub const OUTBOX_DELIVERED: &str = "aios_bus_outbox_delivered_total";
/// Attempts that have to be made again.
pub const OUTBOX_RETRIES: &str = "aios_bus_outbox_retries_total";
/// Messages that were not taken, because the outbox is full.
pub const OUTBOX_FULL: &str = "aios_bus_outbox_full_total";
/// Messages that were given up and lie among the dead letters; label `why`.
pub const DEAD: &str = "aios_bus_dead_letters_total";
/// Messages that a follower applied.
pub const APPLIED: &str = "aios_bus_applied_total";
/// Messages that came again and were passed over.
pub const AGAIN: &str = "aios_bus_again_total";
/// Messages of the stream that a follower has not seen yet.
pub const LAG: &str = "aios_bus_lag";

/// Describes them to the recorder that is installed, if one is.
pub fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_counter!(
        REFUSED,
        "frames on the data bus that were not believed, by reason"
    );
    describe_counter!(CONNECTS, "connections to the NATS server that were made");
    describe_counter!(DISCONNECTS, "connections to the NATS server that were lost");
    describe_gauge!(CONNECTED, "1 while the NATS server is reached");
    describe_counter!(
        SLOW,
        "deliveries that did not fit into a subscription's queue and are lost"
    );
    describe_gauge!(OUTBOX_WAITING, "messages that wait for the NATS server");
    describe_counter!(OUTBOX_ACCEPTED, "messages that the outbox took");
    describe_counter!(
        OUTBOX_DELIVERED,
        "messages of the outbox that a stream has, by how"
    );
    describe_counter!(
        OUTBOX_RETRIES,
        "attempts to store a message that are made again"
    );
    describe_counter!(OUTBOX_FULL, "messages that the outbox had no room for");
    describe_counter!(DEAD, "messages that were given up, by why");
    describe_counter!(APPLIED, "messages that a follower applied, by stream");
    describe_counter!(
        AGAIN,
        "messages that came to a follower again and were passed over, by stream"
    );
    describe_gauge!(LAG, "messages that a follower has not seen yet, by stream");
}

/// Begins those of a connection at nothing: what has never happened is zero and not unknown. Once: a second connection of the process says
/// nothing about the first.
pub(super) fn begin() {
    static BEGUN: std::sync::Once = std::sync::Once::new();
    BEGUN.call_once(begin_at_nothing);
}

fn begin_at_nothing() {
    for name in [CONNECTS, DISCONNECTS, SLOW, OUTBOX_RETRIES, OUTBOX_FULL] {
        metrics::counter!(name).increment(0);
    }
    metrics::gauge!(CONNECTED).set(0.0);
}
