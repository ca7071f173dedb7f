//! What a data bus must be able to do. Implementations live elsewhere; this crate has no runtime of its own.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use thiserror::Error;

use crate::{Subject, SubjectPattern};

/// A future that can be kept in a struct and sent between threads, whichever runtime drives it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why nothing was published or subscribed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BusError {
    /// The bus is closed.
    #[error("the data bus is closed")]
    Closed,
    /// The bus cannot be reached now.
    #[error("the data bus cannot be reached: {0}; try again later")]
    Unreachable(String),
    /// The payload is larger than the bus carries.
    #[error("a payload of {asked} bytes is too large, {allowed} are allowed")]
    TooLarge {
        /// Bytes offered.
        asked: usize,
        /// Bytes allowed.
        allowed: usize,
    },
}

/// A payload and where it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The subject it was published on.
    pub subject: Subject,
    /// What was published.
    pub payload: Bytes,
}

/// Publish and subscribe by subject: results, events, logs, metrics, feedback.
pub trait DataBus: Send + Sync {
    /// Hands a payload to every subscription whose pattern matches. Never waits for a slow subscriber.
    fn publish(&self, subject: Subject, payload: Bytes) -> BoxFuture<'_, Result<(), BusError>>;

    /// Opens a queue of at most `capacity` deliveries. When it is full the newest is dropped and counted as missed.
    fn subscribe(
        &self,
        pattern: SubjectPattern,
        capacity: usize,
    ) -> BoxFuture<'_, Result<Box<dyn Subscription>, BusError>>;
}

/// The receiving end of a subscription. Dropping it unsubscribes.
pub trait Subscription: Send {
    /// The next delivery; `None` once the bus is closed and the queue is empty.
    fn next(&mut self) -> BoxFuture<'_, Option<Delivery>>;

    /// The next delivery if one is there already.
    fn try_next(&mut self) -> Option<Delivery>;

    /// How many deliveries were dropped because the queue was full.
    fn missed(&self) -> u64;
}
