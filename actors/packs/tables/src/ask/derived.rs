//! What is reckoned of two columns, or of a time, and has no name in the table: the days between two dates, what is left of a count, one
//! column against another, the first and the last.

use aios_languages::Ask;
use aios_work::Grain;

use super::marks::What;
use super::question::{Column as Id, Filter, Measure, Order, Test, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};

/// A measure with what people call it.
type Called = (Measure, Option<String>);

/// Words between two columns that multiply them.
const TIMES: [&str; 8] = [
    "times",
    "x",
    "multiplied",
    "mal",
    "multipliziert",
    "fois",
    "multiplie",
    "multiplicado",
];
/// Words of first and last that point at the present and at no end of the data.
pub(super) const PRESENT: &[&str] = &[
    "this", "current", "past", "recent", "ce", "cette", "este", "esta", "actual", "actuel", "dies",
    "aktuell",
];

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
        if let Some(found) = self.rated(from, to, asks) {
            return Some(found);
        }
        if let Some(found) = self.complement(from, to) {
            return Some(found);
        }
        self.difference(from, to, asks)
    }

    /// "how many days was a tool out": where a table has two dates, from the earlier to the later one.
    fn elapsed(&mut self, from: usize, to: usize, asks: &Asks) -> Option<Called> {
        if let Some(found) = self.shift(from, to) {
            return Some(found);
        }
        let dates: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| column.role == Role::Date && column.finest == Grain::Day)
            .collect();
        let [one, other] = dates.as_slice() else {
            return None;
        };
        if one.id.table != other.id.table {
            return None;
        }
        let (first, last) = if one.covers?.from <= other.covers?.from {
            (one.id.clone(), other.id.clone())
        } else {
            (other.id.clone(), one.id.clone())
        };
        let duration = [Self::concept("duration"), Self::concept("delay")];
        let lasts = |concept: u32| {
            duration.contains(&concept)
                && !self
                    .schema
                    .standing_for(concept)
                    .iter()
                    .any(|column| self.column(*column).is_some_and(Column::is_measure))
        };
        let said = (from..to).find(|at| match self.mark(*at).map(|mark| &mark.what) {
            Some(What::Ask(Ask::Day)) => self
                .previous(from, *at)
                .is_some_and(|before| self.is_ask(before, Ask::Count) || asks.has(Ask::Mean)),
            Some(What::Concept(concept) | What::Superlative(_, concept)) => lasts(*concept),
            _ => false,
        })?;
        let named = (from..to).any(|at| {
            matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, true)) if all
                .iter()
                .any(|column| self.column(*column).is_some_and(Column::is_measure)))
        });
        if named {
            return None;
        }
        if !matches!(
            self.mark(said).map(|mark| &mark.what),
            Some(What::Superlative(..))
        ) {
            self.take(said);
        }
        for at in from..to {
            let date = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, _) | What::Kin(all)) if all
                .iter()
                .any(|column| self.column(*column).is_some_and(|column| column.id == first || column.id == last)));
            if date {
                self.take(at);
            }
        }
        let told = self.speech.say(
            "elapsed_is",
            &[("from", first.name.trim()), ("to", last.name.trim())],
        );
        self.assume(told);
        Some((Measure::Elapsed(first, last), None))
    }

    /// "the longest shift": where a table has two times of day, from the one to the next other one.
    fn shift(&mut self, from: usize, to: usize) -> Option<Called> {
        const ENDS: [&str; 10] = [
            "end", "until", "to", "clos", "finish", "stop", "out", "ende", "bis", "fin",
        ];
        let clocks: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| column.clock)
            .collect();
        let [one, other] = clocks.as_slice() else {
            return None;
        };
        let ends = |column: &Column| {
            column
                .words
                .iter()
                .any(|word| ENDS.iter().any(|end| word.starts_with(end)))
        };
        let (first, last) = match (ends(one), ends(other)) {
            (false, true) => (one.id.clone(), other.id.clone()),
            (true, false) => (other.id.clone(), one.id.clone()),
            _ => return None,
        };
        let duration = Self::concept("duration");
        let said = (from..to).find(|at| match self.mark(*at).map(|mark| &mark.what) {
            Some(What::Concept(concept) | What::Superlative(_, concept)) => *concept == duration,
            Some(What::Ask(Ask::Hour)) => true,
            _ => false,
        })?;
        let measured = self
            .schema
            .columns
            .iter()
            .any(|column| column.is_measure() && column.concepts.contains(&duration));
        if measured || first.table != last.table {
            return None;
        }
        if !matches!(
            self.mark(said).map(|mark| &mark.what),
            Some(What::Superlative(..))
        ) {
            self.take(said);
        }
        let told = self.speech.say(
            "shift_is",
            &[("from", first.name.trim()), ("to", last.name.trim())],
        );
        self.assume(told);
        Some((Measure::Shift(first, last), None))
    }

    /// "price times quantity".
    fn product_said(&mut self, from: usize, to: usize) -> Option<Called> {
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            let sign = self.words.gap(mark.from).contains(['*', '×']);
            let word = TIMES.contains(&self.words.text(mark.from));
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
                column.role == Role::Adds && column.whole && column.concepts.is_empty()
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
                    }),
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

    /// "how many products are below their reorder level": one column of a row against another.
    pub(super) fn compared_columns(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        out: &mut Vec<Filter>,
    ) {
        if !asks.any(&[Ask::Count, Ask::Share]) {
            return;
        }
        let limits = [Ask::Above, Ask::Below, Ask::AtLeast, Ask::AtMost];
        for at in from..to {
            let Some(ask) = limits.into_iter().find(|ask| self.is_ask(at, *ask)) else {
                continue;
            };
            let Some(next) = self.next(at + 1, to).filter(|_| !self.is_used(at)) else {
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
                (None, [only]) => *only,
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
                let Some(column) = (if stock { of("stock") } else { of("occupied") }) else {
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

    /// "on how many days": days are counted by their date.
    pub(super) fn counted_days(
        &mut self,
        from: usize,
        to: usize,
        out: &mut Vec<Filter>,
    ) -> Option<Measure> {
        let at = (from..to)
            .find(|at| self.is_ask(*at, Ask::Count) || self.is_ask(*at, Ask::Distinct))?;
        let day = self
            .next(at + 1, to)
            .filter(|day| self.is_ask(*day, Ask::Day))?;
        let without = (from..to).any(|at| {
            self.is_ask(at, Ask::Without) && !self.is_used(at) || self.is_ask(at, Ask::Missing)
        });
        let date = self.date(from, to).and_then(|at| self.column(at))?.clone();
        if date.role != Role::Date || date.finest != Grain::Day || without {
            return None;
        }
        self.take(day);
        // "have a reading": what has a value.
        let has = (day + 1..to).take(3).any(|at| {
            self.mark(at).is_some_and(|mark| {
                [
                    "have", "has", "had", "haben", "hat", "ont", "a", "tienen", "tiene", "with",
                ]
                .contains(&self.words.text(mark.from))
            })
        });
        let limit = (from..to).any(|at| {
            [
                Ask::Above,
                Ask::Below,
                Ask::AtLeast,
                Ask::AtMost,
                Ask::Between,
                Ask::Exactly,
            ]
            .into_iter()
            .any(|ask| self.is_ask(at, ask))
        });
        if has && !limit {
            let named =
                (day + 1..to).find_map(|at| Some((at, self.measured(at).first().copied()?)));
            if let Some((at, column)) = named
                && let Some(id) = self.column(column).map(|column| column.id.clone())
            {
                self.take(at);
                // "a rain reading"
                if let Some(next) = self.next(at + 1, to)
                    && matches!(self.mark(next).map(|mark| &mark.what), Some(What::Concept(concept)) if *concept == Self::concept("event"))
                {
                    self.take(next);
                }
                out.push(Filter {
                    column: id,
                    test: Test::Missing,
                    not: true,
                    part: false,
                });
            }
        }
        Some(Measure::Distinct(date.id))
    }

    /// "when was an otter first seen", "the earliest vintage", "who joined last": the row at an end of the data's time.
    pub(super) fn by_time(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
        measures: &[Called],
    ) -> Option<(Wanted, Order)> {
        let reckons = asks.any(&[
            Ask::Total,
            Ask::Mean,
            Ask::Median,
            Ask::Count,
            Ask::Highest,
            Ask::Lowest,
            Ask::Share,
            Ask::Growth,
            Ask::Change,
            Ask::Per,
        ]);
        if reckons {
            return None;
        }
        let (at, last) = (from..to).find_map(|at| {
            let mark = self.mark(at)?;
            let text = self.words.text(mark.from);
            let present =
                PRESENT.iter().any(|word| text.starts_with(word)) && mark.to - mark.from == 1;
            match mark.what {
                What::Ask(Ask::First) => Some((at, false)),
                What::Ask(Ask::Last) if !present => Some((at, true)),
                _ => None,
            }
        })?;
        let date = self.date(from, to).and_then(|at| self.column(at))?.clone();
        self.take(at);
        let limit = self
            .next(at + 1, to)
            .and_then(|next| match self.mark(next)?.what {
                What::Number(number)
                    if number.value.fract() == 0.0 && (1.0..=50.0).contains(&number.value) =>
                {
                    Some((next, number.value as u32))
                }
                _ => None,
            });
        limit.iter().for_each(|(next, _)| self.take(*next));
        for at in from..to {
            let named = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, _) | What::Kin(all)) if all
                .iter()
                .any(|column| self.column(*column).is_some_and(|column| column.id == date.id)));
            if named {
                self.take(at);
            }
        }
        let mut by: Vec<Id> = measures
            .iter()
            .filter_map(|(measure, _)| match measure {
                Measure::Of(id) if *id != date.id => Some(id.clone()),
                _ => None,
            })
            .collect();
        by.extend(
            self.telling(&date.id.table)
                .into_iter()
                .filter(|id| *id != date.id),
        );
        Some((
            Wanted::Row {
                measure: date.id,
                by,
            },
            Order {
                largest: last,
                limit: Some(limit.map_or(1, |(_, count)| count)),
                skip: 0,
            },
        ))
    }

    /// Says something that was assumed, once.
    pub(super) fn assume(&mut self, said: String) {
        if !self.assumed.contains(&said) {
            self.assumed.push(said);
        }
    }
}
