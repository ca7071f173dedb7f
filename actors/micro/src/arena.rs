//! Where the agents of one shard live: slabs of slots, O(1) spawn and free, no allocation once a slab is there.
//!
//! A slot that is freed joins a queue; it is taken again only when `quarantine` others wait behind it, so a hot spot of
//! births and deaths wears out many slots slowly instead of one slot fast. A slot whose last generation is over is retired.
//!
//! The front of the queue lies in a ring beside the slots, so a birth need not read the slot it takes, and knows early enough
//! which slots come next to have them brought from memory meanwhile. The ring is of fixed size; when more wait, as after a
//! population has shrunk, the others are a list through the free slots themselves, which costs no memory.

use std::collections::VecDeque;

use prefetch_index::prefetch_index;

use crate::decay::Tick;
use crate::handle::{Handle, LAST_GENERATION, SLOTS_PER_SHARD};
use crate::kind::Kind;
use crate::refusal::Refusal;
use crate::slot::{Header, Life, Slot};

/// Bytes of one slab, about; memory is backed as it is touched. Large enough that the index of slabs stays in the first-level
/// cache and that nearly all of a slab can lie in huge pages where the system gives them: a random slot then costs one cache miss
/// and no walk through page tables.
const SLAB_BYTES: usize = 1 << 24;
/// Freed slots beside the slots: the usual quarantine and a batch of many at once. 256 kB, touched as far as they are used.
const RING: usize = 32_768;
/// Births between asking for a slot and filling it; a dozen take about as long as memory does to answer.
const AHEAD: usize = 12;

/// Size and first generation of an arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArenaConfig {
    /// Most agents at once; at most [`SLOTS_PER_SHARD`].
    pub capacity: u32,
    /// Freed slots that wait before one is taken again. Their memory is the price: 4096 page agents are 256 kB.
    pub quarantine: u32,
    /// Generation of a slot's first agent. An arena rebuilt after a fall starts above every generation it gave out before.
    pub first_generation: u32,
}

impl Default for ArenaConfig {
    fn default() -> Self {
        Self {
            capacity: SLOTS_PER_SHARD,
            quarantine: 4096,
            first_generation: 1,
        }
    }
}

/// A slot that waits to be taken again.
#[derive(Debug, Clone, Copy)]
struct Vacancy {
    slot: u32,
    /// Generation of its next agent.
    generation: u32,
}

/// The slots before one in its slab, the one, and those after it.
type Surroundings<'a, K> = (&'a mut [Slot<K>], &'a mut Slot<K>, &'a mut [Slot<K>]);

/// The agents of one kind in one shard.
#[derive(Debug)]
pub struct Arena<K: Kind> {
    shard: u8,
    config: ArenaConfig,
    slabs: Vec<Vec<Slot<K>>>,
    /// Slots ever taken; the next fresh one.
    fresh: u32,
    /// Freed longest ago, in order.
    ring: VecDeque<Vacancy>,
    /// Most the ring holds; its memory is there from the beginning.
    room: usize,
    /// Freed after those: a list from slot to slot, empty unless the ring is full.
    listed: u32,
    oldest_listed: u32,
    newest_listed: u32,
    retired: u32,
    highest_generation: u32,
}

impl<K: Kind> Arena<K> {
    const PER_SLAB: usize = {
        let () = Slot::<K>::PROVED;
        let fits = SLAB_BYTES / K::BYTES;
        if fits.is_power_of_two() {
            fits
        } else {
            fits.next_power_of_two() / 2
        }
    };
    const SHIFT: u32 = Self::PER_SLAB.trailing_zeros();
    const MASK: u32 = Self::PER_SLAB as u32 - 1;

    /// An arena without agents; memory is taken slab by slab as they come.
    pub fn new(shard: u8, config: ArenaConfig) -> Self {
        Self::with_ring(shard, config, RING)
    }

    fn with_ring(shard: u8, config: ArenaConfig, room: usize) -> Self {
        let config = ArenaConfig {
            capacity: config.capacity.min(SLOTS_PER_SHARD),
            first_generation: config.first_generation.max(1),
            ..config
        };
        Self {
            shard,
            config,
            slabs: Vec::new(),
            fresh: 0,
            ring: VecDeque::with_capacity(room),
            room,
            listed: 0,
            oldest_listed: 0,
            newest_listed: 0,
            retired: 0,
            highest_generation: config.first_generation,
        }
    }

