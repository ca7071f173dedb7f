//! The data bus of a node that is alone: queues in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aios_protocols::ports::{BoxFuture, BusError, DataBus, Delivery, Subscription};
use aios_protocols::{Subject, SubjectPattern};
use bytes::Bytes;
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::{METRIC_LATENCY, METRIC_MESSAGES, METRIC_MISSED, PAYLOAD_BYTES_MAX};

/// Fans out to bounded queues. A publisher is never held up: a subscriber whose queue is full misses the newest delivery, is told how
/// many it missed, and the loss is counted.
pub struct InProcessDataBus {
    /// `None` once closed.
    queues: RwLock<Option<Vec<Queue>>>,
    /// What is counted for every message, found once.
    published: metrics::Counter,
    latency: metrics::Histogram,
}

impl Default for InProcessDataBus {
    fn default() -> Self {
        Self::new()
    }
}

struct Queue {
    pattern: SubjectPattern,
    sender: mpsc::Sender<Published>,
    missed: Arc<AtomicU64>,
}

/// A delivery, and when it was published.
type Published = (Instant, Delivery);

impl InProcessDataBus {
    /// A bus nobody listens to yet.
    pub fn new() -> Self {
        Self {
            queues: RwLock::new(Some(Vec::new())),
            published: metrics::counter!(METRIC_MESSAGES, "bus" => "data"),
            latency: metrics::histogram!(METRIC_LATENCY, "bus" => "data"),
        }
    }

    /// Ends every subscription once its queue is empty and refuses whatever is published from now on.
    pub fn close(&self) {
        self.queues.write().take();
    }

    fn publish_now(&self, subject: &Subject, payload: &Bytes) -> Result<(), BusError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(BusError::TooLarge {
                asked: payload.len(),
                allowed: PAYLOAD_BYTES_MAX,
            });
        }
        self.published.increment(1);
        let (mut gone, now) = (false, Instant::now());
        {
            let queues = self.queues.read();
            for queue in queues.as_ref().ok_or(BusError::Closed)? {
                if !queue.pattern.matches(subject) {
                    continue;
                }
                let delivery = Delivery {
                    subject: subject.clone(),
                    payload: payload.clone(),
                };
                match queue.sender.try_send((now, delivery)) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        queue.missed.fetch_add(1, Ordering::Relaxed);
                        metrics::counter!(METRIC_MISSED, "subject" => family(&queue.pattern))
                            .increment(1);
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => gone = true,
                }
            }
        }
        if gone && let Some(queues) = self.queues.write().as_mut() {
            queues.retain(|queue| !queue.sender.is_closed());
        }
        Ok(())
    }
}

impl DataBus for InProcessDataBus {
    fn publish(&self, subject: Subject, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>> {
        let outcome = self.publish_now(&subject, &payload);
        Box::pin(async move { outcome })
    }

    fn subscribe(
        &self,
        pattern: SubjectPattern,
        capacity: usize,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, BusError>> {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let missed = Arc::new(AtomicU64::new(0));
        let outcome = match self.queues.write().as_mut() {
            Some(queues) => {
                // Who left a silent subject is not met by any publisher.
                queues.retain(|queue| !queue.sender.is_closed());
                queues.push(Queue {
                    pattern,
                    sender,
                    missed: Arc::clone(&missed),
                });
                let latency = self.latency.clone();
                Ok(Box::new(InProcessSubscription {
                    receiver,
                    missed,
                    latency,
                }) as Box<dyn Subscription>)
            }
            None => Err(BusError::Closed),
        };
        Box::pin(async move { outcome })
    }
}

/// The first two tokens of a pattern: enough to say which family is slow, few enough to be a label.
fn family(pattern: &SubjectPattern) -> String {
    pattern
        .as_str()
        .split('.')
        .take(2)
        .collect::<Vec<_>>()
        .join(".")
}

struct InProcessSubscription {
    receiver: mpsc::Receiver<Published>,
    missed: Arc<AtomicU64>,
    latency: metrics::Histogram,
}

impl InProcessSubscription {
    /// Takes a delivery up.
    fn delivered(&self, (published, delivery): Published) -> Delivery {
        self.latency.record(published.elapsed());
        delivery
    }
}

impl Subscription for InProcessSubscription {
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>> {
        Box::pin(async move {
            let published = self.receiver.recv().await?;
            Some(self.delivered(published))
        })
    }

    fn try_next(&mut self) -> Option<Delivery> {
        let published = self.receiver.try_recv().ok()?;
        Some(self.delivered(published))
    }

    fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::conformance;

    #[tokio::test]
    async fn the_in_process_bus_keeps_the_contract() {
        conformance::check(&InProcessDataBus::new()).await;
    }

    #[tokio::test]
    async fn a_closed_bus_refuses_and_its_subscribers_read_to_the_end() {
        let bus = InProcessDataBus::new();
        let mut all = bus.subscribe("aios.>".parse().unwrap(), 4).await.unwrap();
        bus.publish(
            "aios.events.task.1".parse().unwrap(),
            Bytes::from_static(b"last"),
        )
        .await
        .unwrap();
        bus.close();
        assert_eq!(
            bus.publish("aios.x.y".parse().unwrap(), Bytes::new()).await,
            Err(BusError::Closed)
        );
        assert!(bus.subscribe("aios.>".parse().unwrap(), 1).await.is_err());
        assert_eq!(all.next().await.unwrap().payload, "last");
        assert!(all.next().await.is_none());
    }

    #[tokio::test]
    async fn a_subscriber_that_left_is_forgotten() {
        let bus = InProcessDataBus::new();
        drop(bus.subscribe("aios.>".parse().unwrap(), 1).await.unwrap());
        bus.publish("aios.a.b".parse().unwrap(), Bytes::new())
            .await
            .unwrap();
        assert_eq!(bus.queues.read().as_ref().unwrap().len(), 0);
        for _ in 0..100 {
            let silent = bus.subscribe("aios.silent".parse().unwrap(), 1).await;
            drop(silent.unwrap());
        }
        assert_eq!(bus.queues.read().as_ref().unwrap().len(), 1);
    }
}
