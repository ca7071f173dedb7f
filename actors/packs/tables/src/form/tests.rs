//! The forms that tables come in, read to the end.

use std::io::Write;

use aios_tools::Memory;
use zip::write::SimpleFileOptions;

use crate::note::{NoteKind, Place};
use crate::table::{self, Read, Table};

fn read(file: &str, bytes: &[u8]) -> Result<Table, String> {
    let check = || Ok(());
    let mut held = Memory::of(64 << 20)
        .reserve(file, bytes.len() as u64)
        .unwrap();
    let text =
        super::read(file, bytes.to_vec(), &mut held, &check).map_err(|error| error.to_string())?;
    table::read(file, text, held, &check).map_err(|error| error.to_string())
}

/// Names and rows as text, one line each.
fn shown(table: &Table) -> String {
    let names: Vec<&str> = table
        .columns
        .iter()
        .map(|column| column.profile.name.as_str())
        .collect();
    let mut lines = vec![names.join("|")];
    for row in 0..table.lines.len() {
        let cells =
            table
                .columns
                .iter()
                .map(|column| match column.read(row, table.source.characters()) {
                    None => "-".to_owned(),
                    Some(Read::Integer(number)) => number.to_string(),
                    Some(Read::Real(number)) => number.to_string(),
                    Some(Read::Text(text)) => text.into_owned(),
                });
        lines.push(cells.collect::<Vec<_>>().join("|"));
    }
    lines.join("\n")
}

