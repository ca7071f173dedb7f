//! A table as it is written: its records and their lines, and no decision about any of them.
//!
//! For whoever reads a table a second time by another way: which record is a header, a total or a remark, and what a cell means, is not said here. Only the form
//! is undone (a workbook, JSON), the encoding, the separator and the quotes.

use aios_tools::Memory;

use crate::note::Place;
use crate::{form, table};

/// A table may hold so many times the bytes of its file, and so much beside.
const TIMES: u64 = 24;
const BESIDE: u64 = 32 << 20;

/// The records of a table, as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What the numbers of its lines count.
    pub place: Place,
    /// Whether the first record is no record of the file but the names that each of its objects gives.
    pub named: bool,
    /// The records from the top, with the lines they begin on. Blank lines are none.
    pub records: Vec<(u64, Vec<String>)>,
}

/// Reads a file as records.
///
/// # Errors
/// In one sentence, when it is no table, or larger than there is room for.
pub fn written(name: &str, bytes: &[u8]) -> Result<Written, String> {
    let length = bytes.len() as u64;
    let memory = Memory::of(length.saturating_mul(TIMES).saturating_add(BESIDE));
    let mut held = memory
        .reserve(name, length)
        .map_err(|error| error.to_string())?;
    let check = || Ok(());
    let text =
        form::read(name, bytes.to_vec(), &mut held, &check).map_err(|error| error.to_string())?;
    let (place, named) = (text.place, text.cells == form::Cells::Named);
    let records = table::records(name, &text, &mut held).map_err(|error| error.to_string())?;
    Ok(Written {
        place,
        named,
        records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_stand_as_they_are_written() {
        for (name, text, named, expected) in [
            (
                "t.csv",
                "Report\n\na;b\nx;\"1,5\"\nTotal;1,5\n",
                false,
                vec![
                    (1, vec!["Report"]),
                    (3, vec!["a", "b"]),
                    (4, vec!["x", "1,5"]),
                    (5, vec!["Total", "1,5"]),
                ],
            ),
            (
                "t.json",
                r#"[{"a":"x","b":1}]"#,
                true,
                vec![(0, vec!["a", "b"]), (1, vec!["x", "1"])],
            ),
        ] {
            let read = written(name, text.as_bytes()).unwrap();
            let records: Vec<(u64, Vec<&str>)> = read
                .records
                .iter()
                .map(|(line, cells)| (*line, cells.iter().map(String::as_str).collect()))
                .collect();
            assert_eq!((read.named, records), (named, expected), "{name}");
        }
        assert!(written("t.csv", b"a,b\n\"x").is_err());
    }
}
