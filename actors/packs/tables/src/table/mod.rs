//! How the bytes of a file become typed columns.
//!
//! `sniff` guesses how the file is written and `layout` where in it the table is, `records` splits it, `grid` holds its rows and `cells`
//! each column; `totals` finds rows that add others up, `wide` turns columns into rows, `column` lets cells vote, `infer` decides kind and
//! format over a whole column (`numbers`, `number`, `units`, `date`, `missing`, `names`, `labels` know how people write), `roles` what
//! columns say of each other, `typed` reads cells for good, and [`read`] puts it together. All of it is pure: text in, a [`Table`] or the
//! place of the first mistake out.

mod alike;
mod asked;
mod cells;
mod clocks;
mod column;
mod date;
mod day_order;
mod describe;
mod error;
mod filing;
mod grid;
mod groups;
mod infer;
mod keyed;
mod labels;
mod lasting;
mod layout;
pub(crate) mod lists;
mod missing;
mod names;
mod number;
mod numbers;
mod records;
mod roles;
mod sniff;
pub(crate) mod together;
mod totals;
mod typed;
mod units;
mod wide;

pub use error::TableError;

pub(crate) use date::month;
pub(crate) use infer::Column;
pub(crate) use keyed::Keyed;
pub(crate) use lasting::HOURS;
pub(crate) use typed::{Read, Typed};

use std::collections::BTreeSet;
use std::sync::Arc;

use asked::{Asked, Inferred};
use cells::Source;
use column::{BadCell, Hints, Votes};
use grid::{Grid, Splitting};
use infer::infer;
use sniff::Sniffed;

use records::Dialect;

use crate::form::{self, Text};
use crate::note::{self, Note, NoteKind, Place};
use crate::{Error, TableProfile, Unpivoted};
use aios_tools::{Check, Reserved};

/// How many rows are read between two looks at the clock and the cancel flag.
const CHECK_EVERY: usize = 4_096;

/// One row in so many may begin with `#` and be a remark all the same.
const STRUCK: usize = 4;

/// A table, read and understood.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) profile: TableProfile,
    /// On which line each row starts.
    pub(crate) lines: Lines,
    pub(crate) columns: Vec<Column>,
    pub(crate) source: Source,
    /// What all of it takes, set aside as long as it is held.
    held: Vec<Reserved>,
}

/// On which line of the file each row starts, as an editor shows it. Rows follow each other line by line, so only those that do not are
/// kept.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rows: usize,
    /// Rows from which on the distance between row and line is another one.
    breaks: Vec<(u32, i64)>,
}

impl Table {
    /// Room in the same account, for what is made from the table.
    pub(crate) fn room(&self) -> Option<Reserved> {
        self.held.first().map(Reserved::beside)
    }
}

impl Lines {
    fn push(&mut self, line: u64, held: &mut Reserved) -> Result<(), Error> {
        let apart = i64::try_from(line).unwrap_or(i64::MAX) - self.rows as i64;
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
        (row < self.rows).then_some((row as i64 + apart).unsigned_abs())
    }
}

/// The records of a text as they are written, each with its line.
pub(crate) fn records(
    file: &str,
    text: &Text,
    held: &mut Reserved,
) -> Result<Vec<(u64, Vec<String>)>, Error> {
    let sniffed = sniffed(file, text);
    let mut records =
        records::Records::new(&text.text, sniffed.start, sniffed.line, sniffed.dialect);
    let (mut cells, mut all) = (Vec::new(), Vec::new());
    while let Some(record) = records
        .read(&mut cells)
        .map_err(|fault| grid::quote_fault(file, fault, &[]))?
    {
        let bytes: usize = cells
            .iter()
            .map(|cell: &records::Cell| {
                let (start, end) = cell.place(&text.text);
                end - start + size_of::<String>()
            })
            .sum();
        held.grow(bytes as u64)?;
        let written = cells
            .iter()
            .map(|cell| cell.text(&text.text, sniffed.dialect).into_owned());
        held.push(&mut all, (record.line, written.collect()))?;
    }
    Ok(all)
}

