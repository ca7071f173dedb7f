//! A kind for this crate's own tests: it counts, and does on demand whatever an agent can do.

use std::time::Duration;

use crate::arena::ArenaConfig;
use crate::effects::Effects;
use crate::event::Event;
use crate::kind::{Around, Kind, WholeLine};
use crate::step::{StepConfig, Stepper};
use crate::{Intensity, Restart};

pub(crate) const COUNT: u8 = 0;
pub(crate) const PANIC: u8 = 1;
pub(crate) const STOP: u8 = 2;
pub(crate) const SLEEP: u8 = 3;
pub(crate) const DEPOSIT: u8 = 4;
/// Tells its sender, or itself if there is none, and then panics: the telling must be undone.
pub(crate) const TELL_AND_PANIC: u8 = 5;
/// Sends `value` counts to itself.
pub(crate) const ECHO: u8 = 6;

/// The resource no agent can be born for.
pub(crate) const CURSED: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Counter;

#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct CounterState {
    pub(crate) counted: u64,
    pub(crate) last: u32,
    pub(crate) from: u32,
    spare: [u64; 3],
}

impl Kind for Counter {
    const NAME: &'static str = "counter";
    const BYTES: usize = 64;
    type Line = WholeLine;
    type State = CounterState;

    fn birth(resource: u64) -> CounterState {
        assert!(resource != CURSED, "a cursed resource");
        CounterState {
            counted: 0,
            last: 0,
            from: u32::MAX,
            spare: [0; 3],
        }
    }

    fn behave(
        state: &mut CounterState,
        event: &Event,
        around: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        match event.code {
            COUNT => {
                state.counted += 1;
                state.last = event.value;
                state.from = event.from.map_or(u32::MAX, |from| from.slot());
            }
            PANIC => panic!("asked to panic"),
            STOP => effects.stop(),
            SLEEP => effects.sleep(),
            DEPOSIT => effects.deposit(event.value as f32),
            TELL_AND_PANIC => {
                effects.inform(event.from.unwrap_or(around.me()), COUNT, 0, 0);
                panic!("asked to panic after telling");
            }
            ECHO => {
                for value in 0..event.value {
                    effects.inform(around.me(), COUNT, 0, value);
                }
            }
            _ => effects.not_understood(),
        }
    }
}

/// A stepper with room for a thousand agents of a kind, which come back up to ten times a second.
pub(crate) fn stepper_of<K: Kind>() -> Stepper<K> {
    let arena = ArenaConfig {
        capacity: 1_000,
        quarantine: 0,
        first_generation: 1,
    };
    let intensity = Intensity {
        restarts: 10,
        within: Duration::from_secs(1),
    };
    Stepper::new(
        0,
        &StepConfig {
            arena,
            near: 64,
            far: 8,
            restart: Restart::Transient,
            intensity,
        },
    )
}

/// The same for the kind of this file.
pub(crate) fn small_stepper() -> Stepper<Counter> {
    stepper_of()
}
