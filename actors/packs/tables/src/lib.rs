//! The pack for tables and documents: reading, SQL, charts, plans, checks and reports.
//!
//! [`Tables`] is a [`PlanSource`](aios_work::PlanSource), a [`Domain`](aios_work::Domain) and a [`Check`](aios_work::Check); a node takes
//! the pack by name.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod pack;
pub mod plan;
pub mod report;
pub mod results;

pub use aios_tools::{ColumnKind, ColumnProfile, TableProfile};
pub use pack::Tables;
