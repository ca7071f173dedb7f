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
        match value {
            Some(value) => view.put(key, &numbered(sequence, value))?,
            None => drop(view.delete(key)?),
        }
    }
    view.put(MARK, &numbered(last, &journal))
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
mod tests {
    use std::collections::BTreeMap;

    use aios_journal::{Crash, Fate, Limit, Options, SimulatedDisk, system_clock};
    use aios_memory::{InMemoryStore, contract};
    use aios_protocols::{PrincipalId, SigningIdentity};

    use super::super::open::{Come, catch_up, come};
    use super::*;

    fn opened(disk: &SimulatedDisk, view: &Arc<InMemoryStore>, segment_bytes: u64) -> JournalStore {
        let party: PrincipalId = "user:owner@local".parse().unwrap();
        let identity = Arc::new(SigningIdentity::from_seed(party, [7; 32]));
        let options = Options {
            segment_bytes,
            ..Options::default()
        };
        let disk = Arc::new(disk.clone());
        let (journal, _) = Journal::open(disk, options, identity, system_clock()).unwrap();
        let Come::To(come) = come(&**view, &journal).unwrap() else {
            panic!("a view of this journal");
        };
        catch_up(&**view, &journal, come, &mut Vec::new()).unwrap();
        JournalStore::over(Arc::new(journal), Arc::clone(view) as Arc<dyn Store>)
    }

    fn store() -> JournalStore {
        opened(
            &SimulatedDisk::new(1),
            &Arc::new(InMemoryStore::new()),
            1 << 20,
        )
    }

    fn all(store: &dyn Store) -> BTreeMap<Vec<u8>, Vec<u8>> {
        store
            .scan_prefix(b"", None, usize::MAX)
            .unwrap()
            .into_iter()
            .collect()
    }

    /// splitmix64
    struct Random(u64);

    impl Random {
        fn below(&mut self, below: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (z ^ (z >> 31)) % below
        }
    }

    #[test]
    fn it_is_a_store() {
        contract::check(&store());
    }

    #[test]
    fn pages_are_the_same_whether_writes_have_landed_or_not() {
        let store = store();
        for at in (0..100).step_by(2) {
            store
                .put(format!("k/{at:03}").as_bytes(), b"landed")
                .unwrap();
        }
        store.flush().unwrap();
        for at in (0..100).step_by(3) {
            store.put(format!("k/{at:03}").as_bytes(), b"open").unwrap();
        }
        for at in (0..100).step_by(5) {
            store.delete(format!("k/{at:03}").as_bytes()).unwrap();
        }
        let paged = |limit| {
            let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
            loop {
                let page = store.scan_prefix(b"k/", after.as_deref(), limit).unwrap();
                assert!(page.len() <= limit);
                let Some((last, _)) = page.last() else {
                    return found;
                };
                after = Some(last.clone());
                found.extend(page);
            }
        };
        let before: Vec<_> = [1, 2, 3, 7, 50, 1_000].map(paged).into();
        assert!(before.windows(2).all(|two| two[0] == two[1]));
        assert_eq!(
            before[0].len(),
            (0..100)
                .filter(|at| at % 5 != 0 && (at % 2 == 0 || at % 3 == 0))
                .count()
        );
        store.flush().unwrap();
        assert_eq!(paged(7), before[0]);
    }

    /// Whatever was flushed is there again after a loss of power at any operation of the disk, and nothing that was never written.
    #[test]
    fn what_was_flushed_survives_a_loss_of_power_at_any_operation() {
        let mut crashes = 0;
        for seed in 0..400 {
            let mut random = Random(seed);
            let disk = SimulatedDisk::new(seed);
            let mut view = Arc::new(InMemoryStore::new());
            let mut lasting: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            for life in 0..4 {
                let store = opened(&disk, &view, 2_000);
                let found = all(&store);
                assert_eq!(found, lasting, "seed {seed}, life {life}");
                let fate = if random.below(2) == 0 {
                    Fate::Before
                } else {
                    Fate::After
                };
                disk.crash_at(disk.operations() + random.below(25), fate);
                let mut written = lasting.clone();
                for at in 0..20 {
                    let key = format!("k{}", random.below(8)).into_bytes();
                    let ok = if random.below(4) == 0 {
                        written.remove(&key);
                        store.delete(&key).map(drop)
                    } else {
                        let value = format!("{life}.{at}").into_bytes();
                        written.insert(key.clone(), value.clone());
                        store.put(&key, &value)
                    };
                    if ok.is_ok() && random.below(3) > 0 {
                        continue;
                    }
                    match ok.and_then(|()| store.flush()) {
                        Ok(()) => lasting.clone_from(&written),
                        Err(_) => break,
                    }
                }
                crashes += u32::from(disk.is_dead());
                drop(store);
                disk.restart(Crash::PowerLoss);
                // What was being flushed may be there whole or not at all.
                if random.below(2) == 0 {
                    view = Arc::new(InMemoryStore::new());
                }
                let now = all(&opened(&disk, &view, 2_000));
                assert!(
                    now == lasting || now == written,
                    "seed {seed}, life {life}: {now:?} is neither {lasting:?} nor {written:?}"
                );
                lasting = now;
            }
        }
        assert!(
            crashes > 700,
            "the disk must fail often enough to prove anything: {crashes}"
        );
    }

