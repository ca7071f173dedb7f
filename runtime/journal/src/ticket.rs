//! What whoever appends holds until it is lasting: to be waited for by a thread or awaited by a task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};
use thiserror::Error;

use crate::disk::DiskError;

/// Why entries were not written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WriteError {
    /// Nothing of them is there, and the journal goes on.
    #[error("nothing was written: {0}")]
    Refused(DiskError),
    /// Whether they are there is not known, and the journal has stopped for good.
    #[error(
        "the journal has stopped: {0}; what was acknowledged is kept, nothing more is taken; see to the disk and start again"
    )]
    Stopped(Arc<str>),
}

/// The number of the last entry of what was appended, once all of it is lasting.
pub type Acknowledged = Result<u64, WriteError>;

/// A promise about appended entries. Dropping it does not take them back.
#[must_use = "what was appended is not lasting before its ticket says so"]
pub struct Ticket(Arc<Slot>);

/// The other half, held by whoever writes.
pub(crate) struct Stub(Arc<Slot>);

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Acknowledged>,
    waker: Option<Waker>,
    /// Whether a thread waits; a condition that nobody waits for needs no call.
    waited_for: bool,
}

pub(crate) fn pair() -> (Stub, Ticket) {
    let slot = Arc::new(Slot::default());
    (Stub(Arc::clone(&slot)), Ticket(slot))
}

impl Ticket {
    /// Waits until the entries are lasting, blocking the thread. A task awaits the ticket instead.
    ///
    /// # Errors
    /// They are not there, or whether they are is not known: see [`WriteError`].
    pub fn wait(self) -> Acknowledged {
        let mut state = self.0.state.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return outcome;
            }
            state.waited_for = true;
            self.0.told.wait(&mut state);
        }
    }
}

impl Future for Ticket {
    type Output = Acknowledged;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Acknowledged> {
        let mut state = self.0.state.lock();
        match &state.outcome {
            // Kept, so that a ticket that is polled once more says the same again.
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = self.0.state.lock().outcome.clone();
        f.debug_tuple("Ticket").field(&outcome).finish()
    }
}

impl Stub {
    pub(crate) fn tell(self, outcome: Acknowledged) {
        self.set(outcome);
    }

    fn set(&self, outcome: Acknowledged) {
        let mut state = self.0.state.lock();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let (waker, waited_for) = (state.waker.take(), state.waited_for);
        drop(state);
        if waited_for {
            self.0.told.notify_all();
        }
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Whoever waits is told even if the writer is gone.
impl Drop for Stub {
    fn drop(&mut self) {
        self.set(Err(WriteError::Stopped("its writer ended".into())));
    }
}
