//! What is written and not yet lasting, in front of what is: pure, so that its order can be tried out as a table.
//!
//! A write is seen at once by whoever reads, waits in the batch of its turn for the journal, and reaches the view only when the journal
//! has it. So the view is never ahead of the journal, and one that is lost can be made again from it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

/// A value, or none where the key is to be gone.
pub(super) type Value = Option<Vec<u8>>;

/// Writes of one turn, the last of each key.
pub(super) type Batch = BTreeMap<Vec<u8>, Value>;

/// Writes on their way.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// What was written since the last turn was closed.
    open: Batch,
    /// Bytes of the keys and values in it.
    open_bytes: usize,
    /// Turns that were handed to the journal, oldest first.
    closed: VecDeque<Turn>,
    /// The last turn that was closed.
    last: u64,
    /// The last turn that the view has.
    landed: u64,
}

#[derive(Debug)]
struct Turn {
    number: u64,
    writes: Arc<Batch>,
}

impl Overlay {
    /// A write over whatever is there.
    pub(super) fn write(&mut self, key: &[u8], value: Value) {
        self.open_bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        if let Some(before) = self.open.insert(key.to_vec(), value) {
            self.open_bytes -= key.len() + before.map_or(0, |before| before.len());
        }
    }

    /// Whether the turn holds as much as one may, in bytes or in writes.
    pub(super) fn is_full(&self, bytes: usize, writes: usize) -> bool {
        self.open_bytes >= bytes || self.open.len() >= writes
    }

    /// What is written to a key here; none if nothing is, and the view has it.
    pub(super) fn get(&self, key: &[u8]) -> Option<&Value> {
        let closed = || {
            let newest_first = self.closed.iter().rev();
            newest_first.map(|turn| &*turn.writes)
        };
        std::iter::once(&self.open)
            .chain(closed())
            .find_map(|writes| writes.get(key))
    }

    /// All that is written here to keys behind `from` that begin with `prefix`, the newest of each key.
    pub(super) fn within(&self, prefix: &[u8], from: Bound<&[u8]>) -> BTreeMap<&[u8], &Value> {
        let mut found = BTreeMap::new();
        let oldest_first = self.closed.iter().map(|turn| &*turn.writes);
        for writes in oldest_first.chain([&self.open]) {
            let range = writes.range::<[u8], _>((from, Bound::Unbounded));
            let begins = range.take_while(|(key, _)| key.starts_with(prefix));
            found.extend(begins.map(|(key, value)| (key.as_slice(), value)));
        }
        found
    }

    /// Ends the turn. Its writes go to the journal before anything of the next one does; none if nothing was written.
    pub(super) fn close(&mut self) -> Option<&Batch> {
        if self.open.is_empty() {
            return None;
        }
        self.last += 1;
        self.open_bytes = 0;
        self.closed.push_back(Turn {
            number: self.last,
            writes: Arc::new(std::mem::take(&mut self.open)),
        });
        self.closed.back().map(|turn| &*turn.writes)
    }

    /// The writes of all turns that the view does not have, oldest first.
    pub(super) fn closed(&self) -> impl Iterator<Item = &Batch> {
        self.closed.iter().map(|turn| &*turn.writes)
    }

    /// The last turn that was closed; zero before the first.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether the view has this turn.
    pub(super) fn has_landed(&self, turn: u64) -> bool {
        self.landed >= turn
    }

    /// The writes of the oldest turn that the view does not have.
    pub(super) fn oldest(&self) -> Option<Arc<Batch>> {
        self.closed.front().map(|turn| Arc::clone(&turn.writes))
    }

    /// The view has the oldest turn now.
    pub(super) fn landed(&mut self) {
        if let Some(turn) = self.closed.pop_front() {
            self.landed = turn.number;
        }
    }
}

/// One page out of what the view has and what lies in front of it, in key order.
pub(super) fn merged(
    view: Vec<(Vec<u8>, Vec<u8>)>,
    over: &BTreeMap<&[u8], &Value>,
    end: Bound<&[u8]>,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut page: BTreeMap<Vec<u8>, Vec<u8>> = view.into_iter().collect();
    for (key, value) in over.range::<[u8], _>((Bound::Unbounded, end)) {
        match value {
            Some(value) => page.insert(key.to_vec(), value.clone()),
            None => page.remove(*key),
        };
    }
    page.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        (!text.is_empty()).then(|| text.as_bytes().to_vec())
    }

    #[test]
    fn the_newest_write_of_a_key_is_seen_whatever_turn_it_is_in() {
        let mut overlay = Overlay::default();
        overlay.write(b"a", value("1"));
        overlay.write(b"b", value("1"));
        assert!(overlay.close().is_some());
        overlay.write(b"a", value("2"));
        assert!(overlay.close().is_some());
        overlay.write(b"b", value(""));
        assert_eq!(overlay.get(b"a"), Some(&value("2")));
        assert_eq!(overlay.get(b"b"), Some(&None), "gone, and not unknown");
        assert_eq!(overlay.get(b"c"), None);
        let seen = overlay.within(b"", Bound::Unbounded);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[b"a".as_slice()], &value("2"));
    }

    #[test]
    fn turns_land_in_their_order() {
        let mut overlay = Overlay::default();
        assert!(overlay.close().is_none(), "nothing was written");
        overlay.write(b"a", value("1"));
        overlay.close();
        overlay.write(b"a", value("2"));
        overlay.close();
        assert_eq!(overlay.last(), 2);
        assert_eq!(overlay.oldest().unwrap()[b"a".as_slice()], value("1"));
        overlay.landed();
        assert!(overlay.has_landed(1) && !overlay.has_landed(2));
        assert_eq!(
            overlay.get(b"a"),
            Some(&value("2")),
            "the view has the older one"
        );
        assert_eq!(overlay.oldest().unwrap()[b"a".as_slice()], value("2"));
        overlay.landed();
        assert_eq!(overlay.get(b"a"), None, "the view has it");
        assert!(overlay.oldest().is_none());
    }

    #[test]
    fn a_turn_is_full_by_its_bytes_or_by_its_writes() {
        let mut overlay = Overlay::default();
        overlay.write(b"ab", value("123"));
        overlay.write(b"ab", value("1"));
        assert!(
            overlay.is_full(3, 9) && !overlay.is_full(4, 9),
            "the last write of a key counts"
        );
        overlay.write(b"ab", value(""));
        assert!(overlay.is_full(2, 9) && !overlay.is_full(3, 9));
        assert!(overlay.is_full(9, 1));
        overlay.close();
        assert!(!overlay.is_full(1, 1));
    }
}
