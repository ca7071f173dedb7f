//! Text as words, sentences and clauses: what the planner reads in a goal and the critic in an answer.

use unicode_segmentation::UnicodeSegmentation;

/// A run of letters and digits, with where it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// As written.
    pub text: &'a str,
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset behind it.
    pub end: usize,
}

impl Word<'_> {
    /// In lower case.
    #[must_use]
    pub fn lower(&self) -> String {
        self.text.to_lowercase()
    }
}

/// The words of a text. An apostrophe inside a word belongs to it ("it's"); everything else separates.
///
/// Unicode's words, but for two things. It joins what the planner and the critic read part by part: "14.07.2025", "1,234.5",
/// "unit_price", "1'234". And it parts what is one name here: "Q3's", "m²", "12月".
#[must_use]
pub fn words(text: &str) -> Vec<Word<'_>> {
    let mut out: Vec<Word<'_>> = Vec::new();
    let mut push = |start: usize, end: usize| {
        let joined = out.last().is_some_and(|last| {
            let apostrophe = matches!(text.get(last.end..start), Some("'" | "’"));
            start == last.end || (apostrophe && starts(text, start, char::is_alphabetic))
        });
        let start = match out.last() {
            Some(last) if joined => last.start,
            _ => start,
        };
        if joined {
            out.pop();
        }
        out.extend(text.get(start..end).map(|text| Word { text, start, end }));
    };
    for (from, found) in text.unicode_word_indices() {
        let mut start = from;
        for (at, sign) in found.match_indices(parts) {
            let (at, behind) = (from + at, from + at + sign.len());
            if matches!(sign, "'" | "’") && starts(text, behind, char::is_alphabetic) {
                continue;
            }
            if start < at {
                push(start, at);
            }
            start = behind;
        }
        if start < from + found.len() {
            push(start, from + found.len());
        }
    }
    out
}

/// A sign that Unicode lets stand within a word or a number.
fn parts(c: char) -> bool {
    !c.is_alphanumeric() && (c.is_ascii() || matches!(c, '’' | '\u{202f}'))
}

fn starts(text: &str, at: usize, with: impl Fn(char) -> bool) -> bool {
    text.get(at..).is_some_and(|rest| rest.starts_with(with))
}

/// A word without its common English endings, so that "sales", "sale" and "regions", "region" meet.
#[must_use]
pub fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    let word = word.strip_suffix("'s").unwrap_or(&word);
    if word.len() > 4 && word.ends_with("ies") {
        return format!("{}y", word.get(..word.len() - 3).unwrap_or(word));
    }
    for (ending, keep) in [("sses", 2), ("xes", 1), ("ches", 2), ("shes", 2)] {
        if word.ends_with(ending) {
            return word
                .get(..word.len() - ending.len() + keep)
                .unwrap_or(word)
                .to_owned();
        }
    }
    if word.len() > 3
        && word.ends_with('s')
        && !word.ends_with("ss")
        && !word.ends_with("us")
        && !word.ends_with("is")
    {
        return word.get(..word.len() - 1).unwrap_or(word).to_owned();
    }
    word.to_owned()
}

/// The parts of a name: `unitPrice`, `unit_price` and `Unit price (EUR)` all begin with unit, price.
#[must_use]
pub fn name_parts(name: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(name.len() + 8);
    let mut before: Option<char> = None;
    for c in name.chars() {
        let hump = c.is_uppercase() && before.is_some_and(char::is_lowercase);
        if hump {
            spaced.push(' ');
        }
        spaced.push(c);
        before = Some(c);
    }
    words(&spaced).iter().map(|word| stem(word.text)).collect()
}

/// A stretch of text, as byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Where it starts.
    pub start: usize,
    /// Behind its end.
    pub end: usize,
}

impl Stretch {
    /// Whether an offset lies within.
    #[must_use]
    pub fn holds(&self, at: usize) -> bool {
        self.start <= at && at < self.end
    }

