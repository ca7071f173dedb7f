//! Words, ranked by BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009).

use std::collections::{BTreeMap, HashMap};

use crate::vector::best;

/// How fast repeating a word stops to help.
const K1: f32 = 1.2;
/// How much a long text is held against it.
const B: f32 = 0.75;

/// Lower-case words and numbers of a text, in order. `Q3-2026` is `q3`, `2026`.
pub fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}

/// Texts by key; best match by words.
#[derive(Clone, Debug, Default)]
pub struct KeywordIndex {
    /// Word to the texts that hold it, with how often.
    postings: HashMap<String, BTreeMap<u32, u32>>,
    /// Key to the distinct words of its text and its length in words.
    texts: HashMap<u32, (Vec<String>, u32)>,
    /// Sum of all lengths, for the mean.
    words: u64,
}

impl KeywordIndex {
    /// An empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Adds a text, or replaces the one of that key.
    pub fn insert(&mut self, key: u32, text: &str) {
        self.remove(key);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for word in tokens(text) {
            *counts.entry(word).or_default() += 1;
        }
        let length = counts.values().sum();
        self.words += u64::from(length);
        self.texts
            .insert(key, (counts.keys().cloned().collect(), length));
        for (word, count) in counts {
            self.postings.entry(word).or_default().insert(key, count);
        }
    }

    /// Removes a text; says whether it was there.
    pub fn remove(&mut self, key: u32) -> bool {
        let Some((words, length)) = self.texts.remove(&key) else {
            return false;
        };
        self.words -= u64::from(length);
        for word in words {
            if let Some(holders) = self.postings.get_mut(&word) {
                holders.remove(&key);
                if holders.is_empty() {
                    self.postings.remove(&word);
                }
            }
        }
        true
    }

    /// The `k` best texts with a score above 0, best first, the lower key first among equals.
    pub fn search(&self, query: &str, k: usize) -> Vec<(u32, f32)> {
        let total = self.texts.len() as f32;
        let mean = (self.words as f32 / total.max(1.0)).max(1.0);
        let mut wanted: Vec<String> = tokens(query).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let mut scores: HashMap<u32, f32> = HashMap::new();
        for word in &wanted {
            let Some(holders) = self.postings.get(word) else {
                continue;
            };
            let held = holders.len() as f32;
            let rarity = (1.0 + (total - held + 0.5) / (held + 0.5)).ln();
            for (key, count) in holders {
                let length = self.texts.get(key).map_or(0, |(_, length)| *length) as f32;
                let count = *count as f32;
                let weight = count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / mean));
                *scores.entry(*key).or_default() += rarity * weight;
            }
        }
        let mut scored: Vec<(u32, f32)> = scores.into_iter().collect();
        best(&mut scored, k);
        scored
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rare_words_short_texts_and_repetition_count_and_absent_words_do_not() {
        let mut index = KeywordIndex::new();
        let texts = [
            "sales of bicycles in the north",
            "sales of helmets in the south",
            "the quarterly sales report covers all of the regions and all of the products we sell",
            "Sales, sales, SALES!",
            "weather",
        ];
        for (key, text) in texts.iter().enumerate() {
            index.insert(key as u32, text);
        }
        for (query, expected) in [
            ("bicycles", vec![0]),
            ("SALES helmets", vec![1, 3, 0, 2]),
            ("sales", vec![3, 0, 1, 2]),
            ("the north", vec![0, 2, 1]),
            ("nothing of the kind", vec![2, 0, 1]),
            ("unheard", vec![]),
            ("", vec![]),
        ] {
            let found: Vec<u32> = index
                .search(query, 9)
                .into_iter()
                .map(|(key, _)| key)
                .collect();
            assert_eq!(found, expected, "{query}");
        }
    }

    #[test]
    fn one_word_scores_by_the_formula() {
        let mut index = KeywordIndex::new();
        index.insert(1, "a b");
        index.insert(2, "a a c d");
        index.insert(3, "e f g");
        // Three texts of mean length 3; "a" is in two of them.
        let rarity = (1.0f32 + 1.5 / 2.5).ln();
        let one = rarity * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 2.0 / 3.0));
        let two = rarity * 4.4 / (2.0 + 1.2 * (0.25 + 0.75 * 4.0 / 3.0));
        let found = index.search("a", 9);
        assert_eq!(
            found.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
            [2, 1]
        );
        assert!(
            (found[0].1 - two).abs() < 1e-6 && (found[1].1 - one).abs() < 1e-6,
            "{found:?}"
        );
    }

    proptest! {
        #[test]
        fn removing_a_text_leaves_the_index_as_if_it_had_never_been(
            kept in prop::collection::vec("[a-d ]{0,12}", 0..8),
            gone in prop::collection::vec("[a-d ]{0,12}", 0..8),
        ) {
            let (mut with, mut without) = (KeywordIndex::new(), KeywordIndex::new());
            for (key, text) in gone.iter().enumerate() {
                with.insert(100 + key as u32, text);
            }
            for (key, text) in kept.iter().enumerate() {
                with.insert(key as u32, text);
                without.insert(key as u32, text);
            }
            for key in 0..gone.len() {
                prop_assert!(with.remove(100 + key as u32));
            }
            prop_assert_eq!(with.postings.len(), without.postings.len());
            prop_assert_eq!(with.search("a b c d", 99), without.search("a b c d", 99));
        }
    }
}
