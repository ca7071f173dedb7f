//! For each of what: columns, periods, days of the week, hours.

use std::collections::BTreeSet;

use aios_languages::{Ask, Hint, hints};
use aios_work::Grain;

use super::marks::What;
use super::question::{Column as Id, Filter, Group};
use super::resolve::Reader;
use super::schema::{Column, Role};

impl Reader<'_> {
    /// For each of what.
    pub(super) fn groups(&mut self, from: usize, to: usize) -> Vec<Group> {
        let mut out: Vec<Group> = Vec::new();
        for at in from..to {
            let Some(What::Ask(ask)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            if ask == Ask::Per && self.is_used(at) {
                continue;
            }
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
                if self.is_of_rows(from, to, grain) || self.is_periodic_already(grain, from, to) {
                    continue;
                }
                self.is_told_apart(at, from, to, grain);
                let group = self.each(from, to, grain);
                add(&mut out, group);
                continue;
            }
            // "what do all pay per month" of a column of monthly fees
            let already = self.next(at + 1, to).filter(|next| {
                ask == Ask::Per
                    && self.grain_at(*next).is_some()
                    && self.says_per(from, to)
                    && self.is_per_already(*next, from, to)
            });
            if let Some(next) = already {
                self.take(at);
                self.take(next);
                continue;
            }
            match ask {
                Ask::Per | Ask::Which => self.groups_behind(at, from, to, ask, &mut out),
                Ask::Who => {
                    self.of_concepts(
                        at,
                        &["employee", "customer", "student", "patient", "guests"],
                        &mut out,
                    );
                    if out.is_empty() {
                        let group = self.called(&["who", "wer", "qui", "quien"]);
                        let group = group.or_else(|| self.done_by());
                        let group = group.or_else(|| self.doer());
                        add(&mut out, group.or_else(|| self.people()));
                    }
                }
                Ask::Where => {
                    self.of_concepts(at, &["city", "store", "region", "country"], &mut out);
                    if out.is_empty() {
                        let place = self.end_of_the_way(from, to).or_else(|| self.place());
                        add(&mut out, place.map(Group::By));
                    }
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
        // "the day with the most parcels"
        for at in from..to {
            let Some(grain) = self.grain_at(at).filter(|_| self.leads_to_an_end(at, to)) else {
                continue;
            };
            self.take(at);
            let group = self.each(from, to, grain);
            add(&mut out, group);
        }
        for at in from..to {
            if let Some(What::Superlative(..)) = self.mark(at).map(|mark| mark.what.clone()) {
                self.group_of_best(at, from, to, &mut out);
            }
        }
        // "on what did we spend the most" of a column `what`
        let ranked = (from..to).any(|at| {
            self.is_ask(at, Ask::Highest)
                || self.is_ask(at, Ask::Lowest)
                || matches!(
                    self.mark(at).map(|mark| &mark.what),
                    Some(What::Superlative(..))
                )
        });
        let what = (from..to).any(|at| {
            self.is_ask(at, Ask::Which)
                && self.mark(at).is_some_and(|mark| {
                    // "what was the biggest expense" asks for the expense.
                    let led = mark
                        .from
                        .checked_sub(1)
                        .map_or("", |at| self.words.text(at));
                    ["what", "was", "que", "quoi"].contains(&self.words.text(mark.from))
                        && (["on", "for", "with", "fur", "en", "para"].contains(&led)
                            || ["did", "do", "does"].contains(&self.words.text(mark.to)))
                })
        });
        if out.is_empty() && ranked && what {
            let group = self.called(&["what", "was", "que", "quoi"]);
            add(&mut out, group);
        }
        out
    }

    /// "the standard deviation of the daily takings": a figure of how rows differ is of all of them, where each is of one such period.
    fn is_of_rows(&self, from: usize, to: usize, grain: Grain) -> bool {
        let spreads = self.asks(from, to).any(&[
            Ask::Deviation,
            Ask::Variance,
            Ask::Median,
            Ask::Percentile,
            Ask::Range,
        ]);
        let date = self.date(from, to).and_then(|at| self.column(at));
        spreads && date.is_some_and(|column| column.finest == grain)
    }

    /// "the day with the most ...": behind a period stands by which end it is chosen.
    pub(super) fn leads_to_an_end(&self, at: usize, to: usize) -> bool {
        let (Some(mark), Some(with)) = (self.mark(at), self.mark(at + 1)) else {
            return false;
        };
        // "the three years with ...": so many of them.
        let number = at.checked_sub(1).and_then(|before| self.mark(before));
        let first = number
            .filter(|before| matches!(before.what, What::Number(_)))
            .map_or(mark.from, |number| number.from);
        let led = first
            .checked_sub(1)
            .is_some_and(|before| hints(Hint::Article, self.words.text(before)));
        let end = self.next(at + 2, to).is_some_and(|end| {
            matches!(
                self.mark(end).map(|mark| &mark.what),
                Some(What::Ask(Ask::Highest | Ask::Lowest) | What::Superlative(..))
            )
        });
        led && end && hints(Hint::Along, self.words.text(with.from))
    }

    pub(super) fn groups_behind(
        &mut self,
        at: usize,
        from: usize,
        to: usize,
        ask: Ask,
        out: &mut Vec<Group>,
    ) {
        // "what did the feed cost" asks for no feed.
        let what = ask == Ask::Which
            && self
                .mark(at)
                .is_some_and(|mark| ["what", "whats"].contains(&self.words.text(mark.from)))
            && self
                .mark(at + 1)
                .is_some_and(|mark| ["did", "do", "does"].contains(&self.words.text(mark.from)));
        if what {
            return;
        }
        if let Some(group) = self.sorted(at, to) {
            self.take(at);
            add(out, Some(group));
            return;
        }
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
            // "which edible plant": the rows are chosen by it already.
            if self.is_used(next) && self.is_said_of_a_thing(next, to) {
                place = next + 1;
                continue;
            }
            // "which blood group" of `blood_drive.csv`
            let of_the_file = found == 0
                && (mark.what == What::File || self.is_the_file(next))
                && !matches!(mark.what, What::Column(..))
                && self.measured(next + 1).is_empty()
                && matches!(
                    self.mark(next + 1).map(|mark| &mark.what),
                    Some(What::Column(..))
                );
            if of_the_file {
                self.take(next);
                place = next + 1;
                continue;
            }
            let group = match &mark.what {
                What::Column(all, _) | What::Kin(all) if !self.is_used(next) => {
                    // What only hints at a yes and no is no name of either: "per insurance company" of `insured`.
                    let hint = matches!(mark.what, What::Kin(_));
                    let mut columns = all.iter().copied().filter(|column| {
                        self.column(*column).is_some_and(|column| {
                            !column.is_measure()
                                && column.role != Role::Nothing
                                && !(hint && column.truth.is_some())
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
                        self.is_told_apart(next, from, to, grain);
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
                // "units per sale": each row is one.
                let rows = |concept: u32| {
                    ["order", "event"]
                        .into_iter()
                        .any(|name| Self::concept(name) == concept)
                        && self.schema.standing_for(concept).is_empty()
                };
                // "which author": whoever has such a part is told by a column of their own.
                if mark.what == What::Concept(Self::concept("employee"))
                    && ask == Ask::Which
                    && found == 0
                    && !self.is_used(next)
                    && self
                        .schema
                        .standing_for(Self::concept("employee"))
                        .is_empty()
                    && !self
                        .schema
                        .about_things
                        .contains(&Self::concept("employee"))
                    && super::named::is_a_doer(self.words.text(mark.from))
                    && self.doer().is_none()
                {
                    let name = self.written(&mark);
                    self.take(next);
                    self.say_absent(&name);
                }
                if let What::Concept(concept) = mark.what
                    && ask == Ask::Per
                    && !rows(concept)
                    && !self.is_used(next)
                    && !measured(self, concept)
                    && self.concept_measure(concept, false).is_none()
                {
                    let name = self.written(&mark);
                    self.take(next);
                    self.say_absent(&name);
                }
                break;
            };
            // "by teams other than blue": rows are chosen by it, and not put together.
            let chosen = ask == Ask::Per
                && self.mark(at).is_some_and(|mark| {
                    ["by", "von", "par", "por"].contains(&self.words.text(mark.from))
                })
                && (next + 1..to)
                    .find(|at| {
                        !self.mark(*at).is_some_and(super::clause::is_filler)
                            && !self.is_ask(*at, Ask::Without)
                    })
                    .is_some_and(|value| {
                        self.is_used(value)
                            && matches!(
                                (self.mark(value).map(|mark| &mark.what), &group),
                                (Some(What::Value(all, _)), Group::By(id)) if all.iter().any(|(column, _)| {
                                    self.column(*column).is_some_and(|column| column.id == *id)
                                })
                            )
                    });
            self.take(next);
            if chosen {
                return;
            }
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
    pub(super) fn asks_for_period(&self, at: usize, to: usize) -> bool {
        let _ = to;
        let before = at.checked_sub(1).and_then(|before| self.mark(before));
        before.is_some_and(|mark| {
            matches!(mark.what, What::Ask(Ask::Which | Ask::Filler))
                && (matches!(mark.what, What::Ask(Ask::Which))
                    || self.words.text(mark.from) == "calendar")
        })
    }

    /// Of several columns with the word, one that names rather than numbers.
    pub(super) fn named_best(&self, columns: &mut dyn Iterator<Item = usize>) -> Option<usize> {
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

    pub(super) fn group_of_concept(&self, concept: u32) -> Option<Group> {
        let columns = self.schema.standing_for(concept);
        let mut columns = columns.into_iter().filter(|column| {
            self.column(*column)
                .is_some_and(|column| !column.is_measure() && column.role != Role::Nothing)
        });
        let best = self.named_best(&mut columns)?;
        self.group_of(best)
    }

    pub(super) fn of_concepts(&mut self, at: usize, names: &[&str], out: &mut Vec<Group>) {
        self.take(at);
        let group = names
            .iter()
            .find_map(|name| self.group_of_concept(Self::concept(name)));
        add(out, group);
    }

    /// "the best region", "top 3 products", "highest month".
    pub(super) fn group_of_best(
        &mut self,
        at: usize,
        from: usize,
        to: usize,
        out: &mut Vec<Group>,
    ) {
        let mut next = at + 1;
        // What comes about most often may be a number as well.
        let often = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Superlative(_, concept)) if *concept == Self::concept("occurrence"))
            && !self.mark(at).is_some_and(|mark| {
                // "who visited most often in March" says how often, "the most common size" what.
                let last = self.words.text(mark.to - 1);
                last == "often" || last.ends_with("ly")
            });
        while let Some(place) = self.next(next, to) {
            match self.mark(place).map(|mark| mark.what.clone()) {
                Some(What::Number(_)) => next = place + 1,
                // "most common shoe size" of `shoe_sales.csv`
                Some(What::File | What::Unknown) if often => next = place + 1,
                Some(What::Column(all, _)) if !self.is_used(place) => {
                    // "the fastest lap": a row of its own, whatever its number.
                    let single = matches!(
                        self.mark(at).map(|mark| &mark.what),
                        Some(What::Superlative(..))
                    );
                    let mut columns = all.iter().copied().filter(|column| {
                        self.column(*column).is_some_and(|column| {
                            matches!(column.role, Role::Groups | Role::Names)
                                && !(single && !often && self.is_numbered(&column.id))
                                || often && column.is_measure()
                        })
                    });
                    if let Some(group) = self
                        .named_best(&mut columns)
                        .and_then(|column| self.group_of(column))
                    {
                        // "which booking has the most guests": they are counted, and nothing is put together by them.
                        let last = self.mark(at).map_or(0, |mark| mark.to.saturating_sub(1));
                        // "who bought the most tickets": a number of each of them is nobody.
                        let of_nobody = self.is_unique(&group)
                            && self.asks(from, to).has(Ask::Who)
                            && self
                                .schema
                                .of_role(|role| role == Role::Groups)
                                .next()
                                .is_some();
                        if (!out.is_empty() && !out.contains(&group) || of_nobody)
                            && hints(Hint::Most, self.words.text(last))
                        {
                            return;
                        }
                        self.take(place);
                        add(out, Some(group));
                    } else if let Some(years) = self.spells(&all) {
                        // "best year", "best month" of a column that is called so
                        self.take(place);
                        add(out, Some(years));
                    }
                    return;
                }
                Some(What::Concept(concept)) if !self.is_used(place) => {
                    // "in which year did the most people graduate": they are counted.
                    let last = self.mark(at).map_or(0, |mark| mark.to.saturating_sub(1));
                    if !out.is_empty() && hints(Hint::Most, self.words.text(last)) {
                        return;
                    }
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

    /// The years or other periods of a column that has several rows for each.
    fn spells(&self, columns: &[usize]) -> Option<Group> {
        let mut spells = columns
            .iter()
            .filter_map(|at| self.column(*at))
            .filter(|column| column.distinct < column.rows);
        spells.find_map(|column| match column.role {
            Role::Year => Some(Group::By(column.id.clone())),
            Role::Date => Some(Group::Each(column.id.clone(), column.finest)),
            _ => None,
        })
    }

    /// "electricity per day" of months: finer than the data is nothing told.
    fn is_told_apart(&mut self, at: usize, from: usize, to: usize, grain: Grain) {
        let date = self.date(from, to).and_then(|at| self.column(at));
        let coarse = date.filter(|column| column.role == Role::Date && grain < column.finest);
        let Some(name) = coarse.map(|column| column.id.name.clone()) else {
            return;
        };
        let said = self
            .mark(at)
            .map(|mark| self.written(mark))
            .unwrap_or_default();
        let told = self
            .speech
            .say("period_too_fine", &[("period", &said), ("name", &name)]);
        if !self.absent.contains(&told) {
            self.absent.push(told);
        }
    }

    /// Periods of the date column; of a year's numbers its years.
    pub(super) fn each(&mut self, from: usize, to: usize, grain: Grain) -> Option<Group> {
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

    /// Columns that are named and have no part yet: what rows are grouped by, or a period's column.
    pub(super) fn leftovers(
        &mut self,
        from: usize,
        to: usize,
        groups: &mut Vec<Group>,
        asks: &BTreeSet<Ask>,
        filters: &mut Vec<Filter>,
    ) -> Option<Id> {
        let mut first = None;
        self.named_dates(from, to, asks, groups, filters);
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
            if self.is_used(at) || self.unheard.contains(&at) {
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
                        let names = self
                            .column(column)
                            .filter(|column| matches!(column.role, Role::Groups | Role::Names));
                        first = first.or_else(|| names.map(|column| column.id.clone()));
                        self.group_if_ranked(at, column, ranked, groups);
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
                        let names = self
                            .column(column)
                            .filter(|column| matches!(column.role, Role::Groups | Role::Names));
                        first = first.or_else(|| names.map(|column| column.id.clone()));
                        self.group_if_ranked(at, column, ranked, groups);
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
        first
    }

    /// "the average salary of the employees" is one figure, "rank the regions" is one for each.
    fn group_if_ranked(&self, at: usize, column: usize, ranked: bool, groups: &mut Vec<Group>) {
        let groups_rows = self
            .column(column)
            .is_some_and(|column| column.role == Role::Groups && column.distinct < column.rows);
        // "the total fees for garden tools": behind a value it says what rows are.
        let of_a_value = at.checked_sub(1).is_some_and(|before| {
            self.is_used(before)
                && matches!(
                    self.mark(before).map(|mark| &mark.what),
                    Some(What::Value(..))
                )
        });
        if ranked && groups_rows && groups.is_empty() && !of_a_value {
            add(groups, self.group_of(column));
        }
    }
}

pub(super) fn add(groups: &mut Vec<Group>, group: Option<Group>) {
    if let Some(group) = group
        && !groups.contains(&group)
        && groups.len() < 2
    {
        groups.push(group);
    }
}
