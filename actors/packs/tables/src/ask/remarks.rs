//! What stands beside a question and changes nothing of it: remarks, units of what is measured, verbs of ranks.

use aios_languages::{Ask, UnitName};

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
