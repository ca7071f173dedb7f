//! Words of rank: where a text has them, which place they name, and what they rank.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag, Tagged};

use super::meant::Meant;
use crate::grid::Grid;
use crate::reading::Reading;
use crate::text::Text;

/// A word of rank.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rank {
    pub(super) highest: bool,
    /// 1 for the first.
    pub(super) place: usize,
    /// Where it stands in the text.
    pub(super) at: usize,
    /// The words that are its own.
    pub(super) from: usize,
    pub(super) to: usize,
    /// Whether it compares: "more than any other" speaks of the figure itself.
    pub(super) compares: bool,
}

/// The words of rank in a text. "One of the highest" and "not the highest" give none.
pub(super) fn ranks(text: &Text) -> Vec<Rank> {
    let mut out: Vec<Rank> = Vec::new();
    for tag in &text.tags {
        let highest = match tag.tag {
            Tag::Sense(Sense::Highest) => true,
            Tag::Sense(Sense::Lowest) => false,
            _ => continue,
        };
        let at = text.words[tag.from].start;
        let clause = text.clause(at);
        let undone = text.tags.iter().any(|other| {
            let before = other.from < tag.from && tag.from - other.from <= 4;
            before
                && text.clause(text.words[other.from].start) == clause
                && matches!(other.tag, Tag::Sense(Sense::Negation | Sense::Among))
        });
        if undone {
            continue;
        }
        // "Second-highest", "zweithöchste", "la deuxième plus élevée", "el segundo mayor".
        let place = text.tags.iter().find_map(|other| match other.tag {
            Tag::Ordinal(place)
                if other.to <= tag.from && other.to + 2 > tag.from
                    || other.from >= tag.from && other.from < tag.to =>
            {
                Some(usize::from(place))
            }
            _ => None,
        });
        out.push(Rank {
            highest,
            place: place.unwrap_or(1),
            at,
            from: tag.from,
            to: tag.to,
            compares: false,
        });
    }
    for rank in beyond_all(text) {
        let known = |other: &Rank| other.from < rank.to && rank.from < other.to;
        if !out.iter().any(known) {
            out.push(rank);
        }
    }
    // "La plus basse": of two that share a word the one that goes on says which.
    let all = out.clone();
    out.retain(|rank| {
        !all.iter().any(|other| {
            other.highest != rank.highest
                && other.from < rank.to
                && rank.from < other.to
                && (other.to > rank.to || (other.to == rank.to && other.from < rank.from))
        })
    });
    out
}

/// Whether a word of rank only values: "the best".
fn is_valued(text: &Text, rank: &Rank) -> bool {
    let inside = |tag: &Tagged| tag.from < rank.to && rank.from < tag.to;
    let magnitude = Tag::Sense(Sense::Magnitude);
    let tags = || text.tags.iter().filter(|tag| inside(tag));
    tags().any(|tag| tag.tag == Tag::Sense(Sense::Valued))
        && !tags().any(|tag| tag.tag == magnitude)
}

/// "The lowest, and so the best": what only values says no other side than the word beside it, or than the goal that names one.
pub(super) fn settled(text: &Text, goal: &Text) -> Vec<Rank> {
    let mut own = ranks(text);
    let plain: Vec<Rank> = own
        .iter()
        .filter(|rank| !is_valued(text, rank))
        .copied()
        .collect();
    if !plain.is_empty() {
        return plain;
    }
    let asked = ranks(goal);
    let sides: Vec<bool> = asked
        .iter()
        .filter(|rank| !is_valued(goal, rank))
        .map(|rank| rank.highest)
        .collect();
    let best = asked.iter().any(|rank| is_valued(goal, rank));
    if let (true, [side]) = (best, sides.as_slice()) {
        own.iter_mut().for_each(|rank| rank.highest = *side);
    }
    own
}

