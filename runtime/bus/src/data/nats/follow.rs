//! A follower: a view of a stream that has applied every message once, whatever falls and comes back; see `order`.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{AckKind, Message};
use bytes::Bytes;
use futures::StreamExt;
use serde_json::json;
use thiserror::Error;

use super::bus::{Credentials, header_map, open};
use super::frame::{Frame, Proven, header};
use super::link::NatsLink;
use super::metric;
use super::order::{Applied, Delivered, Next, Order, Take, next};
use super::streams::{self, StreamSpec};

/// How long the server waits for an acknowledgement before it delivers again.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// Messages that may be on the way.
const PENDING: i64 = 256;
/// The server says so often that it is there; twice as long without a word means that it is not.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How long one asking holds.
const EXPIRES: Duration = Duration::from_secs(20);
/// A consumer that nobody asks is forgotten by the server after this time; what it had come to is in the view.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Between two attempts to ask.
const AGAIN: Duration = Duration::from_millis(100);
/// How long the server may take to say that it heard an acknowledgement.
const HEARD: Duration = Duration::from_secs(2);

/// Why a message was not applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ApplyError {
    /// It may go better next time.
    #[error("not now: {0}")]
    NotNow(String),
    /// It never will: the message makes no sense to this view.
    #[error("never: {0}")]
    Never(String),
}

/// What a follower keeps. What it writes for a message and the sequence of that message are written in one transaction of its own.
pub trait StreamView: Send {
    /// The sequence that it has come to; 0 at the beginning.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn applied(&self) -> Result<u64, ApplyError>;

    /// Writes what follows from the message, and its sequence, both or neither. May block for as long as a disk does.
    ///
    /// # Errors
    /// Why nothing was written.
    fn apply(&mut self, sequence: u64, message: &Proven) -> Result<(), ApplyError>;

    /// Writes the sequence alone: the message lies among the dead letters.
    ///
    /// # Errors
    /// Why nothing was written.
    fn pass_over(&mut self, sequence: u64) -> Result<(), ApplyError>;
}

/// Which messages are followed, and how.
#[derive(Debug, Clone)]
pub struct Follow {
    /// The stream.
    pub stream: &'static StreamSpec,
    /// Which of its subjects, as a pattern without a tenant's prefix.
    pub pattern: String,
    /// The follower's own name: letters, digits, `-` and `_`. Two of one name would take each other's messages.
    pub name: String,
    /// How often a message is tried before it goes to the dead letters.
    pub attempts_max: u32,
}

/// What a follower has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FollowCounts {
    /// Messages applied.
    pub applied: u64,
    /// Deliveries of what was applied already.
    pub again: u64,
    /// Messages that went to the dead letters.
    pub dead: u64,
    /// Of these, those that were not believed.
    pub refused: u64,
    /// Times the server was asked anew.
    pub asked: u64,
    /// Messages that waited for it behind the last delivery.
    pub lag: u64,
}