    #[test]
    fn a_sync_that_fails_stops_the_store_and_what_was_flushed_stays() {
        let disk = SimulatedDisk::new(3);
        let view = Arc::new(InMemoryStore::new());
        let store = opened(&disk, &view, 1 << 20);
        store.put(b"a", b"1").unwrap();
        store.flush().unwrap();
        disk.fail_sync_from(disk.operations());
        store.put(b"a", b"2").unwrap();
        let refused = store.flush().unwrap_err().to_string();
        assert!(refused.contains("stopped"), "{refused}");
        for outcome in [store.flush(), store.put(b"b", b"3")] {
            assert!(
                outcome.unwrap_err().to_string().contains("stopped"),
                "for good"
            );
        }
        assert_eq!(
            view.get(b"a").unwrap().and_then(unnumbered),
            Some((2, b"1".to_vec())),
            "the view is not ahead"
        );
        drop(store);
        disk.restart(Crash::PowerLoss);
        let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
        assert_eq!(store.get(b"a").unwrap(), Some(b"1".to_vec()));
    }

    /// Nothing that was written while there was no room is lost or out of order, and nobody has to start again.
    #[test]
    fn a_full_disk_is_said_and_the_store_goes_on_when_there_is_room() {
        for seed in 0..40 {
            let mut random = Random(seed);
            let disk = SimulatedDisk::new(seed);
            let view = Arc::new(InMemoryStore::new());
            let store = opened(&disk, &view, 1 << 20);
            store.put(b"a", b"0").unwrap();
            store.flush().unwrap();
            disk.set_capacity(random.below(4) * 50);
            for at in 1..6_u8 {
                store.put(b"a", &[at]).unwrap();
                store.put(&[b'k', at], &[0; 200]).unwrap();
                let refused = store.flush().unwrap_err().to_string();
                assert!(
                    refused.contains("free space") && refused.contains("goes on by itself"),
                    "{refused}"
                );
            }
            assert_eq!(store.get(b"a").unwrap(), Some(vec![5]), "it is seen");
            let of_view = view.get(b"a").unwrap().and_then(unnumbered);
            assert_eq!(of_view.map(|(_, value)| value), Some(b"0".to_vec()));
            disk.set_capacity(u64::MAX);
            store.put(b"b", b"1").unwrap();
            store.flush().unwrap();
            let written = all(&store);
            assert_eq!(written.len(), 7);
            drop(store);
            disk.restart(Crash::PowerLoss);
            let again = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
            assert_eq!(all(&again), written, "seed {seed}");
        }
    }

    #[test]
    fn what_waits_for_room_is_bounded() {
        let disk = SimulatedDisk::new(7);
        let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
        disk.set_capacity(0);
        store.put(b"a", b"1").unwrap();
        assert!(store.flush().is_err());
        let many = (0..100_u32).find_map(|at| {
            let key = at.to_le_bytes();
            store.put(&key, &[0; 32 << 10]).err()
        });
        assert!(many.is_some_and(|refused| refused.to_string().contains("free space")));
        assert!(store.delete(b"a").unwrap(), "what makes room is taken");
        disk.set_capacity(u64::MAX);
        store.flush().unwrap();
        assert_eq!(store.get(b"a").unwrap(), None);
    }

    #[test]
    fn many_who_flush_hear_of_a_full_disk_and_then_of_its_end() {
        let disk = SimulatedDisk::new(8);
        let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
        disk.set_capacity(0);
        let all_know = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (store, disk, all_know) = (&store, &disk, &all_know);
                scope.spawn(move || {
                    let key = format!("{thread}");
                    store.put(key.as_bytes(), b"x").unwrap();
                    assert!(store.flush().is_err());
                    all_know.wait();
                    disk.set_capacity(u64::MAX);
                    while store.flush().is_err() {
                        std::thread::yield_now();
                    }
                });
            }
        });
        assert_eq!(all(&store).len(), 8);
    }

    #[test]
    fn one_sync_serves_many_who_flush() {
        let disk = SimulatedDisk::new(4);
        let store = opened(&disk, &Arc::new(InMemoryStore::new()), 1 << 20);
        let before = disk.syncs();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let store = &store;
                scope.spawn(move || {
                    for at in 0..50 {
                        store
                            .put(format!("{thread}/{at}").as_bytes(), b"x")
                            .unwrap();
                        store.flush().unwrap();
                    }
                });
            }
        });
        let syncs = disk.syncs() - before;
        assert!(syncs <= 400, "{syncs} syncs for 400 flushes");
        assert_eq!(all(&store).len(), 400);
    }

    #[test]
    fn what_is_old_leaves_and_a_view_made_anew_has_all_values() {
        let disk = SimulatedDisk::new(5);
        let store = opened(&disk, &Arc::new(InMemoryStore::new()), 2_000);
        for at in 0..500_u32 {
            store
                .put(format!("k{}", at % 10).as_bytes(), &at.to_le_bytes())
                .unwrap();
            store.put(format!("gone{at}").as_bytes(), b"x").unwrap();
            store.flush().unwrap();
            store.delete(format!("gone{at}").as_bytes()).unwrap();
            store.flush().unwrap();
        }
        let kept = all(&store);
        assert_eq!(kept.len(), 10);
        let bytes = store.journal.state().bytes;
        let limit = Limit {
            entries: Some(50),
            ..Limit::default()
        };
        let retention = Retention {
            journal: limit,
            archive: limit,
        };
        let moved = store.retire(&retention).unwrap();
        assert!(moved.archived > 10 && moved.deleted > 0, "{moved:?}");
        assert!(store.journal.state().bytes < bytes / 4);
        drop(store);
        let anew = opened(&disk, &Arc::new(InMemoryStore::new()), 2_000);
        assert_eq!(all(&anew), kept);
    }
}
