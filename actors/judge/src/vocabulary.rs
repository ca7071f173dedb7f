//! The words that goal and sources have, read once: what an answer's words are held against.

use std::collections::{BTreeSet, HashSet};

use aios_languages::{Lexicon, Sense, folded, lexicons};

use crate::goal::Asked;
use crate::grid::Grid;
use crate::paper::Paper;
use crate::text::Text;

/// Names of a column whose words are kept.
const NAMES: usize = 2_000;

/// Known words.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    /// As they are written, folded, in order.
    pub words: BTreeSet<String>,
    /// Their stems, in every language, in order.
    pub stems: BTreeSet<String>,
    /// Words of goal, documents and names of columns, but not those in cells.
    pub said: HashSet<String>,
    /// What they are about.
    pub concepts: HashSet<u32>,
    /// What they mean in documents.
    pub senses: HashSet<Sense>,
}

impl Vocabulary {
    /// The words of a goal and its sources.
    pub(crate) fn of(asked: &Asked, grids: &[Grid], papers: &[Paper], lexicon: &Lexicon) -> Self {
        let mut known = Self::default();
        known.add_text(&asked.text);
        for sentence in papers.iter().flat_map(|paper| &paper.sentences) {
            known.add_text(&sentence.text);
            known
                .senses
                .extend(sentence.text.senses().map(|(sense, _)| sense));
        }
        for column in grids.iter().flat_map(|grid| &grid.columns) {
            known.stems.extend(column.stems.iter().cloned());
            known.concepts.extend(column.concepts.iter().copied());
            for word in folded(&column.name) {
                known.said.insert(word.text.clone());
                known.words.insert(word.text);
            }
        }
        for grid in grids {
            for column in 0..grid.columns.len() {
                for name in grid.names(column).iter().take(NAMES) {
                    for word in folded(name) {
                        known.stems.insert(lexicon.stem(&word.text));
                        known.words.insert(word.text);
                    }
                }
            }
        }
        known
    }

    fn add_text(&mut self, text: &Text) {
        self.stems
            .extend(text.stems.iter().map(|(_, stem)| stem.clone()));
        self.concepts.extend(text.concepts());
        for word in &text.words {
            self.said.insert(word.text.clone());
            self.words.insert(word.text.clone());
        }
    }

    /// Whether a known stem begins as this one: "shipment" and "shipping".
    pub(crate) fn is_alike(&self, stem: &str) -> bool {
        let chars = stem.chars().count();
        if chars < 5 {
            return false;
        }
        let most = (chars * 7).div_ceil(10).max(5);
        let head: String = stem.chars().take(most).collect();
        let begins = self
            .stems
            .range(head.clone()..)
            .next()
            .is_some_and(|known| known.starts_with(&head));
        begins
            || (5..chars).any(|count| {
                self.stems
                    .contains(&stem.chars().take(count).collect::<String>())
            })
    }

    /// Whether a word is the beginning of a known one and none itself, in any language.
    pub(crate) fn is_begun(&self, word: &str) -> bool {
        if self.words.contains(word)
            || lexicons()
                .iter()
                .any(|lexicon| self.stems.contains(&lexicon.stem(word)))
        {
            return false;
        }
        self.words
            .range(word.to_owned()..)
            .next()
            .is_some_and(|known| known.starts_with(word))
    }
}
