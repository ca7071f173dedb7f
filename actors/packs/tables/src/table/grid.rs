//! A table's text as cells, column by column. What is no row is left out here, and remembered with its line.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::cells::{Cells, Characters, Source};
use super::date::DateReading;
use super::filing::Filing;
use super::layout::{Layout, is_labelled_remark, is_remark};
use super::missing::is_drawn;
use super::number::NumberReading;
use super::records::{self, Cell, Record, Records};
use super::sniff::Sniffed;
use super::{CHECK_EVERY, Lines, TableError};
use crate::Error;
use crate::note::{self, Note, NoteKind, lines};
use aios_tools::{Check, Reserved};

/// The most columns that are read; SQLite's own limit is 2,000.
const COLUMNS: usize = 1_000;

/// Characters of a header's cell that are read; names are cut to fewer later.
const NAME_CHARACTERS: usize = 1_000;

/// Rows whose lines are remembered one by one.
const REMEMBERED: usize = 1_000;

/// The cells of a table, column by column, as places in its text.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) names: Vec<String>,
    /// The unit that a row under the header states for each column.
    pub(super) units: Vec<Option<&'static str>>,
    pub(super) lines: Lines,
    pub(super) columns: Vec<Cells>,
    /// Rows that were left out as asked, with the number of rows before them.
    pub(super) left_out: Vec<LeftOut>,
    /// Rows with fewer cells than the header.
    pub(super) short: Vec<u64>,
    pub(super) short_count: u64,
    /// Records of one cell in a table of several columns, and of too many cells.
    pub(super) single: Vec<(u64, String)>,
    pub(super) long: Vec<Long>,
    pub(super) blank: Vec<u64>,
    pub(super) blank_count: u64,
    pub(super) overhanging: u64,
    pub(super) repeated: Vec<u64>,
}

/// A row that was left out.
#[derive(Debug)]
pub(super) struct LeftOut {
    pub(super) line: u64,
    /// Rows before it that were not left out.
    pub(super) before: usize,
    pub(super) cells: Vec<String>,
}

/// A record with more cells than the header.
#[derive(Debug)]
pub(super) struct Long {
    line: u64,
    found: usize,
    /// Rows before it.
    before: usize,
    first: String,
}

/// What a table is split by.
pub(super) struct Splitting<'a> {
    pub(super) file: &'a str,
    pub(super) sniffed: &'a Sniffed,
    /// What its lines are called.
    pub(super) place: note::Place,
    /// The lines of rows that are kept apart.
    pub(super) left_out: &'a BTreeSet<u64>,
    /// Every record is a row, however many of its last cells are not written.
    pub(super) named: bool,
    pub(super) check: Check<'a>,
}