    /// Its text.
    #[must_use]
    pub fn of<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

/// Sentences: ended by `.`, `!`, `?` before white space, and by line ends. A point inside a number or after a common
/// abbreviation ends nothing.
///
/// Unicode's sentences, which know the full stops of other scripts, but for three things. It sees no end before a figure or a small
/// letter ("It fell. 12 orders were late."), it knows no abbreviations, and it sees an end at a sign inside a name ("5.Net", "**Up.**").
#[must_use]
pub fn sentences(text: &str) -> Vec<Stretch> {
    let bounds = text.split_sentence_bound_indices();
    let mut ends: Vec<usize> = bounds.map(|(at, found)| at + found.len()).collect();
    ends.extend(text.match_indices(ENDING).filter_map(|(at, sign)| {
        let rest = text.get(at + sign.len()..)?.trim_start_matches(CLOSING);
        rest.starts_with(char::is_whitespace)
            .then_some(text.len() - rest.len())
    }));
    ends.sort_unstable();
    let (mut out, mut start) = (Vec::new(), 0);
    for end in ends {
        let piece = text.get(start..end).unwrap_or("");
        if end < text.len() && goes_on(piece, starts(text, end, char::is_whitespace)) {
            continue;
        }
        push_stretch(text, start, end, &mut out);
        start = end;
    }
    push_stretch(text, start, text.len(), &mut out);
    out
}

const ENDING: [char; 3] = ['.', '!', '?'];
const CLOSING: [char; 4] = ['"', '\'', ')', '”'];

/// Whether a piece that could be a sentence is none yet.
fn goes_on(piece: &str, space_behind: bool) -> bool {
    const SHORT: [&str; 14] = [
        "vs", "approx", "e.g", "i.e", "etc", "no", "mr", "mrs", "dr", "inc", "ltd", "st", "resp",
        "ca",
    ];
    let said = piece.trim_end();
    let space = piece.get(said.len()..).unwrap_or("");
    if space.contains('\n') {
        return false;
    }
    let bare = said.trim_end_matches(CLOSING);
    if space.is_empty() && !space_behind && bare.ends_with(ENDING) {
        return true;
    }
    bare.strip_suffix('.').is_some_and(|before| {
        let last = before
            .rsplit(|c: char| c.is_whitespace() || c == '(')
            .next();
        SHORT.contains(&last.unwrap_or("").to_lowercase().as_str())
    })
}

fn push_stretch(text: &str, start: usize, end: usize, out: &mut Vec<Stretch>) {
    let stretch = Stretch { start, end };
    if stretch.of(text).chars().any(|c| !c.is_whitespace()) {
        out.push(stretch);
    }
}

/// Words that carry no meaning of their own.
pub(crate) const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been",
    "but", "by", "can", "could", "did", "do", "does", "each", "for", "from", "had", "has", "have",
    "how", "i", "if", "in", "into", "is", "it", "its", "me", "more", "most", "much", "my", "no",
    "not", "of", "on", "one", "or", "our", "out", "over", "per", "please", "same", "so", "some",
    "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "through", "to", "under", "up", "us", "very", "was", "we", "were", "what", "when",
    "where", "which", "while", "who", "why", "will", "with", "within", "without", "would", "you",
    "your", "between", "during", "both", "other", "only", "here", "he", "she",
];

/// Whether a word (in lower case) carries no meaning of its own.
#[must_use]
pub fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.contains(&word)
}

/// The stems of the words that carry meaning.
#[must_use]
pub fn content_stems(text: &str) -> Vec<String> {
    words(text)
        .iter()
        .map(Word::lower)
        .filter(|word| word.chars().any(char::is_alphabetic) && !is_stop_word(word))
        .map(|word| stem(&word))
        .collect()
}

/// Whether `phrase` stands in `text` as whole words; both in one case.
#[must_use]
pub fn has_phrase(text: &str, phrase: &str) -> bool {
    find_phrase(text, phrase, 0).is_some()
}

