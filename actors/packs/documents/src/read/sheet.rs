//! Workbooks: XLSX and ODS, cell by cell. What a sheet says of its size is not believed; only cells that are there are held.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aios_tools::WorkspaceError;
use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx};
use quick_xml::events::{BytesStart, Event};

use super::Source;
use super::archive::{self, Workbook};
use super::csv::names;
use crate::document::{Builder, Document};
use crate::place::{Mark, Place};

/// Characters of a cell, as Excel has them.
const CELL: usize = 32_767;
/// What a cell takes beside its text until its row ends.
const HELD_OF_CELL: u64 = 64;

pub(super) fn read(
    source: &Source<'_>,
    bytes: Vec<u8>,
    kind: Workbook,
    mut out: Builder,
) -> Result<Document, WorkspaceError> {
    archive::measure(source, &bytes, &mut out)?;
    // A reader of others' bytes may fall over them; that is the file's fault and ends here.
    let done = catch_unwind(AssertUnwindSafe(|| match kind {
        Workbook::Xlsx => xlsx(source, bytes, &mut out),
        Workbook::Ods => ods(source, &bytes, &mut out),
    }));
    done.unwrap_or_else(|_| Err(source.refuse("is a workbook that cannot be read")))?;
    let document = out.finish()?;
    if document.blocks().is_empty() && document.unread.count == 0 {
        return Err(source.refuse("has no cells that its reader sees"));
    }
    Ok(document)
}

fn xlsx(source: &Source<'_>, bytes: Vec<u8>, out: &mut Builder) -> Result<(), WorkspaceError> {
    let mut book = Xlsx::new(Cursor::new(bytes))
        .map_err(|error| source.refuse(format!("is a workbook that cannot be read: {error}")))?;
    let sheets: Vec<_> = book.sheets_metadata().to_vec();
    for sheet in sheets {
        let place = Place {
            file: source.file.to_owned(),
            sheet: Some(sheet.name.clone()),
            ..Place::default()
        };
        if sheet.visible != SheetVisible::Visible {
            out.hidden(place, "a hidden sheet");
            continue;
        }
        if sheet.typ != SheetType::WorkSheet {
            out.unread(place, "the sheet has no cells");
            continue;
        }
        out.section(1, &sheet.name, Mark::Sheet)?;
        out.no_header();
        let told = cells(source, &mut book, &sheet.name, out)?;
        if let Err(problem) = told {
            out.unread(place, &problem);
        }
    }
    Ok(())
}

/// The cells of a sheet as rows. What the file is to blame for is told and not an error: the other sheets are read.
fn cells(
    source: &Source<'_>,
    book: &mut Xlsx<Cursor<Vec<u8>>>,
    sheet: &str,
    out: &mut Builder,
) -> Result<Result<(), String>, WorkspaceError> {
    let mut rows = Rows::default();
    let cut =
        |error: &dyn std::fmt::Display| format!("the rest of the sheet cannot be read: {error}");
    let mut reader = match book.worksheet_cells_reader(sheet) {
        Ok(reader) => reader,
        Err(error) => return Ok(Err(format!("the sheet cannot be read: {error}"))),
    };
    let mut at = 0;
    loop {
        source.go_on(at)?;
        at += 1;
        let cell = match reader.next_cell() {
            Ok(Some(cell)) => cell,
            Ok(None) => break,
            Err(error) => {
                rows.end(out)?;
                return Ok(Err(cut(&error)));
            }
        };
        let (row, column) = cell.get_position();
        let shown = match cell.get_value() {
            DataRef::Empty => continue,
            DataRef::Int(number) => number.to_string(),
            DataRef::Float(number) => number.to_string(),
            DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                text.chars().take(CELL).collect()
            }
            DataRef::SharedString(text) => text.chars().take(CELL).collect(),
            DataRef::Bool(true) => "TRUE".to_owned(),
            DataRef::Bool(false) => "FALSE".to_owned(),
            DataRef::DateTime(time) => moment(time),
            DataRef::Error(error) => error.to_string(),
        };
        rows.cell(row, column, shown, out)?;
    }
    rows.end(out)?;
    Ok(Ok(()))
}

