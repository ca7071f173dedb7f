//! What a kind of agent is: a name, a size, a state and one plain function. A kind of one's own is one file.

use std::fmt;

use crate::decay::{Decay, Tick};
use crate::effects::Effects;
use crate::event::Event;
use crate::handle::Handle;
use crate::slot::{Life, Slot};
use crate::{Intensity, Restart};

/// Slots of this alignment never share a cache line with two others: right for 32 and 96 bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
pub struct HalfLine;

/// Slots of this alignment begin on a cache line: right for multiples of 64 bytes.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub struct WholeLine;

/// A kind of micro agent.
pub trait Kind: Sized + Send + Sync + 'static {
    /// The type in identities and metrics: `micro.{NAME}.{instance}@{zone}`.
    const NAME: &'static str;
    /// Bytes of one agent with everything it needs; checked against the real layout when the kind is first used.
    const BYTES: usize;
    /// [`WholeLine`] or [`HalfLine`].
    type Line: Copy + Default + fmt::Debug + Send + Sync + 'static;
    /// What the agent knows of its resource. `Copy`, so that dropping or restarting an agent runs no code.
    type State: Copy + fmt::Debug + Send + Sync + 'static;

    /// When an agent that ended comes back.
    const RESTART: Restart = Restart::Transient;
    /// How many may come back within a window, in the whole zone; the ones beyond it are dropped and counted.
    const INTENSITY: Intensity = Intensity {
        restarts: 100_000,
        within: std::time::Duration::from_secs(1),
    };
    /// Time in which an agent's pheromone halves.
    const HALF_LIFE: Tick = 10_000;
    /// Events one agent accepts within one tick; the flood beyond is refused and counted.
    const BURST: u16 = 4096;

    /// The state of a newborn agent, made from its resource alone: this is also how it is restarted.
    fn birth(resource: u64) -> Self::State;

    /// What the agent does: a plain function of its state, the event and what it sees around it.
    ///
    /// It must not block. A panic in it ends this agent only; whatever it had put into `effects` for this event is undone.
    fn behave(
        state: &mut Self::State,
        event: &Event,
        around: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    );
}

/// What an agent sees: itself from outside, the time, and the agents in the slots beside its own.
#[derive(Debug)]
pub struct Around<'a, K: Kind> {
    pub(crate) now: Tick,
    pub(crate) me: Handle,
    pub(crate) resource: u64,
    pub(crate) pheromone: f32,
    pub(crate) decay: &'a Decay,
    pub(crate) before: &'a [Slot<K>],
    pub(crate) after: &'a [Slot<K>],
}

impl<K: Kind> Around<'_, K> {
    /// The time.
    pub fn now(&self) -> Tick {
        self.now
    }

    /// The agent's own handle.
    pub fn me(&self) -> Handle {
        self.me
    }

    /// The resource the agent stands for.
    pub fn resource(&self) -> u64 {
        self.resource
    }

    /// What is left of the agent's own pheromone.
    pub fn pheromone(&self) -> f32 {
        self.pheromone
    }

    /// What is left of something of this kind's half-life after some ticks, from 1 down to 0.
    pub fn evaporated(&self, ticks: Tick) -> f32 {
        self.decay.factor(ticks)
    }

    /// The agent `offset` slots away (-1 is the one before), if it is awake and in the same slab. Agents spawned one after
    /// another into a fresh arena are neighbours; a slab edge is an edge of the world.
    pub fn neighbour(&self, offset: isize) -> Option<Neighbour<'_, K>> {
        let slot = match offset {
            0 => return None,
            1.. => self.after.get(offset as usize - 1)?,
            _ => self
                .before
                .get(self.before.len().checked_sub(offset.unsigned_abs())?)?,
        };
        if slot.header.life != Life::Active {
            return None;
        }
        let index = self.me.slot().checked_add_signed(offset as i32)?;
        Some(Neighbour {
            slot,
            handle: Handle::new(self.me.shard(), index, slot.header.generation)?,
            pheromone: slot.header.pheromone
                * self
                    .decay
                    .factor(self.now.wrapping_sub(slot.header.touched)),
        })
    }
}

/// Another agent, seen but not touched.
#[derive(Debug)]
pub struct Neighbour<'a, K: Kind> {
    slot: &'a Slot<K>,
    handle: Handle,
    pheromone: f32,
}

impl<'a, K: Kind> Neighbour<'a, K> {
    /// Whom to tell something to reach it.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Its state.
    pub fn state(&self) -> &'a K::State {
        &self.slot.state
    }

    /// Its resource.
    pub fn resource(&self) -> u64 {
        self.slot.header.resource
    }

    /// What is left of its pheromone.
    pub fn pheromone(&self) -> f32 {
        self.pheromone
    }
}
