//! Guesses how a table is written from its first records: separator, quote, header.

use super::date;
use super::missing::is_missing;
use super::number;
use super::records::{Cell, Dialect, Records};

/// How many records are looked at. Enough to outvote oddities, few enough to cost nothing.
const SAMPLE: usize = 200;

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sniffed {
    pub(crate) dialect: Dialect,
    /// Where the first record starts, after a `sep=;` line that Excel writes and reads.
    pub(crate) start: usize,
    /// The line of the first record.
    pub(crate) line: u64,
    pub(crate) header: bool,
}

/// Looks at the beginning of `text`; `tabs` says that the file's name promises tabs.
pub(crate) fn sniff(text: &str, tabs: bool) -> Sniffed {
    let (start, line, declared) = declaration(text);
    let guess = |quote| match declared {
        Some(separator) => Dialect { separator, quote },
        None => separator(text, start, quote, tabs),
    };
    let mut dialect = guess(b'"');
    if wraps_in_apostrophes(&sample(text, start, dialect)) {
        dialect = guess(b'\'');
    }
    let header = has_header(&sample(text, start, dialect));
    Sniffed {
        dialect,
        start,
        line,
        header,
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
fn sample(text: &str, start: usize, dialect: Dialect) -> Vec<Vec<String>> {
    let mut records = Records::new(text, start, 1, dialect);
    let (mut cells, mut sample): (Vec<Cell>, _) = (Vec::new(), Vec::new());
    while sample.len() < SAMPLE && matches!(records.read(&mut cells), Ok(Some(_))) {
        sample.push(
            cells
                .iter()
                .map(|cell| cell.text(text, dialect).into_owned())
                .collect(),
        );
    }
    sample
}

/// The separator under which most records are equally wide; among equals the one that makes more cells.
fn separator(text: &str, start: usize, quote: u8, tabs: bool) -> Dialect {
    let mut best = (
        0,
        0,
        Dialect {
            separator: if tabs { b'\t' } else { b',' },
            quote,
        },
    );
    for separator in [b',', b';', b'\t', b'|'] {
        let dialect = Dialect { separator, quote };
        let sample = sample(text, start, dialect);
        let widths: Vec<usize> = sample.iter().map(Vec::len).collect();
        let common = widths
            .iter()
            .copied()
            .max_by_key(|width| widths.iter().filter(|other| *other == width).count())
            .unwrap_or(0);
        let first = widths.first().copied().unwrap_or(0);
        // `value` above `1,5` and `2,5` is one column of decimal commas.
        let decimals = separator == b',' && first == 1 && common == 2;
        if common < 2 || decimals {
            continue;
        }
        let share =
            widths.iter().filter(|width| **width == common).count() * 100 / widths.len().max(1);
        let wins = (share, common) > (best.0, best.1) && (first > 1 || share >= 80);
        if wins {
            best = (share, common, dialect);
        }
    }
    best.2
}

fn wraps_in_apostrophes(sample: &[Vec<String>]) -> bool {
    let cells = || sample.iter().flatten();
    let opens = cells().filter(|cell| cell.starts_with('\'')).count();
    let closes = cells()
        .filter(|cell| cell.ends_with('\'') && cell.len() > 1)
        .count();
    opens > 1 && opens == closes && opens * 2 >= sample.len()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Number,
    Date,
    Text,
}

fn class(cell: &str) -> Class {
    let number = number::NumberReading::of(cell).is_number();
    match date::DateReading::of(cell) {
        // Digits alone count as a number here: a header `2024` stands above numbers as often as a year does.
        Some(reading)
            if !(number
                && matches!(reading.layout, date::Layout::Year | date::Layout::Compact)) =>
        {
            Class::Date
        }
        _ if number => Class::Number,
        _ => Class::Text,
    }
}

/// Whether the first record names the columns: it does not look like the cells below it.
fn has_header(sample: &[Vec<String>]) -> bool {
    let Some((first, below)) = sample.split_first() else {
        return true;
    };
    if below.is_empty() {
        return first.iter().all(|cell| class(cell) == Class::Text);
    }
    let (mut differ, mut alike, mut repeated, mut years) = (0, 0, 0, Vec::new());
    for (at, cell) in first.iter().enumerate() {
        let column = || {
            below
                .iter()
                .filter_map(|row| row.get(at))
                .filter(|cell| !is_missing(cell))
        };
        let total = column().count();
        repeated += usize::from(!cell.is_empty() && column().any(|other| other == cell));
        let is_mostly = |wanted| {
            total > 0 && column().filter(|cell| class(cell) == wanted).count() * 10 >= total * 9
        };
        let Some(typed) = [Class::Number, Class::Date]
            .into_iter()
            .find(|wanted| is_mostly(*wanted))
        else {
            continue;
        };
        if is_missing(cell) {
            continue;
        }
        if class(cell) == typed {
            alike += 1;
            years.extend(year(cell).filter(|_| !column().all(|cell| year(cell).is_some())));
        } else {
            differ += 1;
        }
    }
    match (differ, alike) {
        // Nothing but text: a header is not repeated as a value below itself.
        (0, 0) => repeated * 2 < first.len().max(1),
        // Years as column names over other figures: `country,2023,2024`.
        (_, alike) if alike == years.len() && in_steps(&years) => true,
        (differ, alike) => differ >= alike,
    }
}

/// A year that stands as the name of a column: `country,2023,2024`.
fn year(cell: &str) -> Option<u32> {
    cell.parse()
        .ok()
        .filter(|year| cell.len() == 4 && (1900..=2100).contains(year))
}

/// Whether `years` go on in equal, small steps.
fn in_steps(years: &[u32]) -> bool {
    let step = years
        .first()
        .zip(years.get(1))
        .map_or(0, |(first, second)| second.saturating_sub(*first));
    (1..=10).contains(&step)
        && years
            .windows(2)
            .all(|pair| pair.first().map(|first| first + step) == pair.last().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separator_quote_and_header_are_found() {
        for (text, separator, quote, header) in [
            ("a,b\n1,2\n", ',', '"', true),
            ("a;b\n1,5;2\n", ';', '"', true),
            ("a\tb\n1\t2\n", '\t', '"', true),
            ("a|b\n1|2\n", '|', '"', true),
            ("sep=;\na;b\n1;2\n", ';', '"', true),
            ("name, first;amount;on\nA;1,5;03.07.2025\n", ';', '"', true),
            ("value\n1,5\n2,5\n", ',', '"', true),
            ("one\ntwo\n", ',', '"', true),
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
        ] {
            let found = sniff(text, false);
            let dialect = Dialect {
                separator: separator as u8,
                quote: quote as u8,
            };
            assert_eq!((found.dialect, found.header), (dialect, header), "{text:?}");
        }
    }
}
