//! What is reckoned of days and times of day: how long something took, one date against another, days that are counted, the first and the
//! last.

use aios_languages::{Ask, Hint, UnitName, hints};
use aios_work::Grain;

use super::derived::Called;
use super::marks::What;
use super::question::{Column as Id, Filter, Measure, Order, Test, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};

impl Reader<'_> {
    /// "how many days was a tool out": where a table has two dates, from the earlier to the later one.
    pub(super) fn elapsed(&mut self, from: usize, to: usize, asks: &Asks) -> Option<Called> {
        if let Some(found) = self.shift(from, to) {
            return Some(found);
        }
        let dates: Vec<&Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| column.role == Role::Date && column.finest == Grain::Day)
            .collect();
        // Of several those two that are named.
        let named: Vec<&Column> = dates
            .iter()
            .copied()
            .filter(|date| (from..to).any(|at| self.hints_at(at, date)))
            .collect();
        let (([one, other], _) | (_, [one, other])) = (named.as_slice(), dates.as_slice()) else {
            return None;
        };
        if one.id.table != other.id.table {
            return None;
        }
        let due = |column: &Column| column.words.iter().any(|word| hints(Hint::Due, word));
        let ahead =
            (one.covers?.from, one.covers?.until) <= (other.covers?.from, other.covers?.until);
        // How late something was is told from the day by which it was due.
        let by_due = due(one) != due(other);
        let ahead = if by_due { due(one) } else { ahead };
        let (first, last) = if ahead {
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
        // To the minute where both days have a time, unless days are what is asked for.
        let timed = one.hours && other.hours;
        let units = super::units::units(self.words);
        let unit = |at: usize| {
            let mark = self.mark(at)?;
            match units.get(&mark.from) {
                Some((_, UnitName::Hour)) => Some(3_600),
                Some((_, UnitName::Minute)) => Some(60),
                _ if mark.what == What::Ask(Ask::Hour) => Some(3_600),
                _ => None,
            }
        };
        let in_units = (from..to).find_map(|at| Some((at, unit(at)?)));
        let behind_a_count = |at: usize| {
            self.previous(from, at)
                .is_some_and(|before| self.is_ask(before, Ask::Count) || asks.has(Ask::Mean))
        };
        let occurrence = Self::concept("occurrence");
        let told_in_days = asks.any(&[Ask::Mean, Ask::Median, Ask::Change])
            || (from..to).any(|at| match self.mark(at).map(|mark| &mark.what) {
                Some(What::Ask(Ask::Day | Ask::Hour)) => true,
                Some(What::Superlative(_, concept)) => *concept != occurrence,
                _ => false,
            });
        let said = (from..to).find(|at| match self.mark(*at).map(|mark| &mark.what) {
            _ if timed && in_units.is_some_and(|(place, _)| place == *at) => behind_a_count(*at),
            // "how many nights do guests stay": from the day on which they come to the one on which they go.
            Some(What::Unknown | What::Kin(_) | What::Concept(_))
                if self
                    .mark(*at)
                    .is_some_and(|mark| hints(Hint::Nights, self.words.text(mark.from))) =>
            {
                behind_a_count(*at)
            }
            Some(What::Ask(Ask::Day)) => self
                .previous(from, *at)
                .is_some_and(|before| self.is_ask(before, Ask::Count) || asks.has(Ask::Mean)),
            Some(What::Superlative(_, concept)) => lasts(*concept),
            // "how many were paid late" asks for no days.
            Some(What::Concept(_))
                if !told_in_days
                    && self
                        .mark(*at)
                        .is_some_and(|mark| hints(Hint::Late, self.words.text(mark.from))) =>
            {
                false
            }
            // "the length of stay" is no distance.
            Some(What::Concept(concept)) => {
                lasts(*concept)
                    || self.mark(*at).is_some_and(|mark| {
                        let said = self.words.all.get(mark.from..mark.to).unwrap_or_default();
                        let mut all = aios_languages::all_asks().iter();
                        self.schema.standing_for(*concept).is_empty()
                            && all.any(|asks| asks.concepts(said).into_iter().any(lasts))
                    })
            }
            _ => false,
        })?;
        let named = (from..to).any(|at| {
            matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, true)) if all
                .iter()
                .any(|column| self.column(*column).is_some_and(Column::is_measure)))
        });
        let nights = self
            .mark(said)
            .is_some_and(|mark| hints(Hint::Nights, self.words.text(mark.from)));
        if named && !nights {
            return None;
        }
        // "how many nights do guests stay": who stays is no measure, whether or not a column counts them.
        if nights {
            for at in said + 1..to {
                let guests = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Column(all, _)) if all
                    .iter()
                    .any(|column| self.column(*column).is_some_and(|column| column.concepts.contains(&Self::concept("guests")))));
                if guests {
                    self.take(at);
                }
            }
        }
        let in_days = (from..to).any(|at| self.is_ask(at, Ask::Day));
        let seconds = match in_units {
            Some((at, seconds)) if timed => Some((Some(at), seconds)),
            _ if timed && !in_days => Some((None, 3_600)),
            _ => None,
        };
        if !matches!(
            self.mark(said).map(|mark| &mark.what),
            Some(What::Superlative(..))
        ) {
            self.take(said);
        }
        // "the average length of stay in nights": the same said twice.
        for at in from..to {
            let again = self.mark(at).is_some_and(|mark| {
                mark.from > 0
                    && hints(Hint::Inside, self.words.text(mark.from - 1))
                    && hints(Hint::Nights, self.words.text(mark.from))
            });
            if again {
                self.take(at);
            }
        }
        let ends: Vec<Column> = self
            .schema
            .columns
            .iter()
            .filter(|column| column.id == first || column.id == last)
            .cloned()
            .collect();
        for at in from..to {
            if ends.iter().any(|date| self.hints_at(at, date)) {
                self.take(at);
            }
        }
        let ends = [("from", first.name.trim()), ("to", last.name.trim())];
        // "by how many days was it late": of what is counted from the day that it was due.
        if by_due {
            let delay = Self::concept("delay");
            for at in from..to {
                let late = self.mark(at).is_some_and(|mark| {
                    mark.what == What::Concept(delay)
                        || mark.what == What::Unknown
                            && hints(Hint::Late, self.words.text(mark.from))
                });
                if late {
                    self.take(at);
                }
            }
        }
        let Some((unit, seconds)) = seconds else {
            let told = self.speech.say("elapsed_is", &ends);
            self.assume(told);
            return Some((Measure::Elapsed(first, last), None));
        };
        let told = self.speech.say("lasted_is", &ends);
        self.assume(told);
        unit.into_iter().for_each(|at| self.take(at));
        Some((Measure::Lasted(first, last, seconds), None))
    }

    /// Whether a word names a column, or is of one family with a word of its name.
    pub(super) fn hints_at(&self, at: usize, column: &Column) -> bool {
        match self.mark(at).map(|mark| (mark.from, &mark.what)) {
            Some((_, What::Column(all, _) | What::Kin(all)))
                if all
                    .iter()
                    .any(|at| self.column(*at).is_some_and(|known| known.id == column.id)) =>
            {
                true
            }
            Some((word, What::Concept(_) | What::Kin(_))) => {
                let text = self.words.text(word);
                column.core().iter().any(|word| super::kin::kin(text, word))
            }
            _ => false,
        }
    }

    /// "the longest shift": where a table has two times of day, from the one to the next other one.
    pub(super) fn shift(&mut self, from: usize, to: usize) -> Option<Called> {
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
        for at in from..to {
            let lasts = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Concept(concept)) if *concept == duration);
            if lasts {
                self.take(at);
            }
        }
        let told = self.speech.say(
            "shift_is",
            &[("from", first.name.trim()), ("to", last.name.trim())],
        );
        self.assume(told);
        Some((Measure::Shift(first, last), None))
    }

    /// "paid after the due date": one date of a row against another.
    pub(super) fn compared_dates(&mut self, from: usize, to: usize, out: &mut Vec<Filter>) {
        let dated = |reader: &Self, at: usize| -> Option<usize> {
            match &reader.mark(at)?.what {
                What::Column(all, _) | What::Kin(all) => all.iter().copied().find(|column| {
                    reader
                        .column(*column)
                        .is_some_and(|column| column.role == Role::Date)
                }),
                _ => None,
            }
        };
        let kinds = [
            (Ask::After, true),
            (Ask::Above, true),
            (Ask::Before, false),
            (Ask::Below, false),
        ];
        for at in from..to {
            let Some((_, later)) = kinds.into_iter().find(|(ask, _)| self.is_ask(at, *ask)) else {
                continue;
            };
            let Some((next, limit)) = self
                .next(at + 1, to)
                .filter(|_| !self.is_used(at))
                .and_then(|next| Some((next, dated(self, next)?)))
            else {
                continue;
            };
            let other = (from..at)
                .rev()
                .find_map(|at| Some((at, dated(self, at).filter(|column| *column != limit)?)));
            let Some((place, other)) = other else {
                continue;
            };
            let (Some(column), Some(limit)) = (
                self.column(other).map(|column| column.id.clone()),
                self.column(limit).map(|column| column.id.clone()),
            ) else {
                continue;
            };
            for at in [at, next, place] {
                self.take(at);
            }
            // "after the due date"
            if self.is_ask(next + 1, Ask::Day) {
                self.take(next + 1);
            }
            out.push(Filter {
                column,
                test: if later {
                    Test::Over(limit, false)
                } else {
                    Test::Under(limit, false)
                },
                not: false,
                part: false,
            });
        }
    }

    /// "invoices paid late", "returned in time": one of two dates against the one that says by when.
    pub(super) fn late(&mut self, from: usize, to: usize, asks: &Asks, out: &mut Vec<Filter>) {
        let span = |at: usize| self.mark(at).map(|mark| (mark.from, mark.to));
        let (first, last) = match (span(from), span(to.saturating_sub(1))) {
            (Some((first, _)), Some((_, last))) => (first, last),
            _ => return,
        };
        // "paid on time" of a column `Paid on`: words are looked at, and not what they were taken for.
        let said = |hint: Hint| {
            (first..last).find_map(|word| {
                let mut ends = (word + 1..=last.min(word + 4)).rev();
                let end = ends.find(|end| {
                    let said: Vec<&str> = (word..*end).map(|at| self.words.text(at)).collect();
                    hints(hint, &said.join(" "))
                })?;
                Some((word, end))
            })
        };
        let counts = asks.any(&[Ask::Count, Ask::Share, Ask::Which, Ask::Who, Ask::List]);
        let others = asks.any(&[Ask::Mean, Ask::Change, Ask::Day]);
        let (late, (word, end)) = match (said(Hint::Late), said(Hint::Punctual)) {
            (Some(at), _) => (true, at),
            (None, Some(at)) => (false, at),
            (None, None) => return,
        };
        let mut dates = self
            .schema
            .columns
            .iter()
            .filter(|column| column.role == Role::Date && column.finest == Grain::Day);
        let (Some(one), Some(other), None) = (dates.next(), dates.next(), dates.next()) else {
            return;
        };
        let due = |column: &Column| column.words.iter().any(|word| hints(Hint::Due, word));
        let (limit, done) = match (due(one), due(other)) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => return,
        };
        // What has not come yet may be late as well, and nobody can tell.
        // What was done "after the due date" was done.
        let open = done.missing > 0 && end - word < 3;
        if !counts || others || open || limit.id.table != done.id.table {
            return;
        }
        let (limit, done) = (limit.clone(), done.clone());
        let of_it: Vec<usize> = (from..to)
            .filter(|at| span(*at).is_some_and(|(from, to)| from < end && to > word))
            .collect();
        of_it.into_iter().for_each(|at| self.take(at));
        for at in from..to {
            if self.hints_at(at, &done) {
                self.take(at);
            }
        }
        out.push(Filter {
            column: done.id,
            test: if late {
                Test::Over(limit.id, false)
            } else {
                Test::Under(limit.id, true)
            },
            not: false,
            part: false,
        });
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
                let text = self.words.text(mark.from);
                // "a" has in French alone.
                [
                    "have", "has", "had", "haben", "hat", "ont", "tienen", "tiene", "with",
                ]
                .contains(&text)
                    || text == "a" && self.words.language == "fr"
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
        Some(if date.hours {
            Measure::Periods(date.id, Grain::Day)
        } else {
            Measure::Distinct(date.id)
        })
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
            let present = hints(Hint::Present, text) && mark.to - mark.from == 1;
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
        // "what was the last sale": the row with its amount.
        let mut adds = self
            .schema
            .of_role(|role| role == Role::Adds)
            .filter_map(|at| self.column(at))
            .filter(|column| column.id.table == date.id.table);
        if let (Some(only), None) = (adds.next(), adds.next())
            && !by.contains(&only.id)
        {
            by.push(only.id.clone());
        }
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
}
