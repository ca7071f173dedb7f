//! A ring of chunks from one writer to one reader.
//!
//! Chunk `s` lies in slot `s % slots`; the slot's state word is `s + 1` once it is there and 0 while it is written. The
//! reader stores how far it is in `head`, which is all the writer reads of it. A writer that takes over from a dead one
//! finds its place by looking which slots are there.
//!
//! As in the pool nothing in the memory is believed. A chunk whose MAC does not fit its place and number is refused and
//! counted. It is passed over only when it is proven that the writer is beyond it, by a later chunk or by the tail, the
//! number that a writer who cannot go on leaves with a MAC of its own; else it may be one the writer is still to write. So
//! a reader does not get ahead of its writer.
//!
//! Only `head` has no proof, as a MAC for each chunk that is released would cost too much. Whoever writes over it can make
//! the writer stop, or overrun chunks that were not read, by any number of rings. Then the reader restores `head`, the
//! writer finds itself too far ahead and leaves its tail, and the reader goes on with the oldest chunk that can still be
//! there. New ends have only `head` to begin with, so a false one can put the reader ahead of the writer; then the reader
//! proves its number in the same way, and the writer goes on there. So both go on when whoever wrote over the memory has
//! stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::*, fence};
use std::time::Duration;

use aios_protocols::ports::{StreamReader, StreamWriter, TensorBusError, Wait};
use aios_protocols::tensor::{ContentType, FrameKey, FrameKind, StreamGrant, TensorHeader};

use super::process::{Peer, Sat, Seat};
use super::proof::{MAC_BYTES, Proof};
use super::segment::{LINE_WORDS, Layout, Segment, WORD, load, store};
use super::{PoolShape, fits, refuse, waiting};
use crate::Refusals;

/// Words before the first slot: how far the reader is, the writer's seat, the reader's seat, a cache line each.
pub(super) const HEAD_WORDS: usize = 3 * LINE_WORDS;
const HEAD: usize = 0;
const HEAD_SLEEPERS: usize = 1;
const WRITER: usize = LINE_WORDS;
const READER: usize = 2 * LINE_WORDS;
/// How far the writer was when it could not go on.
const TAIL: Mark = Mark {
    at: WRITER + 2,
    name: b"tail",
};
/// How far the reader was when it found `head` written over.
const RELEASED: Mark = Mark {
    at: READER + 2,
    name: b"head",
};
const PLACE_BYTES: usize = 24;
/// No stream comes that far, so a head that does was written over. Else a new writer could be made to use up the numbers.
const HEAD_END: u64 = 1 << 63;
/// What a writer puts in place of a head that it cannot understand. It fits no writer, and no reader is there.
const UNCLEAR: u64 = 3 << 62;

/// A number with a MAC of its own, which an end leaves behind its seat for the other one when they have lost each other.
#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    /// Shorter than any chunk's header, so its MAC is none of a chunk.
    name: &'static [u8],
}

impl Mark {
    fn number(self, ring: &Ring) -> &AtomicU64 {
        &ring.segment.words()[self.at]
    }

    fn mac(self, ring: &Ring) -> &[AtomicU64] {
        &ring.segment.words()[self.at + 2..self.at + 2 + MAC_BYTES / WORD]
    }

    fn proof(self, ring: &Ring) -> Proof {
        let mut proof = Proof::with(&ring.grant.key);
        proof.content(self.name);
        proof
    }

    fn leave(self, ring: &Ring, number: u64) {
        let mac = self.proof(ring).close(&[], &ring.place(number));
        store(self.mac(ring), &mac);
        // Whoever sees it sees what its writer did before, the chunks up to it above all.
        self.number(ring).store(number, Release);
    }

