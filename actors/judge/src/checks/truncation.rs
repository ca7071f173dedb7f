//! The answer ends where it is finished.

use aios_work::{Category, Severity};

use super::{Finding, Look, at};
use crate::answer::Kind;
use crate::criteria::Criteria;
use crate::reading::Reading;

pub(crate) struct Truncation;

const ENDS: [char; 11] = ['.', '!', '?', ':', '…', '"', '”', ')', '»', '|', '`'];

impl Look for Truncation {
    fn name(&self) -> &'static str {
        "truncation"
    }

    fn dimension(&self) -> Category {
        Category::Completeness
    }

    fn look(&self, reading: &Reading<'_>, _: &Criteria) -> Finding {
        let Some(last) = (0..reading.texts.len())
            .rev()
            .find(|piece| !reading.texts[*piece].is_empty())
        else {
            return Finding::default();
        };
        // Lines of a poem need no points.
        if reading
            .ground
            .asked
            .text
            .has(aios_languages::Sense::FormHaiku)
        {
            return Finding::default();
        }
        match broken_off(reading, last) {
            Some(what) => Finding::of([at(
                reading,
                last,
                Category::Completeness,
                Severity::Critical,
                what,
                "Write the answer to its end",
            )]),
            None => Finding::default(),
        }
    }
}

fn broken_off(reading: &Reading<'_>, last: usize) -> Option<&'static str> {
    let text = &reading.texts[last];
    let piece = &reading.answer.pieces[last];
    let raw = reading.raw.trim_end();
    let tail = raw.trim_end_matches(['*', '_']);
    let word = text.words.last()?;
    let finished = tail.ends_with(ENDS) && !tail.ends_with(':') || tail.ends_with('%');
    if reading.answer.open_fence {
        return Some("a fence is never closed");
    }
    if tail.matches('(').count() > tail.matches(')').count()
        && !finished
        && tail.rfind('(') > tail.rfind(')')
    {
        return Some("it breaks off within brackets");
    }
    if piece.kind == Kind::Code {
        return None;
    }
    if matches!(piece.kind, Kind::Heading) || (piece.kind == Kind::Label && tail.ends_with(':')) {
        return Some("nothing follows the last heading");
    }
    if tail.ends_with([',', ';', '-', '–', '(', '/', '&', '=']) {
        return Some("it breaks off within a sentence");
    }
    let row = raw.rsplit('\n').next().unwrap_or("").trim_start();
    if row.starts_with('|')
        && !row.ends_with('|')
        && raw
            .lines()
            .any(|line| line.trim().starts_with('|') && line.trim().ends_with('|'))
    {
        return Some("it breaks off within a table");
    }
    if finished || matches!(piece.kind, Kind::Cell | Kind::Head) {
        return None;
    }
    let counted = text
        .numbers
        .iter()
        .any(|number| number.start <= word.start && word.start < number.end);
    let own = counted
        || text
            .names
            .iter()
            .any(|name| name.start <= word.start && word.start < name.end)
        || text.tags.iter().any(|tag| tag.to == text.words.len());
    if !counted
        && reading.lexicon.is_stop(&word.text)
        && !reading.lexicon.is_closing(&word.text)
        && text.words.len() > 2
    {
        return Some("it breaks off within a sentence");
    }
    let letter = word.text.chars().count() == 1 && word.text.chars().all(char::is_alphabetic);
    if !own && (begun(reading, &word.text) || (letter && text.words.len() < 3)) {
        return Some("it breaks off within a word");
    }
    // A list whose other items end with a point, a paragraph whose other sentences do.
    let siblings: Vec<usize> = (0..last)
        .filter(|other| {
            reading.answer.pieces[*other].kind == piece.kind && !reading.texts[*other].is_empty()
        })
        .collect();
    let ended = siblings
        .iter()
        .filter(|other| {
            reading.answer.pieces[**other]
                .text
                .trim_end()
                .ends_with(ENDS)
        })
        .count();
    let prose = piece.kind == Kind::Sentence && text.words.len() > 3;
    // Of one other item nothing follows.
    let item = piece.kind == Kind::Item && siblings.len() > 1;
    if !siblings.is_empty() && ended == siblings.len() && (prose || item) {
        return Some("the last sentence has no end");
    }
    if piece.kind == Kind::Sentence && siblings.is_empty() && text.words.len() > 14 {
        return Some("the last sentence has no end");
    }
    None
}

/// Whether a word is the beginning of one that goal or sources have, and none itself.
fn begun(reading: &Reading<'_>, word: &str) -> bool {
    word.chars().count() > 1
        && !word.bytes().any(|byte| byte.is_ascii_digit())
        && reading.ground.vocabulary.is_begun(word)
}
