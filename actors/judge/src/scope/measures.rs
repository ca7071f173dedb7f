//! Of which quantity a number is.

use super::Place;
use crate::conditions::{mentioned, mentioned_within};
use crate::explain::Scope;
use crate::grid::Grid;
use crate::numeral::Number;

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
                return self.narrower(fitting, clause, grid);
            }
        }
        quantities
            .into_iter()
            .filter(|column| share || convertible(column))
            .collect()
    }
}