    /// The number, if it is beyond another and proven.
    fn beyond(self, ring: &Ring, other: u64) -> Option<u64> {
        let number = self.number(ring).load(Acquire);
        // First, as it is asked often and a proof costs.
        if number <= other {
            return None;
        }
        let mut mac = [0; MAC_BYTES];
        load(self.mac(ring), &mut mac);
        let holds = self.proof(ring).holds(&[], &ring.place(number), mac);
        if !holds {
            // A false one that stays must not cost a proof at every look; the other end leaves its own again.
            let _ = self
                .number(ring)
                .compare_exchange(number, 0, Relaxed, Relaxed);
        }
        holds.then_some(number)
    }
}

/// A ring whose ends can be taken.
#[derive(Clone)]
pub struct Ring {
    segment: Arc<dyn Segment>,
    grant: StreamGrant,
    layout: Layout,
    refusals: Refusals,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("grant", &self.grant).finish()
    }
}

impl Ring {
    pub(super) fn layout(shape: PoolShape) -> Layout {
        shape.layout(HEAD_WORDS)
    }

    pub(super) fn over(
        segment: Arc<dyn Segment>,
        grant: StreamGrant,
    ) -> Result<Self, TensorBusError> {
        let layout = Self::layout(PoolShape::of(&grant.ring).check(HEAD_WORDS)?);
        fits(segment.as_ref(), layout.words())?;
        Ok(Self {
            segment,
            grant,
            layout,
            refusals: Refusals::default(),
        })
    }

    /// Tells of each chunk that a reader taken from here on refuses.
    #[must_use]
    pub fn telling(mut self, refusals: Refusals) -> Self {
        self.refusals = refusals;
        self
    }

    /// The grant of this ring; send it to the other side as a signed message.
    pub fn grant(&self) -> &StreamGrant {
        &self.grant
    }

    /// Takes the writing end.
    ///
    /// # Errors
    /// [`TensorBusError::EndHeld`] while a living process has it.
    pub fn writer(&self) -> Result<RingWriter, TensorBusError> {
        let sat = self.take(WRITER)?;
        let head = self.claimed_head();
        // What a dead writer had signalled and the reader has not released yet is still there.
        let there = (0..self.slots()).take_while(|ahead| self.is_there(head.wrapping_add(*ahead)));
        let next = head.wrapping_add(there.count() as u64);
        Ok(RingWriter {
            ring: self.clone(),
            // A head or a state that was written over must not put it behind what the reader may have read.
            next: next.max(self.proven_end()),
            sat,
            judged: None,
            reader: Peer::default(),
        })
    }

    /// Takes the reading end, at the first chunk that was not released. If what says so was written over, at the nearest
    /// to it that can be right.
    ///
    /// # Errors
    /// [`TensorBusError::EndHeld`] while a living process has it.
    pub fn reader(&self) -> Result<RingReader, TensorBusError> {
        let sat = self.take(READER)?;
        let head = self.claimed_head();
        // More than a ring behind what is proven, it was written over. A writer that lives may prove more at any moment.
        let oldest = self.proven_end().saturating_sub(self.slots());
        Ok(RingReader {
            ring: self.clone(),
            next: head.max(oldest),
            was_read: false,
            refused: 0,
            sat,
            judged: None,
            writer: Peer::default(),
            refused_at: None,
        })
    }

    pub(super) fn segment(&self) -> &Arc<dyn Segment> {
        &self.segment
    }

    /// A ring of another key, for whoever plays a forger.
    pub(super) fn set_key(&mut self, key: FrameKey) {
        self.grant.key = key;
    }

