//! Which end of what is measured a word means: the best scrap rate is the lowest one, who fell most changed by the least.

use aios_languages::{Ask, Hint, folded, hints};

use super::marks::What;
use super::question::{Figure, Make, Measure, Order, Question, Wanted};
use super::resolve::Reader;

impl Reader<'_> {
    /// The word that judges, and whether it means the good end.
    pub(super) fn judged(&self, from: usize, to: usize) -> Option<(usize, bool)> {
        (from..to).find_map(|at| {
            let mark = self.mark(at)?;
            let ranks = matches!(mark.what, What::Ask(Ask::Highest | Ask::Lowest));
            let text = self.words.text(mark.from);
            let best = hints(Hint::Best, text);
            (ranks && mark.to == mark.from + 1 && (best || hints(Hint::Worst, text)))
                .then_some((at, best))
        })
    }

    /// "the worst scrap rate": which end that is depends on what is measured. Where its name does not tell, that is said.
    pub(super) fn judge_ends(&mut self, from: usize, to: usize, question: &mut Question) {
        let Some((at, best)) = self.judged(from, to) else {
            return;
        };
        let both = (from..to).any(|at| self.is_ask(at, Ask::Highest))
            && (from..to).any(|at| self.is_ask(at, Ask::Lowest));
        if both {
            return;
        }
        let figure = match &question.wanted {
            Wanted::Figures(figures) => figures.first().cloned(),
            Wanted::Row { measure, .. } => Some(Figure {
                make: Make::Total,
                of: Measure::Of(measure.clone()),
                called: None,
            }),
            Wanted::Values(_) | Wanted::Versus(..) => None,
        };
        let Some(figure) = figure else { return };
        let name = self.speech.measure(&figure.of, figure.called.as_deref());
        let words = folded(&name);
        let begins = |hint: Hint| words.iter().any(|word| hints(hint, &word.text));
        let unwanted = begins(Hint::Unwanted);
        let wanted = begins(Hint::Wanted) && !unwanted;
        let largest = best != unwanted;
        if !unwanted && !wanted {
            let said = self
                .mark(at)
                .map(|mark| self.written(mark))
                .unwrap_or_default();
            let end = self
                .speech
                .say(if largest { "highest" } else { "lowest" }, &[]);
            let told = self.speech.say(
                "best_is",
                &[("said", &said), ("measure", &name), ("end", &end)],
            );
            self.assume(told);
        }
        if let Some(order) = &mut question.order {
            order.largest = largest;
        }
        if let Wanted::Figures(figures) = &mut question.wanted {
            for figure in figures {
                match figure.make {
                    Make::Greatest if !largest => figure.make = Make::Least,
                    Make::Least if largest => figure.make = Make::Greatest,
                    _ => {}
                }
            }
        }
    }

    /// Whether what grew is said to have gone down.
    pub(super) fn goes_down(&self, from: usize, to: usize) -> bool {
        (from..to).any(|at| {
            let Some(mark) = self.mark(at) else {
                return false;
            };
            let text = self.written(mark).to_lowercase();
            let moves = matches!(mark.what, What::Ask(Ask::Growth | Ask::Change));
            moves && hints(Hint::Falling, &text)
        })
    }
}

impl Reader<'_> {
    /// "in which month did the bakery lose the most": of the only column that lies on both sides of nothing the lowest.
    pub(super) fn lost(
        &mut self,
        from: usize,
        to: usize,
        order: Option<&mut Order>,
    ) -> Option<Measure> {
        if order.is_some()
            && let Some(moved) = self.moved_by(from, to)
        {
            return Some(Measure::Of(moved));
        }
        let order = order.filter(|order| order.largest)?;
        let verb = (from..to).find(|at| {
            self.mark(*at)
                .is_some_and(|mark| hints(Hint::Losing, self.words.text(mark.from)))
        })?;
        let mut signed = self.schema.columns.iter().filter(|column| {
            column.is_measure()
                && column.least.is_some_and(|least| least < 0.0)
                && column.most.is_some_and(|most| most > 0.0)
        });
        let id = signed.next()?.id.clone();
        if signed.next().is_some() {
            return None;
        }
        // "lost the most points" is of points: nothing but money may be named.
        let money: Vec<usize> = (verb + 1..to)
            .filter(|at| {
                matches!(self.mark(*at).map(|mark| &mark.what), Some(What::Concept(concept)) if ["revenue", "amount"]
                    .iter()
                    .any(|name| Self::concept(name) == *concept))
            })
            .collect();
        let named = (verb + 1..to).any(|at| {
            !money.contains(&at)
                && matches!(
                    self.mark(at).map(|mark| &mark.what),
                    Some(What::Column(..) | What::Kin(_) | What::Unknown)
                )
        });
        if named {
            return None;
        }
        order.largest = false;
        self.take(verb);
        money.into_iter().for_each(|at| self.take(at));
        let said = self.speech.say("taken_for", &[("column", id.name.trim())]);
        self.assume(said);
        Some(Measure::Of(id))
    }
}
