//! What a source puts before a time, or lets go up, is not said to lie after it, or to go down.

use std::collections::BTreeSet;

use aios_languages::Sense;
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::clause::{clause_spans, denies, stems_of};
use crate::equal::same;
use crate::explain::Form;
use crate::paper::{Paper, Sentence};
use crate::reading::Reading;
use crate::text::Text;
use crate::way::{Anchor, Side, is_same, trends, ways};

/// Words of a clause below which it leans on the question.
const FEW: usize = 2;
/// Of so many words of a clause half have to be those of the source.
const MOST: usize = 4;

pub(super) fn look(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    if reading.ground.papers.is_empty() {
        return;
    }
    let text = &reading.texts[piece];
    let own = ways(text);
    let against = placed(reading, piece, &own)
        .or_else(|| moved(reading, piece))
        .or_else(|| exchanged(reading, piece, &own));
    let Some((what, place)) = against else { return };
    let mut issue = at(
        reading,
        piece,
        Category::Accuracy,
        Severity::Critical,
        what,
        "Say what the source says",
    );
    issue.evidence = Some(place);
    finding.issues.push(issue);
}

/// The sentences of all sources, with their papers and places in them.
fn sentences<'a>(
    reading: &'a Reading<'_>,
) -> impl Iterator<Item = (&'a Paper, usize, &'a Sentence)> {
    let papers = reading.ground.papers.iter();
    papers.flat_map(|paper| {
        let own = paper.sentences.iter().enumerate();
        own.map(move |(at, sentence)| (paper, at, sentence))
    })
}

/// What a sentence puts on a side of the time or amount of this one.
fn alike<'a>(
    text: &'a Text,
    side: &'a Side,
    sentence: &'a Sentence,
) -> impl Iterator<Item = &'a Side> {
    let ways = sentence.ways.iter();
    ways.filter(|theirs| is_same(text, &side.anchor, &sentence.text, &theirs.anchor))
}

/// "After 2 pm" where the source says "before 2 pm", and nowhere the other.
fn placed(reading: &Reading<'_>, piece: usize, own: &[Side]) -> Option<(&'static str, String)> {
    let text = &reading.texts[piece];
    own.iter().find_map(|side| {
        let mut against = None;
        for (paper, at, sentence) in sentences(reading) {
            for theirs in alike(text, side, sentence) {
                if theirs.beyond == side.beyond {
                    return None;
                }
                if against.is_none() && is_about(reading, piece, side, (sentence, theirs)) {
                    against = Some((paper, at));
                }
            }
            if beside(text, side, sentence) {
                return None;
            }
        }
        let (paper, at) = against?;
        let what = "the source says the other side of this (before or after, at least or at most)";
        Some((what, paper.quoted(at)))
    })
}

/// "At most five, and not fewer than nine" where at most nine come and never fewer than five: two limits of which each is said of the other.
fn exchanged(reading: &Reading<'_>, piece: usize, own: &[Side]) -> Option<(&'static str, String)> {
    let text = &reading.texts[piece];
    let kind = |side: &Side| (side.with, side.beyond);
    let amounts = || {
        let sides = own.iter();
        sides.filter(|side| matches!(side.anchor, Anchor::Amount(_)))
    };
    let first = kind(amounts().next()?);
    if amounts().all(|side| kind(side) == first) {
        return None;
    }
    // Where in the sources an amount is a limit of the other kind only.
    let other = |side: &Side| {
        let mut found = None;
        for (paper, at, sentence) in sentences(reading) {
            for theirs in alike(text, side, sentence) {
                if kind(theirs) == kind(side) {
                    return None;
                }
                found = found.or(Some((paper, at, kind(theirs))));
            }
        }
        found
    };
    let told = amounts().filter_map(|side| Some((kind(side), other(side)?)));
    let told: Vec<_> = told.collect();
    told.iter().enumerate().find_map(|(at, (one, found))| {
        let (paper, place, theirs) = *found;
        let mut rest = told.iter().skip(at + 1);
        // What a source says of an amount is never of the kind that the answer gives it.
        let crossed = rest.any(|(two, (.., of_two))| theirs == *two && of_two == one);
        crossed.then(|| {
            (
                "the source has these limits the other way round",
                paper.quoted(place),
            )
        })
    })
}

/// Whether a sentence names the time or amount with no side: "between 14 and 4 days".
fn beside(text: &Text, side: &Side, sentence: &Sentence) -> bool {
    let Anchor::Amount(at) = side.anchor else {
        return false;
    };
    let Some(number) = text.numbers.get(at) else {
        return false;
    };
    let mut others = sentence.text.numbers.iter().enumerate();
    others.any(|(place, other)| {
        let sided = |theirs: &Side| theirs.anchor == Anchor::Amount(place);
        same(number, other) && !sentence.ways.iter().any(sided)
    })
}

