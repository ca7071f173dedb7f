//! A pool of slots: each end of it allocates, writes and publishes frames of its own, and reads and releases those it was
//! granted.
//!
//! Nothing that stands in the memory is believed. Sizes come from the signed address; an index from the memory is checked
//! before it is used; content leaves only when its MAC fits the granted key, the place and the generation; and this end
//! never gives out a generation twice, whatever the memory says. What somebody with write access can do is to make frames
//! be refused, which is noticed and told.

mod frames;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*, fence};

use aios_protocols::ports::TensorBusError;
use aios_protocols::tensor::{FrameKey, PoolAddress, TensorGrant, TensorHandle, TensorHeader};

use super::PoolShape;
use super::observer::{SlotObserver, Watch};
use super::process::{Sat, Seat, Sitter};
use super::proof::{MAC_BYTES, Proof};
use super::segment::{LINE_WORDS, Layout, Segment, load};
use super::state::{LEASES, Phase, State, owner_of};
use super::waiting;
use crate::Refusals;

/// Words before the first slot: the sweeper's seat, then one seat for each lease, a cache line each.
pub(super) const HEAD_WORDS: usize = (1 + LEASES) * LINE_WORDS;
const SWEEPER: usize = 0;

/// One end of a pool.
pub struct TensorPool {
    segment: Arc<dyn Segment>,
    address: PoolAddress,
    layout: Layout,
    lease: u8,
    sat: Sat,
    secret: FrameKey,
    /// Guards the seats. Made of the pool's id, which every end knows: it tells what an end wrote from what it did not.
    seats: FrameKey,
    /// Latest generation of each slot that this end has seen or given out.
    floor: Box<[AtomicU64]>,
    cursor: AtomicUsize,
    watch: Option<Watch>,
    refusals: Refusals,
}

/// A pool in numbers, counted when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolView {
    /// Slots.
    pub slots: usize,
    /// Those that somebody has.
    pub in_use: usize,
    /// Those whose control word was written over; they stay out of use.
    pub damaged: usize,
}

impl TensorPool {
    pub(super) fn layout(shape: PoolShape) -> Layout {
        shape.layout(HEAD_WORDS)
    }

    /// Takes an end of a pool.
    pub(super) fn over(
        segment: Arc<dyn Segment>,
        address: PoolAddress,
        secret: FrameKey,
    ) -> Result<Self, TensorBusError> {
        let layout = Self::layout(PoolShape::of(&address).check(HEAD_WORDS)?);
        super::fits(segment.as_ref(), layout.words())?;
        let seats = FrameKey::from_bytes(*blake3::hash(address.id.as_bytes()).as_bytes());
        // The seat comes first: an end that is dropped clears its seat, so there must be none without one.
        let free = || {
            (0..LEASES).find_map(|lease| {
                let sat = seat(segment.as_ref(), &seats, 1 + lease).take(0)?;
                Some((lease, sat))
            })
        };
        let taken = free().or_else(|| {
            sweep(segment.as_ref(), &seats, layout, |_, _| {});
            free()
        });
        let Some((lease, sat)) = taken else {
            return Err(TensorBusError::TooLarge {
                what: "ends of one pool",
                asked: LEASES as u64 + 1,
                allowed: LEASES as u64,
            });
        };
        Ok(Self {
            segment,
            address,
            layout,
            lease: lease as u8,
            sat,
            secret,
            seats,
            floor: (0..layout.slots).map(|_| AtomicU64::new(0)).collect(),
            cursor: AtomicUsize::new(lease * layout.slots / LEASES),
            watch: None,
            refusals: Refusals::default(),
        })
    }

    /// Another end in the same process, with a secret of its own.
    ///
    /// # Errors
    /// [`TensorBusError::TooLarge`] if the pool has as many ends as it can.
    pub fn join(&self, secret: [u8; 32]) -> Result<Self, TensorBusError> {
        Self::over(
            Arc::clone(&self.segment),
            self.address.clone(),
            FrameKey::from_bytes(secret),
        )
    }

