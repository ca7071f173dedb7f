//! Whole tables, written in every usual way.

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
fn what_is_no_row_is_left_out_and_named() {
    // text, the rows that stay, what is told
    for (text, expected, kind, says) in [
        (
            "region,revenue\nNorth,10\nNorth,15\nNorth Total,25\nSouth,20\nSouth Total,20\nGrand Total,45\n",
            "region|revenue\nNorth|10\nNorth|15\nSouth|20",
            NoteKind::Total,
            "lines 4, 6 and 7 (\"North Total\", \"South Total\", \"Grand Total\") add up other rows and are left out",
        ),
        (
            "region,revenue\nNorth,10\nSouth,20\nTotal,30\n",
            "region|revenue\nNorth|10\nSouth|20",
            NoteKind::Total,
            "line 4 (\"Total\") adds up other rows and is left out",
        ),
        (
            "Monat;Umsatz\nJanuar;1.000,50\nFebruar;2.000,25\nSumme;3.000,75\n",
            "Monat|Umsatz\nJanuar|1000.5\nFebruar|2000.25",
            NoteKind::Total,
            "line 4 (\"Summe\") adds up other rows and is left out",
        ),
        (
            "month,region,sales\n2025-01,North,5\n2025-01,South,7\n2025-01,Total,12\n2025-02,South,1\n2025-02,Total,3\n2025-02,North,2\n",
            "month|region|sales\n2025-01-01|North|5\n2025-01-01|South|7\n2025-02-01|South|1\n2025-02-01|North|2",
            NoteKind::Total,
            "lines 4 and 6 (\"Total\") add up other rows and are left out",
        ),
        (
            "region,revenue\nEurope total,30\nFrance,10\nSpain,20\nAsia total,5\nJapan,5\n",
            "region|revenue\nFrance|10\nSpain|20\nJapan|5",
            NoteKind::Total,
            "lines 2 and 5 (\"Europe total\", \"Asia total\") add up other rows and are left out",
        ),
        (
            "region,revenue\nNorth,10\nSouth,20\nWest,4\n,34\n",
            "region|revenue\nNorth|10\nSouth|20\nWest|4",
            NoteKind::Total,
            "line 5 adds up other rows and is left out",
        ),
        (
            "date,sales\n2025-01-01,10\n2025-01-02,20\nTotal,30\nAverage,15\n",
            "date|sales\n2025-01-01|10\n2025-01-02|20",
            NoteKind::Statistic,
            "line 5 (\"Average\") holds a statistic of other rows and is left out",
        ),
        (
            "region,revenue\nNorth,10\nSouth,20\nTotal,31\n",
            "region|revenue\nNorth|10\nSouth|20",
            NoteKind::Total,
            "line 4 says \"Total\" and is left out, but its values are not the sums of the rows; the sums of the rows are used",
        ),
        (
            "brand,stations\nShell,10\nTotal,50\nEsso,20\n",
            "brand|stations\nShell|10\nTotal|50\nEsso|20",
            NoteKind::NoTotal,
            "line 3 says \"Total\" but is not the sum of other rows, so it is counted as data",
        ),
        (
            "item,amount\nTotal revenue,10\nTotal cost,4\nTotal profit,6\n",
            "item|amount\nTotal revenue|10\nTotal cost|4\nTotal profit|6",
            NoteKind::NoTotal,
            "",
        ),
        (
            "Sales report\nmade in June\n\na,b\nx,1\ny,2\n",
            "a|b\nx|1\ny|2",
            NoteKind::Title,
            "lines 1 to 2 above the header is no data: \"Sales report\", \"made in June\"",
        ),
        (
            "a,b\nx,1\ny,2\n\nSource: the office\n* preliminary\n",
            "a|b\nx|1\ny|2",
            NoteKind::Footnote,
            "lines 5 to 6 are no rows of the table: \"Source: the office\", \"* preliminary\"",
        ),
        (
            "a,b\nx,1\na,b\ny,2\na,b\nz,3\n",
            "a|b\nx|1\ny|2\nz|3",
            NoteKind::RepeatedHeader,
            "the header stands again on lines 3 and 5; left out",
        ),
        (
            "name,weight\n,kg\nx,2\ny,4\n",
            "name|weight\nx|2\ny|4",
            NoteKind::Units,
            "line 2 holds the units of the columns",
        ),
        (
            "a,b\nx,1\n---,---\ny,2\n",
            "a|b\nx|1\ny|2",
            NoteKind::Blank,
            "rows without any value are left out: 1",
        ),
        (
            "a,b,c\nx,1,2\ny,3\nz,4,5\n",
            "a|b|c\nx|1|2\ny|3|NULL\nz|4|5",
            NoteKind::Ragged,
            "rows with fewer cells than the header: 1 (line 3); the cells they lack count as missing",
        ),
        (
            "section,team,members\nTrack,T-1,10\n,T-2,28\n,T-3,63\nField,F-1,76\n,F-2,17\n",
            "section|team|members\nTrack|T-1|10\nTrack|T-2|28\nTrack|T-3|63\nField|F-1|76\nField|F-2|17",
            NoteKind::Header,
            "column \"section\": 3 blank cells are read as the label above them, which is written once for the rows below",
        ),
    ] {
        let table = table(text).unwrap();
        assert_eq!(shown(&table), expected, "{text}");
        let told = told(&table, kind);
        assert_eq!(told.first().map_or("", String::as_str), says, "{text}");
    }
}

