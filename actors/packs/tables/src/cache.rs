//! What was loaded once and is used again: parsed tables and databases.
//!
//! One caller at a time has an entry; the others wait for their turn and look at their own clock and cancel flag meanwhile. So a file is
//! read once even when several tasks ask for it at the same moment.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Error;
use aios_tools::Check;

/// How long a waiter sleeps between two looks at its clock, unless it is woken first.
const LOOK: Duration = Duration::from_millis(20);

/// The last few entries used, by key.
pub(crate) struct Cache<K, V> {
    capacity: usize,
    /// The least recently used first.
    entries: Mutex<Vec<(K, Arc<Entry<V>>)>>,
}

impl<K: PartialEq, V> Cache<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            entries: Mutex::default(),
        }
    }

    /// The entry for `key`, empty if it is new. The least recently used one is forgotten when there are too many; whoever still has it
    /// keeps it.
    pub(crate) fn entry(&self, key: K) -> Arc<Entry<V>> {
        let mut entries = lock(&self.entries);
        let known = entries
            .iter()
            .position(|(other, _)| *other == key)
            .map(|at| entries.remove(at));
        let (key, entry) = known.unwrap_or_else(|| (key, Arc::default()));
        entries.push((key, Arc::clone(&entry)));
        let surplus = entries.len().saturating_sub(self.capacity);
        entries.drain(..surplus);
        entry
    }

    /// Forgets one entry; whoever has it keeps it.
    pub(crate) fn forget(&self, key: &K) {
        lock(&self.entries).retain(|(other, _)| other != key);
    }

    /// Forgets all other entries; gives whether there were any.
    pub(crate) fn keep_only(&self, key: &K) -> bool {
        let mut entries = lock(&self.entries);
        let before = entries.len();
        entries.retain(|(other, _)| other == key);
        entries.len() < before
    }

    /// Forgets everything that nobody has now.
    pub(crate) fn clear(&self) {
        lock(&self.entries).clear();
    }
}

/// One value, or room for it, and whose turn it is.
pub(crate) struct Entry<V> {
    state: Mutex<State<V>>,
    freed: Condvar,
}

struct State<V> {
    taken: bool,
    value: Option<V>,
}

impl<V> Default for Entry<V> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                taken: false,
                value: None,
            }),
            freed: Condvar::new(),
        }
    }
}

impl<V> Entry<V> {
    /// Waits for the turn, as long as `check` allows.
    pub(crate) fn take(&self, check: Check<'_>) -> Result<Turn<'_, V>, Error> {
        let mut state = lock(&self.state);
        while state.taken {
            check()?;
            state = self
                .freed
                .wait_timeout(state, LOOK)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        state.taken = true;
        let value = state.value.take();
        Ok(Turn { entry: self, value })
    }
}

/// The right to use an entry; given back when dropped.
pub(crate) struct Turn<'e, V> {
    entry: &'e Entry<V>,
    value: Option<V>,
}

impl<V> Deref for Turn<'_, V> {
    type Target = Option<V>;

    fn deref(&self) -> &Option<V> {
        &self.value
    }
}

impl<V> DerefMut for Turn<'_, V> {
    fn deref_mut(&mut self) -> &mut Option<V> {
        &mut self.value
    }
}

impl<V> Drop for Turn<'_, V> {
    fn drop(&mut self) {
        let mut state = lock(&self.entry.state);
        state.taken = false;
        state.value = self.value.take();
        self.entry.freed.notify_one();
    }
}

/// A panic elsewhere leaves the state whole: it is only ever replaced in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use aios_work::Stopped;

    use super::*;
    use aios_tools::WorkspaceError;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn many_askers_load_once() {
        let cache: Cache<u8, usize> = Cache::new(2);
        let loads = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let entry = cache.entry(1);
                    let mut turn = entry.take(&|| Ok(())).unwrap();
                    assert_eq!(
                        *turn.get_or_insert_with(|| loads.fetch_add(1, Ordering::Relaxed)),
                        0
                    );
                });
            }
        });
        assert_eq!(loads.into_inner(), 1);
    }

    #[test]
    fn the_least_recently_used_is_forgotten() {
        let cache: Cache<u8, u8> = Cache::new(2);
        let put = |key| {
            *cache
                .entry(key)
                .take(&|| Ok(()))
                .unwrap()
                .get_or_insert(key)
        };
        let has = |key| cache.entry(key).take(&|| Ok(())).unwrap().is_some();
        for key in [1, 2, 1, 3] {
            put(key);
        }
        assert!(has(3) && has(1) && !has(2));
    }

    #[test]
    fn a_waiter_leaves_when_it_is_cancelled() {
        let entry: Entry<u8> = Entry::default();
        let _held = entry.take(&|| Ok(())).unwrap();
        assert!(matches!(
            entry.take(&|| Err(Stopped::Cancelled)),
            Err(Error::Workspace(WorkspaceError::Stopped(
                Stopped::Cancelled
            )))
        ));
    }
}