    /// Tells an observer what happens to the slots from now on, and asks it which may be given out by this end.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn SlotObserver>) -> Self {
        self.watch = Some(Watch::new(observer, self.layout.slots));
        self
    }

    /// Tells of each frame that this end refuses to read.
    #[must_use]
    pub fn telling(mut self, refusals: Refusals) -> Self {
        self.refusals = refusals;
        self
    }

    /// The number by which observers know this end.
    pub fn owner(&self) -> u32 {
        owner_of(self.lease)
    }

    /// Tells the observer what other ends did since the last look. A lease that began and ended between two looks is not
    /// seen.
    pub fn look_around(&self) {
        for slot in 0..self.layout.slots {
            if let Some(state) = self.state(slot) {
                self.note(slot, state, false);
            }
        }
    }

    /// Tells the observer this slot anew at the next look, because what stood for it was born again.
    pub fn tell_anew(&self, slot: u32) {
        if let Some(watch) = &self.watch
            && (slot as usize) < self.layout.slots
        {
            watch.forget(slot as usize);
        }
    }

    /// The pool in numbers.
    pub fn view(&self) -> PoolView {
        let mut view = PoolView {
            slots: self.layout.slots,
            ..PoolView::default()
        };
        for slot in 0..self.layout.slots {
            match self.state(slot) {
                Some(state) if !self.is_sound(slot, state) => view.damaged += 1,
                Some(state) => view.in_use += usize::from(state.phase != Phase::Free),
                None => view.damaged += 1,
            }
        }
        view
    }

    pub(super) fn segment(&self) -> &Arc<dyn Segment> {
        &self.segment
    }

    pub(super) fn words(&self, slot: usize) -> &[AtomicU64] {
        let at = self.layout.slot(slot);
        &self.segment.words()[at..at + self.layout.stride()]
    }

    fn word(&self, slot: usize) -> &AtomicU64 {
        &self.words(slot)[Layout::STATE]
    }

    fn state(&self, slot: usize) -> Option<State> {
        State::read(self.word(slot).load(Acquire))
    }

    /// A generation that this end has seen pass cannot come again, unless somebody wrote over the word.
    fn is_sound(&self, slot: usize, state: State) -> bool {
        state.generation >= self.floor[slot].load(Relaxed)
    }

    fn seat(&self, number: usize) -> Seat<'_> {
        seat(self.segment.as_ref(), &self.seats, number)
    }

    /// Sits down again if somebody wrote over this end's seat, so that nobody takes it for dead.
    fn keep_seat(&self) {
        self.seat(1 + usize::from(self.lease))
            .keep(&self.sat, &mut None);
    }

    pub(super) fn change(&self, slot: usize, from: State, to: State) -> bool {
        let changed = self
            .word(slot)
            .compare_exchange(from.bits(), to.bits(), AcqRel, Relaxed)
            .is_ok();
        if changed {
            self.floor[slot].fetch_max(to.generation, Relaxed);
        }
        changed
    }

    pub(super) fn note(&self, slot: usize, state: State, reclaimed: bool) {
        if let Some(watch) = &self.watch {
            watch.note(slot, state, reclaimed);
        }
    }

    /// A free slot for this end; also whether damaged ones were passed over.
    fn lease_one(&self) -> (Option<(usize, State)>, bool) {
        let (slots, mut damaged) = (self.layout.slots, false);
        let begin = self.cursor.load(Relaxed);
        for step in 0..slots {
            let slot = (begin + step) % slots;
            let Some(state) = self.state(slot) else {
                damaged = true;
                continue;
            };
            let Some(next) = state.lease_to(self.lease) else {
                continue;
            };
            if !self.is_sound(slot, state) {
                damaged = true;
                continue;
            }
            if self
                .watch
                .as_ref()
                .is_some_and(|watch| !watch.may_lease(slot))
            {
                continue;
            }
            if self.change(slot, state, next) {
                self.cursor.store((slot + 1) % slots, Relaxed);
                return (Some((slot, next)), damaged);
            }
        }
        (None, damaged)
    }

    /// The slot a grant names, once grant and pool agree.
    fn find(&self, grant: &TensorGrant) -> Result<usize, TensorBusError> {
        grant.check()?;
        if grant.pool != self.address {
            return Err(TensorBusError::WrongGrant(
                "it describes another pool".into(),
            ));
        }
        let handle = &grant.handle;
        let out = TensorBusError::OutOfBounds {
            offset: handle.offset,
            length: handle.length,
        };
        if handle.length > self.layout.slot_bytes as u64 {
            return Err(out);
        }
        self.layout.slot_at(handle.offset).ok_or(out)
    }

    /// The state of a granted frame, if it is published and not somebody else's.
    fn readable(&self, slot: usize, handle: &TensorHandle) -> Result<State, TensorBusError> {
        let state = self.state(slot).ok_or(TensorBusError::Damaged("a slot"))?;
        if state.generation != handle.generation {
            return Err(TensorBusError::Stale);
        }
        match state.phase {
            Phase::Free => Err(TensorBusError::Stale),
            Phase::Writing => Err(TensorBusError::NotReady),
            Phase::Taken if state.lease != self.lease => Err(TensorBusError::Taken),
            Phase::Ready | Phase::Taken => Ok(state),
        }
    }

    fn copy_out(
        &self,
        grant: &TensorGrant,
        into: &mut Vec<u8>,
    ) -> Result<TensorHeader, TensorBusError> {
        let slot = self.find(grant)?;
        let handle = &grant.handle;
        let state = self.readable(slot, handle)?;
        let words = self.words(slot);
        let (mut mac, mut header) = ([0; MAC_BYTES], [0; TensorHeader::BYTES]);
        load(Layout::mac(words), &mut mac);
        load(Layout::header(words), &mut header);
        let mut proof = Proof::with(&grant.key);
        let sum = proof.copy_out(Layout::content(words), handle.length as usize, into);
        fence(Acquire);
        if self.state(slot) != Some(state) {
            return Err(TensorBusError::Stale);
        }
        if !proof.holds(&header, &handle.place(), mac) {
            return Err(TensorBusError::Forged);
        }
        let header = TensorHeader::decode(&header)?;
        header.check_sums(handle.length, sum)?;
        let as_granted = header.sender == grant.sender
            && header.receiver == grant.receiver
            && header.content_type == handle.dtype;
        if !as_granted {
            return Err(TensorBusError::WrongGrant(
                "the frame has another sender, receiver or type".into(),
            ));
        }
        // Only now, so that a forged grant does not keep the frame from its reader.
        if state.phase == Phase::Ready {
            let taken = State {
                lease: self.lease,
                ..state.in_phase(Phase::Taken)
            };
            if !self.change(slot, state, taken) {
                return Err(TensorBusError::Taken);
            }
            self.note(slot, taken, false);
        }
        Ok(header)
    }

    pub(super) fn free(&self, slot: usize, state: State) -> bool {
        let free = state.in_phase(Phase::Free);
        let freed = self.change(slot, state, free);
        if freed {
            self.note(slot, free, false);
            self.rouse(slot);
        }
        freed
    }

    pub(super) fn rouse(&self, slot: usize) {
        let at = self.layout.slot(slot);
        waiting::rouse(
            self.segment.as_ref(),
            at + Layout::STATE,
            at + Layout::SLEEPERS,
        );
    }

    pub(super) fn offset(&self, slot: usize) -> u64 {
        self.layout.offset(slot)
    }

    /// Hears of a slot that was freed because its holder is gone.
    fn was_freed(&self, slot: usize, free: State) {
        self.floor[slot].fetch_max(free.generation, Relaxed);
        self.note(slot, free, true);
    }
}

