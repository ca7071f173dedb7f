//! A sheet about one thing: each line is a property and its value. It is read as a table of one row, whose columns are the properties, because a
//! sum or a count over lines of different kinds would mean nothing.

use std::collections::BTreeSet;

use aios_languages::{Hint, all_asks, fold, folded, hints};
use aios_tools::Reserved;

use super::{Cells, Source, Text, Writer};
use crate::Error;
use crate::note::{Note, NoteKind};
use crate::table;

/// Lines of such a sheet.
const LINES: usize = 80;
/// Fewer say nothing of what they are.
const FEWEST: usize = 3;
/// Letters of a unit in brackets.
const UNIT: usize = 16;
/// Bytes of such a sheet.
const BYTES: usize = 16 << 10;

pub(super) fn read(source: &Source<'_>, plain: Text, held: &mut Reserved) -> Result<Text, Error> {
    if plain.text.len() > BYTES {
        return Ok(plain);
    }
    let mut beside = held.beside();
    // What is no table at all is told by who reads it as one.
    let Ok(records) = table::records(source.file, &plain, &mut beside) else {
        return Ok(plain);
    };
    let Some(properties) = properties(&records) else {
        return Ok(plain);
    };
    let mut writer = Writer::new(&mut beside);
    let (names, values): (Vec<&str>, Vec<&str>) = properties.into_iter().unzip();
    for record in [names, values] {
        for (at, cell) in record.into_iter().enumerate() {
            if at > 0 {
                writer.next()?;
            }
            writer.cell(cell)?;
        }
        writer.end()?;
    }
    let text = writer.text;
    held.grow(beside.bytes())?;
    let mut notes = plain.notes;
    notes.push(Note::new(
        NoteKind::Form,
        "each line holds a property of one thing and its value; the properties are read as columns of one row",
    ));
    Ok(Text {
        text,
        cells: Cells::Named,
        notes,
        encoding: plain.encoding,
        place: plain.place,
    })
}

/// The properties with their values, if the records are such a sheet.
fn properties(records: &[(u64, Vec<String>)]) -> Option<Vec<(&str, &str)>> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for (_, cells) in records {
        let mut filled = cells.iter().rposition(|cell| !cell.trim().is_empty())?;
        filled += 1;
        if filled > 2 {
            return None;
        }
        let cell = |at: usize| cells.get(at).map_or("", |cell| cell.trim());
        pairs.push((cell(0), cell(1)));
    }
    let (first, rest) = pairs.split_first()?;
    let said = |hint: Hint, heading: &str| hints(hint, &fold(heading));
    let headed = said(Hint::Property, first.0) && said(Hint::Valued, first.1);
    let all = if headed { rest } else { pairs.as_slice() };
    let names: BTreeSet<String> = all.iter().map(|(name, _)| fold(name)).collect();
    if all.len() < FEWEST
        || all.len() > LINES
        || names.len() < all.len()
        || all
            .iter()
            .any(|(name, _)| name.is_empty() || is_figure(name))
    {
        return None;
    }
    // Figures of one kind each may be a list of things.
    let figures = all.iter().filter(|(_, value)| is_figure(value)).count();
    let mixed = figures > 0 && figures < all.len();
    let measured = all.iter().filter(|(name, _)| is_measured(name)).count();
    let kinds = mixed && measured >= 2 && measured * 2 >= all.len();
    // `name,amount` over figures alone names two columns.
    let heads = is_measured(first.1) && rest.iter().all(|(_, value)| is_figure(value));
    let titled = said(Hint::Titling, first.0) && !is_figure(first.1) && !heads;
    (headed && (mixed || measured * 2 >= all.len()) || !headed && titled && kinds)
        .then(|| all.to_vec())
}

/// Whether a cell begins with a figure.
fn is_figure(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '€' | '$' | '£'))
        && cell.contains(|c: char| c.is_ascii_digit())
}

/// Whether a name says what is measured: with its unit in brackets, or a thing that columns are often about.
fn is_measured(name: &str) -> bool {
    // `[click](javascript:alert(1))` is a name with brackets, and no unit.
    let unit = name
        .strip_suffix([')', ']'])
        .and_then(|rest| rest.rsplit_once(['(', '[']))
        .is_some_and(|(before, unit)| {
            before.ends_with(char::is_whitespace) && unit.chars().count() <= UNIT
        });
    let words = folded(name);
    unit || all_asks()
        .iter()
        .any(|asks| !asks.concepts(&words).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<(u64, Vec<String>)> {
        let lines = text.lines().zip(1..);
        lines
            .map(|(line, at)| (at, line.split(';').map(str::to_owned).collect()))
            .collect()
    }

    #[test]
    fn a_sheet_about_one_thing_is_told_from_a_list_of_things() {
        for (text, expected) in [
            (
                "Property;Value\nName;Eagle hut\nBeds;48\nWarden;Lena",
                Some(3),
            ),
            (
                "Eigenschaft;Wert\nName;Seestern\nKojen;5\nHafen;Kiel",
                Some(3),
            ),
            (
                "Name;Seestern\nLength (m);9.8\nPower (kW);14\nHome port;Kiel",
                Some(4),
            ),
            // Lists of people, prices and measures by place.
            ("Name;City\nAnn;Berlin\nBob;Rome\nCid;Oslo", None),
            ("Name;Age\nAnn;34\nBob;unknown\nCid;51", None),
            (
                "Name;Amount\n[a](x:b(1));14\nhttp://e.example/x;6\nAnn;22",
                None,
            ),
            ("Item;Value\nChair;20\nTable;80\nLamp;15", None),
            (
                "Property;Value\nNorth lodge;120\nSouth lodge;140\nMill;90",
                None,
            ),
            ("Property;Value\nBeds;48\nBeds;50\nName;x", None),
            ("Name;Town;Age\nAnn;Rome;3", None),
        ] {
            let records = records(text);
            let found = properties(&records).map(|all| all.len());
            assert_eq!(found, expected, "{text}");
        }
    }
}
