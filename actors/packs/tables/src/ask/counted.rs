//! What "how many" counts: rows, the different values of a column, or the numbers of one that counts.

use aios_languages::{Ask, Asking, Hint, UnitName, all_asks, hints};

use super::figures::COUNTED;
use super::marks::What;
use super::question::{Filter, Measure, Test};
use super::resolve::Reader;
use super::schema::{Column, Role};
use super::units::has_unit;

impl Reader<'_> {
    /// The file whose rows a goal names: "how many orders came from Denmark", of `orders.csv`.
    pub(super) fn counted_file(&self) -> Option<String> {
        let of = |at: usize| {
            let mark = self.mark(at)?;
            let stem = super::words::canon(self.words.text(mark.from));
            let mut named = self
                .schema
                .tables
                .iter()
                .filter(|(file, ..)| super::schema::file_words(file).contains(&stem));
            let (_, name, _) = named.next()?;
            named.next().is_none().then(|| name.clone())
        };
        (0..self.marks.all.len()).find_map(of)
    }

    /// What is counted by a column that two files share is counted in the one that has a row for each.
    pub(super) fn one_by_one(&self, counted: Measure) -> Measure {
        let Measure::Distinct(id) = &counted else {
            return counted;
        };
        let unique = |column: &super::schema::Column| {
            column.distinct > 0 && column.distinct + column.missing >= column.rows
        };
        let own = self.schema.columns.iter().find(|column| column.id == *id);
        if own.is_none_or(unique) {
            return counted;
        }
        let other = self.schema.columns.iter().find(|column| {
            column.id.table != id.table && column.id.name == id.name && unique(column)
        });
        other.map_or(counted.clone(), |other| Measure::Distinct(other.id.clone()))
    }

    /// A word that counts and is a column's name in full: `headcount`, where the column is called `hc`.
    fn counted_in_a_column(&mut self, at: usize) -> Option<super::question::Column> {
        let mark = self
            .mark(at)
            .filter(|mark| mark.what == What::Ask(Ask::Count))?;
        let text = self.words.text(mark.from);
        if mark.to != mark.from + 1 || !text.starts_with("head") {
            return None;
        }
        let mut columns = self.schema.columns.iter().filter(|column| {
            column.role == Role::Adds
                && column
                    .core()
                    .iter()
                    .any(|word| super::kin::abbreviates(word, text))
        });
        let id = columns
            .next()
            .filter(|_| columns.next().is_none())?
            .id
            .clone();
        self.take(at);
        Some(id)
    }

    /// Whether several that are called after what they do are the rows, each with a name of its own.
    fn are_people(&self, at: usize) -> bool {
        let doers = self.mark(at).is_some_and(|mark| {
            let text = self.words.text(mark.from);
            let plural = self.words.language != "en" || text.ends_with('s');
            plural && super::named::is_a_doer(text)
        });
        let mut names = self.schema.columns.iter().filter(|column| {
            matches!(column.role, Role::Names | Role::Groups)
                && matches!(column.words.as_slice(), [only] if hints(Hint::Titling, only))
        });
        let named = names
            .next()
            .is_some_and(|column| column.missing == 0 && column.distinct * 10 >= column.rows * 9);
        doers && named && self.schema.value.is_none()
    }

    /// "How often": rows, where the table does not count how often itself. What it was that came about so often is heard with it.
    fn how_often(&mut self, at: usize, to: usize) -> Option<Measure> {
        let mark = self.mark(at)?;
        let said = self.written(mark).to_lowercase();
        let often = ["how often", "how many times", "wie oft", "combien de fois"]
            .contains(&said.as_str())
            || said.starts_with("cu") && said.ends_with("veces");
        if !often || self.rows() != Measure::Rows || self.counts_column().is_some() {
            return None;
        }
        let counts = self.schema.of_role(|role| role == Role::Adds).any(|at| {
            self.column(at).is_some_and(|column| {
                column.concepts.contains(&Self::concept("visits"))
                    || column
                        .core()
                        .iter()
                        .any(|word| ["tim", "time", "mal", "count", "frequenci"].contains(word))
            })
        });
        let thing = self.next(at + 1, to).filter(|next| {
            !self.is_used(*next)
                && match self.mark(*next).map(|mark| &mark.what) {
                    Some(What::Column(all, _)) => all.iter().all(|column| {
                        self.column(*column).is_some_and(|column| {
                            column.role == Role::Groups && column.truth.is_none()
                        })
                    }),
                    _ => false,
                }
        })?;
        if counts {
            return None;
        }
        self.take(thing);
        Some(Measure::Rows)
    }

    /// What "how many" counts: rows, or the different values of a column.
    pub(super) fn counted(&mut self, from: usize, to: usize) -> Option<Measure> {
        for at in from..to {
            let distinct = self.is_ask(at, Ask::Distinct);
            // "headcount overall" of `hc`
            if let Some(column) = self.counted_in_a_column(at) {
                return Some(Measure::Of(column));
            }
            if !distinct && !self.is_ask(at, Ask::Count) {
                if self.is_ask(at, Ask::Rows) {
                    self.take(at);
                    return Some(Measure::Rows);
                }
                continue;
            }
            // "how often were the doors opened": each row is one time, whatever stands behind.
            if let Some(times) = self.how_often(at, to) {
                return Some(times);
            }
            let mut distinct = distinct;
            let mut next = at + 1;
            let noun = self.next(next, to).filter(|at| {
                matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Value(..)))
            });
            while let Some(place) = self.next(next, to) {
                let Some(mark) = self.mark(place).cloned() else {
                    break;
                };
                // "how many bookings are there for account 7": what stands apart from the value is not what is counted.
                if noun.is_some() && next > at + 1 && place > next {
                    break;
                }
                match &mark.what {
                    // "how many active members": the rows are chosen by it already.
                    What::Column(..)
                        if !distinct
                            && self.is_used(place)
                            && self.is_said_of_a_thing(place, to) =>
                    {
                        next = place + 1;
                    }
                    What::Ask(Ask::Distinct) => {
                        distinct = true;
                        next = place + 1;
                    }
                    // "how many surgery admissions", "how many North orders"
                    What::Value(..) | What::Ask(Ask::Only | Ask::Total | Ask::Without) => {
                        next = place + 1
                    }
                    What::Ask(Ask::Rows) => {
                        self.take(place);
                        return Some(Measure::Rows);
                    }
                    What::File => {
                        // "how many mails did we send" of a column of those that were sent
                        if let Some(done) = self.done_to(place, to) {
                            self.take(place);
                            return Some(done);
                        }
                        self.take(place);
                        // "orders.csv" may have a column of orders to add, named beside it.
                        return Some(self.counts_column().unwrap_or_else(|| self.rows()));
                    }
                    What::Column(all, full) if !self.is_used(place) => {
                        let adds = all.iter().copied().find(|column| {
                            self.column(*column)
                                .is_some_and(|column| column.role == Role::Adds)
                        });
                        let named = all.iter().copied().find(|column| {
                            self.column(*column)
                                .is_some_and(|column| !column.is_measure() && !column.is_time())
                        });
                        // "how many check-ins": each row has one.
                        let dated = all.first().and_then(|column| self.column(*column));
                        if dated.is_some_and(|column| column.is_time()) && !distinct {
                            let name = self.written(&mark);
                            self.take(place);
                            let said = self.speech.say("rows_are", &[("what", &name)]);
                            self.assume(said);
                            return Some(self.rows());
                        }
                        // "how many readings": what does not add up is counted.
                        let rated = all.iter().all(|column| {
                            self.column(*column)
                                .is_some_and(|column| column.role == Role::Rates)
                        });
                        // "the average number of stars" is one of theirs.
                        let mean = self.asks(from, to).has(Ask::Mean);
                        if rated && mean && !distinct {
                            return None;
                        }
                        if rated && !distinct && self.schema.value.is_none() {
                            self.take(place);
                            return Some(Measure::Rows);
                        }
                        // "how many sensors" asks not for the kinds in `sensor_type`.
                        let head = all.first().and_then(|column| self.column(*column));
                        let kinds = !*full
                            && !distinct
                            && adds.is_none()
                            && head.is_some_and(|column| {
                                column.core().len() > 1
                                    && column.core().last().is_some_and(|last| {
                                        *last != super::words::canon(self.words.text(mark.to - 1))
                                    })
                            });
                        if kinds {
                            let name = self.written(&mark);
                            self.take(place);
                            let said = self.speech.say("rows_are", &[("what", &name)]);
                            self.assume(said);
                            return Some(self.rows());
                        }
                        if let (Some(column), true) = (adds, *full || named.is_none())
                            && !distinct
                        {
                            // "how many fees" of a column `Fee`: each row has one, whatever it comes to.
                            let heading = super::words::spaced(&self.column(column)?.id.name);
                            let one = heading.iter().all(|word| !word.text.ends_with('s'));
                            let several = self.words.text(mark.to - 1).ends_with('s');
                            if one && several && self.is_an_amount(column) {
                                let name = self.written(&mark);
                                self.take(place);
                                let said = self.speech.say("rows_are", &[("what", &name)]);
                                self.assume(said);
                                return Some(self.rows());
                            }
                            let id = self.column(column)?.id.clone();
                            self.take(place);
                            return Some(Measure::Of(id));
                        }
                        let mut columns = all.iter().copied().filter(|column| {
                            self.column(*column)
                                .is_some_and(|column| !column.is_measure() || distinct)
                        });
                        // What is counted by its number is counted surest.
                        let id = columns.next()?;
                        let id = self.column(id)?.id.clone();
                        self.take(place);
                        return Some(Measure::Distinct(id));
                    }
                    What::Concept(_) | What::Unknown
                        if !distinct && let Some(who) = self.who_did(place, to) =>
                    {
                        self.take(place);
                        let verb = self.next(place + 1, to);
                        verb.into_iter().for_each(|verb| self.take(verb));
                        return Some(who);
                    }
                    What::Concept(concept) if !self.is_used(place) => {
                        if self.schema.standing_for(*concept).is_empty()
                            && let Some(done) = self.done_to(place, to)
                        {
                            self.take(place);
                            return Some(done);
                        }
                        return self.counted_concept(place, *concept, distinct);
                    }
                    // "how many singers" of a list of names: whoever they are, each row is one.
                    What::Unknown if !distinct && self.are_people(place) => {
                        let name = self.written(&mark);
                        self.take(place);
                        let said = self.speech.say("rows_are", &[("what", &name)]);
                        self.assume(said);
                        return Some(Measure::Rows);
                    }
                    What::Kin(_) if !self.is_used(place) && !distinct => {
                        let found = self.measured(place);
                        let adds = |column: &usize| {
                            self.column(*column)
                                .is_some_and(|column| column.role == Role::Adds)
                        };
                        let [only] = found.as_slice() else { break };
                        // "how many kilos went to Prague": weights add up, though a column of them may hold those of one each.
                        let amounts = |column: &usize| {
                            self.column(*column).is_some_and(|column| {
                                [
                                    UnitName::Kilogram,
                                    UnitName::Gram,
                                    UnitName::Tonne,
                                    UnitName::Litre,
                                    UnitName::Kilometre,
                                    UnitName::KilowattHour,
                                ]
                                .into_iter()
                                .any(|unit| has_unit(column, unit))
                            })
                        };
                        if amounts(only)
                            && let Some(id) = self.column(*only).map(|column| column.id.clone())
                        {
                            self.take(place);
                            self.summed.push(id.clone());
                            return Some(Measure::Of(id));
                        }
                        let id = self.column(*only).filter(|_| adds(only))?.id.clone();
                        self.take(place);
                        return Some(Measure::Of(id));
                    }
                    What::Ask(Ask::Day | Ask::Week | Ask::Month | Ask::Quarter | Ask::Year) => {
                        return None;
                    }
                    _ => break,
                }
            }
            if let Some(noun) = noun.filter(|_| !distinct)
                && let Some(pieces) = self.counted_value(noun)
            {
                return Some(pieces);
            }
        }
        None
    }

    /// "how many products are in stock": of things that are counted those of which there are any.
    pub(super) fn in_stock(
        &mut self,
        from: usize,
        to: usize,
        counted: Option<&Measure>,
        out: &mut Vec<Filter>,
    ) {
        let stock = Self::concept("stock");
        let Some(at) = (from..to).find(|at| {
            self.mark(*at)
                .is_some_and(|mark| mark.what == What::Concept(stock) && mark.to > mark.from + 1)
        }) else {
            return;
        };
        let standing = self.schema.standing_for(stock);
        let [only] = standing.as_slice() else { return };
        let Some(column) = self
            .column(*only)
            .filter(|column| column.is_measure())
            .cloned()
        else {
            return;
        };
        match counted {
            Some(Measure::Rows | Measure::Distinct(_)) => {
                self.take(at);
                if column.least.is_some_and(|least| least <= 0.0) || column.missing > 0 {
                    out.push(Filter {
                        column: column.id,
                        test: Test::Above(0.0, false),
                        not: false,
                        part: false,
                    });
                }
            }
            Some(Measure::Of(id)) if *id == column.id => self.take(at),
            _ => {}
        }
    }

    /// "how many people boarded at the harbour" of a column `Boarded`: whoever did is what it counts.
    fn who_did(&self, place: usize, to: usize) -> Option<Measure> {
        let mark = self.mark(place)?;
        let anybody = hints(Hint::Anybody, self.words.text(mark.from));
        let at = self.next(place + 1, to).filter(|_| anybody)?;
        let What::Column(all, true) = &self.mark(at)?.what else {
            return None;
        };
        let [only] = all.as_slice() else { return None };
        let column = self.column(*only)?;
        let said = self.words.text(self.mark(at)?.from);
        let did = super::heard::is_participle(said, &self.words.language);
        let counts = column.role == Role::Adds && column.whole && column.id.unit.is_none();
        (did && counts).then(|| Measure::Of(column.id.clone()))
    }

    /// "how many mails did we send": what was done to things is what the only column counts that a verb at the end hints at.
    fn done_to(&mut self, place: usize, to: usize) -> Option<Measure> {
        let did = (place + 1..to).any(|at| {
            self.mark(at)
                .is_some_and(|mark| self.words.text(mark.from) == "did")
        });
        // Nothing but how it is told stands behind the verb.
        let at = (place + 1..to).rev().find(|at| {
            !self.mark(*at).is_some_and(super::clause::is_filler) && !self.is_ask(*at, Ask::Total)
        })?;
        let What::Kin(all) = &self.mark(at)?.what else {
            return None;
        };
        let [only] = all.as_slice() else { return None };
        let column = self.column(*only)?;
        let counts = column.core().len() == 1 && column.role == Role::Adds && column.whole;
        let id = Some(column.id.clone()).filter(|_| did && counts)?;
        self.take(at);
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some(Measure::Of(id))
    }

    /// "how many chairs do we have": where the file has a column of pieces, these are counted and not the rows of chairs. A value that is
    /// also what each row may be called ("how many bookings", of a text `Booking`) leaves open which is meant.
    fn counted_value(&mut self, at: usize) -> Option<Measure> {
        let mark = self.mark(at)?.clone();
        let What::Value(values, _) = &mark.what else {
            return None;
        };
        let (column, value) = values.first()?;
        let column = self.column(*column)?;
        let said = self.words.all.get(mark.from..mark.to)?;
        let rows = |concept: &u32| COUNTED.iter().any(|name| Self::concept(name) == *concept);
        if all_asks()
            .iter()
            .any(|asks| asks.concepts(said).iter().any(rows))
        {
            let name = self.written(&mark);
            let told = self.speech.say(
                "row_or_value",
                &[
                    ("said", &name),
                    ("column", column.id.name.trim()),
                    ("value", value),
                ],
            );
            self.assume(told);
            return None;
        }
        let table = &column.id.table;
        let first = self.schema.columns.iter().find(|known| {
            known.id.table == *table && matches!(known.role, Role::Names | Role::Groups)
        });
        let subject = column.concepts.contains(&Self::concept("product"))
            || first.is_some_and(|first| first.id == column.id);
        if !subject {
            return None;
        }
        let pieces = ["quantity", "stock"].into_iter().find_map(|name| {
            let mut adds = self
                .schema
                .standing_for(Self::concept(name))
                .into_iter()
                .filter_map(|at| self.column(at))
                .filter(|known| known.role == Role::Adds && known.id.table == *table);
            adds.next().filter(|_| adds.next().is_none())
        });
        let pieces = pieces.or_else(|| self.numbers_beside(column))?;
        let id = pieces.id.clone();
        let told = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(told);
        // So many of each add up, whatever else such a heading may number.
        self.summed.push(id.clone());
        Some(Measure::Of(id))
    }

    /// A column that is called a number of what stands beside it in each row, where the table measures nothing else: `item`, `number`.
    fn numbers_beside(&self, named: &Column) -> Option<&Column> {
        let mut all = self.schema.columns.iter().filter(|column| {
            column.id.table == named.id.table
                && column.id != named.id
                && (column.is_measure() || column.least.is_some())
        });
        let only = all.next().filter(|_| all.next().is_none())?;
        let counts = matches!(only.words.as_slice(), [word] if hints(Hint::Counting, word))
            || matches!(super::words::spaced(&only.id.name).as_slice(), [word] if hints(Hint::Counting, &word.text));
        (counts && only.whole && only.least.is_some_and(|least| least >= 0.0)).then_some(only)
    }

    /// A table whose rows are already counts has a column that is called so; its rows are no things.
    pub(super) fn counts_column(&self) -> Option<Measure> {
        let mut adds = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at));
        let (column, more) = (adds.next()?, adds.next());
        let name = aios_languages::folded(&column.id.name);
        let plain = matches!(name.as_slice(), [only] if hints(Hint::Counting, &only.text));
        let counts = plain
            || all_asks().iter().any(|asks| {
                asks.find(&name).iter().any(|found| {
                    found.asking == Asking::Ask(Ask::Count) && found.to - found.from == name.len()
                })
            });
        (counts && more.is_none()).then(|| Measure::Of(column.id.clone()))
    }

    pub(super) fn counted_concept(
        &mut self,
        place: usize,
        concept: u32,
        distinct: bool,
    ) -> Option<Measure> {
        // "how many people": whoever the rows are of.
        let people =
            concept == Self::concept("population") && self.schema.standing_for(concept).is_empty();
        let concept = if people {
            Self::concept("employee")
        } else {
            concept
        };
        let standing = self.schema.standing_for(concept);
        // "how many invoices" of a column of their amounts: it is they that are counted.
        let paid = ["invoice", "order"]
            .into_iter()
            .any(|name| Self::concept(name) == concept);
        let adds = standing.iter().copied().find(|column| {
            self.column(*column).is_some_and(|column| {
                column.role == Role::Adds && !(paid && (column.id.unit.is_some() || !column.whole))
            })
        });
        if let (Some(column), false) = (adds, distinct) {
            let id = self.column(column)?.id.clone();
            self.take(place);
            return Some(Measure::Of(id));
        }
        let named = standing.iter().copied().find(|column| {
            self.column(*column)
                .is_some_and(|column| !column.is_measure() && !column.is_time())
        });
        if let Some(column) = named {
            let id = self.column(column)?.id.clone();
            self.take(place);
            return Some(Measure::Distinct(id));
        }
        // "how many pieces are there" of what is in stock
        if concept == Self::concept("quantity")
            && !distinct
            && let Some((stock, _)) = self.concept_measure(concept, true)
        {
            self.take(place);
            return Some(stock);
        }
        // "how many sales": each row is one, where no column adds them up.
        let sales = self.mark(place).is_some_and(|mark| {
            ["sales", "ventes", "ventas", "verkaufe"].contains(&self.words.text(mark.from))
        });
        let counted = sales || COUNTED.iter().any(|name| Self::concept(name) == concept);
        if (counted || self.is_the_file(place)) && !distinct {
            let name = self
                .mark(place)
                .map(|mark| self.written(mark))
                .unwrap_or_default();
            self.take(place);
            if let Some(counts) = self.counts_column() {
                return Some(counts);
            }
            if let rows @ Measure::Of(_) = self.rows() {
                return Some(rows);
            }
            let said = self.speech.say("rows_are", &[("what", &name)]);
            self.assumed.push(said);
            // "how many guests" of `bikes.csv`: its name says that rows are something else.
            if concept == Self::concept("event")
                && !self.is_the_file(place)
                && self.schema.about_things.contains(&concept)
            {
                let said = self.speech.say("one_kind", &[("said", &name)]);
                self.assume(said);
            }
            return Some(Measure::Rows);
        }
        None
    }

    /// What is counted where rows are: of a table whose columns became rows what these hold.
    pub(super) fn rows(&self) -> Measure {
        let value = self.schema.value.as_ref();
        let value = value.filter(|id| {
            let mut columns = self.schema.columns.iter();
            columns.any(|column| column.id == **id && column.role == Role::Adds)
        });
        value.map_or(Measure::Rows, |id| Measure::Of(id.clone()))
    }
}