/// "Harbour is second": a place without a word of rank, where the goal asks for one.
pub(super) fn place(reading: &Reading<'_>, text: &Text) -> Option<Rank> {
    let goal = &reading.ground.asked.text;
    let asks = |sense| goal.has(sense);
    let placed = |tag: &aios_languages::Tagged| matches!(tag.tag, Tag::Ordinal(2..));
    if !asks(Sense::Highest) && !asks(Sense::Lowest) && !goal.tags.iter().any(placed) {
        return None;
    }
    text.tags.iter().find_map(|tag| {
        let Tag::Ordinal(place @ 2..) = tag.tag else {
            return None;
        };
        // "January 6th".
        let (from, to) = (text.words[tag.from].start, text.words[tag.to - 1].end);
        let dated = text
            .moments
            .iter()
            .any(|moment| from <= moment.end + 1 && moment.start <= to + 4);
        if dated {
            return None;
        }
        // "The second quarter", "the third day": a place of something else.
        let next = text.stems.iter().any(|(word, _)| *word == tag.to)
            && !text
                .tags
                .iter()
                .any(|other| other.from == tag.to && other.tag == Tag::Sense(Sense::Meta));
        (!next).then(|| Rank {
            highest: !asks(Sense::Lowest) || asks(Sense::Highest),
            place: usize::from(place),
            at: text.words[tag.from].start,
            from: tag.from,
            to: tag.to,
            compares: false,
        })
    })
}

/// Whether a word of rank is one of a change, and of which direction: "the largest drop".
pub(super) fn changes(text: &Text, word: &Rank) -> Option<bool> {
    text.tags.iter().find_map(|tag| {
        let near = tag.from >= word.to && tag.from <= word.to + 2
            || tag.to <= word.from && tag.to + 2 >= word.from;
        match tag.tag {
            Tag::Sense(Sense::Down) if near => Some(false),
            Tag::Sense(Sense::Up | Sense::Growth | Sense::Difference) if near => Some(true),
            _ => None,
        }
    })
}

/// What a word of rank ranks: what is measured may stand right at it, as in "the most beds", "die höchsten Einnahmen", "los mayores
/// ingresos"; with a word between it is a part of that: "the most free beds".
pub(super) fn meant(text: &Text, word: &Rank, grid: &Grid) -> Meant {
    let named = |at: usize| -> Vec<usize> {
        let stems = text.stems.iter().filter(|(word, _)| *word == at);
        let mut found: Vec<usize> = stems
            .flat_map(|(_, stem)| {
                grid.measures()
                    .filter(|column| grid.columns[*column].stems.contains(stem))
            })
            .collect();
        found.dedup();
        found
    };
    let statistic = |at: usize| {
        text.tags.iter().any(|tag| {
            tag.from <= at
                && at < tag.to
                && matches!(
                    tag.tag,
                    Tag::Sense(Sense::Mean | Sense::Total | Sense::Median | Sense::Count)
                )
        })
    };
    let mut next = word.to;
    while statistic(next) {
        next += 1;
    }
    let right = named(next);
    let left = word.from.checked_sub(1).map(named).unwrap_or_default();
    let magnitude = text.tags.iter().any(|tag| {
        tag.tag == Tag::Sense(Sense::Magnitude) && tag.from < word.to && word.from < tag.to
    });
    match (right.is_empty(), left.is_empty()) {
        (false, _) => Meant::Named(right),
        (_, false) => Meant::Named(left),
        _ if magnitude && named(next + 1).is_empty() => Meant::Figure,
        _ if is_place(text, word) => Meant::Lead,
        _ => Meant::Quality,
    }
}

/// "The most orders": whether what stands at a place is no column, so that rows are counted.
pub(super) fn counts_rows(text: &Text, at: usize, grid: &Grid) -> bool {
    let Some((_, stem)) = text.stems.iter().find(|(word, _)| *word == at) else {
        return false;
    };
    let said: Vec<u32> = text
        .tags
        .iter()
        .filter(|tag| tag.from <= at && at < tag.to)
        .filter_map(|tag| match tag.tag {
            Tag::Concept(concept) => Some(concept),
            _ => None,
        })
        .collect();
    let order = aios_languages::concept_number("order");
    let quantity = |column: usize| {
        let own = &grid.columns[column];
        own.stems.contains(stem) || own.concepts.iter().any(|concept| said.contains(concept))
    };
    said.contains(&order) && !grid.measures().any(quantity)
}

/// Words between a comparative and what all others are called.
const OTHERS: usize = 5;

