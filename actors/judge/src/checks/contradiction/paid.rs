//! What is free is not paid: in the answer itself, and where a document says which.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag, Tagged};
use aios_work::{Category, Issue, Severity};

use super::{Finding, at};
use crate::clause::{clause_spans, denies};
use crate::of_it::FREE;
use crate::reading::Reading;
use crate::text::Text;

/// Words between "costs" and "nothing": "costs the customer nothing".
const BETWEEN: usize = 4;

/// What a clause says of whether something is paid.
struct Said {
    /// In which piece of the answer.
    piece: usize,
    free: bool,
    /// Whether it names how much.
    amount: bool,
    /// What it speaks of, but for the words of paying.
    of: BTreeSet<String>,
}

pub(super) fn look(reading: &Reading<'_>, finding: &mut Finding) {
    if reading.ground.papers.is_empty() {
        return;
    }
    let said: Vec<Said> = { reading.said() }
        .flat_map(|piece| clauses(&reading.texts[piece], piece))
        .collect();
    let against = |said: &Said| {
        let other = said_both_ways(said, reading);
        other.map(|evidence| (said.piece, evidence))
    };
    let itself = said.iter().enumerate().find_map(|(place, one)| {
        let other = said[..place].iter().find(|other| {
            let (few, many) = match one.of.len() < other.of.len() {
                true => (&one.of, &other.of),
                false => (&other.of, &one.of),
            };
            one.free != other.free && few.len() >= SUBJECT && few.is_subset(many)
        })?;
        let before = reading.texts[other.piece].raw.clone();
        Some((one.piece, before))
    });
    if let Some((piece, evidence)) = itself.or_else(|| said.iter().find_map(against)) {
        let mut issue: Issue = at(
            reading,
            piece,
            Category::Accuracy,
            Severity::Critical,
            "it is free in one place and paid in the other",
            "Say what the source says of what it costs",
        );
        issue.evidence = Some(evidence);
        finding.issues.push(issue);
    }
}

/// Words that tell what a clause is about.
const SUBJECT: usize = 2;

/// Where the documents say the other way of what a clause speaks of, and nowhere the same.
fn said_both_ways(said: &Said, reading: &Reading<'_>) -> Option<String> {
    // An amount that no document has is told where figures are looked at.
    if said.amount || said.of.is_empty() {
        return None;
    }
    let mut places = Vec::new();
    for paper in reading.ground.papers.iter() {
        for (place, sentence) in paper.sentences.iter().enumerate() {
            let whole = marks(&sentence.text, 0, sentence.text.raw.len() + 1);
            let shared = whole.intersection(&said.of).count();
            let mut own = sentence.text.numbers.iter();
            let priced = own.any(|own| own.unit.as_ref().is_some_and(crate::unit::Unit::is_money));
            let mut clauses = clauses(&sentence.text, 0).peekable();
            let speaks = priced || clauses.peek().is_some();
            if shared > 0 && speaks {
                let free = clauses.any(|clause| clause.free) || is_free(&sentence.text);
                places.push((shared, free, priced || !free, paper.quoted(place)));
            }
        }
    }
    let most = places.iter().map(|(shared, ..)| *shared).max()?;
    // As much of it has to be the source's word, or it is of something else.
    if most * 3 < said.of.len() {
        return None;
    }
    let alike = places.iter().any(|(_, free, paid, _)| match said.free {
        true => *free,
        false => *paid,
    });
    let nearest = places.into_iter().find(|(shared, ..)| *shared == most);
    nearest.filter(|_| !alike).map(|(.., quoted)| quoted)
}

fn is_free(text: &Text) -> bool {
    let mut tags = text.tags.iter();
    tags.any(|tag| tag.tag == Tag::Opposite(FREE, false))
}

/// The clauses of a text that say of something that it is free, or that it is paid, under no condition.
fn clauses(text: &Text, piece: usize) -> impl Iterator<Item = Said> + '_ {
    let tied = [Sense::Only, Sense::AtLeast, Sense::AtMost, Sense::Except];
    let tied = tied.iter().any(|sense| text.has(*sense));
    let spans = clause_spans(text).into_iter().filter(move |_| !tied);
    spans.filter_map(move |(from, to)| {
        let here = |tag: &&Tagged| (from..to).contains(&text.words[tag.from].start);
        let of = |sense: Sense| {
            let tags = text.tags.iter().filter(here);
            tags.filter(move |tag| tag.tag == Tag::Sense(sense))
        };
        let nothing = of(Sense::Costs).any(|costs| {
            let mut nothing = of(Sense::Nothing);
            nothing.any(|nothing| nothing.from.abs_diff(costs.to) <= BETWEEN)
        });
        let mut tags = text.tags.iter().filter(here);
        let free = nothing || tags.any(|tag| tag.tag == Tag::Opposite(FREE, false));
        let paid = of(Sense::Costs).next().is_some() && !denies(text, from, to);
        let numbers = text.numbers.iter();
        let amount = numbers
            .filter(|number| (from..to).contains(&number.start))
            .any(|number| {
                number
                    .unit
                    .as_ref()
                    .is_some_and(crate::unit::Unit::is_money)
            });
        (free || paid).then(|| Said {
            piece,
            free,
            amount,
            of: marks(text, from, to),
        })
    })
}

/// What a stretch speaks of, but for the words of paying.
fn marks(text: &Text, from: usize, to: usize) -> BTreeSet<String> {
    let pays = |word: usize| {
        let mut tags = text.tags.iter();
        tags.any(|tag| {
            let pays = matches!(
                tag.tag,
                Tag::Opposite(FREE, _)
                    | Tag::Sense(
                        Sense::Costs | Sense::Nothing | Sense::Absolute | Sense::NounMoney
                    )
            );
            pays && tag.from <= word && word < tag.to
        })
    };
    let stems = text
        .stems
        .iter()
        .filter(|(word, _)| (from..to).contains(&text.words[*word].start) && !pays(*word));
    stems.map(|(_, stem)| stem.clone()).collect()
}
