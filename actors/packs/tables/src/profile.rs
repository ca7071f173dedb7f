//! What a look at a table tells: its columns, their kinds, and every assumption that was made to read it.

use aios_work::Value;
use serde::{Deserialize, Serialize};

use crate::note::{Note, Place};

/// A table as it was understood. Small: it travels to the planner, the data does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableProfile {
    /// The file's name without its folder.
    pub file: String,
    /// Number of data rows (header and blank lines not counted).
    pub rows: u64,
    /// The columns in the file's order.
    pub columns: Vec<ColumnProfile>,
    /// What stands between two cells: `,`, `;`, tab or `|`.
    pub separator: char,
    /// Whether the first line names the columns; otherwise they are called `column_1`, `column_2`, ...
    pub header: bool,
    /// `UTF-8`, `UTF-16LE`, `windows-1252`, `GBK`, ...
    pub encoding: String,
    /// Each assumption and oddity in one sentence, to be shown beside the result: the notes in words.
    pub warnings: Vec<String>,
    /// Everything that was read specially or assumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// The lines above its header, which say what it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<String>,
    /// What the numbers of its lines count.
    #[serde(default)]
    pub place: Place,
    /// How columns became rows, if they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpivoted: Option<Unpivoted>,
}

/// A wide table that is read as a long one: the names of its columns became the values of one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpivoted {
    /// The column that holds what the names said: `month`, `year`, ...
    pub name: String,
    /// The columns that hold the values; one, unless the names hold measures too.
    pub values: Vec<String>,
    /// The columns that became rows, as the file calls them.
    pub columns: Vec<String>,
    /// Columns of sums over them, left out because a sum of the rows says the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sums: Vec<String>,
}

/// One column as it was understood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// The name in the header, made unique; also its name in SQL (see [`ColumnProfile::quoted`]).
    pub name: String,
    /// What the cells are.
    pub kind: ColumnKind,
    /// Number of cells that are empty or hold a marker such as `N/A`.
    pub missing: u64,
    /// Number of different values, missing ones not counted.
    pub distinct: u64,
    /// Smallest value: a number, an ISO date, or the first text in byte order.
    pub min: Option<Value>,
    /// Largest value, likewise.
    pub max: Option<Value>,
    /// The most frequent values as the file writes them, at most five; equal counts in the file's order.
    pub examples: Vec<String>,
    /// How dates are written: `YYYY-MM-DD`, `DD/MM/YYYY`, `Q YYYY`, ... In SQL they are always ISO text; a date that names only a month,
    /// quarter or year stands for its first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// How numbers are written: `1,234.56`, `1.234,56`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number_format: Option<String>,
    /// Most decimal places seen in a number column; 0 means whole numbers, which are INTEGER in SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u32>,
    /// Currency code, `%`, or what the header says in brackets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The column that says the unit or currency of each row, where rows differ: values of different ones are never added together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit_column: Option<String>,
    /// Whether a sum of its values means something. Prices, rates, ages, scores and temperatures do not add up.
    #[serde(default = "adds_up", skip_serializing_if = "is_true")]
    pub adds_up: bool,
    /// For a column of two answers: its cells that mean yes, and those that mean no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth: Option<Truth>,
    /// What stands between the names of its cells, where cells hold several: `gluten; milk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lists: Option<char>,
    /// The columns whose sum it is, row by row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sum_of: Vec<String>,
    /// The two columns whose quotient it is, row by row: the whole is found by their sums and not by a mean of this column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotient_of: Option<Quotient>,
}

/// One column over another, as a rate has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotient {
    /// What is divided.
    pub part: String,
    /// By what.
    pub whole: String,
    /// Whether it is written in percent.
    pub percent: bool,
}

/// Most columns that are numbers add up.
fn adds_up() -> bool {
    true
}

fn is_true(adds_up: &bool) -> bool {
    *adds_up
}

/// The cells of a column of two answers, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// `yes`, `true`, `ja`, `1`.
    pub yes: Vec<String>,
    /// `no`, `false`, `nein`, `0`.
    pub no: Vec<String>,
}

impl ColumnProfile {
    /// The name as SQL wants it, quoted: `"Order ""no"""`.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.name.replace('"', "\"\""))
    }
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Days, months, quarters or moments; ISO text in SQL.
    Date,
    /// Quantities that can be added or averaged; INTEGER or REAL in SQL.
    Number,
    /// Few different values, fit to group by.
    Category,
    /// Free text.
    Text,
    /// Names one row or thing each; adding or averaging them means nothing.
    Id,
    /// No cell has a value.
    Empty,
}
