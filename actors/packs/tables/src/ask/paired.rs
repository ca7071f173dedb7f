//! Words that are read together once each has been taken for something: a thing that is said twice, a verb behind what is counted.

use aios_languages::{Ask, Hint, hints};

use super::marks::{Mark, Marks, What};
use super::words::Words;

impl Marks {
    /// "Schülerinnen und Schüler" are one thing said twice.
    pub(super) fn pairs(&mut self, words: &Words) {
        let mut at = 0;
        while at + 2 < self.all.len() {
            let (first, joint, second) = (&self.all[at], &self.all[at + 1], &self.all[at + 2]);
            let (one, other) = (words.text(first.from), words.text(second.from));
            let stem = one.strip_suffix("innen").unwrap_or_default();
            let twice = stem.chars().count() >= 4 && other.starts_with(stem);
            if words.language == "de" && joint.what == What::Ask(Ask::And) && twice {
                let what = if second.what == What::Unknown {
                    first.what.clone()
                } else {
                    second.what.clone()
                };
                let (from, to) = (first.from, second.to);
                self.all.splice(at..at + 3, [Mark { from, to, what }]);
            }
            at += 1;
        }
    }

    /// "How much rain fell": behind the thing that is counted a verb of change says what came about. "How much did it fall" asks for a change.
    pub(super) fn plain_verbs(&mut self, words: &Words) {
        let asks =
            |mark: Option<&Mark>, ask: Ask| mark.is_some_and(|mark| mark.what == What::Ask(ask));
        for at in 2..self.all.len() {
            let before = |back: usize| at.checked_sub(back).and_then(|at| self.all.get(at));
            let thing = before(1).is_some_and(|mark| {
                matches!(
                    mark.what,
                    What::Column(..)
                        | What::Concept(_)
                        | What::Value(..)
                        | What::Unknown
                        | What::File
                )
            });
            let counted = before(2).is_some_and(|mark| mark.to - mark.from == 2)
                && (asks(before(2), Ask::Total) || asks(before(2), Ask::Count));
            // "what share fell to the office": what is divided falls to somebody.
            let divided = self
                .all
                .iter()
                .any(|mark| mark.what == What::Ask(Ask::Share))
                && self.all.get(at).is_some_and(|mark| {
                    hints(Hint::Falling, words.text(mark.from))
                        && ["to", "on", "upon"].contains(&words.text(mark.to))
                })
                && (at + 1..self.all.len())
                    .take(4)
                    .any(|at| matches!(self.all[at].what, What::Value(..)));
            if let Some(mark) = self.all.get_mut(at)
                && mark.what == What::Ask(Ask::Growth)
                && words.language == "en"
            {
                if divided {
                    mark.what = What::Ask(Ask::Filler);
                } else if thing && counted {
                    mark.what = What::Unknown;
                }
            }
        }
    }
}
