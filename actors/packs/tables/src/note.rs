//! What was read specially, each as a typed note: the report prints them, so that nothing of a file vanishes silently.

use serde::{Deserialize, Serialize};

/// The most lines a note names; `count` says how many there are.
const LINES: usize = 12;

/// One thing that was read specially, or assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about.
    pub kind: NoteKind,
    /// The column, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The first lines it is about, as an editor (or a spreadsheet) counts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u64>,
    /// How many lines, rows or cells it is about; 0 where that says nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub count: u64,
    /// It in one English sentence, without the column's name.
    pub text: String,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a note is about. Its words serve whoever says it in another language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The encoding was detected and not declared.
    Encoding,
    /// The file is no plain CSV: what was taken from it, and what was left.
    Form,
    /// Lines above the header that are no data.
    Title,
    /// How the columns got their names.
    Header,
    /// A row of units under the header.
    Units,
    /// The header again, between rows.
    RepeatedHeader,
    /// Rows without any value, or of nothing but lines and dashes.
    Blank,
    /// Lines below the rows that are no data.
    Footnote,
    /// Rows that add others up, left out.
    Total,
    /// Rows that hold a mean or another statistic of others, left out.
    Statistic,
    /// Rows that are called a total or look like a remark, and are counted as data, because they are none by their values.
    NoTotal,
    /// Rows with fewer or more cells than the header.
    Ragged,
    /// Columns became rows.
    Unpivoted,
    /// A column that is the sum of others.
    SumOfOthers,
    /// How numbers are written, where it was not beyond doubt.
    NumberFormat,
    /// How dates are written, where it was not beyond doubt.
    DateFormat,
    /// What was counted as missing.
    Missing,
    /// Numbers that are codes.
    Codes,
    /// Cells of several currencies or units: each is added up by itself.
    Unit,
    /// Cells that are words where the others are numbers.
    Mixed,
    /// A column's name was changed.
    Name,
}

impl Note {
    /// A note about the file.
    pub(crate) fn new(kind: NoteKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            column: None,
            lines: Vec::new(),
            count: 0,
            text: text.into(),
        }
    }

    /// The same about a column.
    pub(crate) fn about(self, column: &str) -> Self {
        Self {
            column: Some(column.to_owned()),
            ..self
        }
    }

    /// The same about lines.
    pub(crate) fn at(self, lines: &[u64]) -> Self {
        Self {
            lines: lines.iter().copied().take(LINES).collect(),
            count: lines.len() as u64,
            ..self
        }
    }

    /// The note as a sentence that names its column.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.column {
            Some(column) => format!("column {column:?}: {}", self.text),
            None => self.text.clone(),
        }
    }
}

/// Lines as a person reads them: `line 7`, `lines 7, 9 and 12`, `lines 1 to 4`, `lines 3, 5, 7 and 20 more`.
pub(crate) fn lines(all: &[u64], place: Place) -> String {
    let noun = place.noun();
    match all {
        [] => format!("no {noun}"),
        [one] => format!("{noun} {one}"),
        [first, .., last] if *last - *first == all.len() as u64 - 1 => {
            format!("{noun}s {first} to {last}")
        }
        _ => {
            let shown: Vec<String> = all.iter().take(LINES).map(u64::to_string).collect();
            let (last, before) = match shown.split_last() {
                Some((last, before)) if all.len() <= LINES => (last.clone(), before),
                _ => (format!("{} more", all.len() - LINES), shown.as_slice()),
            };
            format!("{noun}s {} and {last}", before.join(", "))
        }
    }
}

/// What a number of a line counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Lines of a text.
    #[default]
    Line,
    /// Rows of a sheet.
    Row,
    /// Objects of a list, the first is 1.
    Record,
}

impl Place {
    /// The word for it.
    #[must_use]
    pub fn noun(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Row => "row",
            Self::Record => "record",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_as_people_tell_them() {
        let many: Vec<u64> = (0..20).map(|at| at * 2 + 1).collect();
        for (all, told) in [
            (vec![7], "line 7"),
            (vec![7, 9], "lines 7 and 9"),
            (vec![1, 2, 3, 4], "lines 1 to 4"),
            (vec![3, 5, 8], "lines 3, 5 and 8"),
            (
                many,
                "lines 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23 and 8 more",
            ),
        ] {
            assert_eq!(lines(&all, Place::Line), told);
        }
    }
}
