//! The ways in which programs write the same table, and those that cannot be read: no figure is another one because of them.

use super::*;

/// The amounts of a table, added up in hundredths.
fn hundredths(table: &Table) -> i64 {
    let amounts = values(table, "amount");
    let amounts = amounts.iter().filter(|amount| *amount != "NULL");
    amounts
        .map(|amount| (amount.parse::<f64>().unwrap() * 100.0).round() as i64)
        .sum()
}

/// Three rows that add up to 46.50, set apart and wrapped so.
fn written(separator: &str, quote: &str, end: &str) -> String {
    let rows = [
        ["name", "amount"],
        ["Ann", "10"],
        ["Bob", "20.5"],
        ["Cid", "16"],
    ];
    rows.iter()
        .map(|[name, amount]| format!("{quote}{name}{quote}{separator}{amount}{end}"))
        .collect()
}

fn utf16(text: &str) -> Vec<u8> {
    let letters = [0xfeff].into_iter().chain(text.encode_utf16());
    letters.flat_map(u16::to_be_bytes).collect()
}

#[test]
fn the_same_table_is_read_however_a_program_writes_it() {
    let plain = written(",", "", "\n");
    let late: String = (0..3_000).map(|at| format!("n{at},0\n")).collect();
    for (how, content) in [
        ("semicolons", written(";", "", "\n").into_bytes()),
        ("tabs", written("\t", "", "\n").into_bytes()),
        ("bars", written("|", "", "\n").into_bytes()),
        ("carets", written("^", "", "\n").into_bytes()),
        ("tildes", written("~", "", "\n").into_bytes()),
        ("quotes", written(",", "\"", "\n").into_bytes()),
        ("apostrophes", written(";", "'", "\n").into_bytes()),
        (
            "the ends of lines of DOS",
            written(",", "", "\r\n").into_bytes(),
        ),
        ("those of an old Mac", written(",", "", "\r").into_bytes()),
        ("both", plain.replacen('\n', "\r\n", 2).into_bytes()),
        (
            "no end of the last line",
            plain.trim_end().as_bytes().to_vec(),
        ),
        (
            "a mark of its encoding",
            [b"\xef\xbb\xbf", plain.as_bytes()].concat(),
        ),
        ("two bytes a letter", utf16(&plain)),
        (
            "the sign that ends a text of DOS",
            format!("{plain}\u{1a}").into_bytes(),
        ),
        (
            "its separator declared",
            format!("sep=|\n{}", written("|", "", "\n")).into_bytes(),
        ),
        (
            "blank lines between",
            plain.replace('\n', "\n\n").into_bytes(),
        ),
        ("blanks around", written(" , ", "", "  \n").into_bytes()),
        (
            "remarks above",
            format!("# made by a program\n# 2024-01-01\n{plain}").into_bytes(),
        ),
        (
            "a title above",
            format!("Report of sales\nof last year\n\n{plain}").into_bytes(),
        ),
        (
            "a source below",
            format!("{plain}\nSource: the office\n").into_bytes(),
        ),
        (
            "a separator at each end",
            written(",", "", ",\n").into_bytes(),
        ),
        (
            "doubled quotes",
            b"name,amount\n\"a \"\"b\"\" c\",10\n\"d, e\",20.5\nf,16\n".to_vec(),
        ),
        (
            "escaped quotes",
            b"name,amount\n\"a \\\"b\\\" c\",10\n\"d, e\",20.5\nf,16\n".to_vec(),
        ),
        (
            "an escaped quote before a separator",
            b"name,amount\n\"a \\\", b\",10\n\"d, e\",20.5\nf,16\n".to_vec(),
        ),
        (
            "lines within cells",
            b"name,amount\n\"a\nb\",10\n\"c\r\nd\",20.5\nf,16\n".to_vec(),
        ),
        (
            "inches",
            b"name,amount\n5\" pipe,10\n6\" pipe,20.5\nrod,16\n".to_vec(),
        ),
        (
            "a quote far below",
            format!("name,amount\n{late}\"x, y\",46.5\n").into_bytes(),
        ),
        (
            "decimals far below",
            format!("name,amount\n{late}x,46.5\n").into_bytes(),
        ),
        (
            "what is missing",
            b"name,amount\na,10\nb,NULL\nc,\\N\nd,\ne,36.5\n".to_vec(),
        ),
        (
            "exponents",
            b"name,amount\na,1e1\nb,2.05e1\nc,1.6E+1\n".to_vec(),
        ),
        (
            "cells left out",
            b"name,units,amount\na,1,10\nb\nc,2,36.5\n".to_vec(),
        ),
        ("signs", b"name,amount\na,+10\nb,+40\nc,-3.5\n".to_vec()),
        (
            "numbers in quotes",
            b"\"name\",\"amount\"\n\"a\",\"10\"\n\"b\",\"36.5\"\n".to_vec(),
        ),
        (
            "JSON in cells",
            b"name,amount\n\"{\"\"k\"\": 1, \"\"v\"\": 2}\",10\n\"{\"\"k\"\": 2}\",36.5\n".to_vec(),
        ),
    ] {
        let table = bytes("t.csv", &content).unwrap_or_else(|error| panic!("{how}: {error}"));
        assert_eq!(hundredths(&table), 4_650, "{how}");
    }
}

#[test]
fn what_may_be_a_remark_among_the_rows_is_said_with_its_line() {
    let text = "name,amount\nAnn,10\n#Bob,20\nCid,16\nDot,1\nEva,2\n";
    let read = table(text).unwrap();
    assert_eq!(hundredths(&read), 4_900);
    let told = &read.profile.warnings;
    assert!(
        told.iter()
            .any(|told| told.starts_with("line 3 begins with #")),
        "{told:?}"
    );
    // Where most begin so it is how they are called.
    let tags = table("tag,amount\n#a,1\n#b,2\n#c,3\nd,4\n").unwrap();
    assert!(!tags.profile.warnings.iter().any(|told| told.contains('#')));
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line_and_a_way_out() {
    for (text, says) in [
        (
            "name,amount\na,10\n\"b,20.5\nc,16\n",
            "t.csv line 3, column name: the quote that opens here is never closed",
        ),
        (
            "a,amount\n1,10\n2,20.5,x\n3,16\n",
            "t.csv line 3 has 3 cells, the header has 2; quote a cell that contains the separator, or remove what is too much",
        ),
        (
            "a,amount\n1,10\n2,inf\n3,5\n4,36.5\n",
            "t.csv line 3, column amount: \"inf\" is not a number (written 1234.56) like the others; correct the cell or leave it empty",
        ),
        ("a,amount\n", "t.csv has a header line but no rows of data"),
        ("\n\n  \n", "t.csv is empty: it has no header and no rows"),
        ("a,amount\nx,\u{0}\n", "t.csv is a binary file, not text"),
    ] {
        assert_eq!(error(text), says, "{text:?}");
    }
}
