//! What the words of a goal ask of data, as data: `words/asks/NAME.toml` holds for each language which words mean a total, a ranking, a
//! limit, a period, and which mean nothing. How a question is made of them is for whoever reads goals.
//!
//! [`lexicon`](crate::lexicon()) knows what words say in an answer; the two differ because "most" in a goal asks and in an answer states.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

use crate::fold::{Folded, folded};
use crate::lexicon::concept_number;

/// What a stretch of a goal asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it; the files give the words.
pub enum Ask {
    Total,
    Mean,
    Median,
    Count,
    Distinct,
    Highest,
    Lowest,
    Top,
    Bottom,
    Share,
    Growth,
    Change,
    Compare,
    Ratio,
    Range,
    Deviation,
    Variance,
    Percentile,
    Weighted,
    Correlation,
    Trend,
    Overview,
    List,
    Rank,
    Per,
    Which,
    Who,
    When,
    Where,
    Rows,
    Above,
    Below,
    AtLeast,
    AtMost,
    Exactly,
    Between,
    And,
    Or,
    Without,
    Missing,
    Only,
    From,
    Since,
    Until,
    Before,
    After,
    To,
    Last,
    Previous,
    First,
    YearToDate,
    FirstHalf,
    SecondHalf,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Weekday,
    Weekend,
    Workday,
    Hour,
    Daily,
    Weekly,
    Monthly,
    Quarterly,
    Yearly,
    Running,
    BelowZero,
    AboveZero,
    Outlier,
    Reason,
    There,
    Filler,
}

/// What a stretch of words means in a goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// One of the meanings above.
    Ask(Ask),
    /// A thing that data are often about; the same number in every language.
    Concept(u32),
    /// Most or least of a concept: "cheapest".
    Superlative(Ask, u32),
    /// The second, the third.
    Ordinal(u32),
}

/// A stretch of words with what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The first of its words.
    pub from: usize,
    /// Behind the last of its words.
    pub to: usize,
    /// What they mean.
    pub asking: Asking,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    code: String,
    // In one order always: a word that stands in two places is read alike in every process.
    asks: BTreeMap<Ask, Vec<String>>,
    superlatives: BTreeMap<String, (Ask, String)>,
    ordinals: BTreeMap<String, u32>,
    concepts: BTreeMap<String, Vec<String>>,
}

/// The words of one language in goals.
#[derive(Debug)]
pub struct Asks {
    /// Its code of two letters.
    pub code: String,
    /// By the first letters of the first word, so that a word is compared with few entries.
    shelves: HashMap<String, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    /// Each with whether it is a beginning only.
    words: Vec<(String, bool)>,
    asking: Asking,
}

/// Bytes of a first word by which entries are found.
const SHELF: usize = 2;

fn shelf(word: &str) -> &str {
    word.get(..SHELF).unwrap_or(word)
}

impl Asks {
    /// Reads the words of a language.
    ///
    /// # Errors
    /// When the text is no such file, with the place.
    pub fn read(toml: &str) -> Result<Self, String> {
        let file: File = toml::from_str(toml).map_err(|error| error.to_string())?;
        let mut asks = Self {
            code: file.code,
            shelves: HashMap::new(),
        };
        for (ask, phrases) in &file.asks {
            for phrase in phrases {
                asks.add(phrase, Asking::Ask(*ask));
            }
        }
        for (phrase, (ask, concept)) in &file.superlatives {
            asks.add(phrase, Asking::Superlative(*ask, concept_number(concept)));
        }
        for (phrase, number) in &file.ordinals {
            asks.add(phrase, Asking::Ordinal(*number));
        }
        for (concept, phrases) in &file.concepts {
            for phrase in phrases {
                asks.add(phrase, Asking::Concept(concept_number(concept)));
            }
        }
        Ok(asks)
    }

    fn add(&mut self, phrase: &str, asking: Asking) {
        let words: Vec<(String, bool)> = folded(phrase)
            .into_iter()
            .map(|word| {
                let begins = phrase[word.end..].starts_with('*');
                (word.text, begins)
            })
            .collect();
        if let Some((first, _)) = words.first() {
            let key = shelf(first).to_owned();
            self.shelves
                .entry(key)
                .or_default()
                .push(Entry { words, asking });
        }
    }

    /// Every meaning of every stretch of words, in the order of their starts.
    #[must_use]
    pub fn find(&self, words: &[Folded]) -> Vec<Asked> {
        let mut out = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let entries = self.shelves.get(shelf(&word.text));
            for entry in entries.into_iter().flatten() {
                let to = at + entry.words.len();
                let fits = words.get(at..to).is_some_and(|said| {
                    said.iter()
                        .zip(&entry.words)
                        .all(|(said, (known, begins))| {
                            if *begins {
                                said.text.starts_with(known.as_str())
                            } else {
                                said.text == *known
                            }
                        })
                });
                if fits {
                    out.push(Asked {
                        from: at,
                        to,
                        asking: entry.asking,
                    });
                }
            }
        }
        out.sort_by_key(|asked| (asked.from, std::cmp::Reverse(asked.to)));
        out
    }

    /// What a word of one entry means that differs from it by one letter, or by two that changed places; none where several things come as
    /// near. Short words and words without meaning are near to nothing.
    #[must_use]
    pub fn near(&self, word: &str) -> Option<(String, Asking)> {
        let mut found: Option<(String, Asking)> = None;
        let entries = self.shelves.values().flatten();
        for entry in entries {
            let [(known, _)] = entry.words.as_slice() else {
                continue;
            };
            let plain = entry.asking == Asking::Ask(Ask::Filler);
            if plain || !is_misspelt(word, known) {
                continue;
            }
            match &mut found {
                Some((_, other)) if *other != entry.asking => return None,
                // The same one in every process.
                Some((least, _)) if known.as_str() < least.as_str() => least.clone_from(known),
                Some(_) => {}
                None => found = Some((known.clone(), entry.asking)),
            }
        }
        found
    }

    /// The concepts that a column's heading may stand for.
    #[must_use]
    pub fn concepts(&self, words: &[Folded]) -> Vec<u32> {
        self.find(words)
            .into_iter()
            .filter_map(|asked| match asked.asking {
                Asking::Concept(number) => Some(number),
                _ => None,
            })
            .collect()
    }
}

