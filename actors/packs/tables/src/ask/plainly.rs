//! Words of the plainest questions that name no column: what rose, what was born, when something began, how strong it was, who got it.

use aios_languages::{Ask, Hint, hints};

use super::marks::What;
use super::question::{Column as Id, Figure, Group, Measure, Question, Wanted};
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};

/// Letters that an adjective and its superlative share.
const STEM: usize = 4;

impl Reader<'_> {
    /// Verbs that say no more than what the columns beside them say.
    pub(super) fn plain_words(&mut self, from: usize, to: usize, asks: &mut Asks) {
        self.born(from, to);
        self.how_much_of_it(from, to);
        if let Some(moved) = self.moved_by(from, to) {
            for at in from..to {
                if self.is_ask(at, Ask::Growth) || self.is_ask(at, Ask::Change) {
                    self.take(at);
                    // "the population rose": by what it changed is told beside it.
                    let thing = self.previous(from, at).filter(|thing| {
                        let all = self.measured(*thing);
                        !all.is_empty()
                            && all.iter().all(|column| {
                                self.column(*column)
                                    .is_some_and(|column| column.id != moved)
                            })
                    });
                    thing.into_iter().for_each(|thing| self.take(thing));
                }
            }
            asks.leave(&[Ask::Growth, Ask::Change]);
        }
    }

    /// "most calves born": of what is counted it says nothing, where no column tells of a birth.
    fn born(&mut self, from: usize, to: usize) {
        let birth = Self::concept("birth");
        let counted = (from..to).any(|at| match self.mark(at).map(|mark| &mark.what) {
            Some(What::Column(all, true)) => all.iter().all(|column| {
                self.column(*column)
                    .is_some_and(|column| column.role == Role::Adds && column.whole)
            }),
            _ => false,
        });
        if !counted || !self.schema.standing_for(birth).is_empty() {
            return;
        }
        for at in from..to {
            let verb = self.mark(at).is_some_and(|mark| {
                let text = self.words.text(mark.from);
                mark.what == What::Concept(birth)
                    && (self.marks.is_filler(mark.from)
                        || super::heard::is_participle(text, &self.words.language)
                        || text == "born")
            });
            if verb {
                self.take(at);
            }
        }
    }

    /// "Which good rose the most?": the column that tells by how much, where no column tells when.
    pub(super) fn moved_by(&self, from: usize, to: usize) -> Option<Id> {
        let asks = self.asks(from, to);
        let moves = (from..to).any(|at| self.is_ask(at, Ask::Growth));
        let ranked = asks.any(&[Ask::Highest, Ask::Lowest]);
        if !moves || !ranked || self.schema.columns.iter().any(Column::is_time) {
            return None;
        }
        let change = Self::concept("change_of");
        let only = |fits: &dyn Fn(&Column) -> bool| {
            let mut all = self
                .schema
                .columns
                .iter()
                .filter(|column| column.is_measure() && fits(column));
            let first = all.next()?;
            all.next().is_none().then(|| first.id.clone())
        };
        let signed = |column: &Column| {
            column.least.is_some_and(|least| least < 0.0)
                && column.most.is_some_and(|most| most > 0.0)
        };
        only(&|column| column.concepts.contains(&change)).or_else(|| only(&signed))
    }

    /// "loans that began after May": of columns for both ends of a stretch the one that the verb is of, with where the verb stands.
    pub(super) fn end_of_a_verb(&self, from: usize, to: usize) -> Option<(usize, usize)> {
        let (at, heading) = (from..to).find_map(|at| {
            let mark = self.mark(at)?;
            if !matches!(
                mark.what,
                What::Unknown | What::Ask(Ask::Filler | Ask::Since)
            ) {
                return None;
            }
            let text = self.words.text(mark.from);
            if hints(Hint::Commencing, text) {
                Some((at, Hint::FirstDay))
            } else {
                hints(Hint::Ceasing, text).then_some((at, Hint::LastDay))
            }
        })?;
        let mut ends = (0..self.schema.columns.len()).filter(|place| {
            self.column(*place).is_some_and(|column| {
                let words = super::words::spaced(&column.id.name);
                column.role == Role::Date && words.iter().any(|word| hints(heading, &word.text))
            })
        });
        let first = ends.next()?;
        ends.next().is_none().then_some((at, first))
    }

    /// "... and how strong was it?" behind "the strongest": the figure that the row has been found by.
    pub(super) fn asks_how(&self, from: usize, to: usize) -> bool {
        let measure = match &self.before {
            Some(Question {
                wanted: Wanted::Row { measure, .. },
                ..
            }) => measure,
            Some(Question {
                wanted: Wanted::Figures(figures),
                order: Some(_),
                ..
            }) => match figures.as_slice() {
                [
                    Figure {
                        of: Measure::Of(measure),
                        ..
                    },
                ] => measure,
                _ => return false,
            },
            _ => return false,
        };
        let mut said = None;
        for at in from..to {
            let Some(mark) = self.mark(at) else {
                return false;
            };
            match &mark.what {
                What::Unknown | What::Concept(_) | What::Kin(_) | What::Column(..)
                    if said.is_none() =>
                {
                    said = Some(at);
                }
                What::Ask(Ask::Filler | Ask::And | Ask::Which | Ask::Count | Ask::Total) => {}
                _ => return false,
            }
        }
        let Some(at) = said else { return false };
        let text = self.mark(at).map_or("", |mark| self.words.text(mark.from));
        let asked = self.is_behind_how(at);
        let measured = self.measured(at);
        let of_it = measured.iter().any(|column| {
            self.column(*column)
                .is_some_and(|column| column.id == *measure)
        });
        let stem: String = text.chars().take(STEM).collect();
        let before = (0..from).any(|at| {
            self.mark(at).is_some_and(|mark| {
                let ends = matches!(
                    mark.what,
                    What::Superlative(..) | What::Ask(Ask::Highest | Ask::Lowest)
                );
                ends && (mark.from..mark.to).any(|word| self.words.text(word).starts_with(&stem))
            })
        });
        let measures = self.schema.measures().count();
        asked
            && stem.chars().count() >= 3
            && (of_it || measured.is_empty() && (before || measures == 1))
    }

    fn is_behind_how(&self, at: usize) -> bool {
        let before = self.mark(at).and_then(|mark| mark.from.checked_sub(1));
        before.is_some_and(|before| ["how", "wie", "cuan"].contains(&self.words.text(before)))
    }

    /// "How strong was the strongest tremor?", "the deepest snow and how deep was it": the adjective is the superlative's own.
    fn how_much_of_it(&mut self, from: usize, to: usize) {
        for at in from..to {
            let stem: String = self
                .mark(at)
                .filter(|mark| matches!(mark.what, What::Unknown | What::Concept(_)))
                .map(|mark| self.words.text(mark.from).chars().take(STEM).collect())
                .unwrap_or_default();
            let again = (from..to).any(|at| {
                self.mark(at).is_some_and(|mark| {
                    matches!(
                        mark.what,
                        What::Superlative(..) | What::Ask(Ask::Highest | Ask::Lowest)
                    ) && self.words.text(mark.to - 1).starts_with(&stem)
                })
            });
            if stem.chars().count() >= 3 && again && self.is_behind_how(at) {
                self.take(at);
            }
        }
    }

    /// "the strongest earthquake" of a list whose rows are one each and have one measure: whatever it is called, it is one of them.
    pub(super) fn ranked_thing(&mut self, from: usize, to: usize) {
        let single = self.schema.columns.iter().all(|column| {
            !matches!(column.role, Role::Groups | Role::Names)
                || column.distinct + column.missing >= column.rows
        });
        if !single || self.schema.measures().count() != 1 {
            return;
        }
        for at in from..to {
            let ranked = matches!(
                self.mark(at).map(|mark| &mark.what),
                Some(What::Superlative(..) | What::Ask(Ask::Highest | Ask::Lowest))
            );
            let next = at + 1;
            let unknown = next < to
                && !self.is_used(next)
                && matches!(self.mark(next).map(|mark| &mark.what), Some(What::Unknown));
            if ranked && unknown {
                self.take(next);
                let name = self
                    .mark(next)
                    .map(|mark| self.written(mark))
                    .unwrap_or_default();
                let said = self.speech.say("one_kind", &[("said", &name)]);
                self.assume(said);
            }
        }
    }

    /// Who: the only column that is called after people of a kind.
    pub(super) fn people(&self) -> Option<Group> {
        let mut columns = self.schema.columns.iter().filter(|column| {
            let words = super::words::spaced(&column.id.name);
            matches!(column.role, Role::Groups | Role::Names)
                && column.least.is_none()
                && words
                    .last()
                    .is_some_and(|word| hints(Hint::People, &word.text))
        });
        let only = columns.next().filter(|_| columns.next().is_none())?;
        Some(Group::By(only.id.clone()))
    }
}
