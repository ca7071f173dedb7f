//! Which kind of figure words say a number is.

use std::collections::BTreeSet;

use aios_languages::Sense;

use super::Place;
use crate::conditions::{mentioned, mentioned_within};
use crate::explain::{Scope, Stat};
use crate::grid::Grid;
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

impl Place<'_> {
    /// The kinds of figures that words name.
    pub(super) fn words(&self, number: &Number, grid: &Grid, scope: &mut Scope) {
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
            // "Entries above 13 m" have no difference.
            scope.difference |= text.tags.iter().any(|tag| {
                let aios_languages::Tag::Sense(sense) = tag.tag else {
                    return false;
                };
                let sides = [Sense::Above, Sense::Below, Sense::Ahead, Sense::Behind];
                let moves = [Sense::Difference, Sense::Growth, Sense::Up, Sense::Down];
                (moves.contains(&sense) || sides.contains(&sense)) && !self.sets_limit(text, tag)
            });
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
        // "83.5 kg per hive" is no total.
        let behind = self
            .text
            .words
            .partition_point(|word| word.start < number.end);
        let rated = self.text.tags.iter().any(|tag| {
            tag.tag == aios_languages::Tag::Sense(Sense::Per)
                && tag.from == behind
                && tag.to < self.text.words.len()
                // "7.5 kg por la ruta Sierra" is that of a name.
                && !self.text.names.iter().any(|name| {
                    let first = self.text.words.partition_point(|word| word.start < name.start);
                    (tag.to..=tag.to + 2).contains(&first)
                })
        });
        if rated && number.unit.is_some() && self.labels.is_empty() {
            scope.stats.retain(|stat| *stat != Stat::Total);
            if scope.stats.is_empty() {
                scope.stats = vec![Stat::Mean, Stat::Median];
            }
        }
        let goal = &self.asked.text;
        scope.asked_share = goal.has(Sense::Share);
        scope.rate |= scope.asked_share;
        scope.all = self.text.senses().any(|(sense, place)| {
            let whole = matches!(sense, Sense::Whole | Sense::Total);
            whole && self.text.clause(place) == clause
        });
        // "Overall: 5.46 minutes" where the average overall was asked for.
        if scope.stats == [Stat::Total] && goal.has(Sense::Mean) && goal.has(Sense::Total) {
            scope.stats.push(Stat::Mean);
        }
        // "3.7 thousand" where the median was asked for.
        if scope.stats.is_empty() && goal.has(Sense::Median) && !goal.has(Sense::Mean) {
            scope.stats = vec![Stat::Median, Stat::Total, Stat::Mean];
        }
        // "8 entries".
        let next = self
            .text
            .words
            .partition_point(|word| word.start < number.end);
        let reading = aios_languages::concept_number("reading");
        let rows =
            number.unit.is_none()
                && self.text.tags.iter().any(|tag| {
                    tag.from == next && tag.tag == aios_languages::Tag::Concept(reading)
                });
        if rows {
            governed = [Sense::Count].into();
        }
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
        // "One part in 36".
        scope.ratio |= self.text.tags.iter().any(|tag| {
            tag.tag == aios_languages::Tag::Number(1.0)
                && tag.to < next_word(self.text, number)
                && next_word(self.text, number) - tag.to <= 3
                && self.text.clause(self.text.words[tag.from].start) == clause
        });
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
    pub(super) fn columns(&self, grid: &Grid) -> Vec<usize> {
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
            // "10,000 in one (the most), 8,400 in another": what a bracket says it says of what stands before it.
            .filter(|(_, place)| {
                let bracket = self.bracket(*place);
                bracket.is_none_or(|(_, close)| number.start < close)
            })
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
}

/// The first word of a number.
fn next_word(text: &Text, number: &Number) -> usize {
    text.words.partition_point(|word| word.start < number.start)
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
