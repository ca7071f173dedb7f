//! Rows on their way into columns. Where a table is large they are filed by another thread than the one that splits its text.

use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use super::cells::{Cells, Characters, Place, keep};
use super::keyed::Keyed;
use super::records::{Cell, Dialect};
use super::together;
use crate::Error;
use aios_tools::{Reserved, WorkspaceError};
use aios_work::Stopped;

/// Rows that are handed over together, and cells: a row may have a thousand.
const ROWS: usize = 1_024;
const CELLS: usize = 8_192;
/// Parcels that may wait: what splits and what files take their turns unevenly.
const WAITING: usize = 4;
/// Bytes of a cell, about, with what sets it apart.
const WIDTH: usize = 8;

/// Some rows, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Parcel {
    cells: Vec<Cell>,
    /// Where the cells of each row end.
    ends: Vec<usize>,
}

/// Takes rows in.
pub(super) struct Filing<'t> {
    pub(super) file: &'t str,
    pub(super) text: &'t str,
    pub(super) dialect: Dialect,
    pub(super) columns: Vec<Cells>,
    /// The characters of cells that are not in the text as they are meant.
    pub(super) unquoted: String,
    pub(super) held: Reserved,
    keyed: Keyed,
    rows: usize,
}

/// Whoever splits a text puts each row here.
pub(super) struct Rows<'h> {
    parcel: Parcel,
    hand_over: &'h mut dyn FnMut(&mut Parcel) -> Result<(), Error>,
}

impl Rows<'_> {
    /// Puts a row in.
    pub(super) fn push(&mut self, cells: &[Cell]) -> Result<(), Error> {
        self.parcel.cells.extend_from_slice(cells);
        self.parcel.ends.push(self.parcel.cells.len());
        if self.parcel.ends.len() < ROWS && self.parcel.cells.len() < CELLS {
            return Ok(());
        }
        (self.hand_over)(&mut self.parcel)
    }
}

impl<'t> Filing<'t> {
    pub(super) fn new(
        file: &'t str,
        text: &'t str,
        dialect: Dialect,
        columns: usize,
        held: Reserved,
    ) -> Self {
        let mut all = Vec::new();
        all.resize_with(columns, || Cells::of_columns(columns));
        Self {
            file,
            text,
            dialect,
            columns: all,
            unquoted: String::new(),
            held,
            keyed: Keyed::new(),
            rows: 0,
        }
    }

    /// Files all that `split` puts in; gives both back.
    pub(super) fn of<T>(
        mut self,
        split: impl FnOnce(&mut Rows<'_>) -> Result<T, Error>,
    ) -> Result<(Self, T), Error> {
        if together::threads(self.text.len() / WIDTH) < 2 {
            let split = Rows::all(split, &mut |parcel| self.take(parcel))?;
            return Ok((self, split));
        }
        // It is handed over by the thread that takes it, if one can be started.
        let waiting = Mutex::new(Some(self));
        let take_over = || {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting
                .take()
                .ok_or_else(|| Error::from(Stopped::Cancelled))
        };
        thread::scope(|scope| {
            let (send, receive) = mpsc::sync_channel::<Parcel>(WAITING);
            let filing = together::beside(scope, move || {
                let mut own = take_over()?;
                for mut parcel in receive {
                    own.take(&mut parcel)?;
                }
                Ok(own)
            });
            let Some(filing) = filing else {
                let mut own = take_over()?;
                let split = Rows::all(split, &mut |parcel| own.take(parcel))?;
                return Ok((own, split));
            };
            // It takes no more when it has failed, and says why itself.
            let mut hand_over = |parcel: &mut Parcel| {
                let sent = send.send(std::mem::take(parcel));
                sent.map_err(|_| Error::from(Stopped::Cancelled))
            };
            let split = Rows::all(split, &mut hand_over);
            drop(send);
            let filed: Result<Self, Error> = match filing.join() {
                Ok(filed) => filed,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            // What could not be filed stands before what could not be split.
            Ok((filed?, split?))
        })
    }

    fn take(&mut self, parcel: &mut Parcel) -> Result<(), Error> {
        let mut from = 0;
        for end in &parcel.ends {
            let cells = parcel.cells.get(from..*end).unwrap_or_default();
            for (cell, column) in cells.iter().zip(&mut self.columns) {
                let place = if cell.is_as_written() {
                    let (start, end) = cell.place(self.text);
                    Place::new(start, end)
                } else {
                    let content = cell.text(self.text, self.dialect);
                    keep(&content, &mut self.unquoted, &mut self.held)?;
                    let end = self.text.len() + self.unquoted.len();
                    Place::new(end - content.len(), end)
                };
                let place = place.ok_or_else(|| WorkspaceError::TooLarge {
                    file: self.file.to_owned(),
                    asked: self.text.len() as u64,
                    allowed: u64::from(u32::MAX),
                })?;
                let halves = Characters::of(self.text, &self.unquoted);
                column.push(self.rows, place, halves, &self.keyed, &mut self.held)?;
            }
            self.rows += 1;
            from = *end;
        }
        parcel.cells.clear();
        parcel.ends.clear();
        Ok(())
    }
}

impl<'h> Rows<'h> {
    /// Lets `split` put its rows in and hands the last ones over, also those before what it fails at.
    fn all<T>(
        split: impl FnOnce(&mut Rows<'_>) -> Result<T, Error>,
        hand_over: &'h mut dyn FnMut(&mut Parcel) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let mut rows = Rows {
            parcel: Parcel::default(),
            hand_over,
        };
        let split = split(&mut rows);
        (rows.hand_over)(&mut rows.parcel)?;
        split
    }
}

#[cfg(test)]
mod tests {
    use crate::table::together::tests::NO_THREAD;
    use crate::{form, table};
    use aios_tools::Memory;

    #[test]
    fn where_no_thread_can_be_started_rows_are_filed_by_the_callers() {
        let mut text = "name,amount\n".to_owned();
        (0..20_000).for_each(|row| text.push_str(&format!("n{row},{row}.5\n")));
        let mut held = Memory::of(u64::MAX).reserve("t.csv", 0).unwrap();
        let read = form::read("t.csv", text.into_bytes(), &mut held, &|| Ok(())).unwrap();
        NO_THREAD.set(true);
        let table = table::read("t.csv", read, held, &|| Ok(()));
        NO_THREAD.set(false);
        assert_eq!(table.unwrap().lines.len(), 20_000);
    }
}