#[test]
fn json_is_a_table_however_it_is_arranged() {
    for (file, text, expected) in [
        (
            "t.json",
            r#"[{"a":"x","b":1.5},{"a":"y","b":2}]"#,
            "a|b\nx|1.5\ny|2",
        ),
        (
            "t.json",
            r#"{"meta":{"n":2},"data":[{"a":"x","b":1},{"a":"y","b":2}]}"#,
            "a|b\nx|1\ny|2",
        ),
        ("t.json", r#"{"a":["x","y"],"b":[1,2]}"#, "a|b\nx|1\ny|2"),
        (
            "t.json",
            r#"{"a":{"0":"x","1":"y"},"b":{"0":1,"1":2}}"#,
            "a|b\nx|1\ny|2",
        ),
        (
            "t.json",
            r#"{"columns":["a","b"],"data":[["x",1],["y",2]]}"#,
            "a|b\nx|1\ny|2",
        ),
        ("t.json", r#"[["a","b"],["x",1],["y",2]]"#, "a|b\nx|1\ny|2"),
        (
            "t.json",
            r#"{"north":{"b":1},"south":{"b":2}}"#,
            "key|b\nnorth|1\nsouth|2",
        ),
        (
            "t.json",
            r#"{"north":1,"south":2}"#,
            "key|value\nnorth|1\nsouth|2",
        ),
        (
            "t.json",
            r#"[{"a":{"x":1,"y":{"z":2}},"c":["p","q"]},{"a":{"x":3,"y":{"z":4}},"c":[]}]"#,
            "a.x|a.y.z|c\n1|2|p, q\n3|4|-",
        ),
        (
            "t.json",
            r#"[{"a":"x"},{"a":"y","late":5},{"a":"z","late":null}]"#,
            "a|late\nx|-\ny|5\nz|-",
        ),
        (
            "t.jsonl",
            "{\"a\":\"x\",\"b\":1}\n\n{\"a\":\"y\",\"b\":2}\n",
            "a|b\nx|1\ny|2",
        ),
        (
            "t.json",
            "{\"a\":\"x\",\"b\":1}\n{\"a\":\"y\",\"b\":2}\n",
            "a|b\nx|1\ny|2",
        ),
        (
            "t.json",
            r#"[{"a":"say \"x\"\nand","b":1},{"a":"\"y\"","b":2}]"#,
            "a|b\nsay \"x\" and|1\n\"y\"|2",
        ),
        (
            "t.json",
            r#"[{"a":"007","b":true},{"a":"012","b":false}]"#,
            "a|b\n007|true\n012|false",
        ),
        ("t.json", r#"[{"a":1},{"a":null},{"a":3}]"#, "a\n1\n3"),
    ] {
        let table = read(file, text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(shown(&table), expected, "{text}");
    }
}

#[test]
fn json_that_is_no_table_is_refused_with_a_reason() {
    let deep = "[".repeat(100_000);
    let wide = format!(
        "[{{{}}}]",
        (0..2_000)
            .map(|at| format!("\"c{at}\":1"))
            .collect::<Vec<_>>()
            .join(",")
    );
    for (text, says) in [
        ("5", "neither a list of objects"),
        ("{\"a\":", "cannot be read as JSON"),
        (deep.as_str(), "recursion limit"),
        (wide.as_str(), "2000 columns, at most 1000"),
        ("[]", "neither a list of objects"),
    ] {
        let error = read("t.json", text.as_bytes()).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn records_are_counted_and_lines_are_lines() {
    let table = read(
        "t.json",
        br#"{"data":[{"a":"x","b":1},{"a":"y","b":2}],"other":[{"c":1}]}"#,
    )
    .unwrap();
    assert_eq!(
        (table.lines.get(0), table.profile.place),
        (Some(1), Place::Record)
    );
    let form = table
        .profile
        .notes
        .iter()
        .find(|note| note.kind == NoteKind::Form)
        .unwrap();
    assert_eq!(
        form.text,
        "the list of objects \"data\" is read; not read: \"other\""
    );
    let table = read(
        "t.jsonl",
        b"{\"a\":\"x\",\"b\":1}\n\n{\"a\":\"y\",\"b\":2}\n",
    )
    .unwrap();
    assert_eq!(
        (table.lines.get(1), table.profile.place),
        (Some(3), Place::Line)
    );
}

fn xlsx(sheets: &[(&str, &str, &str)]) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
    let mut parts = vec![
        (
            "[Content_Types].xml".to_owned(),
            format!("<Types xmlns=\"{PACKAGE}/content-types\"/>"),
        ),
        (
            "_rels/.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"r\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/styles.xml".to_owned(),
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
    ];
    let (mut list, mut relations) = (
        String::new(),
        format!("<Relationship Id=\"s\" Type=\"{OFFICE}/styles\" Target=\"styles.xml\"/>"),
    );
    for (at, (name, state, rows)) in sheets.iter().enumerate() {
        list.push_str(&format!(
            "<sheet name=\"{name}\" sheetId=\"{}\" state=\"{state}\" r:id=\"rId{at}\"/>",
            at + 1
        ));
        relations.push_str(&format!("<Relationship Id=\"rId{at}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{at}.xml\"/>"));
        parts.push((format!("xl/worksheets/sheet{at}.xml"), format!("<worksheet xmlns=\"{MAIN}\"><dimension ref=\"A1:XFD1048576\"/><sheetData>{rows}</sheetData></worksheet>")));
    }
    parts.push((
        "xl/workbook.xml".to_owned(),
        format!(
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{list}</sheets></workbook>"
        ),
    ));
    parts.push((
        "xl/_rels/workbook.xml.rels".to_owned(),
        format!("<Relationships xmlns=\"{PACKAGE}/relationships\">{relations}</Relationships>"),
    ));
    archive(&parts)
}

fn archive(parts: &[(String, String)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer
            .start_file(name.as_str(), SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A sheet's rows: a text in quotes, a number, a day after `d`, a blank for nothing.
fn rows(text: &str) -> String {
    let mut out = String::new();
    for (row, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
    {
        out.push_str(&format!("<row r=\"{}\">", row + 1));
        for (column, cell) in line
            .split('|')
            .enumerate()
            .filter(|(_, cell)| !cell.is_empty())
        {
            let place = format!("{}{}", char::from(b'A' + column as u8), row + 1);
            out.push_str(&match (cell.strip_prefix('d'), cell.parse::<f64>()) {
                (_, Ok(_)) => format!("<c r=\"{place}\"><v>{cell}</v></c>"),
                (Some(day), _) if day.parse::<f64>().is_ok() => {
                    format!("<c r=\"{place}\" s=\"1\"><v>{day}</v></c>")
                }
                _ => format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>"),
            });
        }
        out.push_str("</row>");
    }
    out
}

#[test]
fn a_workbook_gives_its_first_visible_table() {
    let table = rows(
        "Sales of 2025\n\nregion|day|amount\nNorth|d45000|10.1\nSouth|d45001|0.30000000000000004\nTotal||10.4\n\nSource: us",
    );
    let book = xlsx(&[
        ("Notes", "visible", &rows("read me")),
        ("Secret", "hidden", &rows("a|b\n1|2\n3|4")),
        ("Data", "visible", &table),
        ("More", "visible", &rows("a|b\n1|2\n3|4")),
    ]);
    let table = read("book.xlsx", &book).unwrap();
    assert_eq!(
        shown(&table),
        "region|day|amount\nNorth|2023-03-15|10.1\nSouth|2023-03-16|0.3"
    );
    let told: Vec<String> = table
        .profile
        .notes
        .iter()
        .map(|note| note.text.clone())
        .collect();
    assert_eq!(
        told,
        [
            "the sheet \"Data\" is read; not read: \"Notes\", \"More\"; hidden: \"Secret\"",
            "row 1 above the header is no data: \"Sales of 2025\"",
            "row 8 is no row of the table: \"Source: us\"",
            "row 6 (\"Total\") adds up other rows and is left out",
        ]
    );
    assert_eq!(
        (table.lines.get(0), table.profile.place),
        (Some(4), Place::Row)
    );
}

#[test]
fn a_workbook_that_lies_is_refused() {
    let bomb = archive(&[("xl/workbook.xml".to_owned(), " ".repeat(30 << 20))]);
    let wide =
        "<row r=\"1\"><c r=\"ZZZ1\"><v>1</v></c></row><row r=\"2\"><c r=\"A2\"><v>1</v></c></row>"
            .to_owned();
    let far = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row><row r=\"1048576\"><c r=\"A1048576\"><v>1</v></c></row>";
    for (bytes, says) in [
        (bomb, "unpacks to more than"),
        (xlsx(&[("S", "visible", &wide)]), "more than 1000 columns"),
        (xlsx(&[("S", "visible", far)]), "blank rows between"),
        (
            xlsx(&[("S", "hidden", &rows("a|b\n1|2"))]),
            "without a visible sheet",
        ),
        (b"PK\x03\x04rubbish".to_vec(), "is a damaged workbook"),
        (
            archive(&[("word/document.xml".to_owned(), "<a/>".to_owned())]),
            "no workbook that can be read",
        ),
    ] {
        let error = read("b.xlsx", &bytes).unwrap_err();
        assert!(error.contains(says), "{says}: {error}");
    }
}

#[test]
fn tables_without_separators_are_told_apart() {
    let fixed = "Region      Sales   Units\nNew York   100.50      3\nBoston       7.25     12\nLa Paz      10.00      1\n";
    assert_eq!(
        shown(&read("t.txt", fixed.as_bytes()).unwrap()),
        "Region|Sales|Units\nNew York|100.5|3\nBoston|7.25|12\nLa Paz|10|1"
    );
    let markdown = "# Report\n\nSome words.\n\n| region | sales |\n|---|---:|\n| North | 5 |\n| **South** | 7 |\n\nMore words.\n";
    let table = read("t.md", markdown.as_bytes()).unwrap();
    assert_eq!(shown(&table), "region|sales\nNorth|5\nSouth|7");
    assert_eq!(table.lines.get(0), Some(7));
}

#[test]
fn the_ending_or_the_beginning_says_what_is_a_table() {
    for (name, head, table) in [
        ("a.csv", "", true),
        ("a.XLSX", "", true),
        ("a.jsonl", "", true),
        ("a.md", "", false),
        ("a.pdf", "", false),
        ("upload", "PK\u{3}\u{4}", true),
    ] {
        assert_eq!(super::accepts(name, head.as_bytes()), table, "{name}");
    }
}

#[test]
fn a_markdown_text_is_a_table_where_most_of_its_lines_are() {
    let folder = tempfile::tempdir().unwrap();
    let is = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        super::is_delimited(&path.display().to_string())
    };
    let table = "| Trip | Days |\n|---|---:|\n| Rome | 8 |\n| Oslo | 4 |\n";
    assert!(is(
        "trips.md",
        &format!("# Trips\n\nAll of them.\n\n{table}")
    ));
    let prose = "A line of a text.\n\n".repeat(9);
    assert!(!is("text.md", &format!("{prose}{table}")));
    assert!(!is("plain.md", "# Title\n\n| is no table\n"));
}
