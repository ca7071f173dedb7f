//! The pack for tables: what a CSV holds, SQL over it, charts, plans, checks and reports.
//!
//! It is taken by name: whoever wants goals about tables registers [`tools`] and adds [`pack`]. Nothing here knows agents, messages or
//! models.
//!
//! Where to read next: `pack` for what the orchestrator is given, `plan` for how a goal is understood, `form` for the forms that tables come in, `table` for how one becomes typed columns, `sql` for how it is queried, `chart` for how it is drawn.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cache;
mod chart;
mod error;
mod form;
mod note;
mod pack;
pub mod plan;
mod profile;
mod profile_table;
pub mod report;
pub mod results;
mod second_look;
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

pub use form::accepts;
pub use note::{Note, NoteKind, Place};
pub use pack::{NAME, TablesPack, pack};
pub use profile::{ColumnKind, ColumnProfile, TableProfile, Truth, Unpivoted};
pub use second_look::TableReader;
pub use sql::QueryLimits;
pub use table::TableError;

/// The names of the pack's tools.
pub const TOOLS: [&str; 3] = ["profile_table", "sql", "chart"];
/// Those that only look at a file: what was seen in the same file before is as good.
pub const LOOKS: [&str; 1] = ["profile_table"];

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
