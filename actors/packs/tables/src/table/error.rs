//! What is wrong with a table, and where.

/// Why a file is not a table. Lines count from 1 as an editor shows them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Nothing but blank lines.
    #[error("{file} is empty: it has no header and no rows")]
    Empty {
        /// The file's name.
        file: String,
    },
    /// A header without a row.
    #[error("{file} has a header line but no rows of data")]
    NoRows {
        /// The file's name.
        file: String,
    },
    /// A cell does not fit its column.
    #[error(
        "{file} line {line}, column {column}: {cell:?} is not {expected}; correct the cell or leave it empty{}", more(*.others)
    )]
    BadCell {
        /// The file's name.
        file: String,
        /// The line the row starts on.
        line: u64,
        /// The column's name.
        column: String,
        /// The cell's text, shortened.
        cell: String,
        /// What the other cells of the column are.
        expected: String,
        /// How many more cells of the column do not fit.
        others: u64,
    },
    /// A row has more or fewer cells than the header.
    #[error("{file} line {line} has {}, the header has {expected}; {hint}", cells(*.found))]
    Ragged {
        /// The file's name.
        file: String,
        /// The line the row starts on.
        line: u64,
        /// Cells in this row.
        found: usize,
        /// Cells in the header.
        expected: usize,
        /// What is missing or too much.
        hint: String,
    },
    /// A quote opens and does not close where it should.
    #[error("{file} line {line}, column {column}: the quote that opens here {problem}")]
    Quote {
        /// The file's name.
        file: String,
        /// The line the quote opens on.
        line: u64,
        /// The column's name or number.
        column: String,
        /// How it goes on.
        problem: String,
    },
    /// More columns than can be loaded.
    #[error("{file} has {asked} columns, at most {allowed} are read")]
    TooWide {
        /// The file's name.
        file: String,
        /// Its columns.
        asked: usize,
        /// The limit.
        allowed: usize,
    },
}

fn more(others: u64) -> String {
    match others {
        0 => String::new(),
        1 => " (and 1 more cell like it)".to_owned(),
        others => format!(" (and {others} more cells like it)"),
    }
}

fn cells(found: usize) -> String {
    if found == 1 {
        "1 cell".to_owned()
    } else {
        format!("{found} cells")
    }
}
