//! What a node must not forget: every write goes to the journal before anybody is told that it lasts; sled holds a view of it that is made
//! again from the journal when it is missing, behind or damaged.
//!
//! In the storage folder lie `journal` and `view`. A folder from before there was a journal is taken over when it is first opened.
//!
//! Read in this order: `overlay` (pure: what is written and not yet lasting), `form` (how a write lies in the journal and in the view),
//! `store` (the shell), `open` (what happens at a start).

mod form;
mod open;
mod overlay;
mod store;

pub(crate) use form::key_is;

pub use open::OpenError;
pub(crate) use open::{Over, journal, open, open_over, prepare, retiring};
pub(crate) use store::JournalStore;
