//! Whole tables, written in every usual way.

mod columns;
mod rows;
mod written;

use proptest::prelude::*;

use aios_work::{Stopped, Value};

use super::*;
use crate::ColumnKind;
use crate::note::NoteKind;
use aios_tools::Memory;
use aios_tools::WorkspaceError;

fn table(text: &str) -> Result<Table, Error> {
    bytes("t.csv", text.as_bytes())
}

fn bytes(file: &str, bytes: &[u8]) -> Result<Table, Error> {
    read_as(file, bytes.to_vec(), &|| Ok(()))
}

fn read_as(file: &str, bytes: Vec<u8>, check: Check<'_>) -> Result<Table, Error> {
    let mut held = Memory::of(u64::MAX).reserve(file, 0)?;
    let text = form::read(file, bytes, &mut held, check)?;
    read(file, text, held, check)
}

fn error(text: &str) -> String {
    table(text).unwrap_err().to_string()
}

/// The values of one column, row by row, as text.
fn values(table: &Table, name: &str) -> Vec<String> {
    let column = table
        .columns
        .iter()
        .find(|column| column.profile.name == name)
        .unwrap();
    let value = |row| {
        let text = column.cells.text(row, table.source.characters());
        match text.and_then(|text| column.typed.read(text)) {
            None => "NULL".to_owned(),
            Some(Read::Integer(number)) => number.to_string(),
            Some(Read::Real(number)) => number.to_string(),
            Some(Read::Text(text)) => text.into_owned(),
        }
    };
    (0..table.lines.len()).map(value).collect()
}

