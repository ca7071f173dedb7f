//! How a text is built: headings, sentences, words. Knows as much Markdown as that needs.

use serde::Serialize;

use crate::{Check, Reserved, WorkspaceError};

/// Lines, sentences or brackets between two looks at the clock and the cancel flag.
const CHECK_EVERY: usize = 4_096;

/// A part of a text. Nobody keeps them all: a text of 16 MB can have millions.
pub(crate) enum Part<'p> {
    Heading(Heading<&'p str>),
    /// A sentence of prose; code, tables and headings are none.
    Sentence(&'p str),
}

/// One heading.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Heading<T> {
    /// 1 is the highest.
    pub(crate) level: usize,
    pub(crate) text: T,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Shows the parts of a text in order, and gives the words of its prose and headings. `held` is where room for a paragraph is set aside.
pub(crate) fn outline(
    text: &str,
    held: &mut Reserved,
    check: Check<'_>,
    found: &mut dyn FnMut(Part<'_>),
) -> Result<usize, WorkspaceError> {
    let mut reader = Reader {
        most: text.len(),
        paragraph: String::new(),
        lines: 0,
        plain: String::new(),
        words: 0,
        held,
        check,
        found,
    };
    let mut fence: Option<&str> = None;
    let front_matter = front_matter(text);
    for (at, raw) in text.lines().enumerate().skip(front_matter) {
        if at % CHECK_EVERY == 0 {
            check()?;
        }
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
            reader.close()?;
            reader.add(title)?;
            reader.heading(level, at + 1)?;
        } else if let Some((_, level)) = underline
            && reader.lines == 1
        {
            reader.heading(level, at)?;
        } else if line.is_empty() || fence.is_some() || underline.is_some() || is_table_row(line) {
            reader.close()?;
        } else {
            let (item, rest) = list_item(line);
            if item {
                reader.close()?;
            }
            reader.add(rest)?;
        }
    }
    reader.close()?;
    Ok(reader.words)
}

/// A text on its way, paragraph by paragraph. The room for one is used again for the next.
struct Reader<'r> {
    /// As long as a paragraph can become.
    most: usize,
    /// The words of the paragraph so far, one blank between two.
    paragraph: String,
    /// How many lines it has, counted from the first that is not empty.
    lines: usize,
    /// The paragraph without marks.
    plain: String,
    words: usize,
    held: &'r mut Reserved,
    check: Check<'r>,
    found: &'r mut dyn FnMut(Part<'_>),
}

impl Reader<'_> {
    fn add(&mut self, line: &str) -> Result<(), WorkspaceError> {
        let mut put = |word: &str| self.held.push_str(&mut self.paragraph, word, self.most);
        let mut blank = self.lines > 0;
        for word in line.split_whitespace() {
            if blank {
                put(" ")?;
            }
            put(word)?;
            blank = true;
        }
        self.lines += usize::from(blank);
        Ok(())
    }

    /// Makes the paragraph a heading.
    fn heading(&mut self, level: usize, line: usize) -> Result<(), WorkspaceError> {
        self.end_paragraph()?;
        let text = self.plain.as_str();
        (self.found)(Part::Heading(Heading { level, text, line }));
        Ok(())
    }

    /// Ends a paragraph and splits it into sentences.
    fn close(&mut self) -> Result<(), WorkspaceError> {
        if self.lines == 0 {
            return Ok(());
        }
        self.end_paragraph()?;
        for (at, sentence) in sentences(&self.plain).enumerate() {
            if at % CHECK_EVERY == CHECK_EVERY - 1 {
                (self.check)()?;
            }
            (self.found)(Part::Sentence(sentence));
        }
        Ok(())
    }

    fn end_paragraph(&mut self) -> Result<(), WorkspaceError> {
        self.lines = 0;
        if self.paragraph.contains(['*', '_', '`']) {
            for mark in ["**", "__", "`"] {
                remove(&mut self.paragraph, mark);
            }
        }
        self.plain.clear();
        let mut put = |text: &str| self.held.push_str(&mut self.plain, text, self.most);
        plain(&self.paragraph, self.check, &mut put)?;
        self.paragraph.clear();
        self.words += words(&self.plain);
        Ok(())
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

/// Takes out every `mark`, which is ASCII, where the text lies.
fn remove(text: &mut String, mark: &str) {
    if !text.contains(mark) {
        return;
    }
    let mut bytes = std::mem::take(text).into_bytes();
    let (mut from, mut to) = (0, 0);
    while let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(mark.as_bytes()) {
            from += mark.len();
        } else {
            bytes.copy_within(from..=from, to);
            from += 1;
            to += 1;
        }
    }
    bytes.truncate(to);
    *text = String::from_utf8(bytes).unwrap_or_default();
}

