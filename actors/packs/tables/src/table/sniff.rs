//! Guesses how a table is written from its first records: separator, quote, and with `layout` where in the file it begins.

use super::layout::{self, Layout, Sampled};
use super::records::{Cell, Dialect, Record, Records};

/// How many records are looked at. Enough to outvote oddities, few enough to cost nothing.
const SAMPLE: usize = 200;

/// Bytes that are looked through for an escaped quote.
const ESCAPES: usize = 1 << 16;

/// How a table is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sniffed {
    pub(crate) dialect: Dialect,
    /// Where the first record starts, after a `sep=;` line that Excel writes and reads.
    pub(crate) start: usize,
    /// The line of the first record.
    pub(crate) line: u64,
    pub(crate) layout: Layout,
}

/// Looks at the beginning of `text`; `tabs` says that the file's name promises tabs.
pub(crate) fn sniff(text: &str, tabs: bool) -> Sniffed {
    let (start, line, declared) = declaration(text);
    let guess = |quote, escapes| match declared {
        Some(separator) => Dialect {
            separator,
            quote,
            escapes,
        },
        None => separator(text, start, (quote, escapes), tabs),
    };
    let mut dialect = guess(b'"', false);
    if wraps_in_apostrophes(&sample(text, start, line, dialect)) {
        dialect = guess(b'\'', false);
    }
    // A backslash at the end of a cell is one of its letters, unless the rows only come out even where it escapes the quote.
    let escaped = [b'\\', dialect.quote];
    let head = text.as_bytes();
    let head = head.get(..head.len().min(ESCAPES)).unwrap_or_default();
    if head.windows(2).any(|two| two == escaped) && !is_even(text, start, dialect) {
        let other = guess(dialect.quote, true);
        if is_even(text, start, other) {
            dialect = other;
        }
    }
    known(text, start, line, dialect)
}

