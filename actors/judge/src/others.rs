//! Whether the words around a number are those of another number: of the same sentence, of another day, of other things that are counted.

use std::collections::{BTreeSet, HashSet};

use aios_languages::{Sense, Tag};

use crate::equal::same;
use crate::numeral::Number;
use crate::paper::{Paper, Sentence, weekdays};
use crate::text::Text;
use crate::unit::Kind;

/// Whether the words around a number belong to another number of the same sentence: "books 7 days" where books have 28 and films 7.
///
/// Where a number's own clause does not tell, goal and the sentence before do: "the deposit is 150" of what was asked about the other.
pub(crate) fn crossed(
    sentence: &Sentence,
    number: &Number,
    near: &HashSet<String>,
    all: &HashSet<String>,
    context: &HashSet<String>,
    said: &BTreeSet<(u8, bool)>,
) -> bool {
    let text = &sentence.text;
    let Some(own) = text.numbers.iter().find(|own| same(number, own)) else {
        return false;
    };
    let inside = |place: usize| {
        text.numbers
            .iter()
            .any(|number| number.start <= place && place < number.end)
    };
    let around = |place: usize| -> HashSet<&String> {
        let clause = text.clause(place);
        let within = text.stems.iter().filter(|(word, _)| {
            let start = text.words[*word].start;
            text.clause(start) == clause && !inside(start)
        });
        within.map(|(_, stem)| stem).collect()
    };
    // "A deposit of 150 for the one and of 400 for the other": what comes before the first is said of both.
    let leads = |place: usize| -> HashSet<&String> {
        let clause = text.clause(place);
        let part = part_start(text, place);
        let mut numbers = text.numbers.iter();
        let first = !numbers.any(|other| part <= other.start && other.start < place);
        let within = text.stems.iter().filter(|(word, _)| {
            let start = text.words[*word].start;
            let here = text.clause(start) == clause || (first && part <= start);
            start < place && here && !inside(start)
        });
        within.map(|(_, stem)| stem).collect()
    };
    let here = around(own.start);
    text.numbers
        .iter()
        .filter(|other| !same(number, other) && alike(own, other))
        .filter(|other| text.clause(other.start) != text.clause(own.start))
        .any(|other| {
            let there = around(other.start);
            let (ours, theirs) = (sides_at(text, own.start), sides_at(text, other.start));
            if said.iter().any(|side| ours.contains(side)) {
                return false;
            }
            let crossed = said.iter().any(|(pair, side)| {
                theirs.contains(&(*pair, *side)) && ours.contains(&(*pair, !side))
            });
            if crossed {
                return true;
            }
            let (first, second) = if own.start < other.start {
                (own, other)
            } else {
                (other, own)
            };
            let elliptic = leads(second.start).is_empty()
                && leads(first.start).iter().any(|stem| near.contains(*stem));
            // "For a trip abroad, and 650 for one at home": the second goes on with what the first is of.
            let shared = match (elliptic, points_back(text, second.start)) {
                (_, true) => around(first.start),
                (true, _) => leads(first.start),
                _ => HashSet::new(),
            };
            let only =
                |these: &HashSet<&String>, those: &HashSet<&String>, words: &HashSet<String>| {
                    words.iter().any(|stem| {
                        these.contains(stem) && !those.contains(stem) && !shared.contains(stem)
                    })
                };
            let alone = |stem: &&&String, these: &HashSet<&String>, those: &HashSet<&String>| {
                these.contains(**stem) && !those.contains(**stem)
            };
            let near: Vec<&String> = near.iter().collect();
            let fits = near.iter().any(|stem| alone(&stem, &here, &there));
            let fits_other = near
                .iter()
                .any(|stem| alone(&stem, &there, &here) && !shared.contains(*stem));
            if fits_other || shared.is_empty() {
                return fits_other && !fits;
            }
            let own = here
                .iter()
                .filter(|stem| !there.contains(**stem) && !shared.contains(**stem));
            // "Electric ones are 34, and the deposit is 250": what its own sentence speaks of is meant.
            let fits = all
                .iter()
                .any(|stem| alone(&&stem, &here, &there) && !shared.contains(stem));
            !fits
                && own.count() > 0
                && only(&there, &here, context)
                && !only(&here, &there, context)
        })
}

