//! What the functions added to SQLite gather for the statement under way: memory that SQLite's own limit does not count.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Error, Result};

use aios_tools::{Memory, Reserved, WorkspaceError};

/// Whose memory the statement under way uses. All functions of a connection share it, so that many aggregates have one limit.
#[derive(Clone, Default)]
pub(crate) struct Gathered(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    memory: Option<Memory>,
    refused: Option<WorkspaceError>,
}

impl Gathered {
    /// From here on a statement runs that may hold what `memory` allows.
    pub(crate) fn begin(&self, memory: &Memory) {
        *self.state() = State {
            memory: Some(memory.clone()),
            refused: None,
        };
    }

    /// The statement is over; gives the refusal that ended it, which SQLite would carry as text only.
    pub(crate) fn end(&self) -> Option<WorkspaceError> {
        std::mem::take(&mut *self.state()).refused
    }

    /// Room for one aggregate.
    pub(crate) fn room(&self) -> Result<Reserved> {
        let state = self.state();
        let memory = state.memory.clone();
        drop(state);
        let memory = memory.ok_or_else(|| user_error("no statement is under way"))?;
        memory
            .reserve("the query", 0)
            .map_err(|refused| self.refuse(refused))
    }

    /// Ends the statement for want of memory.
    pub(crate) fn refuse(&self, refused: WorkspaceError) -> Error {
        let error = user_error(&refused.to_string());
        self.state().refused = Some(refused);
        error
    }

    /// A panic elsewhere leaves the state whole: it is only ever replaced in one step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn user_error(says: &str) -> Error {
    Error::UserFunctionError(says.into())
}
