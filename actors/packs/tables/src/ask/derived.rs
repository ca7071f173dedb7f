//! What is reckoned of two columns and has no name in the table: what is left of a count, one column times, less or against another.
//! Where to read next: `elapsed` for what is reckoned of days.

use aios_languages::{Ask, Hint, UnitName, hints};

use super::marks::What;
use super::question::{Column as Id, Filter, Measure, Test};
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};

/// A measure with what people call it.
pub(super) type Called = (Measure, Option<String>);

impl Reader<'_> {
    /// The measures that a mark names, hints at or means.
    pub(super) fn measured(&self, at: usize) -> Vec<usize> {
        let all = match self.mark(at).map(|mark| mark.what.clone()) {
            Some(What::Column(all, _) | What::Kin(all)) => all,
            Some(What::Concept(concept)) => self.schema.standing_for(concept),
            _ => Vec::new(),
        };
        all.into_iter()
            .filter(|column| self.column(*column).is_some_and(Column::is_measure))
            .collect()
    }

    fn adding(&self, at: usize) -> Option<usize> {
        let adds = |column: &usize| {
            self.column(*column)
                .is_some_and(|column| column.role == Role::Adds)
        };
        self.measured(at).into_iter().find(adds)
    }

    /// What two columns or dates give, where the words say so.
    pub(super) fn derived(&mut self, from: usize, to: usize, asks: &Asks) -> Option<Called> {
        if let Some(found) = self.exceeded(from, to) {
            return Some(found);
        }
        if let Some(found) = self.elapsed(from, to, asks) {
            return Some(found);
        }
        if let Some(found) = self.product_said(from, to) {
            return Some(found);
        }
        if let Some(found) = self.sum_said(from, to) {
            return Some(found);
        }
        if let Some(found) = self.rated(from, to, asks) {
            return Some(found);
        }
        if let Some(found) = self.complement(from, to) {
            return Some(found);
        }
        self.difference(from, to, asks)
    }

    /// "price times quantity".
    fn product_said(&mut self, from: usize, to: usize) -> Option<Called> {
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            let sign = self.words.gap(mark.from).contains(['*', '×']);
            let word = hints(Hint::Multiplying, self.words.text(mark.from));
            if !sign && !word {
                continue;
            }
            let right = if sign {
                Some(at)
            } else {
                self.next(at + 1, to)
                    .filter(|next| *next <= at + 2)
                    .or_else(|| {
                        // "multiplied by"
                        let by = self.next(at + 1, to)?;
                        self.is_ask(by, Ask::Per).then(|| self.next(by + 1, to))?
                    })
            };
            let left = self.previous(from, at);
            let (Some(left), Some(right)) = (left, right) else {
                continue;
            };
            let right = if self.is_ask(right, Ask::Per) {
                self.next(right + 1, to)?
            } else {
                right
            };
            let (one, other) = (self.one_of(left), self.one_of(right));
            let (Some(one), Some(other)) = (one, other) else {
                continue;
            };
            if one == other {
                continue;
            }
            for at in left..=right {
                self.take(at);
            }
            self.hear_value(from, to);
            self.hear_columns(from, to, &[one.clone(), other.clone()]);
            let called = format!("{} × {}", one.name.trim(), other.name.trim());
            return Some((Measure::Product(one, other), Some(called)));
        }
        None
    }

    /// "gross plus bonus", "adults and children together": columns that are added up row by row, where they are counted alike.
    fn sum_said(&mut self, from: usize, to: usize) -> Option<Called> {
        let jointly = (from..to).find(|at| {
            self.mark(*at)
                .is_some_and(|mark| hints(Hint::Jointly, self.words.text(mark.to - 1)))
        });
        let adds = |reader: &Self, at: usize| -> bool {
            reader.mark(at).is_some_and(|mark| {
                let text = reader.words.text(mark.from);
                hints(Hint::Adding, text) || jointly.is_some() && reader.is_ask(at, Ask::And)
            })
        };
        let signed = |reader: &Self, at: usize| {
            reader
                .mark(at)
                .is_some_and(|mark| reader.words.gap(mark.from).contains('+'))
        };
        let mut columns: Vec<Id> = Vec::new();
        let mut marks: Vec<usize> = Vec::new();
        for at in from..to {
            let (left, right, joint) = if adds(self, at) {
                (self.previous(from, at)?, self.next(at + 1, to)?, Some(at))
            } else if at > from && signed(self, at) {
                (self.previous(from, at)?, at, None)
            } else {
                continue;
            };
            let (Some(one), Some(other)) = (self.adding(left), self.adding(right)) else {
                continue;
            };
            for column in [one, other] {
                let id = self.column(column)?.id.clone();
                if !columns.contains(&id) {
                    columns.push(id);
                }
            }
            marks.extend([left, right]);
            marks.extend(joint);
        }
        // "adults, children and seniors together": what a comma sets before the first of them.
        let (first, _) = (columns.first()?, columns.get(1)?);
        let alike = columns
            .iter()
            .all(|id| id.unit == first.unit && id.table == first.table);
        if !alike {
            return None;
        }
        let others = (from..to).any(|at| {
            !marks.contains(&at)
                && self
                    .adding(at)
                    .and_then(|column| self.column(column))
                    .is_some_and(|column| !columns.contains(&column.id))
        });
        if others {
            return None;
        }
        marks
            .into_iter()
            .chain(jointly)
            .for_each(|at| self.take(at));
        self.hear_columns(from, to, &columns);
        Some((Measure::Plus(columns), None))
    }

    /// The measure that a mark stands for: a stock is a quantity.
    fn one_of(&self, at: usize) -> Option<Id> {
        let counts = match self.mark(at)?.what {
            What::Concept(concept) => {
                [Self::concept("quantity"), Self::concept("stock")].contains(&concept)
            }
            _ => false,
        };
        let found = if counts { self.quantity() } else { None };
        let found = found.or_else(|| self.measured(at).first().copied())?;
        self.column(found).map(|column| column.id.clone())
    }

    /// The column that says how many of each there are.
    pub(super) fn quantity(&self) -> Option<usize> {
        let adds = |concept: &str| -> Vec<usize> {
            self.schema
                .standing_for(Self::concept(concept))
                .into_iter()
                .filter(|column| {
                    self.column(*column)
                        .is_some_and(|column| column.is_measure() && column.whole)
                })
                .collect()
        };
        for concept in ["quantity", "stock", "sold"] {
            if let [only] = adds(concept).as_slice() {
                return Some(*only);
            }
        }
        let mut whole = self
            .schema
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| {
                // How large something is says not how many there are.
                let long = [UnitName::Millimetre, UnitName::Centimetre, UnitName::Metre]
                    .into_iter()
                    .any(|unit| super::units::has_unit(column, unit));
                column.role == Role::Adds && column.whole && column.concepts.is_empty() && !long
            });
        let only = whole.next().map(|(at, _)| at)?;
        whole.next().is_none().then_some(only)
    }

    /// "the net weight (gross minus tare)": where a goal says how something is reckoned, what it calls it is no other thing.
    fn hear_value(&mut self, from: usize, to: usize) {
        for at in from..to {
            let called = matches!(
                self.mark(at).map(|mark| &mark.what),
                Some(What::Concept(_) | What::Kin(_))
            );
            if called {
                self.take(at);
            }
        }
    }

    /// Every mark that names one of these columns.
    fn hear_columns(&mut self, from: usize, to: usize, columns: &[Id]) {
        for at in from..to {
            let named = self.measured(at).iter().any(|column| {
                self.column(*column)
                    .is_some_and(|column| columns.contains(&column.id))
            });
            if named {
                self.take(at);
            }
        }
    }

    /// "pieces not rented out", "gross minus tare", "free beds": of two counts one less the other.
    fn complement(&mut self, from: usize, to: usize) -> Option<Called> {
        let vacant = Self::concept("vacant");
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            let free = mark.what == What::Concept(vacant);
            if !free && mark.what != What::Ask(Ask::Without) {
                continue;
            }
            let minus = ["minus", "less", "weniger", "moins", "menos"]
                .contains(&self.words.text(mark.from));
            let part_at = if free { None } else { self.next(at + 1, to) };
            let part = match part_at {
                Some(part) => self.adding(part),
                None => self
                    .schema
                    .standing_for(Self::concept("occupied"))
                    .into_iter()
                    .find(|column| {
                        self.column(*column)
                            .is_some_and(|column| column.role == Role::Adds)
                    })
                    .or_else(|| self.only_other_count(from, to)),
            };
            let Some(part) = part else { continue };
            let known = self.column(part)?.clone();
            let whole = (from..to)
                .filter(|other| *other != at && Some(*other) != part_at)
                .find_map(|other| {
                    let whole = self.adding(other).filter(|whole| *whole != part)?;
                    let column = self.column(whole)?;
                    let holds = minus || column.most >= known.most && column.whole == known.whole;
                    holds.then_some((other, column.id.clone()))
                });
            let Some((whole_at, whole)) = whole else {
                continue;
            };
            for at in [Some(at), part_at, Some(whole_at)].into_iter().flatten() {
                self.take(at);
            }
            self.hear_columns(from, to, &[whole.clone(), known.id.clone()]);
            if minus {
                self.hear_value(from, to);
            }
            let (one, other) = (whole.name.trim(), known.id.name.trim());
            let told = self.speech.say("less", &[("one", one), ("other", other)]);
            self.assume(told);
            let called = format!("{one} − {other}");
            return Some((Measure::Less(whole, known.id), Some(called)));
        }
        None
    }

    /// "places that are free" of places and those that are booked: the only other count, which lies within the one that is named.
    fn only_other_count(&self, from: usize, to: usize) -> Option<usize> {
        let whole = (from..to).find_map(|at| self.adding(at))?;
        let known = self.column(whole)?;
        let mut others = self.schema.of_role(|role| role == Role::Adds).filter(|at| {
            *at != whole
                && self.column(*at).is_some_and(|column| {
                    column.id.table == known.id.table
                        && column.whole == known.whole
                        && column.most <= known.most
                        && column.least <= known.least
                })
        });
        let only = others.next()?;
        let counts = self.schema.of_role(|role| role == Role::Adds).count();
        (others.next().is_none() && counts == 2).then_some(only)
    }

    /// "the difference between Tmax and Tmin".
    fn difference(&mut self, from: usize, to: usize, asks: &Asks) -> Option<Called> {
        if !asks.any(&[Ask::Change, Ask::Range]) {
            return None;
        }
        let named: Vec<(usize, Id)> = (from..to)
            .filter(|at| {
                matches!(
                    self.mark(*at).map(|mark| &mark.what),
                    Some(What::Column(..))
                )
            })
            .filter_map(|at| {
                let column = self.measured(at).first().copied()?;
                Some((at, self.column(column)?.id.clone()))
            })
            .collect();
        let [(first, one), (second, other)] = named.as_slice() else {
            return None;
        };
        if one == other {
            return None;
        }
        (*first..=*second).for_each(|at| self.take(at));
        if let Some(before) = self
            .previous(from, *first)
            .filter(|before| self.is_ask(*before, Ask::Between))
        {
            self.take(before);
        }
        let called = format!("{} − {}", one.name.trim(), other.name.trim());
        Some((Measure::Less(one.clone(), other.clone()), Some(called)))
    }

    /// "did better in science than in maths": the comparative stands apart from the word that leads to the other one.
    fn better_than(&self, from: usize, at: usize) -> Option<(usize, Ask)> {
        let mark = self.mark(at)?;
        if mark.to - mark.from > 1 || !["than", "als", "que"].contains(&self.words.text(mark.from))
        {
            return None;
        }
        (from..at).rev().find_map(|place| {
            let mark = self.mark(place)?;
            let text = self.words.text(mark.from);
            let plain = matches!(mark.what, What::Unknown | What::Ask(Ask::Filler));
            let ask = if hints(Hint::More, text) {
                Ask::Above
            } else if hints(Hint::Less, text) {
                Ask::Below
            } else {
                return None;
            };
            plain.then_some((place, ask))
        })
    }

    /// "how many products are below their reorder level": one column of a row against another.
    pub(super) fn compared_columns(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        out: &mut Vec<Filter>,
    ) {
        if !asks.any(&[Ask::Count, Ask::Share, Ask::Which, Ask::Who, Ask::List]) {
            return;
        }
        self.compared_dates(from, to, out);
        let listed = !asks.any(&[Ask::Count, Ask::Share]);
        let limits = [Ask::Above, Ask::Below, Ask::AtLeast, Ask::AtMost];
        for at in from..to {
            let better = self.better_than(from, at);
            let said = limits.into_iter().find(|ask| self.is_ask(at, *ask));
            let Some(ask) = said.or(better.map(|(_, ask)| ask)) else {
                continue;
            };
            let open = !self.is_used(at) || better.is_some();
            let Some(next) = self.next(at + 1, to).filter(|_| open) else {
                continue;
            };
            let number = (at..to)
                .any(|at| matches!(self.mark(at).map(|mark| &mark.what), Some(What::Number(_))));
            let Some(limit) = self.measured(next).first().copied().filter(|_| !number) else {
                continue;
            };
            let before = (from..at).rev().find_map(|at| {
                let other = self
                    .measured(at)
                    .into_iter()
                    .find(|column| *column != limit)?;
                Some((at, other))
            });
            let alike = self
                .column(limit)
                .map(|column| (column.whole, column.id.unit.clone()));
            let others: Vec<usize> = self
                .schema
                .measures()
                .filter(|column| {
                    *column != limit
                        && self.column(*column).is_some_and(|column| {
                            Some((column.whole, column.id.unit.clone())) == alike
                        })
                })
                .collect();
            let other = match (before, others.as_slice()) {
                (Some((place, other)), _) => {
                    self.take(place);
                    other
                }
                (None, [only]) if !listed => *only,
                _ => continue,
            };
            let (Some(column), Some(limit)) = (
                self.column(other).map(|column| column.id.clone()),
                self.column(limit).map(|column| column.id.clone()),
            ) else {
                continue;
            };
            self.take(at);
            self.take(next);
            better.into_iter().for_each(|(place, _)| self.take(place));
            let test = match ask {
                Ask::Above => Test::Over(limit, false),
                Ask::AtLeast => Test::Over(limit, true),
                Ask::Below => Test::Under(limit, false),
                _ => Test::Under(limit, true),
            };
            out.push(Filter {
                column,
                test,
                not: false,
                part: false,
            });
        }
    }

    /// "tools with no pieces left", "tickets without hours": nothing of what a column counts, or no value in it.
    pub(super) fn nothing_of(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        out: &mut Vec<Filter>,
    ) {
        let reckons = asks.reckons() || asks.has(Ask::Per);
        if reckons {
            return;
        }
        for at in from..to {
            let without = self.is_ask(at, Ask::Without);
            let missing = self.is_ask(at, Ask::Missing);
            if !without && !missing || self.is_used(at) {
                continue;
            }
            let next = self.next(at + 1, to);
            // "without a payment date"
            if without
                && let Some(next) = next
                && self.is_ask(next + 1, Ask::Day)
            {
                let dates = self.schema.columns.iter().filter(|column| column.is_time());
                let mut hinted = dates.filter(|date| self.hints_at(next, date));
                if let Some(date) = hinted.next().filter(|_| hinted.next().is_none()) {
                    let id = date.id.clone();
                    for at in [at, next, next + 1] {
                        self.take(at);
                    }
                    out.push(Filter {
                        column: id,
                        test: Test::Missing,
                        not: false,
                        part: false,
                    });
                }
                continue;
            }
            let (place, column) = if without {
                let Some(next) = next else { continue };
                let Some(column) = self.measured(next).first().copied() else {
                    continue;
                };
                (Some(next), column)
            } else {
                let named = |at: usize| {
                    matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(..)))
                };
                let before = self.previous(from, at);
                let phrase = self.mark(at).is_some_and(|mark| mark.to - mark.from > 1);
                if !phrase
                    && (next.is_some_and(named)
                        || before.is_some_and(|at| named(at) && !asks.has(Ask::Count)))
                {
                    continue;
                }
                // "out of stock", "rooms that are empty"
                let of = |concept: &str| {
                    self.schema
                        .standing_for(Self::concept(concept))
                        .into_iter()
                        .find(|column| {
                            self.column(*column)
                                .is_some_and(|column| column.role == Role::Adds)
                        })
                };
                let stock = self.mark(at).is_some_and(|mark| mark.to - mark.from > 1);
                let Some(column) = (if stock {
                    of("stock").or_else(|| of("quantity"))
                } else {
                    of("occupied")
                }) else {
                    continue;
                };
                (None, column)
            };
            // Another measure is what is asked for: "pieces not rented out".
            let others = (from..to).any(|other| {
                Some(other) != place
                    && !self.is_used(other)
                    && matches!(
                        self.mark(other).map(|mark| &mark.what),
                        Some(What::Column(_, true))
                    )
                    && self.adding(other).is_some_and(|found| found != column)
            });
            let Some(known) = self.column(column).cloned() else {
                continue;
            };
            // Of a thing with several rows one without says nothing of the others.
            let listed = asks.any(&[Ask::Which, Ask::Who]) && !asks.has(Ask::Count);
            let unique = self.schema.columns.iter().any(|column| {
                column.id.table == known.id.table
                    && !column.is_measure()
                    && !column.is_time()
                    && column.distinct + column.missing >= column.rows
            });
            if others || listed && !unique {
                continue;
            }
            let test = match (known.missing > 0, known.least <= Some(0.0)) {
                (true, false) => Test::Missing,
                (false, true) => Test::Number(0.0),
                // None has none of what is named, and that is an answer.
                (false, false)
                    if place.is_some_and(|place| {
                        matches!(
                            self.mark(place).map(|mark| &mark.what),
                            Some(What::Column(_, true))
                        )
                    }) && known.role == Role::Adds =>
                {
                    Test::Number(0.0)
                }
                // Blank, or nothing: which of them is meant, nobody can tell.
                _ => continue,
            };
            self.take(at);
            place.into_iter().for_each(|at| self.take(at));
            // "no pieces left"
            let last = place.unwrap_or(at) + 1;
            let rest = self.mark(last).map(|mark| self.words.text(mark.from));
            if rest.is_some_and(|text| ["left", "remaining", "ubrig", "mehr"].contains(&text)) {
                self.take(last);
            }
            out.push(Filter {
                column: known.id,
                test,
                not: false,
                part: false,
            });
        }
    }

    /// Says something that was assumed, once.
    pub(super) fn assume(&mut self, said: String) {
        if !self.assumed.contains(&said) {
            self.assumed.push(said);
        }
    }
}
