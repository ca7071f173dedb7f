//! From the outbox into the streams of the server, lane by lane; what follows each attempt is decided in `lane`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use aios_protocols::Timestamp;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::json;
use tokio::task::JoinHandle;

use super::bus::{Credentials, header_map};
use super::frame::{self, Frame, header};
use super::lane::{self, End, OutboxId, Seen, Step, Stored, Unfit, Verdict};
use super::link::NatsLink;
use super::outbox::{Outbox, Settled, Waiting};
use super::{metric, server_streams, streams};

/// Messages that are out of the outbox at once: in flight, or behind one of their own subject.
const OUT: usize = 1_024;
/// Subjects whose end is remembered. Of one that was forgotten the next message is sent like a first one.
const LANES: usize = 4_096;
/// After so many messages what has left is taken off the disk.
const SWEEP_EVERY: u64 = 4_096;
/// Where what nobody will ever take is told of.
const DEAD: &str = "dlq.outbox";

/// Begins to empty the outbox, and goes on until the task is aborted. What is under way then stays in the outbox.
pub fn drain(link: NatsLink, outbox: Arc<Outbox>, own: Credentials) -> JoinHandle<()> {
    tokio::spawn(Drain { link, outbox, own }.run())
}

struct Drain {
    link: NatsLink,
    outbox: Arc<Outbox>,
    own: Credentials,
}

struct Lane {
    end: End,
    behind: VecDeque<Waiting>,
    busy: bool,
}

impl Drain {
    async fn run(self) {
        server_streams::ensure(&self.link).await;
        let mut lanes: HashMap<String, Lane> = HashMap::new();
        let mut under_way = FuturesUnordered::new();
        let (mut out, mut settled) = (0, 0_u64);
        loop {
            while out < OUT
                && let Some(waiting) = self.outbox.take()
            {
                out += 1;
                let lane = lanes
                    .entry(waiting.subject.clone())
                    .or_insert_with(|| Lane {
                        // An earlier process may have sent it, or what was before it.
                        end: if waiting.found {
                            End::Unknown
                        } else {
                            End::Fresh
                        },
                        behind: VecDeque::new(),
                        busy: false,
                    });
                if lane.busy {
                    lane.behind.push_back(waiting);
                } else {
                    lane.busy = true;
                    under_way.push(self.carry(waiting, lane.end));
                }
            }
            let done = tokio::select! {
                Some(done) = under_way.next() => done,
                () = self.outbox.arrival(), if out < OUT => continue,
            };
            let (waiting, end, how) = done;
            self.outbox.settle(&waiting, how);
            out -= 1;
            settled += 1;
            if let Some(lane) = lanes.get_mut(&waiting.subject) {
                lane.end = end;
                match lane.behind.pop_front() {
                    Some(next) => under_way.push(self.carry(next, end)),
                    None => lane.busy = false,
                }
            }
            if lanes.len() > LANES {
                lanes.retain(|_, lane| lane.busy);
            }
            if settled.is_multiple_of(SWEEP_EVERY) {
                let outbox = Arc::clone(&self.outbox);
                tokio::task::spawn_blocking(move || outbox.sweep());
            }
        }
    }

    /// Sends one message until a stream has it, or none ever will.
    async fn carry(&self, waiting: Waiting, mut end: End) -> (Waiting, End, Settled) {
        let id = self.outbox.id_of(&waiting);
        let Some(spec) = streams::stream_of(&waiting.subject) else {
            return self.give_up(waiting, end, Unfit::Subject).await;
        };
        let mut attempts = 0;
        loop {
            let last = match lane::begin(end, id.sequence, waiting.found) {
                Step::Leave => return (waiting, end, Settled::Found),
                Step::Look => None,
                Step::Send => Some(None),
                Step::SendAfter(last) => Some(Some(last)),
            };
            let verdict = match last {
                None => {
                    let seen = self.look(spec.name, &waiting.subject).await;
                    lane::after_look(&seen, &id, waiting.found)
                }
                Some(last) => {
                    let stored = self.send(&waiting, &id, spec.name, last).await;
                    lane::after_attempt(stored, id.sequence)
                }
            };
            match verdict {
                Verdict::Settled { end, again } => {
                    let how = if again {
                        Settled::Found
                    } else {
                        Settled::Stored
                    };
                    return (waiting, end, how);
                }
                Verdict::Again { end: known, wait } => {
                    end = known;
                    if wait {
                        self.outbox.retried();
                        tokio::time::sleep(lane::wait(attempts)).await;
                        attempts += 1;
                        self.link.up().await;
                        // A server that lost its disk, or another server, has none of our streams.
                        server_streams::ensure_one(&self.link, spec).await;
                    }
                }
                Verdict::GivenUp(unfit) => return self.give_up(waiting, end, unfit).await,
            }
        }
    }

