//! Goals about documents: summaries, answers with the place quoted, fields by a schema.
//!
//! A [`Document`] is what a file says to its reader, block by block, with the place of each; one reader for each format makes it. Tools search
//! it, and give passages with their places; every passage that an answer quotes is looked up in the file a second time. The prose is the
//! model's where there is one, and each of its sentences is held against what is quoted.
//!
//! Where to read next: `document` and `place` for the type in the middle, `read` for the formats, `ranking` for what matters, `tools` for
//! what an executor calls, `pack` for what the orchestrator is given.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod document;
mod fields;
mod findings;
mod intent;
mod lexicon;
mod pack;
mod place;
mod plan;
mod ranking;
mod read;
mod report;
mod second_look;
mod spelling;
mod support;
mod tools;
mod words;

pub use document::{Document, Format, Left, Leftovers};
pub use pack::{DocumentsPack, pack};
pub use place::Place;
pub use plan::NAME;
pub use read::read;
pub use second_look::DocumentReader;
pub use tools::{Embedder, LOOKS, Quote, TOOLS, tools};
