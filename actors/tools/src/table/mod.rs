//! How the bytes of a CSV file become typed columns.
//!
//! `sniff` guesses how the file is written, `records` splits it, `column` gathers the different cells of each column and lets them vote,
//! `infer` decides kind and format over the whole column (`number`, `date`, `missing`, `names` know how people write), and [`read`] puts
//! it together. All of it is pure: text in, a [`Table`] or the place of the first mistake out.

mod column;
mod date;
mod error;
mod infer;
mod missing;
mod names;
mod number;
mod records;
mod sniff;

pub use error::TableError;

pub(crate) use column::MISSING;
pub(crate) use infer::Column;

use std::borrow::Cow;

use column::{Cells, Hints, Votes};
use infer::{Inferred, infer};
use records::{Cell, Record, Records};
use sniff::Sniffed;

use crate::encoding::Decoded;
use crate::{ColumnKind, TableProfile, ToolError, Value};

/// The most columns that are read; SQLite's own limit is 2,000.
const COLUMNS: usize = 1_000;

/// How many rows are read between two looks at the clock and the cancel flag.
const CHECK_EVERY: usize = 4_096;

/// A table, read and understood.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) profile: TableProfile,
    /// Per row: the line it starts on, as an editor shows it.
    pub(crate) lines: Vec<u64>,
    pub(crate) columns: Vec<Column>,
}

/// Whether to go on; asked every few thousand rows.
pub(crate) type Check<'c> = &'c dyn Fn() -> Result<(), ToolError>;

