//! Which rows by their time: periods, stretches, what is compared with what.

use std::collections::BTreeSet;

use aios_languages::{Ask, Hint, Tag, fold, folded, hints, lexicons};
use aios_work::{Grain, Span};

use super::clause::is_filler;
use super::marks::What;
use super::period::{Resolved, Said, grain_of};
use super::question::{Filter, Group, Test, Versus};
use super::resolve::Reader;
use super::schema::{Column, Role};

impl Reader<'_> {
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
            self.all_of_the_present(&mut said);
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
        if let Some((verb, _)) = self.end_of_a_verb(from, to) {
            self.take(verb);
        }
        let data = date.covers?;
        self.is_of_a_beginning(from, to, &said, &date);
        let year = said.iter().rev().find_map(|(_, said)| said.year());
        if let Some(year) = year {
            for (_, said) in &mut said {
                *said = said.in_year(year);
            }
        }
        if (date.role == Role::Year || date.finest == Grain::Year)
            && let [(at, one)] = said.as_mut_slice()
            && let Some((part, year)) = self.part_beside_the_year(*at, *one)
        {
            *one = year;
            out.push(part);
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
            let from_the_end = matches!(
                said,
                Said::Last(..)
                    | Said::Previous(_)
                    | Said::YearToDate
                    | Said::OfYear(Grain::Week, ..)
            );
            match self.resolved(said, &date) {
                Some(Resolved::Days(span)) => {
                    if from_the_end {
                        let name = self
                            .mark(at)
                            .map(|mark| self.written(mark))
                            .unwrap_or_default();
                        let period = self.speech.span(span);
                        let told = self
                            .speech
                            .say("last_is", &[("said", &name), ("period", &period)]);
                        self.assume(told);
                    }
                    spans.push((at, span));
                }
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
                        }) => {
                            let new = days.into_iter().filter(|day| !known.contains(day));
                            let new: Vec<u8> = new.collect();
                            known.extend(new);
                        }
                        _ => out.push(filter(Test::Weekdays(days))),
                    }
                }
                None => {}
            }
        }
        if let Some(apart) = self.periods_of_dates(from, to, &spans) {
            out.extend(apart);
            return None;
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

    /// "Q1 of 2023", "March 2023" of a file with one column for the year and one for its part: a condition on the part, and the year.
    fn part_beside_the_year(&self, at: usize, said: Said) -> Option<(Filter, Said)> {
        let Said::Days(span) = said else { return None };
        let year = Grain::Year.span_of(span.from);
        let parts = [Grain::Month, Grain::Quarter];
        if !parts.iter().any(|grain| grain.span_of(span.from) == span) {
            return None;
        }
        let mark = self.mark(at)?;
        let (first, last) = (
            self.words.all.get(mark.from)?,
            self.words.all.get(mark.to.checked_sub(1)?)?,
        );
        let (column, found) = self.schema.values.iter().find(|(column, found)| {
            let known = self.column(*column);
            found.whole
                && found.start >= first.start
                && found.end <= last.end
                && known.is_some_and(|column| column.role == Role::Groups)
        })?;
        let filter = Filter {
            column: self.column(*column)?.id.clone(),
            test: Test::In(vec![found.value.clone()]),
            not: false,
            part: false,
        };
        Some((filter, Said::Days(year)))
    }

    /// "the average salary in 2019" of the day on which somebody began: that those are meant who began then is a choice.
    fn is_of_a_beginning(&mut self, from: usize, to: usize, said: &[(usize, Said)], date: &Column) {
        let begins = date.words.iter().any(|word| {
            hints(Hint::Beginning, word)
                || ["birth", "born", "gebur", "naiss", "nacim"]
                    .iter()
                    .any(|begin| word.starts_with(begin))
        });
        let named = (from..to).any(|at| self.hints_at(at, date));
        let place = self
            .schema
            .columns
            .iter()
            .position(|column| column.id == date.id);
        if let (true, false, Some((at, _)), Some(place)) = (begins, named, said.first(), place)
            && self.schema.measures().next().is_some()
            && !self.asks(from, to).has(Ask::Count)
        {
            self.say_ambiguous(*at, &[place], place);
        }
    }

    /// "opened in January but closed in February": each period of the date that is named before it.
    fn periods_of_dates(
        &mut self,
        from: usize,
        to: usize,
        spans: &[(usize, Span)],
    ) -> Option<Vec<Filter>> {
        let dated = |reader: &Self, at: usize| match &reader.mark(at)?.what {
            What::Column(all, _) | What::Kin(all) => all.iter().copied().find(|at| {
                reader
                    .column(*at)
                    .is_some_and(|column| column.role == Role::Date)
            }),
            _ => None,
        };
        let named: Vec<(usize, usize)> = (from..to)
            .filter_map(|at| Some((at, dated(self, at)?)))
            .collect();
        let [(first, one), (second, other)] = named.as_slice() else {
            return None;
        };
        let [(here, _), (there, _)] = spans else {
            return None;
        };
        if one == other || !(first < here && here < second && second < there) {
            return None;
        }
        let mut out = Vec::new();
        for ((place, column), (_, span)) in named.iter().zip(spans) {
            let column = self.column(*column)?.clone();
            self.take(*place);
            out.push(Filter {
                test: days(&column, &[*span]),
                column: column.id,
                not: false,
                part: false,
            });
        }
        Some(out)
    }

    /// "this week" of a table without a date: it may be all of what it holds, and that is said.
    fn all_of_the_present(&mut self, said: &mut Vec<(usize, Said)>) {
        said.retain(|(at, said)| {
            let present = matches!(said, Said::Last(_, 1))
                && self.mark(*at).is_some_and(|mark| {
                    let text = self.words.text(mark.from);
                    ["this", "current", "diese", "ce", "cette", "este", "esta"]
                        .iter()
                        .any(|word| text.starts_with(word))
                });
            if present {
                let name = self
                    .mark(*at)
                    .map(|mark| self.written(mark))
                    .unwrap_or_default();
                let told = self.speech.say("present_is", &[("said", &name)]);
                self.take(*at);
                self.assume(told);
            }
            !present
        });
    }

    /// The column that says when: one that is named, or the best by its name.
    pub(super) fn date(&self, from: usize, to: usize) -> Option<usize> {
        let named = (from..to).find_map(|at| match &self.mark(at)?.what {
            What::Column(all, _) | What::Kin(all) => all
                .iter()
                .copied()
                .find(|at| self.column(*at).is_some_and(Column::is_time)),
            _ => None,
        });
        named.or_else(|| {
            let times: Vec<usize> = self
                .schema
                .of_role(|role| matches!(role, Role::Date | Role::Year))
                .collect();
            if let Some((_, end)) = self.end_of_a_verb(from, to) {
                return Some(end);
            }
            let rank = |at: &usize| {
                let column = self.column(*at);
                let name = column
                    .map(|column| fold(&column.id.name))
                    .unwrap_or_default();
                let later = [
                    "due", "birth", "ship", "deliver", "updat", "modif", "creat", "end", "expir",
                    "liefer", "geburt", "fallig",
                ]
                .iter()
                .any(|word| name.contains(word));
                let year = column.is_some_and(|column| column.role == Role::Year);
                (later, year)
            };
            times.into_iter().min_by_key(rank)
        })
    }

    pub(super) fn group_of(&self, at: usize) -> Option<Group> {
        let column = self.column(at)?;
        Some(match column.role {
            Role::Date => Group::Each(column.id.clone(), column.finest),
            _ => Group::By(column.id.clone()),
        })
    }

    pub(super) fn resolved(&self, said: super::period::Said, column: &Column) -> Option<Resolved> {
        said.within(column.covers?)
    }

    pub(super) fn grain_at(&self, at: usize) -> Option<Grain> {
        match self.mark(at)?.what {
            What::Ask(ask) => grain_of(ask),
            _ => None,
        }
    }

    pub(super) fn between_before(&mut self, at: usize) {
        if let Some(before) = self.previous(0, at)
            && (self.is_ask(before, Ask::Between)
                || self.is_ask(before, Ask::Since)
                || self.is_ask(before, Ask::From))
        {
            self.take(before);
        }
    }

    /// "from March to May", "between March and May", "March - May".
    pub(super) fn is_a_stretch(&self, first: usize, second: usize) -> bool {
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
    pub(super) fn open_ended(&mut self, from: usize, at: usize, span: Span, data: Span) -> Span {
        // "in 2015 or later", "2015 and earlier"
        for (ask, later) in [(Ask::AtLeast, true), (Ask::AtMost, false)] {
            if self.is_ask(at + 1, ask) {
                self.take(at + 1);
                let older = self
                    .mark(at + 1)
                    .is_some_and(|mark| self.words.text(mark.to - 1) == "older");
                return if later && !older {
                    Span {
                        from: span.from,
                        until: data.until.max(span.until),
                    }
                } else {
                    Span {
                        from: data.from.min(span.from),
                        until: span.until,
                    }
                };
            }
        }
        let Some(before) = self.previous(from, at) else {
            return span;
        };
        let first = Span {
            from: data.from.min(span.from),
            ..span
        };
        let since = Span {
            from: span.from,
            until: data.until.max(span.until),
        };
        let kinds: [(Ask, Span); 6] = [
            (Ask::Since, since),
            // "on or after 15 April"
            (Ask::AtLeast, since),
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
        // "older than 2015" is before it, "newer than" after.
        let age = [
            (["older", "alter", "earlier"], kinds[4].1),
            (["newer", "younger", "later"], kinds[5].1),
        ];
        if self.is_ask(before, Ask::Above) || self.is_ask(before, Ask::Below) {
            let said = age
                .into_iter()
                .find(|(words, _)| words.contains(&text.as_str()));
            if let Some((_, open)) = said {
                self.take(before);
                return open;
            }
        }
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
    pub(super) fn is_in_the_data(&mut self, at: usize, span: Span, date: &Column, data: Span) {
        let from = (0..at)
            .rev()
            .find(|at| !self.mark(*at).is_some_and(is_filler));
        let open = from.is_some_and(|at| {
            [
                Ask::Since,
                Ask::Until,
                Ask::Before,
                Ask::After,
                Ask::AtLeast,
                Ask::AtMost,
            ]
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
    pub(super) fn with_before(
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
    pub(super) fn months_of_a_category(&mut self, said: &[(usize, Said)], out: &mut Vec<Filter>) {
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
        let mut months: Vec<u8> = Vec::new();
        for (at, said) in said {
            self.take(*at);
            match self.of_the_files_year(*said) {
                Said::Part(Grain::Month, number) if id.is_some() => months.push(number),
                // "in 2024" of a file that says above its header that it is of 2024.
                Said::Part(Grain::Year, 0) => {
                    let name = self
                        .mark(*at)
                        .map(|mark| self.written(mark))
                        .unwrap_or_default();
                    let told = self.speech.say("present_is", &[("said", &name)]);
                    self.assume(told);
                }
                // "on the weekend (Saturday and Sunday)": the days are named as the table has them.
                Said::Weekdays(days)
                    if out.iter().any(|filter| {
                        !filter.not
                            && matches!(&filter.test, Test::In(values) if weekdays(values) == days)
                    }) => {}
                _ => {
                    let name = self
                        .mark(*at)
                        .map(|mark| self.written(mark))
                        .unwrap_or_default();
                    let told = self.speech.say("no_dates_for", &[("period", &name)]);
                    self.absent.push(told);
                }
            }
        }
        let Some(id) = id else { return };
        // "from January to June"
        if let ([(first, _), (second, _)], [one, other]) = (said, months.as_slice())
            && one < other
            && self.is_a_stretch(*first, *second)
        {
            self.between_before(*first);
            (*first..*second).for_each(|at| self.take(at));
            months = (*one..=*other).collect();
        }
        let mut named: Vec<Filter> = months
            .into_iter()
            .map(|number| Filter {
                column: id.clone(),
                test: Test::MonthName(number),
                not: false,
                part: false,
            })
            .collect();
        if named.len() > 1 {
            let first = named[0].clone();
            named = vec![Filter {
                test: Test::Either(named),
                ..first
            }];
        }
        out.extend(named);
    }
}

impl Reader<'_> {
    /// A period of the one year that the file is called after, without it: its months alone, or all of it as the year's part 0.
    fn of_the_files_year(&self, said: Said) -> Said {
        let Said::Days(span) = said else { return said };
        let mut years = self.schema.about_years.iter();
        let (Some(only), None) = (years.next(), years.next()) else {
            return said;
        };
        if span.from.year() != *only {
            said
        } else if Grain::Year.span_of(span.from) == span {
            Said::Part(Grain::Year, 0)
        } else if Grain::Month.span_of(span.from) == span {
            Said::Part(Grain::Month, span.from.month())
        } else {
            said
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

/// The days of the week that these are the names of, a bit each, Monday first.
fn weekdays(names: &[String]) -> u8 {
    let day = |name: &String| {
        let tags = lexicons()
            .iter()
            .flat_map(|lexicon| lexicon.tags(&folded(name)));
        let mut days = tags.filter_map(|tag| match tag.tag {
            Tag::Weekday(day) => Some(1 << day.checked_sub(1)?),
            _ => None,
        });
        days.next().unwrap_or(0)
    };
    names.iter().map(day).fold(0, |all, day: u8| all | day)
}
