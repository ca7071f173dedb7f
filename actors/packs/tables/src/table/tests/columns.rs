//! What columns are: codes, rates, amounts in several units, answers, moments.

use super::{shown, table, told, values};
use crate::ColumnKind;
use crate::note::NoteKind;

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
fn a_first_column_that_numbers_the_rows_is_no_quantity() {
    let rows: String = (1..=6).map(|at| format!("{at},{}\n", at * 7 % 5)).collect();
    for (name, kind) in [
        ("respondent", ColumnKind::Id),
        ("week", ColumnKind::Category),
    ] {
        let table = table(&format!("{name},n\n{rows}")).unwrap();
        assert_eq!(table.profile.columns[0].kind, kind, "{name}");
        assert_eq!(table.profile.columns[1].kind, ColumnKind::Number);
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
        (
            "at",
            "2024-03-01T10:00Z\n2024-03-01T01:30+02:00",
            "2024-03-01 10:00:00 2024-02-29 23:30:00",
        ),
    ] {
        let rows: String = cells.lines().map(|cell| format!("x,{cell}\n")).collect();
        let table = table(&format!("label,{name}\n{rows}")).unwrap();
        assert_eq!(values(&table, name).join(" "), expected, "{name}");
    }
}