/// Reads the table in `decoded`, the content of `file`.
pub(crate) fn read(file: &str, decoded: Decoded, check: Check<'_>) -> Result<Table, ToolError> {
    let Decoded {
        mut text,
        encoding,
        mut warnings,
    } = decoded;
    let sniffed = sniff::sniff(&text, file.to_lowercase().ends_with(".tsv"));
    let grid = Grid::split(file, &mut text, sniffed, &mut warnings, check)?;
    let names = names::unique(grid.names.clone(), &mut warnings);
    if !sniffed.header {
        warnings.push(
            "the first line looks like data, so the columns have no names of their own".to_owned(),
        );
    }

    let mut gathered = Vec::with_capacity(names.len());
    for column in 0..names.len() {
        check()?;
        let mut cells = Cells::default();
        for row in 0..grid.lines.len() {
            if row % CHECK_EVERY == 0 {
                check()?;
            }
            cells.push(grid.cell(&text, row, column));
        }
        cells.finish();
        let votes = Votes::of(&cells, check)?;
        gathered.push((cells, votes));
    }
    drop(grid.spans);
    let all_votes: Vec<Votes> = gathered.iter().map(|(_, votes)| *votes).collect();
    let hints = Hints::of(&all_votes, sniffed.dialect.separator);

    let mut spoilt: Option<(column::BadCell, &str)> = None;
    let mut columns = Vec::with_capacity(names.len());
    for ((cells, votes), name) in gathered.into_iter().zip(&names) {
        check()?;
        warnings.extend(cells.marker_warning(name));
        match infer(name, &cells, &votes, &hints, &mut warnings) {
            Inferred::Fits { profile, values } => columns.push(Column {
                profile,
                values,
                codes: cells.codes,
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
        let line = grid.lines.get(bad.row).copied().unwrap_or_default();
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
    warnings.extend(total_row(&columns, &grid.lines));
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
    })
}

/// The cells of a table, row by row, as places in its text.
struct Grid {
    names: Vec<String>,
    lines: Vec<u64>,
    spans: Vec<(u32, u32)>,
}

impl Grid {
    fn cell<'t>(&self, text: &'t str, row: usize, column: usize) -> &'t str {
        let span = self.spans.get(row * self.names.len() + column);
        span.and_then(|&(start, end)| text.get(start as usize..end as usize))
            .unwrap_or_default()
    }

    /// Splits `text` and checks that every row is as wide as the header. Cells that must be unquoted are appended to `text`, so that
    /// every cell is a place in it.
    fn split(
        file: &str,
        text: &mut String,
        sniffed: Sniffed,
        warnings: &mut Vec<String>,
        check: Check<'_>,
    ) -> Result<Self, ToolError> {
        let Sniffed {
            dialect,
            start,
            line,
            header,
        } = sniffed;
        let mut records = Records::new(text, start, line, dialect);
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
            names.extend(
                cells
                    .iter()
                    .map(|cell| cell.text(text, dialect).into_owned()),
            );
        } else {
            names.resize(cells.len(), String::new());
        }
        let width = names.len();
        // A header that ends in separators names nothing behind them; rows may leave those cells out.
        let least = names
            .iter()
            .rposition(|name| !name.is_empty())
            .map_or(width, |at| at + 1);

        let too_large = || ToolError::TooLarge {
            file: file.to_owned(),
            asked: text.len() as u64,
            allowed: u64::from(u32::MAX),
        };
        let place = |at: usize| u32::try_from(at).map_err(|_| too_large());
        let mut unquoted = String::new();
        let (mut spans, mut lines) = (Vec::new(), Vec::new());
        let (mut empty_rows, mut overhanging) = (0_u64, 0_u64);
        while let Some(Record { line, width: found }) = records
            .read(&mut cells)
            .map_err(|fault| quote_fault(fault, &names))?
        {
            if lines.len() % CHECK_EVERY == 0 {
                check()?;
            }
            let first = spans.len();
            let mut filled = 0;
            for (at, cell) in cells.iter().enumerate() {
                let content = cell.text(text, dialect);
                if !content.is_empty() {
                    filled = at + 1;
                }
                let start = match &content {
                    Cow::Borrowed(_) => cell.place(text).0,
                    Cow::Owned(owned) => {
                        unquoted.push_str(owned);
                        text.len() + unquoted.len() - owned.len()
                    }
                };
                if at < width {
                    spans.push((place(start)?, place(start + content.len())?));
                }
            }
            if filled == 0 && found <= cells.len() {
                spans.truncate(first);
                empty_rows += 1;
                continue;
            }
            if found < least || filled > width || found > cells.len() {
                return Err(ragged(file, line, found, width).into());
            }
            overhanging += u64::from(found > width);
            spans.resize(first + width, (0, 0));
            lines.push(line);
        }
        text.push_str(&unquoted);
        if lines.is_empty() {
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
        let mut grid = Self {
            names,
            lines,
            spans,
        };
        if header {
            grid.drop_unnamed(text, least);
        }
        Ok(grid)
    }

    /// Takes off columns at the end that have neither name nor value.
    fn drop_unnamed(&mut self, text: &str, least: usize) {
        let width = self.names.len();
        let rows = self.lines.len();
        let keep = (least..width)
            .rev()
            .find(|column| (0..rows).any(|row| !self.cell(text, row, *column).is_empty()))
            .map_or(least, |c| c + 1);
        if keep < width {
            let mut at = 0;
            self.spans.retain(|_| {
                at += 1;
                (at - 1) % width < keep
            });
            self.names.truncate(keep);
        }
    }
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
fn total_row(columns: &[Column], lines: &[u64]) -> Option<String> {
    let cell = columns
        .iter()
        .find_map(|column| last_text(column).filter(|text| says_total(text)))?;
    Some(format!(
        "line {} says {cell:?} and looks like a sum of the others; it is counted as data, remove it if it is none",
        lines.last()?
    ))
}

/// What the last row says in a column of words.
fn last_text(column: &Column) -> Option<&str> {
    let words = matches!(
        column.profile.kind,
        ColumnKind::Category | ColumnKind::Text | ColumnKind::Id
    );
    let code = column
        .codes
        .last()
        .filter(|code| words && **code != MISSING)?;
    column.values.get(*code as usize).and_then(Value::as_str)
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
