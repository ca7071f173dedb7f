//! What is wanted of what was named: figures, rows, values, or one figure against another.

use std::collections::BTreeSet;

use aios_languages::{Ask, fold};
use aios_work::{Grain, Span};

use super::marks::What;
use super::question::{
    Column as Id, Figure, Filter, Group, Make, Measure, Order, Test, Versus, Wanted,
};
use super::resolve::{Asks, Reader};
use super::schema::{Role, Schema};

/// Totals that are given where none is named.
const TOTALS: usize = 4;

impl Reader<'_> {
    /// A rate of all rows together: the sums of what it is made of, one over the other.
    pub(super) fn overall(&mut self, measure: &Measure) -> Option<Figure> {
        let Measure::Of(id) = measure else {
            return None;
        };
        let column = self.schema.columns.iter().find(|column| column.id == *id)?;
        let quotient = column.quotient.clone()?;
        let side = |name: &str| {
            let mut all = self.schema.columns.iter().map(|column| &column.id);
            all.find(|other| other.table == id.table && other.name == name)
                .cloned()
        };
        let (part, whole) = (side(&quotient.part)?, side(&quotient.whole)?);
        let said = self.speech.say(
            "rate",
            &[("part", part.name.trim()), ("whole", whole.name.trim())],
        );
        if !self.assumed.contains(&said) {
            self.assumed.push(said);
        }
        Some(Figure {
            make: Make::Over(Box::new(Measure::Of(whole)), quotient.percent),
            of: Measure::Of(part),
            called: Some(id.name.trim().to_owned()),
        })
    }

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
                Measure::Rows | Measure::Distinct(_) => continue,
                Measure::Of(id) => vec![id],
                Measure::Product(one, other)
                | Measure::Less(one, other)
                | Measure::Elapsed(one, other) => vec![one, other],
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
        if !filters.is_empty() || asks.has(Ask::Share) || before.filters.is_empty() {
            return;
        }
        filters.extend(before.filters.iter().cloned());
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
        let adds = |measure: &Measure, schema: &Schema| match measure {
            Measure::Of(id) => schema
                .columns
                .iter()
                .any(|column| column.id == *id && column.role == Role::Adds),
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
        if asks.any(&[Ask::Which, Ask::Who])
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
        // "How many visits per order?"
        if over.is_some()
            && measures.is_empty()
            && let Some(counted @ Measure::Of(_)) = &counted
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
            return Some(match versus {
                Some(versus) => Wanted::Versus(rate, Box::new(versus)),
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
        let reckons = asks.reckons() || asks.any(&[Ask::Share, Ask::And]);
        let share = asks.has(Ask::Share) && self.is_bought(&measures);
        if (asks.has(Ask::Count) && !reckons || share)
            && order.is_none()
            && versus.is_none()
            && let [(measure, _)] = measures.as_slice()
            && money(measure)
            && (share || self.is_paid(measure) || !self.is_counted(from, to, measure))
        {
            measures = vec![(self.rows(), None)];
        }
        let makes = self.makes(from, to, asks, &measures, groups, order.as_ref());
        if makes.contains(&Make::Total) {
            for (measure, called) in &mut measures {
                self.price_of_all(measure, called)?;
            }
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
                    Measure::Less(..) | Measure::Elapsed(..) | Measure::Product(..)
                );
                let largest = order.as_ref().map(|order| order.largest);
                let make = if let Some(again) = &again {
                    again.make.clone()
                } else if let Some(largest) = largest
                    && reckoned
                    && groups.is_empty()
                {
                    if largest { Make::Greatest } else { Make::Least }
                } else if adds(measure, self.schema) {
                    Make::Total
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
            return Some(Wanted::Versus(
                figures.into_iter().next()?,
                Box::new(versus),
            ));
        }
        // Two values of a column, and how they differ.
        if asks.any(&[Ask::Change, Ask::Compare, Ask::Growth])
            && groups.is_empty()
            && let Some(at) = filters.iter().position(|filter| {
                matches!(&filter.test, Test::In(values) if differ(values) == 2) && !filter.not
            })
        {
            let filter = filters.remove(at);
            if let Test::In(values) = &filter.test {
                let mut names: Vec<String> = Vec::new();
                for value in values {
                    if !names.iter().any(|name| fold(name) == fold(value)) {
                        names.push(value.clone());
                    }
                }
                let side = |name: &String| {
                    let same = values.iter().filter(|value| fold(value) == fold(name));
                    let test = Test::In(same.cloned().collect());
                    (
                        name.clone(),
                        Filter {
                            test,
                            ..filter.clone()
                        },
                    )
                };
                if let [first, second] = names.as_slice() {
                    return Some(Wanted::Versus(
                        figures.into_iter().next()?,
                        Box::new(Versus {
                            from: side(second),
                            to: side(first),
                            percent: asks.has(Ask::Growth),
                        }),
                    ));
                }
            }
        }
        // A difference of two columns is what was asked for.
        let between = figures
            .first()
            .is_some_and(|figure| matches!(figure.of, Measure::Less(..) | Measure::Elapsed(..)));
        if asks.any(&[Ask::Growth, Ask::Change]) && !asks.has(Ask::Range) && !between {
            return self.growth(figures.into_iter().next()?, groups, asks.has(Ask::Growth));
        }
        // The row itself: "the largest order", "the highest temperature and when".
        if groups.is_empty()
            && let Some(order) = order.as_ref()
            && let [(Measure::Of(column), None)] = measures.as_slice()
            && (makes.is_empty()
                || makes
                    .iter()
                    .all(|make| matches!(make, Make::Greatest | Make::Least)))
            && makes.len() <= 1
        {
            let _ = order;
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

    /// "how much longer": what a comparative compares.
    fn compared_by(&mut self, from: usize, to: usize) -> Option<(Measure, Option<String>)> {
        const SAID: &[(&str, &str)] = &[
            ("long", "duration"),
            ("short", "duration"),
            ("lang", "duration"),
            ("kurz", "duration"),
            ("heav", "weight"),
            ("light", "weight"),
            ("schwer", "weight"),
            ("old", "age"),
            ("young", "age"),
            ("alter", "age"),
            ("tall", "height"),
            ("cheap", "price"),
            ("expensive", "price"),
            ("warm", "temperature"),
            ("cold", "temperature"),
            ("fast", "speed"),
            ("slow", "speed"),
        ];
        let at = (from..to).find(|at| self.is_ask(*at, Ask::Change))?;
        let mark = self.mark(at)?;
        let said = (mark.from..mark.to).find_map(|at| {
            let text = self.words.text(at);
            SAID.iter().find(|(begin, _)| text.starts_with(begin))
        })?;
        let concept = Self::concept(said.1);
        self.superlative_of(true, concept).map(|(found, _)| found)
    }

    /// "the total price": prices are for one each, and their sum is of what there is of each.
    fn price_of_all(&mut self, measure: &mut Measure, called: &mut Option<String>) -> Option<()> {
        let Measure::Of(id) = measure else {
            return Some(());
        };
        let column = self.schema.columns.iter().find(|column| column.id == *id);
        let price = Self::concept("price");
        let Some(column) = column.filter(|column| {
            column.role == Role::Rates
                && column.concepts.contains(&price)
                && column.quotient.is_none()
        }) else {
            return Some(());
        };
        let price = column.id.clone();
        let Some(quantity) = self
            .quantity()
            .and_then(|column| self.column(column))
            .map(|column| column.id.clone())
        else {
            return Some(());
        };
        let (one, other) = (price.name.trim(), quantity.name.trim());
        let said = self
            .speech
            .say("product", &[("one", one), ("other", other)]);
        self.assume(said);
        *called = Some(format!("{one} × {other}"));
        *measure = Measure::Product(price, quantity);
        Some(())
    }

    pub(super) fn measure_is_inherited(&self, measures: &[(Measure, Option<String>)]) -> bool {
        self.inherited()
            .is_some_and(|before| measures.iter().all(|(measure, _)| *measure == before))
            && self.before.is_some()
    }

    /// Columns that tell which row one is.
    pub(super) fn telling(&self, table: &str) -> Vec<Id> {
        let columns = self
            .schema
            .columns
            .iter()
            .filter(|column| column.id.table == table);
        columns
            .filter(|column| {
                matches!(
                    column.role,
                    Role::Date | Role::Year | Role::Groups | Role::Names
                )
            })
            .map(|column| column.id.clone())
            .take(6)
            .collect()
    }

    /// From the first period of the data to the last.
    pub(super) fn growth(
        &mut self,
        figure: Figure,
        groups: &[Group],
        percent: bool,
    ) -> Option<Wanted> {
        let date = match groups {
            [] => self.date(0, 0),
            [Group::Each(..)] => {
                // Period by period: the figures, and their steps are shown beside them.
                return Some(Wanted::Figures(vec![figure]));
            }
            _ => None,
        };
        let Some(column) = date.and_then(|at| self.column(at)).cloned() else {
            let said = self.speech.say("no_dates", &[]);
            self.absent.push(said);
            return None;
        };
        let covers = column.covers?;
        let count = |grain: Grain| grain.count(covers.from, covers.until);
        let grain = [
            Grain::Year,
            Grain::Quarter,
            Grain::Month,
            Grain::Week,
            Grain::Day,
        ]
        .into_iter()
        .find(|grain| {
            *grain >= column.finest
                && count(*grain) >= 2
                && (*grain != Grain::Quarter || count(*grain) > 8)
        })?;
        let side = |span: Span| {
            let test = super::times::days(&column, &[span]);
            let filter = Filter {
                column: column.id.clone(),
                test,
                not: false,
                part: false,
            };
            (grain.key(span.from), filter)
        };
        let (first, last) = (grain.span_of(covers.from), grain.span_of(covers.until));
        let said = self.speech.say(
            "growth_ends",
            &[
                ("from", &grain.key(first.from)),
                ("to", &grain.key(last.from)),
            ],
        );
        self.assumed.push(said);
        Some(Wanted::Versus(
            figure,
            Box::new(Versus {
                from: side(first),
                to: side(last),
                percent,
            }),
        ))
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
        let shares = asks.has(Ask::Share) && !filters.is_empty();
        if (counts || shares)
            && let Some(measure) = self.counted_by_number(filters)
        {
            return Some(vec![(measure, None)]);
        }
        if let Some(found) = self.compared_by(from, to) {
            return Some(vec![found]);
        }
        // "orders without a coupon", "tickets over 120 minutes": rows that are named by what they are are counted.
        let plain = !ranked
            && !asks.reckons()
            && !asks.any(&[Ask::Share, Ask::Change, Ask::Compare, Ask::Growth])
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
        if counts || shares {
            return Some(vec![(self.rows(), None)]);
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
        let all = if adds.is_empty() { rates } else { adds };
        let grouped = !groups.is_empty();
        match all.as_slice() {
            [] if grouped || !filters.is_empty() => Some(vec![(Measure::Rows, None)]),
            [] => Some(vec![(Measure::Rows, None)]),
            [only] => Some(vec![(Measure::Of(only.clone()), None)]),
            several if ranked => {
                // The largest is the largest of one thing: of what the table is about.
                let main = ["revenue", "amount", "sold", "quantity", "cost", "visits"]
                    .iter()
                    .find_map(|name| {
                        let concept = Self::concept(name);
                        let columns = self.schema.columns.iter();
                        columns
                            .filter(|column| column.concepts.contains(&concept))
                            .map(|column| &column.id)
                            .find(|id| several.contains(id))
                    })
                    .or(several.first())?
                    .clone();
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
                    column.rows > 1 && column.distinct + column.missing >= column.rows
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

    /// Which figures the words ask for.
    pub(super) fn makes(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        measures: &[(Measure, Option<String>)],
        groups: &[Group],
        order: Option<&Order>,
    ) -> Vec<Make> {
        let mut out = Vec::new();
        // "The occupancy in percent": of what does not add up there is no share, and percent is its unit.
        let rates = !measures.is_empty()
            && measures.iter().all(|(measure, _)| match measure {
                Measure::Of(id) => self
                    .schema
                    .columns
                    .iter()
                    .any(|column| column.id == *id && column.role == Role::Rates),
                _ => false,
            });
        if asks.has(Ask::Share) && !rates {
            out.push(Make::Share);
            return out;
        }
        let between = matches!(measures, [(Measure::Less(..) | Measure::Elapsed(..), _)]);
        if asks.has(Ask::Range) && !between {
            out.push(Make::Range);
            return out;
        }
        if asks.has(Ask::Weighted)
            && let Some(weight) = self.weight(from, to, measures)
        {
            out.push(Make::Weighted(weight));
            return out;
        }
        if asks.has(Ask::Percentile)
            && let Some(percent) = self.percent(from, to)
        {
            out.push(Make::Percentile(percent));
        }
        if asks.has(Ask::Deviation) {
            out.push(Make::Deviation);
        }
        if asks.has(Ask::Variance) {
            out.push(Make::Variance);
        }
        if asks.has(Ask::Mean) && !asks.has(Ask::Weighted) {
            out.push(Make::Mean);
        }
        if asks.has(Ask::Median) {
            out.push(Make::Median);
        }
        let of_column = measures
            .iter()
            .all(|(measure, _)| matches!(measure, Measure::Of(_)));
        let says_total = self.says_total(from, to, &out);
        if says_total || (asks.has(Ask::Total) && out.is_empty() && order.is_none()) {
            out.insert(0, Make::Total);
        }
        if groups.is_empty() && of_column {
            let both = asks.has(Ask::Highest) && asks.has(Ask::Lowest);
            if asks.has(Ask::Highest)
                && (both || !out.is_empty())
                && out.iter().all(|make| *make != Make::Total || both)
            {
                out.push(Make::Greatest);
            }
            if asks.has(Ask::Lowest) && (both || !out.is_empty()) {
                out.push(Make::Least);
            }
        }
        out
    }

    /// "Total" said of its own, and not as "how much", which asks for any figure.
    pub(super) fn says_total(&self, from: usize, to: usize, others: &[Make]) -> bool {
        (from..to).any(|at| {
            self.mark(at).is_some_and(|mark| {
                let much = mark.to - mark.from > 1
                    || ["combien", "cuanto", "cuanta", "wieviel"]
                        .contains(&self.words.text(mark.from));
                mark.what == What::Ask(Ask::Total) && !much
            })
        }) && (others.is_empty()
            || others
                .iter()
                .all(|make| matches!(make, Make::Mean | Make::Median)))
    }

    /// The filters that make the part of a share.
    pub(super) fn share_parts(&mut self, grouped: bool, wanted: &Wanted, filters: &mut [Filter]) {
        let Wanted::Figures(figures) = wanted else {
            return;
        };
        if !figures.iter().any(|figure| figure.make == Make::Share) {
            return;
        }
        let is_time = |filter: &Filter| {
            matches!(
                filter.test,
                Test::Days(_) | Test::Month(_) | Test::MonthName(_)
            )
        };
        let mut last = None;
        for (at, filter) in filters.iter().enumerate() {
            if !is_time(filter) {
                last = Some(at);
            }
        }
        // "What share of the laptops was sold in March": without another part, the time is it.
        if last.is_none() {
            last = filters.len().checked_sub(1);
        }
        match last.and_then(|at| filters.get_mut(at)) {
            Some(filter) => filter.part = true,
            // Of which part the share is asked was not understood: all of all is no answer.
            None if !grouped => {
                let said = self.speech.say("no_part", &[]);
                self.absent.push(said);
            }
            None => {}
        }
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
