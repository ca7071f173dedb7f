//! A column that is asked what it is, and what may come of it.

use super::cells::{Cells, Characters, Different};
use super::column::{BadCell, Hints, Misfits, Votes};
use super::typed::Typed;
use super::{CHECK_EVERY, Lines};
use crate::note::{Note, NoteKind, Place, lines};
use crate::{ColumnProfile, Error};
use aios_tools::Check;

/// What became of a column: typed values, or the cell that spoils it.
// One of these lives at a time, for a moment.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Inferred {
    Fits {
        profile: ColumnProfile,
        typed: Typed,
        /// The units of its cells, where they differ, as a column of its own.
        units: Option<ColumnProfile>,
    },
    Spoilt(BadCell),
}

/// A column that is asked about.
pub(crate) struct Asked<'a> {
    pub(crate) name: &'a str,
    pub(crate) cells: &'a Cells,
    pub(crate) lines: &'a Lines,
    pub(crate) place: Place,
    /// It is the first of several.
    pub(crate) leading: bool,
    /// The unit that a row under the header states.
    pub(crate) stated: Option<&'static str>,
    pub(crate) source: Characters<'a>,
    pub(crate) votes: &'a Votes,
    pub(crate) hints: &'a Hints,
    pub(crate) check: Check<'a>,
}

impl<'a> Asked<'a> {
    /// Shows `see` each different cell, or each cell where they mostly differ.
    pub(super) fn each(&self, mut see: impl FnMut(&Different<'a>)) -> Result<(), Error> {
        self.cells.each(self.source, |at, cell| {
            if at % CHECK_EVERY == 0 {
                (self.check)()?;
            }
            see(cell);
            Ok(())
        })
    }

    pub(super) fn rows(&self) -> u64 {
        self.lines.len() as u64
    }

    pub(super) fn note(&self, kind: NoteKind, text: impl Into<String>) -> Note {
        Note::new(kind, text).about(self.name)
    }

    /// Cells that are words where the others are numbers or dates: they have no value, and are named.
    pub(super) fn words(&self, words: &Misfits<'_>, others: &str) -> Option<Note> {
        let (row, text) = words.first()?;
        let line = self.lines.get(row).unwrap_or_default();
        let at = lines(&[line], self.place);
        let told = match words.count() {
            1 => {
                format!("{text:?} on {at} is no {others} like the others and is counted as missing")
            }
            more => format!(
                "{more} cells are words ({text:?} on {at} is the first) where the others are {others}s; they are counted as missing"
            ),
        };
        let note = self.note(NoteKind::Mixed, told).at(&[line]);
        Some(Note {
            count: words.count(),
            ..note
        })
    }
}
