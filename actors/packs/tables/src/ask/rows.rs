//! Which rows a question is about: values, yes and no, periods, limits.

use std::collections::BTreeSet;

use aios_languages::{Ask, UnitName};
use aios_work::{Grain, Span};

use super::clause::is_filler;
use super::marks::What;
use super::period::{Resolved, Said};
use super::question::{Column as Id, Filter, Measure, Test, Versus};
use super::resolve::Reader;
use super::schema::{Column, Role};

impl Reader<'_> {
    /// Values of the data that the clause names, as conditions.
    pub(super) fn values(&mut self, from: usize, to: usize) -> Vec<Filter> {
        let mut out: Vec<Filter> = Vec::new();
        let mut not: Option<usize> = None;
        // "Which shop has no coffee sales?" asks for those of which there are no such rows; rows without coffee say nothing about it, so
        // neither the word nor the value is used, and that is said.
        let for_none = self.asks_for_none(from, to);
        let mut none = false;
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            match &mark.what {
                What::Ask(Ask::Without) if for_none => none = true,
                What::Value(..) if none => {}
                What::Ask(Ask::Without) => not = Some(at),
                What::Ask(Ask::Filler | Ask::And | Ask::Or | Ask::From | Ask::To | Ask::Only) => {}
                What::Column(..) | What::Concept(_) | What::Unknown | What::File
                    if not.is_some() => {}
                What::Value(all, whole) => {
                    let Some((column, values)) = self.of_one_column(at, from, to, all) else {
                        continue;
                    };
                    self.take(at);
                    if let Some(not) = not {
                        self.take(not);
                    }
                    self.take_beside(at, from, to, column);
                    if !whole {
                        let said = self.speech.say(
                            "taken_part",
                            &[
                                ("said", &self.written(&mark)),
                                ("names", &values.join(", ")),
                            ],
                        );
                        self.assumed.push(said);
                    }
                    let Some(id) = self.column(column).map(|column| column.id.clone()) else {
                        continue;
                    };
                    let known = out
                        .iter_mut()
                        .find(|filter| filter.column == id && filter.not == not.is_some());
                    match known {
                        Some(Filter {
                            test: Test::In(known),
                            ..
                        }) => known.extend(values),
                        _ => out.push(Filter {
                            column: id,
                            test: Test::In(values),
                            not: not.is_some(),
                            part: false,
                        }),
                    }
                }
                _ => not = None,
            }
        }
        for filter in &mut out {
            if let Test::In(values) = &mut filter.test {
                let mut seen = BTreeSet::new();
                values.retain(|value| seen.insert(value.clone()));
            }
        }
        out
    }

    /// Whether names are asked for and nothing that is reckoned of them. The whole goal is looked at: what is reckoned may stand in another
    /// clause.
    fn asks_for_none(&self, from: usize, to: usize) -> bool {
        let names = |at: usize| self.is_ask(at, Ask::Which) || self.is_ask(at, Ask::Who);
        let plain = |what: &What| match what {
            What::Superlative(..) | What::Ordinal(_) | What::Number(_) => false,
            What::Ask(ask) => matches!(
                ask,
                Ask::Which
                    | Ask::Who
                    | Ask::Without
                    | Ask::Filler
                    | Ask::And
                    | Ask::Or
                    | Ask::From
                    | Ask::To
                    | Ask::Only
                    | Ask::Per
            ),
            _ => true,
        };
        (from..to).any(names)
            && (from..to).any(|at| self.is_ask(at, Ask::Without))
            && self.marks.all.iter().all(|mark| plain(&mark.what))
    }

    /// Of the columns that hold a value the one that is meant: whose name stands beside it, or by which people group.
    fn of_one_column(
        &mut self,
        at: usize,
        from: usize,
        to: usize,
        all: &[(usize, String)],
    ) -> Option<(usize, Vec<String>)> {
        let mut columns: Vec<usize> = all.iter().map(|(column, _)| *column).collect();
        columns.sort_unstable();
        columns.dedup();
        let named = |reader: &Self, column: usize| {
            [reader.previous(from, at), reader.next(at + 1, to)]
                .into_iter()
                .flatten()
                .any(|beside| {
                    reader.mark(beside).is_some_and(
                        |mark| matches!(&mark.what, What::Column(all, _) if all.contains(&column)),
                    )
                })
        };
        // Where an earlier value of the goal is of one of them, so is this one.
        let best = columns.iter().copied().min_by_key(|column| {
            let role = self.column(*column).map(|column| column.role);
            (
                !named(self, *column),
                role != Some(Role::Groups),
                self.column(*column).map_or(0, |column| column.distinct),
            )
        })?;
        if columns.len() > 1 && !named(self, best) {
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
        let values = all
            .iter()
            .filter(|(column, _)| *column == best)
            .map(|(_, value)| value.clone())
            .collect();
        Some((best, values))
    }

    /// The column's name beside its value is no measure and no group: "region North", "in the North region".
    fn take_beside(&mut self, at: usize, from: usize, to: usize, column: usize) {
        for beside in [self.previous(from, at), self.next(at + 1, to)]
            .into_iter()
            .flatten()
        {
            let names = self.mark(beside).is_some_and(|mark| {
                matches!(&mark.what, What::Column(all, _) if all.contains(&column))
                    || matches!(&mark.what, What::Concept(concept) if self.column(column).is_some_and(|known| known.concepts.contains(concept)))
            });
            // "revenue per region in North": what is grouped by is named for itself.
            let grouped = self.previous(from, beside).is_some_and(|before| {
                self.is_ask(before, Ask::Per) || self.is_ask(before, Ask::Which)
            });
            let exact = self
                .column(column)
                .is_some_and(|column| !column.is_measure());
            if names && exact && !grouped {
                self.take(beside);
            }
        }
    }

    /// "How many are active": a column of yes and no is a condition where rows are counted.
    pub(super) fn flags(&mut self, from: usize, to: usize, counts: bool, out: &mut Vec<Filter>) {
        let mut not = None;
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            match &mark.what {
                What::Ask(Ask::Without) => not = Some(at),
                What::Ask(Ask::Missing) => {
                    // "rows with a missing email", "where the email is empty"
                    let beside = [self.next(at + 1, to), self.previous(from, at)];
                    let column = beside.into_iter().flatten().find_map(|beside| {
                        match &self.mark(beside)?.what {
                            What::Column(all, _) => Some((beside, *all.first()?)),
                            _ => None,
                        }
                    });
                    if let Some((beside, column)) = column
                        && let Some(id) = self.column(column).map(|column| column.id.clone())
                    {
                        self.take(at);
                        self.take(beside);
                        out.push(Filter {
                            column: id,
                            test: Test::Missing,
                            not: not.is_some(),
                            part: false,
                        });
                    }
                }
                What::Column(all, _) if !self.is_used(at) => {
                    let Some(column) = all.first().copied() else {
                        continue;
                    };
                    let grouped = self.previous(from, at).is_some_and(|before| {
                        [Ask::Per, Ask::Which, Ask::Count, Ask::Distinct]
                            .into_iter()
                            .any(|ask| self.is_ask(before, ask))
                    });
                    let Some(known) = self.column(column).cloned() else {
                        continue;
                    };
                    if let Some((yes, no)) = sides(&known)
                        && counts
                        && !grouped
                    {
                        self.take(at);
                        let value = if not.is_some() { no } else { yes };
                        not.into_iter().for_each(|not| self.take(not));
                        out.push(Filter {
                            column: known.id,
                            test: value,
                            not: false,
                            part: false,
                        });
                    } else if let Some(negated) = not
                        && counts
                        && !known.is_measure()
                        && known.missing > 0
                        && !grouped
                    {
                        // "How many customers have no email?"
                        self.take(at);
                        self.take(negated);
                        out.push(Filter {
                            column: known.id,
                            test: Test::Missing,
                            not: false,
                            part: false,
                        });
                    }
                }
                _ if is_filler(&mark) => {}
                _ => not = None,
            }
        }
    }

    /// The clause's periods, as conditions, or as two that are compared.
    pub(super) fn periods(
        &mut self,
        from: usize,
        to: usize,
        asks: &BTreeSet<Ask>,
        out: &mut Vec<Filter>,
    ) -> Option<Versus> {
        let mut said: Vec<(usize, Said)> = (from..to)
            .filter_map(|at| match self.mark(at)?.what {
                What::Period(said) => Some((at, said)),
                _ => None,
            })
            .collect();
        if said.is_empty() {
            return None;
        }
        let Some(date) = self.date(from, to).and_then(|at| self.column(at)).cloned() else {
            self.months_of_a_category(&said, out);
            return None;
        };
        // The date's own name is no group: "shipped in March" beside a column of that name.
        for at in from..to {
            let is_date = self.mark(at).is_some_and(|mark| {
                matches!(&mark.what, What::Column(all, _) if all.iter().any(|at| self.column(*at).is_some_and(|column| column.id == date.id)))
            });
            let grouped = self.previous(from, at).is_some_and(|before| {
                self.is_ask(before, Ask::Per) || self.is_ask(before, Ask::Which)
            });
            if is_date && !grouped {
                self.take(at);
            }
        }
        let data = date.covers?;
        let year = said.iter().rev().find_map(|(_, said)| said.year());
        if let Some(year) = year {
            for (_, said) in &mut said {
                *said = said.in_year(year);
            }
        }
        let filter = |test: Test| Filter {
            column: date.id.clone(),
            test,
            not: false,
            part: false,
        };
        let mut spans: Vec<(usize, Span)> = Vec::new();
        for (at, said) in said {
            self.take(at);
            match self.resolved(said, &date) {
                Some(Resolved::Days(span)) => spans.push((at, span)),
                Some(Resolved::EveryYear(month)) => {
                    let name = self
                        .mark(at)
                        .map(|mark| self.written(mark))
                        .unwrap_or_default();
                    let told = self.speech.say("every_year", &[("month", &name)]);
                    self.assumed.push(told);
                    out.push(filter(Test::Month(month)));
                }
                Some(Resolved::Weekdays(days)) => {
                    match out
                        .iter_mut()
                        .find(|filter| matches!(filter.test, Test::Weekdays(_)))
                    {
                        Some(Filter {
                            test: Test::Weekdays(known),
                            ..
                        }) => known.extend(days),
                        _ => out.push(filter(Test::Weekdays(days))),
                    }
                }
                None => {}
            }
        }
        let compared = asks.contains(&Ask::Growth)
            || asks.contains(&Ask::Change)
            || asks.contains(&Ask::Compare);
        for (at, span) in &spans {
            self.is_in_the_data(*at, *span, &date, data);
        }
        match spans.as_slice() {
            [] => None,
            [(at, span)] => {
                // "between 10 and 16 January"
                if span.from != span.until {
                    let before = self.previous(from, *at);
                    let between = before.filter(|before| self.is_ask(*before, Ask::Between));
                    between.into_iter().for_each(|at| self.take(at));
                }
                let open = self.open_ended(from, *at, *span, data);
                if compared
                    && !asks.contains(&Ask::Compare)
                    && let Some(versus) = self.with_before(*span, &date, data, asks)
                {
                    return Some(versus);
                }
                let not = self
                    .previous(from, *at)
                    .filter(|before| self.is_ask(*before, Ask::Without));
                not.into_iter().for_each(|not| self.take(not));
                out.push(Filter {
                    not: not.is_some(),
                    ..filter(days(&date, &[open]))
                });
                None
            }
            [(first, one), (second, other)] if compared => {
                let (from, until) = if one.from <= other.from {
                    (one, other)
                } else {
                    (other, one)
                };
                for at in *first.min(second)..*first.max(second) {
                    if self.is_ask(at, Ask::Between) || self.is_ask(at, Ask::Until) {
                        self.take(at);
                    }
                }
                self.between_before(*first);
                let name = |reader: &Self, span: &Span| reader.speech.span(*span);
                Some(Versus {
                    from: (name(self, from), filter(days(&date, &[*from]))),
                    to: (name(self, until), filter(days(&date, &[*until]))),
                    percent: asks.contains(&Ask::Growth),
                })
            }
            [(first, one), (second, other)] if self.is_a_stretch(*first, *second) => {
                self.between_before(*first);
                for at in *first..*second {
                    self.take(at);
                }
                out.push(filter(days(&date, &[one.joined(other)])));
                None
            }
            several => {
                let spans: Vec<Span> = several.iter().map(|(_, span)| *span).collect();
                out.push(filter(days(&date, &spans)));
                None
            }
        }
    }

    fn between_before(&mut self, at: usize) {
        if let Some(before) = self.previous(0, at)
            && (self.is_ask(before, Ask::Between)
                || self.is_ask(before, Ask::Since)
                || self.is_ask(before, Ask::From))
        {
            self.take(before);
        }
    }

    /// "from March to May", "between March and May", "March - May".
    fn is_a_stretch(&self, first: usize, second: usize) -> bool {
        let (Some(one), Some(other)) = (self.mark(first), self.mark(second)) else {
            return false;
        };
        let gap = self.words.gap(other.from);
        if one.to == other.from {
            return gap.contains(['-', '–', '—']);
        }
        let between = self
            .previous(0, first)
            .is_some_and(|before| self.is_ask(before, Ask::Between));
        let leads = first.checked_sub(1).is_some_and(|before| {
            self.is_ask(before, Ask::From)
                || self.is_ask(before, Ask::Since)
                || self.is_ask(before, Ask::Filler)
        });
        (first + 1..second).any(|at| {
            self.is_ask(at, Ask::Until)
                || self.is_ask(at, Ask::To)
                || (self.is_ask(at, Ask::And) && between)
                || (leads && self.is_ask(at, Ask::AtMost))
        })
    }

    /// "since March", "until March", "before March", "after March".
    fn open_ended(&mut self, from: usize, at: usize, span: Span, data: Span) -> Span {
        let Some(before) = self.previous(from, at) else {
            return span;
        };
        let first = Span {
            from: data.from.min(span.from),
            ..span
        };
        let kinds: [(Ask, Span); 5] = [
            (
                Ask::Since,
                Span {
                    from: span.from,
                    until: data.until.max(span.until),
                },
            ),
            (Ask::Until, first),
            (Ask::AtMost, first),
            (
                Ask::Before,
                Span {
                    from: data.from.min(span.from.plus_days(-1)),
                    until: span.from.plus_days(-1),
                },
            ),
            (
                Ask::After,
                Span {
                    from: span.until.plus_days(1),
                    until: data.until.max(span.until.plus_days(1)),
                },
            ),
        ];
        let text = self
            .mark(before)
            .map(|mark| self.words.text(mark.from).to_owned())
            .unwrap_or_default();
        for (ask, open) in kinds {
            // "nach März" comes as a word of grouping.
            let grouping = ask == Ask::After && text == "nach";
            if self.is_ask(before, ask) || grouping {
                self.take(before);
                return open;
            }
        }
        span
    }

    /// A period in which the data has nothing is not in the data, whatever the rest of it holds.
    fn is_in_the_data(&mut self, at: usize, span: Span, date: &Column, data: Span) {
        let from = (0..at)
            .rev()
            .find(|at| !self.mark(*at).is_some_and(is_filler));
        let open = from.is_some_and(|at| {
            [Ask::Since, Ask::Until, Ask::Before, Ask::After]
                .into_iter()
                .any(|ask| self.is_ask(at, ask))
        });
        let said = self
            .mark(at)
            .map(|mark| self.written(mark))
            .unwrap_or_default();
        let covers = self.speech.span(data);
        let aligned = date.finest.span_of(span.from).from == span.from
            && date.finest.span_of(span.until).until == span.until;
        if !span.overlaps(&data) && !open {
            let told = self
                .speech
                .say("period_absent", &[("period", &said), ("covers", &covers)]);
            self.absent.push(told);
        } else if !aligned && date.finest != Grain::Day {
            let told = self.speech.say(
                "period_too_fine",
                &[("period", &said), ("name", &date.id.name)],
            );
            self.absent.push(told);
        } else if (span.from < data.from || span.until > data.until)
            && !open
            && span.overlaps(&data)
            && span.days() > 31
        {
            let told = self
                .speech
                .say("period_partly", &[("period", &said), ("covers", &covers)]);
            self.assumed.push(told);
        }
    }

    /// "growth in 2024": against the period before it, if the data has that.
    fn with_before(
        &mut self,
        span: Span,
        date: &Column,
        data: Span,
        asks: &BTreeSet<Ask>,
    ) -> Option<Versus> {
        let grain = [
            Grain::Day,
            Grain::Week,
            Grain::Month,
            Grain::Quarter,
            Grain::Year,
        ]
        .into_iter()
        .find(|grain| grain.span_of(span.from) == span)?;
        let before = grain.span_of(span.from.plus_days(-1));
        if !before.overlaps(&data) || grain < date.finest {
            return None;
        }
        let filter = |span: Span| Filter {
            column: date.id.clone(),
            test: days(date, &[span]),
            not: false,
            part: false,
        };
        Some(Versus {
            from: (self.speech.span(before), filter(before)),
            to: (self.speech.span(span), filter(span)),
            percent: asks.contains(&Ask::Growth),
        })
    }

    /// Months that a column names where no column holds dates.
    fn months_of_a_category(&mut self, said: &[(usize, Said)], out: &mut Vec<Filter>) {
        let month = Self::concept("date");
        let column = self.schema.columns.iter().find(|column| {
            column.role == Role::Groups
                && column
                    .words
                    .iter()
                    .any(|word| ["month", "monat", "moi", "mois", "mes"].contains(&word.as_str()))
                || column.concepts.contains(&month)
        });
        let id = column.map(|column| column.id.clone());
        for (at, said) in said {
            match (said, &id) {
                (Said::Part(Grain::Month, number), Some(id)) => {
                    self.take(*at);
                    out.push(Filter {
                        column: id.clone(),
                        test: Test::Month(*number),
                        not: false,
                        part: false,
                    });
                }
                _ => {
                    self.take(*at);
                    let name = self
                        .mark(*at)
                        .map(|mark| self.written(mark))
                        .unwrap_or_default();
                    let told = self.speech.say("no_dates_for", &[("period", &name)]);
                    self.absent.push(told);
                }
            }
        }
    }

    /// Limits on numbers: "over 100", "between 10 and 20", ">= 5".
    pub(super) fn limits(
        &mut self,
        from: usize,
        to: usize,
        subject: Option<&Measure>,
    ) -> Vec<(Id, Test)> {
        let mut out = Vec::new();
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
            if let Some(column) = self.limited(
                at,
                from,
                behind,
                to,
                unit.and_then(|(_, unit)| unit),
                subject,
            ) {
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
                // "or more" behind it
                if let Some(next) = self.mark(behind + 1)
                    && matches!(next.what, What::Ask(Ask::AtLeast | Ask::AtMost))
                {
                    self.take(behind + 1);
                }
                out.push((column, test));
            }
            at = behind + 1;
        }
        out
    }

    /// A limit that begins here: which, and at which mark its number stands.
    fn limit_at(&self, at: usize, from: usize, to: usize) -> Option<(Ask, usize)> {
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
            return between.then_some((ask, number));
        }
        if !matches!(mark.what, What::Number(_)) {
            return None;
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

    /// The column that a limit is about.
    fn limited(
        &mut self,
        at: usize,
        from: usize,
        behind: usize,
        to: usize,
        unit: Option<UnitName>,
        subject: Option<&Measure>,
    ) -> Option<Id> {
        let number_column = |reader: &Self, at: usize| match &reader.mark(at)?.what {
            What::Column(all, _) => all.iter().copied().find(|column| {
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
        // "more than 10 units"
        if let Some(next) = self.next(behind + 1, to)
            && next <= behind + 2
            && let Some(column) = number_column(self, next)
        {
            self.take(next);
            return self.column(column).map(|column| column.id.clone());
        }
        // What the comparison itself says: "older than".
        let comparison = self
            .mark(at)
            .map(|mark| self.words.text(mark.from).to_owned())
            .unwrap_or_default();
        let hints: [(&[&str], &str); 6] = [
            (&["older", "younger", "alter", "junger"], "age"),
            (&["longer", "shorter", "langer", "kurzer"], "duration"),
            (&["heavier", "lighter", "schwerer", "leichter"], "weight"),
            (&["warmer", "colder", "hotter", "kalter"], "temperature"),
            (&["cheaper", "gunstiger", "billiger", "teurer"], "price"),
            (&["taller"], "height"),
        ];
        let hint = hints
            .iter()
            .find(|(words, _)| words.contains(&comparison.as_str()))
            .map(|(_, concept)| Self::concept(concept));
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
                    _ => None,
                }
            }
        }
    }

    /// Numbers in an overview are conditions too.
    pub(super) fn numbers(
        &mut self,
        from: usize,
        to: usize,
        subject: Option<&Measure>,
        out: &mut Vec<Filter>,
    ) {
        for (column, test) in self.limits(from, to, subject) {
            out.push(Filter {
                column,
                test,
                not: false,
                part: false,
            });
        }
        self.equal_numbers(from, to, out);
    }

    /// "level 3", "year 2024": a number behind a column's name.
    pub(super) fn equal_numbers(&mut self, from: usize, to: usize, out: &mut Vec<Filter>) {
        for at in from..to {
            let Some(What::Number(number)) = self.mark(at).map(|mark| mark.what.clone()) else {
                continue;
            };
            if self.is_used(at) {
                continue;
            }
            let Some(before) = self.previous(from, at) else {
                continue;
            };
            let Some(What::Column(all, _)) = self.mark(before).map(|mark| mark.what.clone()) else {
                continue;
            };
            let Some(column) = all.first().and_then(|at| self.column(*at)).cloned() else {
                continue;
            };
            let test = if column.is_measure() || column.role == Role::Year {
                Test::Number(number.value)
            } else {
                let written = self
                    .mark(at)
                    .map(|mark| self.written(mark))
                    .unwrap_or_default();
                Test::In(vec![written])
            };
            self.take(at);
            self.take(before);
            out.push(Filter {
                column: column.id,
                test,
                not: false,
                part: false,
            });
        }
    }
}

