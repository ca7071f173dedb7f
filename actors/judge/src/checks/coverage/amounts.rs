//! The sentences of a document that give the amount that a point asks for, and the marks that a point calls something by.

use std::collections::HashSet;

use aios_languages::Tag;

use crate::paper::Paper;

/// Letters of a word that may be the end of a longer one: "Ausweis" of "Parkausweis".
const END: usize = 5;

/// Of a point that asks for money: the sentences that give some and share most of its words, be it as the end of a longer one.
pub(super) fn amounts(paper: &Paper, words: &HashSet<&String>) -> HashSet<usize> {
    let gives = |at: usize| {
        let text = &paper.sentences[at].text;
        let free = || {
            text.tags
                .iter()
                .any(|tag| matches!(tag.tag, Tag::Opposite(..)))
        };
        let mut units = text
            .numbers
            .iter()
            .filter_map(|number| number.unit.as_ref());
        units.any(|unit| unit.is_money() || unit.is_share()) || free()
    };
    let shared = |at: usize| -> f64 {
        let own = &paper.sentences[at].stems;
        let of = |word: &&String| {
            if own.contains(*word) {
                return Some(paper.weight(word));
            }
            let ends = |stem: &&String| {
                stem.chars().count() >= END && word.len() > stem.len() && word.ends_with(*stem)
            };
            own.iter().find(ends).map(|stem| paper.weight(stem))
        };
        words.iter().filter_map(of).sum()
    };
    let found: Vec<(usize, f64)> = (0..paper.sentences.len())
        .filter(|at| gives(*at))
        .map(|at| (at, shared(at)))
        .filter(|(_, sum)| *sum > 0.0)
        .collect();
    let best = found.iter().fold(0.0, |best: f64, (_, sum)| best.max(*sum));
    found
        .into_iter()
        .filter(|(_, sum)| *sum >= best * 0.7)
        .map(|(at, _)| at)
        .collect()
}

/// Whether a word is a mark of letters and figures: "E2".
pub(super) fn is_mark(stem: &str) -> bool {
    stem.contains(|c: char| c.is_ascii_digit()) && stem.contains(char::is_alphabetic)
}
