//! What the calls of a goal may hold together, set aside before it is allocated.
//!
//! A file can ask for much more memory than it has bytes: a line of separators, a column of different cells, a query that sorts. So
//! whoever reads one sets aside what it is about to hold, piece by piece, and is refused with both numbers before the allocator is asked.
//! What was set aside goes back when it is dropped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::WorkspaceError;

/// An account of bytes that everybody with a clone of it shares.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Account>);

#[derive(Debug)]
struct Account {
    allowed: u64,
    held: AtomicU64,
    /// Whose memory this is a part of.
    within: Option<Memory>,
}

/// An account that is somebody else's; it is there as long as anybody has it.
#[derive(Clone, Debug)]
pub(crate) struct WeakMemory(Weak<Account>);

impl WeakMemory {
    pub(crate) fn is_held(&self) -> bool {
        self.0.strong_count() > 0
    }

    pub(crate) fn held(&self) -> Option<Memory> {
        self.0.upgrade().map(Memory)
    }
}

impl Memory {
    pub(crate) fn weak(&self) -> WeakMemory {
        WeakMemory(Arc::downgrade(&self.0))
    }

    /// An account of `allowed` bytes.
    #[must_use]
    pub fn of(allowed: u64) -> Self {
        Self(Arc::new(Account {
            allowed,
            held: AtomicU64::new(0),
            within: None,
        }))
    }

    /// An account of at most `allowed` bytes inside this one: what is held there is held here too.
    #[must_use]
    pub fn part(&self, allowed: u64) -> Self {
        Self(Arc::new(Account {
            allowed,
            held: AtomicU64::new(0),
            within: Some(self.clone()),
        }))
    }

    /// Bytes set aside now.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// Bytes that may be held together.
    #[must_use]
    pub fn allowed(&self) -> u64 {
        self.0.allowed
    }

    /// Sets aside `bytes` for `what`.
    ///
    /// # Errors
    /// [`WorkspaceError::OutOfMemory`], with what would be held and what is allowed.
    pub fn reserve(&self, what: &str, bytes: u64) -> Result<Reserved, WorkspaceError> {
        let mut reserved = Reserved {
            memory: self.clone(),
            what: what.to_owned(),
            bytes: 0,
        };
        reserved.grow(bytes)?;
        Ok(reserved)
    }

    fn add(&self, bytes: u64, what: &str) -> Result<(), WorkspaceError> {
        if let Some(within) = &self.0.within {
            within.add(bytes, what)?;
        }
        let fits = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= self.0.allowed);
        let added = self
            .0
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        added.map(drop).map_err(|held| {
            if let Some(within) = &self.0.within {
                within.remove(bytes);
            }
            self.refusal(what, held.saturating_add(bytes))
        })
    }

    fn remove(&self, bytes: u64) {
        self.0.held.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(within) = &self.0.within {
            within.remove(bytes);
        }
    }

    /// The refusal of `bytes` more for `what`.
    pub fn exhausted(&self, what: &str, bytes: u64) -> WorkspaceError {
        self.refusal(what, self.held().saturating_add(bytes))
    }

    fn refusal(&self, what: &str, asked: u64) -> WorkspaceError {
        WorkspaceError::OutOfMemory {
            what: what.to_owned(),
            asked,
            allowed: self.0.allowed,
            // The outermost account is the node's, the others are parts of a goal's.
            option: match self.0.within {
                None => "tools.node_memory_mb",
                Some(_) => "tools.memory_mb",
            },
        }
    }
}

/// Bytes set aside; they go back when this is dropped.
#[derive(Debug)]
pub struct Reserved {
    memory: Memory,
    what: String,
    bytes: u64,
}

impl Reserved {
    /// More room from the same account, to be given back by itself.
    pub fn beside(&self) -> Self {
        Self {
            memory: self.memory.clone(),
            what: self.what.clone(),
            bytes: 0,
        }
    }

    /// Bytes set aside here.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes over what was set aside beside this. What was set aside in another memory is given back to it instead: it cannot be held here.
    pub fn join(&mut self, mut beside: Self) {
        let bytes = std::mem::take(&mut beside.bytes);
        if Arc::ptr_eq(&self.memory.0, &beside.memory.0) {
            self.bytes += bytes;
        } else {
            beside.memory.remove(bytes);
        }
    }

