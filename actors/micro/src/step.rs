//! One batch of events, handled: the pure heart of a shard. No clock, no thread, no lock but the zone's restart window.
//!
//! Three things make it quick. Events lie in one buffer and are handled where they lie. The slots of the next few dozen
//! events are touched before the first of them is handled, so their cache misses overlap. And panics are caught around the
//! whole batch: a cursor outside says whose event it was, that agent is answered for, the batch goes on behind it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::arena::{Arena, ArenaConfig};
use crate::counts::Counts;
use crate::decay::{Decay, Tick};
use crate::effects::{Effects, Ending};
use crate::event::Event;
use crate::handle::Handle;
use crate::hook::Stepping;
use crate::kind::{Around, Kind};
use crate::refusal::Refusal;
use crate::slot::Life;
use crate::window::Window;
use crate::{Intensity, Restart};

/// Events whose slots are touched ahead; about what a core can have outstanding, twice.
const AHEAD: usize = 32;

/// Sizes of one shard, and when its agents come back.
#[derive(Debug, Clone)]
pub struct StepConfig {
    /// The arena.
    pub arena: ArenaConfig,
    /// Events the agents of this shard may have sent each other and not yet handled.
    pub near: usize,
    /// Events waiting to be handed to other shards.
    pub far: usize,
    /// When an agent that ended comes back.
    pub restart: Restart,
    /// How many may come back within a window; shards of one zone share the window.
    pub intensity: Intensity,
}

/// The last panic an agent had, for whoever looks.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PanicNote {
    /// The agent, as a number.
    pub agent: u64,
    /// Code of the event it panicked over.
    pub code: u8,
    /// What it said, shortened.
    pub message: String,
}

/// The agents of one shard and what happens to them.
#[derive(Debug)]
pub struct Stepper<K: Kind> {
    pub(crate) arena: Arena<K>,
    shard: u8,
    restart: Restart,
    decay: Decay,
    window: Arc<Mutex<Window>>,
    pub(crate) counts: Counts,
    now: Tick,
    now_ms: u64,
    near: Vec<Event>,
    near_now: Vec<Event>,
    pub(crate) far: Vec<Event>,
    /// Lengths of `near` and `far` before the present event; a panic goes back to them.
    mark: (usize, usize),
    pheromone_sum: f64,
    asleep: u32,
    pub(crate) last_panic: Option<PanicNote>,
    noted_at: Option<Tick>,
}

impl<K: Kind> Stepper<K> {
    /// A stepper with a restart window of its own.
    pub fn new(shard: u8, config: &StepConfig) -> Self {
        Self::sharing(
            shard,
            config,
            Arc::new(Mutex::new(Window::new(config.intensity))),
        )
    }

    pub(crate) fn sharing(shard: u8, config: &StepConfig, window: Arc<Mutex<Window>>) -> Self {
        Self {
            arena: Arena::new(shard, config.arena),
            shard,
            restart: config.restart,
            decay: Decay::new(K::HALF_LIFE),
            window,
            counts: Counts::default(),
            now: 0,
            now_ms: 0,
            near: Vec::with_capacity(config.near),
            near_now: Vec::with_capacity(config.near),
            far: Vec::with_capacity(config.far),
            mark: (0, 0),
            pheromone_sum: 0.0,
            asleep: 0,
            last_panic: None,
            noted_at: None,
        }
    }

    /// Handles what the agents sent each other in the last step, then `events`, each in order.
    pub fn step(&mut self, now_ms: u64, events: &[Event]) {
        self.set_time(now_ms);
        std::mem::swap(&mut self.near, &mut self.near_now);
        let near_now = std::mem::take(&mut self.near_now);
        self.deliver(&near_now);
        self.near_now = near_now;
        self.near_now.clear();
        self.deliver(events);
    }

    /// Whether agents of this shard sent each other something that is not handled yet.
    pub fn has_more(&self) -> bool {
        !self.near.is_empty()
    }

    /// Brings an agent to life.
    ///
    /// # Errors
    /// [`Refusal::Exhausted`], or [`Refusal::StillBorn`] if the kind panics over the resource.
    pub fn spawn(&mut self, resource: u64) -> Result<Handle, Refusal> {
        let stepping = Stepping::begin();
        let born = catch_unwind(AssertUnwindSafe(|| self.arena.spawn(resource, self.now)));
        drop(stepping);
        let born = born.unwrap_or_else(|_| {
            self.counts.panics += 1;
            Err(Refusal::StillBorn(resource))
        });
        match born {
            Ok(_) => self.counts.spawned += 1,
            Err(Refusal::Exhausted { .. }) => self.counts.exhausted += 1,
            Err(_) => {}
        }
        born
    }

