//! Texts that hold a table without separators: a table of Markdown, and columns that stand below each other.

use aios_tools::{Reserved, WorkspaceError};

use super::{Cells, Source, Text, Writer};
use crate::Error;
use crate::note::{Note, NoteKind};

/// Lines that are looked at to know where columns begin.
const SAMPLE: usize = 200;

pub(super) fn read(source: &Source<'_>, plain: Text, held: &mut Reserved) -> Result<Text, Error> {
    let markdown = ["md", "markdown"].contains(&source.file.rsplit('.').next().unwrap_or_default());
    let rows = if markdown || begins_as_markdown(&plain.text) {
        Rows::Markdown
    } else if let Some(starts) = starts(&plain.text) {
        Rows::Fixed(starts)
    } else {
        return Ok(plain);
    };
    let mut beside = held.beside();
    let mut writer = Writer::new(&mut beside);
    let written = write(source, &plain.text, &rows, &mut writer)?;
    let text = writer.text;
    if !written {
        return Ok(plain);
    }
    held.shrink(held.bytes());
    let taken = beside.bytes();
    drop((plain.text, beside));
    held.grow(taken)?;
    let mut notes = plain.notes;
    notes.push(Note::new(
        NoteKind::Form,
        match rows {
            Rows::Markdown => "a table written in Markdown is read",
            Rows::Fixed(_) => "columns stand below each other without a separator; they are told apart by their blanks",
        },
    ));
    Ok(Text {
        text,
        cells: Cells::Apart,
        notes,
        ..plain_of(plain.encoding, plain.place)
    })
}

fn plain_of(encoding: String, place: crate::note::Place) -> Text {
    Text {
        text: String::new(),
        encoding,
        cells: Cells::Unknown,
        place,
        notes: Vec::new(),
    }
}

enum Rows {
    Markdown,
    Fixed(Vec<usize>),
}

/// Writes the rows, each on the line it has in the file; gives whether there were any.
fn write(
    source: &Source<'_>,
    text: &str,
    rows: &Rows,
    out: &mut Writer<'_>,
) -> Result<bool, WorkspaceError> {
    let (mut any, mut ended) = (false, false);
    for (at, line) in text.lines().enumerate() {
        if at % 4_096 == 0 {
            (source.check)()?;
        }
        match rows {
            Rows::Fixed(starts) => {
                for (cell, at) in fixed(line, starts).zip(0..) {
                    if at > 0 && !line.trim().is_empty() {
                        out.next()?;
                    }
                    out.cell(cell.trim())?;
                }
                any = true;
            }
            Rows::Markdown => {
                let row = line.trim();
                let is_row = row.starts_with('|') || (any && row.contains('|'));
                // Only the first table.
                ended |= any && !is_row;
                if is_row && !ended && !is_rule(row) {
                    any = true;
                    let inner = row.strip_prefix('|').unwrap_or(row);
                    let inner = inner.strip_suffix('|').unwrap_or(inner);
                    for (at, cell) in inner.split('|').enumerate() {
                        if at > 0 {
                            out.next()?;
                        }
                        let bare = cell.trim().trim_matches(['*', '`']);
                        out.cell(bare)?;
                    }
                }
            }
        }
        out.end()?;
    }
    Ok(any)
}

/// `|---|:--:|`
fn is_rule(row: &str) -> bool {
    row.contains('-') && row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

/// Whether a Markdown text is one table with a few lines about it.
pub(super) fn is_mostly_a_table(text: &str) -> bool {
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let rows = lines().filter(|line| line.starts_with('|')).count();
    let rules = lines()
        .filter(|line| line.starts_with('|') && is_rule(line))
        .count();
    rules == 1 && rows >= 4 && rows * 2 > lines().count()
}

/// Whether columns of a text stand below each other.
pub(super) fn has_columns(text: &str) -> bool {
    text.lines().filter(|line| !line.trim().is_empty()).count() > 3 && starts(text).is_some()
}

fn begins_as_markdown(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let head = lines
        .next()
        .is_some_and(|line| line.starts_with('|') && line.ends_with('|'));
    head && lines.next().is_some_and(is_rule)
}

/// Where columns begin that stand below each other: behind two blanks or more in all lines. None where lines have separators.
fn starts(text: &str) -> Option<Vec<usize>> {
    let sample = || {
        text.lines()
            .map(str::trim_end)
            .filter(|line| !line.is_empty())
            .take(SAMPLE)
    };
    let lines = sample().count();
    let apart = sample()
        .filter(|line| line.trim_start().contains("  "))
        .count();
    let marked = [',', ';', '\t', '|']
        .iter()
        .any(|mark| sample().filter(|line| line.contains(*mark)).count() * 2 > lines);
    if lines < 3 || apart * 10 < lines * 8 || marked || sample().any(|line| line.len() > 2_000) {
        return None;
    }
    // A title above or a remark below has no columns of its own.
    let rows: Vec<Vec<char>> = sample()
        .filter(|line| line.trim_start().contains("  "))
        .map(|line| line.chars().collect())
        .collect();
    let longest = rows.iter().map(Vec::len).max()?;
    let blank = |at: usize| rows.iter().all(|row| row.get(at).is_none_or(|c| *c == ' '));
    let mut starts = Vec::new();
    let (mut run, mut first) = (2, true);
    for at in 0..longest {
        if blank(at) {
            run += 1;
        } else {
            if run >= 2 || (run == 1 && !first) {
                starts.push(at);
            }
            (run, first) = (0, false);
        }
    }
    // One blank alone may stand within names: then each start needs two somewhere.
    (starts.len() > 1).then_some(starts)
}

fn fixed<'l>(line: &'l str, starts: &'l [usize]) -> impl Iterator<Item = &'l str> {
    let byte = |at: usize| {
        line.char_indices()
            .nth(at)
            .map_or(line.len(), |(byte, _)| byte)
    };
    let ends = starts.iter().skip(1).map(|at| Some(*at)).chain([None]);
    let begins = std::iter::once(0).chain(starts.iter().skip(1).copied());
    begins.zip(ends).map(move |(from, until)| {
        let until = until.map_or(line.len(), byte);
        line.get(byte(from)..until).unwrap_or_default()
    })
}