fn seat<'a>(segment: &'a dyn Segment, key: &'a FrameKey, number: usize) -> Seat<'a> {
    let at = number * LINE_WORDS;
    Seat::new(&segment.words()[at..at + LINE_WORDS], key, number)
}

/// Frees whatever a lease has, because its holder is gone.
fn free_all_of(
    segment: &dyn Segment,
    layout: Layout,
    lease: u8,
    mut freed: impl FnMut(usize, State),
) -> usize {
    let mut count = 0;
    for slot in 0..layout.slots {
        let word = &segment.words()[layout.slot(slot) + Layout::STATE];
        let Some(state) = State::read(word.load(Acquire)) else {
            continue;
        };
        let free = state.in_phase(Phase::Free);
        let held = state.phase != Phase::Free && state.lease == lease;
        if held
            && word
                .compare_exchange(state.bits(), free.bits(), AcqRel, Relaxed)
                .is_ok()
        {
            freed(slot, free);
            count += 1;
        }
    }
    count
}

/// Frees what the dead had, and their seats; how many slots that were. A seat that was written over is its holder's to sit
/// down in again: nobody is proven to have died there.
fn sweep(
    segment: &dyn Segment,
    seats: &FrameKey,
    layout: Layout,
    mut freed: impl FnMut(usize, State),
) -> usize {
    // One sweeper at a time: a second one, held up, could free what a newcomer in the same seat has allocated since.
    let sweeper = seat(segment, seats, SWEEPER);
    let (seen, sitter) = sweeper.look();
    if !sitter.is_gone() || sweeper.take(seen).is_none() {
        return 0;
    }
    let mut count = 0;
    for lease in 0..LEASES {
        let seat = seat(segment, seats, 1 + lease);
        if matches!(seat.look().1, Sitter::Dead(_)) {
            count += free_all_of(segment, layout, lease as u8, &mut freed);
            seat.clear();
        }
    }
    sweeper.clear();
    count
}

impl Drop for TensorPool {
    /// An end that leaves in order frees what it has at once.
    fn drop(&mut self) {
        free_all_of(
            self.segment.as_ref(),
            self.layout,
            self.lease,
            |slot, free| self.was_freed(slot, free),
        );
        self.seat(1 + usize::from(self.lease)).clear();
    }
}
