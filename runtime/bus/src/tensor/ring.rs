//! A ring of chunks from one writer to one reader.
//!
//! Chunk `s` lies in slot `s % slots`; the slot's state word is `s + 1` once it is there and 0 while it is written. The
//! reader stores how far it is in `head`, which is all the writer reads of it. There is no `tail`: a writer that takes
//! over from a dead one finds it by looking which slots are there.
//!
//! As in the pool nothing in the memory is believed. A chunk whose MAC does not fit its place and number is refused and
//! counted. It is passed over only when it is proven that the writer is beyond it, by a later chunk or by the number that
//! a writer who finds the ring full leaves with a MAC of its own; else it may be one the writer is still to write. So the
//! reader is never ahead of the writer, and both go on when whoever wrote over the memory has stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::*, fence};
use std::time::Duration;

use aios_protocols::ports::{StreamReader, StreamWriter, TensorBusError, Wait};
use aios_protocols::tensor::{ContentType, FrameKey, FrameKind, StreamGrant, TensorHeader};

use super::process::{Seat, Sitter};
use super::proof::{MAC_BYTES, Proof};
use super::segment::{LINE_WORDS, Layout, Segment, load, store};
use super::{METRIC_REFUSED, PoolShape, fits, reason, waiting};

/// Words before the first slot: how far the reader is, the writer's seat, the reader's seat, a cache line each.
pub(super) const HEAD_WORDS: usize = 3 * LINE_WORDS;
const HEAD: usize = 0;
const HEAD_SLEEPERS: usize = 1;
const WRITER: usize = LINE_WORDS;
const READER: usize = 2 * LINE_WORDS;
/// The writer's number and its MAC, behind its seat.
const TAIL: usize = WRITER + 2;
const TAIL_MAC: usize = WRITER + 4;
const TAIL_WORDS: &[u8] = b"tail";
const PLACE_BYTES: usize = 24;

/// A ring whose ends can be taken.
#[derive(Clone)]
pub struct Ring {
    segment: Arc<dyn Segment>,
    grant: StreamGrant,
    layout: Layout,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("grant", &self.grant).finish()
    }
}

