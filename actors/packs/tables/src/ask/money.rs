//! What costs and brings in: prices, amounts, and how many there are of what has a price.

use aios_languages::{Hint, UnitName, hints};

use super::question::{Column as Id, Filter, Measure, Test};
use super::resolve::Reader;
use super::schema::{Column, Role};
use super::units::has_unit;

impl Reader<'_> {
    /// "what does a desk cost": one of them, at its price.
    pub(super) fn asks_for_price(
        &mut self,
        at: usize,
        concept: u32,
        from: usize,
    ) -> Option<(Measure, Option<String>)> {
        let word = self.mark(at)?.from;
        let verb = match self.words.text(word) {
            "cost" => (from..at).any(|at| {
                self.mark(at)
                    .is_some_and(|mark| ["do", "does"].contains(&self.words.text(mark.from)))
            }),
            text => ["costs", "kostet", "coute", "cuesta"].contains(&text),
        };
        let prices = self.schema.standing_for(Self::concept("price"));
        let mut prices = prices
            .into_iter()
            .filter(|column| self.column(*column).is_some_and(Column::is_measure));
        let only = prices.next().filter(|_| prices.next().is_none())?;
        if concept != Self::concept("cost")
            || !verb
            || !self.schema.standing_for(concept).is_empty()
        {
            return None;
        }
        let id = self.column(only)?.id.clone();
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some((Measure::Of(id), None))
    }

    /// "the water cost" of a table whose columns became rows: what its cells hold.
    pub(super) fn worth_of_cells(&self, concept: u32) -> Option<Id> {
        let money = ["cost", "spent", "revenue", "amount"];
        (!self.is_counted_otherwise() && money.iter().any(|name| Self::concept(name) == concept))
            .then(|| self.schema.value.clone())
            .flatten()
    }

    /// Whether a file's name or title tells a unit that is no money: kilowatt hours are worth something, and are not what is paid.
    pub(super) fn is_counted_otherwise(&self) -> bool {
        let mut about = self.schema.about.iter();
        about.any(|word| {
            super::units::is_physical(word) || super::contradicted::is_of_a_measure(word)
        })
    }

    /// "how much did heating cost": where what is named is a column of amounts, such a word adds nothing.
    pub(super) fn is_spent_on(
        &self,
        concept: u32,
        said: &str,
        named: &[(Measure, Option<String>)],
    ) -> bool {
        let spent = ["cost", "spent", "amount"];
        let amounts = |id: &Id| {
            self.schema.columns.iter().any(|column| {
                column.id == *id
                    && column.role == Role::Adds
                    && (!column.whole || column.id.unit.is_some())
            }) && !self.is_of_a_measure(id)
        };
        // "received the most money": of what is named the money is.
        let money = ["revenue", "amount"]
            .iter()
            .any(|name| Self::concept(name) == concept)
            && matches!(named, [(Measure::Of(id), _)] if self.schema.columns.iter().any(|column| {
                column.id == *id && column.role == Role::Adds
            }));
        if money && ["money", "geld", "argent", "dinero"].contains(&said) {
            return true;
        }
        spent.iter().any(|name| Self::concept(name) == concept)
            && matches!(named, [(Measure::Of(id), _)] if amounts(id))
    }

    /// Whether a column holds money, by its unit or the end of its name.
    pub(super) fn is_money(&self, at: usize) -> bool {
        const MONEY: [&str; 14] = [
            "eur", "usd", "gbp", "chf", "sek", "nok", "dkk", "jpy", "inr", "keur", "musd", "meur",
            "kusd", "rs",
        ];
        let money = |column: &Column| {
            let unit = column.id.unit.as_deref().map(aios_languages::fold);
            unit.is_some_and(|unit| {
                MONEY.contains(&unit.as_str()) || ["$", "€", "£"].contains(&unit.as_str())
            }) || super::words::spaced(&column.id.name)
                .last()
                .is_some_and(|word| MONEY.contains(&word.text.as_str()))
        };
        self.column(at).is_some_and(money)
    }

    /// The only column of money, by its unit or the end of its name: `box_office_musd`.
    pub(super) fn only_money(&self) -> Option<usize> {
        let mut all = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter(|at| self.is_money(*at));
        let only = all.next();
        only.filter(|_| all.next().is_none())
    }

    /// "takings by tool" of hires with a price each: what was taken in is the sum of what was paid, where each row is one sale. Of a list of
    /// prices, which has a row for each thing that can be bought, nothing was.
    pub(super) fn paid_each_time(&mut self, price: &Id) -> bool {
        let several = self.schema.columns.iter().any(|column| {
            column.id.table == price.table
                && (column.role == Role::Date
                    || column.role == Role::Groups && column.distinct < column.rows)
        });
        // "90 per night" is paid for each night, however many a row is of; asked "per month", it is the sum of what each pays.
        let per = is_per_time(&price.name) && !self.says_per(0, self.marks.all.len());
        let paid = several && !per && self.quantity_beside(price).is_none();
        if paid && !self.summed.contains(price) {
            self.summed.push(price.clone());
        }
        paid
    }

    /// "how much do they pay per month" of a column `Fee per month`: what each pays in that time, added up.
    pub(super) fn paid_per_time(&mut self) -> Option<Id> {
        let amount = Self::concept("amount");
        let mut all = self
            .schema
            .columns
            .iter()
            .filter(|column| column.is_measure() && column.concepts.contains(&amount));
        let only = all.next().filter(|_| all.next().is_none())?;
        let id = Some(only.id.clone()).filter(|id| is_per_time(&id.name))?;
        if !self.says_per(0, self.marks.all.len()) {
            return None;
        }
        if !self.summed.contains(&id) {
            self.summed.push(id.clone());
        }
        Some(id)
    }

    /// The side of the money that a clause speaks of, with the word that does, where no condition is set on that column.
    pub(super) fn one_side(
        &self,
        from: usize,
        to: usize,
        filters: &[Filter],
    ) -> Option<(Filter, String)> {
        (from..to).find_map(|at| {
            let mark = self.mark(at)?;
            let super::marks::What::Concept(concept) = mark.what else {
                return None;
            };
            let side = self.side_of_money(concept)?;
            let known = filters.iter().any(|filter| filter.column == side.column);
            (!known).then(|| (side, self.written(mark)))
        })
    }

    /// "how much did we spend" of rows of income and of expenses: whichever of the two is meant, where a column tells them apart.
    pub(super) fn side_of_money(&self, concept: u32) -> Option<Filter> {
        const OUT: [&str; 2] = ["cost", "spent"];
        const IN: [&str; 1] = ["revenue"];
        let is =
            |names: &[&str], concept: u32| names.iter().any(|name| Self::concept(name) == concept);
        let (own, other): (&[&str], &[&str]) = if is(&OUT, concept) {
            (&OUT, &IN)
        } else if is(&IN, concept) {
            (&IN, &OUT)
        } else {
            return None;
        };
        let of = |value: &str, names: &[&str]| {
            let said = aios_languages::folded(value);
            let mut all = aios_languages::all_asks().iter();
            all.any(|asks| {
                asks.concepts(&said)
                    .into_iter()
                    .any(|found| is(names, found))
            })
        };
        let mut sides = self.schema.columns.iter().filter_map(|column| {
            let mut owned = column.few.iter().filter(|value| of(value, own));
            let value = owned.next().filter(|_| owned.next().is_none())?;
            column
                .few
                .iter()
                .any(|value| of(value, other))
                .then(|| Filter {
                    column: column.id.clone(),
                    test: Test::In(vec![value.clone()]),
                    not: false,
                    part: false,
                })
        });
        sides.next().filter(|_| sides.next().is_none())
    }

    /// A price times what it is of. A price for a hundred grams is told of so many of them, and one for a kilogram of no pieces.
    pub(super) fn priced(&mut self, price: Id, quantity: Id) -> Option<Measure> {
        let Some((_, over, each)) = super::rates::per_of(&price.name) else {
            return Some(Measure::Product(price, quantity));
        };
        let unit = super::units::units_of(&over).into_iter().next();
        let physical = super::units::is_physical(&over) || unit_written(&over);
        let column = self
            .schema
            .columns
            .iter()
            .find(|known| known.id == quantity)?;
        let fits = unit.is_some_and(|unit| has_unit(column, unit))
            || column
                .id
                .unit
                .as_deref()
                .is_some_and(|unit| super::rates::is_called(unit, &over))
            || column
                .words
                .iter()
                .any(|word| super::rates::is_called(word, &over));
        match (fits, physical) {
            (false, true) => None,
            (true, _) if each > 1 => Some(Measure::Rated(price, quantity, each)),
            (false, false) if each > 1 => None,
            _ => Some(Measure::Product(price, quantity)),
        }
    }

    /// How many there are of what has a price.
    pub(super) fn quantity_beside(&self, price: &Id) -> Option<Id> {
        let quantity = Self::concept("quantity");
        let named: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| {
                column.role == Role::Adds
                    && column.concepts.contains(&quantity)
                    && column.id != *price
            })
            .collect();
        // The price of a hire of five days is no price of a day, unless it is called so.
        let per = super::words::spaced(&price.name)
            .iter()
            .any(|word| hints(Hint::Dividing, &word.text));
        let counts = |column: &Column| {
            per || ![
                UnitName::Day,
                UnitName::Hour,
                UnitName::Minute,
                UnitName::Week,
            ]
            .into_iter()
            .any(|unit| has_unit(column, unit))
        };
        match named.as_slice() {
            [only] => Some(only.id.clone()),
            [] => self
                .quantity()
                .and_then(|column| self.column(column))
                .filter(|column| counts(column))
                .map(|column| column.id.clone())
                .filter(|id| id != price),
            _ => None,
        }
    }
}

/// Whether a column's name says that it holds an amount for so much time: `Fee per month`, `Rate per night`.
fn is_per_time(name: &str) -> bool {
    let words = super::words::spaced(name);
    words.windows(2).any(|two| {
        hints(Hint::Dividing, &two[0].text)
            && (hints(Hint::Nights, &two[1].text) || is_a_period(&two[1].text))
    })
}

/// Whether a word is one of a period, in any language.
fn is_a_period(word: &str) -> bool {
    aios_languages::all_asks().iter().any(|asks| {
        asks.find(&aios_languages::folded(word)).iter().any(|found| {
            matches!(found.asking, aios_languages::Asking::Ask(ask) if super::period::grain_of(ask).is_some())
                || found.asking == aios_languages::Asking::Ask(aios_languages::Ask::Hour)
        })
    })
}

/// Whether a word of a heading is how a unit is written.
fn unit_written(word: &str) -> bool {
    ["kg", "g", "l", "ml", "km", "m", "t", "kwh", "ha"].contains(&word)
}
