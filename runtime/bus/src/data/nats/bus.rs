//! The data bus on a server: what is published reaches whoever listens, in this process or another, signed.
//!
//! What must last goes through the outbox if there is one: it is accepted when it lies on this machine's disk, whether or not the server is
//! there. What need not last is handed to the server now, or refused now.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aios_protocols::ports::{BoxFuture, BusError, DataBus, Delivery, Subscription};
use aios_protocols::{
    KeyDirectory, SigningIdentity, Subject, SubjectPattern, TenantId, Timestamp, TraceContext,
    Verifier,
};
use async_nats::client::RequestErrorKind;
use async_nats::{HeaderMap, Subscriber};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::{mpsc, watch};

use super::frame::{self, Frame, FrameRefused, Proven};
use super::link::NatsLink;
use super::outbox::{Outbox, OutboxError};
use super::{metric, streams};
use crate::data::{METRIC_MISSED, PAYLOAD_BYTES_MAX};
use crate::{BusRefusal, Refusals};

/// How long handing something to the client may take: it does not take more while the server is slow.
const HAND_OVER: Duration = Duration::from_secs(1);
/// How long the server may take to say that it heard.
const HEARD: Duration = Duration::from_secs(5);
/// Bytes of headers that a payload must leave room for.
const HEADER_BYTES: usize = 4_096;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// In whose name something is published, and whom one believes.
#[derive(Clone)]
pub struct Credentials {
    /// Signs what is published.
    pub identity: Arc<SigningIdentity>,
    /// Proves what comes in.
    pub keys: Arc<dyn KeyDirectory>,
    /// Whose data it is; what is another's is refused.
    pub tenant: TenantId,
    /// Whether subjects carry the tenant's prefix, because several share the server.
    pub prefixed: bool,
    /// The time.
    pub clock: Clock,
    /// Who hears of frames that are not believed.
    pub refusals: Refusals,
}

/// A data bus that other processes are on too.
pub struct NatsDataBus {
    link: NatsLink,
    own: Credentials,
    outbox: Option<Arc<Outbox>>,
    /// Names what does not go through the outbox.
    name: String,
    sent: AtomicU64,
    refused: Arc<AtomicU64>,
    closed: watch::Sender<bool>,
}

impl NatsDataBus {
    /// A bus over this connection; without an outbox nothing lasts longer than the server.
    pub fn new(link: NatsLink, own: Credentials, outbox: Option<Arc<Outbox>>) -> Self {
        Self {
            name: link.client().new_inbox().replace('.', "_"),
            link,
            own,
            outbox,
            sent: AtomicU64::new(0),
            refused: Arc::default(),
            closed: watch::Sender::new(false),
        }
    }

    /// Frames that were refused: forged, stale, cut short, unsigned.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The connection.
    pub fn link(&self) -> &NatsLink {
        &self.link
    }

