//! What stands first: "top 3", "the second largest", "cheapest".

use aios_languages::{Ask, Hint, UnitName, hints};

use super::marks::What;
use super::question::{Measure, Order};
use super::resolve::{Asks, Reader};
use super::schema::Role;
use super::units::has_unit;

impl Reader<'_> {
    /// "top 3", "the largest", "the second best".
    pub(super) fn order(&mut self, from: usize, to: usize) -> Option<Order> {
        let mut largest = None;
        // "which half is bigger": of those that are compared the first.
        let chooses = (from..to).any(|at| self.is_ask(at, Ask::Which) || self.is_ask(at, Ask::Who));
        let than = (from..to).any(|at| {
            self.mark(at)
                .is_some_and(|mark| ["than", "als", "que"].contains(&self.words.text(mark.from)))
        });
        let (mut limit, mut skip) = (None, 0);
        // "Which of the two shops": so many there are.
        let of_the = |reader: &Self, at: usize| {
            let before = reader.mark(at).map_or(0, |mark| mark.from);
            let text = |back: usize| {
                let at = before.checked_sub(back);
                at.map_or("", |at| reader.words.text(at))
            };
            (hints(Hint::Article, text(1)) || hints(Hint::Determining, text(1)))
                && (hints(Hint::Of, text(2)) || ["which", "what", "der"].contains(&text(2)))
        };
        for at in from..to {
            let number = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Number(_)));
            if number && chooses && of_the(self, at) {
                self.take(at);
            }
        }
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            match mark.what {
                What::Ask(Ask::Filler) | What::Unknown if chooses && !than => {
                    let text = self.words.text(mark.from);
                    // "which month was warmer"
                    let compared = comparative(text).is_some();
                    let least = ["short", "light", "young", "cheap", "cold", "slow", "kurz"]
                        .iter()
                        .any(|begin| text.starts_with(begin));
                    let more = hints(Hint::More, text) || compared && !least;
                    if more || compared || hints(Hint::Less, text) {
                        largest = largest.or(Some(more));
                        self.take(at);
                    }
                }
                What::Ask(Ask::Highest | Ask::Top) => {
                    // A first word decides: "the largest ... the least" are two questions.
                    largest = largest.or(Some(true));
                    self.take(at);
                    limit = limit.or(self.number_beside(at, from, to));
                }
                What::Ask(Ask::Lowest | Ask::Bottom) => {
                    largest = largest.or(Some(false));
                    self.take(at);
                    limit = limit.or(self.number_beside(at, from, to));
                }
                // "grew fastest": the speed of growth is how much it is.
                What::Superlative(ask, concept)
                    if concept == Self::concept("speed")
                        && (from..to).any(|at| self.is_ask(at, Ask::Growth)) =>
                {
                    largest = largest.or(Some(ask == Ask::Highest));
                    self.take(at);
                }
                What::Superlative(ask, _) => {
                    largest = largest.or(Some(ask == Ask::Highest));
                    // "tallest first": all of them, in that order.
                    if self.is_ask(at + 1, Ask::First) {
                        self.take(at + 1);
                        return Some(Order {
                            largest: ask == Ask::Highest,
                            limit: None,
                            skip: 0,
                        });
                    }
                    limit = limit.or(self.number_beside(at, from, to));
                }
                What::Ordinal(number) => {
                    let next = self.next(at + 1, to);
                    let ranked = next.is_some_and(|next| {
                        self.is_ask(next, Ask::Highest)
                            || self.is_ask(next, Ask::Lowest)
                            || matches!(
                                self.mark(next).map(|mark| &mark.what),
                                Some(What::Superlative(..))
                            )
                    });
                    let text = self.words.text(mark.from);
                    let says_both = text.contains("hochst")
                        || text.contains("grosst")
                        || text.contains("best")
                        || mark.to - mark.from > 1;
                    if ranked || says_both {
                        skip = number.saturating_sub(1);
                        self.take(at);
                        if says_both {
                            largest = largest.or(Some(true));
                        }
                    }
                }
                // "the rank of Kate": a place among all is no order of them.
                What::Ask(Ask::Rank)
                    if ["rank", "rang", "rango"].contains(&self.words.text(mark.from))
                        && mark.from.checked_sub(1).is_some_and(|before| {
                            [
                                "the", "what", "which", "whats", "is", "den", "der", "le", "el",
                            ]
                            .contains(&self.words.text(before))
                        }) => {}
                What::Ask(Ask::Rank) => {
                    self.take(at);
                    let text = self.written(&mark).to_lowercase();
                    let up = [
                        "ascending",
                        "aufsteigend",
                        "croissant",
                        "ascendente",
                        "from lowest",
                        "from smallest",
                        "lowest first",
                        "smallest first",
                    ]
                    .iter()
                    .any(|word| text.starts_with(word));
                    return Some(Order {
                        largest: !up,
                        limit: None,
                        skip: 0,
                    });
                }
                _ => {}
            }
        }
        if largest.is_some() && limit.is_none() && skip == 0 {
            limit = self.number_of_things(from, to);
        }
        largest.map(|largest| Order {
            largest,
            limit: Some(limit.unwrap_or(1)),
            skip,
        })
    }

    /// "the three pupils with the most absences": so many of what is named behind the number.
    fn number_of_things(&mut self, from: usize, to: usize) -> Option<u32> {
        for at in from..to {
            let Some(What::Number(number)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            let fits = number.value.fract() == 0.0 && (2.0..=50.0).contains(&number.value);
            let thing = match self.mark(at + 1).map(|mark| &mark.what) {
                Some(What::File | What::Concept(_)) => self.measured(at + 1).is_empty(),
                Some(What::Column(..)) => self.measured(at + 1).is_empty(),
                // "the three years with the fewest parcels"
                Some(What::Ask(_)) => {
                    self.grain_at(at + 1).is_some() && self.leads_to_an_end(at + 1, to)
                }
                _ => false,
            };
            let led = self.previous(from, at).is_some_and(|before| {
                !matches!(
                    self.mark(before).map(|mark| &mark.what),
                    Some(What::Ask(Ask::Which | Ask::List | Ask::Who))
                )
            });
            if fits && thing && !led && !self.is_used(at) && at + 1 < to {
                self.take(at);
                return Some(number.value as u32);
            }
        }
        None
    }

    /// "the difference between the highest and lowest paid": from one end to the other, of what such words measure where they say it.
    pub(super) fn extremes(
        &mut self,
        from: usize,
        to: usize,
        asks: &mut Asks,
    ) -> Option<Option<u32>> {
        let end = |at: usize| match self.mark(at)?.what {
            What::Superlative(ask, concept) => Some((ask, Some(concept))),
            What::Ask(ask @ (Ask::Highest | Ask::Lowest)) => Some((ask, None)),
            _ => None,
        };
        // "how many kilos lie between the heaviest and the lightest"
        let change = (from..to)
            .find(|at| self.is_ask(*at, Ask::Change))
            .or_else(|| {
                (from..to).find(|at| {
                    self.is_ask(*at, Ask::Between)
                        && self
                            .next(at + 1, to)
                            .is_some_and(|next| end(next).is_some())
                })
            })?;
        let ends: Vec<(usize, Ask, Option<u32>)> = (from..to)
            .filter_map(|at| end(at).map(|(ask, concept)| (at, ask, concept)))
            .collect();
        let [(first, one, concept), (last, other, more)] = ends.as_slice() else {
            return None;
        };
        let joined = (*first..*last).any(|at| self.is_ask(at, Ask::And));
        // Of groups the ends are of their figures, and those are another question.
        let grouped = (*last..to).any(|at| match self.mark(at).map(|mark| &mark.what) {
            Some(What::Column(all, _)) => all.iter().any(|column| {
                self.column(*column).is_some_and(|column| {
                    column.role == Role::Groups && column.distinct < column.rows
                })
            }),
            Some(What::Ask(ask)) => super::period::grain_of(*ask).is_some(),
            _ => false,
        });
        if one == other || !joined || grouped {
            return None;
        }
        let concept = concept.or(*more);
        for at in [change, *first, *last] {
            self.take(at);
        }
        if let Some(between) = (change..*first).find(|at| self.is_ask(*at, Ask::Between)) {
            self.take(between);
        }
        asks.leave(&[Ask::Change, Ask::Highest, Ask::Lowest, Ask::Between]);
        asks.add(Ask::Range);
        Some(concept)
    }

    /// "did B give more litres than C": what compares two that are named.
    pub(super) fn compares(&mut self, from: usize, to: usize) -> bool {
        let value = |reader: &Self, at: usize| {
            matches!(
                reader.mark(at).map(|mark| &mark.what),
                Some(What::Value(..) | What::Period(_))
            )
        };
        let than = (from..to).find(|at| {
            self.mark(*at)
                .is_some_and(|mark| ["than", "als", "que"].contains(&self.words.text(mark.from)))
        });
        // "is A higher than herd B": no number stands behind.
        let phrase = (from..to).find(|at| {
            (self.is_ask(*at, Ask::Above) || self.is_ask(*at, Ask::Below))
                && self.mark(*at).is_some_and(|mark| {
                    mark.to - mark.from > 1
                        && ["than", "als", "que"].contains(&self.words.text(mark.to - 1))
                })
                && (*at + 1..to)
                    .find(|at| {
                        !self.mark(*at).is_some_and(super::clause::is_filler)
                            && !self.is_group_name(*at)
                    })
                    .is_some_and(|at| value(self, at))
                && (from..*at).any(|at| value(self, at))
        });
        if let Some(phrase) = phrase {
            self.take(phrase);
            return true;
        }
        let Some(than) = than else {
            return self.sets_rivals(from, to);
        };
        let more = (from..than).rev().find(|at| {
            self.mark(*at).is_some_and(|mark| {
                let text = self.words.text(mark.from);
                matches!(mark.what, What::Unknown | What::Ask(Ask::Filler)) && chooses_between(text)
            })
        });
        let behind = (than + 1..to)
            .find(|at| {
                !self.mark(*at).is_some_and(super::clause::is_filler) && !self.is_group_name(*at)
            })
            .is_some_and(|at| value(self, at));
        let before = (from..than).any(|at| value(self, at));
        let Some(more) = more.filter(|_| behind && before) else {
            return false;
        };
        self.take(more);
        self.take(than);
        true
    }

    pub(super) fn number_beside(&mut self, at: usize, from: usize, to: usize) -> Option<u32> {
        let is_count = |reader: &Self, at: usize| match reader.mark(at)?.what {
            What::Number(number)
                if number.value.fract() == 0.0 && (1.0..=100.0).contains(&number.value) =>
            {
                Some(number.value as u32)
            }
            _ => None,
        };
        let before = self.previous(from, at).filter(|before| before + 1 == at);
        for beside in [self.next(at + 1, to), before].into_iter().flatten() {
            if let Some(count) = is_count(self, beside) {
                self.take(beside);
                return Some(count);
            }
        }
        // "the best three products" as a word
        None
    }

    /// "cheapest": most or least of a thing.
    pub(super) fn superlative(&mut self, from: usize, to: usize) -> Option<(bool, u32)> {
        (from..to).find_map(|at| match self.mark(at)?.what {
            What::Superlative(ask, concept) if !self.is_used(at) => {
                self.take(at);
                Some((ask == Ask::Highest, concept))
            }
            _ => None,
        })
    }

    pub(super) fn said_superlative(&self, from: usize, to: usize) -> String {
        let mark = (from..to).find_map(|at| {
            let mark = self.mark(at)?;
            matches!(mark.what, What::Superlative(..)).then_some(mark)
        });
        mark.map(|mark| self.written(mark)).unwrap_or_default()
    }

    /// "the club with the fewest members", "which group has the most tools": what stands behind such a word is counted for each.
    pub(super) fn most_of(&mut self, from: usize, to: usize) -> Option<Measure> {
        for at in from..to {
            let ranks = self.is_ask(at, Ask::Highest) || self.is_ask(at, Ask::Lowest);
            let last = self.mark(at).map_or(0, |mark| mark.to.saturating_sub(1));
            if !ranks || !hints(Hint::Most, self.words.text(last)) {
                continue;
            }
            // Of something else that is named: "most customers" alone asks for customers.
            let grouped = (from..to).any(|other| {
                other != at + 1
                    && !self.is_used(other)
                    && matches!(self.mark(other).map(|mark| &mark.what), Some(What::Column(all, _)) if all
                        .iter()
                        .any(|column| self.column(*column).is_some_and(|column| {
                            !column.is_measure() && column.distinct < column.rows
                        })))
            }) || (from..to).any(|at| self.is_ask(at, Ask::Which) && self.next(at + 1, to).is_some_and(|next| {
                self.grain_at(next).is_some() || self.is_ask(next, Ask::Weekday)
            })) || self.asks(from, to).has(Ask::Who);
            // "the most unreturned books": what chooses rows stands before what is counted.
            let chosen = |at: &usize| {
                self.is_used(*at)
                    && self
                        .mark(*at)
                        .is_some_and(|mark| mark.what == What::Unknown)
            };
            let next = (at + 1..to).find(|at| !chosen(at)).unwrap_or(to);
            // "the most no-shows" of rows that have minutes or fees: rows of that kind are counted.
            let kinds = matches!(
                self.mark(next).map(|mark| &mark.what),
                Some(What::Value(..))
            );
            if grouped && next < to && kinds && self.holds_no_numbers_of_things() {
                return Some(self.rows());
            }
            if !grouped || next >= to || self.is_used(next) {
                continue;
            }
            let found = match self.mark(next).map(|mark| mark.what.clone()) {
                Some(What::Column(all, _)) if self.measured(next).is_empty() => {
                    let column = all.first().and_then(|column| self.column(*column))?;
                    if column.is_time() {
                        continue;
                    }
                    if column.distinct >= column.rows {
                        self.rows()
                    } else {
                        Measure::Distinct(column.id.clone())
                    }
                }
                // "the most harvested" of `harvest.csv`: what was done is no thing.
                Some(What::File)
                    if super::heard::is_participle(
                        self.words.text(self.mark(next).map_or(0, |mark| mark.from)),
                        &self.words.language,
                    ) =>
                {
                    continue;
                }
                Some(What::File) => self.rows(),
                Some(What::Concept(concept))
                    if self.is_a_thing(concept)
                        && self.schema.standing_for(concept).iter().all(|column| {
                            self.column(*column).is_some_and(|column| {
                                !column.is_measure() && column.distinct >= column.rows
                            })
                        }) =>
                {
                    self.rows()
                }
                _ => continue,
            };
            self.take(next);
            return Some(found);
        }
        None
    }

    /// The column that names each row, where the table has one.
    pub(super) fn naming(&self) -> Option<super::question::Column> {
        let unique = |column: &&super::schema::Column| {
            matches!(column.role, Role::Names | Role::Groups)
                && !column.clock
                && column.distinct >= column.rows
        };
        let mut names = self.schema.columns.iter().filter(unique);
        let first = names.next()?;
        // "who is in place 3": what only counts the rows names nobody, where something else does.
        let counts = first.least.is_some() && super::schema::is_of_places(first);
        let named = names
            .find(|column| column.least.is_none())
            .filter(|_| counts);
        Some(named.unwrap_or(first).id.clone())
    }

    /// Whether a column holds the places of its rows in an order.
    pub(super) fn is_a_place(&self, id: &super::question::Column) -> bool {
        let mut columns = self.schema.columns.iter();
        columns.any(|column| column.id == *id && super::schema::is_of_places(column))
    }

    /// Whether a column holds how long something took.
    pub(super) fn lasts(&self, id: &super::question::Column) -> bool {
        self.stands_for(id, Self::concept("duration"))
            || matches!(id.unit.as_deref(), Some("s" | "min" | "h"))
    }

    /// Whether a column's heading stands for a thing.
    pub(super) fn stands_for(&self, id: &super::question::Column, concept: u32) -> bool {
        let mut columns = self.schema.columns.iter();
        columns.any(|column| column.id == *id && column.concepts.contains(&concept))
    }

    /// "sold the most tickets": behind such a word stands what is counted, and the verb before it says no more.
    pub(super) fn ranks_what_is_counted(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.mark(at).is_some_and(|mark| {
                matches!(mark.what, What::Superlative(..))
                    && mark.to - mark.from > 1
                    && hints(Hint::Most, self.words.text(mark.to - 1))
            })
        })
    }

    pub(super) fn is_behind_a_superlative(
        &self,
        id: &super::question::Column,
        from: usize,
        to: usize,
    ) -> bool {
        (from..to).any(|at| {
            let superlative = matches!(
                self.mark(at).map(|mark| &mark.what),
                Some(What::Superlative(..))
            );
            let next = self.next(at + 1, to).filter(|_| superlative);
            next.is_some_and(|next| {
                self.measured(next)
                    .iter()
                    .any(|column| self.column(*column).is_some_and(|column| column.id == *id))
            })
        })
    }

    /// "who has been here the longest": the day since when, where no column holds how long.
    fn since_when(&mut self) -> Option<super::question::Column> {
        let begins = |column: &super::schema::Column| {
            column.words.iter().any(|word| hints(Hint::Beginning, word))
        };
        let mut times = self.schema.columns.iter().filter(|column| column.is_time());
        let (only, more) = (times.next()?, times.next());
        let id = Some(only)
            .filter(|column| more.is_none() && begins(column))?
            .id
            .clone();
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some(id)
    }

    /// "bottom 2 cities by bookings": ranked by how many there are.
    pub(super) fn ranked_by_rows(&mut self, from: usize, to: usize) -> Option<Measure> {
        let ranked = self
            .asks(from, to)
            .any(&[Ask::Top, Ask::Bottom, Ask::Highest, Ask::Lowest]);
        let at = (from..to).find(|at| {
            self.is_ask(*at, Ask::Per)
                && self.mark(*at).is_some_and(|mark| {
                    ["by", "nach", "par", "por"].contains(&self.words.text(mark.from))
                })
        })?;
        let next = self.next(at + 1, to).filter(|_| ranked)?;
        let rows = match &self.mark(next)?.what {
            What::File | What::Ask(Ask::Rows) => true,
            What::Concept(concept) => {
                self.is_a_thing(*concept) && self.schema.standing_for(*concept).is_empty()
            }
            What::Column(all, _) => all
                .first()
                .and_then(|column| self.column(*column))
                .is_some_and(|column| column.role == Role::Names && column.distinct >= column.rows),
            _ => false,
        };
        if !rows {
            return None;
        }
        self.take(at);
        self.take(next);
        Some(self.rows())
    }

    /// What a superlative measures, and which end of it is meant: the oldest has the highest age or the earliest year of birth, the fastest
    /// the highest speed or the shortest time.
    pub(super) fn superlative_of(
        &mut self,
        largest: bool,
        concept: u32,
    ) -> Option<((Measure, Option<String>), bool)> {
        let is = |name: &str| Self::concept(name) == concept;
        // "who has been with us the longest" is no matter of hours per week.
        if is("duration")
            && let Some((Measure::Of(id), _)) = self.concept_measure(concept, false)
            && super::words::spaced(&id.name)
                .iter()
                .any(|word| hints(Hint::Dividing, &word.text))
            && let Some(since) = self.since_when()
        {
            return Some(((Measure::Of(since), None), !largest));
        }
        if let Some(found) = self.concept_measure(concept, true) {
            return Some((found, largest));
        }
        let mut also: Vec<(&str, bool)> = Vec::new();
        let mut units: &[UnitName] = &[];
        // "the busiest weekday" of rows that are told one by one: they are counted, where nothing else counts.
        let counts = ["visits", "sold", "quantity"].into_iter().any(|name| {
            let standing = self.schema.standing_for(Self::concept(name));
            standing.into_iter().any(|at| {
                self.column(at)
                    .is_some_and(super::schema::Column::is_measure)
            })
        });
        if is("visits") && !counts && self.naming().is_some() {
            return Some(((Measure::Rows, None), largest));
        }
        if is("speed") {
            also.extend([("duration", !largest), ("delay", !largest)]);
            units = &[UnitName::Second, UnitName::Minute, UnitName::Hour];
        } else if is("duration") {
            also.extend([("distance", largest), ("delay", largest)]);
            units = &[
                UnitName::Second,
                UnitName::Minute,
                UnitName::Hour,
                UnitName::Day,
                UnitName::Kilometre,
                UnitName::Metre,
            ];
        } else if is("visits") || is("sold") {
            also.extend([
                ("visits", largest),
                ("sold", largest),
                ("quantity", largest),
                ("revenue", largest),
            ]);
        } else if is("price") {
            also.extend([
                ("cost", largest),
                ("rent", largest),
                ("spent", largest),
                ("amount", largest),
                ("revenue", largest),
            ]);
            units = &[UnitName::Eur, UnitName::Usd, UnitName::Gbp, UnitName::Chf];
        } else if is("salary") {
            also.extend([("amount", largest), ("revenue", largest)]);
        } else if is("temperature") {
            units = &[UnitName::Celsius, UnitName::Degree];
        } else if is("weight") {
            units = &[UnitName::Kilogram, UnitName::Gram];
        } else if is("height") {
            units = &[UnitName::Metre];
        }
        for (name, largest) in also {
            if let Some(found) = self.concept_measure(Self::concept(name), true) {
                return Some((found, largest));
            }
        }
        if is("age") {
            let years: Vec<usize> = self
                .schema
                .of_role(|role| matches!(role, Role::Year | Role::Date))
                .collect();
            let birth = Self::concept("birth");
            let born = years.iter().copied().find(|at| {
                self.column(*at)
                    .is_some_and(|column| column.concepts.contains(&birth))
            });
            let only = match years.as_slice() {
                [only] => Some(*only),
                _ => None,
            };
            let id = self.column(born.or(only)?)?.id.clone();
            let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
            self.assume(said);
            return Some(((Measure::Of(id), None), !largest));
        }
        if is("duration")
            && let Some(since) = self.since_when()
        {
            return Some(((Measure::Of(since), None), !largest));
        }
        // "in which month were groceries the most expensive" of a table whose columns became rows
        if is("price")
            && let Some(value) = self.worth_of_cells(Self::concept("cost"))
        {
            let said = self
                .speech
                .say("taken_for", &[("column", value.name.trim())]);
            self.assume(said);
            return Some(((Measure::Of(value), None), largest));
        }
        let speed_by_time = is("speed");
        let of_unit: Vec<usize> = self
            .schema
            .measures()
            .filter(|at| {
                self.column(*at)
                    .is_some_and(|column| units.iter().any(|unit| has_unit(column, *unit)))
            })
            .collect();
        // What is still there was not sold.
        let left = self.schema.standing_for(Self::concept("stock"));
        let adds = self.schema.of_role(|role| role == Role::Adds);
        let adds: Vec<usize> = adds.filter(|at| !left.contains(at)).collect();
        let popular = is("visits") || is("sold");
        let found = match (of_unit.as_slice(), adds.as_slice()) {
            ([only], _) => Some(*only),
            // "busiest": the only thing that is counted at all.
            ([], [only]) if popular => Some(*only),
            _ => None,
        };
        let id = self.column(found?)?.id.clone();
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some(((Measure::Of(id), None), largest != speed_by_time))
    }
}

/// Whether a word chooses one of those that are compared: "bigger", "fewer".
pub(super) fn chooses_between(text: &str) -> bool {
    hints(Hint::More, text) || hints(Hint::Less, text)
}

/// What a comparative compares, by the name of its concept: "longer", "older".
pub(super) fn comparative(text: &str) -> Option<&'static str> {
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
    let compares = text.ends_with("er") || text == "expensive";
    let said = SAID.iter().find(|(begin, _)| text.starts_with(begin))?;
    compares.then_some(said.1)
}
