//! Who or what is first or last is named, as many as were asked for.

use std::collections::{BTreeSet, HashSet};

use aios_languages::{Sense, Tag};

use super::{explanations, quantities};
use crate::answer::Kind;
use crate::column::Data;
use crate::explain::{Form, Stat, same_column};
use crate::goal::{Need, Point};
use crate::grid::{Grid, Pred};
use crate::reading::Reading;
use crate::scope::entities;
use crate::text::Text;

pub(super) fn extreme(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    let wanted: HashSet<Sense> = [Sense::Highest, Sense::Lowest]
        .into_iter()
        .filter(|sense| point.text.has(*sense))
        .collect();
    let measures = quantities(&point.text, grid);
    let about = |piece: usize| {
        let own = std::iter::once(&reading.texts[piece]).chain(reading.labels(piece));
        let named = own
            .flat_map(|text| quantities(text, grid))
            .any(|column| measures.contains(&column));
        let claimed = reading
            .claims_at(piece)
            .iter()
            .flat_map(|claim| &claim.found);
        named
            || claimed.into_iter().any(|found| {
                found
                    .measure
                    .is_some_and(|measure| measures.contains(&measure))
            })
    };
    let ranked = reading.said().any(|piece| {
        let mut own = std::iter::once(&reading.texts[piece]).chain(reading.labels(piece));
        let silent = quantities(&reading.texts[piece], grid).is_empty()
            && reading.claims_at(piece).is_empty();
        own.any(|text| wanted.iter().any(|sense| text.has(*sense)))
            && (measures.is_empty() || silent || about(piece))
    });
    let value = explanations(reading).any(|(_, found)| {
        let end = match found.form {
            Form::Figure(Stat::Greatest) => wanted.contains(&Sense::Highest),
            Form::Figure(Stat::Least) => wanted.contains(&Sense::Lowest),
            _ => false,
        };
        end && (measures.is_empty()
            || found
                .measure
                .is_some_and(|measure| measures.contains(&measure)))
    });
    let several = several_asked(point);
    if let Some(many) = several
        && listed(reading, grid) < many
    {
        return false;
    }
    ranked || value || names_one(reading, point, grid)
}

/// How many names a point asks for: "the top three".
fn several_asked(point: &Point) -> Option<usize> {
    let many = point.text.numbers.iter().find(|number| {
        let value = number.value();
        number.unit.is_none() && number.bound.is_none() && (2.0..=20.0).contains(&value)
    })?;
    let formal = point.text.tags.iter().any(|tag| {
        matches!(
            tag.tag,
            Tag::Sense(
                Sense::FormSentence
                    | Sense::FormWord
                    | Sense::FormLine
                    | Sense::FormBullet
                    | Sense::FormParagraph
            )
        )
    });
    // What follows the number is what is to be named: "the three students with the most".
    (!formal && many.value().fract() == 0.0).then(|| many.value() as usize)
}

/// How many names of one kind, or days and months, an answer has; as many as anybody wants where the table has fewer.
pub(super) fn listed(reading: &Reading<'_>, grid: &Grid) -> usize {
    let all: BTreeSet<Pred> = reading
        .texts
        .iter()
        .flat_map(|text| entities(text, 0, grid))
        .map(|entity| entity.pred)
        .collect();
    let most = all.iter().map(|pred| {
        let alike = all.iter().filter(|other| same_column(other, pred)).count();
        match pred {
            Pred::Is(column, _) if alike == grid.names(*column).len() => usize::MAX,
            _ => alike,
        }
    });
    most.max().unwrap_or(usize::MAX)
}

/// Whether the first of all single values is asked for beside the first of means or totals, and nobody tells it: who has the highest mean
/// says nothing of the highest reading.
pub(super) fn lacks_single(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    let sums = [Sense::Mean, Sense::Total, Sense::Median, Sense::Count];
    let summed = |text: &Text| sums.iter().any(|sense| text.has(*sense));
    let ends = |text: &Text| {
        let all = [Sense::Highest, Sense::Lowest].into_iter();
        all.filter(|sense| text.has(*sense))
            .collect::<BTreeSet<Sense>>()
    };
    let own = ends(&point.text);
    // What a point does not name is what the goal is about.
    let quantity = quantities(&point.text, grid);
    let same_quantity = |other: &Text| {
        let other = quantities(other, grid);
        quantity.is_empty() || other.is_empty() || quantity == other
    };
    let mut others = reading.ground.asked.points.iter();
    let beside = others.any(|other| {
        other.need == Need::Extreme
            && summed(&other.text)
            && ends(&other.text) == own
            && same_quantity(&other.text)
    });
    if summed(&point.text) || !beside {
        return false;
    }
    let value = explanations(reading)
        .any(|(_, found)| matches!(found.form, Form::Figure(Stat::Greatest | Stat::Least)));
    let ranked = |piece: usize| {
        let mut texts = std::iter::once(&reading.texts[piece]).chain(reading.labels(piece));
        texts.any(|text| !ends(text).is_disjoint(&own) && !summed(text))
    };
    !value && !reading.said().any(ranked)
}

