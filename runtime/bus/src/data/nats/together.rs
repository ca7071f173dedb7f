//! Several notifications of one subject as one message: a JSON-RPC batch.
//!
//! What is told while the message before it is on its way to the disk goes together from there on: one entry in the outbox, one signature,
//! one message of the stream. Nothing waits for company: what is told alone goes at once, as a notification. The message is named when it
//! is accepted, as any other, so it is stored once however often it is sent.

use aios_protocols::ports::BusError;
use aios_protocols::{Subject, TraceContext};
use bytes::{Bytes, BytesMut};
use futures::future::join_all;

use super::bus::NatsDataBus;
use super::rpc::Notification;

/// Bytes of a message that holds several; one that is larger by itself goes alone.
const BYTES_MAX: usize = 128 * 1024;
/// Notifications of a message.
const COUNT_MAX: usize = 1_024;

/// Something to be told.
#[derive(Debug, Clone)]
pub struct Told {
    /// Where.
    pub subject: Subject,
    /// What.
    pub notification: Notification,
    /// The trace that it belongs to.
    pub trace: Option<TraceContext>,
}

/// A message made of one or several.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Together {
    trace: Option<TraceContext>,
    payload: Bytes,
    count: usize,
}

impl NatsDataBus {
    /// Publishes all of it, each subject's in the order in which it comes here; the subjects side by side. What became of each subject: the
    /// first thing that was not accepted. What comes behind it is tried too, unless nothing can be published now.
    pub async fn publish_together(&self, told: Vec<Told>) -> Vec<(Subject, Result<(), BusError>)> {
        let of_each = by_subject(told).into_iter();
        let most = self.payload_max().min(BYTES_MAX);
        join_all(of_each.map(|(subject, told)| async move {
            let mut outcome = Ok(());
            for Together { payload, trace, .. } in packed(told, most) {
                match self.publish_traced(&subject, payload, trace).await {
                    Ok(()) => {}
                    Err(error @ (BusError::Closed | BusError::Unreachable(_))) => {
                        return (subject, Err(error));
                    }
                    Err(error) => outcome = outcome.and(Err(error)),
                }
            }
            (subject, outcome)
        }))
        .await
    }
}

/// Sorted by subject, nothing else moved.
fn by_subject(told: Vec<Told>) -> Vec<(Subject, Vec<Told>)> {
    let mut places = std::collections::HashMap::new();
    let mut subjects: Vec<(Subject, Vec<Told>)> = Vec::new();
    for told in told {
        let next = subjects.len();
        let at = *places.entry(told.subject.clone()).or_insert(next);
        if at == next {
            subjects.push((told.subject.clone(), Vec::new()));
        }
        subjects[at].1.push(told);
    }
    subjects
}

/// As few messages as hold it, each of one trace and of at most so many bytes if it holds several.
fn packed(told: Vec<Told>, most: usize) -> Vec<Together> {
    let mut all = Vec::new();
    let (mut open, mut trace, mut count) = (BytesMut::new(), None, 0);
    for told in told {
        let bytes = told.notification.to_bytes();
        let full = count == COUNT_MAX || open.len() + bytes.len() + 2 > most;
        if count > 0 && (full || trace != told.trace) {
            all.push(closed(&mut open, trace, count));
            count = 0;
        }
        trace = told.trace;
        open.extend_from_slice(if count == 0 { b"[" } else { b"," });
        open.extend_from_slice(&bytes);
        count += 1;
    }
    if count > 0 {
        all.push(closed(&mut open, trace, count));
    }
    all
}

/// One alone is no batch.
fn closed(open: &mut BytesMut, trace: Option<TraceContext>, count: usize) -> Together {
    let mut payload = open.split();
    if count == 1 {
        let _ = payload.split_to(1);
    } else {
        payload.extend_from_slice(b"]");
    }
    Together {
        trace,
        payload: payload.freeze(),
        count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(subject: &str, number: u64, bytes: usize) -> Told {
        let content = format!("\"{}\"", "x".repeat(bytes));
        Told {
            subject: subject.parse().unwrap(),
            notification: Notification::inform("s", subject, number, content.as_bytes()),
            trace: None,
        }
    }

    fn numbers(together: &Together) -> Vec<u64> {
        let read = Notification::read_all(&together.payload).unwrap();
        assert_eq!(read.len(), together.count);
        let number = |it: &Notification| it.params.conversation.sequence;
        read.iter().map(number).collect()
    }

    #[test]
    fn what_is_told_alone_is_a_notification_and_no_batch() {
        let alone = told("aios.events.task.g1", 7, 3);
        let packed = packed(vec![alone.clone()], BYTES_MAX);
        assert_eq!(packed.len(), 1);
        assert_eq!(packed[0].payload, alone.notification.to_bytes());
    }

    #[test]
    fn each_subject_keeps_its_order_and_nothing_is_left_out() {
        let all = (0..3_000).map(|number| {
            let subject = format!("aios.events.task.g{}", number % 7);
            told(&subject, number, (number % 5) as usize)
        });
        let mut seen = Vec::new();
        for (subject, told) in by_subject(all.collect()) {
            let of_one: Vec<u64> = packed(told, BYTES_MAX).iter().flat_map(numbers).collect();
            let tag = of_one[0] % 7;
            assert_eq!(subject.as_str(), format!("aios.events.task.g{tag}"));
            assert!(of_one.is_sorted() && of_one.iter().all(|number| number % 7 == tag));
            seen.extend(of_one);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..3_000).collect::<Vec<u64>>());
    }

    #[test]
    fn a_message_ends_where_it_is_full_and_where_the_trace_is_another() {
        let many: Vec<_> = (0..=COUNT_MAX as u64).map(|n| told("a.b", n, 0)).collect();
        assert_eq!(packed(many, BYTES_MAX).len(), 2);
        let large = vec![
            told("a.b", 0, 10),
            told("a.b", 1, BYTES_MAX),
            told("a.b", 2, 10),
        ];
        let packed_large = packed(large, BYTES_MAX);
        let counts: Vec<usize> = packed_large.iter().map(|it| it.count).collect();
        assert_eq!(counts, [1, 1, 1]);
        let mut other = told("a.b", 1, 0);
        other.trace = Some(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse()
                .unwrap(),
        );
        let mixed = vec![
            told("a.b", 0, 0),
            other.clone(),
            other.clone(),
            told("a.b", 3, 0),
        ];
        let parts = packed(mixed, BYTES_MAX);
        let traced: Vec<_> = parts.iter().map(|it| (it.count, it.trace)).collect();
        assert_eq!(traced, [(1, None), (2, other.trace), (1, None)]);
    }
}
