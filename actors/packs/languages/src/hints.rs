//! Words of a goal that ask nothing by themselves and say how those beside them are meant, as data: `words/hints/NAME.toml` holds for each
//! language which words choose some of the rows, which set one thing against another, which judge, and before which something is named.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::lexicon::concept_number;

/// What a word says of the words beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// It chooses some of the rows, whatever its form: what was refunded is a part of what was sold.
    Choosing,
    /// Who or what does something: the word behind says what.
    Pronoun,
    /// Behind it stands which rows are meant.
    Leading,
    /// What stands behind is meant as a whole.
    Whole,
    /// It stands before a participle.
    Helping,
    /// It judges instead of naming an end, and means the good one.
    Best,
    /// The same of the bad one.
    Worst,
    /// One wants little of it.
    Unwanted,
    /// One wants much of it.
    Wanted,
    /// A verb of growth that goes down.
    Falling,
    /// Of the day on which something began.
    Beginning,
    /// Behind it stands what is counted.
    Most,
    /// It chooses the larger of what is compared.
    More,
    /// It chooses the smaller one.
    Less,
    /// It multiplies what stands on both sides.
    Multiplying,
    /// It points at the present and at no end of the data.
    Present,
    /// Each of what is named is meant.
    Both,
    /// It takes away what stands before it.
    ExcludedBehind,
    /// It says of what was done that it was not.
    Negating,
    /// It sets apart, at the head of a goal, which rows are meant.
    Apart,
    /// It says that a figure is told in percent.
    Percent,
    /// A verb before what is so or not: "that accept pets".
    Granting,
    /// It says that something was not paid.
    Unpaid,
    /// It says that something has not come to its end.
    Unfinished,
    /// Of the day on which something came to its end.
    Finished,
    /// It puts together what is named.
    Jointly,
    /// A verb of what brings money in.
    Earning,
    /// It sets what stands before it against what stands behind.
    Facing,
    /// It points back to what was told before.
    Back,
    /// Between two names it makes a rate of them: a price per night.
    Dividing,
    /// It points at whoever the words behind it choose: "those who have not paid".
    Those,
    /// The heading of what says whether something was paid.
    Settled,
    /// A verb of whoever takes what is sold.
    Buying,
    /// It stands before what rows are: "which are still open".
    Still,
    /// What stands behind it is a place, a time or a unit.
    Inside,
    /// It stands before a name.
    Article,
    /// It stands in the place of an article.
    Determining,
    /// It joins a name to what it is of.
    Of,
    /// It joins to a name what it has.
    Along,
    /// A verb of what moves away, to where it is meant to come.
    Going,
    /// A verb of where something was before.
    Coming,
    /// The heading of where something goes.
    Destination,
    /// The heading of where something comes from.
    Origin,
    /// A verb of whoever has less afterwards.
    Losing,
    /// What is slept somewhere, from one day to the next.
    Nights,
    /// It adds what stands behind to what stands before.
    Adding,
    /// A form of "to be": it says of what is named that it is so.
    Being,
    /// It says whose what stands behind it is.
    Owning,
    /// The heading of a place in an order.
    Placing,
    /// A word of a question for what there is, and for nothing that is done with it.
    Existing,
    /// The heading of what people wrote about a row: its words are no names.
    Remarking,
    /// It asks what something is called.
    Naming,
    /// The heading of what a row is called.
    Titling,
    /// The heading of the day by which something must be done.
    Due,
    /// In a heading, what stands before is told for one of what stands behind: `Preis je kg`.
    ForOne,
    /// It says that something came after the day by which it was due.
    Late,
    /// It says that something came in time.
    Punctual,
    /// Behind it stand the letters with which something is written at its beginning.
    Begun,
    /// The same at its end.
    Ended,
    /// The heading of what is told of one thing, line by line.
    Property,
    /// The heading of what stands beside it.
    Valued,
    /// Whoever comes about, whatever they are called.
    Anybody,
    /// Behind a verb it leads whoever did it, or for whom it was done.
    ByWhom,
    /// Of whoever has the first place.
    Winning,
    /// A verb of whoever has a place in an order.
    Ranked,
    /// The heading of what is numbered one after the other: rounds, laps.
    Numbering,
    /// A verb of whoever comes.
    Attending,
    /// A heading of those who come, whose numbers add up.
    Heads,
    /// A heading of how large something is.
    Extent,
    /// It ranks by how large something is.
    Sized,
    /// A verb of growth that also says that somebody grew something.
    Raising,
    /// A verb of what people wrote or said.
    Writing,
    /// It says that things are told apart by what they are, and not by which column.
    Sorting,
    /// How much of what there is was taken.
    Filled,
    /// The heading of how many there are of what stands beside it.
    Counting,
    /// The heading of what there is in all.
    Offered,
    /// The heading of what of it was taken.
    Taken,
    /// A verb of what is done with things that somebody has: a list of them does not tell it.
    Dealt,
    /// A verb of what begins.
    Commencing,
    /// A verb of what ends.
    Ceasing,
    /// The heading of the day on which something begins.
    FirstDay,
    /// The heading of the day on which it ends.
    LastDay,
    /// The heading of people of a kind: guides, nurses.
    People,
    /// Behind it stands what is told apart, and never what is done with it.
    Choice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[allow(dead_code)] // It says of which language the file is; the words of all are looked at.
    code: String,
    hints: BTreeMap<Hint, Vec<String>>,
    #[serde(default)]
    comparatives: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    measuring: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    plurals: BTreeMap<String, String>,
    codes: Vec<Codes>,
}