    /// Sets aside so many bytes more.
    ///
    /// # Errors
    /// As [`Memory::reserve`]; what was set aside before stays so.
    pub fn grow(&mut self, bytes: u64) -> Result<(), WorkspaceError> {
        self.memory.add(bytes, &self.what)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives back so many bytes.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.memory.remove(bytes);
    }

    /// Appends to a list whose room is set aside here, in steps that are refused before they are allocated.
    pub fn push<T>(&mut self, list: &mut Vec<T>, item: T) -> Result<(), WorkspaceError> {
        if list.len() == list.capacity() {
            let (room, size) = (list.capacity(), size_of::<T>());
            let more = (room / 2).max(16);
            // While it moves, both places are held.
            self.grow(((room + more) * size) as u64)?;
            let made = list.try_reserve_exact(more);
            if made.is_err() {
                return Err(self.memory.exhausted(&self.what, (more * size) as u64));
            }
            self.shrink((room * size) as u64);
        }
        list.push(item);
        Ok(())
    }

    /// Appends to a text whose room is set aside here, in the same steps. `most` is as long as it can become.
    pub fn push_str(
        &mut self,
        text: &mut String,
        more: &str,
        most: usize,
    ) -> Result<(), WorkspaceError> {
        let (room, length) = (text.capacity(), text.len() + more.len());
        if length > room {
            let wanted = (room + room / 2).max(64).min(most).max(length);
            self.grow(wanted as u64)?;
            let made = text.try_reserve_exact(wanted - text.len());
            if made.is_err() {
                return Err(self.memory.exhausted(&self.what, (wanted - room) as u64));
            }
            self.shrink(room as u64);
        }
        text.push_str(more);
        Ok(())
    }

    /// Gives back the room of a list that is let go.
    pub fn release<T>(&mut self, list: Vec<T>) {
        self.shrink((list.capacity() * size_of::<T>()) as u64);
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.memory.remove(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_together_stays_within_what_is_allowed() {
        let node = Memory::of(100);
        let (one, two) = (node.part(80), node.part(80));
        let held = one.reserve("a.csv", 70).unwrap();
        let says = one.reserve("b.csv", 20).unwrap_err().to_string();
        assert_eq!(
            says,
            "b.csv needs 90 bytes of memory together with what is held already, at most 80 bytes are allowed; give a smaller file or raise tools.memory_mb"
        );
        let says = two.reserve("c.csv", 40).unwrap_err().to_string();
        assert_eq!(
            says,
            "c.csv needs 110 bytes of memory together with what is held already, at most 100 bytes are allowed; give a smaller file or raise tools.node_memory_mb"
        );
        assert_eq!((one.held(), two.held(), node.held()), (70, 0, 70));
        let mut more = two.reserve("c.csv", 30).unwrap();
        assert!(more.grow(1).is_err());
        let mut beside = more.beside();
        more.shrink(10);
        beside.grow(10).unwrap();
        more.join(beside);
        assert_eq!((more.bytes(), two.held()), (30, 30));
        drop(held);
        more.grow(50).unwrap();
        more.shrink(10);
        assert_eq!((one.held(), two.held(), node.held()), (0, 70, 70));
        drop(more);
        assert_eq!(node.held(), 0);
        assert!(node.reserve("d", u64::MAX).is_err());
    }

    #[test]
    fn a_list_grows_no_further_than_what_is_allowed() {
        let memory = Memory::of(10_000);
        let mut held = memory.reserve("list", 0).unwrap();
        let mut list: Vec<u64> = Vec::new();
        let refused = (0..).find(|at| held.push(&mut list, *at).is_err()).unwrap();
        assert!((400..1_250).contains(&refused), "{refused}");
        assert!(list.capacity() as u64 * 8 <= memory.held());
        held.release(list);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn a_text_grows_no_further_than_what_is_allowed_or_it_can_become() {
        let memory = Memory::of(10_000);
        let mut held = memory.reserve("text", 0).unwrap();
        let mut text = String::new();
        let refused = (0..).find(|_| held.push_str(&mut text, "ab", usize::MAX).is_err());
        assert!((1_500..5_000).contains(&refused.unwrap()), "{refused:?}");
        assert!(text.capacity() as u64 <= memory.held());
        let (mut short, before) = (String::new(), memory.held());
        for _ in 0..50 {
            held.push_str(&mut short, "ab", 100).unwrap();
        }
        assert_eq!((short.capacity(), memory.held()), (100, before + 100));
    }
}