impl Grid {
    /// Splits the text. Cells that must be unquoted are kept behind the text, so that every cell is a place in the source.
    pub(super) fn split(
        by: &Splitting<'_>,
        source: &mut Source,
        held: &mut Reserved,
    ) -> Result<Self, Error> {
        let Sniffed {
            dialect,
            start,
            line,
            layout,
        } = by.sniffed;
        let file = by.file;
        source.unquoted = String::new();
        // Unquoted cells are added while the text is read, so the source is put together again at the end.
        let text = std::mem::take(&mut source.text);
        let mut records = Records::new(&text, *start, *line, *dialect);
        let mut cells: Vec<Cell> = Vec::new();
        let mut grid = Self::head(by, &text, &mut records, &mut cells)?;
        let width = grid.names.len();
        // A header that ends in separators names nothing behind them; rows may leave those cells out.
        let least = grid
            .names
            .iter()
            .rposition(|name| !name.is_empty())
            .map_or(width, |at| at + 1);
        let header = layout.headers > 0;
        let names = grid.names.clone();

        let filing = Filing::new(file, &text, *dialect, width, held.beside());
        let mut seen = 0_usize;
        let (filed, ()) = filing.of(|rows| {
            while let Some(Record { line, width: found }) = records
                .read(&mut cells)
                .map_err(|fault| quote_fault(file, fault, &grid.names))?
            {
                if seen.is_multiple_of(CHECK_EVERY) {
                    (by.check)()?;
                }
                seen += 1;
                let filled = cells
                    .iter()
                    .rposition(|cell| !cell.is_blank(&text))
                    .map_or(0, |at| at + 1);
                let drawn = || {
                    let text = |cell: &Cell| {
                        let (start, end) = cell.place(&text);
                        text.get(start..end).unwrap_or_default()
                    };
                    let rule = cells.first().is_some_and(|cell| {
                        text(cell).starts_with(['-', '=', '_', '\u{2014}', '\u{2013}'])
                    });
                    rule && cells.iter().all(|cell| is_drawn(text(cell)))
                };
                if found <= cells.len() && (filled == 0 || drawn()) {
                    grid.blank_count += 1;
                    remember(&mut grid.blank, line);
                    continue;
                }
                let written = |cell: &Cell| cell.text(&text, *dialect);
                if by.left_out.contains(&line) {
                    let cells: Vec<String> = cells
                        .iter()
                        .map(|cell| written(cell).into_owned())
                        .collect();
                    let bytes: usize = cells
                        .iter()
                        .map(|cell| cell.len() + size_of::<String>())
                        .sum();
                    held.grow(bytes as u64)?;
                    grid.left_out.push(LeftOut {
                        line,
                        before: grid.lines.len(),
                        cells,
                    });
                    continue;
                }
                if header && repeats(&names, &cells, filled, written) {
                    remember(&mut grid.repeated, line);
                    continue;
                }
                if filled > width || found > cells.len() {
                    let first = cells
                        .first()
                        .map(|cell| written(cell).chars().take(200).collect());
                    let long = Long {
                        line,
                        found,
                        before: grid.lines.len(),
                        first: first.unwrap_or_default(),
                    };
                    // Remarks below a table are few; more are a mistake, and the first is reported.
                    if grid.long.len() > 16 || !is_remark(&long.first) {
                        return Err(ragged(file, line, found, width).into());
                    }
                    grid.long.push(long);
                    continue;
                }
                // One text across a table of several columns is no row of it.
                if found == 1 && least > 2 && !by.named {
                    if grid.single.len() < REMEMBERED {
                        let text = cells
                            .first()
                            .map(|cell| written(cell).chars().take(120).collect());
                        grid.single.push((line, text.unwrap_or_default()));
                    }
                    continue;
                }
                if found < least && !by.named {
                    grid.short_count += 1;
                    remember(&mut grid.short, line);
                }
                grid.overhanging += u64::from(found > width);
                rows.push(cells.get(..filled.min(width)).unwrap_or_default())?;
                grid.lines.push(line, held)?;
            }
            Ok(())
        })?;
        let Filing {
            columns, unquoted, ..
        } = filed;
        held.join(filed.held);
        grid.columns = columns;
        source.unquoted = unquoted;
        source.text = text;
        if grid.lines.len() == 0 && grid.left_out.is_empty() {
            return Err(TableError::NoRows {
                file: file.to_owned(),
            }
            .into());
        }
        if let Some(long) = grid.long.iter().find(|long| long.before < grid.lines.len()) {
            return Err(ragged(file, long.line, long.found, width).into());
        }
        for column in &mut grid.columns {
            column.finish(held);
        }
        grid.drop_untouched(header, least);
        Ok(grid)
    }

    /// Reads what stands above the rows: titles, names, units.
    fn head(
        by: &Splitting<'_>,
        text: &str,
        records: &mut Records<'_>,
        cells: &mut Vec<Cell>,
    ) -> Result<Self, Error> {
        let (
            file,
            Layout {
                skip,
                headers,
                names,
                units,
                ..
            },
        ) = (by.file, &by.sniffed.layout);
        let dialect = by.sniffed.dialect;
        let fault = |fault| quote_fault(file, fault, &[]);
        for _ in 0..*skip {
            records.read(cells).map_err(fault)?;
        }
        let first = records.clone().read(cells).map_err(fault)?;
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
        let called: Vec<String> = match (headers, names) {
            (0, _) => vec![String::new(); cells.len()],
            (_, Some(names)) => names.iter().map(|name| name_of(name)).collect(),
            _ => {
                let names = cells.iter().map(|cell| cell.text(text, dialect));
                names.map(|name| name_of(&name)).collect()
            }
        };
        for _ in 0..*headers + usize::from(units.is_some()) {
            records.read(cells).map_err(fault)?;
        }
        let mut stated = units.clone().unwrap_or_default();
        stated.resize(called.len(), None);
        Ok(Self {
            names: called,
            units: stated,
            lines: Lines::default(),
            columns: Vec::new(),
            left_out: Vec::new(),
            short: Vec::new(),
            short_count: 0,
            single: Vec::new(),
            long: Vec::new(),
            blank: Vec::new(),
            blank_count: 0,
            overhanging: 0,
            repeated: Vec::new(),
        })
    }