/// A day, or a day and a time, as ISO 8601 has it.
fn moment(time: &ExcelDateTime) -> String {
    if time.is_duration() {
        let seconds = (time.as_f64() * 86_400.0).round();
        let (hours, rest) = ((seconds / 3_600.0).trunc(), (seconds % 3_600.0).abs());
        return format!("{hours}:{:02}:{:02}", (rest / 60.0).trunc(), rest % 60.0);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    match (time.as_f64() < 1.0, (hour, minute, second)) {
        (true, _) => format!("{hour:02}:{minute:02}:{second:02}"),
        (_, (0, 0, 0)) => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
    }
}

/// Cells on their way into rows.
#[derive(Default)]
struct Rows {
    row: Option<u32>,
    cells: Vec<(u32, String)>,
    /// What is set aside for these cells: many may share one text of the file.
    held: u64,
    told: usize,
}

impl Rows {
    fn cell(
        &mut self,
        row: u32,
        column: u32,
        shown: String,
        out: &mut Builder,
    ) -> Result<(), WorkspaceError> {
        if self.row != Some(row) {
            self.end(out)?;
            self.row = Some(row);
        }
        let room = shown.len() as u64 + HELD_OF_CELL;
        out.held().grow(room)?;
        self.held += room;
        self.cells.push((column, shown));
        Ok(())
    }

    fn end(&mut self, out: &mut Builder) -> Result<(), WorkspaceError> {
        let Some(row) = self.row.take() else {
            return Ok(());
        };
        self.cells.sort_by_key(|(column, _)| *column);
        let cells = || {
            self.cells
                .iter()
                .map(|(column, cell)| (*column, cell.as_str()))
        };
        out.row(row.saturating_add(1), cells())?;
        // Titles of one cell may stand above the names of the columns.
        let named = self.cells.len() > 1 && names(cells().map(|(_, cell)| cell));
        if self.told == 0 && named {
            out.is_header();
        }
        if self.cells.len() > 1 {
            self.told += 1;
        }
        self.cells.clear();
        out.held().shrink(std::mem::take(&mut self.held));
        Ok(())
    }
}

/// OpenDocument: the cells' own text, as it is shown. Repeated cells are held once: a repetition is a claim.
fn ods(source: &Source<'_>, bytes: &[u8], out: &mut Builder) -> Result<(), WorkspaceError> {
    let damaged = |error: &dyn std::fmt::Display| {
        source.refuse(format!("is a workbook that cannot be read: {error}"))
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    let content = archive
        .by_name("content.xml")
        .map_err(|error| damaged(&error))?;
    let mut reader = quick_xml::Reader::from_reader(std::io::BufReader::new(content));
    reader.config_mut().check_end_names = false;
    let mut reading = Ods::default();
    let mut buffer = Vec::new();
    let mut at = 0;
    loop {
        source.go_on(at)?;
        at += 1;
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break,
            Ok(event) => reading.take(source, event, out)?,
            Err(error) => {
                let place = out.here(reading.row.saturating_add(1));
                out.unread(place, &format!("the rest cannot be read: {error}"));
                break;
            }
        }
    }
    reading.rows.end(out)
}

#[derive(Default)]
struct Ods {
    rows: Rows,
    row: u32,
    column: u32,
    /// How often the open row and cell are repeated.
    repeats: [u32; 2],
    cell: Option<String>,
    /// Depth of what is not shown: notes, and hidden rows.
    unseen: u32,
}

impl Ods {
    fn take(
        &mut self,
        source: &Source<'_>,
        event: Event<'_>,
        out: &mut Builder,
    ) -> Result<(), WorkspaceError> {
        match event {
            Event::Start(tag) => self.start(source, &tag, out),
            Event::Empty(tag) => {
                self.start(source, &tag, out)?;
                self.end(tag.local_name().as_ref(), out)
            }
            Event::End(tag) => self.end(tag.local_name().as_ref(), out),
            Event::Text(text) => {
                if let Some(cell) = self.cell.as_mut().filter(|cell| cell.len() < CELL) {
                    cell.push_str(&text);
                }
                Ok(())
            }
            Event::GeneralRef(name) => {
                if let Some(cell) = self.cell.as_mut().filter(|cell| cell.len() < CELL) {
                    let name: &str = &name;
                    let number =
                        name.strip_prefix('#')
                            .and_then(|number| match number.strip_prefix('x') {
                                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                                None => number.parse().ok(),
                            });
                    let sign = number.and_then(char::from_u32).or(match name {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => None,
                    });
                    cell.extend(sign);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn start(
        &mut self,
        source: &Source<'_>,
        tag: &BytesStart<'_>,
        out: &mut Builder,
    ) -> Result<(), WorkspaceError> {
        let value = |wanted: &str| {
            let found = tag.attributes().flatten();
            let found = found
                .into_iter()
                .find(|one| one.key.local_name().as_ref() == wanted);
            found.map(|one| one.value.to_string())
        };
        let repeats = |name: &str| {
            value(name)
                .and_then(|count| count.parse().ok())
                .unwrap_or(1)
        };
        match tag.local_name().as_ref() {
            "table" => {
                let name = value("name").unwrap_or_default();
                self.rows.end(out)?;
                (self.row, self.rows.told) = (0, 0);
                out.section(1, &name, Mark::Sheet)?;
                out.no_header();
                let _ = source;
            }
            "table-row" => {
                self.column = 0;
                self.repeats[0] = repeats("number-rows-repeated");
                if self.unseen > 0 || value("visibility").is_some_and(|value| value != "visible") {
                    if self.unseen == 0 {
                        let place = out.here(self.row.saturating_add(1));
                        out.hidden(place, "a hidden row");
                    }
                    self.unseen += 1;
                }
            }
            "table-cell" | "covered-table-cell" => {
                self.repeats[1] = repeats("number-columns-repeated");
                self.cell = (self.unseen == 0).then(String::new);
            }
            "annotation" => {
                let place = out.here(self.row.saturating_add(1));
                out.hidden(place, "a comment");
                self.unseen += 1;
                self.cell = None;
            }
            "p" | "s" | "line-break" => {
                if let Some(cell) = self.cell.as_mut().filter(|cell| !cell.is_empty()) {
                    cell.push(' ');
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, name: &str, out: &mut Builder) -> Result<(), WorkspaceError> {
        match name {
            "table-row" => {
                self.rows.end(out)?;
                self.row = self.row.saturating_add(self.repeats[0]);
                self.unseen = self.unseen.saturating_sub(1);
            }
            "table-cell" | "covered-table-cell" => {
                if let Some(cell) = self.cell.take().filter(|cell| !cell.trim().is_empty()) {
                    self.rows.cell(self.row, self.column, cell, out)?;
                }
                self.column = self.column.saturating_add(self.repeats[1]);
            }
            "annotation" => {
                self.unseen = self.unseen.saturating_sub(1);
                self.cell = (self.unseen == 0).then(String::new);
            }
            "table" => self.rows.end(out)?,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aios_tools::Memory;

    use super::*;
    use crate::document::Format;

    #[test]
    fn cells_of_a_row_are_set_aside_one_by_one() {
        let text = "x".repeat(CELL);
        let memory = Memory::of(1 << 20);
        let held = memory.reserve("b.xlsx", 0).unwrap();
        let mut out = Builder::new("b.xlsx", Format::Sheet, 1 << 30, held);
        let mut rows = Rows::default();
        let taken = (0..16_384).find(|at| rows.cell(0, *at, text.clone(), &mut out).is_err());
        assert_eq!(taken, Some((1 << 20) / (CELL as u32 + 64)));
        assert_eq!(rows.cells.len(), 31);

        // What a row held is given back with it.
        let memory = Memory::of(1 << 20);
        let held = memory.reserve("b.xlsx", 0).unwrap();
        let mut out = Builder::new("b.xlsx", Format::Sheet, 1 << 30, held);
        let mut rows = Rows::default();
        for row in 0..1_000 {
            for column in 0..16 {
                let cell = "four".to_owned();
                rows.cell(row, column, cell, &mut out).unwrap();
            }
        }
        rows.end(&mut out).unwrap();
        assert_eq!(rows.held, 0);
    }
}
