//! A message as it lies in the outbox's journal, and what says how far they have left.

use std::time::Duration;

use aios_journal::{Draft, Entry, Payload};
use aios_protocols::{Timestamp, TraceContext};
use bytes::Bytes;

/// What a waiting message is called in the journal, and what says how far they have left.
const MESSAGE: &str = "message";
const MARK: &str = "mark";
/// What says that a message of that name was accepted, once the message itself is taken away.
const NAMED: &str = "named";
const FORM: u16 = 1;
/// The operation of a message that has no name of its own.
const UNNAMED: &str = "outbox";

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data::nats) struct Waiting {
    pub(in crate::data::nats) sequence: u64,
    pub(in crate::data::nats) subject: String,
    pub(in crate::data::nats) time: Timestamp,
    pub(in crate::data::nats) trace: Option<TraceContext>,
    pub(in crate::data::nats) payload: Bytes,
    /// Whether an earlier process may have tried already.
    pub(in crate::data::nats) found: bool,
}

/// `microseconds (8, little-endian) | length of the trace (1) | trace | payload`. What whoever publishes calls it is the entry's operation.
pub(super) fn draft(waiting: &Waiting, name: Option<&str>) -> Draft {
    let trace = waiting.trace.map(|trace| trace.to_string());
    let trace = trace.unwrap_or_default();
    let mut bytes = Vec::with_capacity(9 + trace.len() + waiting.payload.len());
    bytes.extend_from_slice(&waiting.time.as_micros().to_le_bytes());
    // A traceparent has 55 bytes.
    bytes.push(u8::try_from(trace.len()).unwrap_or(0));
    bytes.extend_from_slice(trace.as_bytes());
    bytes.extend_from_slice(&waiting.payload);
    let payload = Payload::new(MESSAGE, FORM, bytes);
    let operation = name.unwrap_or(UNNAMED);
    Draft::set(operation, "outbox", waiting.subject.clone(), payload)
}

/// A message as the journal has it; none for what is no message.
pub(super) fn read(entry: &Entry) -> Option<Waiting> {
    let payload = entry.draft.after.as_ref()?;
    let bytes = payload.of_kind(MESSAGE, FORM).ok()?;
    let (micros, rest) = bytes.split_at_checked(8)?;
    let (&length, rest) = rest.split_first()?;
    let (trace, payload) = rest.split_at_checked(usize::from(length))?;
    let micros = u64::from_le_bytes(micros.try_into().ok()?);
    let trace = std::str::from_utf8(trace).ok()?;
    Some(Waiting {
        sequence: entry.sequence,
        subject: entry.draft.key.clone(),
        time: Timestamp::since_epoch(Duration::from_micros(micros)),
        trace: trace.parse().ok(),
        payload: Bytes::copy_from_slice(payload),
        found: true,
    })
}

/// What whoever published a message called it, if anything; also where only that is left of it.
pub(super) fn name_of(entry: &Entry) -> Option<&str> {
    let payload = entry.draft.after.as_ref()?;
    let message = payload.of_kind(MESSAGE, FORM).is_ok();
    if !message && !only_names(entry) {
        return None;
    }
    let name = entry.draft.operation_id.as_str();
    (name != UNNAMED).then_some(name)
}

/// Whether an entry holds the name of a message and nothing else of it.
pub(super) fn only_names(entry: &Entry) -> bool {
    let payload = entry.draft.after.as_ref();
    payload.is_some_and(|payload| payload.of_kind(NAMED, FORM).is_ok())
}

/// Writes down that a message of that name was accepted.
pub(super) fn named(name: &str) -> Draft {
    let payload = Payload::new(NAMED, FORM, Vec::new());
    Draft::set(name, "outbox", NAMED, payload)
}

/// How far an entry says that messages have left.
pub(super) fn marked(entry: &Entry) -> Option<u64> {
    let payload = entry.draft.after.as_ref()?;
    let bytes = payload.of_kind(MARK, FORM).ok()?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Writes down that all messages up to here have left.
pub(super) fn mark(reached: u64) -> Draft {
    let payload = Payload::new(MARK, FORM, reached.to_le_bytes());
    Draft::set(format!("mark-{reached}"), "outbox", MARK, payload)
}
