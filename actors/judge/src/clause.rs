//! Clauses and parts of a sentence: where they lie, what they speak of, what they deny.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag, Tagged};

use crate::text::Text;

/// A part of a sentence of a source, read once.
#[derive(Debug)]
pub(crate) struct Part {
    /// What it speaks of.
    pub stems: BTreeSet<String>,
    /// The word that it denies.
    pub denied: Option<String>,
    /// Whether it only names what a denial behind it speaks of too: "salt water" of "salt water, fuel and oil are not".
    pub listed: bool,
}

/// Words of a part that only names something.
const NAME: usize = 2;

/// The parts of a sentence.
pub(crate) fn read(text: &Text) -> Vec<Part> {
    let spans = parts(text).into_iter();
    spans
        .map(|(from, to)| {
            let stems = stems_of(text, from, to);
            let behind = text.raw.get(to..).unwrap_or("");
            let end = behind.find([';', ':']).map_or(usize::MAX, |at| to + at);
            let goes_on = text.raw.get(..to).is_some_and(|own| own.ends_with(','));
            let named = goes_on && stems.len() <= NAME && !denies(text, from, to);
            Part {
                listed: named && denies(text, to, end),
                stems: stems.into_iter().cloned().collect(),
                denied: denied_word(text, from, to).cloned(),
            }
        })
        .collect()
}

/// The parts of a sentence between commas, colons and semicolons.
pub(crate) fn parts(text: &Text) -> Vec<(usize, usize)> {
    let mut starts = vec![0];
    starts.extend(
        text.raw
            .match_indices([',', ';', ':', '—', '–'])
            .map(|(at, sign)| at + sign.len()),
    );
    let ends = starts.iter().skip(1).copied().chain([text.raw.len() + 1]);
    starts.iter().copied().zip(ends).collect()
}

/// The clauses of a sentence, also behind colons.
pub(crate) fn clause_spans(text: &Text) -> Vec<(usize, usize)> {
    let mut starts = text.clauses.clone();
    starts.extend(text.raw.match_indices(": ").map(|(at, _)| at + 1));
    starts.sort_unstable();
    let ends = starts.iter().skip(1).copied().chain([text.raw.len() + 1]);
    starts
        .iter()
        .copied()
        .zip(ends)
        .filter(|(start, end)| start < end)
        .collect()
}

/// The stems of a stretch.
pub(crate) fn stems_of(text: &Text, from: usize, to: usize) -> BTreeSet<&String> {
    let within = text
        .stems
        .iter()
        .filter(|(word, _)| (from..to).contains(&text.words[*word].start));
    within.map(|(_, stem)| stem).collect()
}

/// Whether a clause denies. "Without charge" denies nothing: it says that something is free.
pub(crate) fn denies(text: &Text, start: usize, end: usize) -> bool {
    // "Not closer than 150 m" sets a limit.
    let limits = |tag: &Tagged| {
        text.tags.iter().any(|other| {
            matches!(other.tag, Tag::Sense(Sense::AtLeast | Sense::AtMost))
                && other.from <= tag.from
                && tag.to <= other.to
        })
    };
    text.tags.iter().filter(|tag| !limits(tag)).any(|tag| {
        tag.tag == Tag::Sense(Sense::Negation)
            && (start..end).contains(&text.words[tag.from].start)
            && !text.tags.iter().any(|other| {
                matches!(other.tag, Tag::Opposite(..))
                    && other.from <= tag.from
                    && tag.to <= other.to
                    && other.to - other.from > 1
            })
    })
}

/// The word that a part of a sentence denies: the next one behind the negation, or the last one before it.
pub(crate) fn denied_word(text: &Text, from: usize, to: usize) -> Option<&String> {
    if !denies(text, from, to) {
        return None;
    }
    let negation = text.tags.iter().find(|tag| {
        tag.tag == Tag::Sense(Sense::Negation) && (from..to).contains(&text.words[tag.from].start)
    })?;
    let here = || {
        text.stems
            .iter()
            .filter(|(word, _)| (from..to).contains(&text.words[*word].start))
    };
    let behind = here().find(|(word, _)| *word >= negation.to);
    let found = behind.or_else(|| here().rfind(|(word, _)| *word < negation.from));
    found.map(|(_, stem)| stem)
}

/// Whether all that a text denies is a noun that is not among these words: "without a deposit" denies nothing but the deposit.
pub(crate) fn lacked(text: &Text, stems: &std::collections::HashSet<String>) -> bool {
    let denials = text
        .tags
        .iter()
        .filter(|tag| tag.tag == Tag::Sense(Sense::Negation));
    let mut denials = denials.peekable();
    let some = denials.peek().is_some();
    some && denials.all(|denial| {
        let lacks = text
            .tags
            .iter()
            .any(|tag| tag.tag == Tag::Sense(Sense::Lacking) && tag.from == denial.from);
        let noun = text.stems.iter().find(|(word, _)| *word >= denial.to);
        lacks && noun.is_some_and(|(_, noun)| !stems.contains(noun))
    })
}

/// On which sides of which opposites a stretch stands. What is not allowed is forbidden.
pub(crate) fn sides(text: &Text, start: usize, end: usize) -> BTreeSet<(u8, bool)> {
    let here = text
        .tags
        .iter()
        .filter(|tag| (start..end).contains(&text.words[tag.from].start));
    here.filter_map(|tag| match tag.tag {
        Tag::Opposite(pair, side) => Some((pair, side != is_turned(text, tag, start, end))),
        _ => None,
    })
    .collect()
}

/// Whether a comma parts two words: "no, they are forbidden" turns nothing round.
fn parted(text: &Text, one: &Tagged, other: &Tagged) -> bool {
    let (from, to) = (text.words[one.to - 1].end, text.words[other.from].start);
    text.raw.get(from..to).is_some_and(|gap| gap.contains(','))
}

/// Words between a negation and what it turns round.
const TURNS: usize = 4;

/// Whether a word that is one side of two is denied right before it: "never permitted". A word that is the other side itself, such as
/// "forbidden", denies nothing of its own pair.
fn is_turned(text: &Text, word: &Tagged, start: usize, end: usize) -> bool {
    let Tag::Opposite(pair, _) = word.tag else {
        return false;
    };
    text.tags.iter().any(|tag| {
        let itself = text.tags.iter().any(|other| {
            matches!(other.tag, Tag::Opposite(own, _) if own == pair)
                && other.from <= tag.from
                && tag.to <= other.to
        });
        tag.tag == Tag::Sense(Sense::Negation)
            && (start..end).contains(&text.words[tag.from].start)
            && !parted(text, tag, word)
            && tag.to <= word.from
            && word.from - tag.to <= TURNS
            && !itself
    })
}
