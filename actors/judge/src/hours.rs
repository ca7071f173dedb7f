//! A time of day that follows from another one and a length of time: boarding until 21:35 where it closes 5 minutes before 21:40.

use std::collections::HashSet;

use aios_languages::Sense;

use crate::numeral::Number;
use crate::paper::{Paper, Sentence};
use crate::reading::Reading;
use crate::text::Text;
use crate::unit::{Kind, Unit};

/// Minutes of a day.
const DAY: f64 = 1440.0;
/// Times of day of a document that are held against each other at most.
const CLOCKS: usize = 40;

/// Whether a document names a time of day and how long before or after it something is, and the answer names the time that follows.
pub(crate) fn follows(reading: &Reading<'_>, piece: usize, minute: u16) -> bool {
    let text = &reading.texts[piece];
    let asked = &reading.ground.asked.text;
    let stems = |text: &Text| -> HashSet<String> {
        text.stems.iter().map(|(_, stem)| stem.clone()).collect()
    };
    let mut wanted = stems(text);
    wanted.extend(stems(asked));
    let own = lengths(text);
    // "Until 22:00." has no words to tell one length of time from another.
    let bare = text.stems.is_empty();
    let papers = &reading.ground.papers;
    papers.iter().any(|paper| {
        let clocks: HashSet<u16> = paper
            .sentences
            .iter()
            .flat_map(|sentence| sentence.clocks.iter().map(|(_, minute)| *minute))
            .collect();
        paper.sentences.iter().any(|sentence| {
            let shifts = shifts(sentence, &wanted, &own, bare);
            let about = paper.overlap(sentence, &wanted) > 0.0;
            about
                && shifts.iter().any(|shift| {
                    clocks.iter().any(|clock| {
                        let told = (f64::from(*clock) + shift).rem_euclid(DAY);
                        (told - f64::from(minute)).abs() < 0.5
                    })
                })
        })
    })
}

/// Whether two times of day that a document names in sentences of their own are begin and end of what the goal asks about: both sentences
/// have the same word of it, as the pump that stopped at 02:40 and ran again at 05:15.
pub(crate) fn is_span(paper: &Paper, asked: &Text, from: u16, to: u16) -> bool {
    let at = |minute: u16| {
        paper.sentences.iter().filter(move |sentence| {
            let mut clocks = sentence.clocks.iter();
            clocks.any(|(_, own)| *own == minute)
        })
    };
    from < to
        && at(from).any(|one| {
            at(to).any(|other| {
                let mut stems = asked.stems.iter();
                stems.any(|(_, stem)| one.own.contains(stem) && other.own.contains(stem))
            })
        })
}

/// The sentence with the beginning of a length of time that lies between two times of day.
pub(crate) fn lasts(paper: &Paper, asked: &Text, number: &Number) -> Option<usize> {
    let unit = number
        .unit
        .as_ref()
        .filter(|unit| unit.kind == Kind::Time)?;
    if !asked.has(Sense::AskDuration) {
        return None;
    }
    let minute = Unit::named(aios_languages::UnitName::Minute);
    let clocks: Vec<(usize, u16)> = paper
        .sentences
        .iter()
        .enumerate()
        .flat_map(|(at, sentence)| sentence.clocks.iter().map(move |(_, clock)| (at, *clock)))
        .take(CLOCKS)
        .collect();
    let between = |from: u16, to: u16| {
        let length = minute.convert(f64::from(to) - f64::from(from), unit);
        length.is_some_and(|length| number.is(length)) && is_span(paper, asked, from, to)
    };
    let mut starts = clocks.iter();
    let found = starts.find(|(_, from)| {
        clocks
            .iter()
            .any(|(_, to)| from < to && between(*from, *to))
    });
    found.map(|(at, _)| *at)
}

/// The lengths of time of a text in minutes, with their places.
fn lengths(text: &Text) -> Vec<(usize, f64)> {
    let minute = Unit::named(aios_languages::UnitName::Minute);
    let timed = text.numbers.iter().filter_map(|number| {
        let unit = number.unit.as_ref()?;
        let value = unit.convert(number.value(), &minute)?;
        let short = unit.kind == Kind::Time && value > 0.0 && value < DAY;
        short.then_some((number.start, value))
    });
    timed.collect()
}

/// By how many minutes a sentence moves a time, back or on. Of several lengths only those count that the answer names, else those whose
/// clause has most of the words.
fn shifts(
    sentence: &Sentence,
    wanted: &HashSet<String>,
    own: &[(usize, f64)],
    bare: bool,
) -> Vec<f64> {
    let text = &sentence.text;
    let mut all = lengths(text);
    if !own.is_empty() {
        all.retain(|(_, value)| own.iter().any(|(_, own)| own == value));
    }
    let shared = |place: usize| {
        let clause = text.clause(place);
        let here = text.stems.iter().filter(|(word, stem)| {
            text.clause(text.words[*word].start) == clause && wanted.contains(stem)
        });
        here.count()
    };
    let most = all
        .iter()
        .map(|(place, _)| shared(*place))
        .max()
        .unwrap_or(0);
    all.retain(|(place, _)| bare || shared(*place) == most);
    all.iter()
        .filter_map(|(place, value)| {
            let side = text.senses().find_map(|(sense, at)| match sense {
                Sense::Earlier if at > *place => Some(-1.0),
                Sense::Later if at > *place => Some(1.0),
                _ => None,
            })?;
            Some(side * value)
        })
        .collect()
}
