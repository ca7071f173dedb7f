//! What a number in an answer is said to be of: its names, times, figure and measure, from its sentence and from what stands over it.

use std::collections::BTreeSet;

use aios_languages::{Sense, Tag};

use crate::explain::{Scope, Stat, same_column};
use crate::goal::{Asked, conditions, flags_at, mentioned, mentioned_within, none_of};
use crate::grid::{Grid, Pred};
use crate::moment::Moment;
use crate::numeral::Number;
use crate::text::Text;

/// Words for a kind of figure.
const STATISTICS: [Sense; 7] = [
    Sense::Total,
    Sense::Mean,
    Sense::Median,
    Sense::Lowest,
    Sense::Highest,
    Sense::Count,
    Sense::AskCount,
];
/// Names of a sentence of which any two may be compared.
const FEW: usize = 5;

/// Where a number stands.
pub(crate) struct Place<'a> {
    /// Its sentence, item or cell.
    pub text: &'a Text,
    /// What stands over it, the innermost first.
    pub labels: Vec<&'a Text>,
    /// The sentence before it in the same paragraph.
    pub before: Option<&'a Text>,
    /// The goal.
    pub asked: &'a Asked,
}

/// A name or time in a text that can set a condition, with its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entity {
    pub pred: Pred,
    pub start: usize,
    pub end: usize,
}

/// The names and times of a text, as conditions on a table.
pub(crate) fn entities(text: &Text, table: usize, grid: &Grid) -> Vec<Entity> {
    let names = text
        .names
        .iter()
        .filter(|name| name.table == table)
        .map(|name| Entity {
            pred: Pred::Is(name.column, name.code),
            start: name.start,
            end: name.end,
        });
    let mut out: Vec<Entity> = names.collect();
    if let Some(column) = grid.times().next() {
        out.extend(
            text.moments
                .iter()
                .filter(|found| !found.moment.is_empty())
                .map(|found| Entity {
                    pred: Pred::At(column, found.moment),
                    start: found.start,
                    end: found.end,
                }),
        );
    }
    // "Members 571 km, non-members 460 km": both sides of a flag in one text are names of its rows.
    let flags: Vec<Entity> = flags_at(text, grid)
        .into_iter()
        .map(|(pred, start, end)| Entity { pred, start, end })
        .collect();
    let both = |entity: &&Entity| {
        let mut others = flags.iter();
        others.any(|other| same_column(&other.pred, &entity.pred) && other.pred != entity.pred)
    };
    out.extend(flags.iter().filter(both).copied());
    out.sort_by_key(|entity| entity.start);
    out
}

