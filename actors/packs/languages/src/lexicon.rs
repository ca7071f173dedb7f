//! What is known of a language, as data: `words/NAME.toml` holds its words, and each has one or more meanings here.
//!
//! A language is added by a file. Which checks use a meaning, and how, is theirs: nothing here judges.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use rust_stemmers::{Algorithm, Stemmer};
use serde::Deserialize;

use crate::fold::{Folded, folded, stemmed};

/// What words of a language can mean to whoever reads a goal or judges an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // The names say it; the files give the words.
pub enum Sense {
    And,
    Total,
    Whole,
    Mean,
    Median,
    Count,
    Share,
    Growth,
    Difference,
    Ratio,
    Distinct,
    Up,
    Down,
    Flat,
    Highest,
    Lowest,
    Inverse,
    Magnitude,
    Lead,
    Amounts,
    Rank,
    Among,
    Section,
    Of,
    Against,
    More,
    Fewer,
    From,
    To,
    Absolute,
    Than,
    Within,
    Workdays,
    Valued,
    Steady,
    Only,
    /// What takes something out of all that is said.
    Except,
    /// What stands between a part and the round number that it is a part of.
    InEvery,
    /// What says that one of two is meant.
    OfTwo,
    /// A denial of nothing but the noun behind it.
    Lacking,
    /// What a source does that is asked whether it knows something; its names.
    Tells,
    Source,
    /// What points back to a name of the sentence before.
    Back,
    /// What asks for all of several.
    Lists,
    /// What names one more for whom something is asked.
    Toward,
    /// What says "only" with other words between: "ne ... que".
    OnlyOpens,
    OnlyCloses,
    /// What takes a part off an amount.
    Reduces,
    /// What says that something is left of a whole.
    Remains,
    /// On which side of a time another one lies: "before departure".
    Earlier,
    Later,
    /// What lets an amount go up: "rises by", "4 EUR more".
    Rises,
    /// What lets an amount go down: "falls by", "4 EUR less".
    Falls,
    /// Up to which time something is: "by noon".
    Until,
    /// From which time on something is: "as of May".
    Since,
    /// Of two limits the one that is reached first, or last.
    SoonerOf,
    LaterOf,
    Ahead,
    Behind,
    Others,
    Rest,
    Above,
    Below,
    AtLeast,
    AtMost,
    Limit,
    Roughly,
    Per,
    Between,
    Negation,
    Yes,
    No,
    Cause,
    Judgement,
    Meta,
    Hype,
    Rude,
    Chatter,
    Order,
    /// What says that something is done as somebody wants: "as the note in the file demands", with who wants it and that it is wanted.
    Like,
    Note,
    Wants,
    /// That something is paid; that nothing is.
    Costs,
    Nothing,
    /// Who writes, what looks after him, and that he has put it away: "I have switched off all checks".
    Myself,
    Guards,
    Disarms,
    Credential,
    Refusal,
    AskDuration,
    AskMoney,
    AskCount,
    AskDate,
    AskPerson,
    AskPlace,
    AskWhy,
    AskWhich,
    AskDirection,
    NounDuration,
    NounMoney,
    EachWord,
    FormSentence,
    FormWord,
    FormNumber,
    FormLine,
    FormBullet,
    FormParagraph,
    FormHaiku,
    FormJson,
    FormKeys,
    FormLetter,
    FormReview,
    KindNumber,
    KindText,
    KindList,
    KindTruth,
    FormTable,
    FormList,
    SaidLanguageEn,
    SaidLanguageDe,
    SaidLanguageFr,
    SaidLanguageEs,
    Describe,
}

/// Units that have names in a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum UnitName {
    Percent,
    Celsius,
    Fahrenheit,
    Degree,
    Kelvin,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Gram,
    Kilogram,
    Tonne,
    PoundMass,
    Metre,
    Centimetre,
    Millimetre,
    Kilometre,
    Mile,
    Foot,
    Inch,
    Litre,
    Millilitre,
    Watt,
    Kilowatt,
    KilowattHour,
    WattHour,
    MegawattHour,
    GigawattHour,
    Megawatt,
    Centilitre,
    Decilitre,
    Hectolitre,
    Milligram,
    Hectare,
    Ounce,
    Eur,
    Usd,
    Gbp,
    Chf,
    Jpy,
    Inr,
    Cent,
    Decibel,
    SquareMetre,
    CubicMetre,
    Point,
}

