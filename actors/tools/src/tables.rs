//! The input files as tables, read once per state of the file.

use std::sync::Arc;

use crate::cache::Cache;
use crate::encoding::decode;
use crate::table::{self, Table};
use crate::workspace::FileState;
use crate::{InputFile, ToolCall, ToolError};

/// Reads tables and remembers the last two: a goal compares two files more often than three.
pub(crate) struct Tables {
    read: Cache<FileState, Arc<Table>>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            read: Cache::new(2),
        }
    }
}

impl Tables {
    /// The table in `input`, as it is now.
    pub(crate) fn load(
        &self,
        input: &InputFile,
        call: &ToolCall<'_>,
    ) -> Result<Arc<Table>, ToolError> {
        let most = call.workspace.limits().table_bytes;
        let entry = self.read.entry(call.workspace.state(input, most)?);
        let check = || call.check();
        let mut turn = entry.take(&check)?;
        if let Some(table) = turn.as_ref() {
            return Ok(Arc::clone(table));
        }
        let bytes = call.workspace.read(input, most, &check)?;
        let table = Arc::new(table::read(
            &input.name,
            decode(&input.name, bytes)?,
            &check,
        )?);
        *turn = Some(Arc::clone(&table));
        Ok(table)
    }
}
