//! Limits on numbers: "over 100", "between 10 and 20", "level 3".

use aios_languages::{Ask, UnitName, compared_by};

use super::clause::is_filler;
use super::figures::THINGS;
use super::marks::What;
use super::question::{Column as Id, Filter, Group, Measure, Test};
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};
use super::units::{has_unit, is_money};

impl Reader<'_> {
    /// Whether a mark names rows and no column that is measured.
    fn is_rows(&self, at: usize) -> bool {
        match self.mark(at).map(|mark| &mark.what) {
            Some(What::File | What::Ask(Ask::Rows)) => true,
            Some(What::Concept(concept)) => {
                THINGS.iter().any(|name| Self::concept(name) == *concept)
                    && self.measured(at).is_empty()
            }
            _ => false,
        }
    }

    /// "which regions have more than 100 orders": what the rows of a group must count.
    pub(super) fn limit_of_groups(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        groups: &[Group],
    ) -> Option<Test> {
        if groups.is_empty()
            || asks.has(Ask::Count)
            || !asks.any(&[Ask::Which, Ask::Who, Ask::List])
        {
            return None;
        }
        self.limit_of_rows(from, to)
    }

    /// "more than 100 orders": how many rows there must be.
    pub(super) fn limit_of_rows(&mut self, from: usize, to: usize) -> Option<Test> {
        for at in from..to {
            let Some((ask, end)) = self.limit_at(at, from, to) else {
                continue;
            };
            let Some(What::Number(number)) = self.mark(end).map(|mark| mark.what.clone()) else {
                continue;
            };
            // "more than 12 times", "more than twice"
            let times = |at: usize| {
                self.mark(at).is_some_and(|mark| {
                    ["times", "mal", "fois", "veces"].contains(&self.words.text(mark.from))
                })
            };
            let twice = self
                .mark(end)
                .is_some_and(|mark| self.words.text(mark.from) == "twice");
            let things = self
                .next(end + 1, to)
                .filter(|next| *next <= end + 2 && (self.is_rows(*next) || times(*next)));
            let Some(things) = things.or(twice.then_some(end)) else {
                continue;
            };
            let test = match ask {
                Ask::Above => Test::Above(number.value, false),
                Ask::AtLeast => Test::Above(number.value, true),
                Ask::Below => Test::Below(number.value, false),
                Ask::AtMost => Test::Below(number.value, true),
                _ => continue,
            };
            for at in [at, end, things] {
                self.take(at);
            }
            return Some(test);
        }
        None
    }

    /// Limits on numbers: "over 100", "between 10 and 20", ">= 5".
    pub(super) fn limits(
        &mut self,
        from: usize,
        to: usize,
        subject: Option<&Measure>,
    ) -> Vec<(Id, Test)> {
        let mut out = Vec::new();
        // "under 2 or over 5 nights": of what the first limit is stands behind the last.
        let mut open: Option<(usize, usize, Test)> = None;
        let mut at = from;
        while at < to {
            let Some((ask, end)) = self.limit_at(at, from, to) else {
                at += 1;
                continue;
            };
            let Some(What::Number(first)) = self.mark(end).map(|mark| mark.what.clone()) else {
                at += 1;
                continue;
            };
            // "more than twice" says how often, and limits no column.
            if self
                .mark(end)
                .is_some_and(|mark| self.words.text(mark.from) == "twice")
            {
                at += 1;
                continue;
            }
            let mut last = end;
            let test = match ask {
                Ask::Above => Test::Above(first.value, false),
                Ask::AtLeast => Test::Above(first.value, true),
                Ask::Below => Test::Below(first.value, false),
                Ask::AtMost => Test::Below(first.value, true),
                Ask::Between => {
                    let second =
                        (end + 1..to.min(end + 5)).find_map(|at| match self.mark(at)?.what {
                            What::Number(number) => Some((at, number.value)),
                            _ => None,
                        });
                    let Some((place, second)) = second else {
                        at += 1;
                        continue;
                    };
                    self.take(place);
                    last = place;
                    Test::Between(first.value.min(second), first.value.max(second))
                }
                _ => Test::Number(first.value),
            };
            let unit = (last + 1..to.min(last + 2)).find_map(|at| match self.mark(at)?.what {
                What::Unit(unit) => Some((at, unit)),
                _ => None,
            });
            let behind = unit.map_or(last, |(at, _)| at);
            let of_unit = unit.and_then(|(_, unit)| unit);
            if let Some((column, test)) = self.of_a_year(at, &test) {
                (at..=last).for_each(|at| self.take(at));
                out.push((column, test));
                at = last + 1;
                continue;
            }
            let by_unit = unit
                .filter(|_| of_unit.is_none())
                .and_then(|(at, _)| self.measured_in(at));
            let limited = by_unit.or_else(|| self.limited(at, from, behind, to, of_unit, subject));
            if let Some(column) = limited {
                let column = self.within_reach(column, &test, subject);
                let test = match of_unit.and_then(|unit| self.in_unit_of(&column, unit)) {
                    Some(factor) => scaled(test, factor),
                    None => test,
                };
                for place in at..=behind {
                    let words = self.mark(place).is_some_and(|mark| {
                        is_filler(mark)
                            || matches!(
                                mark.what,
                                What::Unit(_)
                                    | What::Number(_)
                                    | What::Column(..)
                                    | What::Concept(_)
                            )
                            || matches!(
                                mark.what,
                                What::Ask(
                                    Ask::Above
                                        | Ask::Below
                                        | Ask::AtLeast
                                        | Ask::AtMost
                                        | Ask::Between
                                        | Ask::Exactly
                                )
                            )
                    });
                    if words {
                        self.take(place);
                    }
                }
                // "were absent more than 5 days" of `absent_days`
                for beside in [self.previous(from, at), self.next(behind + 1, to)]
                    .into_iter()
                    .flatten()
                {
                    let names = self
                        .measured(beside)
                        .iter()
                        .any(|at| self.column(*at).is_some_and(|known| known.id == column));
                    // "plants that cost less than 5 euros"
                    let costs = matches!(self.mark(beside).map(|mark| &mark.what), Some(What::Concept(concept)) if *concept == Self::concept("cost") && self.schema.standing_for(*concept).is_empty())
                        && self.schema.columns.iter().any(|known| {
                            known.id == column
                                && ["price", "rent"]
                                    .iter()
                                    .any(|name| known.concepts.contains(&Self::concept(name)))
                        });
                    if names || costs {
                        self.take(beside);
                    }
                }
                // "or more" behind it, or behind what is limited: "4 stars or more"
                let more = if self.is_used(behind + 1) && !self.measured(behind + 1).is_empty() {
                    behind + 2
                } else {
                    behind + 1
                };
                if self.is_ask(more, Ask::AtLeast) || self.is_ask(more, Ask::AtMost) {
                    self.take(more);
                }
                if let Some((first, last, test)) = open.take() {
                    (first..=last).for_each(|at| self.take(at));
                    out.push((column.clone(), test));
                }
                out.push((column, test));
            } else if self.is_ask(behind + 1, Ask::Or) || self.is_ask(behind + 1, Ask::And) {
                open = Some((at, behind, test));
            }
            at = behind + 1;
        }
        out
    }

    /// "months that ended in the red", "negative entries": of what lies on either side of nothing the one side. Which column is meant is said by
    /// its name, or by that there is only one with both.
    pub(super) fn signs(&mut self, from: usize, to: usize, out: &mut Vec<Filter>) {
        for at in from..to {
            let below = self.is_ask(at, Ask::BelowZero);
            if !below && !self.is_ask(at, Ask::AboveZero) {
                continue;
            }
            let both = |column: &Column| {
                column.is_measure()
                    && column.least.is_some_and(|least| least < 0.0)
                    && column.most.is_some_and(|most| most > 0.0)
            };
            let named = (from..to).find_map(|at| {
                self.measured(at)
                    .into_iter()
                    .find(|at| self.column(*at).is_some_and(both))
            });
            let mut all = self.schema.columns.iter().filter(|column| both(column));
            let only = all.next().filter(|_| all.next().is_none());
            let Some(id) = named
                .and_then(|at| self.column(at))
                .or(only)
                .map(|column| column.id.clone())
            else {
                continue;
            };
            self.take(at);
            if named.is_none() {
                let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
                self.assume(said);
            }
            out.push(Filter {
                column: id,
                test: if below {
                    Test::Below(0.0, false)
                } else {
                    Test::Above(0.0, false)
                },
                not: false,
                part: false,
            });
        }
    }

    /// "cars older than 2015": of an earlier year, where the table holds years and no ages.
    fn of_a_year(&self, at: usize, test: &Test) -> Option<(Id, Test)> {
        let text = self.mark(at).map_or("", |mark| self.words.text(mark.from));
        let older = ["older", "alter"].contains(&text);
        let (Test::Above(year, _) | Test::Below(year, _)) = *test else {
            return None;
        };
        if !older && !["newer", "younger", "junger"].contains(&text)
            || !(1800.0..=2100.0).contains(&year)
        {
            return None;
        }
        let mut years = self.schema.of_role(|role| role == Role::Year);
        let only = years.next().filter(|_| years.next().is_none())?;
        let id = self.column(only)?.id.clone();
        let test = if older {
            Test::Below(year, false)
        } else {
            Test::Above(year, false)
        };
        Some((id, test))
    }

    /// "days below zero": of several columns the only one between whose ends the number lies; that one was chosen is said.
    fn only_in_reach(&mut self, at: usize, behind: usize, measures: &[usize]) -> Option<Id> {
        let number = (at..=behind).find_map(|at| match self.mark(at)?.what {
            What::Number(number) => Some((at, number.value)),
            _ => None,
        });
        let (place, number) = number?;
        let mut reach = measures.iter().copied().filter(|column| {
            self.column(*column).is_some_and(|column| {
                column.least.is_some_and(|least| least < number)
                    && column.most.is_some_and(|most| number < most)
            })
        });
        let only = reach.next().filter(|_| reach.next().is_none())?;
        self.say_ambiguous(place, measures, only);
        self.column(only).map(|column| column.id.clone())
    }

    /// The only column that is measured in the unit that stands here.
    fn measured_in(&self, at: usize) -> Option<Id> {
        let text = self.words.text(self.mark(at)?.from);
        let mut columns = self.schema.columns.iter().filter(|column| {
            column.is_measure()
                && column
                    .id
                    .unit
                    .as_deref()
                    .is_some_and(|unit| aios_languages::fold(unit) == text)
        });
        let only = columns.next()?;
        columns.next().is_none().then(|| only.id.clone())
    }

    /// "the salary of people over 40": a number that lies far from all that a column holds limits another one, where only one can be meant.
    fn within_reach(&mut self, column: Id, test: &Test, subject: Option<&Measure>) -> Id {
        let (Test::Above(number, _) | Test::Below(number, _) | Test::Number(number)) = *test else {
            return column;
        };
        let holds = |column: &Column| {
            column.least.is_some_and(|least| least <= number)
                && column.most.is_some_and(|most| number <= most)
        };
        let of_subject = subject == Some(&Measure::Of(column.clone()));
        let known = self.schema.columns.iter().find(|known| known.id == column);
        if !of_subject || known.is_none_or(holds) {
            return column;
        }
        let mut others =
            self.schema.columns.iter().filter(|other| {
                other.id.table == column.table && other.is_measure() && holds(other)
            });
        let other = others.next().map(|other| other.id.clone());
        match other.filter(|_| others.next().is_none()) {
            Some(other) => {
                let said = self
                    .speech
                    .say("taken_for", &[("column", other.name.trim())]);
                self.assume(said);
                other
            }
            None => column,
        }
    }

    /// How many of a column's unit one of another unit is: "longer than 2 hours" of minutes.
    fn in_unit_of(&self, column: &Id, unit: UnitName) -> Option<f64> {
        const ALIKE: [&[(UnitName, f64)]; 4] = [
            &[
                (UnitName::Second, 1.0),
                (UnitName::Minute, 60.0),
                (UnitName::Hour, 3_600.0),
                (UnitName::Day, 86_400.0),
            ],
            &[
                (UnitName::Gram, 1.0),
                (UnitName::Kilogram, 1_000.0),
                (UnitName::Tonne, 1e6),
            ],
            &[
                (UnitName::Millimetre, 1.0),
                (UnitName::Centimetre, 10.0),
                (UnitName::Metre, 1_000.0),
                (UnitName::Kilometre, 1e6),
            ],
            &[(UnitName::Millilitre, 1.0), (UnitName::Litre, 1_000.0)],
        ];
        let known = self
            .schema
            .columns
            .iter()
            .find(|known| known.id == *column)?;
        if has_unit(known, unit) {
            return None;
        }
        let alike = ALIKE
            .into_iter()
            .find(|alike| alike.iter().any(|(other, _)| *other == unit))?;
        let of = |unit: UnitName| alike.iter().find(|(other, _)| *other == unit);
        let own = alike.iter().find(|(other, _)| has_unit(known, *other))?;
        Some(of(unit)?.1 / own.1)
    }

    /// A limit that begins here: which, and at which mark its number stands.
    pub(super) fn limit_at(&self, at: usize, from: usize, to: usize) -> Option<(Ask, usize)> {
        let mark = self.mark(at)?;
        if let What::Ask(ask) = mark.what
            && matches!(
                ask,
                Ask::Above | Ask::Below | Ask::AtLeast | Ask::AtMost | Ask::Between | Ask::Exactly
            )
        {
            let number = (at + 1..to.min(at + 4)).find(|at| {
                matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Number(_)))
            })?;
            let between = (at + 1..number).all(|at| {
                self.mark(at)
                    .is_some_and(|mark| is_filler(mark) || matches!(mark.what, What::Unit(_)))
            });
            return (between && !self.spans_periods(number, to)).then_some((ask, number));
        }
        if !matches!(mark.what, What::Number(_)) {
            return None;
        }
        // "40 to 80 cm", "between" left out
        if self.is_a_range(at, to) {
            return Some((Ask::Between, at));
        }
        let gap = self.words.gap(mark.from);
        let sign = if gap.contains(">=") || gap.contains('≥') {
            Some(Ask::AtLeast)
        } else if gap.contains("<=") || gap.contains('≤') {
            Some(Ask::AtMost)
        } else if gap.contains('>') {
            Some(Ask::Above)
        } else if gap.contains('<') {
            Some(Ask::Below)
        } else if gap.contains('=') {
            Some(Ask::Exactly)
        } else {
            None
        };
        if let Some(sign) = sign {
            return Some((sign, at));
        }
        // "10 or more", "18 and older"
        let behind = (at + 1..to.min(at + 3)).find_map(|at| match self.mark(at)?.what {
            What::Ask(ask @ (Ask::AtLeast | Ask::AtMost)) => Some(ask),
            What::Unit(_) => None,
            _ => None,
        });
        let led = at
            .checked_sub(1)
            .filter(|before| *before >= from)
            .and_then(|before| self.limit_at(before, from, to));
        behind.filter(|_| led.is_none()).map(|ask| (ask, at))
    }

    /// Whether two numbers are the ends of a range with a unit, or of a column that is named beside them.
    fn is_a_range(&self, at: usize, to: usize) -> bool {
        let number = |at: usize| match self.mark(at).map(|mark| &mark.what) {
            Some(What::Number(number)) => Some(number.value),
            _ => None,
        };
        let Some(first) = number(at) else {
            return false;
        };
        let joined = |at: usize| {
            self.is_ask(at, Ask::To) || self.is_ask(at, Ask::Until) || self.is_ask(at, Ask::AtMost)
        };
        let hyphen = |at: usize| {
            let gap = self.mark(at).map_or("", |mark| self.words.gap(mark.from));
            gap.trim().len() <= 3 && gap.contains(['-', '–', '—'])
        };
        let last = if joined(at + 1) {
            at + 2
        } else if hyphen(at + 1) {
            at + 1
        } else {
            return false;
        };
        if last >= to || number(last).is_none_or(|second| second <= first) {
            return false;
        }
        matches!(
            self.mark(last + 1).map(|mark| &mark.what),
            Some(What::Unit(_))
        ) || !self.measured(last + 1).is_empty() && last + 1 < to
    }

    /// The column that a limit is about.
    pub(super) fn limited(
        &mut self,
        at: usize,
        from: usize,
        behind: usize,
        to: usize,
        unit: Option<UnitName>,
        subject: Option<&Measure>,
    ) -> Option<Id> {
        let number_column = |reader: &Self, at: usize| match &reader.mark(at)?.what {
            What::Column(all, _) | What::Kin(all) => all.iter().copied().find(|column| {
                reader
                    .column(*column)
                    .is_some_and(|column| column.is_measure() || column.role == Role::Year)
            }),
            What::Concept(concept) => reader
                .schema
                .standing_for(*concept)
                .into_iter()
                .find(|column| reader.column(*column).is_some_and(Column::is_measure)),
            _ => None,
        };
        // "came fewer than 5 times" of a column of visits
        if let Some(next) = self.next(behind + 1, to)
            && next == behind + 1
            && self.mark(next).is_some_and(|mark| {
                ["times", "mal", "fois", "veces"].contains(&self.words.text(mark.from))
            })
            && let [only] = self.schema.standing_for(Self::concept("visits")).as_slice()
            && let Some(column) = self.column(*only).filter(|column| column.is_measure())
        {
            let id = column.id.clone();
            self.take(next);
            let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
            self.assume(said);
            return Some(id);
        }
        // "more than 10 units"
        if let Some(next) = self.next(behind + 1, to)
            && next <= behind + 2
            && let Some(column) = number_column(self, next)
        {
            self.take(next);
            return self.column(column).map(|column| column.id.clone());
        }
        // "more than 3 orders" limits how many there are, and no other number.
        if let Some(next) = self.next(behind + 1, to)
            && next <= behind + 2
            && unit.is_none()
            && self.is_rows(next)
            && self.next(next + 1, to).is_none()
        {
            return None;
        }
        // What the comparison itself says: "older than".
        let comparison = self
            .mark(at)
            .map(|mark| self.words.text(mark.from).to_owned())
            .unwrap_or_default();
        let hint = compared_by(&comparison);
        let measures: Vec<usize> = self.schema.measures().collect();
        if let Some(hint) = hint
            && let Some(column) = measures.iter().find(|column| {
                self.column(**column)
                    .is_some_and(|column| column.concepts.contains(&hint))
            })
        {
            return self.column(*column).map(|column| column.id.clone());
        }
        // By its unit: "longer than 7 days", a column of days.
        if let Some(unit) = unit
            && let Some(column) = measures.iter().find(|column| {
                self.column(**column)
                    .is_some_and(|column| has_unit(column, unit))
            })
        {
            return self.column(*column).map(|column| column.id.clone());
        }
        // "in under 50 minutes" of a column of seconds: the only one that is counted in a unit of the kind.
        if let Some(unit) = unit {
            let mut alike = measures.iter().filter_map(|at| {
                let column = self.column(*at)?;
                self.in_unit_of(&column.id, unit)?;
                Some(column.id.clone())
            });
            if let Some(only) = alike.next().filter(|_| alike.next().is_none()) {
                return Some(only);
            }
        }
        // "price over 100": right before it.
        let before = self.previous(from, at).filter(|before| {
            !self
                .mark(*before)
                .is_some_and(|mark| matches!(mark.what, What::Value(..)))
        });
        if let Some(before) = before
            && let Some(column) = number_column(self, before)
        {
            self.take(before);
            return self.column(column).map(|column| column.id.clone());
        }
        // "rooms that cost between 90 and 130": what such a word is measured by.
        if let Some(before) = before
            && let Some(What::Concept(concept)) = self.mark(before).map(|mark| mark.what.clone())
            && !THINGS.iter().any(|name| Self::concept(name) == concept)
        {
            let prices = self.schema.standing_for(Self::concept("price"));
            let price = match prices.as_slice() {
                [only] if concept == Self::concept("cost") => {
                    self.column(*only).map(|column| column.id.clone())
                }
                _ => None,
            };
            let found = price.or_else(|| match self.concept_measure(concept, true) {
                Some((Measure::Of(column), _)) => Some(column),
                _ => None,
            });
            if let Some(column) = found {
                self.take(before);
                let said = self
                    .speech
                    .say("taken_for", &[("column", column.name.trim())]);
                self.assume(said);
                return Some(column);
            }
        }
        // "people over 40": they have an age, whatever else is asked of them.
        let age = Self::concept("age");
        let people = before.is_some_and(|before| match self.mark(before).map(|mark| &mark.what) {
            Some(What::Concept(concept)) => {
                ["employee", "customer", "student", "patient", "population"]
                    .into_iter()
                    .any(|name| Self::concept(name) == *concept)
            }
            _ => false,
        });
        if people
            && unit.is_none()
            && let Some(column) = measures.iter().find(|column| {
                self.column(**column)
                    .is_some_and(|column| column.concepts.contains(&age))
            })
        {
            return self.column(*column).map(|column| column.id.clone());
        }
        if unit.is_none()
            && let Some(Measure::Of(column)) = subject
        {
            return Some(column.clone());
        }
        // "respondents under 30": people have an age.
        let age = Self::concept("age");
        if let Some(column) = measures.iter().find(|column| {
            self.column(**column)
                .is_some_and(|column| column.concepts.contains(&age))
        }) && unit.is_none()
            && measures.len() <= 2
        {
            return self.column(*column).map(|column| column.id.clone());
        }
        if let Some(Measure::Of(column)) = subject {
            return Some(column.clone());
        }
        match measures.as_slice() {
            [only] => self.column(*only).map(|column| column.id.clone()),
            _ => {
                let adds: Vec<usize> = measures
                    .iter()
                    .copied()
                    .filter(|at| {
                        self.column(*at)
                            .is_some_and(|column| column.role == Role::Adds)
                    })
                    .collect();
                let of = |names: &[&str]| -> Vec<usize> {
                    let stands = |column: &Column| {
                        let mut names = names.iter().map(|name| Self::concept(name));
                        names.any(|concept| column.concepts.contains(&concept))
                    };
                    adds.iter()
                        .copied()
                        .filter(|at| self.column(*at).is_some_and(stands))
                        .collect()
                };
                let named = of(&["amount", "revenue"]);
                let money = if named.is_empty() {
                    of(&["cost", "price", "salary"])
                } else {
                    named
                };
                match money.as_slice() {
                    [only] if unit.is_none_or(is_money) => {
                        self.column(*only).map(|column| column.id.clone())
                    }
                    _ => self.only_in_reach(at, behind, &measures),
                }
            }
        }
    }
}

/// A limit in another unit.
fn scaled(test: Test, factor: f64) -> Test {
    match test {
        Test::Above(value, at) => Test::Above(value * factor, at),
        Test::Below(value, at) => Test::Below(value * factor, at),
        Test::Between(low, high) => Test::Between(low * factor, high * factor),
        Test::Number(value) => Test::Number(value * factor),
        other => other,
    }
}
