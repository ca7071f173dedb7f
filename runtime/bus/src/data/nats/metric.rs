//! What is counted. All of it is of this process; a node without a NATS server counts nothing.

/// Frames that are not believed; label `reason`.
pub const REFUSED: &str = "aios_bus_refused_total";
/// Connections that were made, the first included.
pub const CONNECTS: &str = "aios_bus_connects_total";
/// Connections that were lost.
pub const DISCONNECTS: &str = "aios_bus_disconnects_total";
/// 1 while there is a connection.
pub const CONNECTED: &str = "aios_bus_connected";
/// Times the client's own queue of a subscription was full; what did not fit is lost.
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
