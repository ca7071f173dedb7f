//! Words as they are compared: in small letters, without accents, each with its place.

use rust_stemmers::Stemmer;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A run of letters or of digits and letters, folded, with where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// In small letters and without accents.
    pub text: String,
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset behind it.
    pub end: usize,
}

/// The words of a text: every sign that is neither letter nor digit separates. Linear in the text.
#[must_use]
pub fn folded(text: &str) -> Vec<Folded> {
    let mut out: Vec<Folded> = Vec::with_capacity(text.len() / 5);
    let mut open: Option<Folded> = None;
    for (at, c) in text.char_indices() {
        if c.is_alphanumeric() || is_combining_mark(c) {
            let word = open.get_or_insert_with(|| Folded {
                text: String::with_capacity(12),
                start: at,
                end: at,
            });
            fold_into(c, &mut word.text);
            word.end = at + c.len_utf8();
        } else {
            out.extend(open.take());
        }
    }
    out.extend(open);
    out
}

/// A text in small letters and without accents.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        fold_into(c, &mut out);
    }
    out
}

fn fold_into(c: char, out: &mut String) {
    match c {
        _ if c.is_ascii() => out.push(c.to_ascii_lowercase()),
        'ß' => out.push_str("ss"),
        'æ' | 'Æ' => out.push_str("ae"),
        'œ' | 'Œ' => out.push_str("oe"),
        'ø' | 'Ø' => out.push('o'),
        _ => out.extend(c.to_lowercase().nfd().filter(|c| !is_combining_mark(*c))),
    }
}

/// Letters of a stem that a French participle may have.
const PARTICIPLE: usize = 4;

/// Of a French participle that was folded the stemmer leaves an "e": "vendangée" and "vendangé" are one word.
pub(crate) fn stemmed(stemmer: &Stemmer, code: &str, word: &str) -> String {
    let stem = stemmer.stem(word);
    match code {
        "fr" if stem.len() > PARTICIPLE => stem.trim_end_matches('e').to_owned(),
        _ => stem.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_meet_whatever_their_case_and_accents() {
        let rows = [
            ("Größe", "grosse"),
            ("L'été à Évry", "l ete a evry"),
            ("CR-2 (25 °C)", "cr 2 25 c"),
            ("señor_Muñoz", "senor munoz"),
            ("", ""),
        ];
        for (text, wanted) in rows {
            let words: Vec<_> = folded(text).into_iter().map(|word| word.text).collect();
            assert_eq!(words.join(" "), wanted, "{text}");
        }
        let words = folded("über 12");
        assert_eq!((words[0].start, words[0].end), (0, 5));
        assert_eq!((words[1].start, words[1].end), (6, 8));
    }
}
