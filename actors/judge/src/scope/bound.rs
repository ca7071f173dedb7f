//! To which of the names or times of a sentence a number belongs.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};

use super::{Entity, Place};
use crate::grid::Pred;
use crate::numeral::Number;

/// What was found of the names of one column.
pub(super) enum Bound {
    To(Pred),
    Perhaps(Pred),
    Pair(Pred, Pred),
    Nothing,
}

/// "A and B: 5 and 7, with C at 3": as many names as numbers, again and again, of which at least once several.
fn in_runs(number: &Number, of: &[Entity], stated: &[&Number]) -> Option<Pred> {
    if of.len() != stated.len() || of.len() < 3 {
        return None;
    }
    let names = of.iter().map(|entity| (entity.start, true));
    let numbers = stated.iter().map(|own| (own.start, false));
    let mut all: Vec<(usize, bool)> = names.chain(numbers).collect();
    all.sort_unstable();
    let first = all.first()?.1;
    let mut runs: Vec<(bool, usize)> = Vec::new();
    for (_, name) in &all {
        match runs.last_mut() {
            Some((kind, many)) if kind == name => *many += 1,
            _ => runs.push((*name, 1)),
        }
    }
    let even = runs.len().is_multiple_of(2) && runs.chunks(2).all(|two| two[0].1 == two[1].1);
    let several = runs.iter().any(|(_, many)| *many > 1);
    let apart: BTreeSet<Pred> = of.iter().map(|entity| entity.pred).collect();
    // With one of each in turn the other rules know which way they belong; names come first here.
    if !(first && even && several && apart.len() == of.len()) {
        return None;
    }
    let at = stated.iter().position(|own| own.start == number.start)?;
    of.get(at).map(|entity| entity.pred)
}

