//! The store over the journal.

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::Arc;

use aios_journal::{AppendError, ArchiveError, Journal, Moved, Retention, Ticket, WriteError};
use aios_memory::{Entry, KEY_BYTES_MAX, Store, StoreError, Swap, VALUE_BYTES_MAX};
use parking_lot::Mutex;

use super::form::{self, draft, numbered, unnumbered};
use super::overlay::{Batch, Overlay, Value, merged};

/// Where the view says how far it has come. No key of the store begins so.
pub(super) const MARK: &[u8] = b"\0journal";
/// An entry of the journal holds the key, too.
const VALUE_MAX: usize = VALUE_BYTES_MAX - 8 * KEY_BYTES_MAX;
/// Writes that may wait for their turn to end before it is ended for them: so much is lost by a crash at most of what nobody waited for.
const OPEN_BYTES_MAX: usize = 1 << 20;
/// Writes of one turn; they are one unit in the journal.
const TURN_MAX: usize = 2_048;

/// Keys and values that last when [`flush`](Store::flush) has returned: in the journal, by one sync for all who wait.
pub(crate) struct JournalStore {
    journal: Arc<Journal>,
    view: Arc<dyn Store>,
    written: Mutex<Written>,
    /// Held by the one who brings turns into the view; the others wait here, and find theirs there already.
    landing: Mutex<()>,
}

#[derive(Default)]
struct Written {
    overlay: Overlay,
    /// Of the turns that were handed to the journal, by number.
    tickets: VecDeque<Ticket>,
    /// Why the journal takes nothing more.
    stopped: Option<String>,
    /// Why the disk refused the turns that wait: it is full, say. They are handed over again by whoever wants something to last next.
    refused: Option<String>,
    /// The journal's refusals that are known here.
    refusals: u64,
}

impl JournalStore {
    /// Over a journal and a view that has all of it.
    pub(super) fn over(journal: Arc<Journal>, view: Arc<dyn Store>) -> Self {
        let written = Written {
            refusals: journal.refusals(),
            ..Written::default()
        };
        Self {
            journal,
            view,
            written: Mutex::new(written),
            landing: Mutex::default(),
        }
    }

    /// Lets what is old enough leave the journal. What is still the value of a key stays.
    pub(super) fn retire(&self, retention: &Retention) -> Result<Moved, ArchiveError> {
        self.journal.retire(retention, |entry| {
            let Ok(Some((key, Some(_)))) = form::write(entry.clone()) else {
                // A key that is gone needs nothing: what was there before leaves with it or before it.
                return false;
            };
            let stored = self.view.get(&key).ok().flatten();
            let written_by = stored.and_then(unnumbered).map(|(number, _)| number);
            written_by == Some(entry.sequence)
        })
    }

    /// Writes, and ends the turn if it has become large.
    fn write(&self, written: &mut Written, key: &[u8], value: Value) -> Result<(), StoreError> {
        if let Some(why) = &written.stopped {
            return Err(stopped(why));
        }
        let full = |written: &Written| written.overlay.is_full(OPEN_BYTES_MAX, TURN_MAX);
        if let Some(why) = &written.refused
            && value.is_some()
            && full(written)
        {
            // What cannot be written is held in memory, and not without end.
            return Err(waiting(why));
        }
        written.overlay.write(key, value);
        if full(written) && written.refused.is_none() {
            self.hand_over(written)?;
        }
        Ok(())
    }

    /// Ends the turn and hands its writes to the journal, without waiting for the disk.
    fn hand_over(&self, written: &mut Written) -> Result<(), StoreError> {
        let mut handed = Ok(());
        let refusals = written.refusals;
        if written.refused.take().is_some() {
            // In their order, because what was written first must not be what stays.
            for batch in written.overlay.closed() {
                handed = handed.and_then(|()| {
                    written
                        .tickets
                        .push_back(appended(&self.journal, batch, refusals)?);
                    Ok(())
                });
            }
        }
        if let Some(batch) = written.overlay.close() {
            handed = handed.and_then(|()| {
                written
                    .tickets
                    .push_back(appended(&self.journal, batch, refusals)?);
                Ok(())
            });
        }
        handed.map_err(|error: AppendError| written.stop(error.to_string()))
    }

