//! Whether what a text says is borne out by what is quoted. By words and figures alone, in any language: a sentence whose matter stands in a
//! quotation, whose figures stand there and which denies nothing that is not denied there, is borne out by it.

use std::collections::BTreeSet;

use crate::lexicon::{self, LANGUAGES};
use crate::words::{sentences, terms, words};

/// The part of a sentence's matter that must stand in what bears it out.
const SHARE: f64 = 0.55;
/// Quotations that together may bear one sentence out.
const TOGETHER: usize = 2;

/// What is said of one sentence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Borne {
    /// By the quotations of these numbers, from 0.
    By(Vec<usize>),
    /// By none.
    Not,
    /// A figure of it stands in none.
    Figure(String),
    /// It says no where what bears it out says yes, or the other way.
    Denied(usize),
}

/// What bears a sentence out.
pub(crate) fn borne(sentence: &str, quotes: &[&str]) -> Borne {
    let unknown = figures(sentence)
        .into_iter()
        .find(|figure| !quotes.iter().any(|quote| figures(quote).contains(figure)));
    if let Some(figure) = unknown {
        return Borne::Figure(figure);
    }
    let matter: BTreeSet<String> = terms(sentence).collect();
    if matter.is_empty() {
        return Borne::By(Vec::new());
    }
    let of_quotes: Vec<BTreeSet<String>> =
        quotes.iter().map(|quote| terms(quote).collect()).collect();
    let mut left = matter.clone();
    let mut by: Vec<usize> = Vec::new();
    while by.len() < TOGETHER {
        let best = of_quotes
            .iter()
            .enumerate()
            .map(|(at, quote)| (at, left.iter().filter(|term| quote.contains(*term)).count()))
            .filter(|(_, hits)| *hits > 0)
            .rev()
            .max_by_key(|(_, hits)| *hits);
        let Some((at, _)) = best else { break };
        if let Some(quote) = of_quotes.get(at) {
            left.retain(|term| !quote.contains(term));
        }
        by.push(at);
        let said = matter.len() - left.len();
        if said as f64 >= SHARE * matter.len() as f64 {
            let denies = by.iter().copied().find(|at| {
                quotes
                    .get(*at)
                    .is_some_and(|quote| is_denied(quote) != is_denied(sentence))
            });
            return match denies {
                // Of several one may say no and the other yes.
                Some(at) if by.len() == 1 => Borne::Denied(at),
                _ => Borne::By(with_figures(by, sentence, quotes)),
            };
        }
    }
    Borne::Not
}

/// The quotations, with those besides that a figure of the sentence stands in.
fn with_figures(mut by: Vec<usize>, sentence: &str, quotes: &[&str]) -> Vec<usize> {
    for figure in figures(sentence) {
        let has = |at: &usize| {
            quotes
                .get(*at)
                .is_some_and(|quote| figures(quote).contains(&figure))
        };
        if !by.iter().any(has) {
            by.extend((0..quotes.len()).find(|at| has(at)));
        }
    }
    by
}

fn is_denied(text: &str) -> bool {
    let denies = words(text)
        .filter(|(_, word)| {
            let word = word.to_lowercase();
            LANGUAGES
                .iter()
                .any(|language| language.negations.contains(&word.as_str()))
        })
        .count();
    denies > 0
}

/// The figures of a text, without what groups them.
fn figures(text: &str) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut figure = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_digit() {
            figure.push(c);
        } else if !figure.is_empty()
            && !matches!(c, '.' | ',' | '\'' | '\u{2019}' | '\u{a0}' | '\u{202f}')
        {
            out.insert(std::mem::take(&mut figure));
        }
    }
    out
}

/// What a quotation is called where it is referred to: a, b, ... z, ba, bb. Letters, because a number could be taken for a figure.
pub(crate) fn mark(at: usize) -> String {
    let letter = char::from(b'a' + u8::try_from(at % 26).unwrap_or(0));
    match at / 26 {
        0 => letter.to_string(),
        more => format!("{}{letter}", mark(more)),
    }
}

/// A text whose sentences each name the quotations that bear them out, or say that there are none.
pub(crate) fn marked(text: &str, quotes: &[&str], unquoted: &str) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut from = 0;
    for range in sentences(text) {
        out.push_str(text.get(from..range.end).unwrap_or_default());
        from = range.end;
        let sentence = text.get(range).unwrap_or_default();
        match borne(sentence, quotes) {
            Borne::By(by) if by.is_empty() => {}
            Borne::By(by) => {
                for at in by {
                    out.push_str(&format!(" [{}]", mark(at)));
                }
            }
            Borne::Not | Borne::Figure(_) | Borne::Denied(_) => {
                out.push_str(&format!(" ({unquoted})"))
            }
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Whether a text gives orders that a document gave it.
pub(crate) fn obeys(text: &str) -> bool {
    lexicon::gives_orders(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTES: [&str; 4] = [
        "The crane was repaired on 3 March 2025 and lifts 40 tonnes again.",
        "The repair cost 18,400 euros, 2,100 less than planned.",
        "Der Vertrag endet am 31. Dezember 2026.",
        "The lease was not extended.",
    ];

    #[test]
    fn a_sentence_is_borne_out_by_what_is_quoted_or_it_is_not() {
        for (sentence, expected) in [
            ("The crane lifts 40 tonnes again.", Borne::By(vec![0])),
            ("Repairing the crane cost 18400 euros.", Borne::By(vec![1])),
            ("Der Vertrag endet im Dezember 2026.", Borne::By(vec![2])),
            ("The crane was sold to a museum in Lisbon.", Borne::Not),
            (
                "The repair cost 19,400 euros.",
                Borne::Figure("19400".to_owned()),
            ),
            ("The crane was not repaired.", Borne::Denied(0)),
            ("The lease was extended.", Borne::Denied(3)),
            ("It is so.", Borne::By(vec![])),
            (
                "The crane was repaired and lifts 40 tonnes again, for 18,400 euros.",
                Borne::By(vec![0, 1]),
            ),
        ] {
            assert_eq!(borne(sentence, &QUOTES), expected, "{sentence}");
        }
    }

    #[test]
    fn each_sentence_names_its_quotation_or_says_that_it_has_none() {
        let text = "The crane lifts 40 tonnes again. It was sold to a museum in Lisbon.";
        assert_eq!(
            marked(text, &QUOTES, "no quoted place"),
            "The crane lifts 40 tonnes again. [a] It was sold to a museum in Lisbon. (no quoted place)"
        );
    }
}
