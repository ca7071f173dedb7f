//! Of which quantity a number is.

use super::Place;
use aios_languages::{Sense, Tag, Tagged};

use crate::conditions::{mentioned, mentioned_within};
use crate::explain::Scope;
use crate::goal::{Need, Point};
use crate::grid::Grid;
use crate::numeral::Number;
use crate::text::Text;
use crate::unit::Unit;

/// Words between a share and the name of what it is a part of: "of all the".
const PARTED: usize = 4;

/// The quantities that the first word of a meaning of its own behind a share names: "the total weight".
fn divided(text: &Text, from: usize, grid: &Grid) -> Vec<usize> {
    let whole = |word: usize| {
        text.tags.iter().any(|tag| {
            let all = matches!(tag.tag, Tag::Sense(Sense::Total | Sense::Whole));
            all && tag.from <= word && word < tag.to
        })
    };
    let mut words = text.stems.iter().map(|(word, _)| *word);
    let Some(next) = words.find(|word| *word >= from && !whole(*word)) else {
        return Vec::new();
    };
    let of = text
        .tags
        .iter()
        .any(|tag| tag.tag == Tag::Sense(Sense::Of) && tag.from == from);
    if !of {
        return Vec::new();
    }
    let (first, word) = (text.words.get(from), &text.words[next]);
    let apart = first.is_none_or(|first| text.clause(first.start) != text.clause(word.start));
    let between = || {
        let mut numbers = text.numbers.iter();
        let start = first.map_or(0, |first| first.start);
        numbers.any(|number| start <= number.start && number.start < word.end)
    };
    if next - from > PARTED || apart || between() {
        return Vec::new();
    }
    let named = mentioned_within(text, grid, word.start..word.end);
    let stem = text.stems.iter().find(|(own, _)| *own == next);
    let called =
        |column: usize| stem.is_some_and(|(_, stem)| grid.columns[column].stems.contains(stem));
    if grid.groups().any(called) {
        return Vec::new();
    }
    let quantity = |column: &usize| grid.measures().any(|own| own == *column);
    named.into_iter().filter(quantity).collect()
}