/// Whether a clause of an answer and one of a source speak of the same in the same way, so that only the side differs.
fn is_about(
    reading: &Reading<'_>,
    piece: usize,
    side: &Side,
    (sentence, theirs): (&Sentence, &Side),
) -> bool {
    let text = &reading.texts[piece];
    let (from, to) = span(text, side.place);
    let (start, end) = span(&sentence.text, theirs.place);
    if denies(text, from, to) != denies(&sentence.text, start, end) {
        return false;
    }
    // "Open until 9" and "closed from 9 on" say the same.
    let (ours, other) = (
        crate::clause::sides(text, from, to),
        crate::clause::sides(&sentence.text, start, end),
    );
    if ours
        .iter()
        .any(|(pair, side)| other.contains(&(*pair, !side)))
    {
        return false;
    }
    let anchor = match &side.anchor {
        Anchor::Word(stem) => Some(stem),
        _ => None,
    };
    let stems: BTreeSet<&String> = stems_of(text, from, to)
        .into_iter()
        .filter(|stem| Some(*stem) != anchor && !measures(text, stem))
        .collect();
    // "Late after 19:00, 5 EUR an hour" of "back by 19:00; late, 5 EUR an hour": what is said of the time is what another clause says.
    let mut others = clause_spans(&sentence.text).into_iter();
    let another = others.any(|(other, close)| {
        let theirs = stems_of(&sentence.text, other, close);
        let own = stems_of(&sentence.text, start, end);
        let shared = |these: &BTreeSet<&String>| these.intersection(&stems).count();
        (other, close) != (start, end) && shared(&own) == 0 && shared(&theirs) > 1
    });
    if another {
        return false;
    }
    let known = |stem: &&String| {
        sentence.own.contains(*stem)
            || sentence.stems.contains(*stem)
            || sentence.before.contains(*stem)
    };
    let tied = |text: &Text, (from, to): (usize, usize)| {
        let mut senses = text.senses();
        senses.any(|(sense, at)| sense == Sense::Only && (from..to).contains(&at))
    };
    if stems.len() < FEW {
        let asked = &reading.ground.asked.text.stems;
        let labels = reading.labels(piece);
        let over = labels.iter().flat_map(|label| &label.stems);
        let more: BTreeSet<&String> = asked.iter().chain(over).map(|(_, stem)| stem).collect();
        return stems.iter().all(known) && more.iter().any(&known);
    }
    let shared = stems.iter().filter(|stem| known(stem)).count();
    let same_tie = tied(text, (from, to)) == tied(&sentence.text, (start, end));
    same_tie && shared * 2 >= stems.len().min(MOST)
}

/// Whether a word is the unit of a number, which tells nothing of what is spoken of.
fn measures(text: &Text, stem: &String) -> bool {
    text.stems.iter().any(|(word, own)| {
        let place = text.words.get(*word).map(|word| word.start);
        own == stem
            && text.numbers.iter().any(|number| {
                place.is_some_and(|place| number.start <= place && place < number.end)
            })
    })
}

/// The clause at a place.
fn span(text: &Text, place: usize) -> (usize, usize) {
    let mut spans = clause_spans(text).into_iter();
    spans
        .find(|(from, to)| (*from..*to).contains(&place))
        .unwrap_or((0, text.raw.len() + 1))
}

/// "Falls by 4 EUR" where the sentence that says 4 EUR lets it rise.
fn moved(reading: &Reading<'_>, piece: usize) -> Option<(&'static str, String)> {
    let text = &reading.texts[piece];
    trends(text).into_iter().find_map(|(index, up)| {
        let number = text.numbers.get(index)?;
        let claims = reading.claims_at(piece).iter();
        let mut found = claims
            .filter(|claim| claim.number == index)
            .flat_map(|claim| &claim.found);
        // What the number follows from otherwise is judged by that.
        if found.any(|found| found.form != Form::Said) {
            return None;
        }
        let mut told = sentences(reading).flat_map(|(paper, at, sentence)| {
            let numbers = sentence.text.numbers.iter().enumerate();
            let own = numbers.filter(|(_, own)| same(number, own));
            own.map(move |(place, _)| (paper, at, sentence, place))
        });
        let (paper, at, sentence, place) = told.next()?;
        let turned = |sentence: &Sentence, place: usize| way(sentence, place) == Some(!up);
        let against =
            turned(sentence, place) && told.all(|(_, _, sentence, place)| turned(sentence, place));
        let denied = || is_denied(text, index) || is_denied(&sentence.text, place);
        (against && !denied()).then(|| {
            let what = match up {
                true => "the source says that it goes down",
                false => "the source says that it goes up",
            };
            (what, paper.quoted(at))
        })
    })
}

/// Which way a number of a sentence goes.
fn way(sentence: &Sentence, place: usize) -> Option<bool> {
    let mut trends = sentence.trends.iter();
    trends.find(|(own, _)| *own == place).map(|(_, up)| *up)
}

/// Whether the clause of a number denies.
fn is_denied(text: &Text, index: usize) -> bool {
    text.numbers.get(index).is_some_and(|number| {
        let (from, to) = span(text, number.start);
        denies(text, from, to)
    })
}
