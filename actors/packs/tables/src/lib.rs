//! The pack for tables: what a CSV holds, SQL over it, charts, plans, checks and reports.
//!
//! It is taken by name: whoever wants goals about tables registers [`tools`] and adds [`pack`]. Nothing here knows agents, messages or
//! models.
//!
//! Where to read next: `pack` for what the orchestrator is given, `ask` for how a question is understood and answered, `plan` for how a goal becomes tasks and an overview, `form` for the forms that tables come in, `table` for how one becomes typed columns, `sql` for how it is queried, `chart` for how it is drawn.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ask;
mod cache;
mod chart;
mod error;
mod find_values;
mod form;
mod note;
mod pack;
mod page;
pub mod plan;
mod profile;
mod profile_table;
pub mod report;
pub mod results;
mod second_look;
mod sql;
mod statement;
mod table;
mod tables;
mod written;

use std::sync::Arc;

use aios_tools::{Blocking, Workspaces};
use aios_work::Tool;

use crate::chart::Chart;
use crate::error::Error;
use crate::find_values::FindValues;
use crate::profile_table::ProfileTable;
use crate::sql::Sql;
use crate::tables::Tables;

pub use form::accepts;
pub use note::{Note, NoteKind, Place};
pub use pack::{NAME, TablesPack, pack};
pub use profile::{ColumnKind, ColumnProfile, Quotient, TableProfile, Truth, Unpivoted};
pub use second_look::TableReader;
pub use sql::QueryLimits;
pub use table::TableError;
pub use written::{Written, written};

/// The names of the pack's tools.
pub const TOOLS: [&str; 4] = ["profile_table", "find_values", "sql", "chart"];
/// Those that only look at a file: what was seen in the same file before is as good.
pub const LOOKS: [&str; 2] = ["profile_table", "find_values"];

/// `profile_table`, `find_values`, `sql` and `chart`, working within these walls. What they cache is their own and shared among them.
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
        Blocking::shared(
            FindValues {
                tables: Arc::clone(&tables),
            },
            workspaces,
        ),
        Blocking::shared(Sql::new(tables, workspaces, limits), workspaces),
        Blocking::shared(Chart, workspaces),
    ]
}