    fn seat(&self, at: usize) -> Seat<'_> {
        let line = &self.segment.words()[at..at + LINE_WORDS];
        Seat::new(line, &self.grant.key, at)
    }

    fn take(&self, at: usize) -> Result<Sat, TensorBusError> {
        let (seen, sitter) = self.seat(at).look();
        let sat = sitter.is_gone().then(|| self.seat(at).take(seen)).flatten();
        sat.ok_or(TensorBusError::EndHeld)
    }

    fn slots(&self) -> u64 {
        self.layout.slots as u64
    }

    fn head(&self) -> &AtomicU64 {
        &self.segment.words()[HEAD]
    }

    /// Where a new end begins unless it is proven wrong.
    fn claimed_head(&self) -> u64 {
        let head = self.head().load(Acquire);
        if head < HEAD_END { head } else { 0 }
    }

    fn at(&self, chunk: u64) -> usize {
        self.layout.slot((chunk % self.slots()) as usize)
    }

    fn slot(&self, chunk: u64) -> &[AtomicU64] {
        let at = self.at(chunk);
        &self.segment.words()[at..at + self.layout.stride()]
    }

    fn state(&self, chunk: u64) -> &AtomicU64 {
        &self.slot(chunk)[Layout::STATE]
    }

    /// Says in a chunk's slot, unproven, that it is there.
    fn is_there(&self, chunk: u64) -> bool {
        self.state(chunk).load(Acquire) == chunk.wrapping_add(1)
    }

    /// Copies a chunk out and proves it.
    fn copy_out(&self, chunk: u64, into: &mut Vec<u8>) -> Result<TensorHeader, TensorBusError> {
        let words = self.slot(chunk);
        let (mut mac, mut header) = ([0; MAC_BYTES], [0; TensorHeader::BYTES]);
        load(Layout::mac(words), &mut mac);
        load(Layout::header(words), &mut header);
        // The header is not proven yet; it only says how much there is to prove.
        let decoded = TensorHeader::decode(&header).map_err(|_| TensorBusError::Forged)?;
        if decoded.content_length > self.layout.slot_bytes as u64 {
            return Err(TensorBusError::Forged);
        }
        let mut proof = Proof::with(&self.grant.key);
        let length = decoded.content_length;
        let sum = proof.copy_out(Layout::content(words), length as usize, into);
        if !proof.holds(&header, &self.place(chunk), mac) {
            return Err(TensorBusError::Forged);
        }
        decoded.check_sums(length, sum)?;
        Ok(decoded)
    }

    fn is_proven(&self, chunk: u64) -> bool {
        self.is_there(chunk) && self.copy_out(chunk, &mut Vec::new()).is_ok()
    }

    /// The least that the writer's number can be: behind the last chunk that is proven, and the tail. 0 if nothing is.
    fn proven_end(&self) -> u64 {
        let mut there: Vec<u64> = (0..self.slots())
            .filter_map(|slot| self.state(slot).load(Acquire).checked_sub(1))
            .filter(|chunk| self.is_there(*chunk))
            .collect();
        // The last first: mostly one proof is enough.
        there.sort_unstable_by_key(|chunk| std::cmp::Reverse(*chunk));
        let last = there.into_iter().find(|chunk| self.is_proven(*chunk));
        let end = last.map_or(0, |chunk| chunk.wrapping_add(1));
        TAIL.beyond(self, end).unwrap_or(end)
    }

    fn place(&self, chunk: u64) -> [u8; PLACE_BYTES] {
        let mut place = [0; PLACE_BYTES];
        place[..16].copy_from_slice(self.grant.ring.id.as_bytes());
        place[16..].copy_from_slice(&chunk.to_le_bytes());
        place
    }
}

/// The writing end of a ring.
pub struct RingWriter {
    ring: Ring,
    next: u64,
    sat: Sat,
    /// What was found in its seat last, when that was another.
    judged: Option<[u64; 2]>,
    reader: Peer,
}

impl RingWriter {
    /// The number of the chunk that is written next.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Chunks that wait for the reader.
    fn waiting(&self) -> Result<u64, TensorBusError> {
        let waiting = self.next.wrapping_sub(self.ring.head().load(Acquire));
        if waiting > self.ring.slots() {
            return Err(TensorBusError::Damaged("the ring's head"));
        }
        Ok(waiting)
    }

