//! Workbooks: the first sheet that holds a table, cell by cell. What a sheet says of its size is not believed.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aios_tools::{Reserved, WorkspaceError};
use calamine::{DataRef, ExcelDateTime, Reader, SheetType, SheetVisible, Xlsx};

use super::{Cells, Source, Text, Writer, archive};
use crate::note::{Note, NoteKind, Place};

/// Characters of a cell, as Excel has them.
const CELL: usize = 32_767;
/// Columns of a sheet that are read; a table has fewer.
const COLUMNS: u32 = 1_000;
/// Blank rows between two rows that are kept as lines, so that lines are rows of the sheet.
const GAP: u32 = 100_000;
/// Cells read between two looks at the clock.
const CHECK_EVERY: usize = 4_096;

pub(super) fn read(
    source: &Source<'_>,
    bytes: Vec<u8>,
    held: &mut Reserved,
) -> Result<Text, WorkspaceError> {
    archive::measure(source, &bytes, held)?;
    let mut beside = held.beside();
    // A reader of others' bytes may fall over them; that is the file's fault and ends here.
    let done = catch_unwind(AssertUnwindSafe(|| sheets(source, bytes, &mut beside)));
    let text = done.unwrap_or_else(|_| Err(unreadable(source, &"its reader fell over it")))?;
    // The archive and its strings are gone; the text stays.
    held.shrink(held.bytes());
    let taken = beside.bytes();
    drop(beside);
    held.grow(taken)?;
    Ok(text)
}

fn unreadable(source: &Source<'_>, error: &dyn std::fmt::Display) -> WorkspaceError {
    source.refuse(format!(
        "is no workbook that can be read ({error}); save it as .xlsx or .csv"
    ))
}

fn sheets(
    source: &Source<'_>,
    bytes: Vec<u8>,
    held: &mut Reserved,
) -> Result<Text, WorkspaceError> {
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(source, &error))?;
    let sheets: Vec<_> = book.sheets_metadata().to_vec();
    let (mut found, mut others, mut hidden) = (None, Vec::new(), Vec::new());
    let twice = sheets
        .iter()
        .map(|sheet| (2, sheet))
        .chain(sheets.iter().map(|sheet| (1, sheet)));
    for (least, sheet) in twice {
        let sheet = sheet.clone();
        if found.is_some() && least == 1 {
            break;
        }
        if sheet.typ != SheetType::WorkSheet {
            continue;
        }
        if sheet.visible != SheetVisible::Visible {
            if least == 2 {
                hidden.push(sheet.name);
            }
            continue;
        }
        if found.is_some() {
            others.push(sheet.name);
            continue;
        }
        let mut sheet_held = held.beside();
        let table = table(source, &mut book, &sheet.name, least, &mut sheet_held)?;
        match table {
            Some(text) => {
                held.grow(sheet_held.bytes())?;
                others.retain(|other| *other != sheet.name);
                found = Some((sheet.name, text));
            }
            None if least == 2 => others.push(sheet.name),
            None => {}
        }
    }
    let Some((name, text)) = found else {
        return Err(source.refuse("is a workbook without a visible sheet that holds a table"));
    };
    let mut notes = Vec::new();
    if !others.is_empty() || !hidden.is_empty() {
        let told = |names: &[String]| {
            let quoted: Vec<String> = names
                .iter()
                .take(8)
                .map(|name| format!("{name:?}"))
                .collect();
            quoted.join(", ")
        };
        let mut text = format!("the sheet {name:?} is read");
        if !others.is_empty() {
            text.push_str(&format!("; not read: {}", told(&others)));
        }
        if !hidden.is_empty() {
            text.push_str(&format!("; hidden: {}", told(&hidden)));
        }
        notes.push(Note::new(NoteKind::Form, text));
    }
    Ok(Text {
        text,
        encoding: "UTF-8".to_owned(),
        cells: Cells::Apart,
        place: Place::Row,
        notes,
    })
}