/// How a text is written, as far as it is known or can be guessed.
fn sniffed(file: &str, text: &Text) -> Sniffed {
    let apart = Dialect {
        separator: form::SEPARATOR,
        quote: b'"',
        escapes: false,
    };
    match text.cells {
        form::Cells::Unknown => sniff::sniff(&text.text, file.to_lowercase().ends_with(".tsv")),
        form::Cells::Apart => sniff::known(&text.text, 0, 1, apart),
        // The names are record 0.
        form::Cells::Named => Sniffed {
            dialect: apart,
            start: 0,
            line: 0,
            layout: layout::Layout {
                headers: 1,
                ..layout::Layout::default()
            },
        },
    }
}

/// Reads the table in `text`, the content of `file`; `held` is what was set aside for that, and grows with what is read.
pub(crate) fn read(
    file: &str,
    text: Text,
    held: Reserved,
    check: Check<'_>,
) -> Result<Table, Error> {
    let sniffed = sniffed(file, &text);
    let Text {
        text,
        encoding,
        cells,
        place,
        notes,
    } = text;
    let source = Source {
        text,
        unquoted: String::new(),
    };
    let reading = Reading {
        file,
        sniffed: &sniffed,
        named: cells == form::Cells::Named,
        place,
        check,
    };
    reading.read(source, &encoding, notes, held)
}

/// A text that is read as a table.
struct Reading<'a> {
    file: &'a str,
    sniffed: &'a Sniffed,
    /// Its columns are known; what stands below them is a row.
    named: bool,
    place: Place,
    check: Check<'a>,
}

/// Columns as they were understood, and what was assumed.
struct Understood {
    columns: Vec<Column>,
    notes: Vec<Note>,
    spoilt: Option<(BadCell, String)>,
    lines: Lines,
    left_out: Vec<grid::LeftOut>,
    /// What was left out of the rows, said.
    told: Vec<Note>,
    unpivoted: Option<Unpivoted>,
}

