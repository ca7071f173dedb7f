//! Durable steps: what is committed is not run again, and no step runs twice at the same time.

use std::collections::HashMap;
use std::sync::Arc;

use aios_memory::{Begin, StepLog, Store};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedMutexGuard;

use super::{AgentError, Clock, metric};

/// The steps of one world.
pub(crate) struct Steps {
    log: StepLog,
    clock: Arc<dyn Clock>,
    /// One lock per running operation: an asker that was restarted and asks again waits for the step its first question
    /// began, instead of beginning it a second time.
    running: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
}

/// The right to run an operation, or to read its result.
struct Alone {
    running: Arc<Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>>,
    operation: String,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Drop for Alone {
    fn drop(&mut self) {
        self.guard = None;
        let mut running = self.running.lock();
        if running
            .get(&self.operation)
            .is_some_and(|lock| Arc::strong_count(lock) == 1)
        {
            running.remove(&self.operation);
        }
    }
}

impl Steps {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            log: StepLog::new(store),
            clock,
            running: Arc::default(),
        }
    }

    pub(crate) fn log(&self) -> &StepLog {
        &self.log
    }

    async fn alone(&self, operation: &str) -> Alone {
        let lock = Arc::clone(self.running.lock().entry(operation.to_owned()).or_default());
        // Made before the wait, so that a waiter that is dropped cleans up too.
        let mut alone = Alone {
            running: Arc::clone(&self.running),
            operation: operation.to_owned(),
            guard: None,
        };
        alone.guard = Some(lock.lock_owned().await);
        alone
    }

    /// The result as it is written down: it can be sent on without being written anew. The step is told whether an earlier try at it may have
    /// been carried out.
    pub(crate) async fn once<T, E, F, Fut>(
        &self,
        operation: &str,
        effects: Effects,
        step: F,
    ) -> Result<Done<T>, AgentError>
    where
        T: Serialize,
        E: Into<Undone>,
        F: FnOnce(bool) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let _alone = self.alone(operation).await;
        let now_us = self.clock.now().as_micros();
        let begun = match effects {
            Effects::Some => self.log.begin(operation, now_us)?,
            Effects::None => self.log.begin_pure(operation, now_us)?,
        };
        let pending = match begun {
            Begin::Committed(written) => {
                metrics::counter!(metric::STEPS_REPLAYED_TOTAL).increment(1);
                return Ok(Done {
                    value: None,
                    written,
                });
            }
            Begin::Fresh(pending) => (pending, false),
            Begin::Pending { step: pending, .. } => (pending, true),
        };
        let (pending, again) = pending;
        let value = match step(again).await.map_err(Into::into) {
            Ok(value) => value,
            Err(undone) => {
                // A step that fails stays pending: it may have had effects, and its successor must know. One that is known to have had none
                // is as if it had never been begun; but what an earlier try left in doubt stays so.
                if !undone.in_doubt && !again {
                    pending.abort()?;
                }
                return Err(undone.error);
            }
        };
        let written = serde_json::to_vec(&value)?;
        pending.commit(&written)?;
        Ok(Done {
            value: Some(value),
            written,
        })
    }
}

/// Why a step came to nothing, and whether it may have been carried out all the same.
#[derive(Debug)]
pub struct Undone {
    /// Why.
    pub error: AgentError,
    /// Whether anything may have been done.
    pub in_doubt: bool,
}

/// Of a failure that says nothing about it, anything may be true.
impl<E: Into<AgentError>> From<E> for Undone {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            in_doubt: true,
        }
    }
}

/// Whether a step changes anything outside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effects {
    Some,
    None,
}

/// A step that is done.
pub(crate) struct Done<T> {
    /// What it gave, if it was done now.
    value: Option<T>,
    /// The same as JSON.
    pub(crate) written: Vec<u8>,
}

impl<T: DeserializeOwned> Done<T> {
    pub(crate) fn value(self) -> Result<T, AgentError> {
        match self.value {
            Some(value) => Ok(value),
            None => Ok(serde_json::from_slice(&self.written)?),
        }
    }
}