#[test]
fn columns_that_are_periods_become_rows() {
    for (text, expected) in [
        (
            "region,Jan,Feb,Mar\nNorth,1,2,3\nSouth,4,,6\n",
            "region|month|value\nNorth|Jan|1\nNorth|Feb|2\nNorth|Mar|3\nSouth|Jan|4\nSouth|Mar|6",
        ),
        (
            "country,2023,2024\nFrance,1.5,2.5\nSpain,3,4\n",
            "country|year|value\nFrance|2023-01-01|1.5\nFrance|2024-01-01|2.5\nSpain|2023-01-01|3\nSpain|2024-01-01|4",
        ),
        (
            "product,Q1,Q2,Q3,Q4,Total\nA,1,2,3,4,10\nB,5,6,7,8,26\nTotal,6,8,10,12,36\n",
            "product|quarter|value\nA|Q1|1\nA|Q2|2\nA|Q3|3\nA|Q4|4\nB|Q1|5\nB|Q2|6\nB|Q3|7\nB|Q4|8",
        ),
        (
            "Umsatz je Filiale;;;\nFiliale;Januar;Februar;März\nJena;1,5;2,5;3,5\nUlm;4;5;6\n",
            "Filiale|Monat|umsatz\nJena|Januar|1.5\nJena|Februar|2.5\nJena|März|3.5\nUlm|Januar|4\nUlm|Februar|5\nUlm|März|6",
        ),
        (
            "shop,Revenue 2023,Revenue 2024,Cost 2023,Cost 2024\nA,10,11,1,2\nB,20,21,3,4\n",
            "shop|year|Revenue|Cost\nA|2023-01-01|10|1\nA|2024-01-01|11|2\nB|2023-01-01|20|3\nB|2024-01-01|21|4",
        ),
        (
            "site,2024-01,2024-02,2024-03\nA,1,2,3\n",
            "site|month|value\nA|2024-01-01|1\nA|2024-02-01|2\nA|2024-03-01|3",
        ),
        (
            "name,Q1,Q2,Q3,Q4,Q5\nA,1,2,3,4,5\n",
            "name|Q1|Q2|Q3|Q4|Q5\nA|1|2|3|4|5",
        ),
        (
            "region,revenue,cost\nN,1,2\nS,3,4\n",
            "region|revenue|cost\nN|1|2\nS|3|4",
        ),
    ] {
        let table = table(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            shown(&table),
            expected,
            "{text}: {:?}",
            table.profile.warnings
        );
    }
    let table = table("product,Q1,Q2,Q3,Total\nA,1,2,3,6\nB,5,6,7,18\n").unwrap();
    let long = table.profile.unpivoted.clone().unwrap();
    assert_eq!(
        (long.name.as_str(), long.values.len(), long.sums.join(" ")),
        ("quarter", 1, "Total".to_owned())
    );
    assert_eq!(table.lines.get(2), Some(2));
    assert_eq!(table.lines.get(3), Some(3));
}

#[test]
fn codes_are_not_numbers() {
    for (name, cells, expected) in [
        ("zip", "01067\n80331\n04109", "01067 80331 04109"),
        ("diagnosis", "008.45\n250.00\n250.0", "008.45 250.00 250.0"),
        ("sample", "1E3\n1000\n7E0\n7", "1E3 1000 7E0 7"),
        (
            "phone",
            "+4930123456\n+4930123457\n+4930123458",
            "+4930123456 +4930123457 +4930123458",
        ),
        (
            "account",
            "4929123456789012345\n4929123456789012346",
            "4929123456789012345 4929123456789012346",
        ),
        ("app_version", "1.9\n1.10\n1.1", "1.9 1.10 1.1"),
        ("room", "101\n12a\n103", "101 12a 103"),
        ("hash", "0x1F\n0x2A\n0x11", "0x1F 0x2A 0x11"),
    ] {
        let rows: String = cells.lines().map(|cell| format!("x,{cell},1\n")).collect();
        let table = table(&format!("label,{name},n\n{rows}")).unwrap();
        assert_eq!(values(&table, name).join(" "), expected, "{name}");
        let column = &table.profile.columns[1];
        assert_ne!(column.kind, ColumnKind::Number, "{name}");
    }
    // Numbered, and held as numbers: still never added up.
    for name in [
        "customer_id",
        "Kundennummer",
        "room",
        "Invoice No",
        "order number",
    ] {
        let table = table(&format!("{name},n\n101,1\n102,2\n103,3\n")).unwrap();
        let column = &table.profile.columns[0];
        assert!(
            column.kind == ColumnKind::Id && !column.adds_up,
            "{name}: {column:?}"
        );
    }
}

