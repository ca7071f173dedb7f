//! Why a connection ended, as far as this side ended it.

use std::sync::{Arc, Mutex, PoisonError};

/// What is said of one that sends without end.
pub(crate) const FLOODS: &str = "it floods: it sends more than it is asked for without end";

/// Why a connection ended, as far as this side ended it. The first word stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWord(Arc<Mutex<Option<String>>>);

impl LastWord {
    pub(crate) fn say(&self, why: impl Into<String>) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.get_or_insert_with(|| why.into());
    }

    pub(crate) fn get(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