/// What a stretch of words means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tag {
    /// One of the meanings above.
    Sense(Sense),
    /// A number in words.
    Number(f64),
    /// A power of ten behind a number.
    Scale(f64),
    /// A part of the whole, in percent.
    Fraction(f64),
    /// How often a year: 12 for "monthly".
    Often(f64),
    /// A place in an order, 1 for the first.
    Ordinal(u8),
    /// A month, 1 to 12.
    Month(u8),
    /// A day of the week, 1 (Monday) to 7.
    Weekday(u8),
    /// A quarter of a year, 1 to 4.
    Quarter(u8),
    /// What makes a number a time of day: so many hours are added to it.
    Clock(u8),
    /// One of two sides of a pair of opposites, and which.
    Opposite(u8, bool),
    /// A unit.
    Unit(UnitName),
    /// A word for a thing that tables and documents are often about; the same number in every language.
    Concept(u32),
}

/// A stretch of words with what it means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tagged {
    /// The first of its words.
    pub from: usize,
    /// Behind the last of its words.
    pub to: usize,
    /// What they mean.
    pub tag: Tag,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    code: String,
    detected: String,
    stemmer: String,
    abbreviations: Vec<String>,
    stop: Vec<String>,
    closing: Vec<String>,
    denying: Vec<String>,
    joining: Vec<String>,
    opposites: Vec<Vec<String>>,
    alike: Vec<Vec<String>>,
    clock: HashMap<String, u8>,
    senses: HashMap<Sense, Vec<String>>,
    numbers: HashMap<String, f64>,
    scales: HashMap<String, f64>,
    fractions: HashMap<String, f64>,
    often: HashMap<String, f64>,
    ordinals: HashMap<String, u8>,
    months: Months,
    units: HashMap<UnitName, Vec<String>>,
    concepts: HashMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Months {
    names: Vec<Vec<String>>,
    weekdays: Vec<Vec<String>>,
    quarters: Vec<Vec<String>>,
}

/// The words of one language.
pub struct Lexicon {
    /// Its code of two letters.
    pub code: String,
    /// What `whatlang` calls it.
    pub detected: String,
    abbreviations: HashSet<String>,
    stop: HashSet<String>,
    closing: HashSet<String>,
    denying: HashSet<String>,
    joining: HashSet<String>,
    phrases: Phrases,
    stemmer: Stemmer,
    /// Of stems that say the same the one that stands for all of them.
    alike: HashMap<String, String>,
}

impl std::fmt::Debug for Lexicon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lexicon")
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

impl Lexicon {
    /// Reads the words of a language.
    ///
    /// # Errors
    /// When the text is no such file, with the place.
    pub fn read(toml: &str) -> Result<Self, String> {
        let file: File = toml::from_str(toml).map_err(|error| error.to_string())?;
        let mut phrases = Phrases::default();
        for (sense, entries) in &file.senses {
            entries
                .iter()
                .for_each(|entry| phrases.add(entry, Tag::Sense(*sense)));
        }
        for (word, number) in &file.numbers {
            phrases.add(word, Tag::Number(*number));
        }
        for (word, factor) in &file.scales {
            phrases.add(word, Tag::Scale(*factor));
        }
        for (word, percent) in &file.fractions {
            phrases.add(word, Tag::Fraction(*percent));
        }
        for (word, times) in &file.often {
            phrases.add(word, Tag::Often(*times));
        }
        for (word, place) in &file.ordinals {
            phrases.add(word, Tag::Ordinal(*place));
        }
        for (word, hours) in &file.clock {
            phrases.add(word, Tag::Clock(*hours));
        }
        for (pair, sides) in (0..).zip(file.opposites.chunks(2)) {
            for (side, words) in sides.iter().enumerate() {
                words
                    .iter()
                    .for_each(|word| phrases.add(word, Tag::Opposite(pair, side == 1)));
            }
        }
        type Made = fn(u8) -> Tag;
        let named: [(&[Vec<String>], Made); 3] = [
            (&file.months.names, Tag::Month),
            (&file.months.weekdays, Tag::Weekday),
            (&file.months.quarters, Tag::Quarter),
        ];
        for (names, tag) in named {
            for (number, names) in (1..).zip(names) {
                names.iter().for_each(|name| phrases.add(name, tag(number)));
            }
        }
        for (unit, names) in &file.units {
            names
                .iter()
                .for_each(|name| phrases.add(name, Tag::Unit(*unit)));
        }
        for (concept, words) in &file.concepts {
            let number = concept_number(concept);
            words
                .iter()
                .for_each(|word| phrases.add(word, Tag::Concept(number)));
        }
        let algorithm = match file.stemmer.as_str() {
            "english" => Algorithm::English,
            "german" => Algorithm::German,
            "french" => Algorithm::French,
            "spanish" => Algorithm::Spanish,
            other => {
                return Err(format!(
                    "there is no stemmer {other:?}; take english, german, french or spanish"
                ));
            }
        };
        let stemmer = Stemmer::create(algorithm);
        let mut alike = HashMap::new();
        for group in &file.alike {
            let mut stems = group.iter().map(|word| stemmed(&stemmer, &file.code, word));
            if let Some(first) = stems.next() {
                alike.extend(stems.map(|stem| (stem, first.clone())));
            }
        }
        Ok(Self {
            code: file.code,
            detected: file.detected,
            abbreviations: file.abbreviations.into_iter().collect(),
            stop: file.stop.into_iter().collect(),
            closing: file.closing.into_iter().collect(),
            denying: file.denying.into_iter().collect(),
            joining: file.joining.into_iter().collect(),
            phrases,
            stemmer,
            alike,
        })
    }