    /// Waits for the oldest turn that the view does not have, and brings it there. The caller holds `landing`.
    fn land_one(&self) -> Result<(), StoreError> {
        let (ticket, batch) = {
            let mut written = self.written.lock();
            if let Some(why) = &written.stopped {
                return Err(stopped(why));
            }
            match (written.tickets.pop_front(), written.overlay.oldest()) {
                (Some(ticket), Some(batch)) => (ticket, batch),
                _ => {
                    return written
                        .refused
                        .as_ref()
                        .map_or(Ok(()), |why| Err(waiting(why)));
                }
            }
        };
        let landed = match ticket.wait() {
            Ok(last) => land(&*self.view, self.journal.id(), last, &batch)
                .map_err(|error| error.to_string()),
            Err(WriteError::Refused(error)) => {
                return Err(self.refused(&WriteError::Refused(error)));
            }
            Err(stopped) => Err(stopped.to_string()),
        };
        let mut written = self.written.lock();
        match landed {
            Ok(()) => {
                written.overlay.landed();
                Ok(())
            }
            Err(why) => Err(written.stop(why)),
        }
    }

    /// The disk took nothing of a turn. Those behind it are refused with it, and all of them wait until it is tried again.
    fn refused(&self, error: &WriteError) -> StoreError {
        loop {
            let ticket = {
                let mut written = self.written.lock();
                let Some(ticket) = written.tickets.pop_front() else {
                    let why = error.to_string();
                    let refused = waiting(&why);
                    tracing::error!(%error, "nothing can be written; the node tries again with the next thing that must last");
                    written.refusals = self.journal.refusals();
                    written.refused = Some(why);
                    return refused;
                };
                ticket
            };
            match ticket.wait() {
                Err(WriteError::Refused(_)) => {}
                Err(stopped) => return self.written.lock().stop(stopped.to_string()),
                Ok(_) => {
                    let why = "a later turn is lasting and an earlier one is not; start again";
                    return self.written.lock().stop(why.to_owned());
                }
            }
        }
    }

    fn current(&self, written: &Written, key: &[u8]) -> Result<Value, StoreError> {
        match written.overlay.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.in_view(key),
        }
    }

    fn in_view(&self, key: &[u8]) -> Result<Value, StoreError> {
        let Some(stored) = self.view.get(key)? else {
            return Ok(None);
        };
        match unnumbered(stored) {
            Some((_, value)) => Ok(Some(value)),
            None => Err(StoreError::Corrupt {
                key: String::from_utf8_lossy(key).into_owned(),
            }),
        }
    }
}

/// Brings the writes of one turn into the view, and then how far it has come: cut short, they are brought there again.
pub(super) fn land(
    view: &dyn Store,
    journal: [u8; 16],
    last: u64,
    batch: &Batch,
) -> Result<(), StoreError> {
    let first = last.saturating_sub(batch.len() as u64) + 1;
    for (sequence, (key, value)) in (first..).zip(batch) {
        write(view, sequence, key, value.as_deref())?;
    }
    mark(view, last, journal)
}

/// Brings one write into the view.
pub(super) fn write(
    view: &dyn Store,
    sequence: u64,
    key: &[u8],
    value: Option<&[u8]>,
) -> Result<(), StoreError> {
    match value {
        Some(value) => view.put(key, &numbered(sequence, value)),
        None => view.delete(key).map(drop),
    }
}

/// Writes down how far the view has come.
pub(super) fn mark(view: &dyn Store, come: u64, journal: [u8; 16]) -> Result<(), StoreError> {
    view.put(MARK, &numbered(come, &journal))
}

impl Written {
    /// Nothing more is taken, because of this.
    fn stop(&mut self, why: String) -> StoreError {
        let refused = stopped(&why);
        self.stopped = Some(why);
        refused
    }
}

/// Hands entries over, and waits for room if there is none: the journal writes meanwhile.
fn appended(journal: &Journal, batch: &Batch, refusals: u64) -> Result<Ticket, AppendError> {
    let mut drafts: Vec<_> = batch.iter().map(|(key, value)| draft(key, value)).collect();
    loop {
        match journal.append_after(refusals, drafts) {
            Err(AppendError::Full {
                drafts: returned, ..
            }) => {
                drafts = returned;
                std::thread::yield_now();
            }
            other => return other,
        }
    }
}

