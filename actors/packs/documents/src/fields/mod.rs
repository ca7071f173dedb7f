//! Fields by a schema: what is wanted, what could be it, and which of that it is.

mod candidates;
mod schema;
mod value;

pub(crate) use candidates::{Extracted, extract};
pub(crate) use schema::{Field, allows, fields, in_goal, whole};
pub(crate) use value::read_value;
