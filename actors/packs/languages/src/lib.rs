//! What belongs to one language: how words and sentences are cut, how numbers and periods are said.
//!
//! The words of English, German, French and Spanish are data: [`Lexicon`] reads them, and whoever judges or reads a goal asks it what words
//! mean. [`english`] holds what else the packs need of English so far. A language knows nothing of tables, tools or agents.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod asks;
pub mod english;
mod fold;
mod hints;
mod lexicon;

pub use asks::{Ask, Asked, Asking, Asks, all_asks, asks, is_misspelt, language_of_goal};
pub use fold::{Folded, fold, folded};
pub use hints::{Codes, Hint, codes, compared_by, hinting, hints, measured_by, singular};
pub use lexicon::{
    Lexicon, Sense, Tag, Tagged, UnitName, concept_number, foreign, language_of, lexicon, lexicons,
};