fn stopped(why: &str) -> StoreError {
    StoreError::Io {
        reason: why.to_owned(),
    }
}

fn waiting(why: &str) -> StoreError {
    StoreError::Io {
        reason: format!(
            "{why}; the node need not be started again: it goes on by itself when there is room"
        ),
    }
}

fn check(what: &'static str, asked: usize, allowed: usize) -> Result<(), StoreError> {
    if asked > allowed {
        return Err(StoreError::TooLong {
            what,
            asked,
            allowed,
        });
    }
    Ok(())
}

impl Store for JournalStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let over = self.written.lock().overlay.get(key).cloned();
        match over {
            Some(value) => Ok(value),
            None => self.in_view(key),
        }
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        check("key", key.len(), KEY_BYTES_MAX)?;
        check("value", value.len(), VALUE_MAX)?;
        self.write(&mut self.written.lock(), key, Some(value.to_vec()))
    }

    fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
        let mut written = self.written.lock();
        let was_there = self.current(&written, key)?.is_some();
        if was_there {
            self.write(&mut written, key, None)?;
        }
        Ok(was_there)
    }

    fn scan_prefix(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        // Held for the whole page, so that nothing moves from one to the other meanwhile.
        let written = self.written.lock();
        let mut found = Vec::new();
        let mut from = after.map(<[u8]>::to_vec);
        while found.len() < limit {
            let wanted = limit - found.len();
            let page = self.view.scan_prefix(prefix, from.as_deref(), wanted)?;
            let last = page.last().map(|(key, _)| key.clone());
            let whole = page.len() < wanted;
            let begin = match from.as_deref() {
                Some(from) if from >= prefix => Bound::Excluded(from),
                _ => Bound::Included(prefix),
            };
            let over = written.overlay.within(prefix, begin);
            // Behind the last key of a page that is full there may be more in the view.
            let end = match &last {
                Some(last) if !whole => Bound::Included(last.as_slice()),
                _ => Bound::Unbounded,
            };
            let mut values = Vec::with_capacity(page.len());
            for (key, stored) in page {
                if key == MARK {
                    continue;
                }
                let Some((_, value)) = unnumbered(stored) else {
                    return Err(StoreError::Corrupt {
                        key: String::from_utf8_lossy(&key).into_owned(),
                    });
                };
                values.push((key, value));
            }
            found.extend(merged(values, &over, end));
            if whole {
                break;
            }
            from = last;
        }
        found.truncate(limit);
        Ok(found)
    }

    fn compare_and_swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<Swap, StoreError> {
        check("key", key.len(), KEY_BYTES_MAX)?;
        check("value", new.map_or(0, <[u8]>::len), VALUE_MAX)?;
        let mut written = self.written.lock();
        let current = self.current(&written, key)?;
        if current.as_deref() != expected {
            return Ok(Swap::Mismatch { current });
        }
        if current.is_some() || new.is_some() {
            self.write(&mut written, key, new.map(<[u8]>::to_vec))?;
        }
        Ok(Swap::Done)
    }

    fn flush(&self) -> Result<(), StoreError> {
        let turn = {
            let mut written = self.written.lock();
            if let Some(why) = &written.stopped {
                return Err(stopped(why));
            }
            self.hand_over(&mut written)?;
            written.overlay.last()
        };
        loop {
            if self.written.lock().overlay.has_landed(turn) {
                return Ok(());
            }
            let _landing = self.landing.lock();
            if self.written.lock().overlay.has_landed(turn) {
                return Ok(());
            }
            self.land_one()?;
        }
    }
}

impl std::fmt::Debug for JournalStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JournalStore")
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

/// What waits is written, as far as the journal takes it; the view is closed by its own drop.
impl Drop for JournalStore {
    fn drop(&mut self) {
        if let Err(error) = self.flush() {
            tracing::error!(%error, "the last writes could not be made lasting");
        }
        self.journal.close();
    }
}

#[cfg(test)]
mod tests;