    /// Whether there is room for one more. If not, leaves the tail, so that the reader finds the writer whatever it sees.
    fn room(&mut self) -> Result<(), TensorBusError> {
        let (ring, slots) = (&self.ring, self.ring.layout.slots);
        if self.waiting().is_err() {
            // One is behind the reader only if it took over in a ring that was written over.
            self.next = RELEASED.beyond(ring, self.next).unwrap_or(self.next);
        }
        let refusal = match self.waiting() {
            Ok(waiting) if waiting < slots as u64 => return Ok(()),
            Ok(_) => TensorBusError::Full {
                asked: slots + 1,
                allowed: slots,
            },
            Err(damaged) => {
                if ring.head().load(Relaxed) > self.next {
                    // It may be right after all. If so, the reader restores it, and with a proof.
                    ring.head().store(UNCLEAR, Release);
                }
                damaged
            }
        };
        TAIL.leave(ring, self.next);
        Err(refusal)
    }
}

impl StreamWriter for RingWriter {
    fn write_of(
        &mut self,
        conversation: [u8; 16],
        chunk: &[u8],
        timestamp_ns: u64,
    ) -> Result<u64, TensorBusError> {
        let layout = self.ring.layout;
        if chunk.len() > layout.slot_bytes {
            return Err(TensorBusError::TooLarge {
                what: "bytes of a chunk",
                asked: chunk.len() as u64,
                allowed: layout.slot_bytes as u64,
            });
        }
        self.ring.seat(WRITER).keep(&self.sat, &mut self.judged);
        self.room()?;
        let ring = &self.ring;
        let number = self.next;
        let mut header = TensorHeader::of(
            chunk,
            FrameKind::StreamChunk,
            ContentType::Raw,
            ring.grant.sender,
            ring.grant.receiver,
        );
        header.conversation = conversation;
        header.sequence = number;
        header.timestamp_ns = timestamp_ns;
        let header = header.encode();
        let mut proof = Proof::with(&ring.grant.key);
        proof.content(chunk);
        let mac = proof.close(&header, &ring.place(number));
        let words = ring.slot(number);
        words[Layout::STATE].store(0, Relaxed);
        fence(Release);
        store(Layout::mac(words), &mac);
        store(Layout::header(words), &header);
        store(Layout::content(words), chunk);
        words[Layout::STATE].store(number.wrapping_add(1), Release);
        let at = ring.at(number);
        waiting::rouse(
            ring.segment.as_ref(),
            at + Layout::STATE,
            at + Layout::SLEEPERS,
        );
        self.next = number.wrapping_add(1);
        Ok(number)
    }

    fn wait(&mut self, how: Wait, longest: Duration) -> Result<(), TensorBusError> {
        // Whatever it says: here it is only to leave the tail.
        let _ = self.room();
        let (ring, slots) = (&self.ring, self.ring.slots());
        let mut reader = self.reader;
        let outcome = waiting::until(
            ring.segment.as_ref(),
            HEAD,
            HEAD_SLEEPERS,
            how,
            longest,
            || match self.waiting() {
                Ok(waiting) if waiting == slots => None,
                outcome => Some(outcome.map(drop)),
            },
            || {
                // Again and again, as they may be written over while it waits.
                ring.seat(WRITER).keep(&self.sat, &mut None);
                TAIL.leave(ring, self.next);
                reader.is_gone(ring.seat(READER))
            },
        );
        self.reader = reader;
        outcome?
    }
}

impl Drop for RingWriter {
    fn drop(&mut self) {
        self.ring.seat(WRITER).clear();
    }
}

/// The reading end of a ring.
pub struct RingReader {
    ring: Ring,
    next: u64,
    was_read: bool,
    refused: u64,
    /// The chunk that was refused last and not passed over, so that it is counted once.
    refused_at: Option<u64>,
    sat: Sat,
    /// What was found in its seat last, when that was another.
    judged: Option<[u64; 2]>,
    writer: Peer,
}

/// What the slot of the next chunk looks like.
#[derive(PartialEq, Eq)]
enum Next {
    There,
    NotYet,
    /// The writer is proven to be beyond it, and yet it is not there: somebody wrote over it.
    Lost,
}