fn kinds(table: &Table) -> String {
    table
        .columns
        .iter()
        .map(|column| format!("{:?}", column.profile.kind))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Names and rows as text, one line each.
fn shown(table: &Table) -> String {
    let names: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.profile.name.as_str())
        .collect();
    let columns: Vec<Vec<String>> = names.iter().map(|name| values(table, name)).collect();
    let row = |row: usize| {
        columns
            .iter()
            .map(|column| column[row].clone())
            .collect::<Vec<_>>()
            .join("|")
    };
    let rows = (0..table.lines.len()).map(row);
    [names.join("|")]
        .into_iter()
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

fn told(table: &Table, kind: NoteKind) -> Vec<String> {
    let notes = table.profile.notes.iter().filter(|note| note.kind == kind);
    notes.map(Note::sentence).collect()
}

#[test]
fn a_column_of_any_number_format_is_read() {
    for (cells, expected, format, unit) in [
        ("1\n2\n-3", "1 2 -3", "1234", None),
        ("1.5\n2", "1.5 2", "1234.56", None),
        ("\"1,234.56\"\n\"7\"", "1234.56 7", "1,234.56", None),
        ("\"1.234,56\"\n\"7,5\"", "1234.56 7.5", "1.234,56", None),
        ("\"1 234,56\"\n\"7,5\"", "1234.56 7.5", "1 234,56", None),
        ("\"1'234.56\"\n7", "1234.56 7", "1'234.56", None),
        ("\"1,234\"\n\"5,678\"", "1234 5678", "1,234", None),
        ("$5.00\n$1", "5 1", "1234.56", Some("USD")),
        ("5 €\n6 €", "5 6", "1234", Some("EUR")),
        ("12.5%\n3%", "12.5 3", "1234.56", Some("%")),
        ("(12)\n3", "-12 3", "1234", None),
        ("1e3\n2.5e-1", "1000 0.25", "1234.56e0", None),
        ("5\nN/A\n-\n\"\"\n6", "5 NULL NULL NULL 6", "1234", None),
        ("5\n6\n7\npending", "5 6 7 NULL", "1234", None),
        ("1.5M\n20K\n3", "1500000 20000 3", "1234", None),
        (
            "\"1,23,456\"\n\"12,34,567\"",
            "123456 1234567",
            "1,234",
            None,
        ),
        ("1549.84-\n693.88", "-1549.84 693.88", "1234.56", None),
    ] {
        let rows: String = cells.lines().map(|cell| format!("x,{cell}\n")).collect();
        let table = table(&format!("name,amount\n{rows}")).unwrap();
        let profile = &table.profile.columns[1];
        assert_eq!(profile.kind, ColumnKind::Number, "{cells}");
        assert_eq!(values(&table, "amount").join(" "), expected);
        assert_eq!(
            (profile.number_format.as_deref(), profile.unit.as_deref()),
            (Some(format), unit),
            "{cells}"
        );
    }
}

#[test]
fn the_file_decides_where_a_column_is_ambiguous() {
    for (text, column, expected, assumed) in [
        ("a;b\n1,234;2,5\n5,678;3,5\n", "a", "1.234 5.678", true),
        ("a;b\n1,234;2.5\n5,678;3.5\n", "a", "1234 5678", true),
        ("a;b\n1.234;x\n5.678;y\n", "a", "1234 5678", true),
        ("a,b\n1.234,x\n5.678,y\n", "a", "1.234 5.678", true),
        ("a,b\n1.234,x\n5.67,y\n", "a", "1.234 5.67", false),
        (
            "d,b\n03/07/2025,x\n13/07/2025,y\n",
            "d",
            "2025-07-03 2025-07-13",
            false,
        ),
        (
            "d,b\n03/07/2025,x\n03/13/2025,y\n",
            "d",
            "2025-03-07 2025-03-13",
            false,
        ),
        (
            "d,b\n03/07/2025,x\n03/08/2025,y\n",
            "d",
            "2025-03-07 2025-03-08",
            true,
        ),
        (
            "d;b\n03/07/2025;x\n03/08/2025;y\n",
            "d",
            "2025-07-03 2025-08-03",
            true,
        ),
        (
            "d,b\n01/07/2025,x\n01/08/2025,y\n",
            "d",
            "2025-07-01 2025-08-01",
            true,
        ),
        (
            "d,b\n05/07/2025,x\n03/08/2025,y\n02/09/2025,z\n",
            "d",
            "2025-07-05 2025-08-03 2025-09-02",
            true,
        ),
        (
            "d,e\n03/07/2025,13/01/2025\n03/08/2025,14/01/2025\n",
            "d",
            "2025-07-03 2025-08-03",
            true,
        ),
        (
            "d,b\n03.07.2025,x\n03.08.2025,y\n",
            "d",
            "2025-07-03 2025-08-03",
            false,
        ),
    ] {
        let table = table(text).unwrap();
        assert_eq!(values(&table, column).join(" "), expected, "{text}");
        assert_eq!(
            table
                .profile
                .warnings
                .iter()
                .any(|warning| warning.contains("tells whether")),
            assumed,
            "{text}: {:?}",
            table.profile.warnings
        );
    }
}

#[test]
fn dates_become_iso_text_in_every_layout() {
    for (cells, expected, format) in [
        (
            "2025-07-03\n2025-07-04",
            "2025-07-03 2025-07-04",
            "YYYY-MM-DD",
        ),
        ("2025-07\n2025-08", "2025-07-01 2025-08-01", "YYYY-MM"),
        (
            "3 Jul 2025\n4 Aug 2025",
            "2025-07-03 2025-08-04",
            "D Mon YYYY",
        ),
        (
            "\"Jul 3, 2025\"\n\"Aug 4, 2025\"",
            "2025-07-03 2025-08-04",
            "Mon D, YYYY",
        ),
        (
            "July 2025\nAugust 2025",
            "2025-07-01 2025-08-01",
            "Mon YYYY",
        ),
        ("20250703\n20250804", "2025-07-03 2025-08-04", "YYYYMMDD"),
        ("2025-Q3\n2025-Q4", "2025-07-01 2025-10-01", "YYYY-Qn"),
        (
            "2025-07-03 00:00:00\n2025-07-04 00:00:00",
            "2025-07-03 2025-07-04",
            "YYYY-MM-DD",
        ),
        (
            "2025-07-03T14:30\n2025-07-04T00:00",
            "2025-07-03 14:30:00 2025-07-04 00:00:00",
            "YYYY-MM-DD HH:MM:SS",
        ),
    ] {
        let rows: String = cells.lines().map(|cell| format!("x,{cell}\n")).collect();
        let table = table(&format!("name,when\n{rows}")).unwrap();
        assert_eq!(values(&table, "when").join(" "), expected);
        assert_eq!(
            table.profile.columns[1].date_format.as_deref(),
            Some(format),
            "{cells}"
        );
    }
}

#[test]
fn kinds_follow_cells_and_names() {
    let many = |header: &str, row: &dyn Fn(usize) -> String| {
        let rows: String = (0..100).map(|at| row(at) + "\n").collect();
        kinds(&table(&format!("{header}\n{rows}")).unwrap())
    };
    assert_eq!(
        many("order_id,region,units", &|at| format!(
            "{at},{},{}",
            ["N", "S"][at % 2],
            at * 7 % 13
        )),
        "Id Category Number"
    );
    assert_eq!(
        many("code,note", &|at| format!(
            "A-{at},this is remark number {at} on whatever there was to say here"
        )),
        "Id Text"
    );
    assert_eq!(
        many("zip,store", &|at| format!("{:05},{}", at % 9, at % 4)),
        "Category Category"
    );
    assert_eq!(
        many("year,empty", &|at| format!("{},", 2000 + at % 20)),
        "Date Empty"
    );
    assert_eq!(
        many("InvoiceNo,x", &|at| format!(
            "{}{at},1",
            if at % 20 == 7 { "C" } else { "" }
        )),
        "Id Number"
    );
    assert_eq!(many(",x", &|at| format!("{at},{}", at % 3)), "Id Number");
}

#[test]
fn a_cell_that_does_not_fit_is_named_with_line_and_column() {
    let good: String = (1..=20)
        .map(|day| format!("2025-07-{day:02},{day}.5\n"))
        .collect();
    for (bad, says) in [
        (
            "2025-07-21,12x\n",
            "t.csv line 22, column revenue: \"12x\" is not a number (written 1234.56) like the others; correct the cell or leave it empty",
        ),
        (
            "2025-07-21,1O0\n",
            "t.csv line 22, column revenue: \"1O0\" is not",
        ),
        (
            "2025-07-32,5\n",
            "t.csv line 22, column date: \"2025-07-32\" is not a date written YYYY-MM-DD like the others",
        ),
        (
            "2025-07-21,5%\n",
            "t.csv line 22, column revenue: \"5%\" is not",
        ),
        (
            "2025-07-21,5,6\n",
            "t.csv line 22 has 3 cells, the header has 2; quote a cell",
        ),
        (
            "2025-07-21,\"5\n",
            "t.csv line 22, column revenue: the quote that opens here is never closed",
        ),
        (
            "2025-07-21,\"5\"6\n",
            "t.csv line 22, column revenue: the quote that opens here closes on line 22 before \"6\"",
        ),
    ] {
        let says_now = error(&format!("date,revenue\n{good}{bad}"));
        assert!(says_now.starts_with(says), "{says_now}");
    }
    let two = error(&format!(
        "date,revenue\n{good}\n2025-07-21,x1\n2025-07-22,y1\n"
    ));
    assert!(
        two.starts_with("t.csv line 23, column revenue: \"x1\"")
            && two.ends_with("(and 1 more cell like it)"),
        "{two}"
    );
}

#[test]
fn lines_are_counted_as_an_editor_shows_them() {
    let says = error("a,b\r\n\r\n\"x\ny\",1\r\nz,2\r\nw,3\r\nv,1q\r\n");
    assert!(says.starts_with("t.csv line 7, column b: \"1q\""), "{says}");
}

#[test]
fn a_line_of_separators_does_not_fill_the_memory() {
    let wide = ",".repeat(200_000);
    assert_eq!(
        error(&wide),
        "t.csv has 200001 columns, at most 1000 are read"
    );
    let says = error(&format!("a,b\n1,2\n{wide}x\n"));
    assert!(
        says.starts_with("t.csv line 3 has 200001 cells, the header has 2"),
        "{says}"
    );
}

#[test]
fn codes_and_years_among_numbers_are_no_mistakes() {
    let rows = |cell: &dyn Fn(usize) -> String| {
        (0..40)
            .map(|at| format!("{},x\n", cell(at)))
            .collect::<String>()
    };
    for (header, cell, kind) in [
        (
            "subject",
            &(|at: usize| {
                if at % 20 == 9 {
                    format!("{at}a")
                } else {
                    at.to_string()
                }
            }) as &dyn Fn(usize) -> String,
            "Id",
        ),
        (
            "Year",
            &|at| {
                if at == 7 {
                    "150".to_owned()
                } else {
                    (1900 + at).to_string()
                }
            },
            "Number",
        ),
        (
            "share",
            &|at| {
                if at % 3 == 0 {
                    "-Inf".to_owned()
                } else {
                    format!("{at}.5")
                }
            },
            "Category",
        ),
    ] {
        let table = table(&format!("{header},y\n{}", rows(cell))).unwrap();
        assert!(
            kinds(&table).starts_with(kind),
            "{header}: {}",
            kinds(&table)
        );
    }
}

#[test]
fn files_without_a_table_are_refused() {
    for (text, says) in [
        ("", "t.csv is empty: it has no header and no rows"),
        ("\n \n", "t.csv is empty: it has no header and no rows"),
        ("a,b\n", "t.csv has a header line but no rows of data"),
        ("a,b\n,\n", "t.csv has a header line but no rows of data"),
    ] {
        assert_eq!(error(text), says, "{text:?}");
    }
}

#[test]
fn oddities_are_read_and_told() {
    for (text, rows, told) in [
        (
            "a,a\n1,2\n3,4\n",
            2,
            "column 2 is called \"a\" like one before it; it is now called \"a_2\"",
        ),
        ("a,b,\n1,2,\n3,4\n", 2, ""),
        (
            "a,b\n1,2,,\n3,4\n",
            2,
            "rows that end in more separators than the header are cut to its width: 1",
        ),
        (
            "a,b\n1,2\n,\n3,4\n",
            2,
            "rows without any value are left out: 1",
        ),
        (
            "1,x\n3,y\n",
            2,
            "the first line looks like data, so the columns have no names of their own",
        ),
        (
            "a,b\n1,NA\n3,y\n",
            2,
            "column \"b\": counted as missing: 1 x \"NA\"",
        ),
        (
            "a,b\nx,1\ny,2\nTotal,3\n",
            2,
            "line 4 (\"Total\") adds up other rows and is left out",
        ),
        (
            "a,b\nx,1\ny,2\nz,q\nz,w\n",
            4,
            "column \"b\": 2 of 4 cells are numbers or dates, the others are not; read as text",
        ),
    ] {
        let table = table(text).unwrap();
        assert_eq!(table.profile.rows, rows, "{text:?}");
        assert_eq!(table.profile.warnings.join("\n"), told, "{text:?}");
    }
}

#[test]
fn a_profile_tells_counts_extremes_and_examples() {
    let table = table("region,units\nNorth,5\nSouth,\nNorth,-2\n").unwrap();
    let [region, units] = table.profile.columns.as_slice() else {
        panic!("two columns")
    };
    assert_eq!(
        (
            region.distinct,
            region.missing,
            region.examples.join(" ").as_str()
        ),
        (2, 0, "North South")
    );
    assert_eq!(
        (units.distinct, units.missing, &units.min, &units.max),
        (2, 1, &Some(Value::Integer(-2)), &Some(Value::Integer(5)))
    );
    assert_eq!(
        (units.decimals, units.quoted().as_str()),
        (Some(0), "\"units\"")
    );
}

#[test]
fn every_encoding_and_line_end_gives_the_same_table() {
    let text = "städte;umsatz\nKöln;1.234,50\nZürich;7,25\n";
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let windows: Vec<u8> = text.chars().map(|c| c as u8).collect();
    for bytes_of in [
        text.as_bytes().to_vec(),
        format!("\u{feff}{text}").into_bytes(),
        utf16,
        windows,
        text.replace('\n', "\r\n").into_bytes(),
        text.replace('\n', "\r").into_bytes(),
    ] {
        let table = bytes("t.csv", &bytes_of).unwrap();
        assert_eq!(values(&table, "umsatz"), ["1234.5", "7.25"]);
        assert_eq!(values(&table, "städte"), ["Köln", "Zürich"]);
    }
}

/// The same cells, once few enough for codes and once too many: whichever way a column is held, it is understood the same.
#[test]
fn a_column_whose_cells_repeat_is_read_as_one_whose_cells_differ() {
    for (rows, differ) in [
        (200, 200),
        (4_000, 4_000),
        (4_000, 7),
        (4_000, 300),
        (40_000, 700),
        (40_000, 20_000),
        (70_000, 70_000),
    ] {
        let cell = |row: usize| row * 37 % differ;
        let mut text = "amount,name,when\n".to_owned();
        for row in 0..rows {
            let at = cell(row);
            let (day, month) = (at % 28 + 1, at / 28 % 12 + 1);
            text.push_str(&format!(
                "{at}.5,n{at} x,{}-{month:02}-{day:02}\n",
                1900 + at / 336 % 200
            ));
        }
        let table = table(&text).unwrap();
        let [amount, name, when] = table.profile.columns.as_slice() else {
            panic!("three columns");
        };
        let case = format!("{rows} rows, {differ} different");
        assert_eq!(
            (amount.distinct, name.distinct),
            (differ as u64, differ as u64),
            "{case}"
        );
        assert_eq!(amount.max, Some(Value::Real(differ as f64 - 0.5)), "{case}");
        assert_eq!(
            (amount.kind, when.kind),
            (ColumnKind::Number, ColumnKind::Date),
            "{case}"
        );
        assert_eq!(amount.examples[0], "0.5", "{case}");
        let read = values(&table, "amount");
        assert!(
            (0..rows).all(|row| read[row] == format!("{}.5", cell(row))),
            "{case}"
        );
        assert_eq!(table.lines.get(rows - 1), Some(rows as u64 + 1), "{case}");
    }
}

#[test]
fn rows_and_lines_part_where_cells_hold_line_breaks() {
    let table = table("a,b\n1,x\n\n2,\"y\nz\"\n3,w\n4,\"q\n\n\"\n5,v\n").unwrap();
    let lines: Vec<u64> = (0..5).map(|row| table.lines.get(row).unwrap()).collect();
    assert_eq!(lines, [2, 4, 6, 7, 10]);
    assert_eq!(table.lines.get(5), None);
    assert_eq!(values(&table, "b")[1], "y\nz");
}

#[test]
fn unquoted_cells_stand_behind_the_text() {
    let table = table("a,b\n1,\"say \"\"x\"\"\"\n2,plain\n3,\"\"\"y\"\"\"\n").unwrap();
    assert_eq!(values(&table, "b"), ["say \"x\"", "plain", "\"y\""]);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(content in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = bytes("t.csv", &content);
    }

    #[test]
    fn no_table_like_text_makes_the_reader_panic(text in "([0-9a-z.,;:/\"'|\t %$\u{20ac}\u{e9}-]{0,12}[,;\n\r]){0,40}") {
        if let Ok(table) = table(&text) {
            for column in &table.columns {
                let cells = || (0..table.lines.len()).filter_map(|row| column.cells.text(row, table.source.characters()));
                // Words among numbers have no value; all else reads as the column does.
                let valued = cells().filter(|text| column.typed.read(text).is_some()).count();
                prop_assert_eq!(valued as u64 + column.profile.missing, table.profile.rows);
                let unit = matches!(column.typed, Typed::Unit(_));
                prop_assert!(cells().all(|text| unit || column.typed.read(text).is_some() || column::is_word(text)));
            }
        }
    }

    #[test]
    fn cancelling_stops_the_reader(rows in 1..50_usize) {
        let text = "a,b\n".to_owned() + &"1,2\n".repeat(rows);
        let stopped = read_as("t.csv", text.into_bytes(), &|| Err(Stopped::Cancelled));
        prop_assert!(matches!(stopped, Err(Error::Workspace(WorkspaceError::Stopped(Stopped::Cancelled)))));
    }
}
