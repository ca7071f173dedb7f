//! From the node's own bus onto the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aios_bus::data::InProcessDataBus;
use aios_bus::data::nats::rpc::Notification;
use aios_bus::data::nats::{NatsDataBus, Told};
use aios_protocols::ports::{BusError, DataBus, Delivery, Subscription};
use aios_protocols::{Party, Subject};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::private::PrivateGoals;
use crate::lookout::Lookout;

/// Events that may wait to be written to the outbox; a burst of some seconds.
const WAITING: usize = 16_384;
/// Events that are told at once, if they wait already, and bytes of them: beyond these none is taken more.
const TOGETHER: usize = 4_096;
const TOGETHER_BYTES: usize = 1 << 20;
/// How long the stop of a node waits for what was told last.
const SETTLED: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Clone)]
pub(super) struct Relay(Arc<Inner>);

struct Inner {
    bus: Arc<NatsDataBus>,
    sender: Party,
    private: PrivateGoals,
    /// Knows which trace a goal is carried in.
    traces: Arc<Lookout>,
    sequence: AtomicU64,
    missed: AtomicU64,
    /// Whether it was said that something is not told; it is said once until it goes well again.
    said: AtomicBool,
    idle: AtomicBool,
    settled: Notify,
}

impl Relay {
    pub(super) fn new(
        bus: Arc<NatsDataBus>,
        sender: Party,
        private: PrivateGoals,
        traces: Arc<Lookout>,
    ) -> Self {
        Self(Arc::new(Inner {
            bus,
            sender,
            private,
            traces,
            sequence: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            said: AtomicBool::new(false),
            idle: AtomicBool::new(true),
            settled: Notify::new(),
        }))
    }

    pub(super) fn missed(&self) -> u64 {
        self.0.missed.load(Ordering::Relaxed)
    }

    /// Listens to the node's own bus until it is closed.
    pub(super) async fn begin(self, within: &Arc<InProcessDataBus>) -> JoinHandle<()> {
        // One queue keeps the order of all that is told.
        let all = ">".parse();
        let heard = match all {
            Ok(all) => within.subscribe(all, WAITING).await.ok(),
            Err(_) => None,
        };
        tokio::spawn(async move {
            if let Some(heard) = heard {
                self.carry(heard).await;
            }
        })
    }

    async fn carry(self, mut heard: Box<dyn Subscription>) {
        loop {
            let delivery = match heard.try_next() {
                Some(delivery) => delivery,
                None => {
                    self.0.idle.store(true, Ordering::Release);
                    self.0.settled.notify_waiters();
                    match heard.next().await {
                        Some(delivery) => delivery,
                        None => return,
                    }
                }
            };
            self.0.idle.store(false, Ordering::Release);
            let mut bytes = delivery.payload.len();
            let mut ready = vec![delivery];
            while ready.len() < TOGETHER
                && bytes < TOGETHER_BYTES
                && let Some(more) = heard.try_next()
            {
                bytes += more.payload.len();
                ready.push(more);
            }
            self.0.missed.store(heard.missed(), Ordering::Relaxed);
            let open = |it: &Delivery| self.0.private.lets_go(&it.subject, &it.payload);
            let told = ready.into_iter().filter(open);
            self.tell_all(told.map(|it| (it.subject, it.payload))).await;
        }
    }

    /// Returns when nothing waits to be told, or too long after.
    pub(super) async fn settled(&self) {
        let settled = async {
            loop {
                let told = self.0.settled.notified();
                if self.0.idle.load(Ordering::Acquire) {
                    return;
                }
                told.await;
            }
        };
        let _ = tokio::time::timeout(SETTLED, settled).await;
    }

    pub(super) async fn tell(&self, subject: &Subject, content: &[u8]) {
        self.tell_all(std::iter::once((subject.clone(), content)))
            .await;
    }

    /// Tells it unless something was told under this name.
    pub(super) async fn tell_once(&self, name: &str, subject: &Subject, content: &[u8]) {
        let Told {
            subject,
            notification,
            trace,
        } = self.told(subject.clone(), content);
        let payload = notification.to_bytes();
        let told = self
            .0
            .bus
            .publish_once(name, &subject, payload.into(), trace);
        self.became(&subject, told.await);
    }

    /// What is told of a content.
    fn told(&self, subject: Subject, content: &[u8]) -> Told {
        let sequence = self.0.sequence.fetch_add(1, Ordering::Relaxed);
        let sender = self.0.sender.as_str();
        Told {
            notification: Notification::inform(sender, subject.as_str(), sequence, content),
            trace: self.0.traces.trace_of(&subject),
            subject,
        }
    }

    /// Says what is not told.
    fn became(&self, subject: &Subject, outcome: Result<(), BusError>) {
        match outcome {
            Ok(()) => self.0.said.store(false, Ordering::Relaxed),
            // What need not last is not told while the server is away.
            Err(BusError::Unreachable(_) | BusError::Closed) => {}
            Err(error) => {
                if !self.0.said.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%subject, %error, "not told on the data bus");
                }
            }
        }
    }

    /// Tells all of it, each subject's in this order.
    async fn tell_all<C: AsRef<[u8]>>(&self, contents: impl Iterator<Item = (Subject, C)>) {
        let told = contents.map(|(subject, content)| self.told(subject, content.as_ref()));
        for (subject, outcome) in self.0.bus.publish_together(told.collect()).await {
            self.became(&subject, outcome);
        }
    }
}