/// "More than any other", "holds less moisture than all the others": who has more than everybody else is the first.
fn beyond_all(text: &Text) -> Vec<Rank> {
    let mut out: Vec<Rank> = Vec::new();
    for tag in &text.tags {
        let highest = match tag.tag {
            Tag::Sense(Sense::More | Sense::Ahead) => true,
            Tag::Sense(Sense::Fewer | Sense::Behind) => false,
            _ => continue,
        };
        let at = text.words[tag.from].start;
        let clause = text.clause(at);
        let here = |other: &Tagged| text.clause(text.words[other.from].start) == clause;
        let all = text.tags.iter().any(|other| {
            other.tag == Tag::Sense(Sense::Others)
                && (tag.to..tag.to + OTHERS).contains(&other.from)
                && here(other)
        });
        let denied = text.tags.iter().any(|other| {
            other.tag == Tag::Sense(Sense::Negation) && other.to <= tag.from && here(other)
        });
        let known = out
            .iter()
            .any(|rank| tag.from < rank.to && rank.from < tag.to);
        if all && !denied && !known {
            out.push(Rank {
                highest,
                place: 1,
                at,
                from: tag.from,
                to: tag.to,
                compares: true,
            });
        }
    }
    out
}

/// "No estate outsold Clairval": what nobody has more than is first. The word that compares, with where the other name begins.
pub(super) fn beaten_by_none(text: &Text) -> Option<Rank> {
    text.tags.iter().find_map(|tag| {
        let highest = match tag.tag {
            Tag::Sense(Sense::Ahead) => true,
            Tag::Sense(Sense::Behind) => false,
            // "No plot used less water than La Vega": what is measured stands between.
            Tag::Sense(more @ (Sense::More | Sense::Fewer)) if held_apart(text, tag) => {
                more == Sense::More
            }
            _ => return None,
        };
        let at = text.words[tag.from].start;
        let clause = text.clause(at);
        let start = text.clauses.get(clause).copied().unwrap_or(0);
        let first = text.words.partition_point(|word| word.start < start);
        let none = text.tags.iter().any(|other| {
            other.tag == Tag::Sense(Sense::Negation) && other.from == first && other.to <= tag.from
        });
        let limits = text.numbers.iter().any(|number| number.start > at);
        (none && !limits).then_some(Rank {
            highest,
            place: 1,
            at,
            from: tag.from,
            to: tag.to,
            compares: true,
        })
    })
}

/// Whether "than" follows a word that compares, some words behind it.
fn held_apart(text: &Text, tag: &Tagged) -> bool {
    let clause = text.clause(text.words[tag.from].start);
    text.tags.iter().any(|other| {
        other.tag == Tag::Sense(Sense::Than)
            && (tag.to..tag.to + OTHERS).contains(&other.from)
            && text.clause(text.words[other.from].start) == clause
    })
}

/// Whether a word of rank says a place and nothing of what is measured.
fn is_place(text: &Text, word: &Rank) -> bool {
    let inside = |tag: &Tagged| tag.from < word.to && word.from < tag.to;
    text.tags
        .iter()
        .any(|tag| inside(tag) && tag.tag == Tag::Sense(Sense::Lead))
}

/// Which of the figures a goal wants by a word that ranks figures: "does best (lowest)".
pub(super) fn sided(asked: &Text) -> Option<bool> {
    // The most punctual has the least delay.
    if asked.has(Sense::Inverse) {
        return None;
    }
    let valued = |at: usize| {
        let mut tags = asked.tags.iter();
        tags.any(|tag| tag.tag == Tag::Sense(Sense::Valued) && tag.from <= at && at < tag.to)
    };
    let all: BTreeSet<bool> = asked
        .tags
        .iter()
        .filter(|tag| !valued(tag.from))
        .filter_map(|tag| match tag.tag {
            Tag::Sense(Sense::Highest) => Some(true),
            Tag::Sense(Sense::Lowest) => Some(false),
            _ => None,
        })
        .collect();
    match (all.len(), all.first()) {
        (1, Some(side)) => Some(*side),
        _ => None,
    }
}

/// Whether a goal asks which one is to come first by a quantity that it names.
pub(super) fn comes_first(goal: &Text, grid: &Grid) -> bool {
    let first = goal.tags.iter().any(|tag| tag.tag == Tag::Ordinal(1));
    let named = crate::conditions::mentioned(goal, grid).into_iter();
    let named = named
        .filter(|column| matches!(grid.columns[*column].data, crate::column::Data::Numbers(_)));
    first && goal.has(Sense::AskWhich) && goal.moments.is_empty() && named.count() == 1
}