/// Rows of these days; of a column of years of these years.
pub(super) fn days(date: &Column, spans: &[Span]) -> Test {
    if date.role != Role::Year {
        return Test::Days(spans.to_vec());
    }
    let years: BTreeSet<i32> = spans
        .iter()
        .flat_map(|span| span.from.year()..=span.until.year())
        .collect();
    match (years.first(), years.last()) {
        (Some(first), Some(last)) if first == last => Test::Number(f64::from(*first)),
        (Some(first), Some(last)) if i64::from(last - first) + 1 == years.len() as i64 => {
            Test::Between(f64::from(*first), f64::from(*last))
        }
        _ => Test::In(years.iter().map(i32::to_string).collect()),
    }
}

/// What stands for yes and for no in a column, if it holds nothing else.
fn sides(column: &Column) -> Option<(Test, Test)> {
    let truth = column.truth.as_ref()?;
    if column.is_measure() {
        return Some((Test::Number(1.0), Test::Number(0.0)));
    }
    Some((Test::In(truth.yes.clone()), Test::In(truth.no.clone())))
}

fn is_money(unit: UnitName) -> bool {
    matches!(
        unit,
        UnitName::Eur
            | UnitName::Usd
            | UnitName::Gbp
            | UnitName::Chf
            | UnitName::Jpy
            | UnitName::Inr
    )
}