impl Place<'_> {
    /// What a number of this place is said to be of, in one table.
    pub(crate) fn scope(&self, number: &Number, table: usize, grid: &Grid) -> Scope {
        let own = entities(self.text, table, grid);
        let mut scope = Scope::default();
        let mut base: Vec<Pred> = Vec::new();
        let mut optional: Vec<Pred> = Vec::new();
        let mut columns: Vec<Pred> = Vec::new();
        for entity in &own {
            if !columns.iter().any(|other| same_column(other, &entity.pred)) {
                columns.push(entity.pred);
            }
        }
        for column in &columns {
            let of: Vec<Entity> = own
                .iter()
                .copied()
                .filter(|entity| same_column(&entity.pred, column))
                .collect();
            match self.bound(number, &of) {
                Bound::To(pred) => base.push(pred),
                Bound::Perhaps(pred) => optional.push(pred),
                Bound::Pair(from, to) => scope.pairs.push((from, to)),
                Bound::Nothing => {}
            }
            let different: BTreeSet<Pred> = of.iter().map(|entity| entity.pred).collect();
            scope.named.extend(different.iter().copied());
            if different.len() == 2 {
                let mut both = different.iter().copied();
                scope.pairs.extend(both.next().zip(both.next()));
            }
            // "Jena leads, 28 ahead of Fulda and 51 ahead of Kassel": any two of a few.
            if (2..=FEW).contains(&different.len())
                && (different.len() > 2 || matches!(column, Pred::Is(..)))
                && self.compares()
            {
                for one in &different {
                    let others = different.iter().filter(|other| *other != one);
                    scope.pairs.extend(others.map(|other| (*one, *other)));
                }
            }
            if different.len() > 1 && self.text.has(Sense::Total) {
                scope.together.extend(different);
            }
        }
        if scope.together.is_empty() && self.text.has(Sense::Total) {
            scope.together_of = self.asked_names(table, grid);
        }
        for label in &self.labels {
            let over = entities(label, table, grid);
            let mut seen: Vec<Pred> = Vec::new();
            for entity in &over {
                if columns.iter().any(|other| same_column(other, &entity.pred))
                    || seen.iter().any(|other| same_column(other, &entity.pred))
                {
                    continue;
                }
                seen.push(entity.pred);
                let different: Vec<Pred> = over
                    .iter()
                    .map(|other| other.pred)
                    .filter(|other| same_column(other, &entity.pred))
                    .collect();
                match different.as_slice() {
                    [one] => base.push(*one),
                    [one, other] if one != other => scope.pairs.push((*one, *other)),
                    [one, rest @ ..] if rest.iter().all(|other| other == one) => base.push(*one),
                    _ => {}
                }
            }
            columns.extend(seen);
        }
        if scope.pairs.is_empty() {
            scope.pairs = self.goal_pairs(&base, table, grid);
        }
        // "Old Town leads by 91": ahead of any one of a few others.
        let alone =
            scope.pairs.is_empty() && (self.compares() || self.asked.text.has(Sense::Difference));
        if let (true, Some(Pred::Is(column, code))) = (
            alone,
            base.iter()
                .copied()
                .find(|pred| matches!(pred, Pred::Is(..))),
        ) {
            let all = u32::try_from(grid.names(column).len()).unwrap_or(0);
            let few = (2..=6).contains(&all);
            let others = (0..all).filter(|other| few && *other != code);
            scope
                .pairs
                .extend(others.map(|other| (Pred::Is(column, other), Pred::Is(column, code))));
        }
        self.words(number, grid, &mut scope);
        scope.measures = self.measures(number, grid);
        scope.columns = self.columns(grid);
        scope.units = self.asked.units.clone();
        // The lowest of several has its own total and mean: "Kassel has the lowest turnover, 19,700".
        let ranked = scope
            .stats
            .iter()
            .all(|stat| matches!(stat, Stat::Greatest | Stat::Least));
        if scope.extreme && ranked && !base.is_empty() {
            scope.stats.extend([Stat::Total, Stat::Mean]);
        }
        scope.preds = self.rows(number, &base, &optional, &columns, table, grid);
        let (part, whole) = self.partition(number);
        scope.count |= part || whole;
        scope.each = self.text.has(Sense::Per);
        let next = self
            .text
            .words
            .partition_point(|word| word.start < number.start);
        scope.from = self
            .text
            .tags
            .iter()
            .any(|tag| tag.tag == Tag::Sense(Sense::From) && tag.to == next);
        scope
    }

    /// Whether the words right at a number name one quantity by a word that no other one has: it is of this one and of no other.
    pub(crate) fn names_one(&self, number: &Number, scope: &Scope, grid: &Grid) -> bool {
        let [one] = scope.measures.as_slice() else {
            return false;
        };
        let (part, whole) = self.partition(number);
        if part || whole {
            return false;
        }
        let clause = self.text.clause(number.start);
        let numbers = &self.text.numbers;
        let apart = |from: usize, to: usize| {
            numbers
                .iter()
                .any(|other| from <= other.start && other.end <= to)
        };
        // A word that another number follows right away is said of that one.
        let taken = |place: usize| {
            let next = numbers.iter().find(|other| other.start > place);
            next.is_some_and(|next| {
                next.start != number.start && self.text.clause(next.start) == clause
            })
        };
        let own = &grid.columns[*one].stems;
        self.text.stems.iter().any(|(word, stem)| {
            let place = self.text.words[*word].start;
            let near = self.text.clause(place) == clause
                && match place < number.start {
                    true => !apart(place, number.start),
                    false => !apart(number.end, place) && !taken(place),
                };
            near && own.contains(stem)
                && grid
                    .measures()
                    .all(|other| other == *one || !grid.columns[other].stems.contains(stem))
        })
    }

    /// Which of the names or times of one column a number belongs to.
    fn bound(&self, number: &Number, of: &[Entity]) -> Bound {
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
        let apart = !own.is_empty() && own.len() < of.len();
        let of = if apart { own.as_slice() } else { of };
        let stated: Vec<&Number> = self
            .text
            .numbers
            .iter()
            .filter(|other| {
                (!other.is_casual() && other.bound.is_none()) || std::ptr::eq(*other, number)
            })
            .filter(|other| !apart || part(other.start) == part(number.start))
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
            (0, true) if served && matches!(first.pred, Pred::At(..)) => {
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

    /// Whether the sentence compares one thing with another.
    fn compares(&self) -> bool {
        [
            Sense::Difference,
            Sense::Ratio,
            Sense::Up,
            Sense::Down,
            Sense::Growth,
            Sense::Above,
            Sense::Below,
            Sense::Than,
            Sense::Ahead,
            Sense::Behind,
        ]
        .into_iter()
        .any(|sense| self.text.has(sense))
    }

    /// The few names of one kind that the goal speaks of: some of them may be taken together.
    fn asked_names(&self, table: usize, grid: &Grid) -> Vec<Pred> {
        let names: BTreeSet<Pred> = entities(&self.asked.text, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .filter(|pred| matches!(pred, Pred::Is(..)))
            .collect();
        let first = names.first().copied();
        let mut out: Vec<Pred> = names.into_iter().collect();
        out.retain(|pred| first.is_some_and(|first| same_column(&first, pred)));
        out.truncate(FEW);
        out
    }

    /// What the goal compares, or one time with the one before it.
    fn goal_pairs(&self, base: &[Pred], table: usize, grid: &Grid) -> Vec<(Pred, Pred)> {
        let Some(column) = grid.times().next() else {
            return Vec::new();
        };
        let mut out: Vec<(Pred, Pred)> = self
            .asked
            .pairs
            .iter()
            .map(|(from, to)| (Pred::At(column, *from), Pred::At(column, *to)))
            .collect();
        let here = base.iter().find_map(|pred| match pred {
            Pred::At(own, moment) if *own == column => Some(*moment),
            _ => None,
        });
        if let Some(here) = here {
            let months = grid.periods(column, |moment| crate::moment::Moment {
                day: None,
                weekday: None,
                minute: None,
                quarter: None,
                ..*moment
            });
            let at = months.iter().position(|month| {
                here.holds(&crate::moment::Moment {
                    quarter: month.month.map(|month| (month - 1) / 3 + 1),
                    ..*month
                })
            });
            if let Some(before) = at
                .and_then(|at| at.checked_sub(1))
                .and_then(|at| months.get(at))
            {
                out.push((Pred::At(column, *before), Pred::At(column, here)));
            }
        }
        let _ = table;
        out
    }

    /// The kinds of figures that words name.
    fn words(&self, number: &Number, grid: &Grid, scope: &mut Scope) {
        let clause = self.text.clause(number.start);
        let mut share = false;
        let mut governed = self.governing(number, grid);
        for text in std::iter::once(self.text).chain(self.labels.iter().copied()) {
            let senses: BTreeSet<Sense> = text.senses().map(|(sense, _)| sense).collect();
            // What stands over a number says which figure it is where its own sentence does not.
            if !std::ptr::eq(text, self.text) && governed.is_empty() {
                governed = STATISTICS
                    .into_iter()
                    .filter(|sense| senses.contains(sense))
                    .collect();
            }
            scope.extreme |= senses.contains(&Sense::Highest) || senses.contains(&Sense::Lowest);
            scope.rate |= senses.contains(&Sense::Share);
            scope.ends |= [
                Sense::Highest,
                Sense::Lowest,
                Sense::Between,
                Sense::AtLeast,
                Sense::AtMost,
                Sense::Above,
                Sense::Below,
                Sense::Difference,
            ]
            .iter()
            .any(|sense| senses.contains(sense));
            scope.ratio |= senses.contains(&Sense::Ratio)
                || senses.contains(&Sense::Per)
                || senses.contains(&Sense::Mean);
            scope.difference |= [
                Sense::Difference,
                Sense::Growth,
                Sense::Above,
                Sense::Below,
                Sense::Ahead,
                Sense::Behind,
                Sense::Up,
                Sense::Down,
            ]
            .iter()
            .any(|sense| senses.contains(sense));
            share |= senses.contains(&Sense::Share);
        }
        for (sense, stat) in [
            (Sense::Total, Stat::Total),
            (Sense::Mean, Stat::Mean),
            (Sense::Median, Stat::Median),
            (Sense::Lowest, Stat::Least),
            (Sense::Highest, Stat::Greatest),
        ] {
            if governed.contains(&sense) {
                scope.stats.push(stat);
            }
        }
        scope.rest = self.text.senses().any(|(sense, place)| {
            let (from, to) = if place < number.start {
                (place, number.start)
            } else {
                (number.end, place)
            };
            let apart = self
                .text
                .numbers
                .iter()
                .any(|other| from <= other.start && other.end <= to && !other.is_casual());
            sense == Sense::Rest && !apart
        });
        let goal = &self.asked.text;
        scope.ends |= number.bound.is_some() || goal.has(Sense::Highest) || goal.has(Sense::Lowest);
        scope.times = std::iter::once(self.text)
            .chain(self.labels.iter().copied())
            .chain([goal])
            .any(counts_times);
        scope.counted = governed.contains(&Sense::Count) || governed.contains(&Sense::AskCount);
        // "Highest average humidity" is of means; "the highest total" of totals.
        let figures = scope
            .stats
            .iter()
            .any(|stat| matches!(stat, Stat::Mean | Stat::Total | Stat::Median));
        if figures && scope.stats.len() > 1 {
            scope.extreme = true;
        }
        scope.ratio |= number.times || scope.stats.contains(&Stat::Mean);
        scope.count = scope.counted
            || scope.stats.is_empty()
            || scope.stats.contains(&Stat::Total)
            || scope.extreme;
        if scope.counted && !scope.stats.contains(&Stat::Total) {
            // "The number of units sold" is a total of units.
            scope.stats = if figures {
                scope.stats.clone()
            } else {
                vec![Stat::Total]
            };
        }
        scope.share = share || !scope.extreme || number.unit.is_some();
        let sign = |text: &Text, within: Option<usize>| {
            let near = text.senses().filter(|(sense, place)| {
                matches!(sense, Sense::Up | Sense::Down)
                    && within.is_none_or(|clause| text.clause(*place) == clause)
            });
            let nearest = near.min_by_key(|(_, place)| place.abs_diff(number.start));
            nearest.map(|(sense, _)| if sense == Sense::Up { 1.0 } else { -1.0 })
        };
        // "54 % above April", "1.4 degrees warmer than July": a side right behind a number is between two, and no way that things go.
        let sided = self.text.senses().any(|(sense, place)| {
            matches!(sense, Sense::Above | Sense::Below)
                && place >= number.end
                && place - number.end <= 1
        });
        if sided {
            return;
        }
        scope.sign = sign(self.text, Some(clause))
            .or_else(|| sign(self.text, None))
            .or_else(|| self.labels.iter().find_map(|label| sign(label, None)));
    }

    /// The columns that the words around a number, or the goal, speak of.
    fn columns(&self, grid: &Grid) -> Vec<usize> {
        let texts = std::iter::once(self.text)
            .chain(self.labels.iter().copied())
            .chain([&self.asked.text]);
        let mut out: Vec<usize> = texts.flat_map(|text| mentioned(text, grid)).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// The words for a kind of figure that a number stands under: those before it, up to the number before, or those behind it in its clause
    /// that no other number follows there. "12 visits, on average 46 minutes" has a count and a mean.
    fn governing(&self, number: &Number, grid: &Grid) -> BTreeSet<Sense> {
        let words: Vec<(Sense, usize)> = self
            .text
            .senses()
            .filter(|(sense, _)| STATISTICS.contains(sense))
            .collect();
        let stated: Vec<&Number> = self
            .text
            .numbers
            .iter()
            .filter(|other| !other.is_casual() || std::ptr::eq(*other, number))
            .collect();
        if stated.len() < 2 {
            return words.iter().map(|(sense, _)| *sense).collect();
        }
        let clause = |place: usize| self.text.clause(place);
        // A word whose clause has numbers before it and none behind it is said of those.
        let back = |place: usize| {
            let here = || {
                stated
                    .iter()
                    .filter(|other| clause(other.start) == clause(place))
            };
            here().any(|other| other.start < place) && !here().any(|other| other.start > place)
        };
        let own: BTreeSet<Sense> = words
            .iter()
            .filter(|(_, place)| clause(*place) == clause(number.start) && back(*place))
            .map(|(sense, _)| *sense)
            .collect();
        if !own.is_empty() {
            return own;
        }
        // A clause that names another quantity than the word's own is not under it: "8 minutes on average, and 11,465 people".
        let quantities = |clause: usize| -> BTreeSet<usize> {
            let starts = &self.text.clauses;
            let from = starts.get(clause).copied().unwrap_or(0);
            let to = starts.get(clause + 1).copied().unwrap_or(usize::MAX);
            let found = mentioned_within(self.text, grid, from..to);
            found
                .into_iter()
                .filter(|column| grid.measures().any(|own| own == *column))
                .collect()
        };
        let own = quantities(clause(number.start));
        let foreign = |place: usize| {
            clause(place) != clause(number.start)
                && !own.is_empty()
                && quantities(clause(place)).is_disjoint(&own)
        };
        let before: Vec<&(Sense, usize)> = words
            .iter()
            .filter(|(_, place)| *place < number.start && !back(*place) && !foreign(*place))
            .collect();
        let Some((_, last)) = before.last() else {
            return BTreeSet::new();
        };
        let apart = |place: usize| {
            stated
                .iter()
                .any(|other| place < other.start && other.start < *last)
        };
        before
            .iter()
            .filter(|(_, place)| !apart(*place))
            .map(|(sense, _)| *sense)
            .collect()
    }

    /// The columns that words name; all of them where none is named.
    fn measures(&self, number: &Number, grid: &Grid) -> Vec<usize> {
        let mut quantities: Vec<usize> = grid.measures().collect();
        let flags: Vec<usize> = grid
            .flags()
            .filter(|flag| mentioned(self.text, grid).contains(flag))
            .collect();
        quantities.extend(flags);
        let of_unit = |column: &usize| match (&number.unit, &grid.columns[*column].unit) {
            (Some(unit), Some(own)) => unit.convert(1.0, own).is_some(),
            _ => false,
        };
        // Where a column has the number's unit, the number is of none without one.
        let any = quantities.iter().any(of_unit);
        let convertible = |column: &usize| match (&number.unit, &grid.columns[*column].unit) {
            (Some(_), Some(_)) => of_unit(column),
            (Some(_), None) => !any,
            (None, _) => true,
        };
        // Of a part of a whole the unit says nothing about what is divided.
        let share = number
            .unit
            .as_ref()
            .is_some_and(crate::unit::Unit::is_share);
        let (part, whole) = self.partition(number);
        if part || whole {
            return quantities
                .into_iter()
                .filter(|column| share || convertible(column))
                .collect();
        }
        if share {
            // "2,852 EUR, some 42 % of sales": of what the amount beside it is of.
            let beside = self
                .text
                .numbers
                .iter()
                .filter_map(|other| other.unit.as_ref());
            let units: Vec<&crate::unit::Unit> = beside.filter(|unit| !unit.is_share()).collect();
            let fits = |column: &usize| {
                let own = grid.columns[*column].unit.as_ref();
                own.is_some_and(|own| units.iter().any(|unit| unit.convert(1.0, own).is_some()))
            };
            let of_units: Vec<usize> = quantities.iter().copied().filter(fits).collect();
            let own = mentioned(self.text, grid);
            if !of_units.is_empty() && !of_units.iter().any(|column| own.contains(column)) {
                let named = own.into_iter().filter(|column| quantities.contains(column));
                return named.chain(of_units).collect();
            }
        }
        let clause = self.text.clause(number.start);
        let starts = &self.text.clauses;
        let from = starts.get(clause).copied().unwrap_or(0);
        let to = starts.get(clause + 1).copied().unwrap_or(usize::MAX);
        let own = mentioned_within(self.text, grid, from..to);
        let sources = std::iter::once(self.text)
            .chain(self.labels.iter().copied())
            .chain(self.before)
            .chain([&self.asked.text]);
        let sources = sources.map(|text| mentioned(text, grid));
        for found in std::iter::once(own).chain(sources) {
            let named: Vec<usize> = found
                .into_iter()
                .filter(|column| quantities.contains(column))
                .collect();
            let fitting: Vec<usize> = named
                .iter()
                .copied()
                .filter(|column| share || convertible(column))
                .collect();
            if !fitting.is_empty() {
                return fitting;
            }
        }
        quantities
            .into_iter()
            .filter(|column| share || convertible(column))
            .collect()
    }

    /// The rows a number may be about.
    fn rows(
        &self,
        number: &Number,
        base: &[Pred],
        optional: &[Pred],
        columns: &[Pred],
        table: usize,
        grid: &Grid,
    ) -> Vec<Vec<Pred>> {
        let mut own: Vec<Pred> = conditions(self.text, table, grid);
        // A limit that bounds this number is no condition on it.
        own.retain(|pred| !matches!(pred, Pred::Side(_, _, limit) if number.bound.is_some() && (limit.value() - number.value()).abs() < 1e-9));
        for label in &self.labels {
            own.extend(conditions(label, table, grid));
        }
        let goals = self.asked.conditions(table, grid);
        let spoken = std::iter::once(self.text).chain(self.labels.iter().copied());
        let limited = spoken.into_iter().any(|text| {
            [Sense::Limit, Sense::Above, Sense::Below]
                .into_iter()
                .any(|sense| text.has(sense))
        });
        let sides: Vec<Pred> = goals
            .iter()
            .copied()
            .filter(|pred| matches!(pred, Pred::Side(..)))
            .collect();
        let mut required = base.to_vec();
        required.extend(own.iter().copied());
        let restated = own.iter().any(|pred| matches!(pred, Pred::Side(..)));
        let mut out: Vec<Vec<Pred>> = Vec::new();
        if limited && !restated && number.bound.is_none() && !sides.is_empty() {
            let mut all = required.clone();
            all.extend(sides.iter().copied());
            out.push(all);
            // "22 of the 90 lie below it".
            if self.text.numbers.len() > 1 {
                out.push(required.clone());
            }
        } else {
            out.push(required.clone());
            // Of several numbers a condition may belong to another one.
            if !own.is_empty() && self.text.numbers.len() > 1 {
                out.push(base.to_vec());
            }
            if !goals.is_empty() && own.is_empty() {
                let mut all = required.clone();
                all.extend(goals.iter().copied());
                out.push(all);
                for goal in &goals {
                    let mut all = required.clone();
                    all.push(*goal);
                    out.push(all);
                }
            }
        }
        let (part, whole) = self.partition(number);
        if whole {
            // "31 of 32 beds": what a part is of has fewer conditions than the part.
            for skipped in 0..required.len() {
                let rest = required.iter().enumerate().filter(|(at, _)| *at != skipped);
                out.push(rest.map(|(_, pred)| *pred).collect());
            }
            out.push(Vec::new());
        }
        if part && !goals.is_empty() {
            out.push(required.iter().chain(&goals).copied().collect());
        }
        // "April to June": all of the time between.
        for (from, to) in ranges(self.text)
            .into_iter()
            .chain(self.labels.iter().flat_map(|label| ranges(label)))
        {
            if let Some(column) = grid.times().next() {
                let others = required
                    .iter()
                    .copied()
                    .filter(|pred| !matches!(pred, Pred::At(..)));
                out.push(others.chain([Pred::Within(column, from, to)]).collect());
                let others = required
                    .iter()
                    .copied()
                    .filter(|pred| !matches!(pred, Pred::At(..)));
                if grid.rows_of(&[Pred::Within(column, from, to)]).len() == grid.rows {
                    out.push(others.collect());
                }
            }
        }
        // "No delay at all", "on time": rows in which there is nothing of a quantity.
        let none = none_of(self.text, grid)
            .into_iter()
            .chain(none_of(&self.asked.text, grid));
        for pred in none {
            out.push(required.iter().copied().chain([pred]).collect());
        }
        // What the goal is about need not be said again.
        let asked: Vec<Pred> = entities(&self.asked.text, table, grid)
            .into_iter()
            .map(|entity| entity.pred)
            .collect();
        let silent: Vec<Pred> = asked
            .iter()
            .copied()
            .filter(|pred| !columns.iter().any(|other| same_column(other, pred)))
            .filter(|pred| {
                asked
                    .iter()
                    .filter(|other| same_column(other, pred))
                    .all(|other| other == pred)
            })
            .collect();
        let before: Vec<Pred> = match self.before {
            Some(before) if columns.is_empty() => entities(before, table, grid)
                .into_iter()
                .map(|entity| entity.pred)
                .collect(),
            _ => Vec::new(),
        };
        for found in out.clone() {
            for more in [&silent, &before, &optional.to_vec()] {
                if !more.is_empty() && (more.len() == 1 || !std::ptr::eq(more, &before)) {
                    let mut all = found.clone();
                    all.extend(more.iter().copied());
                    out.push(all);
                }
            }
        }
        for preds in &mut out {
            preds.sort_unstable();
            preds.dedup();
        }
        let mut seen = BTreeSet::new();
        out.retain(|preds| seen.insert(preds.clone()));
        out.truncate(16);
        out
    }
}

/// The stretches of time that a text names by their ends: "April to June", "from 2020 until 2024".
fn ranges(text: &Text) -> Vec<(Moment, Moment)> {
    let joined = |two: &[crate::moment::MomentAt]| {
        let gap = text.raw.get(two[0].end..two[1].start).unwrap_or(";");
        gap.len() < 12 && !gap.contains([',', ';', '.', '|', ':'])
    };
    let found = text.moments.windows(2).filter(|two| joined(two));
    let kind = |moment: &Moment| {
        (
            moment.day.is_some(),
            moment.month.is_some(),
            moment.minute.is_some(),
        )
    };
    found
        .map(|two| (two[0].moment, two[1].moment))
        .filter(|(from, to)| kind(from) == kind(to) && from != to)
        .collect()
}

/// Whether a text speaks of lengths of time: days, weeks, months, years.
fn counts_times(text: &Text) -> bool {
    use aios_languages::{Tag, UnitName};
    text.tags.iter().any(|tag| {
        matches!(
            tag.tag,
            Tag::Unit(UnitName::Day | UnitName::Week | UnitName::Month | UnitName::Year)
        )
    })
}

/// What was found of the names of one column.
enum Bound {
    To(Pred),
    Perhaps(Pred),
    Pair(Pred, Pred),
    Nothing,
}