    /// Brings an agent to life for a resource.
    ///
    /// # Errors
    /// [`Refusal::Exhausted`] when the capacity is reached; nothing is overwritten.
    pub fn spawn(&mut self, resource: u64, now: Tick) -> Result<Handle, Refusal> {
        let state = K::birth(resource); // first, so that a kind that panics here leaves the arena as it was
        if self.live() >= self.config.capacity {
            return Err(self.exhausted());
        }
        let no_fresh = self.fresh >= SLOTS_PER_SHARD;
        let vacancy = if self.waiting() > self.config.quarantine || no_fresh {
            self.take_oldest().ok_or_else(|| self.exhausted())?
        } else {
            self.take_fresh()
        };
        let Vacancy {
            slot: index,
            generation,
        } = vacancy;
        let handle = Handle::new(self.shard, index, generation).ok_or_else(|| self.exhausted())?;
        let slot = Slot::new(generation, resource, state, now);
        let slab = &mut self.slabs[(index >> Self::SHIFT) as usize];
        let offset = (index & Self::MASK) as usize;
        match slab.get_mut(offset) {
            Some(place) => *place = slot,
            None => slab.push(slot), // fresh slots come in order
        }
        Ok(handle)
    }

    /// Ends an agent and gives what it was; its handle is stale from here on.
    ///
    /// # Errors
    /// [`Refusal::Stale`] or [`Refusal::Unknown`] if there is no such agent.
    pub fn free(&mut self, handle: Handle) -> Result<Header, Refusal> {
        let slot = self.get_mut(handle)?;
        let header = &mut slot.header;
        let was = *header;
        if header.generation == LAST_GENERATION {
            header.life = Life::Retired;
            self.retired += 1;
            return Ok(was);
        }
        header.generation += 1;
        header.life = Life::Free;
        let generation = header.generation;
        self.highest_generation = self.highest_generation.max(generation);
        self.let_wait(Vacancy {
            slot: handle.slot(),
            generation,
        });
        Ok(was)
    }

    /// The slot of a living agent, asleep or awake.
    ///
    /// # Errors
    /// [`Refusal::Stale`] or [`Refusal::Unknown`] if there is no such agent.
    #[inline]
    pub fn get(&self, handle: Handle) -> Result<&Slot<K>, Refusal> {
        match self.slot(handle.slot()) {
            Some(slot) if Self::lives(slot, handle) && handle.shard() == self.shard => Ok(slot),
            found => Err(self.why(handle, found)),
        }
    }

    /// See [`Arena::get`].
    ///
    /// # Errors
    /// As [`Arena::get`].
    #[inline]
    pub fn get_mut(&mut self, handle: Handle) -> Result<&mut Slot<K>, Refusal> {
        self.get(handle)?;
        Ok(self.at_mut(handle.slot()))
    }

