//! The forms that a table comes in. Each becomes a text with one record a line, which is then read like any other: what is known of rows and
//! columns is known once.
//!
//! A reader here is pure, looks at the clock now and then, and sets room aside before it takes it.

mod archive;
mod json;
mod text;
mod workbook;

use aios_tools::{Check, Decoded, Reserved, WorkspaceError, decode};

use crate::Error;
use crate::note::{Note, NoteKind, Place};

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

/// Bytes of a text that are looked at.
const HEAD: u64 = 8_192;

/// Whether a file that is called a text holds cells: each of its first lines has as many of one separator, or most lines of a Markdown
/// text are rows of one table. A file that cannot be looked at is left to whoever reads texts.
pub(crate) fn is_delimited(path: &str) -> bool {
    use std::io::Read as _;
    let lower = path.to_lowercase();
    let markdown = lower.ends_with(".md") || lower.ends_with(".markdown");
    if !lower.ends_with(".txt") && !markdown {
        return false;
    }
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    // A text of two bytes a character says so by its first ones.
    let text = match head.as_slice() {
        [0xff, 0xfe, rest @ ..] => of_pairs(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => of_pairs(rest, u16::from_be_bytes),
        bytes => String::from_utf8_lossy(bytes).into_owned(),
    };
    read.is_ok()
        && if markdown {
            text::is_mostly_a_table(&text)
        } else {
            has_cells(&text, head.len() as u64 == HEAD)
        }
}

fn of_pairs(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16_lossy(&units)
}

fn has_cells(text: &str, cut: bool) -> bool {
    let mut lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if cut {
        lines.pop();
    }
    lines.truncate(30);
    ['\t', ';', '|', ','].into_iter().any(|sign| {
        let count = |line: &&str| line.matches(sign).count();
        let first = lines.first().map_or(0, count);
        // A sentence may hold a comma; that every line holds as many is no prose.
        let fewest = if sign == ',' { 4 } else { 3 };
        first > 0 && lines.len() >= fewest && lines.iter().all(|line| count(line) == first)
    })
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
    text::read(&source, plain, held)
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
