//! One life of an agent: what runs for it, and what it has to report to its host.
//!
//! Everything an incarnation started is here, so that its successor can end it before it begins: two incarnations
//! never overlap. What is late all the same (a thread that blocks) is fenced off: it can no longer send.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Agent;
use super::in_flight::Ticket;
use super::notifier::Notifier;

/// What happened to the author's code since the host last looked.
pub(crate) enum Report {
    /// A turn ended and the agent is back; if it was to be saved, whether it is.
    Back(Box<dyn Agent>, bool),
    /// The agent could not be made or did not start.
    NotStarted(String),
    /// The author's code panicked.
    Panicked {
        with: Option<Ticket>,
        message: String,
    },
    /// The author's code says that the agent is broken.
    Broken {
        with: Option<Ticket>,
        message: String,
    },
}

/// Something of the author's that runs.
struct Task {
    number: u64,
    /// `None` while it is being started; whoever starts it then sees that the incarnation was closed meanwhile.
    abort: Option<AbortHandle>,
    deadline: Instant,
    allowed: Duration,
    ticket: Option<Ticket>,
}

/// A task past its deadline.
#[derive(Debug)]
pub(crate) struct Hung {
    pub(crate) ticket: Option<Ticket>,
    pub(crate) allowed: Duration,
}

#[derive(Default)]
struct Tasks {
    /// In no order, few; none of it is kept for an agent that rests.
    running: Vec<Task>,
    next: u64,
    /// Set when the incarnation ends: whatever would start now must not.
    closed: bool,
}

pub(crate) struct Incarnation {
    pub(crate) number: u64,
    notifier: Arc<Notifier>,
    over: AtomicBool,
    reports: Mutex<Vec<Report>>,
    tasks: Mutex<Tasks>,
    all_ended: Notify,
    /// The agent asked to be saved once its turn ends.
    pub(crate) checkpoint: AtomicBool,
}

impl Incarnation {
    pub(crate) fn new(number: u64, notifier: Arc<Notifier>) -> Arc<Self> {
        Arc::new(Self {
            number,
            notifier,
            over: AtomicBool::new(false),
            reports: Mutex::default(),
            tasks: Mutex::default(),
            all_ended: Notify::new(),
            checkpoint: AtomicBool::new(false),
        })
    }

    /// Whether a successor has taken over, or the agent has stopped.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub(crate) fn report(&self, report: Report) {
        self.reports.lock().push(report);
    }

    pub(crate) fn take_reports(&self) -> Vec<Report> {
        std::mem::take(&mut *self.reports.lock())
    }

    /// Runs a piece of the author's work as a task of its own; false when the incarnation has ended.
    pub(crate) fn run<F>(
        self: &Arc<Self>,
        ticket: Option<Ticket>,
        allowed: Duration,
        work: F,
    ) -> bool
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let number = {
            let mut tasks = self.tasks.lock();
            if tasks.closed {
                return false;
            }
            let number = tasks.next;
            tasks.next += 1;
            tasks.running.push(Task {
                number,
                abort: None,
                deadline: Instant::now() + allowed,
                allowed,
                ticket,
            });
            number
        };
        // Dropped in every way a task can end: return, abort, panic, or at once by a runtime that shuts down. So
        // nothing may be locked here.
        let ended = TaskEnd {
            incarnation: Arc::clone(self),
            number,
        };
        let task = tokio::spawn(async move {
            let _ended = ended;
            work.await;
        });
        let closed = {
            let mut tasks = self.tasks.lock();
            let entry = tasks.running.iter_mut().find(|task| task.number == number);
            if let Some(entry) = entry {
                entry.abort = Some(task.abort_handle());
            }
            tasks.closed
        };
        if closed {
            task.abort();
        }
        true
    }

    /// How many of the author's tasks run.
    pub(crate) fn running(&self) -> usize {
        self.tasks.lock().running.len()
    }

    /// The first task past its deadline, or when to look again.
    pub(crate) fn hung(&self, now: Instant) -> Result<Option<Instant>, Hung> {
        let tasks = self.tasks.lock();
        let first = tasks.running.iter().min_by_key(|task| task.deadline);
        match first {
            Some(task) if task.deadline <= now => Err(Hung {
                ticket: task.ticket,
                allowed: task.allowed,
            }),
            Some(task) => Ok(Some(task.deadline)),
            None => Ok(None),
        }
    }

    /// Ends it: nothing it started goes on, nothing more may start or be sent.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Release);
        let aborts: Vec<AbortHandle> = {
            let mut tasks = self.tasks.lock();
            tasks.closed = true;
            tasks
                .running
                .iter()
                .filter_map(|task| task.abort.clone())
                .collect()
        };
        for abort in aborts {
            abort.abort();
        }
    }

    /// Waits until all it started has ended, at most `limit`; false if something blocks its thread.
    pub(crate) async fn ended(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, async {
            loop {
                let ended = self.all_ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if self.running() == 0 {
                    return;
                }
                ended.await;
            }
        })
        .await
        .is_ok()
    }
}

struct TaskEnd {
    incarnation: Arc<Incarnation>,
    number: u64,
}

impl Drop for TaskEnd {
    fn drop(&mut self) {
        let mut tasks = self.incarnation.tasks.lock();
        tasks.running.retain(|task| task.number != self.number);
        let last = tasks.running.is_empty();
        if last {
            tasks.running = Vec::new();
        }
        drop(tasks);
        if last {
            self.incarnation.all_ended.notify_waiters();
        }
        // There is a report to read, or room for another task.
        self.incarnation.notifier.wake();
    }
}
