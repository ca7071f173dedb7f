//! From where to where: two columns that hold the same places, one of where something begins and one of where it goes.

use aios_languages::{Ask, Asking, Hint, hints};

use super::marks::What;
use super::resolve::Reader;

/// An end of a way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Start,
    Goal,
}

impl Reader<'_> {
    /// "from Airport to Centre" of columns `from` and `to`: of several columns that hold a place the one that the word before it speaks of.
    /// That word is heard with it.
    pub(super) fn end_of_way_at(&mut self, at: usize, from: usize, all: &[usize]) -> Option<usize> {
        if all.len() < 2 {
            return None;
        }
        let said = self.end_said_before(at, from).or_else(|| {
            // "Airport to Centre": what stands before such a word is where it begins.
            let next = self.mark(at).map(|mark| mark.to)?;
            let begins = self.is_end_word(next, End::Goal)
                && matches!(
                    (self.mark(at + 1), self.mark(at + 2)),
                    (Some(word), Some(place)) if word.to == next + 1 && matches!(&place.what, What::Value(..))
                );
            begins.then_some(End::Start)
        })?;
        let headed = |end: End| {
            let mut columns = all.iter().copied().filter(|column| {
                self.column(*column)
                    .is_some_and(|column| is_headed(&column.id.name, end))
            });
            columns.next().filter(|_| columns.next().is_none())
        };
        let (start, goal) = (headed(End::Start)?, headed(End::Goal)?);
        if start == goal {
            return None;
        }
        // The word that says so has no part of its own, though a column is called so.
        let before = at.checked_sub(1).filter(|before| {
            *before >= from
                && self.mark(*before).is_some_and(|mark| {
                    mark.to == mark.from + 1
                        && (self.is_end_word(mark.from, End::Start)
                            || self.is_end_word(mark.from, End::Goal))
                })
        });
        before.into_iter().for_each(|before| self.take(before));
        Some(if said == End::Start { start } else { goal })
    }

    /// Which end the word right before a place speaks of.
    fn end_said_before(&self, at: usize, from: usize) -> Option<End> {
        let first = self.mark(from)?.from;
        let place = self.mark(at)?.from;
        let mut word = place.checked_sub(1).filter(|word| *word >= first)?;
        // "from the Airport"
        if hints(Hint::Article, self.words.text(word)) && !self.is_end_word(word, End::Goal) {
            word = word.checked_sub(1).filter(|word| *word >= first)?;
        }
        [End::Start, End::Goal]
            .into_iter()
            .find(|end| self.is_end_word(word, *end))
    }

    fn is_end_word(&self, word: usize, end: End) -> bool {
        let ask = match end {
            End::Start => Ask::From,
            End::Goal => Ask::To,
        };
        self.marks
            .can_be(word, word + 1, |asking| asking == Asking::Ask(ask))
            || hints(hint(end), self.words.text(word))
    }
}

fn hint(end: End) -> Hint {
    match end {
        End::Start => Hint::Origin,
        End::Goal => Hint::Destination,
    }
}

/// Whether a heading is of such an end: `from`, `Start`, `to_city`.
fn is_headed(name: &str, end: End) -> bool {
    const STARTS: [&str; 9] = [
        "start",
        "departure",
        "pickup",
        "source",
        "abfahrt",
        "abgang",
        "depart",
        "salida",
        "sender",
    ];
    const GOALS: [&str; 9] = [
        "end", "arrival", "dropoff", "target", "ankunft", "arrivee", "llegada", "dest", "receiver",
    ];
    let known: &[&str] = if end == End::Start { &STARTS } else { &GOALS };
    super::words::spaced(name)
        .iter()
        .any(|word| hints(hint(end), &word.text) || known.contains(&word.text.as_str()))
}

/// What of the values is of one column.
pub(super) fn values_of(all: &[(usize, String)], column: usize) -> Vec<String> {
    let of = all.iter().filter(|(place, _)| *place == column);
    of.map(|(_, value)| value.clone()).collect()
}
