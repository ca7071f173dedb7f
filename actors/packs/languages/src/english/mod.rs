//! English.

mod check;
pub mod figures;
mod injection;
mod mention;
mod naming;
pub mod prose;

pub use check::known::shown_name;
pub use check::{English, assess};
pub use injection::injections;
pub use mention::{Mention, Named, mentions};
pub use naming::{figure, name};