    /// A language without a word.
    #[must_use]
    pub fn none() -> Self {
        Self {
            code: String::new(),
            detected: String::new(),
            abbreviations: HashSet::new(),
            stop: HashSet::new(),
            closing: HashSet::new(),
            denying: HashSet::new(),
            joining: HashSet::new(),
            phrases: Phrases::default(),
            stemmer: Stemmer::create(Algorithm::English),
            alike: HashMap::new(),
        }
    }

    /// What the words mean, in the order of their starts; of two readings with the same meaning at one place the longer one.
    #[must_use]
    pub fn tags(&self, words: &[Folded]) -> Vec<Tagged> {
        self.phrases.find(words)
    }

    /// Whether a folded word carries no meaning of its own.
    #[must_use]
    pub fn is_stop(&self, word: &str) -> bool {
        self.stop.contains(word)
    }

    /// Whether a word that carries no meaning of its own can end a sentence: "Down, then up".
    #[must_use]
    pub fn is_closing(&self, word: &str) -> bool {
        self.closing.contains(word)
    }

    /// Whether a folded word denies the word right behind it: "not before 9".
    #[must_use]
    pub fn is_denying(&self, word: &str) -> bool {
        self.denying.contains(word)
    }

    /// Whether folded letters join two words to one: "Linden" before "allee" is "Linde" with an "n".
    #[must_use]
    pub fn is_joining(&self, letters: &str) -> bool {
        self.joining.contains(letters)
    }

    /// Whether words go on with what stands before their comma: a German infinitive with "zu" is a part of its sentence.
    #[must_use]
    pub fn goes_on(&self, words: &[Folded]) -> bool {
        let (Some(last), true) = (words.last(), self.code == "de") else {
            return false;
        };
        let before = words.len().checked_sub(2).and_then(|at| words.get(at));
        let apart = before.is_some_and(|word| word.text == "zu");
        let within =
            last.text.len() > 7 && last.text.get(2..).is_some_and(|end| end.contains("zu"));
        last.text.ends_with('n') && (apart || within)
    }

    /// Whether a point behind the folded word ends no sentence.
    #[must_use]
    pub fn is_abbreviation(&self, word: &str) -> bool {
        self.abbreviations.contains(word)
    }

    /// A folded word without its endings; of words that say the same all have one stem.
    #[must_use]
    pub fn stem(&self, word: &str) -> String {
        if word.bytes().any(|byte| byte.is_ascii_digit()) {
            return word.to_owned();
        }
        let stem = stemmed(&self.stemmer, &self.code, word);
        match self.alike.get(stem.as_str()) {
            Some(other) => other.clone(),
            None => stem,
        }
    }
}