impl Ring {
    pub(super) fn layout(shape: PoolShape) -> Layout {
        Layout {
            head: HEAD_WORDS,
            slots: shape.slots as usize,
            slot_bytes: shape.slot_bytes as usize,
        }
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
        })
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
        self.take(WRITER)?;
        let head = self.head().load(Acquire);
        let slots = self.layout.slots as u64;
        // What a dead writer had signalled and the reader has not released yet is still there.
        let there = (0..slots).take_while(|ahead| {
            let next = head.wrapping_add(*ahead);
            self.state(next).load(Acquire) == next.wrapping_add(1)
        });
        let next = head.wrapping_add(there.count() as u64);
        Ok(RingWriter {
            ring: self.clone(),
            next,
        })
    }

    /// Takes the reading end, at the first chunk that was not released.
    ///
    /// # Errors
    /// [`TensorBusError::EndHeld`] while a living process has it.
    pub fn reader(&self) -> Result<RingReader, TensorBusError> {
        self.take(READER)?;
        let next = self.head().load(Acquire);
        Ok(RingReader {
            ring: self.clone(),
            next,
            was_read: false,
            refused: 0,
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
        let words = self.segment.words();
        Seat {
            holder: &words[at],
            start: &words[at + 1],
        }
    }

    fn take(&self, at: usize) -> Result<(), TensorBusError> {
        let (seen, sitter) = self.seat(at).look();
        if sitter != Sitter::Alive && self.seat(at).take(seen) {
            Ok(())
        } else {
            Err(TensorBusError::EndHeld)
        }
    }

    fn head(&self) -> &AtomicU64 {
        &self.segment.words()[HEAD]
    }

    fn at(&self, chunk: u64) -> usize {
        self.layout
            .slot((chunk % self.layout.slots as u64) as usize)
    }

    fn slot(&self, chunk: u64) -> &[AtomicU64] {
        let at = self.at(chunk);
        &self.segment.words()[at..at + self.layout.stride()]
    }

    fn state(&self, chunk: u64) -> &AtomicU64 {
        &self.slot(chunk)[Layout::STATE]
    }

    fn leave_tail(&self, next: u64) {
        let mac = self.tail_proof().close(&[], &self.place(next));
        let words = self.segment.words();
        words[TAIL].store(next, Relaxed);
        store(&words[TAIL_MAC..READER], &mac);
    }

    /// How far the writer was when it last found the ring full, if that can be proven.
    fn proven_tail(&self) -> Option<u64> {
        let words = self.segment.words();
        let next = words[TAIL].load(Relaxed);
        let mut mac = [0; MAC_BYTES];
        load(&words[TAIL_MAC..READER], &mut mac);
        self.tail_proof()
            .holds(&[], &self.place(next), mac)
            .then_some(next)
    }

    /// Shorter than that of any chunk, so it is none of a chunk.
    fn tail_proof(&self) -> Proof {
        let mut proof = Proof::with(&self.grant.key);
        proof.content(TAIL_WORDS);
        proof
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
}

impl RingWriter {
    /// The number of the chunk that is written next.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// Chunks that wait for the reader.
    fn waiting(&self) -> Result<u64, TensorBusError> {
        let waiting = self.next.wrapping_sub(self.ring.head().load(Acquire));
        if waiting > self.ring.layout.slots as u64 {
            return Err(TensorBusError::Damaged("the ring's head"));
        }
        Ok(waiting)
    }
}

impl StreamWriter for RingWriter {
    fn write(&mut self, chunk: &[u8], timestamp_ns: u64) -> Result<u64, TensorBusError> {
        let (ring, layout) = (&self.ring, &self.ring.layout);
        if chunk.len() > layout.slot_bytes {
            return Err(TensorBusError::TooLarge {
                what: "bytes of a chunk",
                asked: chunk.len() as u64,
                allowed: layout.slot_bytes as u64,
            });
        }
        if self.waiting()? == layout.slots as u64 {
            ring.leave_tail(self.next);
            return Err(TensorBusError::Full {
                asked: layout.slots + 1,
                allowed: layout.slots,
            });
        }
        let number = self.next;
        let mut header = TensorHeader::of(
            chunk,
            FrameKind::StreamChunk,
            ContentType::Raw,
            ring.grant.sender,
            ring.grant.receiver,
        );
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
        let slots = self.ring.layout.slots as u64;
        if self.waiting() == Ok(slots) {
            self.ring.leave_tail(self.next);
        }
        waiting::until(
            self.ring.segment.as_ref(),
            HEAD,
            HEAD_SLEEPERS,
            how,
            longest,
            || match self.waiting() {
                Ok(waiting) if waiting == slots => None,
                outcome => Some(outcome.map(drop)),
            },
            || self.ring.seat(READER).look().1 == Sitter::Dead,
        )?
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
    /// Chunks that were refused because they were not what the writer wrote.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn is_there(&self, chunk: u64) -> bool {
        self.ring.state(chunk).load(Acquire) == chunk.wrapping_add(1)
    }

    fn look(&self) -> Next {
        if self.is_there(self.next) {
            if self.refused_at != Some(self.next)
                || self.copy_out(self.next, &mut Vec::new()).is_ok()
            {
                return Next::There;
            }
        } else {
            // In order these come later, so each is a hint that is worth a proof. The writer's own word is needed when every slot was
            // written over: then it finds the ring full, and nothing else tells that it is beyond.
            let slots = self.ring.layout.slots as u64;
            let last = self.next.wrapping_add(slots - 1);
            let tail = self.ring.segment.words()[TAIL].load(Relaxed);
            let beyond = (1..=slots).contains(&tail.wrapping_sub(self.next));
            if !beyond && !self.is_there(self.next.wrapping_add(1)) && !self.is_there(last) {
                return Next::NotYet;
            }
        }
        let lost = self.is_passed() && !self.is_there(self.next);
        if lost || (self.refused_at == Some(self.next) && self.is_passed()) {
            return Next::Lost;
        }
        Next::NotYet
    }

    /// Whether the writer is proven to be beyond the next chunk.
    fn is_passed(&self) -> bool {
        let slots = self.ring.layout.slots as u64;
        let beyond = |chunk: u64| (1..=slots).contains(&chunk.wrapping_sub(self.next));
        self.ring.proven_tail().is_some_and(beyond)
            || (1..slots)
                .map(|ahead| self.next.wrapping_add(ahead))
                .any(|chunk| self.is_there(chunk) && self.copy_out(chunk, &mut Vec::new()).is_ok())
    }

    fn copy_out(&self, chunk: u64, into: &mut Vec<u8>) -> Result<TensorHeader, TensorBusError> {
        let ring = &self.ring;
        let words = ring.slot(chunk);
        let (mut mac, mut header) = ([0; MAC_BYTES], [0; TensorHeader::BYTES]);
        load(Layout::mac(words), &mut mac);
        load(Layout::header(words), &mut header);
        // The header is not proven yet; it only says how much there is to prove.
        let decoded = TensorHeader::decode(&header).map_err(|_| TensorBusError::Forged)?;
        if decoded.content_length > ring.layout.slot_bytes as u64 {
            return Err(TensorBusError::Forged);
        }
        into.resize(decoded.content_length as usize, 0);
        load(Layout::content(words), into);
        let mut proof = Proof::with(&ring.grant.key);
        proof.content(into);
        if !proof.holds(&header, &ring.place(chunk), mac) {
            return Err(TensorBusError::Forged);
        }
        decoded.check(into)?;
        Ok(decoded)
    }

    fn advance(&mut self) {
        self.next = self.next.wrapping_add(1);
        self.was_read = false;
        self.refused_at = None;
        self.ring.head().store(self.next, Release);
        waiting::rouse(self.ring.segment.as_ref(), HEAD, HEAD_SLEEPERS);
    }

    fn refuse(&mut self, error: &TensorBusError) {
        if self.refused_at != Some(self.next) {
            self.refused += 1;
            metrics::counter!(METRIC_REFUSED, "reason" => reason(error)).increment(1);
            self.refused_at = Some(self.next);
        }
        if self.is_passed() {
            self.advance();
        }
    }
}

impl StreamReader for RingReader {
    fn read(&mut self, into: &mut Vec<u8>) -> Result<Option<TensorHeader>, TensorBusError> {
        into.clear();
        let outcome = match self.look() {
            Next::NotYet => {
                if self.ring.head().load(Relaxed) != self.next {
                    // Somebody wrote over it, and the writer refuses to go on until it is right.
                    self.ring.head().store(self.next, Release);
                }
                return Ok(None);
            }
            Next::There => self.copy_out(self.next, into),
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
            self.advance();
        }
    }

    fn wait(&mut self, how: Wait, longest: Duration) -> Result<(), TensorBusError> {
        let at = self.ring.at(self.next);
        waiting::until(
            self.ring.segment.as_ref(),
            at + Layout::STATE,
            at + Layout::SLEEPERS,
            how,
            longest,
            || match self.look() {
                Next::NotYet => None,
                Next::There | Next::Lost => Some(()),
            },
            || self.ring.seat(WRITER).look().1 == Sitter::Dead,
        )
    }
}

impl Drop for RingReader {
    fn drop(&mut self) {
        self.ring.seat(READER).clear();
    }
}