/// Where `phrase` stands as whole words at or after `from`.
#[must_use]
pub fn find_phrase(text: &str, phrase: &str, from: usize) -> Option<Stretch> {
    if phrase.is_empty() {
        return None;
    }
    let mut at = from;
    while let Some(found) = text.get(at..)?.find(phrase) {
        let start = at + found;
        let end = start + phrase.len();
        let open = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let before = text.get(..start).and_then(|head| head.chars().next_back());
        let after = text.get(end..).and_then(|tail| tail.chars().next());
        let first = phrase.chars().next();
        let last = phrase.chars().next_back();
        // A phrase that itself begins or ends with a sign needs no border there.
        if (open(before) || open(first)) && (open(after) || open(last)) {
            return Some(Stretch { start, end });
        }
        at = start + first.map_or(1, char::len_utf8);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_meet_their_stems() {
        for (word, expected) in [
            ("sales", "sale"),
            ("Regions", "region"),
            ("categories", "category"),
            ("boxes", "box"),
            ("class", "class"),
            ("status", "status"),
            ("churches", "church"),
        ] {
            assert_eq!(stem(word), expected);
        }
        assert_eq!(name_parts("unitPrice (EUR)"), ["unit", "price", "eur"]);
        assert_eq!(name_parts("order_date"), ["order", "date"]);
    }

    #[test]
    fn sentences_are_cut_where_thoughts_end() {
        let text = "Revenue was 1,234.5 EUR, i.e. more. North led; South vs. East fell!\nDone";
        let cut: Vec<_> = sentences(text)
            .iter()
            .map(|s| s.of(text).trim().to_owned())
            .collect();
        assert_eq!(
            cut,
            [
                "Revenue was 1,234.5 EUR, i.e. more.",
                "North led; South vs. East fell!",
                "Done"
            ]
        );
    }

    #[test]
    fn where_unicode_and_the_critic_differ_is_said_here() {
        for (text, expected) in [
            ("14.07.2025", vec!["14", "07", "2025"]),
            ("1,234.5 unit_price", vec!["1", "234", "5", "unit", "price"]),
            (
                "it's July’s o'5 1'234",
                vec!["it's", "July’s", "o", "5", "1", "234"],
            ),
            ("Q3's m² 12月", vec!["Q3's", "m²", "12月"]),
            // A mark belongs to its letter.
            ("cafe\u{301} हिन्दी", vec!["cafe\u{301}", "हिन्दी"]),
        ] {
            let found: Vec<_> = words(text).iter().map(|word| word.text).collect();
            assert_eq!(found, expected, "{text}");
        }
        for (text, expected) in [
            (
                "It fell. 12 orders were late.",
                vec!["It fell.", "12 orders were late."],
            ),
            ("It fell. so what? yes", vec!["It fell.", "so what?", "yes"]),
            (
                "Made in 5.Net, **Up.** It rose",
                vec!["Made in 5.Net, **Up.** It rose"],
            ),
            (
                "(He said \"no.\") Then more",
                vec!["(He said \"no.\")", "Then more"],
            ),
            ("South vs.\nEast", vec!["South vs.", "East"]),
            ("收入增加。北方领先。", vec!["收入增加。", "北方领先。"]),
        ] {
            let cut: Vec<_> = sentences(text).iter().map(|s| s.of(text).trim()).collect();
            assert_eq!(cut, expected, "{text}");
        }
    }

    #[test]
    fn a_phrase_is_found_as_whole_words_only() {
        assert!(has_phrase("the north east", "north"));
        assert!(!has_phrase("northern", "north"));
        assert!(has_phrase("a (n/a) b", "(n/a)"));
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_loss_of_words(text in "\\PC*") {
            let whole = words(&text).len();
            let parts: usize = sentences(&text).iter().map(|s| words(s.of(&text)).len()).sum();
            prop_assert!(parts >= whole);
        }
    }
}
