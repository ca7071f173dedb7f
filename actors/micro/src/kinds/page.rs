//! A page of memory: 64 bytes. Touches leave pheromone, so heat fades by itself; under pressure a page states what it is
//! worth, counting the heat of the pages beside it, and the least worth leaves (see `pager`).

use crate::effects::Effects;
use crate::event::Event;
use crate::kind::{Around, Kind, WholeLine};

/// The page was used; `arg` 1 says it was written.
pub const TOUCH: u8 = 0;
/// The page got a frame; `value` is its number.
pub const LOAD: u8 = 1;
/// The page lost its frame.
pub const EVICT: u8 = 2;
/// Memory is short: state a bid for round `value`.
pub const PRESSURE: u8 = 3;

/// Part of a neighbour's heat that counts as one's own: pages are used in runs.
const NEIGHBOURLY: f32 = 0.1;

/// A page agent.
#[derive(Debug)]
pub struct Page;

/// What a page knows of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct PageState {
    /// Frame it lies in, if resident.
    pub frame: u32,
    /// Whether it has a frame.
    pub resident: bool,
    /// Whether it was written since it got its frame.
    pub dirty: bool,
    /// Times it lost its frame, at most 65,535 shown.
    pub evictions: u16,
    /// Times it was used.
    pub touches: u64,
    /// Times it was written.
    pub writes: u64,
    /// Round of its last bid.
    pub round: u32,
    /// What it said it is worth.
    pub bid: f32,
    /// When it got its frame.
    pub since: u32,
    spare: u32,
}

impl Kind for Page {
    const NAME: &'static str = "page";
    const BYTES: usize = 64;
    type Line = WholeLine;
    type State = PageState;

    fn birth(_: u64) -> PageState {
        PageState {
            frame: 0,
            resident: false,
            dirty: false,
            evictions: 0,
            touches: 0,
            writes: 0,
            round: 0,
            bid: 0.0,
            since: 0,
            spare: 0,
        }
    }

    #[inline]
    fn behave(
        page: &mut PageState,
        event: &Event,
        around: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        match event.code {
            TOUCH => {
                page.touches += 1;
                page.writes += u64::from(event.arg);
                page.dirty |= event.arg != 0;
                effects.deposit(1.0);
            }
            LOAD => {
                (page.frame, page.resident, page.dirty, page.since) =
                    (event.value, true, false, around.now());
            }
            EVICT => {
                (page.resident, page.dirty) = (false, false);
                page.evictions = page.evictions.saturating_add(1);
            }
            PRESSURE => {
                let beside = [-1, 1]
                    .into_iter()
                    .filter_map(|at| around.neighbour(at))
                    .map(|page| page.pheromone());
                page.bid = around.pheromone() + NEIGHBOURLY * beside.sum::<f32>();
                page.round = event.value;
            }
            _ => effects.not_understood(),
        }
    }
}
