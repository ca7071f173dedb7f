//! How often what was refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// How many were refused, by reason.
#[derive(Clone, Default)]
pub(super) struct Counts(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Counts {
    pub(super) fn add(&self, why: &'static str) {
        *self.0.lock().entry(why).or_default() += 1;
        tracing::debug!(why, "refused over gRPC");
    }

    pub(super) fn all(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().clone()
    }
}
