//! How a text is built: headings, sentences, words. Knows as much Markdown as that needs.

use serde::Serialize;

/// The parts of a text.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) headings: Vec<Heading>,
    /// Prose sentences in order; code, tables and headings are none.
    pub(crate) sentences: Vec<String>,
    /// Words of prose and headings.
    pub(crate) words: usize,
}

/// One heading.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Heading {
    /// 1 is the highest.
    pub(crate) level: usize,
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl Outline {
    pub(crate) fn of(text: &str) -> Self {
        let mut outline = Self::default();
        let mut paragraph = String::new();
        let mut fence: Option<&str> = None;
        let front_matter = front_matter(text);
        for (at, raw) in text.lines().enumerate().skip(front_matter) {
            let line = raw.trim();
            if let Some(mark) = fence {
                fence = if line.starts_with(mark) { None } else { fence };
                continue;
            }
            fence = ["```", "~~~"]
                .into_iter()
                .find(|mark| line.starts_with(mark));
            let underline = [('=', 1), ('-', 2)]
                .into_iter()
                .find(|(c, _)| line.len() >= 3 && line.chars().all(|other| other == *c));
            if let Some((level, title)) = atx_heading(line) {
                outline.close(&mut paragraph);
                outline.heading(level, title, at + 1);
            } else if let Some((_, level)) = underline
                && !paragraph.is_empty()
                && !paragraph.contains('\n')
            {
                let title = std::mem::take(&mut paragraph);
                outline.heading(level, &title, at);
            } else if line.is_empty()
                || fence.is_some()
                || underline.is_some()
                || is_table_row(line)
            {
                outline.close(&mut paragraph);
            } else {
                let (item, rest) = list_item(line);
                if item {
                    outline.close(&mut paragraph);
                }
                if !paragraph.is_empty() {
                    paragraph.push('\n');
                }
                paragraph.push_str(rest);
            }
        }
        outline.close(&mut paragraph);
        outline
    }

    fn heading(&mut self, level: usize, title: &str, line: usize) {
        let text = plain(title);
        self.words += words(&text);
        self.headings.push(Heading { level, text, line });
    }

    /// Ends a paragraph and splits it into sentences.
    fn close(&mut self, paragraph: &mut String) {
        let text = plain(&std::mem::take(paragraph));
        self.words += words(&text);
        self.sentences.extend(sentences(&text));
    }
}

/// Lines of data about the text that some tools put before it, between two lines `---`.
fn front_matter(text: &str) -> usize {
    let mut lines = text.lines().map(str::trim);
    let opens = lines.next() == Some("---");
    let closes = lines.take(200).position(|line| line == "---");
    if opens {
        closes.map_or(0, |at| at + 2)
    } else {
        0
    }
}

/// `## Title ##` -> 2, `Title`.
fn atx_heading(line: &str) -> Option<(usize, &str)> {
    let rest = line.trim_start_matches('#');
    let level = line.len() - rest.len();
    ((1..=6).contains(&level) && rest.starts_with([' ', '\t']))
        .then(|| (level, rest.trim().trim_end_matches('#').trim_end()))
}

fn is_table_row(line: &str) -> bool {
    line.starts_with('|') && line.ends_with('|') && line.len() > 1
}

/// Whether a line begins a list item, and what it says without mark and quote signs.
fn list_item(line: &str) -> (bool, &str) {
    let line = line.trim_start_matches(['>', ' ']);
    if let Some(rest) = ["- ", "* ", "+ "]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
    {
        return (true, rest.trim_start());
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line.get(digits..).unwrap_or_default();
    match rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")) {
        Some(rest) if (1..=3).contains(&digits) => (true, rest.trim_start()),
        _ => (false, line),
    }
}

