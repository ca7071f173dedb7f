//! What a source takes out of what it says, and what it says of others only: "every night except Saturday", "more than 60 days before".

use std::collections::{BTreeSet, HashSet};

use aios_languages::{Sense, Tag};
use aios_work::{Category, Severity};

use super::{Finding, at};
use crate::clause::{clause_spans, denies, sides, stems_of};
use crate::numeral::Bound;
use crate::reading::Reading;
use crate::text::Text;

/// Words behind "except" in which what it takes out is named.
const NEAR: usize = 3;

/// The days that a sentence takes out of what it affirms.
fn taken_out(text: &Text) -> BTreeSet<u8> {
    if text.has(Sense::Negation) {
        return BTreeSet::new();
    }
    let excepts = text
        .tags
        .iter()
        .filter(|tag| tag.tag == Tag::Sense(Sense::Except));
    excepts
        .flat_map(|except| {
            text.tags.iter().filter_map(|tag| match tag.tag {
                Tag::Weekday(day) if (except.to..except.to + NEAR).contains(&tag.from) => Some(day),
                _ => None,
            })
        })
        .collect()
}

/// Whether a clause affirms of a day what a source says of every day but this one: "it runs on Saturdays".
pub(super) fn excepted(reading: &Reading<'_>, piece: usize, finding: &mut Finding) {
    let text = &reading.texts[piece];
    for (from, to) in clause_spans(text) {
        let within =
            |tag: &&aios_languages::Tagged| (from..to).contains(&text.words[tag.from].start);
        let days: BTreeSet<u8> = text
            .tags
            .iter()
            .filter(within)
            .filter_map(|tag| match tag.tag {
                Tag::Weekday(day) => Some(day),
                _ => None,
            })
            .collect();
        let except = text
            .tags
            .iter()
            .filter(within)
            .any(|tag| tag.tag == Tag::Sense(Sense::Except));
        // "Closed on Tuesdays" denies in a word of its own.
        let turned = sides(text, from, to).iter().any(|(_, second)| *second);
        if days.is_empty() || except || turned || denies(text, from, to) {
            continue;
        }
        let own = stems_of(text, from, to);
        for paper in reading.ground.papers.iter() {
            for (place, sentence) in paper.sentences.iter().enumerate() {
                let out = taken_out(&sentence.text);
                let about = || own.iter().any(|stem| sentence.own.contains(*stem));
                if !out.is_empty() && days.is_subset(&out) && about() {
                    let what = "the source takes this day out";
                    push(reading, piece, what, paper.quoted(place), finding);
                    return;
                }
            }
        }
    }
}

/// Whether a short answer says of what was asked what a source says beyond a limit only that the goal's own figure does not reach: "it is
/// paid back" of 45 days before, where that holds for more than 60.
pub(super) fn beyond(reading: &Reading<'_>, finding: &mut Finding) {
    let asked = &reading.ground.asked.text;
    let Some(piece) = reading
        .said()
        .find(|piece| !reading.texts[*piece].is_empty())
    else {
        return;
    };
    let text = &reading.texts[piece];
    let own = sides(text, 0, text.raw.len() + 1);
    let tied = [Sense::Only, Sense::Except];
    if own.is_empty() || !text.numbers.is_empty() || tied.iter().any(|sense| text.has(*sense)) {
        return;
    }
    let stems: HashSet<String> = asked.stems.iter().map(|(_, stem)| stem.clone()).collect();
    let whole = |text: &Text| sides(text, 0, text.raw.len() + 1);
    for paper in reading.ground.papers.iter() {
        let near = paper.nearest(&stems);
        let best = near.first().map_or(0.0, |(_, best)| *best);
        let close: Vec<usize> = near
            .iter()
            .take_while(|(_, fits)| fits * CLEAR >= best)
            .map(|(place, _)| *place)
            .collect();
        let against = close.iter().find(|place| {
            let sentence = &paper.sentences[**place].text;
            let theirs = whole(sentence);
            let one = |pair: u8, side: bool| {
                theirs.contains(&(pair, side)) && !theirs.contains(&(pair, !side))
            };
            match is_out_of_reach(sentence, asked) {
                true => own.iter().any(|(pair, side)| one(*pair, *side)),
                // Where two sentences fit as well it is not known which is meant.
                false => {
                    let clear = close.len() == 1 && text.stems.len() < SHORT;
                    clear && own.iter().any(|(pair, side)| one(*pair, !side))
                }
            }
        });
        if let Some(place) = against {
            let what = "the source says the opposite of what is asked about";
            push(reading, piece, what, paper.quoted(*place), finding);
            return;
        }
    }
}

/// Whether a figure of the goal does not reach the limit under which a sentence holds: 45 days of "more than 60 days before".
fn is_out_of_reach(sentence: &Text, asked: &Text) -> bool {
    sentence.numbers.iter().any(|limit| {
        limit.bound.is_some_and(|bound| {
            asked.numbers.iter().any(|given| {
                let units = given.unit.as_ref().zip(limit.unit.as_ref());
                let value = units.and_then(|(own, unit)| own.convert(given.value(), unit));
                value.is_some_and(|value| match bound {
                    Bound::Above => value < limit.value(),
                    Bound::Below => value > limit.value(),
                })
            })
        })
    })
}

/// By how much the sentence that is asked about fits better than the next one.
const CLEAR: f64 = 1.2;
/// Words of an answer that says no more than one side of two.
const SHORT: usize = 2;

fn push(reading: &Reading<'_>, piece: usize, what: &str, source: String, finding: &mut Finding) {
    let mut issue = at(
        reading,
        piece,
        Category::Accuracy,
        Severity::Critical,
        what,
        "Say what the source says",
    );
    issue.evidence = Some(source);
    finding.issues.push(issue);
}
