//! What is free is not paid: in the answer itself, and where a document says which.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag, Tagged};
use aios_work::{Category, Issue, Severity};

use super::{Finding, at};
use crate::clause::{clause_spans, denies};
use crate::of_it::FREE;
use crate::reading::Reading;
use crate::text::Text;
use crate::unit::Unit;

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

/// What a sentence of a document says of it.
struct Place {
    of: BTreeSet<String>,
    free: bool,
    paid: bool,
    quoted: String,
}

/// Clauses of each kind that are held against each other and against the documents.
const MOST: usize = 64;

/// Words that tell what a clause is about.
const SUBJECT: usize = 2;

pub(super) fn look(reading: &Reading<'_>, finding: &mut Finding) {
    if reading.ground.papers.is_empty() {
        return;
    }
    let said = reading.said();
    let said = said.flat_map(|piece| clauses(&reading.texts[piece], piece));
    let (mut free, mut paid): (Vec<Said>, Vec<Said>) = said.partition(|said| said.free);
    free.truncate(MOST);
    paid.truncate(MOST);
    if free.is_empty() && paid.is_empty() {
        return;
    }
    let itself = || {
        free.iter().find_map(|free| {
            let other = paid.iter().find(|paid| {
                let (few, many) = match free.of.len() < paid.of.len() {
                    true => (&free.of, &paid.of),
                    false => (&paid.of, &free.of),
                };
                few.len() >= SUBJECT && few.is_subset(many)
            })?;
            let (one, other) = (free.piece.max(other.piece), free.piece.min(other.piece));
            Some((one, reading.texts[other].raw.clone()))
        })
    };
    let places = places(reading);
    let against = |said: &Said| Some((said.piece, said_otherwise(said, &places)?.quoted.clone()));
    let found = itself().or_else(|| free.iter().chain(&paid).find_map(against));
    let Some((piece, evidence)) = found else {
        return;
    };
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

/// The sentences of the documents that say whether something is paid.
fn places(reading: &Reading<'_>) -> Vec<Place> {
    let mut out = Vec::new();
    for paper in reading.ground.papers.iter() {
        for (at, sentence) in paper.sentences.iter().enumerate() {
            let text = &sentence.text;
            let mut own = text.numbers.iter();
            let priced = own.any(|own| own.unit.as_ref().is_some_and(Unit::is_money));
            let mut tags = text.tags.iter();
            let mut free = tags.any(|tag| tag.tag == Tag::Opposite(FREE, false));
            let mut speaks = priced || free;
            for clause in clauses(text, 0) {
                speaks = true;
                free |= clause.free;
            }
            if speaks {
                out.push(Place {
                    of: marks(text, 0, text.raw.len() + 1),
                    free,
                    paid: priced || !free,
                    quoted: paper.quoted(at),
                });
            }
        }
    }
    out
}

/// Where the documents say the other way of what a clause speaks of, and nowhere the same.
fn said_otherwise<'p>(said: &Said, places: &'p [Place]) -> Option<&'p Place> {
    // An amount that no document has is told where figures are looked at.
    if said.amount && !said.free {
        return None;
    }
    let shared = |place: &Place| place.of.intersection(&said.of).count();
    let near = || places.iter().filter(|place| shared(place) > 0);
    let nearest = near().max_by_key(|place| shared(place))?;
    let alike = near().any(|place| if said.free { place.free } else { place.paid });
    // A third of its words has to be the source's, or it is of something else.
    (!alike && shared(nearest) * 3 >= said.of.len()).then_some(nearest)
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
            .any(|number| number.unit.as_ref().is_some_and(Unit::is_money));
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
