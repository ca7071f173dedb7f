//! Memory as a row of 64-bit words, each read and written atomically.
//!
//! Another process may write the same memory at any moment, so there is never a `&[u8]` over it: bytes are copied in and
//! out word by word. A copy that was torn is noticed by its generation or its MAC; it is never undefined behaviour.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bytes of a word.
pub(super) const WORD: usize = 8;
/// Bytes of a cache line; slots and control words begin at its multiples.
pub(super) const LINE: usize = 64;
/// Words of a cache line.
pub(super) const LINE_WORDS: usize = LINE / WORD;

/// Memory that threads, or processes, share.
pub trait Segment: Send + Sync {
    /// The memory.
    fn words(&self) -> &[AtomicU64];

    /// Sleeps while the low half of a word is `seen`, at most so long. It may return early for no reason.
    fn wait(&self, word: usize, seen: u32, longest: Duration);

    /// Wakes whoever sleeps over a word.
    fn wake(&self, word: usize);

    /// What another process is handed to map the same memory, where it has no name.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// Copies bytes into words; the rest of the last word becomes 0.
pub(super) fn store(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<WORD>();
    for (word, bytes) in words.iter().zip(whole) {
        word.store(u64::from_le_bytes(*bytes), Relaxed);
    }
    if !rest.is_empty()
        && let Some(word) = words.get(whole.len())
    {
        let mut last = [0; WORD];
        last[..rest.len()].copy_from_slice(rest);
        word.store(u64::from_le_bytes(last), Relaxed);
    }
}

/// Copies words out until the bytes are full.
pub(super) fn load(words: &[AtomicU64], bytes: &mut [u8]) {
    let (whole, rest) = bytes.as_chunks_mut::<WORD>();
    let count = whole.len();
    for (bytes, word) in whole.iter_mut().zip(words) {
        *bytes = word.load(Relaxed).to_le_bytes();
    }
    if let Some(word) = words.get(count) {
        let last = word.load(Relaxed).to_le_bytes();
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// Where things lie in a segment. Made from a signed address; nothing that stands in the memory is believed about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Words before the first slot.
    pub(super) head: usize,
    /// Slots.
    pub(super) slots: usize,
    /// Bytes of content in one.
    pub(super) slot_bytes: usize,
}

impl Layout {
    /// Control words of a slot: state, sleepers, two unused, MAC.
    pub(super) const STATE: usize = 0;
    pub(super) const SLEEPERS: usize = 1;
    pub(super) const MAC: usize = 4;
    const HEADER: usize = LINE_WORDS;
    const CONTENT: usize = 2 * LINE_WORDS;

    /// Words from one slot to the next.
    pub(super) fn stride(&self) -> usize {
        Self::CONTENT + self.slot_bytes.div_ceil(LINE) * LINE_WORDS
    }

    /// Words in all.
    pub(super) fn words(&self) -> usize {
        self.head + self.slots * self.stride()
    }

    /// First word of a slot.
    pub(super) fn slot(&self, slot: usize) -> usize {
        self.head + slot * self.stride()
    }

    /// The slot that begins at this byte.
    pub(super) fn slot_at(&self, offset: u64) -> Option<usize> {
        let stride = (self.stride() * WORD) as u64;
        let inside = offset.checked_sub((self.head * WORD) as u64)?;
        let slot = usize::try_from(inside / stride).ok()?;
        (inside.is_multiple_of(stride) && slot < self.slots).then_some(slot)
    }

    /// The byte at which a slot begins.
    pub(super) fn offset(&self, slot: usize) -> u64 {
        (self.slot(slot) * WORD) as u64
    }

    pub(super) fn mac(slot: &[AtomicU64]) -> &[AtomicU64] {
        &slot[Self::MAC..Self::HEADER]
    }

    pub(super) fn header(slot: &[AtomicU64]) -> &[AtomicU64] {
        &slot[Self::HEADER..Self::CONTENT]
    }

    pub(super) fn content(slot: &[AtomicU64]) -> &[AtomicU64] {
        &slot[Self::CONTENT..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in_and_no_further() {
        for length in 0..40 {
            let words: Vec<AtomicU64> = (0..5).map(|_| AtomicU64::new(u64::MAX)).collect();
            let bytes: Vec<u8> = (1..=length as u8).collect();
            store(&words, &bytes);
            let mut out = vec![0; length];
            load(&words, &mut out);
            assert_eq!(out, bytes, "{length}");
            let untouched = 5 - length.div_ceil(WORD);
            let left = words
                .iter()
                .filter(|word| word.load(Relaxed) == u64::MAX)
                .count();
            assert_eq!(left, untouched, "{length}");
        }
    }

    #[test]
    fn only_a_slots_first_byte_is_its_offset() {
        let layout = Layout {
            head: 16,
            slots: 3,
            slot_bytes: 100,
        };
        assert_eq!(layout.stride() * WORD, 64 + 64 + 128);
        let found: Vec<u64> = (0..2_000)
            .filter(|offset| layout.slot_at(*offset).is_some())
            .collect();
        assert_eq!(found, [128, 384, 640]);
        assert_eq!(layout.slot_at(u64::MAX), None);
        assert_eq!(layout.words() * WORD, 128 + 3 * 256);
    }
}