/// Follows until `over` says so after a delivery, or for ever. Whatever falls meanwhile is waited for. The counts are kept in `counts`, so
/// that whoever drops this still knows them.
pub async fn follow(
    link: &NatsLink,
    own: &Credentials,
    what: &Follow,
    view: &mut dyn StreamView,
    counts: &mut FollowCounts,
    over: &(dyn Fn(&FollowCounts) -> bool + Send + Sync),
) {
    let mut follower = Follower {
        link,
        own,
        what,
        view,
        counts,
    };
    while !over(follower.counts) {
        if !link.up().await {
            return;
        }
        follower.counts.asked += 1;
        if let Err(why) = follower.ask(over).await {
            tracing::debug!(%why, name = what.name, "the stream is asked anew");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

struct Follower<'a> {
    link: &'a NatsLink,
    own: &'a Credentials,
    what: &'a Follow,
    view: &'a mut dyn StreamView,
    counts: &'a mut FollowCounts,
}

impl Follower<'_> {
    /// One asking: from behind what the view has, until something is lost on the way.
    async fn ask(
        &mut self,
        over: &(dyn Fn(&FollowCounts) -> bool + Send + Sync),
    ) -> Result<(), String> {
        let applied = self.view.applied().map_err(|error| error.to_string())?;
        let context = self.link.context();
        let name = self.what.stream.name;
        let filter =
            streams::pattern_on_the_wire(&self.what.pattern, &self.own.tenant, self.own.prefixed);
        // What the server remembers of this follower is older than the view, or as old.
        let _ = context
            .delete_consumer_from_stream(self.what.name.as_str(), name)
            .await;
        let config = pull::Config {
            durable_name: Some(self.what.name.clone()),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: applied + 1,
            },
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            filter_subject: filter,
            max_ack_pending: PENDING,
            inactive_threshold: FORGOTTEN,
            ..pull::Config::default()
        };
        let consumer: async_nats::jetstream::consumer::Consumer<pull::Config> = context
            .create_consumer_on_stream(config, name)
            .await
            .map_err(|error| error.to_string())?;
        let mut messages = consumer
            .stream()
            .heartbeat(HEARTBEAT)
            .expires(EXPIRES)
            .messages()
            .await
            .map_err(|error| error.to_string())?;
        let mut order = Order::default();
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| error.to_string())?;
            let (stream, delivery, pending) = {
                let info = message.info().map_err(|error| error.to_string())?;
                (info.stream_sequence, info.consumer_sequence, info.pending)
            };
            self.counts.lag = pending;
            metrics::gauge!(metric::LAG, "stream" => name).set(pending as f64);
            let applied = self.view.applied().map_err(|error| error.to_string())?;
            match order.take(Delivered { stream, delivery }, applied) {
                Take::AskAnew => return Err("a delivery was lost on the way".to_owned()),
                Take::PassOver => {
                    self.counts.again += 1;
                    metrics::counter!(metric::AGAIN, "stream" => name).increment(1);
                }
                Take::Apply => self.apply(stream, &message).await?,
            }
            acknowledge(&message).await;
            if over(self.counts) {
                return Ok(());
            }
        }
        Err("the server ended the asking".to_owned())
    }

    async fn apply(&mut self, sequence: u64, message: &Message) -> Result<(), String> {
        let stream = self.what.stream.name;
        // Kept for weeks and still good; what counts is who signed it.
        let proven = match open(&message.message, self.own, None) {
            Ok(proven) => proven,
            Err(refused) => {
                self.own.refuse(&refused, message.subject.as_str());
                self.counts.refused += 1;
                return self
                    .bury(sequence, message, refused.label(), &refused.to_string())
                    .await;
            }
        };
        for attempt in 1.. {
            let outcome = self.view.apply(sequence, &proven);
            let (applied, why) = match &outcome {
                Ok(()) => (Applied::Done, String::new()),
                Err(ApplyError::NotNow(why)) => (Applied::NotNow, why.clone()),
                Err(ApplyError::Never(why)) => (Applied::Never, why.clone()),
            };
            match next(applied, attempt, self.what.attempts_max) {
                Next::Acknowledge => {
                    self.counts.applied += 1;
                    metrics::counter!(metric::APPLIED, "stream" => stream).increment(1);
                    return Ok(());
                }
                Next::Wait(wait) => {
                    // It is not forgotten, only hard.
                    let _ = message.ack_with(AckKind::Progress).await;
                    tokio::time::sleep(wait).await;
                }
                Next::DeadLetter => return self.bury(sequence, message, "not-applied", &why).await,
            }
        }
        Ok(())
    }

    /// Among the dead letters first, then passed over: a fall in between buries it twice under one name, which the server keeps once.
    async fn bury(
        &mut self,
        sequence: u64,
        message: &Message,
        label: &'static str,
        why: &str,
    ) -> Result<(), String> {
        let stream = self.what.stream.name;
        let plain = format!("dlq.{}", self.what.name);
        let original = String::from_utf8_lossy(&message.payload);
        let letter = json!({
            "reason": label,
            "detail": why,
            "subject": message.subject.as_str(),
            "stream": stream,
            "sequence": sequence,
            "payload": original,
        });
        let frame = Frame {
            subject: streams::pattern_on_the_wire(&plain, &self.own.tenant, self.own.prefixed),
            tenant: self.own.tenant.clone(),
            id: format!("dead-{}-{stream}-{sequence}", self.what.name),
            time: (self.own.clock)(),
            trace: None,
            payload: Bytes::from(letter.to_string()),
        };
        let mut headers = header_map(&frame, &self.own.identity);
        headers.insert(header::REASON, label);
        headers.insert(header::SUBJECT, message.subject.as_str());
        let sent = self
            .link
            .context()
            .publish_with_headers(frame.subject, headers, frame.payload)
            .await
            .map_err(|error| error.to_string())?;
        sent.await.map_err(|error| error.to_string())?;
        self.view
            .pass_over(sequence)
            .map_err(|error| error.to_string())?;
        self.counts.dead += 1;
        metrics::counter!(metric::DEAD, "why" => label).increment(1);
        Ok(())
    }
}

/// Tells the server, and waits until it has heard. If it has not, it delivers again, and that is passed over.
async fn acknowledge(message: &Message) {
    if let Ok(Err(error)) = tokio::time::timeout(HEARD, message.double_ack()).await {
        tracing::debug!(%error, "an acknowledgement was not heard");
    }
}
