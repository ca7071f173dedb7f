//! Of a list that a document gives all is told, where all of it is asked for: "what has to be handed in?"

use std::collections::HashSet;

use aios_languages::{Sense, Tag};

use super::said_words;
use crate::goal::{Need, Point};
use crate::paper::Paper;
use crate::reading::Reading;
use crate::text::Text;

/// Things that a list has at least, and words that one of them has at most.
const LEAST: usize = 3;
const WORDS: usize = 7;

/// Whether the answer tells some things of a list and leaves another one out.
pub(super) fn told_in_part(reading: &Reading<'_>, point: &Point, papers: &[Paper]) -> bool {
    let asks = point
        .text
        .tags
        .iter()
        .any(|tag| tag.from < 2 && tag.tag == Tag::Sense(Sense::Lists));
    // "Which is cheapest?" asks for one of them, and "an example" for some.
    let one = [
        Sense::Highest,
        Sense::Lowest,
        Sense::AskCount,
        Sense::Describe,
    ];
    if !asks || point.need != Need::Topic || one.iter().any(|sense| point.text.has(*sense)) {
        return false;
    }
    let all = [Sense::Whole, Sense::Rest];
    if all
        .iter()
        .any(|sense| said_words(reading).any(|text| text.has(*sense)))
    {
        return false;
    }
    let said: HashSet<&String> = said_words(reading)
        .flat_map(|text| text.stems.iter().map(|(_, stem)| stem))
        .collect();
    let asked: HashSet<&String> = reading
        .ground
        .asked
        .text
        .stems
        .iter()
        .map(|(_, stem)| stem)
        .collect();
    let sentences = papers.iter().take(1).flat_map(|paper| &paper.sentences);
    sentences.map(|sentence| &sentence.text).any(|text| {
        let mut things = things(text);
        // What leads to the list is no thing of it.
        if let Some(first) = things.first_mut() {
            first.retain(|stem| !asked.contains(stem));
        }
        // What the goal itself names is a part that it asks about.
        let narrowed = things
            .iter()
            .any(|thing| thing.iter().any(|stem| asked.contains(stem)));
        let about = text.stems.iter().any(|(_, stem)| asked.contains(stem));
        if things.len() < LEAST || narrowed || !about {
            return false;
        }
        let told = |thing: &&Vec<&String>| thing.iter().any(|stem| said.contains(stem));
        let many = things.iter().filter(told).count();
        many > 1 && many < things.len()
    })
}

/// Whether nothing but a word that joins two, or another comma, leads to the last clause: "while the other gives five" is no thing of a list.
fn joins_the_last(text: &Text) -> bool {
    let Some(last) = text.clauses.last() else {
        return false;
    };
    let first = text.words.partition_point(|word| word.start < *last);
    let alone = |tag: &aios_languages::Tagged| {
        let joins = matches!(tag.tag, Tag::Sense(Sense::And));
        joins && (tag.from == first || tag.to == first)
    };
    // "As it comes with a guarantee", "because it is cheaper": a clause that says more of what was said.
    let starts = text.clauses.iter().skip(1);
    let firsts: Vec<usize> = starts
        .map(|start| text.words.partition_point(|word| word.start < *start))
        .collect();
    let goes_on = text.tags.iter().any(|tag| {
        let held = matches!(
            tag.tag,
            Tag::Sense(Sense::Cause | Sense::Than | Sense::Only)
        );
        held && firsts.contains(&tag.from)
    });
    !goes_on
        && (text.tags.iter().any(alone)
            || text
                .raw
                .get(..*last)
                .is_some_and(|head| head.trim_end().ends_with(',')))
}

/// The things of a list within a sentence: what stands between its commas and its last "and", each with the words that no other has.
fn things(text: &Text) -> Vec<Vec<&String>> {
    let ends = text
        .clauses
        .iter()
        .skip(1)
        .copied()
        .chain([text.raw.len() + 1]);
    let spans: Vec<(usize, usize)> = text.clauses.iter().copied().zip(ends).collect();
    let of = |(from, to): (usize, usize)| -> Vec<(usize, &String)> {
        let within = |word: usize| (from..to).contains(&text.words[word].start);
        text.stems
            .iter()
            .filter(|(word, _)| within(*word))
            .map(|(word, stem)| (*word, stem))
            .collect()
    };
    let mut parts: Vec<Vec<(usize, &String)>> = spans
        .into_iter()
        .map(of)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.len() < LEAST
        || parts.iter().skip(1).any(|part| {
            let words = part.last().zip(part.first());
            words.is_none_or(|(last, first)| last.0 + 1 - first.0 > WORDS)
        })
        || text.raw.contains([';', ':', '—', '–'])
        || !joins_the_last(text)
        || text.has(Sense::Negation)
        || text.has(Sense::Only)
    {
        return Vec::new();
    }
    // The first of them stands behind the words that lead to the list.
    if let Some(first) = parts.first_mut() {
        let from = first.len().saturating_sub(3);
        first.drain(..from);
    }
    let all: Vec<Vec<&String>> = parts
        .into_iter()
        .map(|part| part.into_iter().map(|(_, stem)| stem).collect())
        .collect();
    let single = |stem: &&String| {
        let mut others = all.iter().filter(|part| part.contains(stem));
        others.next().is_some() && others.next().is_none()
    };
    all.iter()
        .map(|part| part.iter().copied().filter(single).collect())
        .collect()
}
