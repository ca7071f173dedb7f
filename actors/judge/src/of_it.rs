//! Whether a number that a document states is that of what an answer speaks of: of this person, place in an order, or length of time.

use std::collections::HashSet;

use crate::numeral::Number;
use crate::paper::{Paper, Sentence};
use crate::text::Text;
use crate::unit::Kind;

/// The pair of opposites of what costs nothing and what is paid for.
pub(crate) const FREE: u8 = 3;

/// The words that tell which of several numbers of a sentence is meant. "In business use, too, the full 24 months apply": where those of its
/// own clause are not in the sentence, all that come before the only number of its kind; "a ban of 12 months within two years": where another
/// number stands between, those behind it.
pub(crate) fn near_to(
    sentence: &Sentence,
    text: &Text,
    number: &Number,
    near: &HashSet<String>,
    all: &HashSet<String>,
) -> HashSet<String> {
    let alike = |own: &&Number| {
        let units = own.unit.as_ref().zip(number.unit.as_ref());
        own.start != number.start && units.is_some_and(|(a, b)| a.convert(1.0, b).is_some())
    };
    let alone = text.numbers.iter().filter(alike).count() == 0;
    let known = near.iter().any(|stem| sentence.own.contains(stem));
    let says = !near.is_empty() && number.unit.is_some();
    match (known, alone) {
        (false, true) if says => all.clone(),
        _ => near.clone(),
    }
}

/// "Replaced every two weeks" of what is cleaned so often and replaced once a year: another sentence says in a word how often that happens
/// of which the clause of a length of time speaks, and the sentence with this length has none of its words.
pub(crate) fn happens_otherwise(
    paper: &Paper,
    holder: usize,
    number: &Number,
    near: &HashSet<String>,
) -> Option<usize> {
    // Hours may be a time of day.
    let day = crate::unit::Unit::named(aios_languages::UnitName::Day).factor;
    let long = |unit: &&crate::unit::Unit| match unit.kind {
        Kind::Calendar => true,
        Kind::Time => unit.factor >= day,
        _ => false,
    };
    number.unit.as_ref().filter(long)?;
    let known: Vec<&String> = near.iter().filter(|stem| paper.knows(stem)).collect();
    let own = &paper.sentences[holder];
    // "Checked every four weeks and painted once a year": each clause of one sentence says it of its own.
    let text = &own.text;
    let here = own.says(number).map(|own| text.clause(own.start));
    let words = |clause: usize| -> HashSet<&String> {
        let all = text.stems.iter();
        let within = all.filter(|(word, _)| text.clause(text.words[*word].start) == clause);
        within.map(|(_, stem)| stem).collect()
    };
    let often = text.tags.iter().filter_map(|tag| match tag.tag {
        aios_languages::Tag::Often(_) => Some(text.clause(text.words[tag.from].start)),
        _ => None,
    });
    let mut others = often.filter(|clause| Some(*clause) != here);
    let crossed = here.is_some_and(|here| {
        let ours = words(here);
        !known.is_empty()
            && known.iter().all(|stem| !ours.contains(*stem))
            && others.any(|clause| known.iter().all(|stem| words(clause).contains(*stem)))
    });
    if crossed {
        return Some(holder);
    }
    if known.is_empty() || known.iter().any(|stem| own.own.contains(*stem)) {
        return None;
    }
    let block = own.block;
    paper.sentences.iter().position(|sentence| {
        let mut tags = sentence.text.tags.iter();
        let often = tags.any(|tag| matches!(tag.tag, aios_languages::Tag::Often(_)));
        often && sentence.block == block && known.iter().all(|stem| sentence.own.contains(*stem))
    })
}

