//! What is wanted of what was named: figures, rows, values, or one figure against another.

use std::collections::BTreeSet;

use aios_languages::{Ask, Hint, fold, hints};

use super::marks::What;
use super::question::{
    Column as Id, Figure, Filter, Group, Make, Measure, Order, Test, Versus, Wanted,
};
use super::resolve::{Asks, Reader};
use super::schema::{Role, Schema};

/// Rows of a ranking that are told.
const LISTED: u32 = 24;

impl Reader<'_> {
    /// Values of different currencies or units are never put together: there is a figure for each.
    pub(super) fn apart_by_unit(
        &mut self,
        wanted: &Wanted,
        filters: &[Filter],
        groups: &mut Vec<Group>,
        order: &mut Option<Order>,
    ) -> Option<()> {
        let measured = match wanted {
            Wanted::Figures(figures) => figures.iter().map(|figure| figure.of.clone()).collect(),
            Wanted::Row { measure, .. } => vec![Measure::Of(measure.clone())],
            Wanted::Versus(figure, _) => vec![figure.of.clone()],
            Wanted::Values(_) => Vec::new(),
        };
        for measure in measured {
            let ids = match measure {
                Measure::Rows | Measure::Distinct(_) | Measure::Periods(..) => continue,
                Measure::Of(id) => vec![id],
                Measure::Plus(all) => all,
                Measure::Rated(one, other, _)
                | Measure::Shift(one, other)
                | Measure::Product(one, other)
                | Measure::Less(one, other)
                | Measure::Elapsed(one, other)
                | Measure::Lasted(one, other, _) => vec![one, other],
            };
            for id in ids {
                let column = self.schema.columns.iter().find(|column| column.id == id);
                let Some(name) = column.and_then(|column| column.units.clone()) else {
                    continue;
                };
                let unit = self
                    .schema
                    .columns
                    .iter()
                    .find(|column| column.id.table == id.table && column.id.name == name);
                let Some(unit) = unit.map(|column| column.id.clone()) else {
                    continue;
                };
                let one = filters.iter().any(|filter| {
                    filter.column == unit
                        && !filter.not
                        && matches!(&filter.test, Test::In(values) if differ(values) == 1)
                });
                if one || groups.contains(&Group::By(unit.clone())) {
                    continue;
                }
                let said = self
                    .speech
                    .say("currencies", &[("column", unit.name.trim())]);
                if groups.len() >= 2 || !matches!(wanted, Wanted::Figures(_)) {
                    self.absent.push(said);
                    return None;
                }
                groups.push(Group::By(unit));
                // What is largest in one unit is not compared with another.
                *order = None;
                if !self.assumed.contains(&said) {
                    self.assumed.push(said);
                }
            }
        }
        Some(())
    }

    pub(super) fn is_unique(&self, group: &Group) -> bool {
        let Group::By(id) = group else { return false };
        let column = self.schema.columns.iter().find(|column| column.id == *id);
        column.is_some_and(|column| column.distinct + column.missing >= column.rows)
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn wanted(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        groups: &[Group],
        order: &mut Option<Order>,
        mut measures: Vec<(Measure, Option<String>)>,
        counted: Option<Measure>,
        over: Option<Measure>,
        filters: &mut Vec<Filter>,
        versus: Option<Versus>,
    ) -> Option<Wanted> {
        let summed = self.summed.clone();
        let adds = |measure: &Measure, schema: &Schema| match measure {
            Measure::Of(id) => {
                summed.contains(id)
                    || schema
                        .columns
                        .iter()
                        .any(|column| column.id == *id && column.role == Role::Adds)
            }
            _ => true,
        };
        if asks.has(Ask::List)
            && measures.is_empty()
            && counted.is_none()
            && let [Group::By(column)] = groups
            && order.is_none()
        {
            return Some(Wanted::Values(column.clone()));
        }
        // "Who is the oldest": the row with the earliest year tells who.
        if order.is_some()
            && let [(Measure::Of(column), _)] = measures.as_slice()
            && self
                .schema
                .columns
                .iter()
                .any(|known| known.id == *column && known.is_time())
        {
            return Some(Wanted::Row {
                measure: column.clone(),
                by: self.telling(&column.table),
            });
        }
        // "Which customers are from Berlin?"
        if asks.any(&[Ask::Which, Ask::Who, Ask::Where])
            && measures.is_empty()
            && counted.is_none()
            && order.is_none()
            && !filters.is_empty()
            && versus.is_none()
            && let [Group::By(column)] = groups
            && !asks.any(&[Ask::Share, Ask::Growth, Ask::Change, Ask::Mean, Ask::Total])
        {
            return Some(Wanted::Values(column.clone()));
        }
        // "Which regions are there": all of them. Where more is said of them, it was not understood, and how many rows each has is no answer.
        let bare = asks.any(&[Ask::Which, Ask::Who])
            && !asks.reckons()
            && !asks.any(&[
                Ask::Count,
                Ask::Distinct,
                Ask::Per,
                Ask::Share,
                Ask::Growth,
                Ask::Change,
                Ask::Compare,
                Ask::Top,
                Ask::Bottom,
                Ask::Rank,
                Ask::Ratio,
            ])
            && self.before.is_none()
            && order.is_none()
            && measures.is_empty()
            && counted.is_none()
            && over.is_none()
            && versus.is_none()
            && filters.is_empty();
        if bare && let [Group::By(column)] = groups {
            if self.asks_what_there_is(from, to) {
                return Some(Wanted::Values(column.clone()));
            }
            self.say_not_understood();
            return None;
        }
        // "How many visits per order?"
        if over.is_some()
            && measures.is_empty()
            && let Some(counted) = &counted
        {
            measures.push((counted.clone(), None));
        }
        if let Some(rate) = self.rate(from, to, asks, &measures, over.as_ref()) {
            if !groups.is_empty() && order.is_none() && asks.has(Ask::Highest) {
                *order = Some(Order {
                    largest: true,
                    limit: Some(1),
                    skip: 0,
                });
            }
            let versus = versus.or_else(|| self.two_values((from, to), asks, groups, filters));
            return Some(match versus {
                Some(versus) => Self::against(rate, versus, groups),
                None => Wanted::Figures(vec![rate]),
            });
        }
        if measures.is_empty()
            && let Some(counted) = counted.clone()
        {
            measures.push((counted, None));
        }
        if measures.is_empty() {
            measures = self.unnamed(from, to, asks, groups, filters, order.is_some())?;
        }
        // "weekend bills: how many were there": who asks how many is told no sum of what is no count.
        let money = |measure: &Measure| match measure {
            Measure::Of(id) => self.schema.columns.iter().any(|column| {
                column.id == *id
                    && !column.whole
                    && column.role == Role::Adds
                    && column.id.unit.is_none()
            }),
            _ => false,
        };
        let reckons = asks.any(&[
            Ask::Total,
            Ask::Mean,
            Ask::Median,
            Ask::Highest,
            Ask::Lowest,
            Ask::Share,
        ]) || asks.has(Ask::And) && !asks.has(Ask::Between);
        // Nor a mean of what does not add up.
        let rated = |measure: &Measure, schema: &Schema| match measure {
            Measure::Of(id) => schema
                .columns
                .iter()
                .any(|column| column.id == *id && column.role == Role::Rates),
            _ => false,
        };
        let rates = groups.is_empty()
            && matches!(measures.as_slice(), [(measure, _)] if rated(measure, self.schema) && !self.is_counted(from, to, measure));
        let share = asks.has(Ask::Share) && self.is_bought(&measures);
        if (asks.has(Ask::Count) && !reckons || share)
            && order.is_none()
            && versus.is_none()
            && let [(measure, _)] = measures.as_slice()
            && (money(measure)
                || rates
                    && filters
                        .iter()
                        .any(|filter| Measure::Of(filter.column.clone()) == *measure))
            && (share || rates || self.is_paid(measure) || !self.is_counted(from, to, measure))
        {
            measures = vec![(self.rows(), None)];
        }
        // "adults and children together": two columns are told apart, and no sum of both is known here.
        let both = measures.len() > 1
            && order.is_none()
            && (from..to).any(|at| {
                let measured =
                    |at: Option<usize>| at.is_some_and(|at| !self.measured(at).is_empty());
                self.is_ask(at, Ask::And)
                    && measured(self.previous(from, at))
                    && measured(self.next(at + 1, to))
            });
        if both
            && let Some(at) = (from..to).find(|at| {
                self.is_ask(*at, Ask::Total)
                    && self
                        .mark(*at)
                        .is_some_and(|mark| hints(Hint::Jointly, self.words.text(mark.to - 1)))
            })
        {
            self.unheard_ends.push(at);
        }
        let makes = self.makes(from, to, asks, &measures, groups, order.as_ref());
        // Places in an order are never put together; nor is something else in their place.
        let place = |column: &usize| {
            self.column(*column).is_some_and(|column| {
                super::schema::is_of_places(column)
                    && filters.iter().all(|filter| filter.column != column.id)
                    && measures
                        .iter()
                        .all(|(measure, _)| *measure != Measure::Of(column.id.clone()))
            })
        };
        let other = [Ask::Total, Ask::Mean, Ask::Median].into_iter().any(|ask| {
            (from..to).any(|at| {
                self.is_ask(at, ask)
                    && self.next(at + 1, to).is_some_and(|next| {
                        matches!(self.mark(next).map(|mark| &mark.what), Some(What::Column(all, true)) if all.iter().any(place))
                    })
            })
        });
        if other
            || makes.contains(&Make::Total)
                && measures
                    .iter()
                    .any(|(measure, _)| matches!(measure, Measure::Of(id) if self.is_a_place(id)))
        {
            self.say_not_understood();
            return None;
        }
        // By what a mean is weighted is no other mean.
        if let [Make::Weighted(weight)] = makes.as_slice()
            && measures.len() > 1
        {
            let weight = Measure::Of(weight.clone());
            measures.retain(|(measure, _)| *measure != weight);
        }
        if makes.contains(&Make::Total) {
            for (measure, called) in &mut measures {
                self.price_of_all(measure, called)?;
            }
        }
        // "the average age of the five best paid": of rows that are chosen by their rank nothing is known here.
        let few = order
            .as_ref()
            .is_some_and(|order| order.limit.is_some_and(|limit| limit > 1));
        // "the sales of the three best together": each is told, and their sum is not known here.
        if few
            && let Some(at) = (from..to).find(|at| {
                self.mark(*at)
                    .is_some_and(|mark| hints(Hint::Jointly, self.words.text(mark.to - 1)))
            })
        {
            self.unheard_ends.push(at);
        }
        let of_rows = matches!(groups, [group] if self.is_unique(group));
        if few && of_rows && asks.any(&[Ask::Mean, Ask::Median]) {
            let said = self.speech.say("no_rank", &[]);
            self.absent.push(said);
            return None;
        }
        let called = measures.first().and_then(|(_, called)| called.clone());
        let mut figures = Vec::new();
        for (measure, called) in &measures {
            for make in &makes {
                figures.push(Figure {
                    make: make.clone(),
                    of: measure.clone(),
                    called: called.clone(),
                });
            }
        }
        // "Overall", said of a rate, is its whole.
        let overall = makes == [Make::Total];
        for figure in figures.iter_mut().filter(|_| overall) {
            if let Some(whole) = self.overall(&figure.of) {
                *figure = whole;
            }
        }
        // A make that was not said follows from what is measured.
        if makes.is_empty() {
            let again = self
                .inherited_make()
                .filter(|_| self.measure_is_inherited(&measures));
            for (measure, called) in &measures {
                let plain = order.is_none() || !groups.is_empty();
                if plain
                    && again.is_none()
                    && let Some(whole) = self.overall(measure)
                {
                    figures.push(whole);
                    continue;
                }
                let reckoned = matches!(
                    measure,
                    Measure::Less(..)
                        | Measure::Elapsed(..)
                        | Measure::Plus(..)
                        | Measure::Lasted(..)
                        | Measure::Shift(..)
                        | Measure::Product(..)
                        | Measure::Rated(..)
                );
                let largest = order.as_ref().map(|order| order.largest);
                let make = if let Some(again) = &again {
                    again.make.clone()
                } else if let Some(largest) = largest
                    && reckoned
                    && groups.is_empty()
                {
                    if largest { Make::Greatest } else { Make::Least }
                } else if let Some(largest) = largest
                    && self.ranks_single_rows(from, to)
                {
                    if largest { Make::Greatest } else { Make::Least }
                } else if adds(measure, self.schema) {
                    Make::Total
                } else if order.is_some()
                    && !groups.is_empty()
                    && self.judged(from, to).is_some()
                    && !groups.iter().any(|group| self.is_unique(group))
                {
                    // "the worst ratings": of all of a group's, and not its single worst one.
                    Make::Mean
                } else if order.is_some() && !groups.is_empty() {
                    if order.as_ref().is_some_and(|order| order.largest) {
                        Make::Greatest
                    } else {
                        Make::Least
                    }
                } else {
                    Make::Mean
                };
                if make == Make::Mean && !adds(measure, self.schema) {
                    let name = self.speech.measure(measure, called.as_deref());
                    let said = self.speech.say("averaged", &[("measure", &name)]);
                    if !self.assumed.contains(&said) {
                        self.assumed.push(said);
                    }
                }
                figures.push(Figure {
                    make,
                    of: measure.clone(),
                    called: called.clone(),
                });
            }
        }
        // "the number of members and the total of their fees"
        let both = asks.has(Ask::Count) && asks.has(Ask::And) && asks.any(&[Ask::Total, Ask::Mean]);
        if both
            && let Some(counted @ (Measure::Rows | Measure::Distinct(_))) = &counted
            && !figures.iter().any(|figure| figure.of == *counted)
        {
            figures.push(Figure {
                make: Make::Total,
                of: counted.clone(),
                called: None,
            });
        }
        if let Some(versus) = versus {
            return Some(Self::against(figures.into_iter().next()?, versus, groups));
        }
        if let Some(versus) = self.two_values((from, to), asks, groups, filters) {
            // "the difference between the price of one and that of the other"
            if asks.has(Ask::Change) {
                self.take_all(from, to, Ask::Between);
            }
            return Some(Self::against(figures.into_iter().next()?, versus, groups));
        }
        // A difference of two columns is what was asked for.
        let between = figures.first().is_some_and(|figure| {
            matches!(
                figure.of,
                Measure::Less(..) | Measure::Elapsed(..) | Measure::Lasted(..) | Measure::Shift(..)
            )
        });
        if asks.any(&[Ask::Growth, Ask::Change]) && !asks.has(Ask::Range) && !between {
            let percent = asks.has(Ask::Growth) && !asks.has(Ask::Change);
            return self.growth(figures.into_iter().next()?, groups, percent);
        }
        // The row itself: "the largest order", "the highest temperature and when".
        if groups.is_empty()
            && let Some(order) = order.as_mut()
            && let [(Measure::Of(column), None)] = measures.as_slice()
            && (makes.is_empty()
                || makes
                    .iter()
                    .all(|make| matches!(make, Make::Greatest | Make::Least)))
            && makes.len() <= 1
        {
            // "with whom did we spend least": where no column names who, that a row is told is a choice.
            if asks.has(Ask::Who) && !self.names_somebody() {
                let said = self.speech.figure(&Figure {
                    make: Make::Total,
                    of: Measure::Of(column.clone()),
                    called: None,
                });
                let told = self.speech.say("one_kind", &[("said", &said)]);
                self.assume(told);
            }
            // "rank the schools": all of them, as far as a list is read.
            if order.limit.is_none() {
                order.limit = Some(LISTED);
            }
            return Some(Wanted::Row {
                measure: column.clone(),
                by: self.telling(&column.table),
            });
        }
        let _ = called;
        if groups.is_empty() {
            // "in the top 5": a rank that chooses rows is a condition, and none that is known here.
            let chosen = order.as_ref().is_some_and(|order| {
                asks.has(Ask::Count) || order.limit.is_some_and(|limit| limit > 1)
            });
            if chosen {
                let said = self.speech.say("no_rank", &[]);
                self.absent.push(said);
                return None;
            }
            *order = None;
        }
        Some(Wanted::Figures(figures))
    }

    /// "which store had the single biggest sale": one row of each group is meant, and not all of them.
    fn ranks_single_rows(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            let single = self.mark(at).is_some_and(|mark| {
                matches!(mark.what, What::Ask(Ask::Highest | Ask::Lowest))
                    && (mark.from..mark.to).any(|at| self.words.text(at) == "single")
            });
            single
                && self.next(at + 1, to).is_some_and(|next| {
                    matches!(
                        self.mark(next).map(|mark| &mark.what),
                        Some(What::Concept(_) | What::File | What::Column(_, false))
                    )
                })
        })
    }

    /// Whether a column names its rows one by one, and is no number of them.
    fn names_somebody(&self) -> bool {
        self.schema.columns.iter().any(|column| {
            column.role == Role::Names
                && column.distinct + column.missing >= column.rows
                && !column.words.iter().any(|word| {
                    ["id", "no", "nr", "number", "code", "key"].contains(&word.as_str())
                })
        })
    }

    /// Whether nothing is said of what is named but that it is there.
    fn asks_what_there_is(&self, from: usize, to: usize) -> bool {
        (from..to)
            .filter_map(|at| self.mark(at))
            .filter(|mark| {
                matches!(
                    mark.what,
                    What::Ask(Ask::Filler | Ask::There) | What::Unknown
                )
            })
            .all(|mark| {
                (mark.from..mark.to).all(|at| {
                    let text = self.words.text(at);
                    hints(Hint::Existing, text) || hints(Hint::Being, text)
                })
            })
    }

    /// Two values of a column, and how they differ.
    fn two_values(
        &self,
        (from, to): (usize, usize),
        asks: &Asks,
        groups: &[Group],
        filters: &mut Vec<Filter>,
    ) -> Option<Versus> {
        if !asks.any(&[Ask::Change, Ask::Compare, Ask::Growth]) || !groups.is_empty() {
            return None;
        }
        let at = filters.iter().position(|filter| {
            matches!(&filter.test, Test::In(values) if differ(values) == 2) && !filter.not
        })?;
        let Test::In(values) = &filters.get(at)?.test else {
            return None;
        };
        let mut names: Vec<String> = Vec::new();
        for value in values {
            if !names.iter().any(|name| fold(name) == fold(value)) {
                names.push(value.clone());
            }
        }
        let [first, second] = names.as_slice() else {
            return None;
        };
        let side = |name: &String| {
            let same = values.iter().filter(|value| fold(value) == fold(name));
            let filter = Filter {
                test: Test::In(same.cloned().collect()),
                ..filters[at].clone()
            };
            (name.clone(), filter)
        };
        // "from Q1 to Q2", and what grew between two, goes from the first to the second; "A than B" tells of the first.
        let leads = (from..to).any(|at| self.is_ask(at, Ask::From))
            && (from..to).any(|at| self.is_ask(at, Ask::To) || self.is_ask(at, Ask::Until));
        let between = (from..to).any(|at| self.is_ask(at, Ask::Between)) && asks.has(Ask::Growth);
        let (first, second) = if leads || between {
            (second, first)
        } else {
            (first, second)
        };
        let versus = Versus {
            from: side(second),
            to: side(first),
            percent: asks.has(Ask::Growth),
        };
        filters.remove(at);
        Some(versus)
    }

    /// "what fraction of bills": orders and bills are things before they are money.
    fn is_bought(&self, measures: &[(Measure, Option<String>)]) -> bool {
        let things = [Self::concept("invoice"), Self::concept("order")];
        measures.iter().all(|(measure, _)| match measure {
            Measure::Of(id) => self.schema.columns.iter().any(|column| {
                column.id == *id && things.iter().any(|thing| column.concepts.contains(thing))
            }),
            _ => false,
        })
    }

    /// "how many bills": what money is paid for is counted.
    fn is_paid(&self, measure: &Measure) -> bool {
        let paid = [
            "invoice", "order", "revenue", "cost", "price", "amount", "salary",
        ];
        match measure {
            Measure::Of(id) => self.schema.columns.iter().any(|column| {
                column.id == *id
                    && paid
                        .iter()
                        .any(|name| column.concepts.contains(&Self::concept(name)))
            }),
            _ => false,
        }
    }

    /// "how many litres": a measure stands right behind the word that counts.
    fn is_counted(&self, from: usize, to: usize, measure: &Measure) -> bool {
        (from..to).any(|at| {
            let next = self
                .next(at + 1, to)
                .filter(|_| self.is_ask(at, Ask::Count));
            next.is_some_and(|next| {
                self.measured(next).iter().any(|column| {
                    self.column(*column)
                        .is_some_and(|column| Measure::Of(column.id.clone()) == *measure)
                })
            })
        })
    }

    /// Columns that tell which row one is.
    pub(super) fn telling(&self, table: &str) -> Vec<Id> {
        let columns = self
            .schema
            .columns
            .iter()
            .filter(|column| column.id.table == table);
        let mut telling: Vec<&super::schema::Column> = columns
            .filter(|column| {
                matches!(
                    column.role,
                    Role::Date | Role::Year | Role::Groups | Role::Names
                )
            })
            .collect();
        // A year tells least of which one it is.
        telling.sort_by_key(|column| column.role == Role::Year);
        let telling = telling.into_iter().map(|column| column.id.clone());
        telling.take(6).collect()
    }
}

/// How many different names there are, whatever their case.
pub(super) fn differ(values: &[String]) -> usize {
    values
        .iter()
        .map(|value| fold(value))
        .collect::<BTreeSet<_>>()
        .len()
}
