//! What is measured where nothing is named: what was measured before, rows, or the only thing that is counted.

use aios_languages::{Ask, Hint, UnitName, hints, measured_by};

use super::marks::What;
use super::question::{Column as Id, Figure, Filter, Group, Measure, Question, Test, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::Role;
use super::units::has_unit;

/// Totals that are given where none is named.
const TOTALS: usize = 4;

fn grouped_by_kind(groups: &[Group]) -> bool {
    matches!(groups, [Group::By(_)])
}

impl Reader<'_> {
    /// Whether a column holds money, by its unit or its heading.
    pub(super) fn is_an_amount(&self, at: usize) -> bool {
        let paid = ["amount", "price", "cost", "revenue", "spent", "salary"];
        self.is_money(at)
            || self.column(at).is_some_and(|column| {
                paid.iter()
                    .any(|name| column.concepts.contains(&Self::concept(name)))
            })
    }

    /// Whether what adds up is time or money, and nothing that rows could be counted by.
    pub(super) fn holds_no_numbers_of_things(&self) -> bool {
        let lasting = [
            UnitName::Day,
            UnitName::Hour,
            UnitName::Minute,
            UnitName::Second,
        ];
        self.schema.of_role(|role| role == Role::Adds).all(|at| {
            self.is_an_amount(at)
                || self
                    .column(at)
                    .is_some_and(|column| lasting.into_iter().any(|unit| has_unit(column, unit)))
        })
    }

    pub(super) fn inherited(&self) -> Option<Measure> {
        match &self.before.as_ref()?.wanted {
            Wanted::Figures(figures) => figures.first().map(|figure| figure.of.clone()),
            Wanted::Row { measure, .. } => Some(Measure::Of(measure.clone())),
            Wanted::Versus(figure, _) => Some(figure.of.clone()),
            Wanted::Values(_) => None,
        }
    }

    pub(super) fn inherited_make(&self) -> Option<Figure> {
        match &self.before.as_ref()?.wanted {
            Wanted::Figures(figures) => figures.first().cloned(),
            _ => None,
        }
    }

    /// A question that names no rows of its own asks of those of the one before.
    pub(super) fn inherit(&mut self, asks: &Asks, filters: &mut Vec<Filter>) {
        let Some(before) = &self.before else { return };
        // "... and how many are there at all": of all rows.
        let of_all = asks.has(Ask::Count) && asks.any(&[Ask::There, Ask::Total]);
        if !filters.is_empty() || asks.has(Ask::Share) || before.filters.is_empty() || of_all {
            return;
        }
        filters.extend(before.filters.iter().cloned());
    }

    /// "total nights and number of bookings for Tom Hale": what stands behind both figures is said of both.
    pub(super) fn tell_both(&self, questions: &mut [Question], spans: &[(usize, usize)]) {
        for at in 1..questions.len().min(spans.len()) {
            let ((from, to), (next, end)) = (spans[at - 1], spans[at]);
            let joined = to == next
                && self.mark(next).is_some_and(|mark| {
                    !self
                        .words
                        .gap(mark.from)
                        .contains(['?', ';', '!', '\n', '.'])
                });
            let (first, second) = (&questions[at - 1], &questions[at]);
            let (Wanted::Figures(one), Wanted::Figures(other)) = (&first.wanted, &second.wanted)
            else {
                continue;
            };
            let differ = one
                .iter()
                .all(|figure| other.iter().all(|second| second.of != figure.of));
            let asks = (self.asks(from, to), self.asks(next, end));
            let of_all = asks.0.has(Ask::There)
                || asks.0.any(&[Ask::Which, Ask::Who])
                || asks.1.any(&[Ask::Which, Ask::Who]);
            let bare = first.filters.is_empty()
                && first.groups.is_empty()
                && first.order.is_none()
                && first.having.is_none()
                && second.order.is_none()
                && second.having.is_none();
            if joined && differ && bare && !of_all {
                let (filters, groups) = (second.filters.clone(), second.groups.clone());
                questions[at - 1].filters = filters;
                questions[at - 1].groups = groups;
            }
        }
    }

    pub(super) fn measure_is_inherited(&self, measures: &[(Measure, Option<String>)]) -> bool {
        self.inherited()
            .is_some_and(|before| measures.iter().all(|(measure, _)| *measure == before))
            && self.before.is_some()
    }

    /// What is measured where nothing is named.
    pub(super) fn unnamed(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        groups: &[Group],
        filters: &[Filter],
        ranked: bool,
    ) -> Option<Vec<(Measure, Option<String>)>> {
        let unknown = (from..to).any(|at| {
            !self.is_used(at)
                && matches!(
                    self.mark(at).map(|mark| &mark.what),
                    Some(What::Unknown | What::Column(..) | What::Value(..))
                )
        });
        if let Some(before) = self.inherited() {
            let called = self.inherited_make().and_then(|figure| figure.called);
            return Some(vec![(before, called)]);
        }
        if unknown {
            return None;
        }
        let counts = asks.any(&[Ask::Count, Ask::Rows, Ask::Distinct]);
        if counts && let Some(found) = self.sold_of(from, to, filters) {
            return Some(vec![(Measure::Of(found), None)]);
        }
        if counts && let Some(heads) = self.whoever_comes(from, to) {
            return Some(vec![(Measure::Of(heads), None)]);
        }
        let shares = asks.has(Ask::Share) && !filters.is_empty();
        if (counts || shares)
            && let Some(measure) = self.counted_by_number(filters)
        {
            return Some(vec![(measure, None)]);
        }
        // "how many more dogs than cats": rows are counted.
        let how_many = (from..to).any(|at| {
            self.is_ask(at, Ask::Change)
                && self.mark(at).is_some_and(|mark| {
                    (mark.from..mark.to).any(|at| ["many", "fewer"].contains(&self.words.text(at)))
                })
        });
        if how_many {
            let counts = self.counts_column().unwrap_or_else(|| self.rows());
            return Some(vec![(counts, None)]);
        }
        let compares = ranked || asks.any(&[Ask::Change, Ask::Compare]);
        if let Some(found) = compares.then(|| self.compared_by(from, to)).flatten() {
            return Some(vec![found]);
        }
        // "orders without a coupon", "tickets over 120 minutes": rows that are named by what they are are counted.
        let plain = !ranked
            && !asks.any(&[
                Ask::Total,
                Ask::Mean,
                Ask::Median,
                Ask::Highest,
                Ask::Lowest,
                Ask::Share,
                Ask::Change,
                Ask::Compare,
                Ask::Growth,
            ])
            && (!filters.is_empty() || !groups.is_empty());
        let thing = (from..to).find(|at| match self.mark(*at).map(|mark| &mark.what) {
            // "tickets" are things, "rain" is an amount.
            Some(What::File) => {
                self.words.language != "en"
                    || self
                        .mark(*at)
                        .is_some_and(|mark| self.words.text(mark.to - 1).ends_with('s'))
            }
            Some(What::Concept(concept)) => self.is_a_thing(*concept),
            // "orders without a coupon": each has a number of its own.
            Some(What::Column(all, _)) => all.iter().any(|column| {
                self.column(*column).is_some_and(|column| {
                    matches!(column.role, Role::Names | Role::Groups)
                        && column.rows > 1
                        && column.distinct >= column.rows
                })
            }),
            _ => false,
        });
        if let Some(thing) = thing.filter(|_| plain) {
            let name = self
                .mark(thing)
                .map(|mark| self.written(mark))
                .unwrap_or_default();
            let rows = self.rows();
            if rows == Measure::Rows {
                let said = self.speech.say("rows_are", &[("what", &name)]);
                self.assume(said);
            }
            return Some(vec![(rows, None)]);
        }
        // "North's share of the 2024 total": of what adds up, where there is one such column only.
        if shares && asks.has(Ask::Total) && thing.is_none() {
            let mut adds = self
                .schema
                .of_role(|role| role == Role::Adds)
                .filter_map(|at| self.column(at))
                .filter(|column| !column.sums);
            let (only, more) = (adds.next()?.id.clone(), adds.next().is_some());
            if more {
                return None;
            }
            let said = self
                .speech
                .say("taken_for", &[("column", only.name.trim())]);
            self.assume(said);
            return Some(vec![(Measure::Of(only), None)]);
        }
        if counts || shares {
            return Some(vec![(self.rows(), None)]);
        }
        // "how much did the city bikes bring in": money, where there is any.
        let earns = (from..to)
            .filter_map(|at| self.mark(at))
            .any(|mark| hints(Hint::Earning, self.words.text(mark.from)));
        if earns && let Some(found) = self.concept_measure(Self::concept("revenue"), true) {
            return Some(vec![found]);
        }
        // "how much does the desk weigh": what such a verb measures is asked for, and nothing else.
        let verb = (from..to).filter_map(|at| self.mark(at)).find(|mark| {
            mark.what == What::Ask(Ask::Filler) && measured_by(self.words.text(mark.from)).is_some()
        });
        if let Some(verb) = verb {
            let concept = measured_by(self.words.text(verb.from))?;
            let name = self.written(verb);
            return match self.concept_measure(concept, true) {
                Some(found) => Some(vec![found]),
                None => {
                    self.say_absent(&name);
                    None
                }
            };
        }
        // "which genre was lent the most" of the days on which something was lent: whether rows are counted or something of them is a choice.
        let most = (from..to).any(|at| {
            self.mark(at).is_some_and(|mark| {
                matches!(mark.what, What::Ask(Ask::Highest | Ask::Lowest))
                    && hints(Hint::Most, self.words.text(mark.to - 1))
            })
        });
        let dated = ranked
            && most
            && (from..to).any(|at| match self.mark(at).map(|mark| &mark.what) {
                Some(What::Column(all, _) | What::Kin(all)) => all.iter().any(|column| {
                    self.column(*column)
                        .is_some_and(super::schema::Column::is_time)
                }),
                _ => false,
            });
        if dated && grouped_by_kind(groups) && self.holds_no_numbers_of_things() {
            let said = self.speech.say("measure_rows", &[]);
            let told = self.speech.say("one_kind", &[("said", &said)]);
            self.assume(told);
            return Some(vec![(Measure::Rows, None)]);
        }
        let adds: Vec<Id> = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at))
            .filter(|column| !column.sums)
            .map(|column| column.id.clone())
            .collect();
        let rates: Vec<Id> = self
            .schema
            .of_role(|role| role == Role::Rates)
            .filter_map(|at| self.column(at))
            .map(|column| column.id.clone())
            .collect();
        let adds_up = !adds.is_empty();
        let all = if adds_up { adds } else { rates.clone() };
        let grouped = !groups.is_empty();
        match all.as_slice() {
            [] if grouped || !filters.is_empty() => Some(vec![(Measure::Rows, None)]),
            [] => Some(vec![(Measure::Rows, None)]),
            [only] => {
                // "the average trip": of what about it nothing says.
                let event = Self::concept("event");
                let thing = (from..to).find(|at| {
                    matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Concept(concept)) if *concept == event)
                        && self.previous(from, *at).is_some_and(|before| {
                            self.is_ask(before, Ask::Mean) || self.is_ask(before, Ask::Median)
                        })
                });
                let place = self
                    .schema
                    .columns
                    .iter()
                    .position(|column| column.id == *only);
                // "Who borrowed the most?" of fees: whether they or the rows are meant nothing says.
                let dated = self
                    .schema
                    .columns
                    .iter()
                    .any(super::schema::Column::is_time);
                let untold = ranked
                    && dated
                    && grouped_by_kind(groups)
                    && place.is_some_and(|at| self.is_an_amount(at));
                if untold {
                    let name = self.speech.measure(&Measure::Of(only.clone()), None);
                    let told = self.speech.say("one_kind", &[("said", &name)]);
                    self.assume(told);
                }
                // "Which farm has the most?" of areas and yields: that the one that adds up was chosen is said.
                if ranked && adds_up && !rates.is_empty() {
                    let places: Vec<usize> = self.schema.measures().collect();
                    self.say_ambiguous(from, &places, place?);
                }
                if let (Some(thing), Some(place)) = (thing, place) {
                    self.say_ambiguous(thing, &[place], place);
                }
                Some(vec![(Measure::Of(only.clone()), None)])
            }
            several if ranked => {
                // "the largest flat": by its size, where one column alone holds that.
                let large = (from..to).any(|at| {
                    self.mark(at).is_some_and(|mark| {
                        matches!(mark.what, What::Ask(Ask::Highest | Ask::Lowest))
                            && hints(Hint::Sized, self.words.text(mark.to - 1))
                    })
                });
                let mut sizes = self.schema.columns.iter().filter(|column| {
                    let words = super::words::spaced(&column.id.name);
                    column.is_measure()
                        && words
                            .first()
                            .is_some_and(|word| hints(Hint::Extent, &word.text))
                });
                if let (true, Some(size), None) = (large, sizes.next(), sizes.next()) {
                    let size = size.id.clone();
                    let said = self
                        .speech
                        .say("taken_for", &[("column", size.name.trim())]);
                    self.assume(said);
                    return Some(vec![(Measure::Of(size), None)]);
                }
                // The largest is the largest of one thing: of what the table is about.
                let main = [
                    "revenue", "amount", "sold", "quantity", "cost", "visits", "harvest", "weight",
                ]
                .iter()
                .find_map(|name| {
                    let concept = Self::concept(name);
                    let columns = self.schema.columns.iter();
                    columns
                        .filter(|column| column.concepts.contains(&concept))
                        .map(|column| &column.id)
                        .find(|id| several.contains(id))
                })
                .cloned();
                // Nothing tells of which of them the largest is asked for: that one was chosen is said.
                let Some(main) = main else {
                    let first = several.first()?.clone();
                    let places: Vec<usize> = (0..self.schema.columns.len())
                        .filter(|at| {
                            self.column(*at)
                                .is_some_and(|column| several.contains(&column.id))
                        })
                        .collect();
                    self.say_ambiguous(from, &places, *places.first()?);
                    return Some(vec![(Measure::Of(first), None)]);
                };
                let said = self
                    .speech
                    .say("taken_for", &[("column", main.name.trim())]);
                self.assumed.push(said);
                Some(vec![(Measure::Of(main), None)])
            }
            several => {
                let names: Vec<String> = several
                    .iter()
                    .take(TOTALS)
                    .map(|id| id.name.clone())
                    .collect();
                let said = self
                    .speech
                    .say("no_measure", &[("columns", &names.join(", "))]);
                self.assumed.push(said);
                Some(
                    several
                        .iter()
                        .take(TOTALS)
                        .map(|id| (Measure::Of(id.clone()), None))
                        .collect(),
                )
            }
        }
    }

    /// "Wie viele kommen am Montag?": nobody is named, and a verb of whoever comes stands in their place. Where a column counts them, they are
    /// added up.
    fn whoever_comes(&mut self, from: usize, to: usize) -> Option<Id> {
        let count = (from..to).find(|at| self.is_ask(*at, Ask::Count))?;
        let word = self.mark(count)?.to;
        let verb = (word..word + 3)
            .find(|at| hints(Hint::Attending, self.words.text(*at)))
            .is_some();
        let mut heads = self.schema.columns.iter().filter(|column| {
            let words = super::words::spaced(&column.id.name);
            column.role == Role::Adds
                && column.whole
                && words.iter().any(|word| hints(Hint::Heads, &word.text))
        });
        let id = heads.next()?.id.clone();
        if !verb || heads.next().is_some() {
            return None;
        }
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some(id)
    }

    /// "How many chairs did we sell": of what is sold by the piece the pieces, where a column holds them.
    fn sold_of(&mut self, from: usize, to: usize, filters: &[Filter]) -> Option<Id> {
        let sold = [Self::concept("sold"), Self::concept("order")];
        let verb = (from..to).any(|at| match self.mark(at).map(|mark| &mark.what) {
            Some(What::Concept(concept)) => {
                sold.contains(concept) && self.schema.standing_for(*concept).is_empty()
            }
            _ => false,
        });
        let counted = (from..to).any(|at| {
            self.is_ask(at, Ask::Count)
                && self.next(at + 1, to).is_some_and(|next| {
                    matches!(
                        self.mark(next).map(|mark| &mark.what),
                        Some(What::Value(..))
                    )
                })
        });
        let quantity = Self::concept("quantity");
        let mut all = self.schema.columns.iter().filter(|column| {
            column.role == Role::Adds && column.whole && column.concepts.contains(&quantity)
        });
        let id = all.next().filter(|_| all.next().is_none())?.id.clone();
        if !verb || !counted || filters.is_empty() {
            return None;
        }
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some(id)
    }

    /// "How many robins": where each kind has one row with a number, it is the number that is asked for, and never that one row.
    pub(super) fn counted_by_number(&mut self, filters: &[Filter]) -> Option<Measure> {
        let kind = filters.iter().any(|filter| {
            let column = self
                .schema
                .columns
                .iter()
                .find(|column| column.id == filter.column);
            !filter.not
                && matches!(filter.test, Test::In(_))
                && column.is_some_and(|column| {
                    column.rows > 1
                        && (column.distinct + column.missing >= column.rows
                            || self.has_one_row_each_time(column))
                })
        });
        if !kind {
            return self.counts_column();
        }
        let mut adds = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at));
        let (only, more) = (adds.next()?.id.clone(), adds.next().is_some());
        if more {
            return None;
        }
        let said = self
            .speech
            .say("taken_for", &[("column", only.name.trim())]);
        self.assumed.push(said);
        Some(Measure::Of(only))
    }

    /// Whether a table has a row for each kind at each time and a column of numbers: `2024-01, orders, 331`.
    fn has_one_row_each_time(&self, kind: &super::schema::Column) -> bool {
        let own = |column: &&super::schema::Column| column.id.table == kind.id.table;
        let mut others = self
            .schema
            .columns
            .iter()
            .filter(own)
            .filter(|column| column.id != kind.id);
        let grid = |column: &super::schema::Column| {
            column.is_time()
                && column.distinct > 1
                && kind.distinct > 1
                && column.distinct * kind.distinct == kind.rows
        };
        others.clone().any(grid) && others.all(|column| column.is_time() || column.is_measure())
    }

    /// "how much longer": what a comparative compares.
    fn compared_by(&mut self, from: usize, to: usize) -> Option<(Measure, Option<String>)> {
        let of_change = (from..to).find(|at| self.is_ask(*at, Ask::Change));
        let within = of_change.map_or(from..to, |at| at..at + 1);
        let said = within
            .filter_map(|at| self.mark(at))
            .filter(|mark| {
                matches!(
                    mark.what,
                    What::Ask(Ask::Change | Ask::Filler) | What::Unknown
                )
            })
            .flat_map(|mark| mark.from..mark.to)
            .find_map(|at| super::order::comparative(self.words.text(at)))?;
        let concept = Self::concept(said);
        self.superlative_of(true, concept).map(|(found, _)| found)
    }
}
