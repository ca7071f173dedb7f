//! The input files as tables, read once per state of the file.

use std::sync::Arc;

use aios_work::{FileState, InputFile, ToolCall};

use crate::Error;
use crate::cache::Cache;
use crate::form;
use crate::table::{self, Table};
use aios_tools::{Workspace, WorkspaceError};

/// A table may hold so many times the bytes of its file: the text, what its cells are known by, and the database made from them.
const TIMES: u64 = 4;
/// And so much beside, because a small file has the same fixed costs as a large one.
const BESIDE: u64 = 48 << 20;

/// What a file is known by: its name stands in what is said of it.
pub(crate) type Key = (String, FileState);

pub(crate) fn key(input: &InputFile) -> Key {
    (input.name.clone(), input.state)
}

/// Reads tables and remembers the last two: a goal compares two files more often than three.
pub(crate) struct Tables {
    read: Cache<Key, Arc<Table>>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            read: Cache::new(2),
        }
    }
}

impl Tables {
    /// The table in `input`, in the state that is meant.
    pub(crate) fn load(
        &self,
        input: &InputFile,
        call: &ToolCall,
        workspace: &Workspace,
    ) -> Result<Arc<Table>, Error> {
        let check = || call.check();
        let entry = self.read.entry(key(input));
        let mut turn = entry.take(&check)?;
        if let Some(table) = turn.as_ref() {
            return Ok(Arc::clone(table));
        }
        let table = read(input, call, workspace).or_else(|error| {
            // Tables of other files may take the room that this one needs.
            if !error.is_out_of_memory() {
                return Err(error);
            }
            self.read.clear();
            read(input, call, workspace)
        })?;
        let table = Arc::new(table);
        *turn = Some(Arc::clone(&table));
        Ok(table)
    }

    /// Forgets a table whose database is there: it would be held twice.
    pub(crate) fn forget(&self, input: &InputFile) {
        self.read.forget(&key(input));
    }

    /// Forgets all tables that nobody reads now.
    pub(crate) fn clear(&self) {
        self.read.clear();
    }
}

fn read(input: &InputFile, call: &ToolCall, workspace: &Workspace) -> Result<Table, Error> {
    let check = || call.check();
    let length = input.state.length;
    let bound = length.saturating_mul(TIMES).saturating_add(BESIDE);
    let memory = workspace.memory().part(bound);
    let most = workspace.limits().file_bytes;
    let read = || {
        let (bytes, mut held) = workspace.read(input, most, &memory, &check)?;
        let text = form::read(&input.name, bytes, &mut held, &check)?;
        table::read(&input.name, text, held, &check)
    };
    read().map_err(|error| costly(error, input, bound))
}

/// A table that would hold more than any file of its size may is refused for that, whatever else is held.
pub(crate) fn costly(error: Error, input: &InputFile, bound: u64) -> Error {
    match error {
        Error::Workspace(WorkspaceError::OutOfMemory { allowed, .. }) if allowed == bound => {
            Error::TooCostly {
                file: input.name.clone(),
                length: input.state.length,
                allowed,
            }
        }
        error => error,
    }
}
