//! An amount less the part of it that a document takes off for some: what a student pays of 189 EUR where students get 20 percent off.

use std::collections::HashSet;

use aios_languages::{Sense, Tag};

use crate::numeral::Number;
use crate::paper::{Paper, Sentence, same};
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
        let is_share = |own: &Number| own.unit.as_ref().is_some_and(Unit::is_share);
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
                *fit >= most && (told || reduces(&paper.sentences[*at]))
            })
            .map(|(at, _, share)| (at, share))
            .collect();
        if meant.is_empty() {
            return None;
        }
        let amounts: Vec<(f64, f64)> = all()
            .map(|(at, _)| &paper.sentences[*at])
            .flat_map(|sentence| sentence.text.numbers.iter().map(move |own| (sentence, own)))
            .filter_map(|(sentence, own)| {
                let value = own.unit.as_ref()?.convert(own.value(), unit)?;
                Some((value, near(paper, sentence, own, &wanted)))
            })
            .collect();
        let most = amounts.iter().map(|(_, fit)| *fit).fold(0.0, f64::max);
        meant
            .iter()
            .filter(|(_, share)| {
                // "20 % of it, 37.80 EUR", "37.80 EUR less": the part itself.
                let told = text
                    .numbers
                    .iter()
                    .any(|own| is_share(own) && same(own, share));
                let part = told || text.has(Sense::Reduces);
                let mut amounts = amounts.iter().filter(|(_, fit)| *fit >= most && *fit > 0.0);
                amounts.any(|(amount, _)| {
                    number.is(amount * (100.0 - share.value()) / 100.0)
                        || (part && number.is(amount * share.value() / 100.0))
                })
            })
            .map(|(at, _)| *at)
            .next()
    }
}

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
