//! Rates that are called after what was done to a part: "vaccination rate" of `vaccinated` and `population`, "Anwesenheitsquote".
//!
//! What such a word is of is a count whose heading comes of it, and what that is a part of the count within which it lies.

use std::ops::Range;

use aios_languages::{Ask, Hint, hints};

use super::marks::What;
use super::question::Measure;
use super::resolve::{Asks, Reader};
use super::schema::{Column, Role};

/// Letters that two words of one family share at their beginning.
const ALIKE: usize = 4;

/// What happened, and how headings call those of whom it is true; as beginnings of words, folded.
#[rustfmt::skip]
const CALLED: &[(&str, &[&str])] = &[
    ("attend", &["present", "came", "showed"]),
    ("presence", &["attend"]),
    ("turnout", &["vote", "voting", "ballot"]),
    ("success", &["won", "passed", "solved"]),
    ("win", &["won"]),
    ("respon", &["answer", "repl", "returned"]),
    ("reply", &["answer", "repl"]),
    ("completion", &["finish", "done"]),
    ("survival", &["alive"]),
    ("participation", &["joined", "took"]),
    ("hatch", &["hatched", "chick"]),
    ("besteh", &["bestanden"]),
    ("erfolg", &["bestanden", "gewonnen"]),
    ("wahl", &["wahler", "stimmen"]),
    ("reussite", &["recu", "admis"]),
    ("assiduite", &["present"]),
    ("asistencia", &["present"]),
    ("exito", &["aprobad", "ganad"]),
];

impl Reader<'_> {
    /// The marks of a rate with what it is called after: "vaccination rate", "taux de vaccination", "Impfquote".
    pub(super) fn says_part(&self, from: usize, to: usize) -> Option<Range<usize>> {
        (from..to).find_map(|at| {
            let (said, _) = self.rate_at(at, from, to)?;
            Some(said)
        })
    }

    /// A rate that stands here, and the word that it is called after.
    fn rate_at(&self, at: usize, from: usize, to: usize) -> Option<(Range<usize>, String)> {
        let mark = self.mark(at)?;
        let text = self.words.text(mark.from);
        let word = |at: usize| {
            let mark = self.mark(at)?;
            let fits = match &mark.what {
                What::Unknown | What::File | What::Kin(_) => true,
                What::Concept(concept) => *concept != Self::concept("conversion"),
                _ => false,
            };
            fits.then(|| self.words.text(mark.to - 1).to_owned())
        };
        if self.is_ask(at, Ask::Ratio) {
            return match text {
                "rate" | "quote" => {
                    let of = at.checked_sub(1).filter(|of| *of >= from)?;
                    Some((of..at + 1, word(of)?))
                }
                "taux" | "tasa" => {
                    let of = self.next(at + 1, to)?;
                    Some((at..of + 1, word(of)?))
                }
                _ => None,
            };
        }
        // A word of its own in German.
        let of = text
            .strip_suffix("quote")
            .or_else(|| text.strip_suffix("rate"))?;
        let whole = mark.to == mark.from + 1 && of.chars().count() >= ALIKE;
        (self.words.language == "de" && whole && word(at).is_some())
            .then(|| (at..at + 1, of.strip_suffix('s').unwrap_or(of).to_owned()))
    }

    /// The part and its whole, where the clause asks for a rate that is called after the part.
    pub(super) fn part_by_name(
        &mut self,
        from: usize,
        to: usize,
        asks: &mut Asks,
    ) -> Vec<(Measure, Option<String>)> {
        let found = (from..to).find_map(|at| self.rate_at(at, from, to));
        let Some((said, word)) = found.filter(|(said, _)| said.clone().all(|at| !self.is_used(at)))
        else {
            return Vec::new();
        };
        let counts = |column: &&Column| {
            column.role == Role::Adds
                && column.whole
                && column.id.unit.is_none()
                && !column.sums
                && column.words.iter().any(|heading| comes_of(heading, &word))
        };
        let mut parts = self.schema.columns.iter().filter(counts);
        let Some(part) = parts.next().filter(|_| parts.next().is_none()).cloned() else {
            return Vec::new();
        };
        let Some(whole) = self.surrounds(&part) else {
            return Vec::new();
        };
        // Of visits, orders and returns nothing says of which the returns are a part.
        if self.around(&part).count() > 1 {
            let told = self
                .speech
                .say("one_kind", &[("said", whole.id.name.trim())]);
            self.assume(told);
        }
        // "clicks per newsletter sent": who says both beside the rate says it again.
        let again = |at: &usize| {
            let all = self.measured(*at);
            let own = |column: &usize| {
                self.column(*column)
                    .is_some_and(|column| column.id == part.id || column.id == whole.id)
            };
            !all.is_empty() && all.iter().all(own)
        };
        let again: Vec<usize> = (from..to).filter(again).collect();
        said.chain(again).for_each(|at| self.take(at));
        asks.add(Ask::Ratio);
        vec![(Measure::Of(part.id), None), (Measure::Of(whole.id), None)]
    }

    /// "what percentage of the seeds germinated": what a count of all is called in the goal is heard with its part.
    pub(super) fn whose_part(&mut self, from: usize, to: usize) {
        let Some(share) = (from..to).find(|at| self.is_ask(*at, Ask::Share)) else {
            return;
        };
        let Some(of) = self.next(share + 1, to) else {
            return;
        };
        let thing = matches!(
            self.mark(of).map(|mark| &mark.what),
            Some(What::Unknown | What::File)
        );
        let led = self.mark(of).is_some_and(|mark| {
            let word = |back: usize| {
                let at = mark.from.checked_sub(back);
                at.map_or("", |at| self.words.text(at))
            };
            hints(Hint::Article, word(1)) || hints(Hint::Of, word(1))
        });
        if thing && led {
            self.take(of);
        }
    }
}

/// Whether a word of a heading, as it is compared, comes of the word that a rate is called after, folded.
fn comes_of(heading: &str, word: &str) -> bool {
    let begin = |text: &str| text.chars().take(ALIKE).collect::<String>();
    let long = word.chars().count() >= ALIKE;
    // `geimpft` comes of "impf".
    let bare = heading
        .strip_prefix("ge")
        .filter(|bare| bare.chars().count() >= ALIKE)
        .unwrap_or(heading);
    let alike = long && (begin(heading) == begin(word) || begin(bare) == begin(word));
    alike
        || CALLED.iter().any(|(said, headings)| {
            word.starts_with(said) && headings.iter().any(|known| heading.starts_with(known))
        })
}