/// Letters that a word must have to be known again by the others.
const LETTERS: usize = 6;

/// Whether two long words, folded, differ by one letter that is wrong, missing or too much, or by two that changed places.
#[must_use]
pub fn is_misspelt(word: &str, known: &str) -> bool {
    let (word, known): (Vec<char>, Vec<char>) = (word.chars().collect(), known.chars().collect());
    let letters = |word: &[char]| word.len() >= LETTERS && word.iter().all(|c| c.is_alphabetic());
    if !letters(&word) || !letters(&known) || word == known {
        return false;
    }
    let same = word.iter().zip(&known).take_while(|(a, b)| a == b).count();
    let (word, known) = (&word[same..], &known[same..]);
    match word.len() as i64 - known.len() as i64 {
        // The first letter is seldom the wrong one.
        _ if same == 0 => false,
        0 => {
            let swapped = word.len() >= 2
                && word[0] == known[1]
                && word[1] == known[0]
                && word[2..] == known[2..];
            swapped || word[1..] == known[1..]
        }
        1 => word[1..] == *known,
        -1 => *word == known[1..],
        _ => false,
    }
}

static ASKS: LazyLock<Vec<Asks>> = LazyLock::new(|| {
    FILES
        .into_iter()
        .filter_map(|file| Asks::read(file).ok())
        .collect()
});

const FILES: [&str; 4] = [
    include_str!("../words/asks/english.toml"),
    include_str!("../words/asks/german.toml"),
    include_str!("../words/asks/french.toml"),
    include_str!("../words/asks/spanish.toml"),
];

/// The words of goals in every language that came with this build; English first.
#[must_use]
pub fn all_asks() -> &'static [Asks] {
    &ASKS
}

/// The words of goals in the language of that code; in English where there is no such language.
#[must_use]
pub fn asks(code: &str) -> Option<&'static Asks> {
    let known = ASKS.iter().find(|asks| asks.code == code);
    known.or_else(|| ASKS.first())
}

/// The code of the language that a goal is written in: the one that knows most of its words as words of asking.
#[must_use]
pub fn language_of_goal(text: &str) -> &'static str {
    let words = folded(text);
    let mut best = ("en", 0);
    for asks in all_asks() {
        let mut known = vec![0_u32; words.len()];
        for asked in asks.find(&words) {
            let weight = match asked.asking {
                // Words like "total" and "region" are the same in several languages.
                Asking::Ask(Ask::Filler) => 3,
                Asking::Ask(_) | Asking::Superlative(..) | Asking::Ordinal(_) => 2,
                Asking::Concept(_) => 1,
            };
            for word in known.iter_mut().take(asked.to).skip(asked.from) {
                *word = (*word).max(weight);
            }
        }
        // "Kosten je Filiale": the French word stands before a verb, and never before a name.
        if asks.code == "fr" {
            for (at, word) in words
                .iter()
                .enumerate()
                .filter(|(_, word)| word.text == "je")
            {
                let next = words.get(at + 1).and_then(|next| text.get(next.start..));
                if word.start > 0
                    && next.is_some_and(|next| next.starts_with(char::is_uppercase))
                    && let Some(weight) = known.get_mut(at)
                {
                    *weight = 0;
                }
            }
        }
        // A single letter is a label as often as a word.
        let score: u32 = known
            .iter()
            .zip(&words)
            .map(|(weight, word)| {
                if word.text.len() == 1 {
                    (*weight).min(1)
                } else {
                    *weight
                }
            })
            .sum();
        if score > best.1 {
            best = (asks.code.as_str(), score);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_of_goals_that_is_shipped_can_be_read() {
        for file in FILES {
            Asks::read(file).unwrap();
        }
        assert_eq!(all_asks().len(), FILES.len());
    }

    #[test]
    fn a_word_with_one_wrong_letter_is_known_again_and_another_word_is_not() {
        for (one, other) in [
            ("temprature", "temperature"),
            ("averge", "average"),
            ("quantitty", "quantity"),
            ("amuont", "amount"),
        ] {
            assert!(is_misspelt(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("prize", "price"),
            ("region", "religion"),
            ("orders", "borders"),
            ("average", "average"),
            ("county", "countries"),
        ] {
            assert!(!is_misspelt(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_goal_tells_its_language_by_few_words() {
        let rows = [
            ("Total revenue in North", "en"),
            ("Umsatz je Region", "de"),
            ("Gesamtumsatz im März", "de"),
            ("Wie hoch ist der Umsatz?", "de"),
            ("Chiffre d'affaires par région", "fr"),
            ("Quel est le total des ventes par mois ?", "fr"),
            ("Ventas totales por región", "es"),
            ("¿Cuál es el precio medio?", "es"),
            ("Average price per product", "en"),
            ("Analysiere den Umsatz", "de"),
            ("12", "en"),
        ];
        for (goal, code) in rows {
            assert_eq!(language_of_goal(goal), code, "{goal}");
        }
    }
}