/// A sheet as a text, if at least two of its rows have a value.
fn table(
    source: &Source<'_>,
    book: &mut Xlsx<Cursor<Vec<u8>>>,
    sheet: &str,
    least: usize,
    held: &mut Reserved,
) -> Result<Option<String>, WorkspaceError> {
    let width = width(source, book, sheet)?;
    // One column of text is a cover or a remark; a list of one column is read where there is no other sheet.
    if width < least {
        return Ok(None);
    }
    let mut reader = book
        .worksheet_cells_reader(sheet)
        .map_err(|error| unreadable(source, &error))?;
    let mut out = Writer::new(held);
    let mut row: Vec<String> = vec![String::new(); width];
    let (mut open, mut rows, mut at) = (0_u32, 0_usize, 0_usize);
    loop {
        at += 1;
        if at.is_multiple_of(CHECK_EVERY) {
            (source.check)()?;
        }
        let cell = reader
            .next_cell()
            .map_err(|error| unreadable(source, &error))?;
        let next = cell.as_ref().map(|cell| cell.get_position());
        if next.is_none_or(|(next, _)| next != open) && row.iter().any(|cell| !cell.is_empty()) {
            for (at, cell) in row.iter_mut().enumerate() {
                if at > 0 {
                    out.next()?;
                }
                out.cell(cell)?;
                cell.clear();
            }
            rows += 1;
        }
        let (Some((next, column)), Some(cell)) = (next, cell) else {
            break;
        };
        if next > open {
            if next - open > GAP {
                return Err(source.refuse(format!("has more than {GAP} blank rows between two rows of the sheet {sheet:?}; remove them")));
            }
            for _ in open..next {
                out.end()?;
            }
            open = next;
        } else if next < open {
            return Err(source.refuse("is a workbook whose rows are not in order; save it anew"));
        }
        let shown = shown(cell.get_value());
        if let Some(place) = row.get_mut(column as usize) {
            *place = shown;
        }
    }
    out.end()?;
    Ok((rows > 1).then_some(out.text))
}

/// How many columns a sheet has.
fn width(
    source: &Source<'_>,
    book: &mut Xlsx<Cursor<Vec<u8>>>,
    sheet: &str,
) -> Result<usize, WorkspaceError> {
    let mut reader = book
        .worksheet_cells_reader(sheet)
        .map_err(|error| unreadable(source, &error))?;
    let (mut width, mut at) = (0, 0_usize);
    loop {
        at += 1;
        if at.is_multiple_of(CHECK_EVERY) {
            (source.check)()?;
        }
        let cell = reader
            .next_cell()
            .map_err(|error| unreadable(source, &error))?;
        let Some(cell) = cell else { break };
        if !matches!(cell.get_value(), DataRef::Empty) {
            width = width.max(cell.get_position().1 + 1);
        }
        if width > COLUMNS {
            return Err(source.refuse(format!(
                "has more than {COLUMNS} columns in the sheet {sheet:?}; at most {COLUMNS} are read"
            )));
        }
    }
    Ok(width as usize)
}

fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => float(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.chars().take(CELL).collect()
        }
        DataRef::SharedString(text) => text.chars().take(CELL).collect(),
        DataRef::Bool(true) => "TRUE".to_owned(),
        DataRef::Bool(false) => "FALSE".to_owned(),
        DataRef::DateTime(time) => moment(time),
        DataRef::Error(error) => error.to_string(),
    }
}

/// A number as the sheet shows it: Excel keeps fifteen digits, and what the double has beyond is none of its own.
fn float(number: f64) -> String {
    let short = format!("{number:.14e}");
    let rounded: f64 = short.parse().unwrap_or(number);
    if rounded.abs() < 1e15 && (rounded == 0.0 || rounded.abs() >= 1e-7) {
        rounded.to_string()
    } else {
        format!("{rounded:e}").replace('e', if rounded.abs() >= 1.0 { "e+" } else { "e" })
    }
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