impl Reading<'_> {
    fn read(
        &self,
        mut source: Source,
        encoding: &str,
        mut notes: Vec<Note>,
        held: Reserved,
    ) -> Result<Table, Error> {
        let nothing = BTreeSet::new();
        let mut room = held.beside();
        let grid = Grid::split(&self.splitting(&nothing), &mut source, &mut room)?;
        let votes = self.votes(&grid, &source)?;
        let remarks: BTreeSet<u64> = grid
            .remarks(source.characters(), self.check)?
            .into_iter()
            .collect();
        let candidates = totals::candidates(&grid, &votes, source.characters(), self.check)?;
        let transposed = wide::transposed(&grid, source.characters());
        let turned = transposed.is_some();
        let (mut understood, left_out) = if let Some(plan) = transposed {
            drop(grid);
            room = held.beside();
            let long = self.long(&plan, &mut source, &remarks, &held, &mut room)?;
            (long, remarks)
        } else if remarks.is_empty() && candidates.is_empty() {
            (self.understand(grid, votes, &source, &mut room)?, nothing)
        } else {
            drop(grid);
            room = held.beside();
            self.without(&mut source, &remarks, candidates, &held, &mut room)?
        };
        if understood.spoilt.is_none() && !turned {
            self.settle(&mut understood, &source)?;
            let mut titles: Vec<&str> = self
                .sniffed
                .layout
                .titles
                .iter()
                .map(|(_, title)| title.as_str())
                .collect();
            titles.push(self.file);
            if let Some(plan) = wide::plan(
                &understood.columns,
                understood.lines.len(),
                source.characters(),
                &titles,
            ) {
                drop(understood.columns);
                let told = understood.told;
                room = held.beside();
                understood = self.long(&plan, &mut source, &left_out, &held, &mut room)?;
                understood.told = told.into_iter().chain(understood.told).collect();
            }
        }
        if let Some((bad, column)) = understood.spoilt {
            let line = understood.lines.get(bad.row).unwrap_or_default();
            return Err(TableError::BadCell {
                file: self.file.to_owned(),
                line,
                column,
                cell: bad.text,
                expected: bad.expected,
                others: bad.others,
            }
            .into());
        }
        if understood.lines.len() == 0 {
            return Err(TableError::NoRows {
                file: self.file.to_owned(),
            }
            .into());
        }
        notes.append(&mut understood.told);
        notes.append(&mut understood.notes);
        notes.extend(self.struck_out(&understood, &source));
        let profile = TableProfile {
            file: self.file.to_owned(),
            rows: understood.lines.len() as u64,
            columns: understood
                .columns
                .iter()
                .map(|column| column.profile.clone())
                .collect(),
            separator: match self.sniffed.dialect.separator {
                form::SEPARATOR => ',',
                separator => char::from(separator),
            },
            header: self.sniffed.layout.headers > 0,
            encoding: encoding.to_owned(),
            warnings: notes.iter().map(Note::sentence).collect(),
            notes,
            titles: self
                .sniffed
                .layout
                .titles
                .iter()
                .take(8)
                .map(|(_, title)| title.chars().take(200).collect())
                .collect(),
            place: self.place,
            unpivoted: understood.unpivoted,
        };
        Ok(Table {
            profile,
            lines: understood.lines,
            columns: understood.columns,
            source,
            held: vec![held, room],
        })
    }

    /// Says which rows begin with `#`, as lines do that programs pass over, where most do not: whether they count is not known.
    fn struck_out(&self, understood: &Understood, source: &Source) -> Option<Note> {
        let (first, lines) = (understood.columns.first()?, &understood.lines);
        if first.typed != Typed::Text || understood.unpivoted.is_some() {
            return None;
        }
        let marked = |text: &str| text.starts_with('#');
        let rows = first
            .cells
            .rows_where(source.characters(), lines.len() / STRUCK + 1, marked);
        if rows.is_empty() || rows.len() * STRUCK > lines.len() {
            return None;
        }
        let at: Vec<u64> = rows.into_iter().filter_map(|row| lines.get(row)).collect();
        let (begins, as_rows) = match at.len() {
            1 => ("begins", "it is counted"),
            _ => ("begin", "they are counted"),
        };
        let told = format!(
            "{} {begins} with #, as remarks do, but with as many cells as a row, so {as_rows}",
            note::lines(&at, self.place)
        );
        Some(Note::new(NoteKind::NoTotal, told).at(&at))
    }

    fn splitting<'s>(&'s self, left_out: &'s BTreeSet<u64>) -> Splitting<'s> {
        Splitting {
            file: self.file,
            sniffed: self.sniffed,
            place: self.place,
            left_out,
            named: self.named,
            check: self.check,
        }
    }

    fn settle(&self, understood: &mut Understood, source: &Source) -> Result<(), Error> {
        let rows = understood.lines.len();
        let notes = &mut understood.notes;
        roles::settle(
            &mut understood.columns,
            rows,
            source.characters(),
            notes,
            self.check,
        )
    }

    /// Reads the table again with columns as rows. Where their cells do not go together, they stay columns.
    fn long(
        &self,
        plan: &wide::Plan,
        source: &mut Source,
        left_out: &BTreeSet<u64>,
        held: &Reserved,
        room: &mut Reserved,
    ) -> Result<Understood, Error> {
        let grid = Grid::split(&self.splitting(left_out), source, room)?;
        let grid = plan.apply(grid, source, room, self.check)?;
        let votes = self.votes(&grid, source)?;
        let mut long = self.understand(grid, votes, source, room)?;
        if long.spoilt.is_some() {
            drop(long);
            *room = held.beside();
            let mut wide = self.again(source, left_out, room)?;
            wide.told.clear();
            self.settle(&mut wide, source)?;
            return Ok(wide);
        }
        self.settle(&mut long, source)?;
        for column in &mut long.columns {
            column.profile.adds_up &= !plan.repeated.contains(&column.profile.name);
        }
        long.told = plan.notes();
        long.unpivoted = Some(plan.told.clone());
        Ok(long)
    }

    fn votes(&self, grid: &Grid, source: &Source) -> Result<Vec<Votes>, Error> {
        let columns = &grid.columns;
        let threads = together::threads(columns.len() * grid.lines.len());
        together::each(columns.len(), threads, self.check, |at, check| {
            check()?;
            let votes = columns.get(at);
            let votes = votes.map(|cells| Votes::of(cells, source.characters(), check));
            votes.unwrap_or_else(|| Ok(Votes::default()))
        })
    }

    /// Reads the table again without its remarks, and without those of the candidates that are totals.
    fn without(
        &self,
        source: &mut Source,
        remarks: &BTreeSet<u64>,
        candidates: BTreeSet<u64>,
        held: &Reserved,
        room: &mut Reserved,
    ) -> Result<(Understood, BTreeSet<u64>), Error> {
        let mut left_out: BTreeSet<u64> = remarks.union(&candidates).copied().collect();
        let mut understood = self.again(source, &left_out, room)?;
        let totals: Vec<grid::LeftOut> = std::mem::take(&mut understood.left_out);
        let (remarked, totals): (Vec<_>, Vec<_>) = totals
            .into_iter()
            .partition(|row| remarks.contains(&row.line));
        let mut beside = room.beside();
        let rows = understood.lines.len();
        let verdict = totals::verify(
            &totals,
            &understood.columns,
            rows,
            source.characters(),
            self.place,
            &mut beside,
            self.check,
        )?;
        if !verdict.data.is_empty() {
            left_out.retain(|line| !verdict.data.contains(line));
            drop(understood);
            *room = held.beside();
            understood = self.again(source, &left_out, room)?;
        }
        let remarked: Vec<(u64, &str)> = remarked
            .iter()
            .map(|row| (row.line, row.cells.first().map_or("", String::as_str)))
            .collect();
        grid::footnote(&remarked, self.place, &mut understood.told);
        understood.told.extend(verdict.notes);
        Ok((understood, left_out))
    }

    fn again(
        &self,
        source: &mut Source,
        left_out: &BTreeSet<u64>,
        room: &mut Reserved,
    ) -> Result<Understood, Error> {
        let grid = Grid::split(&self.splitting(left_out), source, room)?;
        let votes = self.votes(&grid, source)?;
        self.understand(grid, votes, source, room)
    }

    /// Decides what each column is.
    fn understand(
        &self,
        mut grid: Grid,
        mut votes: Vec<Votes>,
        source: &Source,
        room: &mut Reserved,
    ) -> Result<Understood, Error> {
        let (mut told, mut notes) = (Vec::new(), Vec::new());
        if let Some(note) = groups::fill_down(&mut grid, source.characters(), room)? {
            notes.push(note);
            votes = self.votes(&grid, source)?;
        }
        let nothing = BTreeSet::new();
        grid.notes(&self.splitting(&nothing), &mut told);
        let names = names::unique(std::mem::take(&mut grid.names), &mut told);
        let mut hints = Hints::of(&votes, self.sniffed.dialect.separator);
        // A town is a place too.
        hints.placed = votes.iter().zip(&names).any(|(votes, name)| {
            names::names_a_place(name) && votes.filled > 0 && votes.plain == votes.filled
        });
        let mut spoilt: Option<(BadCell, String)> = None;
        let mut columns = Vec::with_capacity(names.len());
        let inferred = {
            let (grid, source, hints, names) = (&grid, source.characters(), &hints, &names);
            let threads = together::threads(grid.columns.len() * grid.lines.len());
            let (place, room) = (self.place, &*room);
            together::each(grid.columns.len(), threads, self.check, |at, check| {
                let column = grid.columns.get(at).zip(votes.get(at));
                let Some((cells, votes)) = column else {
                    return Ok(None);
                };
                let name = names.get(at).map_or("", String::as_str);
                let mut notes: Vec<Note> = cells.marker_note(name).into_iter().collect();
                let asked = Asked {
                    name,
                    cells,
                    lines: &grid.lines,
                    place,
                    leading: at == 0 && names.len() > 1,
                    stated: grid.units.get(at).copied().flatten(),
                    source,
                    votes,
                    hints,
                    check,
                };
                let inferred = infer(&asked, &mut room.beside(), &mut notes)?;
                Ok(Some((inferred, notes)))
            })?
        };
        for ((cells, inferred), name) in grid.columns.into_iter().zip(inferred).zip(&names) {
            let Some((inferred, own)) = inferred else {
                continue;
            };
            notes.extend(own);
            match inferred {
                Inferred::Fits {
                    profile,
                    typed,
                    units,
                } => {
                    let cells = Arc::new(cells);
                    columns.push(Column {
                        profile,
                        typed,
                        cells: Arc::clone(&cells),
                    });
                    if let (Some(profile), Some(mark)) = (units, typed.mark()) {
                        columns.push(Column {
                            profile,
                            typed: Typed::Unit(mark),
                            cells,
                        });
                    }
                }
                Inferred::Spoilt(bad)
                    if spoilt.as_ref().is_none_or(|(first, _)| bad.row < first.row) =>
                {
                    spoilt = Some((bad, name.clone()));
                }
                Inferred::Spoilt(_) => {}
            }
        }
        Ok(Understood {
            columns,
            notes,
            spoilt,
            lines: grid.lines,
            left_out: grid.left_out,
            told,
            unpivoted: None,
        })
    }
}

#[cfg(test)]
mod tests;
