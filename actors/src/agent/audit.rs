//! Every refusal, on record: a bounded ring to look at, counts that forget nothing, and a sink for those who keep it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::refused::AuditEntry;
use crate::Observer;

/// Keeps the audit trail, outside the process or on disk. Called in the host's turn, so it must not block for long.
pub trait AuditSink: Send + Sync {
    /// Keeps one entry.
    fn record(&self, entry: &AuditEntry);
}

/// The audit trail of one world.
pub struct Audit {
    capacity: usize,
    sink: Option<Arc<dyn AuditSink>>,
    observer: Option<Arc<dyn Observer>>,
    kept: Mutex<Trail>,
}

#[derive(Default)]
struct Trail {
    ring: VecDeque<AuditEntry>,
    counts: BTreeMap<&'static str, u64>,
}

impl Audit {
    /// Entries kept for a look; a flood of forged messages pushes out the oldest, the counts remember them.
    pub const CAPACITY: usize = 1024;

    pub(crate) fn new(
        sink: Option<Arc<dyn AuditSink>>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        Self {
            capacity: Self::CAPACITY,
            sink,
            observer,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn record(&self, entry: AuditEntry) {
        tracing::warn!(by = %entry.by, label = entry.label, reason = %entry.reason, "message refused");
        if let Some(sink) = &self.sink {
            sink.record(&entry);
        }
        if let Some(observer) = &self.observer {
            observer.audited(&entry);
        }
        let mut kept = self.kept.lock();
        *kept.counts.entry(entry.label).or_default() += 1;
        if kept.ring.len() >= self.capacity {
            kept.ring.pop_front();
        }
        kept.ring.push_back(entry);
    }

    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        self.observer.as_deref()
    }

    /// The latest entries, oldest first.
    #[must_use]
    pub fn entries(&self) -> Vec<AuditEntry> {
        self.kept.lock().ring.iter().cloned().collect()
    }

    /// How many were ever refused, by label.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.kept.lock().counts.clone()
    }
}