/// Puts out a text without link targets.
fn plain(
    text: &str,
    check: Check<'_>,
    put: &mut dyn FnMut(&str) -> Result<(), WorkspaceError>,
) -> Result<(), WorkspaceError> {
    /// How far ahead the end of a link is looked for; without it a page of brackets would take the square of its length.
    const NEAR: usize = 600;
    let mut rest = text;
    // How many bytes from the end the next `](` lies.
    let mut turn = usize::MAX;
    let mut seen = 0_usize;
    while let Some((before, inside)) = rest.split_once('[') {
        seen += 1;
        if seen.is_multiple_of(CHECK_EVERY) {
            check()?;
        }
        if turn > inside.len() {
            let Some(at) = inside.find("](") else {
                break;
            };
            turn = inside.len() - at;
        }
        let near = inside
            .get(..inside.floor_char_boundary(NEAR))
            .filter(|near| inside.len() - turn < near.len())
            .unwrap_or_default();
        let link = near.split_once("](").and_then(|(label, target)| {
            let (_, after) = target.split_once(')')?;
            Some((label, inside.get(near.len() - after.len()..)?))
        });
        let Some((label, after)) = link.filter(|(label, _)| !label.contains(['[', ']'])) else {
            put(before)?;
            put("[")?;
            rest = inside;
            continue;
        };
        put(before.strip_suffix('!').unwrap_or(before))?;
        put(label)?;
        rest = after;
    }
    put(rest)
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
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    let ends = std::iter::from_fn(move || {
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
                let sentence = text.get(start..end).unwrap_or_default();
                start = end;
                return Some(sentence);
            }
        }
        let last = text.get(start..).filter(|last| !last.is_empty());
        start = text.len();
        last
    });
    ends.map(str::trim)
        .filter(|sentence| sentence.contains(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use aios_work::Stopped;

    use super::*;
    use crate::Memory;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Outline {
        headings: Vec<Heading<String>>,
        sentences: Vec<String>,
        words: usize,
    }

    impl Outline {
        fn of(text: &str) -> Self {
            let mut outline = Self::default();
            let memory = Memory::of(1 << 20);
            let mut held = memory.reserve("text", 0).unwrap();
            let words = super::outline(text, &mut held, &|| Ok(()), &mut |part| match part {
                Part::Heading(Heading { level, text, line }) => outline.headings.push(Heading {
                    level,
                    text: text.to_owned(),
                    line,
                }),
                Part::Sentence(sentence) => outline.sentences.push(sentence.to_owned()),
            });
            outline.words = words.unwrap();
            outline
        }
    }

    #[test]
    fn a_text_is_left_when_nobody_waits_and_refused_when_it_has_no_room() {
        let stop = || Err(Stopped::Cancelled);
        let go_on = || Ok(());
        let lines = "a\n".repeat(10_000);
        let memory = Memory::of(1_000);
        let mut held = memory.reserve("n.md", 0).unwrap();
        let stopped = outline(&lines, &mut held, &stop, &mut |_| {});
        assert!(matches!(
            stopped,
            Err(WorkspaceError::Stopped(Stopped::Cancelled))
        ));
        let says = outline(&lines, &mut held, &go_on, &mut |_| {}).unwrap_err();
        assert!(says.to_string().starts_with("n.md needs"), "{says}");
        let mut put = |_: &str| Ok(());
        let brackets = "[](".repeat(10_000);
        let stopped = plain(&brackets, &stop, &mut put);
        assert!(matches!(
            stopped,
            Err(WorkspaceError::Stopped(Stopped::Cancelled))
        ));
    }

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
