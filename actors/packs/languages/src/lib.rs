//! What belongs to one language: how words and sentences are cut, how numbers and periods are said, and how prose in it is judged.
//!
//! One module a language; so far [`english`]. A language knows nothing of tables, tools or agents.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod english;

use std::sync::Arc;

use aios_work::Pack;

/// The checks of every language.
#[must_use]
pub fn pack() -> Pack {
    Pack {
        checks: vec![Arc::new(english::English)],
        ..Pack::default()
    }
}