    /// Ends an agent.
    ///
    /// # Errors
    /// If there is no such agent.
    pub fn free(&mut self, handle: Handle) -> Result<(), Refusal> {
        let was = self.arena.free(handle)?;
        if was.pheromone > 0.0 {
            let left = self.left_of(was.pheromone, was.touched);
            self.pheromone_sum = (self.pheromone_sum - left).max(0.0);
        }
        self.asleep -= u32::from(was.life == Life::Suspended);
        self.counts.ended += 1;
        Ok(())
    }

    /// Ends many agents, in order; those that were not there are skipped, and told to `refused`.
    ///
    /// Cheaper for agents far from each other than one by one: the slots of those that follow are on their way from memory
    /// meanwhile.
    pub fn free_many(&mut self, handles: &[Handle], mut refused: impl FnMut(Refusal)) {
        const AHEAD: usize = 16;
        for handle in handles.iter().take(AHEAD) {
            self.arena.fetch(handle.slot());
        }
        for (at, handle) in handles.iter().enumerate() {
            if let Some(later) = handles.get(at + AHEAD) {
                self.arena.fetch(later.slot());
            }
            if let Err(refusal) = self.free(*handle) {
                refused(refusal);
            }
        }
    }

    /// Puts an agent to sleep (true) or wakes it.
    ///
    /// # Errors
    /// If there is no such agent.
    pub fn suspend(&mut self, handle: Handle, asleep: bool) -> Result<(), Refusal> {
        let header = &mut self.arena.get_mut(handle)?.header;
        let before = std::mem::replace(
            &mut header.life,
            if asleep {
                Life::Suspended
            } else {
                Life::Active
            },
        );
        self.asleep = self.asleep + u32::from(asleep) - u32::from(before == Life::Suspended);
        Ok(())
    }