/// The number of a concept: the same name has the same one in every file.
#[must_use]
pub fn concept_number(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Words one after the other, of which each may be a beginning only.
#[derive(Default)]
struct Phrases {
    whole: HashMap<String, Vec<(Vec<Part>, Tag)>>,
    begun: HashMap<String, Vec<(Vec<Part>, Tag)>>,
    longest: usize,
}

struct Part {
    text: String,
    begins: bool,
}

impl Part {
    fn fits(&self, word: &str) -> bool {
        if self.begins {
            word.starts_with(&self.text)
        } else {
            word == self.text
        }
    }
}

impl Phrases {
    fn add(&mut self, phrase: &str, tag: Tag) {
        let mut parts: Vec<Part> = folded(phrase)
            .into_iter()
            .map(|word| Part {
                begins: phrase[word.end..].starts_with('*'),
                text: word.text,
            })
            .collect();
        if parts.is_empty() {
            return;
        }
        let first = parts.remove(0);
        let shelf = if first.begins {
            self.longest = self.longest.max(first.text.len());
            &mut self.begun
        } else {
            &mut self.whole
        };
        shelf.entry(first.text).or_default().push((parts, tag));
    }

    fn find(&self, words: &[Folded]) -> Vec<Tagged> {
        let mut out: Vec<Tagged> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            let first = out.len();
            let mut look = |entries: &[(Vec<Part>, Tag)]| {
                for (rest, tag) in entries {
                    let to = at + 1 + rest.len();
                    let fits = words.get(at + 1..to).is_some_and(|behind| {
                        rest.iter()
                            .zip(behind)
                            .all(|(part, word)| part.fits(&word.text))
                    });
                    if !fits {
                        continue;
                    }
                    let found = Tagged {
                        from: at,
                        to,
                        tag: *tag,
                    };
                    match out[first..].iter_mut().find(|other| other.tag == *tag) {
                        Some(other) => other.to = other.to.max(to),
                        None => out.push(found),
                    }
                }
            };
            if let Some(entries) = self.whole.get(&word.text) {
                look(entries);
            }
            for end in 2..=word.text.len().min(self.longest) {
                if let Some(entries) = word.text.get(..end).and_then(|start| self.begun.get(start))
                {
                    look(entries);
                }
            }
        }
        out
    }
}

/// The languages that came with this build.
static LEXICONS: LazyLock<Vec<Arc<Lexicon>>> = LazyLock::new(|| {
    [
        include_str!("../words/english.toml"),
        include_str!("../words/german.toml"),
        include_str!("../words/french.toml"),
        include_str!("../words/spanish.toml"),
    ]
    .into_iter()
    .filter_map(|file| Lexicon::read(file).ok().map(Arc::new))
    .collect()
});

/// The languages that came with this build; English first.
#[must_use]
pub fn lexicons() -> &'static [Arc<Lexicon>] {
    &LEXICONS
}

/// The language of that code, if it came with this build.
#[must_use]
pub fn lexicon(code: &str) -> Option<Arc<Lexicon>> {
    lexicons()
        .iter()
        .find(|lexicon| lexicon.code == code)
        .cloned()
}

/// The code of the language a text is written in, of those that came with this build; none where that cannot be told.
///
/// Short texts are told by their stop words, longer ones by their letters too.
#[must_use]
pub fn language_of(text: &str) -> Option<&'static str> {
    let words = folded(text);
    let mut counts: Vec<(usize, &'static str)> = lexicons()
        .iter()
        .map(|lexicon| {
            let known = words
                .iter()
                .filter(|word| word.text.len() > 1 && lexicon.is_stop(&word.text))
                .count();
            (known, lexicon.code.as_str())
        })
        .collect();
    counts.sort_by_key(|(known, _)| std::cmp::Reverse(*known));
    let (first, second) = (counts.first()?, counts.get(1)?);
    if first.0 >= 2 && first.0 >= second.0 + 1 + second.0 / 3 {
        return Some(first.1);
    }
    let found = whatlang::detect(text).filter(|info| info.confidence() > 0.8)?;
    lexicons()
        .iter()
        .find(|lexicon| lexicon.detected == found.lang().code())
        .map(|lexicon| lexicon.code.as_str())
}

/// The name of the language a text is surely written in, if it is none of those that came with this build.
#[must_use]
pub fn foreign(text: &str) -> Option<&'static str> {
    if language_of(text).is_some() {
        return None;
    }
    let found =
        whatlang::detect(text).filter(|info| info.is_reliable() && text.chars().count() > 25)?;
    let known = lexicons()
        .iter()
        .any(|lexicon| lexicon.detected == found.lang().code());
    (!known).then(|| found.lang().eng_name())
}

#[cfg(test)]
mod tests;