/// Text without emphasis marks and link targets, on one line.
fn plain(text: &str) -> String {
    let text = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace("**", "")
        .replace("__", "")
        .replace('`', "");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, inside)) = rest.split_once('[') {
        // Looking only a little ahead keeps a page of brackets from taking the square of its length.
        let near = inside
            .get(..inside.floor_char_boundary(600))
            .unwrap_or_default();
        let link = near.split_once("](").and_then(|(label, target)| {
            let (_, after) = target.split_once(')')?;
            Some((label, inside.get(near.len() - after.len()..)?))
        });
        let Some((label, after)) = link.filter(|(label, _)| !label.contains(['[', ']'])) else {
            out.push_str(before);
            out.push('[');
            rest = inside;
            continue;
        };
        out.push_str(before.strip_suffix('!').unwrap_or(before));
        out.push_str(label);
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Words are what holds a letter or digit between blanks.
fn words(text: &str) -> usize {
    text.split_whitespace()
        .filter(|word| word.contains(char::is_alphanumeric))
        .count()
}

/// Whether the point after `text` ends an abbreviation or initial rather than a sentence.
fn is_shortened(text: &str) -> bool {
    const SHORT: [&str; 24] = [
        "mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "no", "nr", "fig", "approx", "inc",
        "ltd", "co", "jr", "sr", "e.g", "i.e", "cf", "ca", "z.b", "d.h", "bzw",
    ];
    let word = text
        .rsplit([' ', '('])
        .next()
        .unwrap_or_default()
        .to_lowercase();
    SHORT.contains(&word.as_str())
        || (word.chars().count() == 1 && word.contains(char::is_alphabetic))
}

/// Splits at `.`, `!`, `?` before a blank and something that can begin a sentence, but not after an abbreviation or initial.
fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '.' | '!' | '?' | '\u{2026}') {
            continue;
        }
        let mut end = at + c.len_utf8();
        while let Some((next, closing)) = chars.next_if(|(_, c)| {
            matches!(
                c,
                '.' | '!' | '?' | '"' | '\'' | ')' | '\u{201d}' | '\u{2019}' | '\u{bb}'
            )
        }) {
            end = next + closing.len_utf8();
        }
        let Some(after) = text.get(end..) else {
            continue;
        };
        let begins = after.starts_with(' ')
            && !after
                .trim_start()
                .starts_with(|c: char| c.is_lowercase() || matches!(c, ',' | ';' | ':' | ')'));
        if begins && !(c == '.' && is_shortened(text.get(start..at).unwrap_or_default())) {
            found.push(text.get(start..end).unwrap_or_default().trim().to_owned());
            start = end;
        }
    }
    found.push(text.get(start..).unwrap_or_default().trim().to_owned());
    found.retain(|sentence| words(sentence) > 0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headings_sentences_and_words_are_found() {
        let text = "---\ntitle: x\n---\n# One **two**\n\nFirst line\ngoes on. Second one, e.g. this, costs 3.50 EUR! Third?\n\n\
                    Under\n-----\n- an item\n- [a link](http://x.y) here\n\n```\n# no heading. No sentence.\n```\n\n| a | b |\n|---|---|\n\n1. Dr. Who spoke. He left.\n";
        let outline = Outline::of(text);
        let headings: Vec<(usize, &str, usize)> = outline
            .headings
            .iter()
            .map(|h| (h.level, h.text.as_str(), h.line))
            .collect();
        assert_eq!(headings, [(1, "One two", 4), (2, "Under", 9)]);
        assert_eq!(
            outline.sentences,
            [
                "First line goes on.",
                "Second one, e.g. this, costs 3.50 EUR!",
                "Third?",
                "an item",
                "a link here",
                "Dr. Who spoke.",
                "He left."
            ]
        );
        assert_eq!(outline.words, 3 + 4 + 7 + 1 + 2 + 3 + 3 + 2);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_every_word_is_counted_once(text in "[a-zA-Z.!? \n\u{e9}]{0,200}") {
            let outline = Outline::of(&text);
            prop_assert_eq!(outline.words, words(&text));
        }

        #[test]
        fn no_markdown_makes_it_panic(text in "([-#*>|`~\\[\\]()!. \n=a1\u{201d}]){0,120}") {
            let _ = Outline::of(&text);
        }
    }
}
