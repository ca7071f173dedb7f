//! A processor core: 256 bytes. Cores even out their load by local reports alone: whoever carries more than a core within two
//! steps hands it a fifth of the difference. No one sees the whole, and the whole becomes even.

use crate::effects::Effects;
use crate::event::Event;
use crate::kind::{Around, Kind, WholeLine};

/// `value` units of work arrived.
pub const TAKE: u8 = 0;
/// `value` units of work are done.
pub const DONE: u8 = 1;
/// Compare with the cores beside and hand over.
pub const BALANCE: u8 = 2;

/// Cores a core looks at, by their distance: those beside it and those a step further, so that a run of busy cores is not
/// left to its two ends.
const BESIDE: [isize; 4] = [-2, -1, 1, 2];

/// Loads remembered, one per balance round.
const HISTORY: usize = 48;

/// A core agent.
#[derive(Debug)]
pub struct Core;

/// What a core knows of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct CoreState {
    /// Units of work it carries.
    pub load: u64,
    /// Units done.
    pub done: u64,
    /// Units handed to the cores beside it.
    pub handed_over: u64,
    /// Balance rounds.
    pub rounds: u64,
    /// Its load at the last rounds, as a ring.
    pub history: [u32; HISTORY],
    spare: u64,
}

impl Kind for Core {
    const NAME: &'static str = "core";
    const BYTES: usize = 256;
    type Line = WholeLine;
    type State = CoreState;

    fn birth(_: u64) -> CoreState {
        CoreState {
            load: 0,
            done: 0,
            handed_over: 0,
            rounds: 0,
            history: [0; HISTORY],
            spare: 0,
        }
    }

    fn behave(
        core: &mut CoreState,
        event: &Event,
        around: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        match event.code {
            TAKE => core.load += u64::from(event.value),
            DONE => {
                let done = core.load.min(event.value.into());
                (core.load, core.done) = (core.load - done, core.done + done);
                effects.deposit(done as f32);
            }
            BALANCE => {
                core.history[core.rounds as usize % HISTORY] = core.load as u32;
                core.rounds += 1;
                for beside in BESIDE.into_iter().filter_map(|at| around.neighbour(at)) {
                    // One share each and one kept: with half towards all sides at once the load would swing.
                    let part = core
                        .load
                        .saturating_sub(beside.state().load)
                        .div_ceil(BESIDE.len() as u64 + 1);
                    let worthwhile = core.load > beside.state().load + 1;
                    if worthwhile && effects.inform(beside.handle(), TAKE, 0, part as u32) {
                        (core.load, core.handed_over) = (core.load - part, core.handed_over + part);
                    }
                }
            }
            _ => effects.not_understood(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stepper_of;

    #[test]
    fn load_on_one_core_spreads_over_all_and_none_is_lost() {
        let mut stepper = stepper_of::<Core>();
        let cores: Vec<_> = (0..8).map(|i| stepper.spawn(i).unwrap()).collect();
        stepper.step(0, &[Event::inform(cores[0], TAKE, 800)]);
        let balance: Vec<Event> = cores
            .iter()
            .map(|core| Event::inform(*core, BALANCE, 0))
            .collect();
        for round in 1..200 {
            stepper.step(round, &balance);
        }
        stepper.step(200, &[]);
        let loads: Vec<u64> = cores
            .iter()
            .map(|core| stepper.arena.get(*core).unwrap().state.load)
            .collect();
        assert_eq!(loads.iter().sum::<u64>(), 800, "{loads:?}");
        assert!(
            loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 8,
            "{loads:?}"
        );
    }
}
