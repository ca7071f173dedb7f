//! How the bytes of a CSV file become typed columns.

mod error;

pub use error::TableError;