/// Whether the clause of a number names another one too, and so does the clause of the source: "between 14 and 4 days".
pub(crate) fn in_a_pair(sentence: &Sentence, text: &Text, number: &Number) -> bool {
    let source = &sentence.text;
    let clause = text.clause(number.start);
    let Some(own) = sentence.says(number) else {
        return false;
    };
    let beside = text.numbers.iter().filter(|other| {
        other.start != number.start && text.clause(other.start) == clause && alike(number, other)
    });
    let mut beside = beside.peekable();
    beside.peek().is_some()
        && beside.all(|other| {
            let mut theirs = source.numbers.iter();
            theirs.any(|theirs| {
                source.clause(theirs.start) == source.clause(own.start) && same(other, theirs)
            })
        })
}

/// On which sides of which opposites the clause at a place stands.
pub(crate) fn sides_at(text: &Text, place: usize) -> BTreeSet<(u8, bool)> {
    let clause = text.clause(place);
    let from = text.clauses.get(clause).copied().unwrap_or(0);
    let to = text
        .clauses
        .get(clause + 1)
        .copied()
        .unwrap_or(text.raw.len() + 1);
    crate::clause::sides(text, from, to)
}

/// Whether a word of the clause at a place points back to what stands before it.
fn points_back(text: &Text, place: usize) -> bool {
    let clause = text.clause(place);
    text.tags.iter().any(|tag| {
        let at = text.words[tag.from].start;
        tag.tag == Tag::Sense(Sense::Back) && at > place && text.clause(at) == clause
    })
}

/// Whether one number can be taken for another: an amount of money is no length of time.
fn alike(one: &Number, other: &Number) -> bool {
    match (&one.unit, &other.unit) {
        (Some(a), Some(b)) => a.convert(1.0, b).is_some() || (a.is_money() && b.is_money()),
        (None, None) => true,
        _ => false,
    }
}

/// Whether an amount of money is told for another length of time than the source's: "0.50 a day" where it is for each week.
pub(crate) fn paid_otherwise(source: &Text, own: &Number, text: &Text, number: &Number) -> bool {
    let money = number
        .unit
        .as_ref()
        .is_some_and(crate::unit::Unit::is_money);
    if !money {
        return false;
    }
    let (theirs, ours) = (times_of(source, own), times_of(text, number));
    !theirs.is_empty() && !ours.is_empty() && theirs.is_disjoint(&ours)
}

/// The lengths of time that an amount is for, by what stands nearest to it: "per week", "a month".
fn times_of(text: &Text, number: &Number) -> HashSet<aios_languages::UnitName> {
    use aios_languages::{Sense, Tag, UnitName as N};
    let nearest = |place: usize| {
        let amounts = text.numbers.iter().filter(|own| own.unit.is_some());
        amounts.min_by_key(|own| {
            if own.end <= place {
                place - own.end
            } else {
                own.start.saturating_sub(place)
            }
        })
    };
    let behind = text.words.partition_point(|word| word.start < number.end);
    // "The annual fee is 48 EUR".
    let clause = text.clause(number.start);
    let alone = {
        let mut amounts = text.numbers.iter().filter(|own| own.unit == number.unit);
        amounts.all(|own| own.start == number.start || text.clause(own.start) != clause)
    };
    let often = text.tags.iter().filter_map(|tag| match tag.tag {
        Tag::Often(times) => {
            let known = [
                (1.0, N::Year),
                (12.0, N::Month),
                (52.0, N::Week),
                (365.0, N::Day),
            ];
            let (_, unit) = known.into_iter().find(|(own, _)| *own == times)?;
            let here = text.clause(text.words[tag.from].start) == clause;
            (here && alone).then_some(unit)
        }
        _ => None,
    });
    let often: Vec<N> = often.collect();
    text.tags
        .iter()
        .filter_map(|tag| match tag.tag {
            Tag::Unit(unit @ (N::Hour | N::Day | N::Week | N::Month | N::Year)) => {
                Some((unit, tag))
            }
            _ => None,
        })
        .filter(|(_, tag)| {
            let place = text.words[tag.from].start;
            let per = text.tags.iter().any(|other| {
                other.tag == Tag::Sense(Sense::Per)
                    && other.to <= tag.from
                    && tag.from - other.to <= 1
            });
            // "8 EUR a month": one small word between.
            let article = tag.from == behind + 1
                && text
                    .words
                    .get(behind)
                    .is_some_and(|word| word.text.len() <= 2);
            let counted = text
                .numbers
                .iter()
                .any(|own| own.start <= place && place < own.end);
            !counted
                && (article || per)
                && nearest(place).is_some_and(|own| own.start == number.start)
        })
        .map(|(unit, _)| unit)
        .chain(often)
        .collect()
}

