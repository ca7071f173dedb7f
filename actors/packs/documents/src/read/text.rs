//! Text without marks: paragraphs between empty lines.

use aios_tools::WorkspaceError;

use super::Source;
use crate::document::{Builder, Kind};

/// A line with a value behind its colon is short.
const LABELLED: usize = 160;

pub(super) fn read(
    source: &Source<'_>,
    text: &str,
    out: &mut Builder,
) -> Result<(), WorkspaceError> {
    for (at, line) in text.lines().enumerate() {
        source.go_on(at)?;
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        let line = line.trim_end();
        if line.trim().is_empty() {
            out.end()?;
            continue;
        }
        // "Invoice: 4711" stands for itself, and so does an item.
        if is_labelled(line) || is_item(line) {
            out.begin(Kind::Item, number)?;
            out.push(line)?;
            out.end()?;
            continue;
        }
        if out.is_open() {
            out.push("\n")?;
        } else {
            out.begin(Kind::Prose, number)?;
        }
        out.push(line)?;
    }
    out.end()
}

/// Whether a line is a label with its value: a few words, a colon, and something that does not go on as a sentence does.
pub(crate) fn is_labelled(line: &str) -> bool {
    // Length first: this is asked again and again while a paragraph grows.
    if line.len() > LABELLED || line.contains('\n') {
        return false;
    }
    let Some((label, value)) = line.split_once([':', '\u{ff1a}']) else {
        return false;
    };
    label.split_whitespace().count() <= 6
        && label.chars().any(char::is_alphabetic)
        && !label.contains(['.', '!', '?', '"'])
        && value.starts_with(char::is_whitespace)
        && !value.trim().is_empty()
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let marked = ["- ", "* ", "+ ", "\u{2022} ", "\u{2013} "];
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = line.get(digits..).unwrap_or_default();
    marked.iter().any(|mark| line.starts_with(mark))
        || ((1..=3).contains(&digits) && (rest.starts_with(". ") || rest.starts_with(") ")))
}