    /// Ends every subscription once its queue is empty, and refuses whatever is published from now on.
    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Publishes as part of a trace.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn publish_traced(
        &self,
        subject: &Subject,
        payload: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<(), BusError> {
        self.takes(&payload)?;
        let wire = streams::on_the_wire(subject, &self.own.tenant, self.own.prefixed);
        if let Some(outbox) = &self.outbox
            && streams::stream_of(&wire).is_some()
        {
            let time = (self.own.clock)();
            return outbox
                .accept(wire, time, trace, payload)
                .await
                .map(drop)
                .map_err(not_accepted);
        }
        self.hand_over(wire, payload, trace).await
    }

    /// The same of something that must last and is said once, whatever is killed: what was accepted under this name before, by this process
    /// or an earlier one over the same outbox, is passed over. Without an outbox nothing is remembered.
    ///
    /// # Errors
    /// Why it was not accepted.
    pub async fn publish_once(
        &self,
        name: &str,
        subject: &Subject,
        payload: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<(), BusError> {
        let wire = streams::on_the_wire(subject, &self.own.tenant, self.own.prefixed);
        match &self.outbox {
            Some(outbox) if streams::stream_of(&wire).is_some() => {
                self.takes(&payload)?;
                let time = (self.own.clock)();
                let (outbox, name) = (Arc::clone(outbox), name.to_owned());
                // By itself, so that whoever is called off in the wait leaves nothing lasting that is not sent.
                let accepted = tokio::spawn(async move {
                    outbox.accept_once(&name, wire, time, trace, payload).await
                });
                let accepted = accepted.await.map_err(|_| BusError::Closed)?;
                accepted.map(drop).map_err(not_accepted)
            }
            _ => self.publish_traced(subject, payload, trace).await,
        }
    }

    /// Whether anything of that size can be published.
    fn takes(&self, payload: &Bytes) -> Result<(), BusError> {
        if *self.closed.borrow() {
            return Err(BusError::Closed);
        }
        match payload.len() > PAYLOAD_BYTES_MAX {
            true => Err(too_large(payload.len(), PAYLOAD_BYTES_MAX)),
            false => Ok(()),
        }
    }

    /// Publishes into the subject's stream, past the outbox, and waits until it is stored there; its sequence. The id is the caller's: with
    /// the same one it is stored once within ten minutes, however often it is sent. What becomes of it if this fails is not known.
    ///
    /// # Errors
    /// Why it is not stored, as far as is known.
    pub async fn publish_stored(
        &self,
        subject: &Subject,
        payload: Bytes,
        id: &str,
    ) -> Result<u64, BusError> {
        if *self.closed.borrow() {
            return Err(BusError::Closed);
        }
        if !self.link.is_up() {
            return Err(away());
        }
        let frame = Frame {
            subject: streams::on_the_wire(subject, &self.own.tenant, self.own.prefixed),
            tenant: self.own.tenant.clone(),
            // A header is one line.
            id: id.replace(char::is_control, "_"),
            time: (self.own.clock)(),
            trace: None,
            payload,
        };
        let headers = header_map(&frame, &self.own.identity);
        let unreachable = |error: &dyn std::fmt::Display| BusError::Unreachable(error.to_string());
        let context = self.link.context();
        let sent = context
            .publish_with_headers(frame.subject, headers, frame.payload)
            .await
            .map_err(|error| unreachable(&error))?;
        let stored = sent.await.map_err(|error| unreachable(&error))?;
        Ok(stored.sequence)
    }

    /// Bytes of a payload that the server takes; as many as anybody may publish, as long as it has not said.
    pub(super) fn payload_max(&self) -> usize {
        match self.link.client().max_payload() {
            0 => PAYLOAD_BYTES_MAX,
            whole => whole.saturating_sub(HEADER_BYTES),
        }
    }

    async fn hand_over(
        &self,
        subject: String,
        payload: Bytes,
        trace: Option<TraceContext>,
    ) -> Result<(), BusError> {
        if !self.link.is_up() {
            return Err(away());
        }
        let allowed = self.payload_max();
        if payload.len() > allowed {
            return Err(too_large(payload.len(), allowed));
        }
        let count = self.sent.fetch_add(1, Ordering::Relaxed);
        let frame = Frame {
            subject,
            tenant: self.own.tenant.clone(),
            id: format!("{}-{count}", self.name),
            time: (self.own.clock)(),
            trace,
            payload,
        };
        let headers = header_map(&frame, &self.own.identity);
        let client = self.link.client();
        let handed = client.publish_with_headers(frame.subject, headers, frame.payload);
        match tokio::time::timeout(HAND_OVER, handed).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(BusError::Unreachable(error.to_string())),
            Err(_) => Err(away()),
        }
    }

    async fn listen(
        &self,
        pattern: SubjectPattern,
        capacity: usize,
    ) -> Result<Box<dyn Subscription>, BusError> {
        if *self.closed.borrow() {
            return Err(BusError::Closed);
        }
        if !self.link.is_up() {
            return Err(away());
        }
        let unreachable = |error: String| BusError::Unreachable(error);
        let wire =
            streams::pattern_on_the_wire(pattern.as_str(), &self.own.tenant, self.own.prefixed);
        let client = self.link.client();
        let subscriber = client
            .subscribe(wire)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        // Whatever is published after this returns is meant to arrive, whoever publishes it. The client's own flush says only that it has
        // written; a question that nobody answers comes back from the server, which by then has heard of the subscription.
        let nobody = client.new_inbox();
        match tokio::time::timeout(HEARD, client.request(nobody, Bytes::new())).await {
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {}
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(away()),
        }
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let missed = Arc::new(AtomicU64::new(0));
        let pump = Pump {
            subscriber,
            sender,
            missed: Arc::clone(&missed),
            refused: Arc::clone(&self.refused),
            own: self.own.clone(),
            family: family(&pattern),
            closed: self.closed.subscribe(),
        };
        tokio::spawn(pump.run());
        Ok(Box::new(NatsSubscription { receiver, missed }))
    }
}

impl DataBus for NatsDataBus {
    fn publish(&self, subject: Subject, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        Box::pin(async move { self.publish_traced(&subject, payload, None).await })
    }