    /// Delivers a copy of `event` to the awake agents in up to `slots` slots from `from` on; the slot to go on with.
    pub(crate) fn sweep(&mut self, event: Event, from: u32, slots: u32) -> Option<u32> {
        let mut chunk = [event; AHEAD];
        let end = from.saturating_add(slots).min(self.arena.slots());
        let mut at = from;
        while at < end {
            let mut filled = 0;
            while at < end && filled < chunk.len() {
                if let Some(to) = self.arena.handle_of(at) {
                    chunk[filled].to = to;
                    filled += 1;
                }
                at += 1;
            }
            self.deliver(&chunk[..filled]);
        }
        (at < self.arena.slots()).then_some(at)
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The state of a living agent.
    pub fn state(&self, handle: Handle) -> Option<&K::State> {
        self.arena.get(handle).ok().map(|slot| &slot.state)
    }

    /// Agents alive.
    pub fn live(&self) -> u64 {
        self.arena.live().into()
    }

    /// Sum of all agents' pheromone now, kept up as it changes.
    pub fn pheromone_sum(&self) -> f64 {
        self.pheromone_sum
    }

    /// Agents asleep.
    pub fn asleep(&self) -> u32 {
        self.asleep
    }

    /// The agent's pheromone now.
    pub(crate) fn left_of(&self, pheromone: f32, touched: Tick) -> f64 {
        f64::from(pheromone * self.decay.factor(self.now.wrapping_sub(touched)))
    }

    pub(crate) fn now(&self) -> Tick {
        self.now
    }

    pub(crate) fn set_time(&mut self, now_ms: u64) {
        let passed = now_ms.saturating_sub(self.now_ms);
        if passed > 0 {
            self.pheromone_sum *= f64::from(
                self.decay
                    .factor(Tick::try_from(passed).unwrap_or(Tick::MAX)),
            );
            self.now_ms = now_ms;
            self.now = now_ms as Tick; // wraps after 49 days, and so do all differences
        }
    }

    fn deliver(&mut self, events: &[Event]) {
        let mut cursor = 0;
        let stepping = Stepping::begin();
        while let Some(rest) = events.get(cursor..).filter(|rest| !rest.is_empty()) {
            let mut done = 0;
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.run(rest, &mut done))) {
                self.answer_panic(&rest[done], payload.as_ref());
                done += 1;
            }
            cursor += done;
        }
        drop(stepping);
    }

    fn run(&mut self, events: &[Event], done: &mut usize) {
        for chunk in events.chunks(AHEAD) {
            self.touch(chunk);
            for event in chunk {
                self.handle(event);
                *done += 1;
            }
        }
    }

    /// Loads one word of each slot, so that the loads wait together and the handlers find their slots near.
    #[inline]
    fn touch(&self, events: &[Event]) {
        let mut seen = 0;
        for event in events {
            if let Some(slot) = self.arena.slot(event.to.slot()) {
                seen |= slot.header.generation;
            }
        }
        std::hint::black_box(seen);
    }

    #[inline]
    fn handle(&mut self, event: &Event) {
        let Some((before, slot, after)) = self.arena.surroundings(event.to.slot()) else {
            return self.refuse(event);
        };
        let header = &mut slot.header;
        let meant = header.generation == event.to.generation() && event.to.shard() == self.shard;
        if !(meant && header.life == Life::Active) {
            return self.refuse(event);
        }
        let passed = self.now.wrapping_sub(header.touched);
        if passed != 0 {
            header.pheromone *= self.decay.factor(passed);
            header.touched = self.now;
            header.burst = 0;
        }
        if header.burst >= K::BURST {
            self.counts.flooded += 1;
            return;
        }
        header.burst += 1;
        self.mark = (self.near.len(), self.far.len());
        let around = Around {
            now: self.now,
            me: event.to,
            resource: header.resource,
            pheromone: header.pheromone,
            decay: &self.decay,
            before,
            after,
        };
        let mut effects = Effects {
            me: event.to,
            near: &mut self.near,
            far: &mut self.far,
            refused: 0,
            not_understood: false,
            misused: false,
            deposit: 0.0,
            ending: Ending::Stays,
        };
        K::behave(&mut slot.state, event, &around, &mut effects);
        let (deposit, ending) = (effects.deposit, effects.ending);
        self.counts.outbox_full += u64::from(effects.refused);
        self.counts.not_understood += u64::from(effects.not_understood);
        self.counts.misused += u64::from(effects.misused);
        self.counts.handled += 1;
        if deposit > 0.0 {
            slot.header.pheromone += deposit;
            self.pheromone_sum += f64::from(deposit);
        }
        if ending != Ending::Stays {
            self.end(event.to, ending);
        }
    }

    #[cold]
    fn refuse(&mut self, event: &Event) {
        match self.arena.get(event.to) {
            Ok(_) => self.counts.suspended += 1,
            Err(Refusal::Stale(_)) => self.counts.stale += 1,
            Err(_) => self.counts.unknown += 1,
        }
    }

    #[cold]
    fn end(&mut self, handle: Handle, ending: Ending) {
        if ending == Ending::Sleeps {
            // The agent was awake a moment ago, so neither call can be refused.
            let _ = self.suspend(handle, true);
        } else if self.restart != Restart::Permanent || !self.begin_anew(handle) {
            let _ = self.free(handle);
        }
    }

    #[cold]
    fn answer_panic(&mut self, event: &Event, payload: &(dyn Any + Send)) {
        self.near.truncate(self.mark.0);
        self.far.truncate(self.mark.1);
        self.counts.panics += 1;
        if self.noted_at != Some(self.now) {
            self.noted_at = Some(self.now);
            let said = payload
                .downcast_ref::<&str>()
                .copied()
                .or(payload.downcast_ref::<String>().map(String::as_str));
            let message = said.unwrap_or("no message").chars().take(200).collect();
            self.last_panic = Some(PanicNote {
                agent: event.to.bits(),
                code: event.code,
                message,
            });
        }
        if self.restart == Restart::Temporary || !self.begin_anew(event.to) {
            self.counts.dropped += 1;
            let _ = self.free(event.to);
        }
    }

    /// Gives the agent the state of a newborn, if the zone's window admits it.
    fn begin_anew(&mut self, handle: Handle) -> bool {
        if !self.window.lock().admit(self.now_ms) {
            return false;
        }
        let Ok(slot) = self.arena.get_mut(handle) else {
            return false;
        };
        let resource = slot.header.resource;
        let Ok(state) = catch_unwind(|| K::birth(resource)) else {
            return false; // not even its first state can be made: it is dropped
        };
        slot.state = state;
        slot.header.restarts = slot.header.restarts.saturating_add(1);
        let (pheromone, touched) = (
            std::mem::take(&mut slot.header.pheromone),
            slot.header.touched,
        );
        self.pheromone_sum = (self.pheromone_sum - self.left_of(pheromone, touched)).max(0.0);
        self.counts.restarted += 1;
        true
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
