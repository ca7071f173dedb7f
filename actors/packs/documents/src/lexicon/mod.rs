//! Words of languages, and nothing else: by what words goals ask for what, which words carry no matter, and what a report calls its parts.
//!
//! One file a language. Whoever adds one adds a file and a line here; no rule elsewhere knows a word. A goal in a language that is not
//! here is understood by its form (a schema, a question mark) and answered under English headings.

mod english;
mod french;
mod german;
mod spanish;

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::spelling::{normal, words};

/// What is known of one language.
pub(crate) struct Lexicon {
    /// Its ISO 639-1 code.
    pub(crate) code: &'static str,
    /// Words without matter of their own, as they are written in lower case.
    pub(crate) stop: &'static [&'static str],
    /// Words, or beginnings of words, by which a summary is asked for.
    pub(crate) summary: &'static [&'static str],
    /// Words by which fields are asked for.
    pub(crate) extraction: &'static [&'static str],
    /// Words by which the place in the text is asked for.
    pub(crate) quoting: &'static [&'static str],
    /// Words by which figures of a table are asked for.
    pub(crate) figures: &'static [&'static str],
    /// What ends a list of fields in a goal: `from the letter`, `as JSON`.
    pub(crate) list_ends: &'static [&'static str],
    /// What joins the last two of a list.
    pub(crate) joins: &'static [&'static str],
    /// Beginnings of questions that a number or a day answers.
    pub(crate) how_much: &'static [&'static str],
    /// Abbreviations that no sentence ends with.
    pub(crate) abbreviations: &'static [&'static str],
    /// Words that say the opposite.
    pub(crate) negations: &'static [&'static str],
    /// Names of the twelve months, or how they begin.
    pub(crate) months: [&'static str; 12],
    /// What stands for true and for false.
    pub(crate) truth: [&'static [&'static str]; 2],
    /// Phrases by which a text gives orders to whoever works with it.
    pub(crate) orders: &'static [&'static str],
    /// What a report calls its parts.
    pub(crate) says: Says,
}

/// The words of a report. `{}` stands for what is put in.
pub(crate) struct Says {
    pub(crate) summary: &'static str,
    pub(crate) answer: &'static str,
    pub(crate) fields: &'static str,
    pub(crate) quotations: &'static str,
    pub(crate) key_sentences: &'static str,
    pub(crate) documents: &'static str,
    pub(crate) not_read: &'static str,
    pub(crate) field: &'static str,
    pub(crate) value: &'static str,
    pub(crate) place: &'static str,
    pub(crate) file: &'static str,
    pub(crate) words: &'static str,
    pub(crate) sentences: &'static str,
    pub(crate) sections: &'static str,
    /// A sentence for which no place was found.
    pub(crate) unquoted: &'static str,
    /// Under prose that no model wrote.
    pub(crate) extractive: &'static str,
    /// Under an answer that holds a model's sentences.
    pub(crate) by_model: &'static str,
    /// No passage answers: the nearest are given.
    pub(crate) nearest: &'static str,
    /// No passage speaks of it.
    pub(crate) nothing: &'static str,
    /// How many parts no reader sees, and where the first is.
    pub(crate) hidden: &'static str,
    /// How many sentences give orders, and where the first is.
    pub(crate) ordering: &'static str,
    /// What a model is asked to write of passages.
    pub(crate) sum_up: &'static str,
    /// What a model is asked to write of a question and passages.
    pub(crate) answer_it: &'static str,
    /// A field that nothing was found for.
    pub(crate) not_found: &'static str,
}

/// English, which is fallen back to, first.
pub(crate) const LANGUAGES: [&Lexicon; 4] = [
    &english::ENGLISH,
    &german::GERMAN,
    &french::FRENCH,
    &spanish::SPANISH,
];

/// The language of a text by the words that carry no matter: none if too few of them are known.
pub(crate) fn of_text(text: &str) -> Option<&'static Lexicon> {
    const LOOKED_AT: usize = 2_000;
    let mut counts = [0_usize; LANGUAGES.len()];
    let mut all = 0;
    for (_, word) in words(text).take(LOOKED_AT) {
        let word = word.to_lowercase();
        all += 1;
        for (count, language) in counts.iter_mut().zip(LANGUAGES) {
            *count += usize::from(language.stop.contains(&word.as_str()));
        }
    }
    let (best, count) = counts
        .iter()
        .enumerate()
        .rev()
        .max_by_key(|(_, count)| **count)?;
    (*count * 8 >= all && *count > 0).then(|| LANGUAGES[best])
}

