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

    pub(crate) async fn once<T, E, F, Fut>(&self, operation: &str, step: F) -> Result<T, AgentError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<AgentError>,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let _alone = self.alone(operation).await;
        let pending = match self.log.begin(operation, self.clock.now().as_micros())? {
            Begin::Committed(result) => {
                metrics::counter!(metric::STEPS_REPLAYED_TOTAL).increment(1);
                return Ok(serde_json::from_slice(&result)?);
            }
            Begin::Fresh(pending) | Begin::Pending { step: pending, .. } => pending,
        };
        // A step that fails stays pending: it may have had effects, and its successor must know.
        let value = step().await.map_err(Into::into)?;
        pending.commit(&serde_json::to_vec(&value)?)?;
        Ok(value)
    }
}
