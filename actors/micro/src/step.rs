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
        let header = &self.arena.get(handle)?.header;
        let (left, slept) = (
            self.left_of(header.pheromone, header.touched),
            header.life == Life::Suspended,
        );
        self.arena.free(handle)?;
        self.pheromone_sum = (self.pheromone_sum - left).max(0.0);
        self.asleep -= u32::from(slept);
        self.counts.ended += 1;
        Ok(())
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
            deposit: 0.0,
            ending: Ending::Stays,
        };
        K::behave(&mut slot.state, event, &around, &mut effects);
        let (deposit, ending) = (effects.deposit, effects.ending);
        self.counts.outbox_full += u64::from(effects.refused);
        self.counts.not_understood += u64::from(effects.not_understood);
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
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::Intensity;
    use crate::event::Act;
    use crate::testing::{
        COUNT, CURSED, Counter, DEPOSIT, ECHO, PANIC, SLEEP, STOP, TELL_AND_PANIC,
    };

    fn stepper(restart: Restart, restarts: u32) -> Stepper<Counter> {
        let arena = ArenaConfig {
            capacity: 1_000,
            quarantine: 0,
            first_generation: 1,
        };
        let intensity = Intensity {
            restarts,
            within: Duration::from_secs(1),
        };
        Stepper::new(
            0,
            &StepConfig {
                arena,
                near: 64,
                far: 8,
                restart,
                intensity,
            },
        )
    }

    fn event(to: Handle, code: u8, value: u32) -> Event {
        Event::inform(to, code, value)
    }

    fn counted(stepper: &Stepper<Counter>, handle: Handle) -> u64 {
        stepper.arena.get(handle).unwrap().state.counted
    }

    #[test]
    fn events_of_one_sender_to_one_agent_are_handled_in_order() {
        let mut stepper = stepper(Restart::Transient, 10);
        let agent = stepper.spawn(1).unwrap();
        let events: Vec<Event> = (0..100).map(|i| event(agent, COUNT, i)).collect();
        stepper.step(1, &events);
        let state = &stepper.arena.get(agent).unwrap().state;
        assert_eq!((state.counted, state.last), (100, 99));
    }

    #[test]
    fn a_panic_ends_only_its_own_agent_and_undoes_what_it_had_sent() {
        let mut stepper = stepper(Restart::Transient, 10);
        let agents: Vec<Handle> = (0..3).map(|i| stepper.spawn(i).unwrap()).collect();
        let mut tell = event(agents[1], TELL_AND_PANIC, 0);
        tell.from = Some(agents[2]);
        let events = [
            event(agents[0], COUNT, 0),
            event(agents[1], COUNT, 0),
            tell,
            event(agents[1], COUNT, 0),
            event(agents[2], COUNT, 0),
        ];
        stepper.step(1, &events);
        assert!(
            !stepper.has_more(),
            "what was told before the panic is undone"
        );
        let found: Vec<u64> = agents
            .iter()
            .map(|agent| counted(&stepper, *agent))
            .collect();
        assert_eq!(
            found,
            [1, 1, 1],
            "the second began anew and took the event after its panic"
        );
        let counts = stepper.counts;
        assert_eq!(
            (
                counts.handled,
                counts.panics,
                counts.restarted,
                counts.dropped
            ),
            (4, 1, 1, 0)
        );
        let note = stepper.last_panic.clone().unwrap();
        assert_eq!(
            (note.agent, note.message.as_str()),
            (agents[1].bits(), "asked to panic after telling")
        );
        assert_eq!(stepper.arena.get(agents[1]).unwrap().header.restarts, 1);
    }

    #[test]
    fn restart_type_and_intensity_decide_who_comes_back() {
        let table = [
            // restart, allowed, code, lives after it, restarted, dropped
            (Restart::Permanent, 9, PANIC, true, 1, 0),
            (Restart::Permanent, 9, STOP, true, 1, 0),
            (Restart::Permanent, 0, PANIC, false, 0, 1),
            (Restart::Permanent, 0, STOP, false, 0, 0),
            (Restart::Transient, 9, PANIC, true, 1, 0),
            (Restart::Transient, 9, STOP, false, 0, 0),
            (Restart::Transient, 0, PANIC, false, 0, 1),
            (Restart::Temporary, 9, PANIC, false, 0, 1),
            (Restart::Temporary, 9, STOP, false, 0, 0),
        ];
        for (restart, allowed, code, lives, restarted, dropped) in table {
            let mut stepper = stepper(restart, allowed);
            let agent = stepper.spawn(5).unwrap();
            stepper.step(1, &[event(agent, code, 0), event(agent, COUNT, 0)]);
            assert_eq!(
                stepper.arena.get(agent).is_ok(),
                lives,
                "{restart:?} {allowed} {code}"
            );
            let counts = stepper.counts;
            assert_eq!(
                (counts.restarted, counts.dropped),
                (restarted, dropped),
                "{restart:?} {allowed} {code}"
            );
            assert_eq!(
                counts.stale,
                u64::from(!lives),
                "the next event finds it or is refused"
            );
        }
    }

    #[test]
    fn what_cannot_be_delivered_is_refused_and_counted_by_reason() {
        let mut stepper = stepper(Restart::Transient, 10);
        let agent = stepper.spawn(1).unwrap();
        let gone = stepper.spawn(2).unwrap();
        let asleep = stepper.spawn(3).unwrap();
        stepper.free(gone).unwrap();
        let never = Handle::new(0, 77, 1).unwrap();
        let foreign = Handle::new(9, agent.slot(), agent.generation()).unwrap();
        let mut events = vec![
            event(asleep, SLEEP, 0),
            event(asleep, COUNT, 0),
            event(gone, COUNT, 0),
        ];
        events.extend([
            event(never, COUNT, 0),
            event(foreign, COUNT, 0),
            event(agent, 99, 0),
            event(agent, ECHO, 70),
        ]);
        stepper.step(1, &events);
        let counts = stepper.counts;
        assert_eq!((counts.stale, counts.unknown, counts.suspended), (1, 2, 1));
        assert_eq!(
            (counts.not_understood, counts.outbox_full),
            (1, 6),
            "64 fit"
        );
        stepper.suspend(asleep, false).unwrap();
        stepper.step(2, &[event(asleep, COUNT, 0)]);
        assert_eq!(counted(&stepper, asleep), 1);
        assert_eq!(counted(&stepper, agent), 64);
    }

    #[test]
    fn a_flooded_agent_takes_its_share_per_tick_and_its_neighbour_is_not_hurt() {
        let mut stepper = stepper(Restart::Transient, 10);
        let (flooded, beside) = (stepper.spawn(1).unwrap(), stepper.spawn(2).unwrap());
        let mut events = vec![event(flooded, COUNT, 0); 5_000];
        events.push(event(beside, COUNT, 0));
        stepper.step(1, &events);
        assert_eq!(counted(&stepper, flooded), u64::from(Counter::BURST));
        assert_eq!(stepper.counts.flooded, 5_000 - u64::from(Counter::BURST));
        assert_eq!(counted(&stepper, beside), 1);
        stepper.step(2, &[event(flooded, COUNT, 0)]);
        assert_eq!(
            counted(&stepper, flooded),
            u64::from(Counter::BURST) + 1,
            "the next tick is a new one"
        );
    }

    #[test]
    fn a_kind_that_panics_over_a_resource_bears_no_agent_and_hurts_nobody() {
        let mut stepper = stepper(Restart::Permanent, 10);
        assert_eq!(stepper.spawn(CURSED), Err(Refusal::StillBorn(CURSED)));
        let agent = stepper.spawn(1).unwrap();
        stepper.step(1, &[event(agent, COUNT, 0)]);
        assert_eq!(
            (stepper.live(), stepper.arena.slots(), stepper.counts.panics),
            (1, 1, 1)
        );
        assert_eq!(counted(&stepper, agent), 1);
    }

    #[test]
    fn a_sweep_reaches_every_living_agent_once() {
        let mut stepper = stepper(Restart::Transient, 10);
        let agents: Vec<Handle> = (0..200).map(|i| stepper.spawn(i).unwrap()).collect();
        for gone in agents.iter().step_by(3) {
            stepper.free(*gone).unwrap();
        }
        let template = Event::new(agents[0], Act::Request, COUNT, 0, 0);
        let mut from = Some(0);
        while let Some(at) = from {
            from = stepper.sweep(template, at, 37);
        }
        for (i, agent) in agents.iter().enumerate().filter(|(i, _)| i % 3 != 0) {
            assert_eq!(counted(&stepper, *agent), 1, "agent {i}");
        }
        assert_eq!(stepper.counts.handled, u64::from(stepper.arena.live()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]
        #[test]
        fn the_running_pheromone_sum_is_the_sum_over_the_agents(
            steps in prop::collection::vec((0usize..20, 0u8..7, 0u32..50, 0u64..5_000), 1..150)
        ) {
            let mut stepper = stepper(Restart::Permanent, 5);
            let mut agents: Vec<Handle> = (0..20).map(|i| stepper.spawn(i).unwrap()).collect();
            let mut now = 0;
            for (who, code, value, passed) in steps {
                now += passed;
                if stepper.arena.get(agents[who]).is_err() {
                    agents[who] = stepper.spawn(who as u64).unwrap();
                }
                let code = if code > DEPOSIT { DEPOSIT } else { code };
                stepper.step(now, &[event(agents[who], code, value)]);
                let sum: f64 = (0..stepper.arena.slots())
                    .filter(|slot| stepper.arena.handle_of(*slot).is_some())
                    .filter_map(|slot| stepper.arena.slot(slot))
                    .map(|slot| stepper.left_of(slot.header.pheromone, slot.header.touched))
                    .sum();
                prop_assert!((sum - stepper.pheromone_sum()).abs() <= 1e-3 * (1.0 + sum), "{sum} {}", stepper.pheromone_sum());
                let asleep = (0..stepper.arena.slots())
                    .filter(|slot| stepper.arena.slot(*slot).unwrap().header.life == Life::Suspended)
                    .count();
                prop_assert_eq!(stepper.asleep() as usize, asleep);
            }
        }
    }
}
