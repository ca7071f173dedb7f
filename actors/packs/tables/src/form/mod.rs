//! The forms that a table comes in. Each becomes a text with one record a line, which is then read like any other: what is known of rows and
//! columns is known once.
//!
//! A reader here is pure, looks at the clock now and then, and sets room aside before it takes it.

mod archive;
mod json;
mod kind;
mod sheet;
mod text;
mod workbook;

use aios_tools::{Check, Decoded, Reserved, WorkspaceError, decode};

use crate::Error;
use crate::note::{Note, NoteKind, Place};

pub(crate) use kind::{holds_table, is_delimited};

/// How names of files end that hold tables.
const ENDINGS: [&str; 11] = [
    "csv", "tsv", "tab", "psv", "dat", "json", "jsonl", "ndjson", "geojson", "xlsx", "xlsm",
];

/// What separates the cells of a text that was made here; no table holds it.
pub(crate) const SEPARATOR: u8 = 0x1f;

/// Whether a file is a table by its name, or by how it begins.
#[must_use]
pub fn accepts(name: &str, head: &[u8]) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default().to_lowercase();
    ENDINGS.contains(&ending.as_str()) || archive::is_archive(head) && !name.contains('.')
}

/// A table as a text.
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) encoding: String,
    pub(crate) cells: Cells,
    /// What its lines are.
    pub(crate) place: Place,
    pub(crate) notes: Vec<Note>,
}

/// What is known of the cells of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cells {
    /// Nothing: how they are set apart is to be guessed.
    Unknown,
    /// They stand between [`SEPARATOR`]s; where the table begins is to be found.
    Apart,
    /// The same, and the first record, of number 0, names the columns.
    Named,
}

/// What a reader is handed.
pub(crate) struct Source<'s> {
    pub(crate) file: &'s str,
    pub(crate) check: Check<'s>,
}

impl Source<'_> {
    fn refuse(&self, problem: impl Into<String>) -> WorkspaceError {
        WorkspaceError::Unreadable {
            file: self.file.to_owned(),
            problem: problem.into(),
        }
    }
}

/// Reads the bytes of a file as a text. `held` is what was set aside for them; afterwards it is what the text takes.
pub(crate) fn read(
    file: &str,
    bytes: Vec<u8>,
    held: &mut Reserved,
    check: Check<'_>,
) -> Result<Text, Error> {
    let source = Source { file, check };
    if archive::is_archive(&bytes) {
        return Ok(workbook::read(&source, bytes, held)?);
    }
    let Decoded {
        text,
        encoding,
        warnings,
    } = decode(file, bytes, held)?;
    let notes = warnings
        .into_iter()
        .map(|warning| Note::new(NoteKind::Encoding, warning))
        .collect();
    let plain = Text {
        text,
        encoding: encoding.to_owned(),
        cells: Cells::Unknown,
        place: Place::Line,
        notes,
    };
    if json::is_json(file, &plain.text) {
        return json::read(&source, plain, held);
    }
    let text = text::read(&source, plain, held)?;
    sheet::read(&source, text, held)
}

/// Writes records of cells one below the other, each on one line.
struct Writer<'h> {
    text: String,
    held: &'h mut Reserved,
    most: usize,
}

impl<'h> Writer<'h> {
    fn new(held: &'h mut Reserved) -> Self {
        Self {
            text: String::new(),
            held,
            most: u32::MAX as usize,
        }
    }

    fn push(&mut self, part: &str) -> Result<(), WorkspaceError> {
        self.held.push_str(&mut self.text, part, self.most)
    }

    /// Separates two cells.
    fn next(&mut self) -> Result<(), WorkspaceError> {
        self.push("\u{1f}")
    }

    /// Ends a record.
    fn end(&mut self) -> Result<(), WorkspaceError> {
        self.push("\n")
    }

    /// Writes a cell. Line ends within it become blanks, so that records and lines are the same.
    fn cell(&mut self, cell: &str) -> Result<(), WorkspaceError> {
        let plain = |c: char| !matches!(c, '\n' | '\r' | '\u{1f}' | '"' | '\0');
        if cell.chars().all(plain) {
            return self.push(cell);
        }
        // A quote at the beginning would open a cell; it is closed by rule.
        let mut clean: String = cell
            .chars()
            .map(|c| {
                if matches!(c, '\n' | '\r' | '\u{1f}' | '\0') {
                    ' '
                } else {
                    c
                }
            })
            .collect();
        if clean.trim_start().starts_with('"') {
            clean = format!("\"{}\"", clean.replace('"', "\"\""));
        }
        self.push(&clean)
    }
}

#[cfg(test)]
mod tests;