/// The lexicon of a language by its code; English for one that is not here.
pub(crate) fn of_code(code: &str) -> &'static Lexicon {
    let found = LANGUAGES.iter().find(|language| language.code == code);
    found.unwrap_or(&LANGUAGES[0])
}

/// Endings by which the forms of a word differ in these languages, the longest first.
pub(crate) const ENDINGS: [&str; 22] = [
    "ements", "ungen", "ement", "ments", "iones", "ment", "tion", "ings", "ung", "ing", "ers",
    "ern", "ies", "est", "ed", "er", "es", "en", "em", "s", "e", "n",
];

/// Asked for every word of a document, so it is looked up and not searched.
static STOP: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    LANGUAGES
        .iter()
        .flat_map(|language| language.stop.iter().copied())
        .collect()
});

/// Whether a word carries no matter in any language.
pub(crate) fn is_stop(word: &str) -> bool {
    STOP.contains(word)
}

/// Whether a sentence gives orders to whoever works with it, or imitates a turn of a conversation.
pub(crate) fn gives_orders(text: &str) -> bool {
    const MARKS: [&str; 6] = [
        "<|im_start|>",
        "<|im_end|>",
        "<|system|>",
        "[inst]",
        "<<sys>>",
        "<start_of_turn>",
    ];
    let lower = normal(text).to_lowercase();
    MARKS.iter().any(|mark| lower.contains(mark))
        || LANGUAGES
            .iter()
            .any(|language| language.orders.iter().any(|phrase| lower.contains(phrase)))
}

/// Whether a text has one of these: words where they are one word, else as they stand.
pub(crate) fn has(text: &str, wanted: impl Fn(&Lexicon) -> &'static [&'static str]) -> bool {
    let lower = text.to_lowercase();
    let spoken: Vec<&str> = words(&lower).map(|(_, word)| word).collect();
    LANGUAGES.iter().any(|language| {
        wanted(language)
            .iter()
            .any(|one| match one.strip_suffix('*') {
                Some(begins) => spoken.iter().any(|word| word.starts_with(begins)),
                None if one.contains(' ') => lower.contains(one),
                None => spoken.contains(one),
            })
    })
}

/// A text in small letters without these words and phrases; of single words those alone that are marked to stand for more.
pub(crate) fn without(text: &str, wanted: impl Fn(&Lexicon) -> Vec<&'static str>) -> String {
    let mut lower = text.to_lowercase();
    let phrases: Vec<&str> = LANGUAGES
        .iter()
        .flat_map(|language| wanted(language))
        .collect();
    for phrase in phrases.iter().filter(|phrase| phrase.contains(' ')) {
        lower = lower.replace(phrase, " ");
    }
    let begins: Vec<&str> = phrases
        .iter()
        .filter_map(|phrase| phrase.strip_suffix('*'))
        .collect();
    let kept = words(&lower).map(|(_, word)| word);
    let kept = kept.filter(|word| !begins.iter().any(|begins| word.starts_with(begins)));
    kept.collect::<Vec<_>>().join(" ")
}

/// The month that a word names, from 1.
pub(crate) fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches('.').to_lowercase();
    if word.chars().count() < 3 {
        return None;
    }
    let names = |language: &&Lexicon| {
        language.months.iter().position(|name| {
            *name == word || (name.starts_with(&word) && word.chars().count() <= 4)
        })
    };
    let found = LANGUAGES.iter().find_map(names)?;
    u32::try_from(found + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_told_by_its_small_words() {
        for (text, code) in [
            (
                "The crane was repaired and it lifts forty tonnes again.",
                Some("en"),
            ),
            (
                "Der Kran wurde repariert und hebt wieder vierzig Tonnen.",
                Some("de"),
            ),
            (
                "La grue a \u{e9}t\u{e9} r\u{e9}par\u{e9}e et elle l\u{e8}ve de nouveau les charges du port.",
                Some("fr"),
            ),
            (
                "La gr\u{fa}a fue reparada y levanta de nuevo las cargas del puerto.",
                Some("es"),
            ),
            ("Kranen reparerades i mars.", None),
            ("", None),
        ] {
            assert_eq!(of_text(text).map(|found| found.code), code, "{text}");
        }
    }

    #[test]
    fn a_month_is_known_in_each_language() {
        for (word, number) in [
            ("March", Some(3)),
            ("M\u{e4}rz", Some(3)),
            ("mars", Some(3)),
            ("marzo", Some(3)),
            ("Dec.", Some(12)),
            ("d\u{e9}cembre", Some(12)),
            ("may", Some(5)),
            ("ma", None),
            ("total", None),
        ] {
            assert_eq!(month(word), number, "{word}");
        }
    }
}