impl RingReader {
    /// Times that chunks were refused because they were not what the writer wrote; a row of chunks that the writer overran
    /// counts once.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn look(&self) -> Next {
        let (ring, next) = (&self.ring, self.next);
        let refused = self.refused_at == Some(next);
        if ring.is_there(next) && (!refused || ring.is_proven(next)) {
            return Next::There;
        }
        // It is looked at again, as it may have come between the two looks.
        if self.passed().is_some() && (refused || !ring.is_there(next)) {
            return Next::Lost;
        }
        if ring.head().load(Relaxed) != next {
            // Somebody wrote over it, and the writer does not go on until it is right.
            RELEASED.leave(ring, next);
            self.tell_head();
        }
        Next::NotYet
    }

    /// Where to go on, if the writer is proven to be beyond the next chunk.
    fn passed(&self) -> Option<u64> {
        let (ring, slots) = (&self.ring, self.ring.slots());
        let following = self.next.wrapping_add(1);
        // The writer's own word is needed when every slot was written over. It is further than a ring if the head was, and the
        // writer overran what was not read.
        if let Some(tail) = TAIL.beyond(ring, self.next) {
            return Some(following.max(tail.saturating_sub(slots)));
        }
        let mut later = (1..slots).map(|ahead| self.next.wrapping_add(ahead));
        // In order these two come later, so each is a hint that is worth the look at all.
        let last = self.next.wrapping_add(slots - 1);
        let hint =
            self.refused_at == Some(self.next) || ring.is_there(following) || ring.is_there(last);
        (hint && later.any(|chunk| ring.is_proven(chunk))).then_some(following)
    }

    fn advance(&mut self, to: u64) {
        self.next = to;
        self.was_read = false;
        self.refused_at = None;
        self.tell_head();
    }

    fn tell_head(&self) {
        self.ring.head().store(self.next, Release);
        waiting::rouse(self.ring.segment.as_ref(), HEAD, HEAD_SLEEPERS);
    }

    fn refuse(&mut self, error: &TensorBusError) {
        if self.refused_at != Some(self.next) {
            self.refused += 1;
            refuse(&self.ring.refusals, error, "a chunk");
            self.refused_at = Some(self.next);
        }
        if let Some(to) = self.passed() {
            self.advance(to);
        }
    }
}

impl StreamReader for RingReader {
    fn read(&mut self, into: &mut Vec<u8>) -> Result<Option<TensorHeader>, TensorBusError> {
        into.clear();
        self.ring.seat(READER).keep(&self.sat, &mut self.judged);
        let outcome = match self.look() {
            Next::NotYet => return Ok(None),
            Next::There => self.ring.copy_out(self.next, into),
            Next::Lost => Err(TensorBusError::Forged),
        };
        match outcome {
            Ok(header) => {
                self.was_read = true;
                Ok(Some(header))
            }
            Err(error) => {
                into.clear();
                self.refuse(&error);
                Err(error)
            }
        }
    }

    fn release(&mut self) {
        if self.was_read {
            self.advance(self.next.wrapping_add(1));
        }
    }

    fn wait(&mut self, how: Wait, longest: Duration) -> Result<(), TensorBusError> {
        let at = self.ring.at(self.next);
        let mut writer = self.writer;
        let outcome = waiting::until(
            self.ring.segment.as_ref(),
            at + Layout::STATE,
            at + Layout::SLEEPERS,
            how,
            longest,
            || match self.look() {
                Next::NotYet => None,
                Next::There | Next::Lost => Some(()),
            },
            || {
                self.ring.seat(READER).keep(&self.sat, &mut None);
                writer.is_gone(self.ring.seat(WRITER))
            },
        );
        self.writer = writer;
        outcome
    }
}

impl Drop for RingReader {
    fn drop(&mut self) {
        self.ring.seat(READER).clear();
    }
}

#[cfg(test)]
mod tests;
