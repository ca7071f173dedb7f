//! English.

pub mod figures;
mod injection;
mod mention;
mod naming;
pub mod prose;

pub use injection::injections;
pub use mention::{Mention, Named, mentions};
pub use naming::{figure, name, shown_name};
