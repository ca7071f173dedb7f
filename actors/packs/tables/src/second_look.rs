//! A table for whoever judges an answer about it: its typed cells, and no statement that a planner could have written.

use aios_tools::Memory;
use aios_work::{Cells, Column as Judged, Columns, Material, Reader};

use crate::ColumnKind;
use crate::form;
use crate::table::{self, Column, Read, Table};

/// How a file ends that is a table or nothing.
const TABLES: [&str; 3] = [".csv", ".tsv", ".tab"];
/// Rows from which a file of another form is a table: an object with fields is a document.
const ROWS: usize = 2;
/// A table may hold so many times the bytes of its file, and so much beside.
const TIMES: u64 = 8;
const BESIDE: u64 = 16 << 20;

/// Reads tables for a second look.
#[derive(Debug, Clone, Copy, Default)]
pub struct TableReader;

impl Reader for TableReader {
    fn read(&self, name: &str, bytes: &[u8]) -> Option<Result<Material, String>> {
        let lower = name.to_lowercase();
        if TABLES.iter().any(|ending| lower.ends_with(ending)) {
            return Some(columns(name, bytes).map(Material::Table));
        }
        // JSON and workbooks hold tables or texts; what is none for a table is left to who reads the others.
        if !form::accepts(name, bytes) || (lower.ends_with(".json") && !has_rows(bytes)) {
            return None;
        }
        let table = columns(name, bytes).ok()?;
        (table.rows >= ROWS && !table.columns.is_empty()).then_some(Ok(Material::Table(table)))
    }
}

/// Whether JSON holds a list of objects or of lists anywhere.
fn has_rows(bytes: &[u8]) -> bool {
    let mut open = false;
    bytes
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace())
        .any(|byte| {
            let row = open && matches!(byte, b'{' | b'[');
            open = *byte == b'[';
            row
        })
}

fn columns(name: &str, bytes: &[u8]) -> Result<Columns, String> {
    let length = bytes.len() as u64;
    let memory = Memory::of(length.saturating_mul(TIMES).saturating_add(BESIDE));
    let mut held = memory
        .reserve(name, length)
        .map_err(|error| error.to_string())?;
    let text = form::read(name, bytes.to_vec(), &mut held, &|| Ok(()))
        .map_err(|error| error.to_string())?;
    let table = table::read(name, text, held, &|| Ok(())).map_err(|error| error.to_string())?;
    let columns = table.columns.iter().map(|column| judged(column, &table));
    Ok(Columns {
        name: name.to_owned(),
        rows: table.lines.len(),
        columns: columns.collect(),
    })
}

fn judged(column: &Column, table: &Table) -> Judged {
    let rows = 0..table.lines.len();
    let source = table.source.characters();
    let read = |row: usize| column.read(row, source);
    let number = |row: usize| match read(row)? {
        Read::Integer(number) => Some(number as f64),
        Read::Real(number) => Some(number),
        Read::Text(_) => None,
    };
    let written = |row: usize| match read(row)? {
        Read::Text(text) => Some(text.into_owned()),
        Read::Integer(number) => Some(number.to_string()),
        Read::Real(number) => Some(number.to_string()),
    };
    let cells = match column.profile.kind {
        ColumnKind::Number => Cells::Numbers(rows.map(number).collect()),
        ColumnKind::Date => Cells::Dates(rows.map(written).collect()),
        _ => Cells::Texts(rows.map(written).collect()),
    };
    Judged {
        name: column.profile.name.clone(),
        unit: column.profile.unit.clone(),
        cells,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_its_country_writes_it_and_anything_else_is_left_to_others() {
        let bytes = "Datum;Filiale;Umsatz EUR\n03.03.2025;Jena;1.606,06\n20.01.2025;Fulda;\n";
        let read = TableReader
            .read("q1.csv", bytes.as_bytes())
            .unwrap()
            .unwrap();
        let Material::Table(table) = read else {
            panic!("a document")
        };
        assert_eq!((table.rows, table.columns.len()), (2, 3));
        let cells: Vec<&Cells> = table.columns.iter().map(|column| &column.cells).collect();
        let dates = ["2025-03-03", "2025-01-20"].map(|day| Some(day.to_owned()));
        assert_eq!(cells[0], &Cells::Dates(dates.to_vec()));
        assert_eq!(cells[2], &Cells::Numbers(vec![Some(1606.06), None]));
        let rows = br#"[{"town": "Jena", "units": 5}, {"town": "Fulda", "units": 7}]"#;
        let Material::Table(table) = TableReader.read("units.json", rows).unwrap().unwrap() else {
            panic!("a document")
        };
        assert_eq!((table.rows, table.columns.len()), (2, 2));
        assert_eq!(
            table.columns[1].cells,
            Cells::Numbers(vec![Some(5.0), Some(7.0)])
        );
        let terms = br#"{"term": "12 months", "notice": "in writing"}"#;
        assert!(TableReader.read("terms.json", terms).is_none());
        assert!(TableReader.read("broken.json", b"{\"a\": ").is_none());
        assert!(TableReader.read("notes.md", b"a,b\n1,2\n").is_none());
        assert!(TableReader.read("x.csv", b"%PDF-1.7").unwrap().is_err());
    }
}
