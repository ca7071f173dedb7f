//! One agent in memory: 24 bytes that every kind has, then the state of its kind, padded to the kind's size.
//!
//! The layout is drawn in `docs/formats/micro-agent.md`. It is proved here for the header and, for each kind, when the kind
//! is compiled into an arena.

use std::mem::offset_of;

use crate::decay::Tick;
use crate::kind::Kind;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 24;

/// Where a slot is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Life {
    /// Empty, waiting for its next agent.
    Free = 0,
    /// An agent lives here and takes events.
    Active = 1,
    /// An agent lives here and refuses events until it is resumed.
    Suspended = 2,
    /// The generations are used up; the slot is left alone for ever.
    Retired = 3,
}

/// What every agent has.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Header {
    pub(crate) generation: u32,
    pub(crate) life: Life,
    /// Restarts of this agent so far, at most 255 shown.
    pub(crate) restarts: u8,
    /// Events taken in the tick `touched`, the measure against floods.
    pub(crate) burst: u16,
    /// Pheromone as it was at `touched`.
    pub(crate) pheromone: f32,
    /// Tick of the last event or deposit.
    pub(crate) touched: Tick,
    /// What the agent stands for; in a free slot of the list behind the ring, the next one.
    pub(crate) resource: u64,
}

const _: () = assert!(
    size_of::<Header>() == HEADER_BYTES
        && offset_of!(Header, generation) == 0
        && offset_of!(Header, life) == 4
        && offset_of!(Header, restarts) == 5
        && offset_of!(Header, burst) == 6
        && offset_of!(Header, pheromone) == 8
        && offset_of!(Header, touched) == 12
        && offset_of!(Header, resource) == 16
);

/// One agent.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Slot<K: Kind> {
    pub(crate) header: Header,
    pub(crate) state: K::State,
    line: K::Line,
}

impl<K: Kind> Slot<K> {
    /// Evaluated by the compiler wherever an arena of the kind is built: a wrong size does not compile.
    pub(crate) const PROVED: () = {
        assert!(
            size_of::<Self>() == K::BYTES,
            "the slot is not as large as the kind says"
        );
        assert!(
            align_of::<Self>() == align_of::<K::Line>(),
            "the slot is not aligned as the kind says"
        );
        assert!(size_of::<K::Line>() == 0, "use WholeLine or HalfLine");
        assert!(
            offset_of!(Self, state) == HEADER_BYTES,
            "the state does not follow the header at once"
        );
    };

    pub(crate) fn new(generation: u32, resource: u64, state: K::State, now: Tick) -> Self {
        let header = Header {
            generation,
            life: Life::Active,
            restarts: 0,
            burst: 0,
            pheromone: 0.0,
            touched: now,
            resource,
        };
        Self {
            header,
            state,
            line: K::Line::default(),
        }
    }
}