    async fn send(
        &self,
        waiting: &Waiting,
        id: &OutboxId,
        stream: &str,
        last: Option<u64>,
    ) -> Stored {
        if !self.link.is_up() {
            return Stored::NoAnswer;
        }
        let frame = Frame {
            subject: waiting.subject.clone(),
            tenant: self.own.tenant.clone(),
            id: id.to_string(),
            time: waiting.time,
            trace: waiting.trace,
            payload: waiting.payload.clone(),
        };
        let mut message = PublishMessage::build()
            .payload(frame.payload.clone())
            .headers(header_map(&frame, &self.own.identity))
            .expected_stream(stream);
        if let Some(last) = last {
            message = message.expected_last_subject_sequence(last);
        }
        let sent = self
            .link
            .context()
            .send_publish(frame.subject, message)
            .await;
        let outcome = match sent {
            Ok(acknowledged) => acknowledged.await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(stored) => Stored::At {
                sequence: stored.sequence,
                again: stored.duplicate,
            },
            Err(error) => match error.kind() {
                PublishErrorKind::WrongLastSequence => Stored::AnotherEnd,
                PublishErrorKind::MaxPayloadExceeded => Stored::Never(Unfit::TooLarge),
                kind => {
                    tracing::debug!(?kind, %error, subject = waiting.subject, "not stored yet");
                    Stored::NoAnswer
                }
            },
        }
    }

    async fn look(&self, stream: &str, subject: &str) -> Seen {
        if !self.link.is_up() {
            return Seen::NoAnswer;
        }
        let Ok(stream) = self.link.context().get_stream_no_info(stream).await else {
            return Seen::NoAnswer;
        };
        last_of(&stream, subject, &self.own).await
    }

    /// What nobody will ever take is told among the dead letters, without its payload.
    async fn give_up(&self, waiting: Waiting, end: End, unfit: Unfit) -> (Waiting, End, Settled) {
        let why = unfit.label();
        tracing::error!(
            subject = waiting.subject,
            why,
            "a message in the outbox is given up"
        );
        metrics::counter!(metric::DEAD, "why" => why).increment(1);
        let letter = json!({
            "reason": why,
            "subject": waiting.subject,
            "id": self.outbox.id_of(&waiting).to_string(),
            "bytes": waiting.payload.len(),
            "blake3": blake3::hash(&waiting.payload).to_hex().as_str(),
            "header": header::REASON,
        });
        // A letter about a letter would go round for ever.
        if streams::without_tenant(&waiting.subject) != DEAD {
            let subject = streams::pattern_on_the_wire(DEAD, &self.own.tenant, self.own.prefixed);
            let now: Timestamp = (self.own.clock)();
            let taken = self
                .outbox
                .accept(subject, now, waiting.trace, letter.to_string().into())
                .await;
            if let Err(error) = taken {
                tracing::error!(%error, "nor can it be told among the dead letters");
            }
        }
        (waiting, end, Settled::GivenUp)
    }
}

/// The last message of a subject, asked of whoever leads the stream, so that what was stored a moment ago is seen. Its name counts only if we
/// signed it.
async fn last_of(stream: &Stream<()>, subject: &str, own: &Credentials) -> Seen {
    let asked = stream.get_last_raw_message_by_subject(subject);
    match tokio::time::timeout(Duration::from_secs(5), asked).await {
        Ok(Ok(message)) => Seen::Last {
            sequence: message.sequence,
            id: {
                let lookup = |name: &str| {
                    let value = message.headers.get(name);
                    value.map(|value| value.as_str().to_owned())
                };
                let payload = message.payload.clone();
                frame::signed_by(&own.identity, subject, payload, &lookup).map(|frame| frame.id)
            },
        },
        Ok(Err(error)) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Seen::Nothing,
        _ => Seen::NoAnswer,
    }
}
