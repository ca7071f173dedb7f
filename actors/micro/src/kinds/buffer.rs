//! A buffer of a pool: 32 bytes. One pool manager leases and gives back; the agent knows who has it and notices misuse.

use crate::effects::Effects;
use crate::event::Event;
use crate::kind::{Around, HalfLine, Kind};

/// Owner `value` (never 0) takes the buffer.
pub const LEASE: u8 = 0;
/// Owner `value` gives it back.
pub const RELEASE: u8 = 1;
/// Owner `value` is gone: whatever it had is free.
pub const RECLAIM: u8 = 2;

/// A buffer agent.
#[derive(Debug)]
pub struct Buffer;

/// What a buffer knows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct BufferState {
    /// Who has it; 0 for nobody.
    pub owner: u32,
    /// Leases so far, at most 65,535 shown.
    pub leases: u16,
    /// Leases of what was taken and releases of what was not held, at most 65,535 shown; nothing was changed by them.
    pub misuses: u16,
}

impl Kind for Buffer {
    const NAME: &'static str = "buffer";
    const BYTES: usize = 32;
    type Line = HalfLine;
    type State = BufferState;

    fn birth(_: u64) -> BufferState {
        BufferState {
            owner: 0,
            leases: 0,
            misuses: 0,
        }
    }

    fn behave(
        buffer: &mut BufferState,
        event: &Event,
        _: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        match event.code {
            LEASE if buffer.owner == 0 && event.value != 0 => {
                (buffer.owner, buffer.leases) = (event.value, buffer.leases.saturating_add(1));
                effects.deposit(1.0);
            }
            RELEASE if buffer.owner == event.value && event.value != 0 => buffer.owner = 0,
            RECLAIM if buffer.owner == event.value => buffer.owner = 0,
            RECLAIM => {}
            LEASE | RELEASE => {
                buffer.misuses = buffer.misuses.saturating_add(1);
                effects.misused();
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
    fn a_buffer_belongs_to_one_owner_at_a_time() {
        let table = [
            // code, owner named, owner after, misuses after
            (LEASE, 7, 7, 0),
            (LEASE, 8, 7, 1),
            (RELEASE, 8, 7, 2),
            (RECLAIM, 8, 7, 2),
            (RELEASE, 7, 0, 2),
            (RELEASE, 7, 0, 3),
            (LEASE, 0, 0, 4),
            (LEASE, 9, 9, 4),
            (RECLAIM, 9, 0, 4),
        ];
        let mut stepper = stepper_of::<Buffer>();
        let buffer = stepper.spawn(0).unwrap();
        for (step, (code, named, owner, misuses)) in table.into_iter().enumerate() {
            stepper.step(0, &[Event::inform(buffer, code, named)]);
            let state = stepper.arena.get(buffer).unwrap().state;
            assert_eq!(
                (state.owner, state.misuses),
                (owner, misuses),
                "step {step}"
            );
            assert_eq!(
                stepper.counts().misused,
                u64::from(misuses),
                "step {step}: the totals show it too"
            );
        }
    }
}