/// Whether a column counts in that unit, by its name or unit.
fn has_unit(column: &Column, unit: UnitName) -> bool {
    let names: &[&str] = match unit {
        UnitName::Day => &[
            "day", "days", "tag", "tage", "jour", "jours", "dia", "dias", "d",
        ],
        UnitName::Hour => &["hour", "hours", "h", "std", "stunden", "heures", "horas"],
        UnitName::Minute => &["minute", "minutes", "min", "minuten", "minutos", "mins"],
        UnitName::Second => &["second", "seconds", "s", "sec", "sekunden"],
        UnitName::Year => &["year", "years", "age", "alter", "jahre", "ans", "edad"],
        UnitName::Week => &["week", "weeks", "wochen"],
        UnitName::Month => &["month", "months", "monate"],
        UnitName::Kilogram => &["kg", "weight", "gewicht", "poids", "peso"],
        UnitName::Gram => &["g", "gram", "grams"],
        UnitName::Kilometre => &["km", "distance", "kilometers", "kilometres", "strecke"],
        UnitName::Metre => &["m", "height", "metre", "metres"],
        UnitName::Percent => &["%", "percent", "pct"],
        UnitName::Celsius | UnitName::Degree => &["c", "°c", "temp", "temperature", "temperatur"],
        UnitName::Eur => &["eur", "€"],
        UnitName::Usd => &["usd", "$"],
        UnitName::Gbp => &["gbp", "£"],
        UnitName::Chf => &["chf"],
        _ => &[],
    };
    let spoken = super::words::spaced(&column.id.name);
    let by_name = spoken
        .iter()
        .any(|word| names.contains(&word.text.as_str()));
    let by_unit = column
        .id
        .unit
        .as_deref()
        .is_some_and(|unit| names.contains(&unit.to_lowercase().as_str()));
    by_name || by_unit
}
