//! Which rows a question is about: values, yes and no, periods, limits.

use std::collections::BTreeSet;

use aios_languages::{Ask, Hint, fold, hinting, hints};

use super::clause::is_filler;
use super::marks::What;
use super::question::{Filter, Group, Measure, Test};
use super::resolve::Reader;
use super::schema::{Column, Role};
use super::ways::values_of;

impl Reader<'_> {
    /// Values of the data that the clause names, as conditions.
    pub(super) fn values(&mut self, from: usize, to: usize) -> Vec<Filter> {
        let mut out: Vec<Filter> = Vec::new();
        let mut not: Option<usize> = None;
        // "Which shop has no coffee sales?" asks for those of which there are no such rows; rows without coffee say nothing about it.
        let for_none = self.asks_for_none(from, to);
        let counts =
            (from..to).any(|at| self.is_ask(at, Ask::Count) || self.is_ask(at, Ask::Distinct));
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            match &mark.what {
                // "void invoices not counted": said behind what it takes away.
                What::Ask(Ask::Without) if takes_away_behind(&self.written(&mark)) => {
                    if let Some(last) = out.last_mut().filter(|filter| !filter.not) {
                        last.not = true;
                        self.take(at);
                        self.take_apart(from, at);
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
                What::Value(..) if self.literal.contains(&at) => {}
                What::Value(all, whole) => {
                    let Some((column, mut values)) = self.of_one_column(at, from, to, all) else {
                        continue;
                    };
                    self.take(at);
                    // "do not permit" of `permitted`, `not permitted` and others: the cells that say so.
                    let denied = self.denied(column, &values);
                    if let Some(before) = not.filter(|_| !denied.is_empty()) {
                        self.take(before);
                        (values, not) = (denied, None);
                    }
                    if !whole
                        && (self.is_of_its_kinds(at, from, column)
                            || self.is_named_beside(at, from, to, column))
                    {
                        continue;
                    }
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
                    // "did not order tea", of those who are counted: what they have none of.
                    let never = not.is_some_and(|not| for_none || counts && self.is_of_a_verb(not));
                    if never {
                        self.nones.push((
                            at,
                            Filter {
                                column: id,
                                test: Test::In(values),
                                not: false,
                                part: false,
                            },
                        ));
                        continue;
                    }
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

    /// Cells of a column of a few that deny what others say: `not allowed` beside `allowed`.
    fn denied(&self, column: usize, values: &[String]) -> Vec<String> {
        let denies = |cell: &str, value: &str| {
            ["not ", "no ", "non ", "nicht ", "pas ", "un"]
                .iter()
                .any(|denial| fold(cell).strip_prefix(denial) == Some(&fold(value)))
        };
        let few = self.column(column).map_or(&[][..], |column| &column.few);
        let all = few
            .iter()
            .filter(|cell| values.iter().any(|value| denies(cell.trim(), value.trim())));
        all.cloned().collect()
    }

    /// "Leaving the sheep aside": the verb before what is taken away.
    fn take_apart(&mut self, from: usize, at: usize) {
        let apart = (from..at).rev().find(|at| {
            self.mark(*at).is_some_and(|mark| {
                mark.what == What::Unknown && hints(Hint::Apart, self.words.text(mark.from))
            })
        });
        apart.into_iter().for_each(|at| self.take(at));
    }

    /// "takings per kind of bike" of kinds that are called `e-bike`: behind the column's name such a word says of what the kinds are.
    fn is_of_its_kinds(&self, at: usize, from: usize, column: usize) -> bool {
        let names = |mark: &super::marks::Mark| matches!(&mark.what, What::Column(all, _) if all.contains(&column));
        self.previous(from, at).is_some_and(|before| {
            self.mark(before)
                .is_some_and(|mark| names(mark) && hints(Hint::Of, self.words.text(mark.to)))
                && self.previous(from, before).is_some_and(|led| {
                    [Ask::Per, Ask::Which, Ask::Count, Ask::Distinct]
                        .into_iter()
                        .any(|ask| self.is_ask(led, ask))
                })
        })
    }

    /// "city bikes" of kinds `city` and `e-bike`: beside a whole value of the column a part of another one is no second choice.
    fn is_named_beside(&self, at: usize, from: usize, to: usize, column: usize) -> bool {
        let beside = [
            at.checked_sub(1).filter(|before| *before >= from),
            Some(at + 1).filter(|next| *next < to),
        ];
        beside.into_iter().flatten().any(|beside| {
            matches!(self.mark(beside).map(|mark| &mark.what), Some(What::Value(all, true)) if all
                .iter()
                .any(|(other, _)| *other == column))
        })
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

    /// "did not", "never": whether a word that takes away is said of what was done.
    fn is_of_a_verb(&self, at: usize) -> bool {
        self.mark(at)
            .is_some_and(|mark| hints(Hint::Negating, self.words.text(mark.from)))
    }

    /// Conditions on what those who are asked for have no row of, once it is known who they are.
    pub(super) fn of_none(
        &mut self,
        groups: &[Group],
        counted: Option<&Measure>,
        filters: &mut Vec<Filter>,
    ) {
        let nones = std::mem::take(&mut self.nones);
        if nones.is_empty() {
            return;
        }
        let who = match (groups, counted) {
            ([Group::By(column)], _) | ([], Some(Measure::Distinct(column))) => Some(column),
            _ => None,
        };
        let several = who.filter(|column| !self.is_unique(&Group::By((*column).clone())));
        if let Some(column) = several {
            filters.push(Filter {
                column: column.clone(),
                test: Test::Has(nones.into_iter().map(|(_, filter)| filter).collect()),
                not: true,
                part: false,
            });
            return;
        }
        let known = who.is_some() || counted == Some(&Measure::Rows);
        for (at, filter) in nones {
            if known {
                filters.push(Filter {
                    not: true,
                    ..filter
                });
            } else if let Some(used) = self.used.get_mut(at) {
                // Whose rows these are is not known: the word stays unheard, and is named.
                *used = false;
            }
        }
    }

    /// "Which customers ordered both tea and coffee": who has a row of each.
    pub(super) fn of_both(
        &mut self,
        from: usize,
        to: usize,
        groups: &[Group],
        counted: Option<&Measure>,
        filters: &mut Vec<Filter>,
    ) {
        let column = match (groups, counted) {
            ([Group::By(column)], _) | ([], Some(Measure::Distinct(column))) => column.clone(),
            _ => return,
        };
        let joined =
            (from..to).any(|at| self.is_ask(at, Ask::And) && self.joins_values(from, at, to));
        let at = filters.iter().position(|filter| {
            !filter.not
                && filter.column != column
                && matches!(&filter.test, Test::In(values) if super::wanted::differ(values) > 1)
        });
        let Some(at) = at.filter(|_| joined && !self.is_unique(&Group::By(column.clone()))) else {
            return;
        };
        let both = self
            .words
            .all
            .iter()
            .any(|word| hints(Hint::Both, &word.text));
        if !both {
            let (first, last) = (
                self.mark(from).map_or(0, |mark| mark.from),
                self.mark(to - 1).map_or(0, |mark| mark.to),
            );
            let Test::In(values) = &filters[at].test else {
                return;
            };
            let said = if values.len() <= 6 {
                self.speech.list(values, "and")
            } else {
                self.words.written(first, last).to_owned()
            };
            let told = self.speech.say("any_of", &[("said", &said)]);
            self.assume(told);
            return;
        }
        let filter = filters.remove(at);
        let Test::In(values) = filter.test else {
            return;
        };
        let mut names: Vec<String> = Vec::new();
        for value in values {
            if !names.iter().any(|name| fold(name) == fold(&value)) {
                names.push(value);
            }
        }
        filters.extend(names.into_iter().map(|name| Filter {
            column: column.clone(),
            test: Test::Has(vec![Filter {
                column: filter.column.clone(),
                test: Test::In(vec![name]),
                not: false,
                part: false,
            }]),
            not: false,
            part: false,
        }));
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
        if let Some(best) = self.end_of_way_at(at, from, &columns) {
            return Some((best, values_of(all, best)));
        }
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
        Some((best, values_of(all, best)))
    }

    /// The column's name beside its value is no measure and no group: "region North", "in the North region".
    pub(super) fn take_beside(&mut self, at: usize, from: usize, to: usize, column: usize) {
        for beside in [self.previous(from, at), self.next(at + 1, to)]
            .into_iter()
            .flatten()
        {
            let names = self.mark(beside).is_some_and(|mark| {
                matches!(&mark.what, What::Column(all, _) | What::Kin(all) if all.contains(&column))
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
                    let next = self.next(at + 1, to);
                    // "missing a grade in Maths" of `grades.csv`
                    let of_all = next.filter(|next| self.is_about_all(*next));
                    let next = of_all.map_or(next, |all| self.next(all + 1, to));
                    let beside = [next, self.previous(from, at)];
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
                        of_all.into_iter().for_each(|all| self.take(all));
                        out.push(Filter {
                            column: id,
                            test: Test::Missing,
                            not: not.is_some(),
                            part: false,
                        });
                    }
                }
                // "tickets that are still open" of a column that says whether they were closed
                What::Unknown | What::Kin(_)
                    if hints(Hint::Unfinished, self.words.text(mark.from))
                        && !self.is_used(at)
                        && self.ends_of_rows().is_none()
                        && self.says_ended().is_some() =>
                {
                    if let Some((id, (yes, no))) = self.says_ended() {
                        self.take(at);
                        let value = if not.is_some() { yes } else { no };
                        not.into_iter().for_each(|not| self.take(not));
                        out.push(Filter {
                            column: id,
                            test: value,
                            not: false,
                            part: false,
                        });
                    }
                    not = None;
                }
                // "medicines that do not need a prescription": the verb stands between.
                What::Unknown if hints(Hint::Granting, self.words.text(mark.from)) => {}
                // "tickets that are still open" of a column of the days on which they were closed
                What::Unknown | What::Kin(_)
                    if hints(Hint::Unfinished, self.words.text(mark.from))
                        && !self.is_used(at)
                        && self.is_said_of_rows(at)
                        && self.ends_of_rows().is_some() =>
                {
                    if let Some(id) = self.ends_of_rows() {
                        self.take(at);
                        not.into_iter().for_each(|not| self.take(not));
                        out.push(Filter {
                            column: id,
                            test: Test::Missing,
                            not: not.is_some(),
                            part: false,
                        });
                    }
                    not = None;
                }
                What::Column(all, _) | What::Kin(all) if !self.is_used(at) => {
                    let Some(column) = all.first().copied() else {
                        continue;
                    };
                    let grouped = !self.is_said_of_a_thing(at, to)
                        && self.previous(from, at).is_some_and(|before| {
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
                        let filter = Filter {
                            column: known.id,
                            test: value,
                            not: false,
                            part: false,
                        };
                        // "outstanding, that is not paid yet" says one thing twice.
                        if !out.contains(&filter) {
                            out.push(filter);
                        }
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
                // "on rainy days": those with any rain
                What::Concept(concept) if *concept == Self::concept("rainy_day") => {
                    let rain = self.schema.standing_for(Self::concept("rain"));
                    let id = match rain.as_slice() {
                        [only] => self.column(*only).filter(|column| column.is_measure()),
                        _ => None,
                    }
                    .map(|column| column.id.clone());
                    let told = self.wet_weather();
                    if let Some((column, values)) = told.filter(|_| rain.is_empty()) {
                        self.take(at);
                        out.push(Filter {
                            column,
                            test: Test::In(values),
                            not: not.is_some(),
                            part: false,
                        });
                    }
                    if let Some(id) = id {
                        self.take(at);
                        out.push(Filter {
                            column: id,
                            test: Test::Above(0.0, false),
                            not: false,
                            part: false,
                        });
                    }
                    not = None;
                }
                // "what is still outstanding" of a column that says whether it was paid
                What::Unknown | What::Ask(Ask::Filler) if self.says_unpaid(&mark) => {
                    let paid = |column: &&Column| {
                        column.core().iter().any(|word| {
                            hinting(Hint::Settled).any(|paid| super::kin::kin(word, paid))
                        })
                    };
                    let mut columns = self.schema.columns.iter().filter(paid);
                    let only = columns.next().filter(|_| columns.next().is_none()).cloned();
                    // Of what was not paid the day of its payment is missing.
                    let unpaid = only.and_then(|column| match sides(&column) {
                        Some((_, no)) => Some((column.id, no)),
                        None => (column.is_time() && column.missing > 0)
                            .then_some((column.id, Test::Missing)),
                    });
                    if let Some((column, test)) = unpaid {
                        self.take(at);
                        out.push(Filter {
                            column,
                            test,
                            not: false,
                            part: false,
                        });
                    }
                    not = None;
                }
                What::Unknown if self.words.text(mark.from).starts_with("un") => {
                    // "uninsured" of a column `insured`
                    let said = self.words.text(mark.from).get(2..).unwrap_or_default();
                    let stem = super::words::canon(said);
                    let mut columns = self.schema.columns.iter().filter(|column| {
                        sides(column).is_some() && column.core().iter().any(|word| *word == stem)
                    });
                    let known = columns.next().filter(|_| columns.next().is_none()).cloned();
                    // "unreturned" of the days on which something came back
                    let mut ends = self.schema.columns.iter().filter(|column| {
                        column.is_time()
                            && column.missing > 0
                            && column.core().iter().any(|word| *word == stem)
                    });
                    let ended = ends.next().filter(|_| ends.next().is_none()).cloned();
                    if let Some(ended) = ended.filter(|_| known.is_none()) {
                        self.take(at);
                        out.push(Filter {
                            column: ended.id,
                            test: Test::Missing,
                            not: false,
                            part: false,
                        });
                    }
                    if let Some((known, (_, no))) =
                        known.and_then(|known| sides(&known).map(|sides| (known, sides)))
                    {
                        self.take(at);
                        out.push(Filter {
                            column: known.id,
                            test: no,
                            not: false,
                            part: false,
                        });
                    }
                    not = None;
                }
                _ if is_filler(&mark) => {}
                _ => not = None,
            }
        }
    }
}

impl Reader<'_> {
    /// "which edible plant", "how many active members": whether a column of yes and no is said of what stands right behind it. Then it
    /// chooses rows, and is neither what is counted nor what is told apart.
    pub(super) fn is_said_of_a_thing(&self, at: usize, to: usize) -> bool {
        let flag = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, _)) if all
            .first()
            .and_then(|column| self.column(*column))
            .is_some_and(|column| sides(column).is_some()));
        let thing = match self.mark(at + 1).map(|mark| &mark.what) {
            Some(What::Concept(_) | What::File) => true,
            Some(What::Column(all, _)) => all.iter().any(|column| {
                self.column(*column)
                    .is_some_and(|column| !column.is_measure() && !column.is_time())
            }),
            _ => false,
        };
        flag && thing && at + 1 < to
    }

    /// Whether a word, or two that begin with it, say that something was not paid: "outstanding", "noch offen".
    fn says_unpaid(&self, mark: &super::marks::Mark) -> bool {
        let two = || {
            let next = self.words.text(mark.from + 1);
            format!("{} {next}", self.words.text(mark.from))
        };
        mark.what == What::Unknown && hints(Hint::Unpaid, self.words.text(mark.from))
            || hints(Hint::Unpaid, &two())
    }

    /// Whether a word is what the file or its title is about: all of its rows and columns are.
    fn is_about_all(&self, at: usize) -> bool {
        match self.mark(at).map(|mark| &mark.what) {
            Some(What::File) => true,
            Some(What::Concept(concept)) => {
                self.is_the_file(at) || self.schema.about_things.contains(concept)
            }
            _ => false,
        }
    }

    /// The only column of days on which rows came to their end, of which some have not.
    fn ends_of_rows(&self) -> Option<super::question::Column> {
        let mut ends = self.schema.columns.iter().filter(|column| {
            column.missing > 0
                && column.is_time()
                && column.core().iter().any(|word| hints(Hint::Finished, word))
        });
        let only = ends.next()?.id.clone();
        ends.next().is_none().then_some(only)
    }

    /// The only column of yes and no that says whether rows came to their end.
    fn says_ended(&self) -> Option<(super::question::Column, (Test, Test))> {
        let mut ends = self
            .schema
            .columns
            .iter()
            .filter(|column| column.core().iter().any(|word| hints(Hint::Finished, word)));
        let only = ends.next().filter(|_| ends.next().is_none())?;
        Some((only.id.clone(), sides(only)?))
    }

    /// "are open", "still open": whether a word is said of the rows that are meant, and no part of "days open".
    fn is_said_of_rows(&self, at: usize) -> bool {
        self.mark(at)
            .and_then(|mark| mark.from.checked_sub(1))
            .is_some_and(|before| {
                let text = self.words.text(before);
                hints(Hint::Helping, text) || hints(Hint::Still, text)
            })
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
    hints(Hint::ExcludedBehind, &words.to_lowercase())
}
