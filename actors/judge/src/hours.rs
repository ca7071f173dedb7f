//! A time of day that follows from another one and a length of time: boarding until 21:35 where it closes 5 minutes before 21:40.

use std::collections::HashSet;

use aios_languages::Sense;

use crate::paper::Sentence;
use crate::reading::Reading;
use crate::text::Text;
use crate::unit::{Kind, Unit};

/// Minutes of a day.
const DAY: f64 = 1440.0;

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