#[test]
fn rates_do_not_add_up() {
    for (name, cell, adds_up) in [
        ("price", "1.5", false),
        ("vacancy", "30.0 %", false),
        ("temp", "21 °C", false),
        ("age", "35", false),
        ("rating", "4.5", false),
        ("speed", "50 km/h", false),
        ("revenue", "5", true),
        ("weight_total", "5 kg", true),
        ("hours", "5", true),
    ] {
        let table = table(&format!("x,{name}\na,{cell}\nb,{cell}\n")).unwrap();
        let column = &table.profile.columns[1];
        assert_eq!(
            (column.kind, column.adds_up),
            (ColumnKind::Number, adds_up),
            "{name}"
        );
    }
}

#[test]
fn units_and_currencies_are_kept_apart() {
    let one = table("item,price\na,5 kg\nb,7 kg\n").unwrap();
    assert_eq!(one.profile.columns[1].unit.as_deref(), Some("kg"));
    let mixed = table("item,amount\na,€ 5\nb,$7\nc,€ 9\n").unwrap();
    assert_eq!(
        shown(&mixed),
        "item|amount|amount currency\na|5|EUR\nb|7|USD\nc|9|EUR"
    );
    let amount = &mixed.profile.columns[1];
    assert_eq!(
        (amount.unit.as_deref(), amount.unit_column.as_deref()),
        (None, Some("amount currency"))
    );
    let column =
        table("customer,amount,currency\nAcme,10,EUR\nAcme,20,USD\nBeta,3000,JPY\n").unwrap();
    assert_eq!(
        column.profile.columns[1].unit_column.as_deref(),
        Some("currency")
    );
    assert_eq!(
        told(&column, NoteKind::Unit),
        [
            "column \"currency\": says the currency of \"amount\": EUR, USD, JPY; each is added up by itself"
        ]
    );
    let same = table("customer,amount,currency\nAcme,10,EUR\nBeta,20,EUR\n").unwrap();
    assert_eq!(
        (
            same.profile.columns[1].unit.as_deref(),
            same.profile.columns[1].unit_column.as_deref()
        ),
        (Some("EUR"), None)
    );
    let measured = table("item,qty,unit\na,5,kg\nb,7,l\n").unwrap();
    assert_eq!(
        measured.profile.columns[1].unit_column.as_deref(),
        Some("unit")
    );
    let stated = table("name,weight\n,kg\nx,2\ny,4\n").unwrap();
    assert_eq!(stated.profile.columns[1].unit.as_deref(), Some("kg"));
}

#[test]
fn answers_of_two_words_are_known_in_several_languages() {
    for (cells, yes, no) in [
        ("yes no yes", "yes", "no"),
        ("TRUE FALSE TRUE", "TRUE", "FALSE"),
        ("ja nein ja", "ja", "nein"),
        ("oui non oui", "oui", "non"),
        ("y n y", "y", "n"),
        ("1 0 1", "1", "0"),
    ] {
        let rows: String = cells.split(' ').map(|cell| format!("x,{cell}\n")).collect();
        let table = table(&format!("label,active\n{rows}")).unwrap();
        let truth = table.profile.columns[1].truth.clone().unwrap_or_default();
        assert_eq!(
            (truth.yes.join(" "), truth.no.join(" ")),
            (yes.to_owned(), no.to_owned()),
            "{cells}"
        );
    }
    for cells in ["M F M", "N S N", "red blue red"] {
        let rows: String = cells.split(' ').map(|cell| format!("x,{cell}\n")).collect();
        let table = table(&format!("label,active\n{rows}")).unwrap();
        assert_eq!(table.profile.columns[1].truth, None, "{cells}");
    }
}

#[test]
fn moments_that_are_counted_are_dates() {
    for (name, cells, expected) in [
        ("date", "45292\n45293", "2024-01-01 2024-01-02"),
        (
            "order_date",
            "45292.5\n45293.25",
            "2024-01-01 12:00:00 2024-01-02 06:00:00",
        ),
        (
            "timestamp",
            "1704067200\n1704153600",
            "2024-01-01 00:00:00 2024-01-02 00:00:00",
        ),
        (
            "created_at",
            "1704067200000\n1704153600000",
            "2024-01-01 00:00:00 2024-01-02 00:00:00",
        ),
        ("amount", "45292\n45293", "45292 45293"),
    ] {
        let rows: String = cells.lines().map(|cell| format!("x,{cell}\n")).collect();
        let table = table(&format!("label,{name}\n{rows}")).unwrap();
        assert_eq!(values(&table, name).join(" "), expected, "{name}");
    }
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
                prop_assert!(cells().all(|text| unit || column.typed.read(text).is_some() || infer::is_word(text)));
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