/// Whether the first records can all be read, and those of several cells are equally wide.
fn is_even(text: &str, start: usize, dialect: Dialect) -> bool {
    let mut records = Records::new(text, start, 1, dialect);
    let (mut cells, mut width): (Vec<Cell>, _) = (Vec::new(), None);
    for _ in 0..SAMPLE {
        match records.read(&mut cells) {
            Ok(Some(record)) if record.width == 1 => {}
            Ok(Some(record)) => {
                if *width.get_or_insert(record.width) != record.width {
                    return false;
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
    true
}

/// The same where it is known how the table is written.
pub(crate) fn known(text: &str, start: usize, line: u64, dialect: Dialect) -> Sniffed {
    let layout = layout::find(&sample(text, start, line, dialect));
    Sniffed {
        dialect,
        start,
        line,
        layout,
    }
}

/// A first line `sep=;` and the separator it declares.
fn declaration(text: &str) -> (usize, u64, Option<u8>) {
    let first = text.split(['\n', '\r']).next().unwrap_or_default();
    let mut declared = first.strip_prefix("sep=").unwrap_or_default().bytes();
    match (declared.next(), declared.next()) {
        (Some(separator @ (b',' | b';' | b'\t' | b'|')), None) => {
            let end = first.len()
                + if text
                    .get(first.len()..)
                    .is_some_and(|rest| rest.starts_with("\r\n"))
                {
                    2
                } else {
                    1
                };
            (end.min(text.len()), 2, Some(separator))
        }
        _ => (0, 1, None),
    }
}

/// The first records as text. A quote fault ends the sample; it is reported when the table is read.
fn sample(text: &str, start: usize, line: u64, dialect: Dialect) -> Vec<Sampled> {
    let mut records = Records::new(text, start, line, dialect);
    let (mut cells, mut sample): (Vec<Cell>, _) = (Vec::new(), Vec::new());
    while sample.len() < SAMPLE
        && let Ok(Some(Record { line, .. })) = records.read(&mut cells)
    {
        sample.push(Sampled {
            line,
            cells: cells
                .iter()
                .map(|cell| cell.text(text, dialect).into_owned())
                .collect(),
        });
    }
    sample
}

/// The separator under which most records are equally wide; among equals the one that makes more cells.
fn separator(text: &str, start: usize, quotes: (u8, bool), tabs: bool) -> Dialect {
    let (quote, escapes) = quotes;
    let mut best = (
        0,
        0,
        Dialect {
            separator: if tabs { b'\t' } else { b',' },
            quote,
            escapes,
        },
    );
    for separator in [b',', b';', b'\t', b'|', b'^', b'~'] {
        let dialect = Dialect {
            separator,
            quote,
            escapes,
        };
        let sample = sample(text, start, 1, dialect);
        let widths: Vec<usize> = sample.iter().map(|row| row.cells.len()).collect();
        // Titles above and remarks below a table are of one cell.
        let several = || widths.iter().copied().filter(|width| *width > 1);
        let common = several()
            .max_by_key(|width| {
                (
                    widths.iter().filter(|other| *other == width).count(),
                    *width,
                )
            })
            .unwrap_or(0);
        if separator == b',' && common == 2 && splits_decimals(&sample) {
            // One column; a separator that it does not hold.
            best.2.separator = b'\t';
            continue;
        }
        if common < 2 {
            continue;
        }
        let count = widths.iter().filter(|width| **width == common).count();
        let share = count * 100 / widths.len().max(1);
        let first = widths.first().copied().unwrap_or(0);
        let wins = (share, common) > (best.0, best.1) && (first > 1 || share >= 80 || count > 1);
        if wins {
            best = (share, common, dialect);
        }
    }
    best.2
}

/// Whether each comma stands within a number: `value` above `1,5` and `2,5` is one column of decimal commas.
fn splits_decimals(sample: &[Sampled]) -> bool {
    let digits = |cell: &str| {
        let bare = cell.trim_start_matches(['-', '+']);
        !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit())
    };
    let mut pairs = sample.iter().filter(|row| row.cells.len() == 2).peekable();
    let one = sample.iter().any(|row| row.cells.len() == 1);
    one && pairs.peek().is_some()
        && pairs.all(|row| matches!(row.cells.as_slice(), [whole, rest] if digits(whole) && rest.bytes().all(|byte| byte.is_ascii_digit())))
}

fn wraps_in_apostrophes(sample: &[Sampled]) -> bool {
    let cells = || sample.iter().flat_map(|row| &row.cells);
    let opens = cells().filter(|cell| cell.starts_with('\'')).count();
    let closes = cells()
        .filter(|cell| cell.ends_with('\'') && cell.len() > 1)
        .count();
    opens > 1 && opens == closes && opens * 2 >= sample.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_ends_in_a_backslash_escapes_nothing() {
        let text = "a,b\n\"C:\\x\\\",1\n\"D:\\y\\\",2\n";
        assert!(!sniff(text, false).dialect.escapes);
    }

    #[test]
    fn separator_quote_and_header_are_found() {
        for (text, separator, quote, header) in [
            ("a,b\n1,2\n", ',', '"', true),
            ("a;b\n1,5;2\n", ';', '"', true),
            ("a\tb\n1\t2\n", '\t', '"', true),
            ("a|b\n1|2\n", '|', '"', true),
            ("sep=;\na;b\n1;2\n", ';', '"', true),
            ("name, first;amount;on\nA;1,5;03.07.2025\n", ';', '"', true),
            ("value\n1,5\n2,5\n", '\t', '"', true),
            ("one\ntwo\n", ',', '"', true),
            ("a^b\n1^2\n3^4\n", '^', '"', true),
            ("a~b\n1~2\n3~4\n", '~', '"', true),
            ("a,b\nx^2,~5\ny^2,~6\n", ',', '"', true),
            ("a,b\n\"x \\\"y\\\"\",1\n\"z, w\",2\n", ',', '"', true),
            ("a,b\n\"x \\\", y\",1\n\"z, w\",2\n", ',', '"', true),
            ("'a','b'\n'x, y','2'\n", ',', '\'', true),
            ("2025-07-01,5\n2025-07-02,6\n", ',', '"', false),
            ("x,1\ny,2\n", ',', '"', false),
            ("country,2023,2024\nFrance,1.5,2.5\n", ',', '"', true),
            ("country,2025-07,2025-08\nFrance,1.5,2.5\n", ',', '"', true),
            ("red,big\nred,small\nblue,big\n", ',', '"', false),
            ("colour,size\nred,small\nblue,big\n", ',', '"', true),
            ("1,2,3\n", ',', '"', false),
            ("a,b,c\n", ',', '"', true),
            ("", ',', '"', true),
            ("Report of June\n\na;b\n1,5;2\n2,5;3\n", ';', '"', true),
            ("a;b\n1,5;2\n2,5;3\nStand: 1,5 und 2,5\n", ';', '"', true),
        ] {
            let found = sniff(text, false);
            let dialect = Dialect {
                separator: separator as u8,
                quote: quote as u8,
                escapes: text.contains("\\\""),
            };
            assert_eq!(
                (found.dialect, found.layout.headers > 0),
                (dialect, header),
                "{text:?}"
            );
        }
    }
}
