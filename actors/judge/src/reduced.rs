//! An amount less the part of it that a document takes off for some: what a student pays of 189 EUR where students get 20 percent off.

use std::collections::HashSet;

use aios_languages::{Sense, Tag};

use crate::equal::same;
use crate::numeral::Number;
use crate::paper::{Paper, Sentence};
use crate::reading::Reading;
use crate::text::Text;
use crate::unit::Unit;

/// Sentences of a document that are looked at for a part and for an amount: those that speak most of what is asked.
const NEAREST: usize = 64;

impl Reading<'_> {
    /// The sentence that takes a part off an amount, if what is left, or the part itself, is the number: both sentences are those that goal
    /// and answer speak of.
    pub(crate) fn reduced(&self, paper: &Paper, text: &Text, number: &Number) -> Option<usize> {
        let unit = number.unit.as_ref().filter(|unit| unit.is_money())?;
        let wanted: HashSet<String> = self
            .ground
            .asked
            .text
            .stems
            .iter()
            .chain(&text.stems)
            .map(|(_, stem)| stem.clone())
            .filter(|stem| paper.knows(stem))
            .collect();
        let wanted = paper.with_parts(&wanted, &self.ground.asked.text);
        let is_share = |own: &Number| own.unit.as_ref().is_some_and(Unit::is_share);
        let (left, remains) = (
            self.is_left_here(text, number),
            self.speaks_of_the_rest(text),
        );
        // What shares no word with goal and answer is meant by neither.
        let nearest = paper.nearest(&wanted);
        let all = || nearest.iter().take(NEAREST);
        // Of several parts the one whose sentence speaks of what is asked.
        let shares: Vec<(usize, f64, &Number)> = all()
            .flat_map(|(at, fit)| {
                let numbers = paper.sentences[*at].text.numbers.iter();
                numbers.map(move |own| (*at, *fit, own))
            })
            .filter(|(.., own)| is_share(own))
            .collect();
        let most = shares.iter().map(|(_, fit, _)| *fit).fold(0.0, f64::max);
        let meant: Vec<(usize, &Number)> = shares
            .into_iter()
            .filter(|(at, fit, share)| {
                let told = text
                    .numbers
                    .iter()
                    .any(|own| is_share(own) && same(own, share));
                *fit >= most && (told || remains || reduces(&paper.sentences[*at]))
            })
            .map(|(at, _, share)| (at, share))
            .collect();
        if meant.is_empty() {
            return None;
        }
        // That something is paid says nothing of what it is paid for.
        let asked = &self.ground.asked.text;
        let paid: HashSet<&String> = asked
            .stems
            .iter()
            .filter(|(word, _)| {
                let mut tags = asked.tags.iter();
                tags.any(|tag| {
                    let money = tag.tag == Tag::Sense(Sense::AskMoney);
                    money && tag.from <= *word && *word < tag.to
                })
            })
            .map(|(_, stem)| stem)
            .collect();
        let rest: HashSet<String> = wanted
            .iter()
            .filter(|stem| !paid.contains(stem))
            .cloned()
            .collect();
        let about = if rest.is_empty() { &wanted } else { &rest };
        let amounts: Vec<(f64, f64)> = all()
            .map(|(at, _)| &paper.sentences[*at])
            .flat_map(|sentence| sentence.text.numbers.iter().map(move |own| (sentence, own)))
            .filter_map(|(sentence, own)| {
                let value = own.unit.as_ref()?.convert(own.value(), unit)?;
                Some((value, near(paper, sentence, own, about)))
            })
            .collect();
        let most = amounts.iter().map(|(_, fit)| *fit).fold(0.0, f64::max);
        meant
            .iter()
            .filter(|(at, share)| {
                // "20 % of it, 37.80 EUR", "37.80 EUR less": the part itself.
                let told = text
                    .numbers
                    .iter()
                    .any(|own| is_share(own) && same(own, share));
                let part = !left && (told || remains || text.has(Sense::Reduces));
                // "It costs so much. Of this a grant bears 35 percent."
                let before = at.checked_sub(1).map(|at| &paper.sentences[at]);
                let before = before.filter(|before| before.block == paper.sentences[*at].block);
                let of_this = before.and_then(|before| only_amount(before, unit));
                let mut amounts = amounts
                    .iter()
                    .filter(|(_, fit)| *fit >= most && *fit > 0.0)
                    .map(|(amount, _)| *amount)
                    .chain(of_this.filter(|_| remains || told));
                amounts.any(|amount| {
                    number.is(amount * (100.0 - share.value()) / 100.0)
                        || (part && number.is(amount * share.value() / 100.0))
                })
            })
            .map(|(at, _)| *at)
            .next()
    }
}

/// The amount of a sentence that has one.
fn only_amount(sentence: &Sentence, unit: &Unit) -> Option<f64> {
    let mut amounts = sentence.text.numbers.iter().filter_map(|own| {
        let own_unit = own.unit.as_ref()?;
        own_unit.convert(own.value(), unit)
    });
    let one = amounts.next()?;
    amounts.next().is_none().then_some(one)
}

