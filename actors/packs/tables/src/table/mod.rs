//! How the bytes of a CSV file become typed columns.
//!
//! `sniff` guesses how the file is written, `records` splits it, `cells` holds each column and `column` lets its cells vote, `infer`
//! decides kind and format over the whole column (`number`, `date`, `missing`, `names` know how people write), `typed` reads cells for
//! good, and [`read`] puts it together. All of it is pure: text in, a [`Table`] or the place of the first mistake out.

mod cells;
mod column;
mod date;
mod day_order;
mod error;
mod infer;
mod missing;
mod names;
mod number;
mod records;
mod sniff;
mod typed;

pub use error::TableError;

pub(crate) use infer::Column;
pub(crate) use typed::{Read, Typed};

use std::borrow::Cow;
use std::collections::hash_map::RandomState;

use cells::{Cells, Characters, Place, Source};
use column::{Hints, Votes};
use infer::{Inferred, infer};
use records::{Cell, Record, Records};
use sniff::Sniffed;

use crate::{ColumnKind, Error, TableProfile};
use aios_tools::Decoded;
use aios_tools::{Check, Reserved, WorkspaceError};

/// The most columns that are read; SQLite's own limit is 2,000.
const COLUMNS: usize = 1_000;

/// Characters of a header's cell that are read; names are cut to fewer later.
const NAME_CHARACTERS: usize = 1_000;

/// How many rows are read between two looks at the clock and the cancel flag.
const CHECK_EVERY: usize = 4_096;

/// A table, read and understood.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) profile: TableProfile,
    /// On which line each row starts.
    pub(crate) lines: Lines,
    pub(crate) columns: Vec<Column>,
    pub(crate) source: Source,
    /// What all of it takes, set aside as long as it is held.
    held: Reserved,
}

/// On which line of the file each row starts, as an editor shows it. Rows follow each other line by line, so only those that do not are
/// kept.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rows: usize,
    /// Rows from which on the distance between row and line is another one.
    breaks: Vec<(u32, u64)>,
}

impl Table {
    /// Room in the same account, for what is made from the table.
    pub(crate) fn room(&self) -> Reserved {
        self.held.beside()
    }
}

