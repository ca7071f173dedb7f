//! What stands beside a question and changes nothing of it: remarks, units of what is measured, verbs of ranks.

use aios_languages::{Ask, Hint, UnitName, fold, hints};

use super::marks::What;
use super::question::{Group, Measure};
use super::resolve::{Asks, Reader};
use super::schema::Column;

impl Reader<'_> {
    /// What was not read as it is written: remarks, and words that are read as others.
    pub(super) fn told_beside(&mut self) {
        let marks = self.marks;
        for said in &marks.asides {
            let told = self.speech.say("aside", &[("said", said)]);
            self.assume(told);
        }
        for (said, meant) in &marks.spelled {
            let told = self
                .speech
                .say("spelling", &[("said", said), ("meant", meant)]);
            self.assume(told);
        }
    }

    /// "... how long was it? some go past midnight": what follows a question and neither asks nor names anything is said to be passed over.
    pub(super) fn is_a_remark(&mut self, from: usize, to: usize) -> bool {
        let Some(first) = self.mark(from).map(|mark| mark.from) else {
            return false;
        };
        let apart = self.words.gap(first).contains(['?', '!', ';', '\n'])
            || self.words.gap(first).contains(". ");
        let says_nothing = (from..to).all(|at| {
            self.mark(at).is_some_and(|mark| match &mark.what {
                What::Ask(ask) => matches!(
                    ask,
                    Ask::Filler | Ask::And | Ask::From | Ask::To | Ask::There | Ask::Last
                ),
                What::Unknown | What::Clock(_) => true,
                _ => false,
            })
        });
        // "prices are in the other file": where something stands, and nothing that is asked.
        let of_files = (first..first + 12).any(|at| {
            ["file", "sheet", "table", "datei", "fichier", "archivo"].contains(&self.words.text(at))
                && [
                    "other", "second", "anderen", "zweiten", "autre", "deuxieme", "otro", "segundo",
                ]
                .contains(&self.words.text(at.saturating_sub(1)))
        }) && (from..to).all(|at| {
            self.mark(at).is_some_and(|mark| {
                !matches!(
                    mark.what,
                    What::Ask(Ask::Which | Ask::Who | Ask::Count | Ask::Total | Ask::Mean)
                        | What::Superlative(..)
                        | What::Value(..)
                )
            })
        });
        let says_nothing = says_nothing || of_files;
        // A word or two may be a condition that was thought of late.
        if !apart || !says_nothing || to - from < 4 {
            return false;
        }
        (from..to).for_each(|at| self.take(at));
        let last = self.mark(to - 1).map_or(first, |mark| mark.to);
        let said = self.words.written(first, last).to_owned();
        let told = self.speech.say("aside", &[("said", &said)]);
        self.assume(told);
        true
    }

    /// "how many hours were estimated" of `estimate_h`: the unit of what is measured.
    pub(super) fn units_of_measures(
        &mut self,
        from: usize,
        to: usize,
        measures: &[(Measure, Option<String>)],
    ) {
        let [(Measure::Of(id), _)] = measures else {
            return;
        };
        let Some(column) = self.schema.columns.iter().find(|column| column.id == *id) else {
            return;
        };
        for at in from..to {
            let unit = match self.mark(at).map(|mark| &mark.what) {
                Some(What::Ask(Ask::Hour)) => UnitName::Hour,
                Some(What::Ask(Ask::Day)) => UnitName::Day,
                Some(What::Ask(Ask::Week)) => UnitName::Week,
                Some(What::Ask(Ask::Month)) => UnitName::Month,
                _ => continue,
            };
            let counted = self.previous(from, at).is_some_and(|before| {
                self.is_ask(before, Ask::Count) || self.is_ask(before, Ask::Total)
            });
            if counted && super::units::has_unit(column, unit) {
                self.take(at);
            }
        }
    }

    /// "Which employee worked the most hours": where both the group and the measure are named, the verb between them adds nothing.
    pub(super) fn verbs_of_ranks(&mut self, from: usize, to: usize, asks: &Asks, groups: &[Group]) {
        if groups.is_empty() || !asks.any(&[Ask::Which, Ask::Who]) {
            return;
        }
        for at in from..to {
            let unknown = matches!(self.mark(at).map(|mark| &mark.what), Some(What::Unknown));
            let Some(rank) = self.next(at + 1, to).filter(|_| unknown) else {
                continue;
            };
            // "... do most people pass the door": said of the table itself.
            let file = matches!(self.mark(rank).map(|mark| &mark.what), Some(What::File));
            let behind = self.previous(from, at).is_some_and(|before| {
                self.is_used(before)
                    && matches!(&self.mark(before).map(|mark| mark.what.clone()), Some(What::Column(all, _)) if all.iter().any(|at| self.column(*at).is_some_and(Column::is_measure)))
            });
            if file && behind {
                self.take(at);
                continue;
            }
            let ranked = [Ask::Highest, Ask::Lowest, Ask::Top]
                .into_iter()
                .any(|ask| self.is_ask(rank, ask));
            let measured = self.next(rank + 1, to).is_some_and(|next| {
                self.is_used(next)
                    && matches!(&self.mark(next).map(|mark| mark.what.clone()), Some(What::Column(all, _)) if all.iter().any(|at| self.column(*at).is_some_and(Column::is_measure)))
            });
            let group = self
                .previous(from, at)
                .is_some_and(|before| self.is_used(before));
            if ranked && measured && group {
                self.take(at);
            }
        }
    }

    /// "who speaks Polish", "ships that sail under the flag of Panama": what stands between whoever is meant and a value of theirs says how the
    /// two hang together, and chooses nothing more; that it was passed over is said.
    pub(super) fn verbs_of_values(&mut self, from: usize, to: usize) {
        for at in from..to {
            let Some(mark) = self.mark(at).cloned() else {
                continue;
            };
            let text = self.words.text(mark.from);
            let plain = mark.what == What::Unknown
                && !self.is_used(at)
                && mark.from > 0
                && text.chars().count() > 2
                && !self.written(&mark).starts_with(char::is_uppercase)
                && ![
                    Hint::Choosing,
                    Hint::Unpaid,
                    Hint::Unfinished,
                    Hint::Leading,
                ]
                .into_iter()
                .any(|hint| hints(hint, text));
            let before = at.checked_sub(1).filter(|before| *before >= from);
            let subject = before.is_some_and(|before| {
                self.is_ask(before, Ask::Who)
                    || self.is_used(before)
                        && matches!(
                            self.mark(before).map(|mark| &mark.what),
                            Some(What::File | What::Column(..) | What::Concept(_))
                        )
            });
            if !plain || !subject {
                continue;
            }
            let number =
                |at: usize| matches!(self.mark(at).map(|mark| &mark.what), Some(What::Number(_)));
            let passed = |at: &usize| {
                self.mark(*at).is_some_and(super::clause::is_filler)
                    || (self.is_ask(*at, Ask::Below) || self.is_ask(*at, Ask::Above))
                    || self.is_group_name(*at)
            };
            let Some(value) = (at + 1..to).find(|at| !passed(at)) else {
                continue;
            };
            let named = self.is_used(value)
                && matches!(
                    self.mark(value).map(|mark| &mark.what),
                    Some(What::Value(_, true))
                )
                && !(value + 1..to).any(number);
            if named {
                (at..value).for_each(|at| self.take(at));
                let said = self
                    .speech
                    .say("one_kind", &[("said", &self.written(&mark))]);
                self.assume(said);
            }
        }
    }

    /// Cells that say it rained, of a column of the weather.
    pub(super) fn wet_weather(&self) -> Option<(super::question::Column, Vec<String>)> {
        let wet = |value: &&String| {
            [
                "rain",
                "rainy",
                "wet",
                "showers",
                "regen",
                "regnerisch",
                "pluie",
                "pluvieux",
                "lluvia",
                "lluvioso",
            ]
            .contains(&fold(value.trim()).as_str())
        };
        self.schema.columns.iter().find_map(|column| {
            let values: Vec<String> = column.few.iter().filter(wet).cloned().collect();
            (!values.is_empty()).then(|| (column.id.clone(), values))
        })
    }

    /// "Wie oft kommt sie vor?": the end of a German verb stands at the end of its clause.
    pub(super) fn ends_of_verbs(&mut self, from: usize, to: usize) {
        const ENDS: [&str; 12] = [
            "vor", "ab", "an", "auf", "aus", "ein", "mit", "zu", "bei", "statt", "teil", "weg",
        ];
        let last = to.saturating_sub(1);
        let ends = self.words.language == "de"
            && last > from
            && self.mark(last).is_some_and(|mark| {
                matches!(mark.what, What::Unknown | What::Ask(_))
                    && ENDS.contains(&self.words.text(mark.from))
            });
        if ends {
            self.take(last);
        }
    }

    /// "who grew the most squashes": a verb of growth that says that somebody grew something.
    pub(super) fn raises(&mut self, from: usize, to: usize, asks: &mut Asks) {
        let raised = |reader: &Self, at: usize| {
            reader.is_ask(at, Ask::Growth)
                && reader
                    .mark(at)
                    .is_some_and(|mark| hints(Hint::Raising, reader.words.text(mark.from)))
        };
        let found: Vec<usize> = (from..to).filter(|at| raised(self, *at)).collect();
        let most = |at: usize| {
            self.next(at + 1, to).is_some_and(|next| {
                (self.is_ask(next, Ask::Highest) || self.is_ask(next, Ask::Lowest))
                    && self.next(next + 1, to).is_some_and(|thing| {
                        matches!(
                            self.mark(thing).map(|mark| &mark.what),
                            Some(
                                What::Column(..) | What::Value(..) | What::File | What::Concept(_)
                            )
                        )
                    })
            })
        };
        let timeless = !self.schema.columns.iter().any(Column::is_time);
        let all = !found.is_empty() && found.iter().all(|at| timeless || most(*at));
        if all && asks.any(&[Ask::Who, Ask::Which, Ask::Count, Ask::Total]) {
            found.into_iter().for_each(|at| self.take(at));
            asks.leave(&[Ask::Growth]);
        }
    }

    /// The only column of what people wrote, where a verb asks for that; the verb is heard then.
    pub(super) fn wrote(
        &mut self,
        from: usize,
        to: usize,
        asks: &Asks,
    ) -> Option<super::question::Column> {
        let verb = (from..to).find(|at| {
            self.mark(*at)
                .is_some_and(|mark| hints(Hint::Writing, self.words.text(mark.from)))
        })?;
        let mut written = self.schema.columns.iter().filter(|column| {
            let words = super::words::spaced(&column.id.name);
            !column.is_measure()
                && words
                    .last()
                    .is_some_and(|word| hints(Hint::Remarking, &word.text))
        });
        let id = written.next()?.id.clone();
        if written.next().is_some() || !asks.has(Ask::Which) || asks.reckons() {
            return None;
        }
        self.take(verb);
        Some(id)
    }

    /// "the driving test" of `driving.csv`: the last word of what the table is about.
    pub(super) fn ends_of_files(&mut self, from: usize, to: usize) {
        let at = to.saturating_sub(1);
        let is = |at: Option<usize>, what: &What| {
            at.filter(|at| *at >= from)
                .and_then(|at| self.mark(at))
                .is_some_and(|mark| mark.what == *what)
        };
        let ends = self.words.language == "en"
            && is(Some(at), &What::Unknown)
            && is(at.checked_sub(1), &What::File);
        if ends {
            self.take(at);
        }
    }
}
