//! How much of what there is was taken: "occupancy by hotel", "Auslastung je Maschine", "load factor".
//!
//! It is told of two counts of which one lies within the other. A column that is called so is a figure of its own and read as such.

use std::ops::Range;

use aios_languages::{Ask, Hint, hints};

use super::marks::What;
use super::question::Measure;
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};

/// Words of the longest name for it.
const WORDS: usize = 3;

impl Reader<'_> {
    /// What of it was taken and what there was, where that is asked for.
    pub(super) fn filled(
        &mut self,
        from: usize,
        to: usize,
        asks: &mut Asks,
    ) -> Vec<(Measure, Option<String>)> {
        let Some(said) = self.says_filled(from, to) else {
            return self.part_by_name(from, to, asks);
        };
        let named = said.clone().any(|at| {
            self.is_used(at)
                || matches!(
                    self.mark(at).map(|mark| &mark.what),
                    Some(What::Column(..) | What::Value(..))
                )
        });
        let Some((part, whole)) = self.taken_of_offered().filter(|_| !named) else {
            return Vec::new();
        };
        // "bed occupancy", "occupancy of all beds": beds are what both count.
        let counts = |at: usize| {
            let all = match self.mark(at).map(|mark| &mark.what) {
                Some(What::Column(all, _) | What::Kin(all)) => all.as_slice(),
                _ => &[],
            };
            all.iter().any(|at| {
                self.column(*at)
                    .is_some_and(|column| column.id == part.id || column.id == whole.id)
            })
        };
        let of: Vec<usize> = (from..to).filter(|at| counts(*at)).collect();
        let rate = self
            .next(said.end, to)
            .filter(|at| self.is_ask(*at, Ask::Ratio));
        said.chain(of).chain(rate).for_each(|at| self.take(at));
        asks.0.insert(Ask::Ratio);
        vec![(Measure::Of(part.id), None), (Measure::Of(whole.id), None)]
    }

    /// The marks that ask for it.
    pub(super) fn says_filled(&self, from: usize, to: usize) -> Option<Range<usize>> {
        (from..to).find_map(|at| {
            let begin = self.mark(at)?.from;
            (1..=WORDS).rev().find_map(|many| {
                let said: Vec<&str> = (begin..begin + many)
                    .map(|word| self.words.text(word))
                    .collect();
                let end = (at..to)
                    .find(|last| self.mark(*last).is_some_and(|mark| mark.to >= begin + many))?;
                hints(Hint::Filled, &said.join(" ")).then_some(at..end + 1)
            })
        })
    }

    /// The only two counts of which one lies within the other; of several those whose headings say which they are.
    fn taken_of_offered(&self) -> Option<(Column, Column)> {
        let counts: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| column.role == Role::Adds && !column.sums)
            .collect();
        let called = |hint: Hint| {
            let mut all = counts.iter().filter(|column| {
                let words = super::words::spaced(&column.id.name);
                words.iter().any(|word| hints(hint, &word.text))
            });
            let only = all.next()?;
            all.next().is_none().then_some(*only)
        };
        let (one, other) = match counts.as_slice() {
            [one, other] => (*one, *other),
            _ => (called(Hint::Taken)?, called(Hint::Offered)?),
        };
        let within = |part: &Column, whole: &Column| {
            part.id.table == whole.id.table
                && part.id.unit == whole.id.unit
                && part.most <= whole.most
                && part.least <= whole.least
        };
        match (within(one, other), within(other, one)) {
            (true, false) => Some((one.clone(), other.clone())),
            (false, true) => Some((other.clone(), one.clone())),
            _ => None,
        }
    }
}