/// In how many sentences a word stands that says of whom something is.
const TELLING: usize = 2;

/// Whether a part is told of something of which only other sentences speak: "25 % off drinks" where that is said of cakes.
pub(crate) fn of_something_else(
    paper: &Paper,
    holder: &Sentence,
    text: &Text,
    number: &Number,
) -> bool {
    let part = number
        .unit
        .as_ref()
        .is_some_and(crate::unit::Unit::is_share)
        && !number.spelled;
    let clause = text.clause(number.start);
    // "80 % of the price" is of what all amounts are.
    let plain = |word: usize| {
        !text
            .tags
            .iter()
            .any(|tag| tag.from <= word && word < tag.to && tag.tag == Tag::Sense(Sense::NounMoney))
    };
    let near: Vec<&String> = text
        .stems
        .iter()
        .filter(|(word, _)| text.clause(text.words[*word].start) == clause && plain(*word))
        .map(|(_, stem)| stem)
        .filter(|stem| (1..=TELLING).contains(&paper.count(stem)))
        .collect();
    let here = |stem: &String| holder.stems.contains(stem) || holder.before.contains(stem);
    part && !near.is_empty() && !near.into_iter().any(here)
}

/// Whether a bare number counts things that the text does not speak of: "six weeks" is no "six books".
pub(crate) fn counts_another(source: &Text, own: &Number, text: &Text, number: &Number) -> bool {
    let timed = number
        .unit
        .as_ref()
        .is_some_and(|unit| matches!(unit.kind, Kind::Time | Kind::Calendar));
    if own.unit.is_some() || !timed {
        return false;
    }
    let next = source.words.partition_point(|word| word.start < own.end);
    let noun = source.stems.iter().find(|(word, _)| *word == next);
    noun.is_some_and(|(_, stem)| !text.stems.iter().any(|(_, said)| said == stem))
}

/// The sentence that counts the same things otherwise, if none counts them so: "twelve evenings" where there are ten.
pub(crate) fn counts_otherwise(paper: &Paper, text: &Text, number: &Number) -> Option<usize> {
    if number.unit.is_some() {
        return None;
    }
    let counted = |text: &Text, number: &Number| {
        let next = text.words.partition_point(|word| word.start < number.end);
        let (word, stem) = text.stems.iter().find(|(word, _)| *word >= next)?;
        (*word == next).then(|| stem.clone())
    };
    let noun = counted(text, number)?;
    let mut other = None;
    for (at, sentence) in paper.sentences.iter().enumerate() {
        for own in &sentence.text.numbers {
            if counted(&sentence.text, own).as_ref() == Some(&noun) {
                if same(number, own) || number.equals(own.value()) {
                    return None;
                }
                other = Some(at);
            }
        }
    }
    other
}

/// The sentence that gives what is named right before a bare number another one, if none gives it this one: "level 4" where there is a
/// level 2 only.
pub(crate) fn labelled_otherwise(paper: &Paper, text: &Text, number: &Number) -> Option<usize> {
    fn label<'t>(text: &'t Text, number: &Number) -> Option<&'t String> {
        let next = text.words.partition_point(|word| word.start < number.start);
        let before = next.checked_sub(1)?;
        let gap = text.raw.get(text.words[before].end..number.start)?;
        let (_, stem) = text.stems.iter().find(|(word, _)| *word == before)?;
        (gap == " " && number.unit.is_none() && !number.spelled).then_some(stem)
    }
    let own = label(text, number)?;
    let mut other = None;
    for (at, sentence) in paper.sentences.iter().enumerate() {
        for given in &sentence.text.numbers {
            if label(&sentence.text, given) == Some(own) {
                if same(number, given) {
                    return None;
                }
                other = Some(at);
            }
        }
    }
    other
}

/// Whether a sentence states a number of these days of the week; of none where it names others there.
pub(crate) fn on_days(sentence: &Sentence, number: &Number, days: &HashSet<u8>) -> bool {
    let text = &sentence.text;
    let Some(own) = sentence.says(number).filter(|_| !days.is_empty()) else {
        return true;
    };
    let clause = text.clause(own.start);
    let theirs = weekdays(text, |place| text.clause(place) == clause);
    theirs.is_empty() || !theirs.is_disjoint(days)
}

/// Where the part of a sentence between semicolons begins that holds a place.
pub(crate) fn part_start(text: &Text, place: usize) -> usize {
    let head = text.raw.get(..place).unwrap_or("");
    head.rfind(';').map_or(0, |at| at + 1)
}
