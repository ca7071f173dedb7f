//! Numbers that are to be met exactly: "level 3", "flats with 3 rooms", "on the third floor".

use aios_languages::{Ask, Hint, hints};

use super::marks::What;
use super::question::{Filter, Measure, Test};
use super::resolve::{Asks, Reader};
use super::schema::Role;

impl Reader<'_> {
    /// Numbers in an overview are conditions too.
    pub(super) fn numbers(
        &mut self,
        from: usize,
        to: usize,
        subject: Option<&Measure>,
        out: &mut Vec<Filter>,
    ) {
        for (column, test) in self.limits(from, to, subject) {
            out.push(Filter {
                column,
                test,
                not: false,
                part: false,
            });
        }
        self.equal_numbers(from, to, false, out);
    }

    /// "flats with 3 rooms", "tickets that got 5 stars": so many, where rows are counted or named.
    pub(super) fn exact_numbers(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        out: &mut Vec<Filter>,
    ) {
        let plain = asks.any(&[Ask::Count, Ask::Which, Ask::Who, Ask::List, Ask::Share])
            && !asks.reckons()
            && !asks.any(&[Ask::Top, Ask::Bottom, Ask::Per]);
        if !plain {
            return;
        }
        for at in from..to {
            let Some(What::Number(number)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            let led = self.previous(from, at).is_some_and(|before| {
                matches!(
                    self.mark(before).map(|mark| &mark.what),
                    Some(
                        What::Ask(
                            Ask::Above
                                | Ask::Below
                                | Ask::AtLeast
                                | Ask::AtMost
                                | Ask::Between
                                | Ask::First
                                | Ask::Last
                                | Ask::Count
                                | Ask::And
                                | Ask::To
                        ) | What::Number(_)
                            | What::Superlative(..)
                    )
                )
            }) || at.checked_sub(1).is_some_and(|before| {
                matches!(
                    self.mark(before).map(|mark| &mark.what),
                    Some(What::Column(..))
                )
            });
            let signed = self.mark(at).is_some_and(|mark| {
                self.words
                    .gap(mark.from)
                    .contains(['>', '<', '=', '-', '–'])
            });
            // "got a 1 in English"
            let inside = self
                .mark(at + 1)
                .is_some_and(|mark| hints(Hint::Inside, self.words.text(mark.from)))
                && matches!(
                    self.mark(at + 2).map(|mark| &mark.what),
                    Some(What::Column(_, true))
                )
                && !self.measured(at + 2).is_empty();
            let next = if inside { at + 2 } else { at + 1 };
            let column = match self.mark(next).map(|mark| mark.what.clone()) {
                Some(What::Column(all, true)) if next < to => all.into_iter().find(|column| {
                    self.column(*column)
                        .is_some_and(|column| column.least.is_some())
                }),
                Some(What::Column(..) | What::Concept(_) | What::Kin(_)) if next < to => {
                    self.measured(next).first().copied()
                }
                _ => None,
            };
            // "how many 3 rooms" asks for the rooms.
            let ends = self.limit_at(at, from, to).is_some();
            let Some(column) = column.filter(|_| !led && !signed && !ends && !self.is_used(at))
            else {
                continue;
            };
            let Some(known) = self.column(column).cloned() else {
                continue;
            };
            self.take(at);
            self.take(next);
            out.push(Filter {
                column: known.id,
                test: self.is_number(at, number.value),
                not: false,
                part: false,
            });
        }
    }

    /// The test for a number as it is written: one with more figures than can be reckoned with is met figure by figure.
    fn is_number(&self, at: usize, value: f64) -> Test {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let written = self.mark(at).map(|mark| self.written(mark));
        match written.filter(|_| value.abs() >= EXACT) {
            Some(figures) => Test::In(vec![figures]),
            None => Test::Number(value),
        }
    }

    /// "level 3", "year 2024": a number behind a column's name; right behind it, where `beside` is set.
    pub(super) fn equal_numbers(
        &mut self,
        from: usize,
        to: usize,
        beside: bool,
        out: &mut Vec<Filter>,
    ) {
        // "on the third floor": the number of what is numbered.
        for at in from..to {
            let Some(What::Ordinal(number)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            let next = self.next(at + 1, to).filter(|_| !self.is_used(at));
            let column = next.and_then(|next| match &self.mark(next)?.what {
                What::Column(all, true) => self.column(*all.first()?),
                _ => None,
            });
            let Some(column) = column
                .filter(|column| !column.is_measure() && column.least.is_some())
                .cloned()
            else {
                continue;
            };
            self.take(at);
            next.into_iter().for_each(|at| self.take(at));
            out.push(Filter {
                column: column.id,
                test: Test::Number(f64::from(number)),
                not: false,
                part: false,
            });
        }
        for at in from..to {
            let Some(What::Number(number)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            if self.is_used(at) {
                continue;
            }
            let Some(before) = self
                .previous(from, at)
                .filter(|before| !beside || *before + 1 == at)
            else {
                continue;
            };
            let Some(What::Column(all, _)) = self.mark(before).map(|mark| mark.what.clone()) else {
                continue;
            };
            let Some(column) = all
                .first()
                .and_then(|at| self.column(*at))
                .filter(|column| column.role != Role::Date)
                .cloned()
            else {
                continue;
            };
            // "weeks 5 to 8"
            let until = (at + 1..to.min(at + 3)).find_map(|next| {
                let joined = (at + 1..next).any(|at| {
                    self.is_ask(at, Ask::To)
                        || self.is_ask(at, Ask::Until)
                        || self.is_ask(at, Ask::AtMost)
                });
                match self.mark(next)?.what {
                    What::Number(last) if joined && last.value > number.value => {
                        Some((next, last.value))
                    }
                    _ => None,
                }
            });
            let numeric =
                column.is_measure() || column.role == Role::Year || column.least.is_some();
            let test = if let Some((next, last)) = until.filter(|_| numeric) {
                (at + 1..=next).for_each(|at| self.take(at));
                Test::Between(number.value, last)
            } else if numeric {
                self.is_number(at, number.value)
            } else {
                let written = self
                    .mark(at)
                    .map(|mark| self.written(mark))
                    .unwrap_or_default();
                Test::In(vec![written])
            };
            self.take(at);
            self.take(before);
            out.push(Filter {
                column: column.id,
                test,
                not: false,
                part: false,
            });
        }
    }
}