/// Whether the answer names some of the kind that is asked for, if it names any: "which artist" is not answered by the name of a song.
pub(super) fn of_the_kind(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    let text = &point.text;
    let names = |column: &usize| matches!(grid.columns[*column].data, Data::Names { .. });
    // The word right behind the one that asks.
    let kind = text.tags.iter().find_map(|tag| {
        if tag.tag != Tag::Sense(Sense::AskWhich) {
            return None;
        }
        let (_, stem) = text.stems.iter().find(|(word, _)| *word == tag.to)?;
        let columns: Vec<usize> = (0..grid.columns.len())
            .filter(names)
            .filter(|column| grid.columns[*column].stems.contains(stem))
            .collect();
        match columns.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    });
    let Some(kind) = kind else { return true };
    let named: BTreeSet<usize> = reading
        .texts
        .iter()
        .flat_map(|text| &text.names)
        .filter(|name| name.table == 0)
        .map(|name| name.column)
        .collect();
    named.is_empty() || named.contains(&kind)
}

/// Whether a sentence names one of a kind and no other, which the goal does not name: "Kassel.", "It is S7, at 5 minutes". In a list each
/// line does so, and names nobody before the others.
pub(super) fn names_one(reading: &Reading<'_>, point: &Point, grid: &Grid) -> bool {
    let given: Vec<Pred> = entities(&reading.ground.asked.text, 0, grid)
        .into_iter()
        .map(|entity| entity.pred)
        .collect();
    let of = |piece: usize| -> BTreeSet<Pred> {
        let found = entities(&reading.texts[piece], 0, grid).into_iter();
        found
            .map(|entity| entity.pred)
            .filter(|pred| !given.contains(pred))
            .collect()
    };
    let all: BTreeSet<Pred> = reading.said().flat_map(of).collect();
    let alone = |names: &BTreeSet<Pred>| {
        names.iter().any(|pred| {
            let alike = names.iter().filter(|other| same_column(other, pred));
            alike.count() == 1
        })
    };
    let asked = reading.ground.asked.points.iter();
    let wanted = asked.filter(|point| point.need == Need::Extreme).count();
    let sentences = reading
        .said()
        .filter(|piece| reading.answer.pieces[*piece].kind == Kind::Sentence)
        .map(of)
        .filter(alone);
    // As many as were asked for: who names the dearest has not named the cheapest.
    let named: BTreeSet<BTreeSet<Pred>> = sentences.collect();
    // "November, by a clear margin: ...": it begins with the name.
    let begins = reading
        .said()
        .find(|piece| !reading.texts[*piece].is_empty())
        .is_some_and(|piece| {
            let text = &reading.texts[piece];
            let first = entities(text, 0, grid)
                .into_iter()
                .find(|entity| !given.contains(&entity.pred) || text.names.is_empty());
            first.is_some_and(|first| {
                let words = text
                    .words
                    .iter()
                    .filter(|word| word.start < first.start)
                    .count();
                let own: BTreeSet<Pred> = of(piece)
                    .into_iter()
                    .filter(|pred| same_column(pred, &first.pred))
                    .collect();
                let all = match first.pred {
                    Pred::Is(column, _) => grid.names(column).len(),
                    _ => usize::MAX,
                };
                // "Crime is ahead with 12; the others are level": one alone before the semicolon.
                let head = text.raw.find(';').unwrap_or(0);
                let parted = entities(text, 0, grid)
                    .iter()
                    .filter(|entity| entity.end <= head)
                    .all(|entity| entity.pred == first.pred)
                    && first.end <= head;
                words < 4
                    && (text.raw[first.end..].starts_with([',', '.']) || own.len() < all || parted)
            })
        });
    // "The three with the most": so many are named.
    let several = point.text.numbers.iter().any(|number| {
        let many = number.value();
        number.unit.is_none() && (2.0..=20.0).contains(&many) && all.len() as f64 >= many
    });
    begins || several || named.len().max(usize::from(alone(&all))) >= wanted.max(1)
}
