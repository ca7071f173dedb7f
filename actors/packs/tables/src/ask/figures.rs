//! What a question measures: columns, things that stand for columns, counts, rates, and for each of what.

use std::collections::BTreeSet;

use aios_languages::{Ask, Hint, UnitName, hints};

use super::marks::What;
use super::question::{Column as Id, Measure};
use super::resolve::Reader;
use super::schema::{Column, Role};
use super::units::has_unit;

/// Things of which a table has one row each, by the names of their concepts.
pub(super) const COUNTED: [&str; 9] = [
    "order", "invoice", "customer", "employee", "student", "patient", "supplier", "event", "visits",
];
/// Whom or what a row may be of, whether or not a column says so.
pub(super) const THINGS: [&str; 9] = [
    "order", "invoice", "customer", "employee", "student", "patient", "supplier", "event",
    "product",
];
/// Things that say how something came about, and nothing that a column must hold.
const WEAK: [&str; 6] = ["sold", "spent", "employee", "event", "order", "quantity"];

impl Reader<'_> {
    /// Whether a word is what the file is called.
    pub(super) fn is_the_file(&self, at: usize) -> bool {
        let word = self
            .mark(at)
            .map(|mark| super::words::canon(self.words.text(mark.from)));
        word.is_some_and(|word| self.schema.about.contains(&word))
    }

    /// "the total budget" of `budget.csv`: what the file is called is what its only amounts are.
    pub(super) fn what_the_file_is(&self, at: usize) -> Option<Id> {
        let mut adds = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at));
        let (only, more) = (adds.next()?, adds.next());
        let thing = match self.mark(at).map(|mark| &mark.what) {
            // Of things that come about a file is not about all.
            Some(What::Concept(concept)) => {
                *concept != Self::concept("event") && self.schema.about_things.contains(concept)
            }
            _ => false,
        };
        (more.is_none() && (thing || self.is_the_file(at))).then(|| only.id.clone())
    }

    /// "went over its budget": one measure less another, where nothing else is the limit.
    pub(super) fn exceeded(&mut self, from: usize, to: usize) -> Option<(Measure, Option<String>)> {
        let at = (from..to).find(|at| {
            (self.is_ask(*at, Ask::Above) || self.is_ask(*at, Ask::Below)) && !self.is_used(*at)
        })?;
        let number = (at..to)
            .any(|at| matches!(self.mark(at).map(|mark| &mark.what), Some(What::Number(_))));
        let next = self.next(at + 1, to).filter(|_| !number)?;
        let measured = |reader: &Self, at: usize| -> Vec<usize> {
            let columns = match reader.mark(at).map(|mark| mark.what.clone()) {
                Some(What::Column(all, _)) => all,
                Some(What::Concept(concept)) => reader.schema.standing_for(concept),
                _ => Vec::new(),
            };
            let adds = |column: &usize| {
                reader
                    .column(*column)
                    .is_some_and(|column| column.role == Role::Adds)
            };
            columns.into_iter().filter(adds).collect()
        };
        let limit = measured(self, next).first().copied()?;
        let behind: Vec<usize> = (next..to)
            .filter(|at| measured(self, *at).contains(&limit))
            .collect();
        let other = (from..to).filter(|at| !behind.contains(at)).find_map(|at| {
            measured(self, at)
                .into_iter()
                .find(|column| *column != limit)
        });
        let actual = Self::concept("actual");
        let others: Vec<usize> = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter(|column| *column != limit)
            .collect();
        let named = others.iter().copied().find(|column| {
            self.column(*column)
                .is_some_and(|column| column.concepts.contains(&actual))
        });
        let only = match others.as_slice() {
            [only] => Some(*only),
            _ => None,
        };
        let one = self.column(other.or(named).or(only)?)?.id.clone();
        let two = self.column(limit)?.id.clone();
        let (one, two) = if self.is_ask(at, Ask::Above) {
            (one, two)
        } else {
            (two, one)
        };
        self.take(at);
        behind.into_iter().for_each(|at| self.take(at));
        let called = format!("{} − {}", one.name.trim(), two.name.trim());
        Some((Measure::Less(one, two), Some(called)))
    }

    pub(super) fn is_weak(&self, concept: u32) -> bool {
        WEAK.iter().any(|name| Self::concept(name) == concept)
    }

    /// Measures that the clause names, in its order, each with what people call it where that is not its name.
    pub(super) fn measures(
        &mut self,
        from: usize,
        to: usize,
        asks: &BTreeSet<Ask>,
        counted: bool,
    ) -> Vec<(Measure, Option<String>)> {
        let mut out: Vec<(Measure, Option<String>)> = Vec::new();
        let mut concepts = Vec::new();
        for at in from..to {
            if self.is_used(at) || self.is_limited(at, from, to) {
                continue;
            }
            match self.mark(at).map(|mark| mark.what.clone()) {
                Some(What::Column(all, full)) => {
                    let measures: Vec<usize> = all
                        .iter()
                        .copied()
                        .filter(|column| self.column(*column).is_some_and(Column::is_measure))
                        .collect();
                    let Some(best) = self.best_measure(&measures, asks) else {
                        continue;
                    };
                    self.take(at);
                    if measures.len() > 1 && !full {
                        self.say_ambiguous(at, &measures, best);
                    }
                    let Some(id) = self.column(best).map(|column| column.id.clone()) else {
                        continue;
                    };
                    if !out
                        .iter()
                        .any(|(known, _)| *known == Measure::Of(id.clone()))
                    {
                        out.push((Measure::Of(id), None));
                    }
                }
                // "wind speed" where the column is called `wind`.
                Some(What::Concept(concept)) if self.is_head_of_a_column(at, concept) => {
                    self.take(at)
                }
                Some(What::Concept(concept)) => concepts.push((at, concept)),
                _ => {}
            }
        }
        // Those of whom the rows tell: they are in the world, and need no column of their own.
        let mut people: Vec<usize> = Vec::new();
        // What a word means is asked only where no column is called so, weak words last.
        for weak in [false, true] {
            for (at, concept) in &concepts {
                if self.is_weak(*concept) != weak || self.is_used(*at) {
                    continue;
                }
                if weak && (!out.is_empty() || counted) {
                    // "what share of the visitors bought": who did is a part of them.
                    let chooses = asks.contains(&Ask::Share)
                        && self
                            .mark(*at)
                            .is_some_and(|mark| hints(Hint::Buying, self.words.text(mark.from)));
                    if !chooses {
                        self.take(*at);
                    }
                    continue;
                }
                if !weak
                    && self.schema.standing_for(*concept).iter().any(|column| {
                        self.column(*column)
                            .is_some_and(|column| !column.is_measure())
                    })
                    && self.concept_measure(*concept, false).is_none()
                {
                    continue;
                }
                let price = self.asks_for_price(*at, *concept, from);
                match price.or_else(|| self.concept_measure(*concept, true)) {
                    Some(found) => {
                        self.take(*at);
                        if !out.iter().any(|(known, _)| *known == found.0) {
                            out.push(found);
                        }
                    }
                    None if weak => {}
                    None if self.is_a_thing(*concept) && !self.is_asked_for(*at, from) => {
                        people.push(*at);
                    }
                    None => {
                        let name = self
                            .mark(*at)
                            .map(|mark| self.written(mark))
                            .unwrap_or_default();
                        self.take(*at);
                        // "the average grade in Maths" of `grades.csv`: what all of them are is said beside the one that is meant.
                        let of_all =
                            self.is_the_file(*at) || self.schema.about_things.contains(concept);
                        if of_all && !out.is_empty() {
                            continue;
                        }
                        if let Some(only) = self.what_the_file_is(*at) {
                            let said = self
                                .speech
                                .say("taken_for", &[("column", only.name.trim())]);
                            self.assumed.push(said);
                            if !out
                                .iter()
                                .any(|(known, _)| *known == Measure::Of(only.clone()))
                            {
                                out.push((Measure::Of(only), None));
                            }
                        } else if let Some(value) = self.worth_of_cells(*concept) {
                            let said = self.speech.say("one_kind", &[("said", &name)]);
                            self.assume(said);
                            out.push((Measure::Of(value), None));
                        } else if !self.is_a_rate_of(*at, from, to)
                            && !self.is_spent_on(*concept, &name.to_lowercase(), &out)
                        {
                            self.say_absent(&name);
                        }
                    }
                }
            }
        }
        // "minutes practised", "how many kg": a hint is taken where nothing is named.
        if out.is_empty() && !counted {
            let hint = (from..to).find_map(|at| {
                let What::Kin(all) = &self.mark(at)?.what else {
                    return None;
                };
                let measures: Vec<usize> = all
                    .iter()
                    .copied()
                    .filter(|column| self.column(*column).is_some_and(Column::is_measure))
                    .collect();
                let [only] = measures.as_slice() else {
                    return None;
                };
                (!self.is_used(at) && !self.is_limited(at, from, to)).then_some((at, *only))
            });
            if let Some((at, only)) = hint
                && let Some(id) = self.column(only).map(|column| column.id.clone())
            {
                self.take(at);
                let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
                self.assume(said);
                out.push((Measure::Of(id), None));
            }
        }
        for at in people {
            if out.is_empty() {
                let name = self
                    .mark(at)
                    .map(|mark| self.written(mark))
                    .unwrap_or_default();
                // What is only named besides is absent where nothing else is asked for.
                if !counted && !self.ranks(from, to) && !self.has_conditions(from, to) {
                    self.say_absent(&name);
                }
            }
            self.take(at);
        }
        out
    }

    fn ranks(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            matches!(
                self.mark(at).map(|mark| &mark.what),
                Some(What::Superlative(..) | What::Ask(Ask::First | Ask::Last))
            )
        })
    }

    fn has_conditions(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.is_used(at)
                && matches!(
                    self.mark(at).map(|mark| &mark.what),
                    Some(What::Value(..) | What::Column(..) | What::Period(_))
                )
        })
    }

    /// Whether a concept is of those who buy, work, study: whoever a row may be of.
    pub(super) fn is_a_thing(&self, concept: u32) -> bool {
        THINGS.iter().any(|name| Self::concept(name) == concept)
    }

    /// Whether a thing is what is asked for: "which customer", "per customer", "how many customers".
    fn is_asked_for(&self, at: usize, from: usize) -> bool {
        self.previous(from, at).is_some_and(|before| {
            // "What did customers spend" asks for no customers.
            let apart = before + 1 < at
                && [Ask::Which, Ask::Who]
                    .into_iter()
                    .any(|ask| self.is_ask(before, ask));
            !apart
                && [
                    Ask::Per,
                    Ask::Which,
                    Ask::Who,
                    Ask::Count,
                    Ask::Distinct,
                    Ask::Highest,
                    Ask::Lowest,
                    Ask::Top,
                    Ask::Bottom,
                    Ask::Mean,
                ]
                .into_iter()
                .any(|ask| self.is_ask(before, ask))
        })
    }

    /// The only column that is counted in units of time.
    fn only_lasting(&self) -> Option<Id> {
        // How long somebody has been there is told by the day on which that began.
        let began = self.schema.columns.iter().any(|column| {
            column.is_time() && column.words.iter().any(|word| hints(Hint::Beginning, word))
        });
        let mut lasting = self.schema.columns.iter().filter(|column| {
            // Hours per week last no time.
            let rate = column.words.iter().any(|word| hints(Hint::Dividing, word));
            column.is_measure()
                && !rate
                && !began
                && [
                    UnitName::Day,
                    UnitName::Hour,
                    UnitName::Minute,
                    UnitName::Week,
                ]
                .into_iter()
                .any(|unit| has_unit(column, unit))
        });
        let only = lasting.next()?.id.clone();
        lasting.next().is_none().then_some(only)
    }

    /// The only column that is measured in a unit of a quantity.
    fn only_in_unit(&self, concept: u32) -> Option<Id> {
        let units = Self::units_for(concept);
        let mut columns = self.schema.columns.iter().filter(|column| {
            column.is_measure() && units.iter().any(|unit| has_unit(column, *unit))
        });
        let only = columns.next()?.id.clone();
        columns.next().is_none().then_some(only)
    }

    /// Units in which a quantity is measured.
    fn units_for(concept: u32) -> &'static [UnitName] {
        if Self::concept("temperature") == concept {
            &[UnitName::Celsius, UnitName::Fahrenheit, UnitName::Degree]
        } else if Self::concept("weight") == concept {
            &[UnitName::Kilogram, UnitName::Gram, UnitName::Tonne]
        } else if Self::concept("distance") == concept {
            &[UnitName::Kilometre, UnitName::Mile]
        } else {
            &[]
        }
    }

    /// Whether a word that says what a quantity is stands right behind the column that it is of.
    pub(super) fn is_head_of_a_column(&self, at: usize, concept: u32) -> bool {
        const HEADS: [&str; 10] = [
            "rating",
            "visits",
            "speed",
            "amount",
            "quantity",
            "duration",
            "weight",
            "height",
            "distance",
            "temperature",
        ];
        let head = HEADS.iter().any(|name| Self::concept(name) == concept);
        let measure = at
            .checked_sub(1)
            .and_then(|before| self.mark(before))
            .is_some_and(|mark| {
                // "the midnight temperature" of `Midnight °C`
                matches!(&mark.what, What::Column(all, whole) if all.iter().any(|column| {
                    self.column(*column).is_some_and(|column| {
                        column.is_measure()
                            && (*whole
                                || Self::units_for(concept)
                                    .iter()
                                    .any(|unit| has_unit(column, *unit)))
                    })
                }))
            });
        head && measure && self.schema.standing_for(concept).is_empty()
    }

    /// Whether a column stands beside a limit and is what is limited: "price over 100", "more than 10 units".
    pub(super) fn is_limited(&self, at: usize, from: usize, to: usize) -> bool {
        let limit = |at: usize| {
            [
                Ask::Above,
                Ask::Below,
                Ask::AtLeast,
                Ask::AtMost,
                Ask::Between,
            ]
            .into_iter()
            .any(|ask| self.is_ask(at, ask))
        };
        let number =
            |at: usize| matches!(self.mark(at).map(|mark| &mark.what), Some(What::Number(_)));
        // Behind the number, or behind its unit: "more than 10 minutes late".
        let unit = |at: usize| matches!(self.mark(at).map(|mark| &mark.what), Some(What::Unit(_)));
        let before = match self.previous(from, at) {
            Some(before) if unit(before) => self.previous(from, before),
            before => before,
        };
        let unit_or_number = before.is_some_and(number);
        if unit_or_number
            && let Some(number_at) = before
            && self.previous(from, number_at).is_some_and(limit)
        {
            return true;
        }
        // Before the limit, where another measure is asked for.
        let next = self.next(at + 1, to);
        let ahead =
            next.is_some_and(|next| limit(next) && self.next(next + 1, to).is_some_and(number));
        let others = (from..to).any(|other| {
            other != at
                && !self.is_used(other)
                && matches!(&self.mark(other).map(|mark| mark.what.clone()), Some(What::Column(all, _)) if all.iter().any(|column| self.column(*column).is_some_and(Column::is_measure)))
        });
        let counts = (from..to).any(|at| {
            self.is_ask(at, Ask::Count)
                || self.is_ask(at, Ask::Share)
                || self.is_ask(at, Ask::List)
                || self.is_ask(at, Ask::Which)
        });
        ahead && (others || counts)
    }

    /// Of several columns with the word the one that fits what is asked.
    pub(super) fn best_measure(&self, columns: &[usize], asks: &BTreeSet<Ask>) -> Option<usize> {
        let rates = asks.contains(&Ask::Mean) || asks.contains(&Ask::Median);
        columns.iter().copied().min_by_key(|column| {
            let known = self.column(*column);
            let role = known.map(|column| column.role);
            let words = known.map_or(9, |column| column.core().len());
            // Sums are asked of what adds up.
            (words, (role == Some(Role::Rates)) != rates && words > 1)
        })
    }

    pub(super) fn say_ambiguous(&mut self, at: usize, columns: &[usize], best: usize) {
        let names: Vec<String> = columns
            .iter()
            .filter_map(|column| self.column(*column))
            .map(|column| column.id.name.clone())
            .collect();
        let said = self
            .mark(at)
            .map(|mark| self.written(mark))
            .unwrap_or_default();
        let column = self
            .column(best)
            .map(|column| column.id.name.clone())
            .unwrap_or_default();
        let told = self.speech.say(
            "several_columns",
            &[
                ("said", &said),
                ("columns", &names.join(", ")),
                ("column", &column),
            ],
        );
        self.assumed.push(told);
    }

    /// The one column of amounts, which stands for revenue or cost where the table does not say which; never for a profit.
    pub(super) fn generic(&self, concept: u32) -> Option<usize> {
        let plain = [
            "revenue", "sold", "spent", "cost", "order", "invoice", "salary", "amount",
        ];
        if !plain.iter().any(|name| Self::concept(name) == concept) {
            return None;
        }
        let amount = Self::concept("amount");
        let named: Vec<usize> = self
            .schema
            .standing_for(amount)
            .into_iter()
            .filter(|column| {
                self.column(*column).is_some_and(|column| {
                    let cells = self.schema.value.as_ref() == Some(&column.id);
                    column.role == Role::Adds && !(cells && self.is_counted_otherwise())
                })
            })
            .collect();
        match named.as_slice() {
            [only] => Some(*only),
            [] => self.only_money(),
            _ => None,
        }
    }

    /// A column in the place of what was asked for; `aloud` says so.
    fn taken_for(&mut self, column: Id, aloud: bool) -> (Measure, Option<String>) {
        if aloud {
            let named = [("column", column.name.trim())];
            let said = self.speech.say("taken_for", &named);
            self.assume(said);
        }
        (Measure::Of(column), None)
    }

    /// What a thing is measured by. `aloud` says what was assumed.
    pub(super) fn concept_measure(
        &mut self,
        concept: u32,
        aloud: bool,
    ) -> Option<(Measure, Option<String>)> {
        let measures = |reader: &Self, concept: u32| -> Vec<usize> {
            reader
                .schema
                .standing_for(concept)
                .into_iter()
                .filter(|column| reader.column(*column).is_some_and(Column::is_measure))
                .collect()
        };
        let id =
            |reader: &Self, column: usize| reader.column(column).map(|column| column.id.clone());
        let found = measures(self, concept);
        if let Some(best) = self.best_measure(&found, &BTreeSet::new()) {
            let column = id(self, best)?;
            return Some(self.taken_for(column, aloud));
        }
        let is = |name: &str| Self::concept(name) == concept;
        let of = |reader: &Self, name: &str| {
            let mut all = measures(reader, Self::concept(name));
            // A unit price is no quantity.
            if name == "quantity" {
                let prices = measures(reader, Self::concept("price"));
                all.retain(|column| !prices.contains(column));
            }
            match all.as_slice() {
                [only] => id(reader, *only),
                _ => None,
            }
        };
        if (is("sold") || is("revenue"))
            && let Some(column) =
                of(self, "revenue").or_else(|| is("sold").then(|| of(self, "quantity")).flatten())
        {
            return Some((Measure::Of(column), None));
        }
        if is("spent")
            && let Some(column) = of(self, "cost")
        {
            return Some((Measure::Of(column), None));
        }
        if let Some(column) = self.generic(concept).and_then(|column| id(self, column)) {
            return Some(self.taken_for(column, aloud));
        }
        if is("sold")
            && let Some(column) = of(self, "quantity")
        {
            return Some((Measure::Of(column), None));
        }
        if ["spent", "salary", "revenue", "cost"].into_iter().any(is)
            && let Some(column) = self.paid_per_time()
        {
            return Some(self.taken_for(column, aloud));
        }
        if ["revenue", "sold", "spent", "salary", "amount"]
            .into_iter()
            .any(is)
            && let Some(price) = of(self, "price")
            && self.paid_each_time(&price)
        {
            return Some(self.taken_for(price, aloud));
        }
        // "money": of what was sold, where no column holds amounts.
        let money = is("revenue") || is("sold") || is("spent") || is("cost") || is("amount");
        if money
            && let Some(price) = of(self, "price")
            && let Some(quantity) = if is("sold") {
                of(self, "quantity")
            } else {
                self.quantity_beside(&price)
            }
        {
            if aloud {
                let said = self.speech.say(
                    "product",
                    &[("one", price.name.trim()), ("other", quantity.name.trim())],
                );
                self.assumed.push(said);
            }
            let called = format!("{} × {}", price.name.trim(), quantity.name.trim());
            return Some((self.priced(price, quantity)?, Some(called)));
        }
        if is("worth")
            && let Some(price) = of(self, "price")
            && let Some(quantity) = self.quantity().and_then(|column| id(self, column))
        {
            let said = self.speech.say(
                "product",
                &[("one", price.name.trim()), ("other", quantity.name.trim())],
            );
            self.assume(said);
            let called = format!("{} × {}", price.name.trim(), quantity.name.trim());
            return Some((self.priced(price, quantity)?, Some(called)));
        }
        if is("cost")
            && let Some(column) = of(self, "spent")
                .or_else(|| of(self, "price"))
                .or_else(|| of(self, "actual"))
        {
            return Some(self.taken_for(column, aloud));
        }
        // "how many pieces are there" of what is in stock
        if is("quantity")
            && let Some(column) = of(self, "stock")
        {
            return Some(self.taken_for(column, aloud));
        }
        if is("rating")
            && let Some(column) = of(self, "goals").or_else(|| of(self, "points"))
        {
            return Some((Measure::Of(column), None));
        }
        if is("harvest")
            && let Some(column) = of(self, "weight")
        {
            return Some((Measure::Of(column), None));
        }
        // "the average length of a hire" of a column of days
        if is("duration")
            && let Some(column) = self.only_lasting()
        {
            return Some((Measure::Of(column), None));
        }
        if is("occurrence") {
            return Some((Measure::Rows, None));
        }
        // "the lowest morning temperature" of `Morning °C`: the only column in a unit of it.
        if let Some(column) = self.only_in_unit(concept) {
            return Some(self.taken_for(column, aloud));
        }
        // "earn the most": of what was taken in, each at its price.
        if (is("spent") || is("salary"))
            && let Some(column) = of(self, "price")
        {
            return Some((Measure::Of(column), None));
        }
        if is("profit")
            && let (Some(revenue), Some(cost)) = (of(self, "revenue"), of(self, "cost"))
        {
            if aloud {
                let said = self.speech.say(
                    "less",
                    &[("one", revenue.name.trim()), ("other", cost.name.trim())],
                );
                self.assumed.push(said);
            }
            let called = format!("{} − {}", revenue.name.trim(), cost.name.trim());
            return Some((Measure::Less(revenue, cost), Some(called)));
        }
        None
    }
}
