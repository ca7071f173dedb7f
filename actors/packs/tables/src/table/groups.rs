//! Labels that are written once and stand for the rows below: `North` above blanks, as merged cells and pivot tables leave them.

use std::collections::HashSet;

use super::cells::{Cells, Characters};
use super::grid::Grid;
use super::keyed::Keyed;
use super::number::NumberReading;
use crate::Error;
use crate::note::{Note, NoteKind};
use aios_tools::Reserved;

/// Rows that are looked through; a person merges cells in fewer.
const ROWS: usize = 200_000;

/// Fills the first column downwards, if it is written so: each label once, the first row has one, and all else in the row is there.
pub(super) fn fill_down(
    grid: &mut Grid,
    source: Characters<'_>,
    held: &mut Reserved,
) -> Result<Option<Note>, Error> {
    let rows = grid.lines.len();
    let [labels, next, _, ..] = grid.columns.as_slice() else {
        return Ok(None);
    };
    let (filled, all) = (labels.filled(), rows as u64);
    let blank = all - filled;
    if !(4..=ROWS).contains(&rows) || filled == 0 || blank * 3 < all || next.filled() != all {
        return Ok(None);
    }
    let mut seen = HashSet::new();
    let words = labels.different(source).all(|cell| {
        cell.count == 1 && seen.insert(cell.text) && !NumberReading::of(cell.text).is_number()
    });
    if !words || labels.text(0, source).is_none() {
        return Ok(None);
    }
    let (keyed, mut last) = (Keyed::new(), None);
    let mut column = Cells::of_columns(grid.columns.len());
    for row in 0..rows {
        last = labels.place(row).or(last);
        if let Some(place) = last {
            column.push(row, place, source, &keyed, held)?;
        }
    }
    column.finish(held);
    if let Some(first) = grid.columns.first_mut() {
        *first = column;
    }
    let name = grid.names.first().cloned().unwrap_or_default();
    let note = Note::new(
        NoteKind::Header,
        format!(
            "{blank} blank cells are read as the label above them, which is written once for the rows below"
        ),
    );
    Ok(Some(Note {
        count: blank,
        ..note.about(&name)
    }))
}
