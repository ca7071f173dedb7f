//! What a question measures: columns, things that stand for columns, counts, rates, and for each of what.

use std::collections::BTreeSet;

use aios_languages::{Ask, Asking, all_asks};
use aios_work::Grain;

use super::marks::What;
use super::question::{Column as Id, Figure, Group, Make, Measure, Order};
use super::resolve::Reader;
use super::schema::{Column, Role};

/// Things of which a table has one row each, by the names of their concepts.
const COUNTED: [&str; 9] = [
    "order", "invoice", "customer", "employee", "student", "patient", "supplier", "event", "visits",
];
/// Things that say how something came about, and nothing that a column must hold.
const WEAK: [&str; 6] = ["sold", "spent", "employee", "event", "order", "quantity"];

impl Reader<'_> {
    /// Whether a word is what the file is called.
    fn is_the_file(&self, at: usize) -> bool {
        let word = self
            .mark(at)
            .map(|mark| super::words::canon(self.words.text(mark.from)));
        let files = self.schema.tables.iter();
        files
            .flat_map(|(file, ..)| super::schema::file_words(file))
            .any(|known| Some(&known) == word.as_ref())
    }

    /// "the total budget" of `budget.csv`: what the file is called is what its only amounts are.
    fn what_the_file_is(&self, at: usize) -> Option<Id> {
        let mut adds = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at));
        let (only, more) = (adds.next()?, adds.next());
        (more.is_none() && self.is_the_file(at)).then(|| only.id.clone())
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

    /// "top 3", "the largest", "the second best".
    pub(super) fn order(&mut self, from: usize, to: usize) -> Option<Order> {
        let mut largest = None;
        let (mut limit, mut skip) = (None, 0);
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            match mark.what {
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
                What::Superlative(ask, _) => {
                    largest = largest.or(Some(ask == Ask::Highest));
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
                What::Ask(Ask::Rank) => {
                    self.take(at);
                    let up = ["ascending", "aufsteigend", "croissant", "ascendente"]
                        .contains(&self.words.text(mark.from));
                    return Some(Order {
                        largest: !up,
                        limit: None,
                        skip: 0,
                    });
                }
                _ => {}
            }
        }
        largest.map(|largest| Order {
            largest,
            limit: Some(limit.unwrap_or(1)),
            skip,
        })
    }

    fn number_beside(&mut self, at: usize, from: usize, to: usize) -> Option<u32> {
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
            What::Superlative(ask, concept) => {
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

    /// For each of what.
    pub(super) fn groups(&mut self, from: usize, to: usize) -> Vec<Group> {
        let mut out: Vec<Group> = Vec::new();
        for at in from..to {
            let Some(What::Ask(ask)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            if self.is_relative(from, at) {
                self.take(at);
                continue;
            }
            let adverb = match ask {
                Ask::Daily => Some(Grain::Day),
                Ask::Weekly => Some(Grain::Week),
                Ask::Monthly => Some(Grain::Month),
                Ask::Quarterly => Some(Grain::Quarter),
                Ask::Yearly => Some(Grain::Year),
                _ => None,
            };
            if let Some(grain) = adverb {
                self.take(at);
                let group = self.each(from, to, grain);
                add(&mut out, group);
                continue;
            }
            match ask {
                Ask::Per | Ask::Which => self.groups_behind(at, from, to, ask, &mut out),
                Ask::Who => self.of_concepts(
                    at,
                    &["employee", "customer", "student", "patient"],
                    &mut out,
                ),
                Ask::Where => {
                    self.of_concepts(at, &["city", "store", "region", "country"], &mut out)
                }
                Ask::When => {
                    self.take(at);
                    let group = self.each(from, to, Grain::Day);
                    add(&mut out, group);
                }
                Ask::Highest | Ask::Lowest | Ask::Top | Ask::Bottom => {
                    self.group_of_best(at, from, to, &mut out);
                }
                _ => {}
            }
        }
        for at in from..to {
            if let Some(What::Superlative(..)) = self.mark(at).map(|mark| mark.what.clone()) {
                self.group_of_best(at, from, to, &mut out);
            }
        }
        out
    }

    fn groups_behind(&mut self, at: usize, from: usize, to: usize, ask: Ask, out: &mut Vec<Group>) {
        let mut place = at + 1;
        let mut found = 0;
        while let Some(next) = self.next(place, to) {
            let Some(mark) = self.mark(next).cloned() else {
                break;
            };
            // "by region and product", "by region, product": joined words go on.
            if found > 0 {
                let joined = (place..next).any(|at| self.is_ask(at, Ask::And))
                    || self.words.gap(mark.from).contains([',', '/', '&']);
                if !joined {
                    break;
                }
            }
            let group = match &mark.what {
                What::Column(all, _) if !self.is_used(next) => {
                    let mut columns = all.iter().copied().filter(|column| {
                        self.column(*column).is_some_and(|column| {
                            !column.is_measure() && column.role != Role::Nothing
                        })
                    });
                    let best = self.named_best(&mut columns);
                    best.and_then(|column| self.group_of(column))
                }
                What::Concept(concept) if !self.is_used(next) => self.group_of_concept(*concept),
                What::Ask(Ask::Weekday) => {
                    let date = self.date(from, to).and_then(|at| self.column(at));
                    date.filter(|column| column.role == Role::Date && column.finest == Grain::Day)
                        .map(|column| Group::Weekday(column.id.clone()))
                }
                What::Ask(Ask::Hour) => {
                    let date = self.date(from, to).and_then(|at| self.column(at));
                    date.filter(|column| column.hours)
                        .map(|column| Group::Hour(column.id.clone()))
                }
                What::Ask(
                    Ask::Distinct | Ask::Highest | Ask::Lowest | Ask::Rows | Ask::Which | Ask::Per,
                ) if found == 0 => {
                    place = next + 1;
                    if matches!(mark.what, What::Ask(Ask::Highest | Ask::Lowest))
                        && ask == Ask::Which
                    {
                        break;
                    }
                    continue;
                }
                _ => match self.grain_at(next) {
                    Some(grain) if ask == Ask::Per || self.asks_for_period(next, to) => {
                        self.each(from, to, grain)
                    }
                    _ => None,
                },
            };
            let Some(group) = group else {
                // A thing by which nothing can be grouped is not in the data; a measure makes a rate.
                let measured = |reader: &Self, concept: u32| {
                    reader
                        .schema
                        .standing_for(concept)
                        .iter()
                        .any(|column| reader.column(*column).is_some_and(Column::is_measure))
                };
                if let What::Concept(concept) = mark.what
                    && ask == Ask::Per
                    && !self.is_used(next)
                    && !measured(self, concept)
                {
                    let name = self.written(&mark);
                    self.take(next);
                    self.say_absent(&name);
                }
                break;
            };
            self.take(next);
            add(out, Some(group));
            found += 1;
            place = next + 1;
            if ask == Ask::Which {
                break;
            }
        }
        let _ = from;
    }

    /// "Which month", "what day": not "what is the revenue of the month".
    fn asks_for_period(&self, at: usize, to: usize) -> bool {
        let _ = to;
        let before = at.checked_sub(1).and_then(|before| self.mark(before));
        before.is_some_and(|mark| {
            matches!(mark.what, What::Ask(Ask::Which | Ask::Filler))
                && (matches!(mark.what, What::Ask(Ask::Which))
                    || self.words.text(mark.from) == "calendar")
        })
    }

    /// Of several columns with the word, one that names rather than numbers.
    fn named_best(&self, columns: &mut dyn Iterator<Item = usize>) -> Option<usize> {
        columns.min_by_key(|column| {
            let known = self.column(*column);
            let id = known.is_some_and(|column| {
                column.words.len() > 1
                    && column
                        .words
                        .iter()
                        .any(|word| ["id", "no", "nr", "key", "number"].contains(&word.as_str()))
            });
            (id, known.map_or(0, |column| column.core().len()))
        })
    }

    fn group_of_concept(&self, concept: u32) -> Option<Group> {
        let columns = self.schema.standing_for(concept);
        let mut columns = columns.into_iter().filter(|column| {
            self.column(*column)
                .is_some_and(|column| !column.is_measure() && column.role != Role::Nothing)
        });
        let best = self.named_best(&mut columns)?;
        self.group_of(best)
    }

    fn of_concepts(&mut self, at: usize, names: &[&str], out: &mut Vec<Group>) {
        self.take(at);
        let group = names
            .iter()
            .find_map(|name| self.group_of_concept(Self::concept(name)));
        add(out, group);
    }

    /// "the best region", "top 3 products", "highest month".
    fn group_of_best(&mut self, at: usize, from: usize, to: usize, out: &mut Vec<Group>) {
        let mut next = at + 1;
        while let Some(place) = self.next(next, to) {
            match self.mark(place).map(|mark| mark.what.clone()) {
                Some(What::Number(_)) => next = place + 1,
                Some(What::Column(all, _)) if !self.is_used(place) => {
                    let mut columns = all.iter().copied().filter(|column| {
                        self.column(*column)
                            .is_some_and(|column| matches!(column.role, Role::Groups | Role::Names))
                    });
                    if let Some(group) = self
                        .named_best(&mut columns)
                        .and_then(|column| self.group_of(column))
                    {
                        self.take(place);
                        add(out, Some(group));
                    }
                    return;
                }
                Some(What::Concept(concept)) if !self.is_used(place) => {
                    if let Some(group) = self.group_of_concept(concept) {
                        self.take(place);
                        add(out, Some(group));
                    }
                    return;
                }
                _ => {
                    if let Some(grain) = self.grain_at(place) {
                        self.take(place);
                        let group = self.each(from, to, grain);
                        add(out, group);
                    }
                    return;
                }
            }
        }
    }

    /// Periods of the date column; of a year's numbers its years.
    fn each(&mut self, from: usize, to: usize, grain: Grain) -> Option<Group> {
        let Some(column) = self.date(from, to).and_then(|at| self.column(at)).cloned() else {
            // A column of month names will do.
            let words: &[&str] = match grain {
                Grain::Month => &["month", "monat", "moi", "mois", "mes"],
                Grain::Quarter => &["quarter", "quartal", "trimestr"],
                Grain::Year => &["year", "jahr", "annee", "ano"],
                Grain::Week => &["week", "woche", "semain", "semana"],
                Grain::Day => &["day", "tag", "jour", "dia", "date", "datum"],
            };
            let named = self.schema.columns.iter().find(|column| {
                !column.is_measure()
                    && column
                        .words
                        .iter()
                        .any(|word| words.iter().any(|known| word.starts_with(known)))
            });
            let group = named.map(|column| Group::By(column.id.clone()));
            if group.is_none() {
                let said = self.speech.say("no_dates", &[]);
                if !self.absent.contains(&said) {
                    self.absent.push(said);
                }
            }
            return group;
        };
        if column.role == Role::Year {
            return Some(Group::By(column.id));
        }
        if grain < column.finest {
            return Some(Group::Each(column.id, column.finest));
        }
        Some(Group::Each(column.id, grain))
    }

    /// "revenue per unit": a measure behind "per" is what is divided by.
    pub(super) fn over(&mut self, from: usize, to: usize) -> Option<Measure> {
        for at in from..to {
            // "top 3 by revenue" ranks by it.
            let by = self.mark(at).is_some_and(|mark| {
                ["by", "nach", "according", "segun", "selon"].contains(&self.words.text(mark.from))
            });
            if !self.is_ask(at, Ask::Per) || by {
                continue;
            }
            let Some(next) = self.next(at + 1, to) else {
                continue;
            };
            if self.is_used(next) || !self.names_another_measure(next, from, to) {
                continue;
            }
            let column = match self.mark(next).map(|mark| mark.what.clone()) {
                Some(What::Column(all, _)) => all.into_iter().find(|column| {
                    self.column(*column)
                        .is_some_and(|column| column.role == Role::Adds)
                }),
                Some(What::Concept(concept)) => {
                    self.schema
                        .standing_for(concept)
                        .into_iter()
                        .find(|column| {
                            self.column(*column)
                                .is_some_and(|column| column.role == Role::Adds)
                        })
                }
                Some(What::Ask(Ask::Rows)) => {
                    self.take(next);
                    return Some(Measure::Rows);
                }
                Some(What::File) => {
                    self.take(next);
                    return Some(Measure::Rows);
                }
                _ => None,
            };
            if let Some(column) = column.and_then(|column| self.column(column)) {
                let id = column.id.clone();
                self.take(next);
                return Some(Measure::Of(id));
            }
        }
        None
    }

    /// Whether the clause measures something beside what stands at a place.
    fn names_another_measure(&self, at: usize, from: usize, to: usize) -> bool {
        (from..to).filter(|other| *other != at).any(|other| {
            match self.mark(other).map(|mark| &mark.what) {
                Some(What::Column(all, _)) => all
                    .iter()
                    .any(|column| self.column(*column).is_some_and(Column::is_measure)),
                Some(What::Concept(_) | What::Ask(Ask::Count)) => true,
                _ => false,
            }
        })
    }

    /// What "how many" counts: rows, or the different values of a column.
    pub(super) fn counted(&mut self, from: usize, to: usize) -> Option<Measure> {
        for at in from..to {
            let distinct = self.is_ask(at, Ask::Distinct);
            if !distinct && !self.is_ask(at, Ask::Count) {
                if self.is_ask(at, Ask::Rows) {
                    self.take(at);
                    return Some(Measure::Rows);
                }
                continue;
            }
            let mut distinct = distinct;
            let mut next = at + 1;
            while let Some(place) = self.next(next, to) {
                let Some(mark) = self.mark(place).cloned() else {
                    break;
                };
                match &mark.what {
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
                        self.take(place);
                        // "orders.csv" may have a column of orders to add, named beside it.
                        return Some(self.counts_column().unwrap_or(Measure::Rows));
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
                        if let (Some(column), true) = (adds, *full || named.is_none())
                            && !distinct
                        {
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
                    What::Concept(concept) if !self.is_used(place) => {
                        return self.counted_concept(place, *concept, distinct);
                    }
                    What::Ask(Ask::Day | Ask::Week | Ask::Month | Ask::Quarter | Ask::Year) => {
                        return None;
                    }
                    _ => break,
                }
            }
            if distinct {
                continue;
            }
        }
        None
    }

    /// A table whose rows are already counts has a column that is called so; its rows are no things.
    pub(super) fn counts_column(&self) -> Option<Measure> {
        let mut adds = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at));
        let (column, more) = (adds.next()?, adds.next());
        let name = aios_languages::folded(&column.id.name);
        let counts = all_asks().iter().any(|asks| {
            asks.find(&name).iter().any(|found| {
                found.asking == Asking::Ask(Ask::Count) && found.to - found.from == name.len()
            })
        });
        (counts && more.is_none()).then(|| Measure::Of(column.id.clone()))
    }

    fn counted_concept(&mut self, place: usize, concept: u32, distinct: bool) -> Option<Measure> {
        let standing = self.schema.standing_for(concept);
        let adds = standing.iter().copied().find(|column| {
            self.column(*column)
                .is_some_and(|column| column.role == Role::Adds)
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
        let counted = COUNTED.iter().any(|name| Self::concept(name) == concept);
        if (counted || self.is_the_file(place)) && !distinct {
            let name = self
                .mark(place)
                .map(|mark| self.written(mark))
                .unwrap_or_default();
            self.take(place);
            if let Some(counts) = self.counts_column() {
                return Some(counts);
            }
            let said = self.speech.say("rows_are", &[("what", &name)]);
            self.assumed.push(said);
            return Some(Measure::Rows);
        }
        None
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
        // What a word means is asked only where no column is called so, weak words last.
        for weak in [false, true] {
            for (at, concept) in &concepts {
                if self.is_weak(*concept) != weak || self.is_used(*at) {
                    continue;
                }
                if weak && (!out.is_empty() || counted) {
                    self.take(*at);
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
                match self.concept_measure(*concept, true) {
                    Some(found) => {
                        self.take(*at);
                        if !out.iter().any(|(known, _)| *known == found.0) {
                            out.push(found);
                        }
                    }
                    None if weak => {}
                    None => {
                        let name = self
                            .mark(*at)
                            .map(|mark| self.written(mark))
                            .unwrap_or_default();
                        self.take(*at);
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
                        } else if !self.is_a_rate_of(*at, from, to) {
                            self.say_absent(&name);
                        }
                    }
                }
            }
        }
        out
    }

    /// Whether a word that says what a quantity is stands right behind the column that it is of.
    fn is_head_of_a_column(&self, at: usize, concept: u32) -> bool {
        const HEADS: [&str; 8] = [
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
                matches!(&mark.what, What::Column(all, true) if all
                .iter()
                .any(|column| self.column(*column).is_some_and(Column::is_measure)))
            });
        head && measure && self.schema.standing_for(concept).is_empty()
    }

    /// "conversion rate": what comes before "rate" is looked for by whoever reads rates.
    fn is_a_rate_of(&self, at: usize, from: usize, to: usize) -> bool {
        let _ = from;
        self.next(at + 1, to)
            .is_some_and(|next| self.is_ask(next, Ask::Ratio))
    }

    /// Whether a column stands beside a limit and is what is limited: "price over 100", "more than 10 units".
    fn is_limited(&self, at: usize, from: usize, to: usize) -> bool {
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
    fn best_measure(&self, columns: &[usize], asks: &BTreeSet<Ask>) -> Option<usize> {
        let rates = asks.contains(&Ask::Mean) || asks.contains(&Ask::Median);
        columns.iter().copied().min_by_key(|column| {
            let known = self.column(*column);
            let role = known.map(|column| column.role);
            let words = known.map_or(9, |column| column.core().len());
            // Sums are asked of what adds up.
            (words, (role == Some(Role::Rates)) != rates && words > 1)
        })
    }

    fn say_ambiguous(&mut self, at: usize, columns: &[usize], best: usize) {
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
            "revenue", "sold", "spent", "cost", "order", "invoice", "salary",
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
                self.column(*column)
                    .is_some_and(|column| column.role == Role::Adds)
            })
            .collect();
        match named.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
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
            if aloud {
                let said = self
                    .speech
                    .say("taken_for", &[("column", column.name.trim())]);
                if !self.assumed.contains(&said) {
                    self.assumed.push(said);
                }
            }
            return Some((Measure::Of(column), None));
        }
        let is = |name: &str| Self::concept(name) == concept;
        let of = |reader: &Self, name: &str| {
            let all = measures(reader, Self::concept(name));
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
            if aloud {
                let said = self
                    .speech
                    .say("taken_for", &[("column", column.name.trim())]);
                self.assumed.push(said);
            }
            return Some((Measure::Of(column), None));
        }
        if is("sold")
            && let Some(column) = of(self, "quantity")
        {
            return Some((Measure::Of(column), None));
        }
        if (is("revenue") || is("sold") || is("spent") || is("cost"))
            && let (Some(price), Some(quantity)) = (of(self, "price"), of(self, "quantity"))
        {
            if aloud {
                let said = self.speech.say(
                    "product",
                    &[("one", price.name.trim()), ("other", quantity.name.trim())],
                );
                self.assumed.push(said);
            }
            let called = format!("{} × {}", price.name.trim(), quantity.name.trim());
            return Some((Measure::Product(price, quantity), Some(called)));
        }
        if is("occurrence") {
            return Some((Measure::Rows, None));
        }
        if is("spent")
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

    /// A rate: one measure over another.
    pub(super) fn rate(
        &mut self,
        from: usize,
        to: usize,
        asks: &super::resolve::Asks,
        measures: &[(Measure, Option<String>)],
        over: Option<&Measure>,
    ) -> Option<Figure> {
        if let (Some(over), [(of, called)]) = (over, measures)
            && of != over
        {
            return Some(Figure {
                make: Make::Over(Box::new(over.clone()), false),
                of: of.clone(),
                called: called.clone(),
            });
        }
        if asks.has(Ask::Correlation)
            && let [(of, _), (Measure::Of(other), _)] = measures
        {
            self.take_all(from, to, Ask::Correlation);
            return Some(Figure {
                make: Make::Correlation(other.clone()),
                of: of.clone(),
                called: None,
            });
        }
        if asks.has(Ask::Ratio)
            && let [(first, _), (second, _)] = measures
        {
            let (of, over) = if self.leads_to(from, to) {
                (second, first)
            } else {
                (first, second)
            };
            return Some(Figure {
                make: Make::Over(Box::new(over.clone()), self.says_rate(from, to)),
                of: of.clone(),
                called: None,
            });
        }
        let rate = asks.has(Ask::Ratio) && self.says_rate(from, to);
        let share = asks.has(Ask::Share);
        if !rate && !share {
            return None;
        }
        // The part: what stands before "rate", or what is asked the share of.
        let part = match measures {
            [(Measure::Of(id), _)] => self
                .schema
                .columns
                .iter()
                .find(|column| column.id == *id)?
                .clone(),
            [] => self.part_of_rate(from, to)?,
            _ => return None,
        };
        if part.role != Role::Adds || (share && !part.whole) {
            return None;
        }
        let whole = self.whole_of(&part, share)?;
        let called = rate.then(|| self.name_of_rate(from, to)).flatten();
        let said = self.speech.say(
            "rate",
            &[("part", part.id.name.trim()), ("whole", whole.name.trim())],
        );
        self.assumed.push(said);
        Some(Figure {
            make: Make::Over(Box::new(Measure::Of(whole)), true),
            of: Measure::Of(part.id),
            called,
        })
    }

    /// "the rate from visits to orders": what it leads to is the part, what it comes from the whole.
    fn leads_to(&self, from: usize, to: usize) -> bool {
        let rate = (from..to).find(|at| self.is_ask(*at, Ask::Ratio));
        let source = rate.and_then(|rate| (rate..to).find(|at| self.is_ask(*at, Ask::From)));
        source.is_some_and(|source| (source..to).any(|at| self.is_ask(at, Ask::To)))
    }

    fn take_all(&mut self, from: usize, to: usize, ask: Ask) {
        for at in from..to {
            if self.is_ask(at, ask) {
                self.take(at);
            }
        }
    }

    fn says_rate(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            self.is_ask(at, Ask::Ratio)
                && self.mark(at).is_some_and(|mark| {
                    ["rate", "quote", "taux", "tasa"].contains(&self.words.text(mark.from))
                })
        })
    }

    fn name_of_rate(&self, from: usize, to: usize) -> Option<String> {
        let at = (from..to).find(|at| self.is_ask(*at, Ask::Ratio))?;
        let (first, last) = (self.previous(from, at)?, at);
        let (first, last) = (self.mark(first)?, self.mark(last)?);
        Some(self.words.written(first.from, last.to).to_owned())
    }

    /// "conversion rate": orders are what visits are converted to.
    fn part_of_rate(&self, from: usize, to: usize) -> Option<Column> {
        let concept = (from..to).find_map(|at| match self.mark(at)?.what {
            What::Concept(concept) => Some(concept),
            _ => None,
        })?;
        let names: &[&str] = if concept == Self::concept("conversion") {
            &["order", "conversion"]
        } else {
            return None;
        };
        names
            .iter()
            .flat_map(|name| self.schema.standing_for(Self::concept(name)))
            .filter_map(|column| self.column(column))
            .find(|column| column.role == Role::Adds)
            .cloned()
    }

    /// What a part is a part of: the only other count, or the one whose name says all.
    fn whole_of(&self, part: &Column, share: bool) -> Option<Id> {
        let others: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| column.role == Role::Adds && column.whole && column.id != part.id)
            .collect();
        let totals: Vec<&&Column> = others
            .iter()
            .filter(|column| {
                column
                    .words
                    .iter()
                    .any(|word| ["total", "all", "gesamt", "overall"].contains(&word.as_str()))
                    && column.words.iter().any(|word| part.words.contains(word))
            })
            .collect();
        if let [only] = totals.as_slice() {
            return Some(only.id.clone());
        }
        if share {
            return None;
        }
        match others.as_slice() {
            [only] => Some(only.id.clone()),
            several => {
                let visits = Self::concept("visits");
                let sold = [
                    visits,
                    Self::concept("sold"),
                    Self::concept("order"),
                    Self::concept("customer"),
                    Self::concept("quantity"),
                ];
                sold.iter().find_map(|concept| {
                    several
                        .iter()
                        .find(|column| column.concepts.contains(concept))
                        .map(|column| column.id.clone())
                })
            }
        }
    }

    /// The column by which a mean is weighted.
    pub(super) fn weight(
        &mut self,
        from: usize,
        to: usize,
        measures: &[(Measure, Option<String>)],
    ) -> Option<Id> {
        self.take_all(from, to, Ask::Weighted);
        match measures {
            [_, (Measure::Of(weight), _)] => Some(weight.clone()),
            [(Measure::Of(of), _)] => {
                let quantity = Self::concept("quantity");
                let columns = self.schema.columns.iter();
                let mut adds =
                    columns.filter(|column| column.role == Role::Adds && column.id != *of);
                let all: Vec<&Column> = adds.by_ref().collect();
                let by_name = all
                    .iter()
                    .find(|column| column.concepts.contains(&quantity));
                match (by_name, all.as_slice()) {
                    (Some(column), _) | (None, [column]) => Some(column.id.clone()),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// "the 90th percentile"
    pub(super) fn percent(&mut self, from: usize, to: usize) -> Option<f64> {
        let at = (from..to).find(|at| self.is_ask(*at, Ask::Percentile))?;
        for beside in (from..to).filter(|place| place.abs_diff(at) <= 2) {
            let Some(mark) = self.mark(beside).cloned() else {
                continue;
            };
            let digits: String = self
                .words
                .text(mark.from)
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            if let Ok(percent) = digits.parse::<f64>()
                && (0.0..=100.0).contains(&percent)
            {
                self.take(beside);
                self.take(at);
                return Some(percent);
            }
        }
        None
    }

    /// Columns that are named and have no part yet: what rows are grouped by, or a period's column.
    pub(super) fn leftovers(
        &mut self,
        from: usize,
        to: usize,
        groups: &mut Vec<Group>,
        asks: &BTreeSet<Ask>,
    ) {
        let ranked = [
            Ask::Highest,
            Ask::Lowest,
            Ask::Top,
            Ask::Bottom,
            Ask::Rank,
            Ask::List,
            Ask::Compare,
        ]
        .iter()
        .any(|ask| asks.contains(ask));
        for at in from..to {
            if self.is_used(at) {
                continue;
            }
            match self.mark(at).map(|mark| mark.what.clone()) {
                Some(What::Column(all, _)) => {
                    let mut columns = all.iter().copied().filter(|column| {
                        self.column(*column).is_some_and(|column| {
                            matches!(
                                column.role,
                                Role::Groups | Role::Names | Role::Date | Role::Year
                            )
                        })
                    });
                    if let Some(column) = self.named_best(&mut columns) {
                        self.take(at);
                        self.group_if_ranked(column, ranked, groups);
                    }
                }
                Some(What::Concept(concept)) if !self.is_weak(concept) => {
                    let columns = self.schema.standing_for(concept);
                    let mut columns = columns.into_iter().filter(|column| {
                        self.column(*column)
                            .is_some_and(|column| !column.is_measure())
                    });
                    if let Some(column) = self.named_best(&mut columns) {
                        self.take(at);
                        self.group_if_ranked(column, ranked, groups);
                    }
                }
                Some(What::File) => self.take(at),
                // "per month" has been heard; "the months" is heard here.
                Some(What::Ask(Ask::Weekday)) if groups.is_empty() => {
                    self.take(at);
                    let date = self.date(from, to).and_then(|at| self.column(at));
                    let group = date.map(|column| Group::Weekday(column.id.clone()));
                    add(groups, group);
                }
                _ => {}
            }
        }
    }

    /// "the average salary of the employees" is one figure, "rank the regions" is one for each.
    fn group_if_ranked(&self, column: usize, ranked: bool, groups: &mut Vec<Group>) {
        let groups_rows = self
            .column(column)
            .is_some_and(|column| column.role == Role::Groups && column.distinct < column.rows);
        if ranked && groups_rows && groups.is_empty() {
            add(groups, self.group_of(column));
        }
    }
}

fn add(groups: &mut Vec<Group>, group: Option<Group>) {
    if let Some(group) = group
        && !groups.contains(&group)
        && groups.len() < 2
    {
        groups.push(group);
    }
}
