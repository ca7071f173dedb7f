//! Words, sentences and what they are compared by. By the rules of Unicode and the spelling of European languages; no word is known here.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::lexicon::{self, LANGUAGES};
pub(crate) use crate::spelling::{normal, words};

/// Letters of a word that are compared.
const COMPARED: usize = 14;
/// What nothing is left of when it is taken away.
const LEAST: usize = 4;
/// Words of a passage; a longer sentence is cut where it pauses.
pub(crate) const LONGEST: usize = 60;
/// Bytes of a passage.
const LONGEST_BYTES: usize = 600;

/// What a word is compared by: lower case, without accents, without what its forms differ by.
pub(crate) fn term(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase).take(64) {
        match plain(c) {
            Some(letters) => out.push_str(letters),
            None => out.push(c),
        }
    }
    // 's and the like.
    if let Some((head, _)) = out.split_once(['\'', '\u{2019}'])
        && head.chars().count() >= LEAST - 1
    {
        out.truncate(head.len());
    }
    if !out.chars().any(|c| c.is_ascii_digit()) {
        let ending = lexicon::ENDINGS.iter().find(|ending| {
            out.strip_suffix(**ending)
                .is_some_and(|rest| rest.chars().count() >= LEAST)
        });
        if let Some(ending) = ending {
            out.truncate(out.len() - ending.len());
        }
    }
    let end = out
        .char_indices()
        .nth(COMPARED)
        .map_or(out.len(), |(at, _)| at);
    out.truncate(end);
    out
}

fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{e0}'..='\u{e5}' => "a",
        '\u{e6}' => "ae",
        '\u{e7}' => "c",
        '\u{e8}'..='\u{eb}' => "e",
        '\u{ec}'..='\u{ef}' => "i",
        '\u{f1}' => "n",
        '\u{f2}'..='\u{f6}' | '\u{f8}' => "o",
        '\u{f9}'..='\u{fc}' => "u",
        '\u{fd}' | '\u{ff}' => "y",
        '\u{df}' => "ss",
        '\u{153}' => "oe",
        _ => return None,
    })
}

/// The terms of the words that carry matter.
pub(crate) fn terms(text: &str) -> impl Iterator<Item = String> {
    words(text)
        .map(|(_, word)| word)
        .filter(|word| !lexicon::is_stop(&word.to_lowercase()))
        .map(term)
}

/// The sentences of a text, as places in it. What is too long for one is cut where it pauses.
pub(crate) fn sentences(text: &str) -> Vec<Range<usize>> {
    let flat = flat(text);
    let mut out = Vec::new();
    for range in bounds(&flat) {
        breaths(&flat, range, &mut out);
    }
    out
}

/// How many sentences a text has, whatever their length.
pub(crate) fn count_sentences(text: &str) -> usize {
    let flat = flat(text);
    let says = |range: &Range<usize>| {
        let sentence = flat.get(range.clone()).unwrap_or_default();
        sentence.contains(char::is_alphanumeric)
    };
    bounds(&flat).iter().filter(|range| says(range)).count()
}

/// A line's end ends no sentence. All of this white space is one byte, so places stay.
fn flat(text: &str) -> String {
    text.replace(['\n', '\r', '\t'], " ")
}

fn bounds(flat: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    for (at, piece) in flat.split_sentence_bound_indices() {
        let end = at + piece.len();
        let so_far = flat.get(start..end).unwrap_or_default();
        if end < flat.len() && goes_on(so_far) && so_far.len() < LONGEST_BYTES {
            continue;
        }
        out.push(start..end);
        start = end;
    }
    if start < flat.len() {
        out.push(start..flat.len());
    }
    out
}

/// Whether what ends here is an abbreviation, a letter or an ordinal rather than a sentence.
fn goes_on(text: &str) -> bool {
    let Some(head) = text.trim_end().strip_suffix('.') else {
        return text.trim().is_empty();
    };
    let last = head
        .rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '\u{201e}'))
        .next();
    let last = last.unwrap_or_default().to_lowercase();
    let letters = last.chars().count();
    let digits = !last.is_empty() && last.chars().all(|c| c.is_ascii_digit());
    (digits && letters <= 2)
        || (letters == 1 && last.chars().all(char::is_alphabetic))
        || LANGUAGES
            .iter()
            .any(|language| language.abbreviations.contains(&last.as_str()))
}

