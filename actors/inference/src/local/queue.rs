//! The bounded queue between askers and the device thread.
//!
//! It belongs to the engine, not to an incarnation of the actor: a call that still waits when an engine crashes is run
//! by the next one. Only the call that was running is lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    CancelFlag, Capabilities, EmbedRequest, Embedding, EngineError, EnginePhase, Health,
    InferRequest, Inference, ModelInfo, ModelSource, SessionId, Token,
};

/// Ended sessions that wait for the device, at most: while an engine is down nobody takes them up. An engine remembers some few, and those it
/// has not heard of make room by being the oldest.
const ENDED_MAX: usize = 1_024;

pub(super) type Reply<T> = oneshot::Sender<Result<T, EngineError>>;

/// What the device is to do, and where the answer goes.
pub(super) enum DeviceCall {
    Infer(InferRequest, Reply<Inference>),
    Stream(InferRequest, mpsc::Sender<Token>, Reply<Inference>),
    Embed(EmbedRequest, Reply<Vec<Embedding>>),
    Load(ModelSource, Reply<ModelInfo>),
    Unload(String, Reply<()>),
    Health(Reply<Health>),
}

impl DeviceCall {
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Infer(..) => "infer",
            Self::Stream(..) => "stream",
            Self::Embed(..) => "embed",
            Self::Load(..) => "load",
            Self::Unload(..) => "unload",
            Self::Health(..) => "health",
        }
    }

    /// Answers with an error instead of running.
    pub(super) fn refuse(self, error: EngineError) {
        // An asker that has gone needs no answer.
        match self {
            Self::Infer(_, reply) | Self::Stream(_, _, reply) => drop(reply.send(Err(error))),
            Self::Embed(_, reply) => drop(reply.send(Err(error))),
            Self::Load(_, reply) => drop(reply.send(Err(error))),
            Self::Unload(_, reply) => drop(reply.send(Err(error))),
            Self::Health(reply) => drop(reply.send(Err(error))),
        }
    }
}

/// One admitted call.
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) work: DeviceCall,
    pub(super) cancel: CancelFlag,
    pub(super) admitted: Instant,
    pub(super) deadline: Instant,
}

/// What a device finds in its queue.
pub(super) enum Taken {
    Job(Box<Job>),
    /// Sessions that were ended since it looked last.
    Ended(Vec<SessionId>),
    /// Nothing came in the time it waited.
    Nothing,
    /// Its incarnation is over.
    Over,
}

/// The call the device is running; the watchdog reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Running {
    pub(super) id: u64,
    pub(super) call: &'static str,
    pub(super) since: Instant,
    pub(super) deadline: Instant,
}

struct Inner {
    jobs: VecDeque<Job>,
    /// Sessions to end before the next call. They have no place among the calls, so that none is ever refused for want of one.
    ended: Vec<SessionId>,
    /// The incarnation that may take jobs; none between two of them.
    current: Option<u64>,
    started: u64,
    next_id: u64,
    capabilities: Option<Capabilities>,
}