impl Place<'_> {
    /// Which of the names or times of one column a number belongs to.
    pub(super) fn bound(&self, number: &Number, of: &[Entity]) -> Bound {
        // "18.8 tonnes (A 7.5, B 7.1)": what stands in brackets with figures of its own is not what a figure before them is of.
        let (of, inside) = self.outside(number, of);
        if of.is_empty() && inside {
            return Bound::Nothing;
        }
        let own = self.bracket(number.start);
        let within = |place: usize| own.is_none_or(|own| self.bracket(place) == Some(own));
        let apart = of.iter().any(|entity| within(entity.start)) && own.is_some();
        let of: Vec<Entity> = match apart {
            true => of
                .into_iter()
                .filter(|entity| within(entity.start))
                .collect(),
            false => of,
        };
        let in_bracket = |place: usize| !apart || within(place);
        let of = of.as_slice();
        // What a semicolon parts belongs apart.
        let part = |place: usize| {
            self.text
                .raw
                .get(..place)
                .map_or(0, |head| head.matches(';').count())
        };
        let own: Vec<Entity> = of
            .iter()
            .copied()
            .filter(|entity| part(entity.start) == part(number.start))
            .collect();
        // "A 5, B 7; on average 6": where each name has figures in its own part, a part without a name is of no one in particular.
        let parted = own.is_empty() && !of.is_empty() && {
            let mut names = of.iter();
            names.all(|entity| {
                let mut others = self.text.numbers.iter();
                others.any(|other| part(other.start) == part(entity.start))
            })
        };
        if parted {
            return of
                .last()
                .map_or(Bound::Nothing, |entity| Bound::Perhaps(entity.pred));
        }
        let apart = !own.is_empty() && own.len() < of.len();
        let of = if apart { own.as_slice() } else { of };
        let stated: Vec<&Number> = self
            .text
            .numbers
            .iter()
            .filter(|other| {
                (!other.is_casual() && (other.bound.is_none() || other.rough))
                    || std::ptr::eq(*other, number)
            })
            .filter(|other| !apart || part(other.start) == part(number.start))
            .filter(|other| in_bracket(other.start))
            .collect();
        let different: BTreeSet<Pred> = of.iter().map(|entity| entity.pred).collect();
        let (Some(first), Some(last)) = (of.first(), of.last()) else {
            return Bound::Nothing;
        };
        if different.len() == 1 {
            let clause = self.text.clause(number.start);
            let same = of
                .iter()
                .any(|entity| self.text.clause(entity.start) == clause);
            return if same || stated.len() == 1 {
                Bound::To(first.pred)
            } else {
                Bound::Perhaps(first.pred)
            };
        }
        let (Some(low), Some(high)) = (stated.first(), stated.last()) else {
            return Bound::Nothing;
        };
        let apart = last.end <= low.start || high.end <= first.start;
        if apart && stated.len() > 1 && stated.len().is_multiple_of(of.len()) && (of.len() > 1) {
            let at = stated.iter().position(|other| other.start == number.start);
            return at
                .and_then(|at| of.get(at % of.len()))
                .map_or(Bound::Nothing, |entity| Bound::To(entity.pred));
        }
        // "260 more adults than children (1,914 against 1,654)".
        let behind: Vec<&&Number> = stated
            .iter()
            .filter(|other| other.start >= last.end)
            .collect();
        let between = stated
            .iter()
            .any(|other| first.end <= other.start && other.end <= last.start);
        if !between && behind.len() == of.len() && behind.len() > 1 && different.len() == of.len() {
            let at = behind.iter().position(|other| other.start == number.start);
            return at
                .and_then(|at| of.get(at))
                .map_or(Bound::Nothing, |entity| Bound::To(entity.pred));
        }
        if let Some(pred) = in_runs(number, of, &stated) {
            return Bound::To(pred);
        }
        // What shares a clause belongs together, if it is the only one there.
        let segment = |place: usize| {
            let clause = self.text.clause(place);
            let start = self.text.clauses.get(clause).copied().unwrap_or(0);
            // "617 nights: A 219": a number before the colon sums up what follows.
            let head = self.text.raw.get(start..place).unwrap_or("");
            let colon = head.rfind(": ").filter(|at| {
                stated
                    .iter()
                    .any(|other| (start..start + at).contains(&other.start))
            });
            (clause, colon.map(|at| start + at))
        };
        let mine = segment(number.start);
        let here: BTreeSet<Pred> = of
            .iter()
            .filter(|entity| segment(entity.start) == mine)
            .map(|entity| entity.pred)
            .collect();
        let alone = stated
            .iter()
            .filter(|other| segment(other.start) == mine)
            .count()
            == 1;
        // Where every name shares its clause with a number, a number whose clause has none is of no one in particular.
        let served = of.iter().all(|entity| {
            let own = segment(entity.start);
            stated.iter().any(|other| segment(other.start) == own)
        });
        // A name before all numbers of its clause is what they are about.
        let leads = of
            .iter()
            .filter(|entity| segment(entity.start) == mine)
            .all(|entity| {
                let mut others = stated.iter().filter(|other| segment(other.start) == mine);
                others.all(|other| entity.end <= other.start)
            });
        match (here.len(), alone) {
            (1, alone) if alone || leads => {
                return here.first().map_or(Bound::Nothing, |pred| Bound::To(*pred));
            }
            (0, true) if served => {
                let before = of.iter().rev().find(|entity| entity.end <= number.start);
                return before.map_or(Bound::Nothing, |entity| Bound::Perhaps(entity.pred));
            }
            (0, _)
                if self
                    .text
                    .raw
                    .get(number.end..)
                    .is_some_and(|rest| rest.contains(": "))
                    && mine.1.is_none() =>
            {
                return Bound::Nothing;
            }
            _ => {}
        }
        // Names and numbers take turns: which comes first says which way they belong.
        if first.start < low.start {
            let before: Vec<&Entity> = of
                .iter()
                .filter(|entity| entity.end <= number.start)
                .collect();
            let fence = stated
                .iter()
                .filter(|other| other.start < number.start)
                .map(|other| other.end)
                .max()
                .unwrap_or(0);
            let near: Vec<&&Entity> = before
                .iter()
                .filter(|entity| entity.start >= fence)
                .collect();
            match near.as_slice() {
                [.., one, other] if one.pred != other.pred => Bound::Pair(one.pred, other.pred),
                [] => {
                    let behind = of.iter().find(|entity| entity.start >= number.end);
                    let next = stated
                        .iter()
                        .filter(|other| other.start > number.start)
                        .map(|other| other.start)
                        .min()
                        .unwrap_or(usize::MAX);
                    match behind.filter(|entity| entity.start < next) {
                        Some(entity) => Bound::To(entity.pred),
                        None => before
                            .last()
                            .map_or(Bound::Nothing, |entity| Bound::To(entity.pred)),
                    }
                }
                [.., one] => {
                    // "At CR-1, unlike CR-2, it was 5": the other one behind may be compared with it.
                    let behind: BTreeSet<Pred> = of
                        .iter()
                        .filter(|entity| entity.start >= number.end)
                        .map(|entity| entity.pred)
                        .collect();
                    if stated.len() == 1 && behind.len() == 1 && self.compares() {
                        let other = behind.into_iter().next().unwrap_or(one.pred);
                        Bound::Pair(other, one.pred)
                    } else {
                        Bound::To(one.pred)
                    }
                }
            }
        } else {
            let behind: Vec<&Entity> = of
                .iter()
                .filter(|entity| entity.start >= number.end)
                .collect();
            let next = stated
                .iter()
                .filter(|other| other.start > number.start)
                .map(|other| other.start)
                .min()
                .unwrap_or(usize::MAX);
            let near: Vec<&&Entity> = behind.iter().filter(|entity| entity.start < next).collect();
            match near.as_slice() {
                [one, other, ..] if one.pred != other.pred && stated.len() == 1 => {
                    Bound::Pair(one.pred, other.pred)
                }
                [one, ..] => Bound::To(one.pred),
                [] => of
                    .iter()
                    .rev()
                    .find(|entity| entity.end <= number.start)
                    .map_or(Bound::Nothing, |entity| Bound::To(entity.pred)),
            }
        }
    }

    /// The brackets around a place.
    pub(super) fn bracket(&self, place: usize) -> Option<(usize, usize)> {
        let raw = &self.text.raw;
        let open = raw.get(..place)?.rfind('(')?;
        let close = open + raw.get(open..)?.find(')')?;
        (place < close).then_some((open, close))
    }

    /// The names that are not apart from a number by brackets which hold figures of their own; and whether any is.
    fn outside(&self, number: &Number, of: &[Entity]) -> (Vec<Entity>, bool) {
        let apart = |entity: &Entity| {
            self.bracket(entity.start).is_some_and(|(open, close)| {
                let holds = |other: &Number| open < other.start && other.end <= close;
                !holds(number) && self.text.numbers.iter().any(holds)
            })
        };
        let kept: Vec<Entity> = of.iter().copied().filter(|entity| !apart(entity)).collect();
        let some = kept.len() < of.len();
        (kept, some)
    }

    /// Whether a number is a part of the next one, and whether it is what the one before is a part of: "31 of 32".
    pub(crate) fn partition(&self, number: &Number) -> (bool, bool) {
        let text = self.text;
        let between = |from: usize, to: usize| {
            text.tags.iter().any(|tag| {
                tag.tag == Tag::Sense(Sense::Of)
                    && text.words[tag.from].start >= from
                    && text.words[tag.to - 1].end <= to
            }) && text
                .raw
                .get(from..to)
                .is_some_and(|gap| gap.len() < 40 && !gap.contains([';', '.', ',']))
        };
        let at = text
            .numbers
            .iter()
            .position(|other| other.start == number.start);
        let Some(at) = at else {
            return (false, false);
        };
        let next = text.numbers.get(at + 1);
        let before = at.checked_sub(1).and_then(|at| text.numbers.get(at));
        (
            next.is_some_and(|next| between(number.end, next.start)),
            before.is_some_and(|before| between(before.end, number.start)),
        )
    }
}