/// What one letter of a column stands for: by the letter, folded, the words that people say for it. The letters of one are found together.
pub type Codes = BTreeMap<String, Vec<String>>;

/// Words with whether they are beginnings only.
type Listed = Vec<(String, bool)>;

const FILES: [&str; 4] = [
    include_str!("../words/hints/english.toml"),
    include_str!("../words/hints/german.toml"),
    include_str!("../words/hints/french.toml"),
    include_str!("../words/hints/spanish.toml"),
];

static HINTS: LazyLock<BTreeMap<Hint, Listed>> = LazyLock::new(|| {
    let mut all: BTreeMap<Hint, Listed> = BTreeMap::new();
    let files = FILES.into_iter();
    for file in files.filter_map(|file| toml::from_str::<File>(file).ok()) {
        for (hint, words) in file.hints {
            let listed = words.into_iter().map(|word| match word.strip_suffix('*') {
                Some(begin) => (begin.to_owned(), true),
                None => (word, false),
            });
            all.entry(hint).or_default().extend(listed);
        }
    }
    all
});

static CODES: LazyLock<Vec<Codes>> = LazyLock::new(|| {
    let files = FILES.into_iter();
    let files = files.filter_map(|file| toml::from_str::<File>(file).ok());
    files.flat_map(|file| file.codes).collect()
});

/// The words of one table of every file, each with the thing that it is of.
fn things(table: fn(File) -> BTreeMap<String, Vec<String>>) -> BTreeMap<String, u32> {
    let files = FILES.into_iter();
    let files = files.filter_map(|file| toml::from_str::<File>(file).ok());
    let of = |(concept, words): (String, Vec<String>)| {
        let number = concept_number(&concept);
        words.into_iter().map(move |word| (word, number))
    };
    files.flat_map(table).flat_map(of).collect()
}

static COMPARATIVES: LazyLock<BTreeMap<String, u32>> =
    LazyLock::new(|| things(|file| file.comparatives));

static MEASURING: LazyLock<BTreeMap<String, u32>> = LazyLock::new(|| things(|file| file.measuring));

static PLURALS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let files = FILES.into_iter();
    let files = files.filter_map(|file| toml::from_str::<File>(file).ok());
    files
        .flat_map(|file| file.plurals)
        .map(|(one, several)| (several, one))
        .collect()
});

/// The word of which such a one, folded, is the plural by no rule: `loaf` of "loaves". None for any other word.
#[must_use]
pub fn singular(word: &str) -> Option<&'static str> {
    PLURALS.get(word).map(String::as_str)
}

/// The thing by which such a word, folded, compares: "older" by an age. None for any other word.
#[must_use]
pub fn compared_by(word: &str) -> Option<u32> {
    COMPARATIVES.get(word).copied()
}

/// The thing by which such a verb, folded, measures what it is said of: "weighs" by a weight. None for any other word.
#[must_use]
pub fn measured_by(word: &str) -> Option<u32> {
    MEASURING.get(word).copied()
}

/// The words that hint at this, in every language that came with this build.
pub fn hinting(hint: Hint) -> impl Iterator<Item = &'static str> {
    let words = HINTS.get(&hint).into_iter().flatten();
    words.map(|(word, _)| word.as_str())
}

/// The sets of letters that tables write for words, in every language that came with this build.
#[must_use]
pub fn codes() -> &'static [Codes] {
    &CODES
}

/// Whether a word, or several with spaces between them, folded, is such a one in any language that came with this build: people mix them.
#[must_use]
pub fn hints(hint: Hint, said: &str) -> bool {
    HINTS.get(&hint).is_some_and(|words| {
        words
            .iter()
            .any(|(word, begins)| said == word || *begins && said.starts_with(word.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_hints_that_is_shipped_can_be_read() {
        for file in FILES {
            toml::from_str::<File>(file).unwrap();
        }
    }

    #[test]
    fn a_word_hints_in_any_language_and_in_any_form_where_it_is_a_beginning() {
        for (hint, word) in [
            (Hint::Choosing, "refunded"),
            (Hint::Choosing, "storniert"),
            (Hint::More, "mehr"),
            (Hint::Percent, "en porcentaje"),
            (Hint::Leading, "im"),
            (Hint::Dividing, "pro"),
            (Hint::Article, "las"),
        ] {
            assert!(hints(hint, word), "{word}");
        }
        assert_eq!(compared_by("junger"), Some(concept_number("age")));
        assert_eq!(compared_by("bigger"), None);
        assert_eq!(measured_by("wiegt"), Some(concept_number("weight")));
        assert_eq!(measured_by("brings"), None);
        assert!(hinting(Hint::Settled).any(|word| word == "bezahlt"));
        for (hint, word) in [
            (Hint::More, "moreover"),
            (Hint::Choosing, "sold"),
            (Hint::Both, "bot"),
        ] {
            assert!(!hints(hint, word), "{word}");
        }
    }
}