/// Shared by every handle and by the incarnations that come and go.
pub(super) struct Queue {
    capacity: usize,
    inner: Mutex<Inner>,
    wake: Condvar,
    pub(super) phase: watch::Sender<EnginePhase>,
    pub(super) running: watch::Sender<Option<Running>>,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            inner: Mutex::new(Inner {
                jobs: VecDeque::new(),
                ended: Vec::new(),
                current: None,
                started: 0,
                next_id: 0,
                capabilities: None,
            }),
            wake: Condvar::new(),
            phase: watch::Sender::new(EnginePhase::Starting),
            running: watch::Sender::new(None),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.inner.lock().jobs.len()
    }

    pub(super) fn incarnation(&self) -> u64 {
        self.inner.lock().started
    }

    pub(super) fn capabilities(&self) -> Option<Capabilities> {
        self.inner.lock().capabilities.clone()
    }

    /// Admits a call or hands the reason back; returns its id.
    pub(super) fn push(
        &self,
        work: DeviceCall,
        cancel: CancelFlag,
        admitted: Instant,
        deadline: Instant,
    ) -> Result<u64, EngineError> {
        let mut inner = self.inner.lock();
        if let EnginePhase::Stopped = *self.phase.borrow() {
            return Err(EngineError::stopped());
        }
        if inner.jobs.len() >= self.capacity {
            // What was called off, and is waited for only to hear that, gives its place up.
            let (gone, jobs) = std::mem::take(&mut inner.jobs)
                .into_iter()
                .partition::<Vec<_>, _>(|job| job.cancel.is_cancelled());
            inner.jobs = jobs.into();
            gone.into_iter()
                .for_each(|job| job.work.refuse(EngineError::Cancelled));
        }
        if inner.jobs.len() >= self.capacity {
            return Err(EngineError::QueueFull {
                waiting: inner.jobs.len(),
                allowed: self.capacity,
            });
        }
        let id = inner.next_id;
        inner.next_id += 1;
        inner.jobs.push_back(Job {
            id,
            work,
            cancel,
            admitted,
            deadline,
        });
        self.wake.notify_one();
        Ok(id)
    }

    /// Ends a session before the next call is run.
    pub(super) fn close(&self, session: SessionId) {
        let mut inner = self.inner.lock();
        if *self.phase.borrow() == EnginePhase::Stopped || inner.ended.contains(&session) {
            return;
        }
        if inner.ended.len() == ENDED_MAX {
            inner.ended.remove(0);
        }
        inner.ended.push(session);
        self.wake.notify_one();
    }

    /// Takes a call out that nobody waits for any more, so that it frees its place at once.
    pub(super) fn withdraw(&self, id: u64) {
        self.inner.lock().jobs.retain(|job| job.id != id);
    }

    /// Opens a new incarnation; the one before can take nothing from now on.
    pub(super) fn begin(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.started += 1;
        inner.current = Some(inner.started);
        self.phase.send_replace(EnginePhase::Starting);
        self.running.send_replace(None);
        self.wake.notify_all();
        inner.started
    }

    /// The engine of this incarnation is built.
    pub(super) fn ready(&self, incarnation: u64, capabilities: Capabilities) {
        let mut inner = self.inner.lock();
        if inner.current == Some(incarnation) {
            inner.capabilities = Some(capabilities);
            self.phase.send_replace(EnginePhase::Ready);
        }
    }

    /// What the engine of this incarnation can do has changed.
    pub(super) fn refresh(&self, incarnation: u64, capabilities: Capabilities) {
        let mut inner = self.inner.lock();
        if inner.current == Some(incarnation) {
            inner.capabilities = Some(capabilities);
        }
    }

    /// Ends an incarnation. A stop answers everybody who waits; after a crash they wait for the next incarnation.
    pub(super) fn end(&self, incarnation: u64, phase: EnginePhase) {
        let mut inner = self.inner.lock();
        if inner.current != Some(incarnation) {
            return;
        }
        inner.current = None;
        let refused = if phase == EnginePhase::Stopped {
            std::mem::take(&mut inner.jobs)
        } else {
            VecDeque::new()
        };
        self.phase.send_replace(phase);
        self.running.send_replace(None);
        self.wake.notify_all();
        drop(inner);
        for job in refused {
            job.work.refuse(EngineError::stopped());
        }
    }

    /// Blocks until there is a call for this incarnation, at most so long.
    pub(super) fn take(&self, incarnation: u64, longest: Option<Duration>) -> Taken {
        let mut inner = self.inner.lock();
        let until = longest.map(|longest| Instant::now() + longest);
        loop {
            if inner.current != Some(incarnation) {
                return Taken::Over;
            }
            if !inner.ended.is_empty() {
                return Taken::Ended(std::mem::take(&mut inner.ended));
            }
            if let Some(job) = inner.jobs.pop_front() {
                let running = Running {
                    id: job.id,
                    call: job.work.label(),
                    since: Instant::now(),
                    deadline: job.deadline,
                };
                self.running.send_replace(Some(running));
                return Taken::Job(Box::new(job));
            }
            match until {
                None => self.wake.wait(&mut inner),
                Some(until) => {
                    if self.wake.wait_until(&mut inner, until).timed_out() {
                        return Taken::Nothing;
                    }
                }
            }
        }
    }

    /// Gives a call back that was taken and not begun; the next incarnation takes it first.
    pub(super) fn put_back(&self, incarnation: u64, job: Job) {
        let mut inner = self.inner.lock();
        if *self.phase.borrow() == EnginePhase::Stopped {
            drop(inner);
            job.work.refuse(EngineError::stopped());
            return;
        }
        inner.jobs.push_front(job);
        if inner.current == Some(incarnation) {
            self.running.send_replace(None);
        }
        self.wake.notify_one();
    }

    /// The call is done; a stale incarnation does not speak for its successor.
    pub(super) fn done(&self, incarnation: u64) {
        let inner = self.inner.lock();
        if inner.current == Some(incarnation) {
            self.running.send_replace(None);
        }
    }
}