/// A sentence as it is, or in pieces that are short enough, cut behind a sign where it pauses if there is one.
fn breaths(text: &str, range: Range<usize>, out: &mut Vec<Range<usize>>) {
    let mut push = |from: usize, to: usize| {
        let piece = text.get(from..to).unwrap_or_default();
        let skip = piece.len() - piece.trim_start().len();
        let kept = piece.trim().len();
        if piece.chars().any(char::is_alphanumeric) {
            out.push(from + skip..from + skip + kept);
        }
    };
    let sentence = text.get(range.clone()).unwrap_or_default();
    if sentence.len() <= LONGEST_BYTES && words(sentence).count() <= LONGEST {
        return push(range.start, range.end);
    }
    let (mut from, mut count, mut pause, mut blank) = (0, 0, None, None);
    for (at, piece) in sentence.split_word_bound_indices() {
        if count >= LONGEST || at - from >= LONGEST_BYTES {
            let full = sentence.floor_char_boundary(from + LONGEST_BYTES);
            let cut = [pause, blank].into_iter().flatten().find(|cut| *cut > from);
            let cut = cut.unwrap_or(if at - from >= LONGEST_BYTES && full > from {
                full.min(at)
            } else {
                at
            });
            push(range.start + from, range.start + cut);
            from = cut;
            count = words(sentence.get(from..at).unwrap_or_default()).count();
            (pause, blank) = (None, None);
        }
        if piece.chars().any(char::is_alphanumeric) {
            count += 1;
        }
        let end = at + piece.len();
        if piece.chars().all(char::is_whitespace) {
            blank = Some(end);
        }
        // Not in the first half, or the pieces are many and short.
        if count > LONGEST / 2
            && matches!(
                piece,
                "," | ";" | ":" | "\u{2014}" | "\u{2013}" | "\u{3001}" | "\u{ff0c}"
            )
        {
            pause = Some(end);
        }
        // A word without end.
        if piece.len() > LONGEST_BYTES {
            let mut at = at;
            while end - at > LONGEST_BYTES {
                let cut = sentence.floor_char_boundary(at + LONGEST_BYTES);
                push(range.start + from, range.start + cut);
                (from, at) = (cut, cut);
            }
            count = 1;
            (pause, blank) = (None, None);
        }
    }
    push(range.start + from, range.end);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        sentences(text)
            .into_iter()
            .map(|range| &text[range])
            .collect()
    }

    #[test]
    fn a_sentence_ends_where_its_language_ends_it() {
        let rows: [(&str, &[&str]); 8] = [
            ("One. Two! Three?", &["One.", "Two!", "Three?"]),
            (
                "Dr. Smith came at 3.5 km. He left.",
                &["Dr. Smith came at 3.5 km.", "He left."],
            ),
            (
                "Am 3. M\u{e4}rz kam z. B. Herr Dr. Berg. Er ging.",
                &["Am 3. M\u{e4}rz kam z. B. Herr Dr. Berg.", "Er ging."],
            ),
            (
                "A line\nthat goes on. Next",
                &["A line\nthat goes on.", "Next"],
            ),
            (
                "M. Dupont vient. Il part.",
                &["M. Dupont vient.", "Il part."],
            ),
            (
                "\u{4eca}\u{65e5}\u{306f}\u{3002}\u{660e}\u{65e5}\u{306f}\u{3002}",
                &[
                    "\u{4eca}\u{65e5}\u{306f}\u{3002}",
                    "\u{660e}\u{65e5}\u{306f}\u{3002}",
                ],
            ),
            ("...", &[]),
            ("", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(cut(text), expected, "{text}");
        }
    }

    #[test]
    fn a_sentence_without_end_is_cut_where_it_pauses_and_nothing_is_lost() {
        let long = "the crane lifts stone and timber for the new quay, ".repeat(40);
        let pieces = cut(&long);
        assert!(pieces.len() > 5, "{}", pieces.len());
        assert!(
            pieces
                .iter()
                .all(|piece| words(piece).count() <= LONGEST + 1),
            "{pieces:?}"
        );
        assert!(
            pieces[..pieces.len() - 1]
                .iter()
                .all(|piece| piece.ends_with(',')),
            "{pieces:?}"
        );
        assert_eq!(normal(&pieces.join(" ")), normal(&long));
        let solid = "\u{e9}".repeat(5_000);
        assert_eq!(cut(&solid).concat(), solid);
        assert!(cut(&solid).iter().all(|piece| piece.len() <= LONGEST_BYTES));
    }

    #[test]
    fn forms_of_a_word_are_one_term_and_other_words_are_not() {
        for (one, other, same) in [
            ("repairs", "repaired", true),
            ("cost", "costs", true),
            ("Crane", "cranes", true),
            ("H\u{e4}user", "Haus", true),
            ("Vertr\u{e4}ge", "vertrage", true),
            ("Kosten", "kosten", true),
            ("r\u{e9}paration", "r\u{e9}parations", false),
            ("2025", "2026", false),
            ("harbour", "harvest", false),
            ("Stra\u{df}e", "strasse", true),
        ] {
            assert_eq!(
                term(one) == term(other),
                same,
                "{one} {other}: {} {}",
                term(one),
                term(other)
            );
        }
    }

    proptest! {
        #[test]
        fn sentences_are_parts_of_the_text_in_order(text in "\\PC{0,400}|[a-z ,.]{0,2000}") {
            let mut last = 0;
            for range in sentences(&text) {
                prop_assert!(range.start >= last && range.end > range.start);
                prop_assert!(text.get(range.clone()).is_some());
                last = range.end;
            }
        }
    }
}