    /// The agent's slot with those before and after it in its slab.
    #[inline]
    pub(crate) fn surroundings(&mut self, index: u32) -> Option<Surroundings<'_, K>> {
        let slab = self.slabs.get_mut((index >> Self::SHIFT) as usize)?;
        let (before, rest) = slab.split_at_mut_checked((index & Self::MASK) as usize)?;
        let (slot, after) = rest.split_first_mut()?;
        Some((before, slot, after))
    }

    /// A slot by number, whatever its life.
    #[inline]
    pub(crate) fn slot(&self, index: u32) -> Option<&Slot<K>> {
        self.slabs
            .get((index >> Self::SHIFT) as usize)?
            .get((index & Self::MASK) as usize)
    }

    /// Has the head of a slot brought from memory that will be needed soon, without waiting for it.
    #[inline]
    pub(crate) fn fetch(&self, index: u32) {
        if let Some(slab) = self.slabs.get((index >> Self::SHIFT) as usize) {
            prefetch_index(slab, (index & Self::MASK) as usize);
        }
    }

    /// The handle of the agent that lives in a slot.
    pub(crate) fn handle_of(&self, index: u32) -> Option<Handle> {
        let header = &self.slot(index)?.header;
        let lives = matches!(header.life, Life::Active | Life::Suspended);
        if lives {
            Handle::new(self.shard, index, header.generation)
        } else {
            None
        }
    }

    /// Agents alive.
    pub fn live(&self) -> u32 {
        self.fresh - self.waiting() - self.retired
    }

    /// Slots ever used; walking `0..slots()` meets every agent.
    pub fn slots(&self) -> u32 {
        self.fresh
    }

    /// Slots given up for ever.
    pub fn retired(&self) -> u32 {
        self.retired
    }

    /// Bytes of memory the slabs have touched.
    pub fn bytes(&self) -> u64 {
        u64::from(self.fresh) * K::BYTES as u64
    }

    /// Share of touched slots that hold no agent.
    pub fn fragmentation(&self) -> f64 {
        f64::from(self.waiting() + self.retired) / f64::from(self.fresh.max(1))
    }

    /// A generation no agent of this arena has had; `None` when there is none left.
    pub fn next_generation(&self) -> Option<u32> {
        self.highest_generation.checked_add(1)
    }

    /// Freed slots that wait to be taken again.
    fn waiting(&self) -> u32 {
        self.ring.len() as u32 + self.listed
    }

    fn take_fresh(&mut self) -> Vacancy {
        if self.fresh as usize == self.slabs.len() << Self::SHIFT {
            self.slabs.push(Vec::with_capacity(Self::PER_SLAB));
        }
        let slot = self.fresh;
        self.fresh += 1;
        Vacancy {
            slot,
            generation: self.config.first_generation,
        }
    }

    fn take_oldest(&mut self) -> Option<Vacancy> {
        let oldest = self.ring.pop_front()?;
        if let Some(later) = self.ring.get(AHEAD) {
            self.fetch(later.slot);
        }
        if self.listed > 0 {
            self.move_up();
        }
        Some(oldest)
    }

    fn let_wait(&mut self, vacancy: Vacancy) {
        if self.ring.len() < self.room {
            return self.ring.push_back(vacancy);
        }
        if self.listed == 0 {
            self.oldest_listed = vacancy.slot;
        } else {
            self.at_mut(self.newest_listed).header.resource = vacancy.slot.into();
        }
        self.newest_listed = vacancy.slot;
        self.listed += 1;
    }

    /// The first of the list becomes the last of the ring.
    fn move_up(&mut self) {
        let slot = self.oldest_listed;
        let header = self.at_mut(slot).header;
        self.ring.push_back(Vacancy {
            slot,
            generation: header.generation,
        });
        self.listed -= 1;
        if self.listed > 0 {
            self.oldest_listed = header.resource as u32;
            self.fetch(self.oldest_listed); // the next birth reads it
        }
    }

    fn at_mut(&mut self, index: u32) -> &mut Slot<K> {
        &mut self.slabs[(index >> Self::SHIFT) as usize][(index & Self::MASK) as usize]
    }

    #[inline]
    pub(crate) fn lives(slot: &Slot<K>, handle: Handle) -> bool {
        slot.header.generation == handle.generation()
            && matches!(slot.header.life, Life::Active | Life::Suspended)
    }

    #[cold]
    fn why(&self, handle: Handle, found: Option<&Slot<K>>) -> Refusal {
        match found {
            Some(slot) if handle.shard() == self.shard => {
                let past = handle.generation() < slot.header.generation
                    || slot.header.life == Life::Retired;
                let given_out = handle.generation() >= self.config.first_generation || past;
                if past && given_out {
                    Refusal::Stale(handle)
                } else {
                    Refusal::Unknown(handle)
                }
            }
            // After a fall the arena may not have grown to that slot again; what it gave out before is stale, not unknown.
            _ if handle.shard() == self.shard
                && handle.generation() < self.config.first_generation =>
            {
                Refusal::Stale(handle)
            }
            _ => Refusal::Unknown(handle),
        }
    }

    fn exhausted(&self) -> Refusal {
        Refusal::Exhausted {
            asked: u64::from(self.live()) + 1,
            allowed: u64::from(self.config.capacity.min(SLOTS_PER_SHARD - self.retired)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet, VecDeque};

    use proptest::prelude::*;

    use super::*;
    use crate::testing::Counter;

    fn arena(capacity: u32, quarantine: u32) -> Arena<Counter> {
        Arena::new(
            3,
            ArenaConfig {
                capacity,
                quarantine,
                first_generation: 1,
            },
        )
    }

    #[test]
    fn a_full_arena_refuses_and_overwrites_nothing() {
        let mut arena = arena(3, 0);
        let handles: Vec<Handle> = (0..3).map(|i| arena.spawn(i, 0).unwrap()).collect();
        assert_eq!(
            arena.spawn(9, 0),
            Err(Refusal::Exhausted {
                asked: 4,
                allowed: 3
            })
        );
        for (i, handle) in handles.iter().enumerate() {
            assert_eq!(arena.get(*handle).unwrap().header.resource, i as u64);
        }
        arena.free(handles[1]).unwrap();
        assert!(arena.spawn(9, 0).is_ok(), "room again");
    }

    #[test]
    fn a_handle_never_reaches_the_successor_in_its_slot() {
        let mut arena = arena(1, 0);
        let first = arena.spawn(1, 0).unwrap();
        arena.free(first).unwrap();
        assert_eq!(arena.get(first).err(), Some(Refusal::Stale(first)));
        let second = arena.spawn(2, 0).unwrap();
        assert_eq!(
            (second.slot(), second.generation()),
            (first.slot(), first.generation() + 1)
        );
        assert_eq!(arena.get(first).err(), Some(Refusal::Stale(first)));
        assert_eq!(arena.free(first).err(), Some(Refusal::Stale(first)));
        assert_eq!(arena.get(second).unwrap().header.resource, 2);
    }

    #[test]
    fn handles_never_given_out_are_unknown() {
        let mut arena = arena(8, 0);
        let given = arena.spawn(1, 0).unwrap();
        let forged = [
            Handle::new(3, 1, 1).unwrap(),
            Handle::new(4, given.slot(), given.generation()).unwrap(),
            Handle::new(3, given.slot(), given.generation() + 1).unwrap(),
        ];
        for handle in forged {
            assert_eq!(arena.get(handle).err(), Some(Refusal::Unknown(handle)));
        }
        arena.free(given).unwrap();
        let next_life = Handle::new(3, given.slot(), given.generation() + 1).unwrap();
        assert_eq!(
            arena.get(next_life).err(),
            Some(Refusal::Unknown(next_life)),
            "nobody lives there yet"
        );
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired_and_not_wrapped() {
        let mut arena: Arena<Counter> = Arena::new(
            3,
            ArenaConfig {
                capacity: 4,
                quarantine: 0,
                first_generation: LAST_GENERATION - 1,
            },
        );
        let first = arena.spawn(1, 0).unwrap();
        arena.free(first).unwrap();
        let last = arena.spawn(2, 0).unwrap();
        assert_eq!(
            (last.slot(), last.generation()),
            (first.slot(), LAST_GENERATION)
        );
        arena.free(last).unwrap();
        assert_eq!(
            (arena.retired(), arena.live(), arena.next_generation()),
            (1, 0, None)
        );
        for handle in [first, last] {
            assert_eq!(arena.get(handle).err(), Some(Refusal::Stale(handle)));
        }
        assert_ne!(arena.spawn(3, 0).unwrap().slot(), last.slot());
    }

    #[test]
    fn freed_slots_wait_out_their_quarantine() {
        let mut arena = arena(100, 3);
        let mut slots = Vec::new();
        for _ in 0..8 {
            let handle = arena.spawn(0, 0).unwrap();
            slots.push(handle.slot());
            arena.free(handle).unwrap();
        }
        assert_eq!(slots, [0, 1, 2, 3, 0, 1, 2, 3]);
    }

    #[test]
    fn slots_that_find_no_place_in_the_ring_wait_behind_it_in_order() {
        let config = ArenaConfig {
            quarantine: 0,
            ..ArenaConfig::default()
        };
        let mut arena: Arena<Counter> = Arena::with_ring(3, config, 2);
        let handles: Vec<Handle> = (0..9).map(|i| arena.spawn(i, 0).unwrap()).collect();
        for at in [4, 7, 1, 8, 0] {
            arena.free(handles[at]).unwrap();
        }
        let mut taken: Vec<u32> = (0..2).map(|_| arena.spawn(0, 0).unwrap().slot()).collect();
        arena.free(handles[3]).unwrap(); // two have moved up from the list, so this one waits behind the last of it
        taken.extend((0..5).map(|_| arena.spawn(0, 0).unwrap().slot()));
        assert_eq!(taken, [4, 7, 1, 8, 0, 3, 9]);
        assert_eq!(arena.live(), 10);
    }

    #[test]
    fn an_arena_rebuilt_after_a_fall_refuses_every_handle_from_before() {
        let mut before = arena(100, 0);
        let handles: Vec<Handle> = (0..50).map(|i| before.spawn(i, 0).unwrap()).collect();
        before.free(handles[7]).unwrap();
        let first_generation = before.next_generation().unwrap();
        let mut after: Arena<Counter> = Arena::new(
            3,
            ArenaConfig {
                first_generation,
                ..ArenaConfig::default()
            },
        );
        for i in 0..20 {
            after.spawn(i, 0).unwrap();
        }
        for handle in handles {
            assert_eq!(after.get(handle).err(), Some(Refusal::Stale(handle)));
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Spawn(u64),
        Free(usize),
        FreeAgain(usize),
        /// The shard falls and its arena is made anew.
        Rebuild,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            30 => (0u64..1_000).prop_map(Step::Spawn),
            20 => any::<usize>().prop_map(Step::Free),
            10 => any::<usize>().prop_map(Step::FreeAgain),
            1 => Just(Step::Rebuild),
        ];
        prop::collection::vec(step, 1..400)
    }

    /// What the arena promises, kept in the plainest way: who lives, who is dead, which slots wait in which order.
    struct Model {
        config: ArenaConfig,
        alive: HashMap<Handle, u64>,
        dead: HashSet<Handle>,
        waiting: VecDeque<(u32, u32)>, // (slot, generation of its next agent)
        fresh: u32,
        retired: HashSet<u32>,
        highest: u32,
    }

    impl Model {
        fn new(config: ArenaConfig) -> Self {
            Self {
                config,
                alive: HashMap::new(),
                dead: HashSet::new(),
                waiting: VecDeque::new(),
                fresh: 0,
                retired: HashSet::new(),
                highest: config.first_generation,
            }
        }

        /// Slot and generation of the next agent: the slot freed longest ago if enough wait behind it, else a fresh one.
        fn next(&mut self) -> (u32, u32) {
            if self.waiting.len() > self.config.quarantine as usize {
                return self.waiting.pop_front().unwrap();
            }
            self.fresh += 1;
            (self.fresh - 1, self.config.first_generation)
        }

        fn free(&mut self, handle: Handle) {
            self.alive.remove(&handle).unwrap();
            self.dead.insert(handle);
            match handle.generation().checked_add(1) {
                Some(next) => {
                    self.waiting.push_back((handle.slot(), next));
                    self.highest = self.highest.max(next);
                }
                None => assert!(self.retired.insert(handle.slot())),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 128 }))]
        #[test]
        fn the_arena_agrees_with_a_model_under_random_operations(
            steps in steps(), capacity in 1u32..60, quarantine in 0u32..8, room in 1usize..12, near_the_end in any::<bool>()
        ) {
            let first_generation = if near_the_end { LAST_GENERATION - 2 } else { 1 };
            let config = ArenaConfig { capacity, quarantine, first_generation };
            let mut arena: Arena<Counter> = Arena::with_ring(3, config, room);
            let mut model = Model::new(config);
            for step in steps {
                match step {
                    Step::Spawn(resource) => match arena.spawn(resource, 0) {
                        Ok(handle) => {
                            prop_assert_eq!((handle.slot(), handle.generation()), model.next());
                            prop_assert!(!model.dead.contains(&handle), "a handle came back");
                            prop_assert!(!model.retired.contains(&handle.slot()), "a retired slot came back");
                            prop_assert_eq!(model.alive.insert(handle, resource), None);
                        }
                        Err(refusal) => {
                            let allowed = u64::from(capacity);
                            prop_assert_eq!(refusal, Refusal::Exhausted { asked: allowed + 1, allowed });
                            prop_assert_eq!(model.alive.len() as u64, allowed);
                        }
                    },
                    Step::Free(n) if !model.alive.is_empty() => {
                        let mut handles: Vec<Handle> = model.alive.keys().copied().collect();
                        handles.sort();
                        let handle = handles[n % handles.len()];
                        arena.free(handle).unwrap();
                        model.free(handle);
                    }
                    Step::FreeAgain(n) if !model.dead.is_empty() => {
                        let mut handles: Vec<Handle> = model.dead.iter().copied().collect();
                        handles.sort();
                        let handle = handles[n % handles.len()];
                        prop_assert_eq!(arena.free(handle).err(), Some(Refusal::Stale(handle)));
                    }
                    Step::Free(_) | Step::FreeAgain(_) => {}
                    Step::Rebuild => match arena.next_generation() {
                        Some(first_generation) => {
                            let config = ArenaConfig { first_generation, ..config };
                            arena = Arena::with_ring(3, config, room);
                            let before = std::mem::replace(&mut model, Model::new(config));
                            model.dead.extend(before.dead.into_iter().chain(before.alive.into_keys()));
                        }
                        None => prop_assert_eq!(model.highest, LAST_GENERATION),
                    },
                }
                prop_assert_eq!(arena.live() as usize, model.alive.len());
                prop_assert_eq!((arena.slots(), arena.retired() as usize), (model.fresh, model.retired.len()));
                prop_assert_eq!(arena.next_generation(), model.highest.checked_add(1));
            }
            for (handle, resource) in &model.alive {
                prop_assert_eq!(arena.get(*handle).unwrap().header.resource, *resource);
            }
            for handle in model.dead {
                prop_assert_eq!(arena.get(handle).err(), Some(Refusal::Stale(handle)));
            }
            let met: HashSet<Handle> = (0..arena.slots()).filter_map(|slot| arena.handle_of(slot)).collect();
            prop_assert_eq!(met, model.alive.into_keys().collect());
        }
    }
}