    /// Columns that have neither name nor value are none.
    fn drop_untouched(&mut self, header: bool, least: usize) {
        if !header {
            return;
        }
        let mut at = 0;
        let keep: Vec<bool> = self
            .names
            .iter()
            .zip(&self.columns)
            .map(|(name, column)| {
                at += 1;
                !name.is_empty() || !column.is_untouched() || (at <= least && least == 1)
            })
            .collect();
        let mut kept = keep.iter();
        self.names.retain(|_| kept.next().copied().unwrap_or(true));
        let mut kept = keep.iter();
        self.units.retain(|_| kept.next().copied().unwrap_or(true));
        let mut kept = keep.iter();
        self.columns
            .retain(|_| kept.next().copied().unwrap_or(true));
        for row in &mut self.left_out {
            let mut kept = keep.iter();
            row.cells.retain(|_| kept.next().copied().unwrap_or(true));
        }
    }

    /// The lines of remarks that stand below the rows as if they were rows: one text, and nothing beside it.
    pub(super) fn remarks(
        &self,
        source: Characters<'_>,
        check: Check<'_>,
    ) -> Result<Vec<u64>, Error> {
        let mut found = Vec::new();
        for row in (0..self.lines.len()).rev().take(REMEMBERED) {
            let mut filled = self.columns.iter().map(|column| column.text(row, source));
            let first = filled.next().flatten();
            let alone = filled.all(|cell| cell.is_none());
            match (first, self.lines.get(row)) {
                (Some(text), Some(line))
                    if (alone || is_labelled_remark(text))
                        && self.columns.len() > 1
                        && (is_remark(text)
                            || self.short.contains(&line) && text.contains(' ')) =>
                {
                    found.push(line);
                }
                _ => break,
            }
        }
        found.extend(self.lone(source, check)?);
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// The lines between the rows that hold one text alone where rows begin with a figure or a day, or that differ in nothing but their
    /// figures: `Page 1 of 3`, `Page 2 of 3`.
    fn lone(&self, source: Characters<'_>, check: Check<'_>) -> Result<Vec<u64>, Error> {
        let Some((first, others)) = self.columns.split_first() else {
            return Ok(Vec::new());
        };
        if others.len() < 2 {
            return Ok(Vec::new());
        }
        // Most tables have no such line, and whether a cell is a figure is asked of each row only where one has.
        let stands_alone = |row: usize| others.iter().all(|column| column.place(row).is_none());
        let mut any = false;
        for row in 0..self.lines.len() {
            if row % CHECK_EVERY == 0 {
                check()?;
            }
            if stands_alone(row) {
                any = true;
                break;
            }
        }
        if !any {
            return Ok(Vec::new());
        }
        let figure =
            |text: &str| NumberReading::of(text).is_number() || DateReading::of(text).is_some();
        let (mut figures, mut lone): (usize, Vec<(u64, &str)>) = (0, Vec::new());
        for row in 0..self.lines.len() {
            if row % CHECK_EVERY == 0 {
                check()?;
            }
            let Some(text) = first.text(row, source) else {
                // Labels that are written once stand alone in their rows.
                return Ok(Vec::new());
            };
            if figure(text) {
                figures += 1;
            } else if stands_alone(row)
                && let Some(line) = self.lines.get(row)
            {
                lone.push((line, text));
                if lone.len() > REMEMBERED {
                    return Ok(Vec::new());
                }
            }
        }
        let rows = self.lines.len() - lone.len();
        if rows > 0 && figures == rows {
            return Ok(lone.into_iter().map(|(line, _)| line).collect());
        }
        let shape = |text: &str| -> String {
            text.chars()
                .map(|c| if c.is_ascii_digit() { '0' } else { c })
                .collect()
        };
        let numbered = lone.len() > 1
            && lone.iter().all(|(_, text)| {
                text.bytes().any(|byte| byte.is_ascii_digit()) && shape(text) == shape(lone[0].1)
            })
            && lone.windows(2).all(|two| two[0].1 != two[1].1);
        Ok(if numbered {
            lone.into_iter().map(|(line, _)| line).collect()
        } else {
            Vec::new()
        })
    }

    /// What was left out, and why.
    pub(super) fn notes(&self, by: &Splitting<'_>, notes: &mut Vec<Note>) {
        let place = by.place;
        let Layout {
            titles,
            headers,
            names,
            units,
            units_line,
            ..
        } = &by.sniffed.layout;
        if !titles.is_empty() {
            let at: Vec<u64> = titles.iter().map(|(line, _)| *line).collect();
            let shown: Vec<String> = titles
                .iter()
                .take(3)
                .map(|(_, text)| format!("{text:?}"))
                .collect();
            notes.push(
                Note::new(
                    NoteKind::Title,
                    format!(
                        "{} above the header {} no data: {}",
                        lines(&at, place),
                        if at.len() == 1 { "is" } else { "are" },
                        shown.join(", ")
                    ),
                )
                .at(&at),
            );
        }
        if *headers == 0 {
            notes.push(Note::new(
                NoteKind::Header,
                "the first line looks like data, so the columns have no names of their own",
            ));
        }
        if names.is_some() {
            notes.push(Note::new(
                NoteKind::Header,
                "two lines name the columns; their names are put together",
            ));
        }
        if units.is_some() {
            notes.push(
                Note::new(
                    NoteKind::Units,
                    format!(
                        "{} holds the units of the columns",
                        lines(&[*units_line], place)
                    ),
                )
                .at(&[*units_line]),
            );
        }
        if !self.repeated.is_empty() {
            let told = format!(
                "the header stands again on {}; left out",
                lines(&self.repeated, place)
            );
            notes.push(Note::new(NoteKind::RepeatedHeader, told).at(&self.repeated));
        }
        if self.blank_count > 0 {
            let note = Note::new(
                NoteKind::Blank,
                format!("rows without any value are left out: {}", self.blank_count),
            );
            notes.push(Note {
                count: self.blank_count,
                ..note.at(&self.blank)
            });
        }
        if self.short_count > 0 {
            let told = format!(
                "rows with fewer cells than the header: {} ({}); the cells they lack count as missing",
                self.short_count,
                lines(&self.short, place)
            );
            let note = Note::new(NoteKind::Ragged, told).at(&self.short);
            notes.push(Note {
                count: self.short_count,
                ..note
            });
        }
        if self.overhanging > 0 {
            notes.push(Note::new(
                NoteKind::Ragged,
                format!(
                    "rows that end in more separators than the header are cut to its width: {}",
                    self.overhanging
                ),
            ));
        }
        let remarks = self
            .single
            .iter()
            .map(|(line, text)| (*line, text.as_str()));
        let remarks = remarks.chain(
            self.long
                .iter()
                .map(|long| (long.line, long.first.as_str())),
        );
        footnote(&remarks.collect::<Vec<_>>(), place, notes);
    }
}

/// Says which lines hold a text and no row.
pub(super) fn footnote(remarks: &[(u64, &str)], place: note::Place, notes: &mut Vec<Note>) {
    if remarks.is_empty() {
        return;
    }
    let at: Vec<u64> = remarks.iter().map(|(line, _)| *line).collect();
    let shown: Vec<String> = remarks
        .iter()
        .take(3)
        .map(|(_, text)| format!("{text:?}"))
        .collect();
    let verb = if at.len() == 1 {
        "is no row"
    } else {
        "are no rows"
    };
    let told = format!(
        "{} {verb} of the table: {}",
        lines(&at, place),
        shown.join(", ")
    );
    notes.push(Note::new(NoteKind::Footnote, told).at(&at));
}

/// Whether a record is the header again.
fn repeats<'t>(
    names: &[String],
    cells: &[Cell],
    filled: usize,
    written: impl Fn(&Cell) -> Cow<'t, str>,
) -> bool {
    let last = names
        .iter()
        .rposition(|name| !name.is_empty())
        .map_or(0, |at| at + 1);
    filled == last
        && filled > 1
        && names
            .iter()
            .zip(cells)
            .take(filled)
            .all(|(name, cell)| written(cell) == name.as_str())
}

fn remember(lines: &mut Vec<u64>, line: u64) {
    if lines.len() < REMEMBERED {
        lines.push(line);
    }
}

/// A name from a header. It is shown and asked for, so it may not be as long as a text.
fn name_of(cell: &str) -> String {
    cell.chars().take(NAME_CHARACTERS).collect()
}

pub(super) fn quote_fault(file: &str, fault: records::QuoteFault, names: &[String]) -> TableError {
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
}

fn ragged(file: &str, line: u64, found: usize, expected: usize) -> TableError {
    TableError::Ragged {
        file: file.to_owned(),
        line,
        found,
        expected,
        hint: if expected == 1 {
            "if the first line is a title, remove it"
        } else {
            "quote a cell that contains the separator, or remove what is too much"
        }
        .to_owned(),
    }
}