impl Place<'_> {
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
        let behind = self
            .text
            .words
            .partition_point(|word| word.start < number.end);
        // A cell is of what its heads name.
        let mut over = self.labels.iter().filter(|_| self.text.stems.is_empty());
        let headed = over.any(|label| {
            let named = mentioned(label, grid).into_iter();
            let quantities = named.filter(|column| grid.measures().any(|own| own == *column));
            quantities.collect::<Vec<usize>>() == [*one]
        });
        if headed {
            return true;
        }
        self.text.stems.iter().any(|(word, stem)| {
            let place = self.text.words[*word].start;
            // "1,146 passengers and 5,574 cars": what stands right behind a number is its own.
            let next = *word == behind;
            let near = self.text.clause(place) == clause
                && match place < number.start {
                    true => !apart(place, number.start),
                    false => !apart(number.end, place) && (next || !taken(place)),
                };
            near && own.contains(stem)
                && grid
                    .measures()
                    .all(|other| other == *one || !grid.columns[other].stems.contains(stem))
        })
    }

    /// "22 beds are occupied": of two quantities that a clause with one figure names, of which one is a part of the other, the part.
    fn narrower(&self, columns: Vec<usize>, clause: usize, grid: &Grid) -> Vec<usize> {
        let numbers = self.text.numbers.iter();
        let alone = numbers
            .filter(|number| self.text.clause(number.start) == clause)
            .count()
            == 1;
        let [one, other] = columns.as_slice() else {
            return columns;
        };
        let named = |column: usize| {
            let mut stems = self.text.stems.iter();
            stems.any(|(word, stem)| {
                self.text.clause(self.text.words[*word].start) == clause
                    && grid.columns[column].stems.contains(stem)
            })
        };
        let part = grid
            .derived_of(&columns)
            .map(|(_, derived)| derived)
            .find(|derived| {
                derived.within && columns.contains(&derived.one) && columns.contains(&derived.other)
            });
        match part {
            Some(part) if alone && named(*one) && named(*other) => vec![part.one],
            _ => columns,
        }
    }

    /// The quantities of which a share is a part, as the words right behind it say ("66 % of the weight"), else the amount before it, else the
    /// goal. Of two thirds of the loads nothing follows for the weight.
    pub(super) fn parted(&self, number: &Number, grid: &Grid) -> Vec<usize> {
        let share = number.unit.as_ref().is_some_and(Unit::is_share);
        if !share || grid.rows == 0 {
            return Vec::new();
        }
        let text = self.text;
        let behind = text.words.partition_point(|word| word.start < number.end);
        let own = divided(text, behind, grid);
        let of = text
            .tags
            .iter()
            .any(|tag| tag.tag == Tag::Sense(Sense::Of) && tag.from == behind);
        // "How many sales, and what share of all sales?" counts them both times.
        let counted = self.asked.points.iter().any(|point| {
            let mut stems = text.stems.iter();
            point.need == Need::Count
                && stems.any(|(word, stem)| {
                    let near = (behind..=behind + PARTED).contains(word);
                    near && point.text.stems.iter().any(|(_, own)| own == stem)
                })
        });
        if counted {
            return Vec::new();
        }
        if !own.is_empty() {
            return own;
        }
        let shares: Vec<&Point> = self
            .asked
            .points
            .iter()
            .filter(|point| point.need == Need::Share)
            .collect();
        let [point] = shares.as_slice() else {
            return Vec::new();
        };
        let counted = text.has(Sense::Count) || text.has(Sense::AskCount);
        let whole = |tag: &Tagged| matches!(tag.tag, Tag::Sense(Sense::Total | Sense::Whole));
        let of_all = text
            .tags
            .iter()
            .any(|tag| whole(tag) && tag.from >= behind && tag.from <= behind + 2);
        // "Of which, it says itself."
        if counted || (of && !of_all) {
            return Vec::new();
        }
        let before = text.numbers.iter().rev().find(|own| {
            let gap = text.raw.get(own.end..number.start);
            gap.is_some_and(|gap| !gap.contains(';'))
        });
        let unit = before.and_then(|own| own.unit.as_ref());
        let asked = mentioned(&point.text, grid);
        let measured = grid.measures().filter(|column| {
            let own = grid.columns[*column].unit.as_ref();
            let same = unit
                .zip(own)
                .is_some_and(|(unit, own)| !unit.is_share() && unit.convert(1.0, own).is_some());
            same && asked.contains(column)
        });
        let measured: Vec<usize> = measured.collect();
        if !measured.is_empty() {
            return measured;
        }
        let mut tags = point.text.tags.iter();
        let named = tags
            .find(|tag| tag.tag == Tag::Sense(Sense::Share))
            .map(|tag| divided(&point.text, tag.to, grid));
        named.unwrap_or_default()
    }

    /// The other quantities that the sentence of a number names, else those that the goal names, where the word right behind it only says what
    /// is counted: sheets of waste.
    pub(crate) fn measures_beside(&self, number: &Number, grid: &Grid) -> Vec<usize> {
        let behind = self
            .text
            .words
            .partition_point(|word| word.start < number.end);
        let Some(word) = self.text.words.get(behind) else {
            return Vec::new();
        };
        let counted = mentioned_within(self.text, grid, word.start..word.end);
        if !counted
            .iter()
            .any(|own| grid.measures().any(|all| all == *own))
        {
            return Vec::new();
        }
        let others = |text: &Text| -> Vec<usize> {
            let all = mentioned(text, grid).into_iter();
            all.filter(|column| grid.measures().any(|own| own == *column))
                .filter(|column| !counted.contains(column))
                .collect()
        };
        // What stands right behind another figure is that one's.
        let taken = |column: usize| {
            let numbers = self.text.numbers.iter();
            let mut others = numbers.filter(|other| other.start != number.start);
            others.any(|other| {
                let next = self
                    .text
                    .words
                    .partition_point(|word| word.start < other.end);
                let next = self.text.words.get(next);
                next.is_some_and(|word| {
                    mentioned_within(self.text, grid, word.start..word.end).contains(&column)
                })
            })
        };
        let mut own = others(self.text);
        own.retain(|column| !taken(*column));
        // Who is asked for what is counted is told of nothing else.
        let asked = mentioned(&self.asked.text, grid);
        match own.is_empty() && !counted.iter().any(|column| asked.contains(column)) {
            true => others(&self.asked.text),
            false => own,
        }
    }

    /// Whether the text of a number, or what stands over it, speaks of a quantity.
    pub(crate) fn names_any(&self, grid: &Grid) -> bool {
        let own = std::iter::once(self.text).chain(self.labels.iter().copied());
        let mut named = own.flat_map(|text| mentioned(text, grid));
        named.any(|column| grid.measures().any(|own| own == column))
    }

    /// The columns that words name; all of them where none is named.
    pub(super) fn measures(&self, number: &Number, grid: &Grid) -> Vec<usize> {
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
        let share = number.unit.as_ref().is_some_and(Unit::is_share);
        let (part, whole) = self.partition(number);
        if part || whole {
            return quantities
                .into_iter()
                .filter(|column| share || convertible(column))
                .collect();
        }
        if share {
            // "2,852 EUR, some 42 % of sales": of what the amount beside it is of.
            let part = |place: usize| {
                let head = self.text.raw.get(..place).unwrap_or("");
                head.matches(';').count()
            };
            let beside = self
                .text
                .numbers
                .iter()
                .filter(|other| part(other.start) == part(number.start))
                .filter_map(|other| other.unit.as_ref());
            let units: Vec<&Unit> = beside.filter(|unit| !unit.is_share()).collect();
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
        // "1,146 passengers and 5,574 cars": of several figures of a clause each is of what stands right behind it.
        let behind = self
            .text
            .words
            .partition_point(|word| word.start < number.end);
        let stated = self.text.numbers.iter().filter(|other| !other.is_casual());
        let several = stated
            .filter(|other| self.text.clause(other.start) == clause)
            .count()
            > 1;
        if let (true, Some(word)) = (several, self.text.words.get(behind)) {
            let next = mentioned_within(self.text, grid, word.start..word.end).into_iter();
            let next: Vec<usize> = next
                .filter(|column| quantities.contains(column) && (share || convertible(column)))
                .collect();
            if let ([_], false) = (next.as_slice(), share) {
                return next;
            }
        }
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
                return self.narrower(fitting, clause, grid);
            }
        }
        quantities
            .into_iter()
            .filter(|column| share || convertible(column))
            .collect()
    }
}
