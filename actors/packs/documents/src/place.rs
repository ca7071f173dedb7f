//! Where something stands in a document.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place that a person can go to. What a format does not have is left out: a text has no pages, a workbook no lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The headings above it, from the outside in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heading: Vec<String>,
    /// The page, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The sheet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The row, counted from 1 as the file has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
    /// The JSON pointer of the object or list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// First and last line, counted from 1, on the page if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<[u32; 2]>,
}

/// What a section is in its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// What comes under a heading.
    Heading,
    /// A page of this number.
    Page(u32),
    /// A sheet of this name.
    Sheet,
    /// A part of a JSON document; its title is the pointer to it.
    Pointer,
}

impl Place {
    /// Whether it says no more than which file.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let file = self.file.clone();
        *self
            == Self {
                file,
                ..Self::default()
            }
    }
}

/// Parts in the order in which a reader looks: `report.pdf, page 3, lines 4-5`. The marks are those that stand on pages everywhere; words of
/// a language are put in by whoever shows it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(sheet) = &self.sheet {
            write!(f, ", {sheet}")?;
        }
        if !self.heading.is_empty() {
            write!(f, ", {}", self.heading.join(" > "))?;
        }
        if let Some(pointer) = self.pointer.as_ref().filter(|pointer| !pointer.is_empty()) {
            write!(f, ", {pointer}")?;
        }
        if let Some(page) = self.page {
            write!(f, ", p. {page}")?;
        }
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        match self.lines {
            Some([first, last]) if first == last => write!(f, ", line {first}"),
            Some([first, last]) => write!(f, ", lines {first}-{last}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_said_in_the_order_in_which_a_reader_looks() {
        let file = || "f".to_owned();
        let rows = [
            (
                Place {
                    file: file(),
                    lines: Some([3, 3]),
                    ..Place::default()
                },
                "f, line 3",
            ),
            (
                Place {
                    file: file(),
                    heading: vec!["A".into(), "B".into()],
                    lines: Some([3, 5]),
                    ..Place::default()
                },
                "f, A > B, lines 3-5",
            ),
            (
                Place {
                    file: file(),
                    page: Some(2),
                    lines: Some([1, 1]),
                    ..Place::default()
                },
                "f, p. 2, line 1",
            ),
            (
                Place {
                    file: file(),
                    sheet: Some("S".into()),
                    row: Some(7),
                    ..Place::default()
                },
                "f, S, row 7",
            ),
            (
                Place {
                    file: file(),
                    pointer: Some("/a/0".into()),
                    ..Place::default()
                },
                "f, /a/0",
            ),
        ];
        for (place, shown) in rows {
            assert_eq!(place.to_string(), shown);
            let json = serde_json::to_value(&place).unwrap();
            assert_eq!(serde_json::from_value::<Place>(json).unwrap(), place);
        }
        assert!(
            Place {
                file: file(),
                ..Place::default()
            }
            .is_whole()
        );
    }
}
