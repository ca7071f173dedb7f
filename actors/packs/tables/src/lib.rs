//! The pack for tables: what a CSV holds, SQL over it, charts of what came out.
//!
//! It is taken by name: whoever wants goals about tables registers [`tools`]. Nothing here knows agents, messages or models.
//!
//! Where to read next: `table` for how a CSV becomes typed columns, `sql` for how it is queried, `chart` for how it is drawn.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cache;
mod chart;
mod error;
mod profile;
mod profile_table;
mod sql;
mod table;
mod tables;

use std::sync::Arc;

use aios_tools::{Blocking, Workspaces};
use aios_work::Tool;

use crate::chart::Chart;
use crate::error::Error;
use crate::profile_table::ProfileTable;
use crate::sql::Sql;
use crate::tables::Tables;

pub use profile::{ColumnKind, ColumnProfile, TableProfile};
pub use sql::QueryLimits;
pub use table::TableError;

/// `profile_table`, `sql` and `chart`, working within these walls. What they cache is their own and shared among them.
#[must_use]
pub fn tools(workspaces: &Workspaces) -> Vec<Arc<dyn Tool>> {
    tools_within(workspaces, QueryLimits::default())
}

/// The same with other limits for each statement.
#[must_use]
pub fn tools_within(workspaces: &Workspaces, limits: QueryLimits) -> Vec<Arc<dyn Tool>> {
    let tables = Arc::new(Tables::default());
    vec![
        Blocking::shared(
            ProfileTable {
                tables: Arc::clone(&tables),
            },
            workspaces,
        ),
        Blocking::shared(Sql::new(tables, workspaces, limits), workspaces),
        Blocking::shared(Chart, workspaces),
    ]
}
