//! Which rows a question is about: values, yes and no, periods, limits.

use std::collections::BTreeSet;

use aios_languages::Ask;

use super::clause::is_filler;
use super::marks::What;
use super::question::{Filter, Test};
use super::resolve::Reader;
use super::schema::{Column, Role};

impl Reader<'_> {
    /// Values of the data that the clause names, as conditions.
    pub(super) fn values(&mut self, from: usize, to: usize) -> Vec<Filter> {
        let mut out: Vec<Filter> = Vec::new();
        let mut not: Option<usize> = None;
        // "Which shop has no coffee sales?" asks for those of which there are no such rows; rows without coffee say nothing about it, so
        // neither the word nor the value is used, and that is said.
        let for_none = self.asks_for_none(from, to);
        let mut none = false;
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            match &mark.what {
                What::Ask(Ask::Without) if for_none => none = true,
                What::Value(..) if none => {}
                // "void invoices not counted": said behind what it takes away.
                What::Ask(Ask::Without) if takes_away_behind(&self.written(&mark)) => {
                    if let Some(last) = out.last_mut().filter(|filter| !filter.not) {
                        last.not = true;
                        self.take(at);
                    }
                }
                What::Ask(Ask::Without) => not = Some(at),
                What::Ask(Ask::Filler | Ask::And | Ask::Or | Ask::From | Ask::To | Ask::Only) => {}
                // "not ok in Narvik": what is not so stands before the name.
                What::Column(all, _) | What::Kin(all)
                    if all.iter().any(|column| {
                        self.column(*column)
                            .is_some_and(|column| column.truth.is_some())
                    }) =>
                {
                    not = None;
                }
                What::Column(..) | What::Concept(_) | What::File | What::Kin(_)
                    if not.is_some() => {}
                What::Value(all, whole) => {
                    let Some((column, values)) = self.of_one_column(at, from, to, all) else {
                        continue;
                    };
                    self.take(at);
                    if let Some(not) = not {
                        self.take(not);
                    }
                    self.take_beside(at, from, to, column);
                    if !whole {
                        let mut different = values.clone();
                        different.dedup();
                        let key = if different.len() > 1 {
                            "taken_parts"
                        } else {
                            "taken_part"
                        };
                        let said = self.speech.say(
                            key,
                            &[
                                ("said", &self.written(&mark)),
                                ("names", &values.join(", ")),
                            ],
                        );
                        self.assumed.push(said);
                    }
                    let Some(id) = self.column(column).map(|column| column.id.clone()) else {
                        continue;
                    };
                    let known = out
                        .iter_mut()
                        .find(|filter| filter.column == id && filter.not == not.is_some());
                    match known {
                        Some(Filter {
                            test: Test::In(known),
                            ..
                        }) => known.extend(values),
                        _ => out.push(Filter {
                            column: id,
                            test: Test::In(values),
                            not: not.is_some(),
                            part: false,
                        }),
                    }
                }
                _ => not = None,
            }
        }
        for filter in &mut out {
            if let Test::In(values) = &mut filter.test {
                let mut seen = BTreeSet::new();
                values.retain(|value| seen.insert(value.clone()));
            }
        }
        out
    }

    /// Whether names are asked for and nothing that is reckoned of them. The whole goal is looked at: what is reckoned may stand in another
    /// clause.
    pub(super) fn asks_for_none(&self, from: usize, to: usize) -> bool {
        let names = |at: usize| self.is_ask(at, Ask::Which) || self.is_ask(at, Ask::Who);
        let plain = |what: &What| match what {
            What::Superlative(..) | What::Ordinal(_) | What::Number(_) => false,
            What::Ask(ask) => matches!(
                ask,
                Ask::Which
                    | Ask::Who
                    | Ask::Without
                    | Ask::Filler
                    | Ask::And
                    | Ask::Or
                    | Ask::From
                    | Ask::To
                    | Ask::Only
                    | Ask::Per
            ),
            _ => true,
        };
        (from..to).any(names)
            && (from..to).any(|at| self.is_ask(at, Ask::Without))
            && self.marks.all.iter().all(|mark| plain(&mark.what))
    }

    /// Of the columns that hold a value the one that is meant: whose name stands beside it, or by which people group.
    pub(super) fn of_one_column(
        &mut self,
        at: usize,
        from: usize,
        to: usize,
        all: &[(usize, String)],
    ) -> Option<(usize, Vec<String>)> {
        let mut columns: Vec<usize> = all.iter().map(|(column, _)| *column).collect();
        columns.sort_unstable();
        columns.dedup();
        let named = |reader: &Self, column: usize| {
            [reader.previous(from, at), reader.next(at + 1, to)]
                .into_iter()
                .flatten()
                .any(|beside| {
                    reader.mark(beside).is_some_and(
                        |mark| matches!(&mark.what, What::Column(all, _) if all.contains(&column)),
                    )
                })
        };
        // Where an earlier value of the goal is of one of them, so is this one.
        let best = columns.iter().copied().min_by_key(|column| {
            let role = self.column(*column).map(|column| column.role);
            (
                !named(self, *column),
                role != Some(Role::Groups),
                self.column(*column).map_or(0, |column| column.distinct),
            )
        })?;
        if columns.len() > 1 && !named(self, best) {
            self.say_ambiguous(at, &columns, best);
        }
        let values = all
            .iter()
            .filter(|(column, _)| *column == best)
            .map(|(_, value)| value.clone())
            .collect();
        Some((best, values))
    }

    /// The column's name beside its value is no measure and no group: "region North", "in the North region".
    pub(super) fn take_beside(&mut self, at: usize, from: usize, to: usize, column: usize) {
        for beside in [self.previous(from, at), self.next(at + 1, to)]
            .into_iter()
            .flatten()
        {
            let names = self.mark(beside).is_some_and(|mark| {
                matches!(&mark.what, What::Column(all, _) if all.contains(&column))
                    || matches!(&mark.what, What::Concept(concept) if self.column(column).is_some_and(|known| known.concepts.contains(concept)))
            });
            // "revenue per region in North": what is grouped by is named for itself.
            let grouped = self.previous(from, beside).is_some_and(|before| {
                self.is_ask(before, Ask::Per) || self.is_ask(before, Ask::Which)
            });
            let exact = self
                .column(column)
                .is_some_and(|column| !column.is_measure());
            if names && exact && !grouped {
                self.take(beside);
            }
        }
    }

    /// "How many are active": a column of yes and no is a condition where rows are counted.
    pub(super) fn flags(&mut self, from: usize, to: usize, counts: bool, out: &mut Vec<Filter>) {
        let mut not = None;
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            match &mark.what {
                What::Ask(Ask::Without) => not = Some(at),
                What::Ask(Ask::Missing) if self.is_used(at) || mark.to - mark.from > 1 => {}
                What::Ask(Ask::Missing) => {
                    // "rows with a missing email", "where the email is empty"
                    let beside = [self.next(at + 1, to), self.previous(from, at)];
                    let column = beside.into_iter().flatten().find_map(|beside| {
                        match &self.mark(beside)?.what {
                            What::Column(all, _) => Some((beside, *all.first()?)),
                            _ => None,
                        }
                    });
                    if let Some((beside, column)) = column
                        && let Some(id) = self.column(column).map(|column| column.id.clone())
                    {
                        self.take(at);
                        self.take(beside);
                        out.push(Filter {
                            column: id,
                            test: Test::Missing,
                            not: not.is_some(),
                            part: false,
                        });
                    }
                }
                What::Column(all, _) | What::Kin(all) if !self.is_used(at) => {
                    let Some(column) = all.first().copied() else {
                        continue;
                    };
                    let grouped = self.previous(from, at).is_some_and(|before| {
                        [Ask::Per, Ask::Which, Ask::Count, Ask::Distinct]
                            .into_iter()
                            .any(|ask| self.is_ask(before, ask))
                    });
                    let Some(known) = self.column(column).cloned() else {
                        continue;
                    };
                    let whole = matches!(mark.what, What::Column(..)) || known.truth.is_some();
                    if let Some((yes, no)) = sides(&known)
                        && (counts || !known.is_measure())
                        && whole
                        && !grouped
                    {
                        self.take(at);
                        let value = if not.is_some() { no } else { yes };
                        not.into_iter().for_each(|not| self.take(not));
                        out.push(Filter {
                            column: known.id,
                            test: value,
                            not: false,
                            part: false,
                        });
                    } else if let Some(negated) = not
                        && counts
                        && !known.is_measure()
                        && known.missing > 0
                        && !grouped
                    {
                        // "How many customers have no email?"
                        self.take(at);
                        self.take(negated);
                        out.push(Filter {
                            column: known.id,
                            test: Test::Missing,
                            not: false,
                            part: false,
                        });
                    }
                }
                _ if is_filler(&mark) => {}
                _ => not = None,
            }
        }
    }
}

/// What stands for yes and for no in a column, if it holds nothing else.
fn sides(column: &Column) -> Option<(Test, Test)> {
    let truth = column.truth.as_ref()?;
    if column.is_measure() {
        return Some((Test::Number(1.0), Test::Number(0.0)));
    }
    Some((Test::In(truth.yes.clone()), Test::In(truth.no.clone())))
}

/// Whether words take away what stands before them.
fn takes_away_behind(words: &str) -> bool {
    const BEHIND: [&str; 8] = [
        "not counted",
        "not included",
        "excluded",
        "left out",
        "disregarded",
        "ignored",
        "ausgenommen",
        "nicht mitgerechnet",
    ];
    BEHIND.contains(&words.to_lowercase().as_str())
}
