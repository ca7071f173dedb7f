//! The tools of the pack.

use std::sync::Arc;

use aios_work::Tool;

use crate::chart::Chart;
use crate::profile_table::ProfileTable;
use crate::sql::Sql;
use crate::tables::Tables;
use crate::{Blocking, Workspaces};

/// `profile_table`, `sql` and `chart`, working within these walls. What they cache is their own and shared among them.
#[must_use]
pub fn tools(workspaces: &Workspaces) -> Vec<Arc<dyn Tool>> {
    let tables = Arc::new(Tables::default());
    vec![
        Blocking::shared(
            ProfileTable {
                tables: Arc::clone(&tables),
            },
            workspaces,
        ),
        Blocking::shared(Sql::new(tables, workspaces), workspaces),
        Blocking::shared(Chart, workspaces),
    ]
}