impl Reading<'_> {
    /// Whether goal or answer speak of what is left.
    fn speaks_of_the_rest(&self, text: &Text) -> bool {
        text.has(Sense::Remains) || self.ground.asked.text.has(Sense::Remains)
    }

    /// Whether the clause of a number says that it is what is left, or nothing but the goal does.
    fn is_left_here(&self, text: &Text, number: &Number) -> bool {
        let clause = text.clause(number.start);
        let here = text
            .senses()
            .any(|(sense, place)| sense == Sense::Remains && text.clause(place) == clause);
        here || (!text.has(Sense::Remains) && self.ground.asked.text.has(Sense::Remains))
    }

    /// The sentence that gives a part of which a share is what is left: 65 % where a grant bears 35 percent.
    pub(crate) fn complement(
        &self,
        paper: &Paper,
        text: &Text,
        number: &Number,
        all: &HashSet<String>,
    ) -> Option<usize> {
        let is_share = |own: &Number| own.unit.as_ref().is_some_and(Unit::is_share);
        if !is_share(number) || !self.speaks_of_the_rest(text) {
            return None;
        }
        // "65 % is paid by the grant" says so of the part.
        let clause = text.clause(number.start);
        let here = text
            .stems
            .iter()
            .filter(|(word, _)| text.clause(text.words[*word].start) == clause);
        let said: Vec<&String> = here.map(|(_, stem)| stem).collect();
        let left = self.is_left_here(text, number);
        let mut wanted = all.clone();
        let asked = self.ground.asked.text.stems.iter();
        wanted.extend(asked.map(|(_, stem)| stem.clone()));
        let near = paper.nearest(&wanted);
        let mut places = near.iter().map(|(at, _)| *at);
        let at = places.find(|at| paper.sentences[*at].text.numbers.iter().any(is_share))?;
        let sentence = &paper.sentences[at];
        let apart = left || said.iter().all(|stem| !sentence.own.contains(*stem));
        let mut parts = sentence.text.numbers.iter().filter(|own| is_share(own));
        let follows = parts.any(|own| number.equals(100.0 - own.value()));
        (apart && follows).then_some(at)
    }

    /// The sentence that takes a part off an amount for those of whom the words of a number speak, and of whom the sentence that gives the amount
    /// does not: the full price told for a pensioner.
    pub(crate) fn unreduced(
        &self,
        paper: &Paper,
        holder: usize,
        text: &Text,
        number: &Number,
        near: &HashSet<String>,
    ) -> Option<usize> {
        number.unit.as_ref().filter(|unit| unit.is_money())?;
        let asked = &self.ground.asked;
        let others = text.numbers.iter().any(|own| own.start != number.start);
        // "Without the discount" is asked for as it stands.
        if others || text.has(Sense::Reduces) || asked.text.has(Sense::Reduces) {
            return None;
        }
        // "412,000 remain" of which a grant bears a part.
        let share = |own: &Number| own.unit.as_ref().is_some_and(Unit::is_share);
        let goes_on = paper.sentences.get(holder + 1).filter(|next| {
            let mut senses = next.text.senses();
            next.block == paper.sentences[holder].block
                && senses.any(|(sense, place)| sense == Sense::Back && place == 0)
                && next.text.numbers.iter().any(share)
        });
        if goes_on.is_some() && self.is_left_here(text, number) {
            return Some(holder + 1);
        }
        let mut meant = near.clone();
        if let [point] = asked.points.as_slice() {
            meant.extend(point.text.stems.iter().map(|(_, stem)| stem.clone()));
        }
        let own = &paper.sentences[holder];
        let theirs = |at: &usize| {
            let sentence = &paper.sentences[*at];
            let mut whose = meant.iter().filter(|stem| {
                paper.count(stem) <= TELLING
                    && sentence.own.contains(*stem)
                    && !own.own.contains(*stem)
                    && !own.stems.contains(*stem)
            });
            *at != holder && reduces(sentence) && whose.next().is_some()
        };
        (0..paper.sentences.len()).find(theirs)
    }
}

/// In how many sentences a word stands that says of whom something is.
const TELLING: usize = 2;

/// How well the words around a number of a sentence answer to some stems.
fn near(paper: &Paper, sentence: &Sentence, own: &Number, wanted: &HashSet<String>) -> f64 {
    let text = &sentence.text;
    let clause = text.clause(own.start);
    let here = text
        .stems
        .iter()
        .filter(|(word, stem)| {
            text.clause(text.words[*word].start) == clause && wanted.contains(stem)
        })
        .map(|(_, stem)| paper.weight(stem));
    here.sum()
}

/// Whether a sentence takes a part off and does not give it back or keep it: "20 percent off", "30 % Rabatt".
fn reduces(sentence: &Sentence) -> bool {
    let mut tags = sentence.text.tags.iter();
    tags.any(|tag| tag.tag == Tag::Sense(Sense::Reduces))
}