impl Lines {
    fn push(&mut self, line: u64, held: &mut Reserved) -> Result<(), Error> {
        let apart = line - self.rows as u64;
        if self.breaks.last().is_none_or(|(_, known)| *known != apart) {
            let row = u32::try_from(self.rows).unwrap_or(u32::MAX);
            held.push(&mut self.breaks, (row, apart))?;
        }
        self.rows += 1;
        Ok(())
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// The line of a row.
    pub(crate) fn get(&self, row: usize) -> Option<u64> {
        let behind = self
            .breaks
            .partition_point(|(first, _)| *first as usize <= row);
        let (_, apart) = self.breaks.get(behind.checked_sub(1)?)?;
        (row < self.rows).then_some(row as u64 + apart)
    }
}

/// Reads the table in `decoded`, the content of `file`; `held` is what was set aside for that, and grows with what is read.
pub(crate) fn read(
    file: &str,
    decoded: Decoded,
    mut held: Reserved,
    check: Check<'_>,
) -> Result<Table, Error> {
    let Decoded {
        text,
        encoding,
        mut warnings,
    } = decoded;
    let sniffed = sniff::sniff(&text, file.to_lowercase().ends_with(".tsv"));
    let mut source = Source {
        text,
        unquoted: String::new(),
    };
    let grid = Grid::split(file, &mut source, sniffed, &mut warnings, &mut held, check)?;
    let names = names::unique(grid.names, &mut warnings);
    if !sniffed.header {
        warnings.push(
            "the first line looks like data, so the columns have no names of their own".to_owned(),
        );
    }

    let mut all_votes = Vec::with_capacity(names.len());
    for cells in &grid.columns {
        check()?;
        all_votes.push(Votes::of(cells, source.characters(), check)?);
    }
    let hints = Hints::of(&all_votes, sniffed.dialect.separator);

    let mut spoilt: Option<(column::BadCell, &str)> = None;
    let mut columns = Vec::with_capacity(names.len());
    for ((cells, votes), name) in grid.columns.into_iter().zip(&all_votes).zip(&names) {
        warnings.extend(cells.marker_warning(name));
        let asked = infer::Asked {
            name,
            cells: &cells,
            rows: grid.lines.len() as u64,
            source: source.characters(),
            votes,
            hints: &hints,
            check,
        };
        match infer(&asked, &mut held, &mut warnings)? {
            Inferred::Fits { profile, typed } => columns.push(Column {
                profile,
                typed,
                cells,
            }),
            Inferred::Spoilt(bad)
                if spoilt.as_ref().is_none_or(|(first, _)| bad.row < first.row) =>
            {
                spoilt = Some((bad, name))
            }
            Inferred::Spoilt(_) => {}
        }
    }
    if let Some((bad, column)) = spoilt {
        let line = grid.lines.get(bad.row).unwrap_or_default();
        let (file, column) = (file.to_owned(), column.to_owned());
        return Err(TableError::BadCell {
            file,
            line,
            column,
            cell: bad.text,
            expected: bad.expected,
            others: bad.others,
        }
        .into());
    }
    warnings.extend(total_row(&columns, source.characters(), &grid.lines));
    let profile = TableProfile {
        file: file.to_owned(),
        rows: grid.lines.len() as u64,
        columns: columns
            .iter()
            .map(|column| column.profile.clone())
            .collect(),
        separator: char::from(sniffed.dialect.separator),
        header: sniffed.header,
        encoding: encoding.to_owned(),
        warnings,
    };
    Ok(Table {
        profile,
        lines: grid.lines,
        columns,
        source,
        held,
    })
}

/// The cells of a table, column by column, as places in its text.
struct Grid {
    names: Vec<String>,
    lines: Lines,
    columns: Vec<Cells>,
}

impl Grid {
    /// Splits the text and checks that every row is as wide as the header. Cells that must be unquoted are kept behind the text, so that
    /// every cell is a place in the source.
    fn split(
        file: &str,
        source: &mut Source,
        sniffed: Sniffed,
        warnings: &mut Vec<String>,
        held: &mut Reserved,
        check: Check<'_>,
    ) -> Result<Self, Error> {
        let Sniffed {
            dialect,
            start,
            line,
            header,
        } = sniffed;
        // Unquoted cells are added while the text is read, so the source is put together again at the end.
        let text = std::mem::take(&mut source.text);
        let mut records = Records::new(&text, start, line, dialect);
        let mut cells: Vec<Cell> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        let quote_fault = |fault: records::QuoteFault, names: &[String]| {
            let column = names
                .get(fault.column)
                .cloned()
                .unwrap_or_else(|| (fault.column + 1).to_string());
            TableError::Quote {
                file: file.to_owned(),
                line: fault.line,
                column,
                problem: fault.problem,
            }
        };
        let first = records
            .clone()
            .read(&mut cells)
            .map_err(|fault| quote_fault(fault, &[]))?;
        let Some(Record { width: asked, .. }) = first else {
            return Err(TableError::Empty {
                file: file.to_owned(),
            }
            .into());
        };
        if asked > COLUMNS {
            return Err(TableError::TooWide {
                file: file.to_owned(),
                asked,
                allowed: COLUMNS,
            }
            .into());
        }
        if header {
            records
                .read(&mut cells)
                .map_err(|fault| quote_fault(fault, &[]))?;
            names.extend(cells.iter().map(|cell| name_of(&cell.text(&text, dialect))));
        } else {
            names.resize(cells.len(), String::new());
        }
        let width = names.len();
        // A header that ends in separators names nothing behind them; rows may leave those cells out.
        let least = names
            .iter()
            .rposition(|name| !name.is_empty())
            .map_or(width, |at| at + 1);

        let too_large = || WorkspaceError::TooLarge {
            file: file.to_owned(),
            asked: text.len() as u64,
            allowed: u64::from(u32::MAX),
        };
        let hasher = RandomState::new();
        let mut columns: Vec<Cells> = Vec::new();
        columns.resize_with(width, || Cells::of_columns(width));
        let mut lines = Lines::default();
        let (mut empty_rows, mut overhanging, mut seen) = (0_u64, 0_u64, 0_usize);
        let mut unquoted = String::new();
        while let Some(Record { line, width: found }) = records
            .read(&mut cells)
            .map_err(|fault| quote_fault(fault, &names))?
        {
            if seen.is_multiple_of(CHECK_EVERY) {
                check()?;
            }
            seen += 1;
            let filled = cells
                .iter()
                .rposition(|cell| !cell.is_blank(&text))
                .map_or(0, |at| at + 1);
            if filled == 0 && found <= cells.len() {
                empty_rows += 1;
                continue;
            }
            if found < least || filled > width || found > cells.len() {
                return Err(ragged(file, line, found, width).into());
            }
            overhanging += u64::from(found > width);
            let row = lines.len();
            for (cell, column) in cells.iter().take(filled).zip(&mut columns) {
                let place = match cell.text(&text, dialect) {
                    Cow::Borrowed(_) => {
                        let (start, end) = cell.place(&text);
                        Place::new(start, end)
                    }
                    Cow::Owned(content) => {
                        keep(&content, &mut unquoted, held)?;
                        let end = text.len() + unquoted.len();
                        Place::new(end - content.len(), end)
                    }
                };
                let halves = Characters::of(&text, &unquoted);
                let place = place.ok_or_else(too_large)?;
                column.push(row, place, halves, &hasher, held)?;
            }
            lines.push(line, held)?;
        }
        source.unquoted = unquoted;
        source.text = text;
        if lines.len() == 0 {
            return Err(TableError::NoRows {
                file: file.to_owned(),
            }
            .into());
        }
        if empty_rows > 0 {
            warnings.push(format!("rows without any value are left out: {empty_rows}"));
        }
        if overhanging > 0 {
            warnings.push(format!("rows that end in more separators than the header are cut to its width: {overhanging}"));
        }
        for column in &mut columns {
            column.finish(held);
        }
        if header {
            // Columns at the end that have neither name nor value are none.
            let keep = columns
                .iter()
                .skip(least)
                .rposition(|column| !column.is_untouched())
                .map_or(least, |at| least + at + 1);
            columns.truncate(keep);
            names.truncate(keep);
        }
        Ok(Self {
            names,
            lines,
            columns,
        })
    }
}

/// A name from a header. It is shown and asked for, so it may not be as long as a text.
fn name_of(cell: &str) -> String {
    cell.chars().take(NAME_CHARACTERS).collect()
}

/// Appends to the unquoted cells, in steps that are set aside first.
fn keep(content: &str, unquoted: &mut String, held: &mut Reserved) -> Result<(), Error> {
    let (room, needed) = (unquoted.capacity(), unquoted.len() + content.len());
    if needed > room {
        let more = needed.max(room + room / 2).max(4_096);
        held.grow(more as u64)?;
        unquoted.reserve_exact(more - unquoted.len());
        held.shrink(room as u64);
    }
    unquoted.push_str(content);
    Ok(())
}

fn ragged(file: &str, line: u64, found: usize, expected: usize) -> TableError {
    let hint = if expected == 1 {
        "if the first line is a title, remove it"
    } else if found < expected {
        "add the missing cells or remove the row"
    } else {
        "quote a cell that contains the separator, or remove what is too much"
    };
    TableError::Ragged {
        file: file.to_owned(),
        line,
        found,
        expected,
        hint: hint.to_owned(),
    }
}

/// A last row that sums up the others would be counted twice; it is kept, because only a person can tell, but it is pointed out.
fn total_row(columns: &[Column], source: Characters<'_>, lines: &Lines) -> Option<String> {
    let last = lines.len().checked_sub(1)?;
    let words = |column: &&Column| {
        matches!(
            column.profile.kind,
            ColumnKind::Category | ColumnKind::Text | ColumnKind::Id
        )
    };
    let cell = columns.iter().filter(words).find_map(|column| {
        column
            .cells
            .text(last, source)
            .filter(|text| says_total(text))
    })?;
    Some(format!(
        "line {} says {cell:?} and looks like a sum of the others; it is counted as data, remove it if it is none",
        lines.get(last)?
    ))
}

fn says_total(text: &str) -> bool {
    let word = text.trim_end_matches(':').to_lowercase();
    [
        "total",
        "totals",
        "grand total",
        "sum",
        "subtotal",
        "summe",
        "gesamt",
    ]
    .contains(&word.as_str())
}

#[cfg(test)]
mod tests;