    fn subscribe(
        &self,
        pattern: SubjectPattern,
        capacity: usize,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, BusError>> {
        Box::pin(self.listen(pattern, capacity))
    }
}

/// From the client's queue into the subscriber's, frame by frame, each proven.
struct Pump {
    subscriber: Subscriber,
    sender: mpsc::Sender<Delivery>,
    missed: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    own: Credentials,
    family: String,
    closed: watch::Receiver<bool>,
}

impl Pump {
    async fn run(mut self) {
        loop {
            let message = tokio::select! {
                message = self.subscriber.next() => message,
                () = self.sender.closed() => None,
                _ = self.closed.wait_for(|closed| *closed) => None,
            };
            let Some(message) = message else { return };
            let proven = open(&message, &self.own, Some(Verifier::MAX_AGE));
            let (subject, payload) = match proven {
                Ok(proven) => (proven.frame.subject, proven.frame.payload),
                Err(refused) => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    self.own.refuse(&refused, message.subject.as_str());
                    continue;
                }
            };
            let plain = if self.own.prefixed {
                streams::without_tenant(&subject)
            } else {
                &subject
            };
            // The server took it, so it is a subject; one that is longer than ours may be is nobody's here.
            let Ok(subject) = plain.parse() else { continue };
            match self.sender.try_send(Delivery { subject, payload }) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.missed.fetch_add(1, Ordering::Relaxed);
                    metrics::counter!(METRIC_MISSED, "subject" => self.family.clone()).increment(1);
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return,
            }
        }
    }
}

/// Proves a message that came in, and that it is meant for here.
pub(super) fn open(
    message: &async_nats::Message,
    own: &Credentials,
    age_max: Option<Duration>,
) -> Result<Proven, FrameRefused> {
    let headers = message.headers.as_ref();
    let lookup = |name: &str| {
        let value = headers.and_then(|headers| headers.get(name));
        value.map(|value| value.as_str().to_owned())
    };
    let now = (own.clock)();
    let subject = message.subject.as_str();
    let proven = frame::prove(subject, message.payload.clone(), &lookup, &*own.keys, now)?;
    frame::admit(&proven, &own.tenant, age_max, now)?;
    Ok(proven)
}

/// Proves an answer or a question that came over the server, and that it is meant for here and for now.
///
/// # Errors
/// What does not hold; it is counted.
pub fn open_message(
    message: &async_nats::Message,
    own: &Credentials,
) -> Result<Proven, FrameRefused> {
    open(message, own, Some(Verifier::MAX_AGE))
        .inspect_err(|refused| own.refuse(refused, message.subject.as_str()))
}

impl Credentials {
    /// Counts a frame that is not believed, and tells of it.
    pub(super) fn refuse(&self, refused: &FrameRefused, subject: &str) {
        metrics::counter!(metric::REFUSED, "reason" => refused.label()).increment(1);
        tracing::debug!(subject, %refused, "a frame on the data bus is not believed");
        self.refusals.tell(|| BusRefusal {
            bus: "data",
            from: refused.claimed_signer().cloned(),
            label: refused.label(),
            reason: format!("{subject}: {refused}"),
        });
    }
}

/// The headers of a frame, signed, as the client takes them.
pub fn header_map(frame: &Frame, identity: &SigningIdentity) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in frame.headers(identity) {
        map.insert(name, value.as_str());
    }
    map
}

fn family(pattern: &SubjectPattern) -> String {
    let mut tokens = pattern.as_str().split('.');
    let first = tokens.next().unwrap_or_default();
    match tokens.next() {
        Some(second) => format!("{first}.{second}"),
        None => first.to_owned(),
    }
}

fn away() -> BusError {
    BusError::Unreachable("the NATS server is away".to_owned())
}

fn too_large(asked: usize, allowed: usize) -> BusError {
    BusError::TooLarge { asked, allowed }
}

fn not_accepted(error: OutboxError) -> BusError {
    match error {
        OutboxError::Full { waiting, allowed } => BusError::Full { waiting, allowed },
        OutboxError::TooLarge { asked, allowed } => BusError::TooLarge { asked, allowed },
        OutboxError::Journal(why) => BusError::Unreachable(why),
    }
}

struct NatsSubscription {
    receiver: mpsc::Receiver<Delivery>,
    missed: Arc<AtomicU64>,
}

impl Subscription for NatsSubscription {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        Box::pin(self.receiver.recv())
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.receiver.try_recv().ok()
    }

    fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}