/// "300 EUR the first time" of what the second costs: an amount that is told for a place in an order for which the source gives another one.
pub(crate) fn in_another_place(paper: &Paper, holder: usize, text: &Text, number: &Number) -> bool {
    use aios_languages::Tag;
    let amount = |own: &Number| own.unit.as_ref().is_some_and(crate::unit::Unit::is_money);
    let places = |text: &Text, clause: Option<usize>| -> HashSet<u8> {
        let tags = text.tags.iter().filter(|tag| {
            let own = text.clause(text.words[tag.from].start);
            clause.is_none_or(|clause| own == clause)
        });
        let found = tags.filter_map(|tag| match tag.tag {
            Tag::Ordinal(place) => Some(place),
            _ => None,
        });
        found.collect()
    };
    // Of its own clause, else of what goes on behind it up to the next amount.
    let mut own = places(text, Some(text.clause(number.start)));
    if own.is_empty() {
        let next = text
            .numbers
            .iter()
            .find(|own| own.start >= number.end && amount(own));
        let end = next.map_or(text.raw.len(), |next| next.start);
        let rest = text.raw.get(number.end..end).unwrap_or("");
        let end = number.end + rest.find(';').unwrap_or(rest.len());
        let behind = text.tags.iter().filter(|tag| {
            let place = text.words[tag.from].start;
            number.end <= place && place < end
        });
        own.extend(behind.filter_map(|tag| match tag.tag {
            Tag::Ordinal(place) => Some(place),
            _ => None,
        }));
    }
    if own.len() != 1 || !amount(number) {
        return false;
    }
    let source = &paper.sentences[holder];
    let clause = source.says(number).map(|own| source.text.clause(own.start));
    let theirs = places(&source.text, clause);
    if !theirs.is_empty() {
        return theirs.is_disjoint(&own);
    }
    let mut others = paper.sentences.iter().filter(|sentence| {
        let numbers = &sentence.text.numbers;
        numbers.iter().any(amount) && places(&sentence.text, None) == own
    });
    others.next().is_some()
}

/// Whether a unit is one of lengths of time.
pub(crate) fn timed(unit: &crate::unit::Unit) -> bool {
    matches!(unit.kind, Kind::Time | Kind::Calendar)
}

/// "12x a year" of what is done monthly: so many times in a length of time.
pub(crate) fn is_as_often(sentence: &Sentence, text: &Text, number: &Number) -> bool {
    use aios_languages::{Tag, UnitName};
    let next = text.words.partition_point(|word| word.start < number.end);
    let a_year = text.tags.iter().find_map(|tag| match tag.tag {
        Tag::Unit(name) if tag.from >= next => match name {
            UnitName::Year => Some(1.0),
            UnitName::Month => Some(12.0),
            UnitName::Week => Some(52.0),
            UnitName::Day => Some(365.0),
            _ => None,
        },
        _ => None,
    });
    let Some(a_year) = a_year.filter(|_| number.times && number.unit.is_none()) else {
        return false;
    };
    let mut tags = sentence.text.tags.iter();
    tags.any(|tag| matches!(tag.tag, Tag::Often(times) if number.equals(times / a_year)))
}

/// Whether the words around an amount are rather those of a clause of the sentence that says that something is free: "a lost pass costs 18 GBP;
/// changing the address is free".
pub(crate) fn is_free_here(sentence: &Sentence, number: &Number, near: &HashSet<String>) -> bool {
    let text = &sentence.text;
    let Some(own) = sentence.says(number) else {
        return false;
    };
    let words = |clause: usize| -> HashSet<&String> {
        let all = text.stems.iter();
        let here = all.filter(|(word, _)| text.clause(text.words[*word].start) == clause);
        here.map(|(_, stem)| stem).collect()
    };
    let mine = text.clause(own.start);
    let ours = words(mine);
    text.tags.iter().any(|tag| {
        let clause = text.clause(text.words[tag.from].start);
        let free = tag.tag == aios_languages::Tag::Opposite(FREE, false);
        if !free || clause == mine {
            return false;
        }
        let theirs = words(clause);
        let only = |these: &HashSet<&String>, those: &HashSet<&String>| {
            let all = near.iter();
            all.filter(|stem| these.contains(stem) && !those.contains(stem))
                .count()
        };
        only(&theirs, &ours) > only(&ours, &theirs)
    })
}
