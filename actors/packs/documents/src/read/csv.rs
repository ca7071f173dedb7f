//! Rows of separated values. What their columns mean is no matter here: a row is quoted as it stands, under the names of its columns.

use aios_tools::WorkspaceError;

use super::Source;
use crate::document::Builder;

/// What values are separated by, the likeliest first.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];
/// Lines by which the separator is found.
const LOOKED_AT: usize = 32;

pub(super) fn read(
    source: &Source<'_>,
    text: &str,
    out: &mut Builder,
) -> Result<(), WorkspaceError> {
    let separator = separator(text);
    let mut reader = ::csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator as u8)
        .from_reader(text.as_bytes());
    let mut record = ::csv::StringRecord::new();
    let mut first = true;
    let mut at = 0;
    loop {
        source.go_on(at)?;
        at += 1;
        let more = reader
            .read_record(&mut record)
            .map_err(|error| source.refuse(format!("cannot be read as a table: {error}")))?;
        if !more {
            return out.end();
        }
        let row = u32::try_from(at).unwrap_or(u32::MAX);
        out.row(row, (0..).zip(record.iter()))?;
        if first && names(record.iter()) {
            out.is_header();
        }
        first = false;
    }
}

/// The sign that parts the lines most evenly.
fn separator(text: &str) -> char {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty())
        .take(LOOKED_AT)
        .collect();
    let score = |sign: char| {
        let counts: Vec<usize> = lines
            .iter()
            .map(|line| line.matches(sign).count())
            .collect();
        let first = counts.first().copied().unwrap_or(0);
        let even = counts
            .iter()
            .filter(|count| **count == first && first > 0)
            .count();
        (even, first)
    };
    let mut best = SEPARATORS[0];
    for sign in SEPARATORS {
        if score(sign) > score(best) {
            best = sign;
        }
    }
    best
}

/// Whether a row can be the names of its columns: all cells that say something say something else, and none is a number.
pub(super) fn names<'c>(cells: impl Iterator<Item = &'c str>) -> bool {
    let mut seen = std::collections::HashSet::new();
    let mut any = false;
    for cell in cells.map(str::trim).filter(|cell| !cell.is_empty()) {
        let digits = cell.chars().filter(char::is_ascii_digit).count();
        let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
        if letters == 0 || digits > letters || !seen.insert(cell) {
            return false;
        }
        any = true;
    }
    any
}
