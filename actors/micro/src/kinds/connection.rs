//! A network connection: 128 bytes. Counts what passes, notices silence, leaves when it is closed.

use crate::effects::Effects;
use crate::event::Event;
use crate::kind::{Around, Kind, WholeLine};

/// The connection is established.
pub const OPENED: u8 = 0;
/// `value` bytes came in.
pub const RECEIVED: u8 = 1;
/// `value` bytes went out.
pub const SENT: u8 = 2;
/// Something went wrong on it; `value` is the error number.
pub const FAILED: u8 = 3;
/// Both sides have closed: the agent leaves.
pub const CLOSED: u8 = 4;
/// Swept over all: whoever was silent for `value` milliseconds leaves.
pub const EXPIRE: u8 = 5;

/// A connection agent.
#[derive(Debug)]
pub struct Connection;

/// What a connection knows of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct ConnectionState {
    /// Bytes and packets in.
    pub received: (u64, u64),
    /// Bytes and packets out.
    pub sent: (u64, u64),
    /// Tick of the opening, and of the last traffic.
    pub opened: u32,
    /// See `opened`.
    pub last: u32,
    /// Longest silence between two packets, in milliseconds.
    pub longest_silence: u32,
    /// Errors, and the number of the last one.
    pub errors: u32,
    /// See `errors`.
    pub last_error: u32,
    /// Whether it is established.
    pub open: bool,
    spare: [u8; 51],
}

impl Kind for Connection {
    const NAME: &'static str = "connection";
    const BYTES: usize = 128;
    type Line = WholeLine;
    type State = ConnectionState;

    fn birth(_: u64) -> ConnectionState {
        ConnectionState {
            received: (0, 0),
            sent: (0, 0),
            opened: 0,
            last: 0,
            longest_silence: 0,
            errors: 0,
            last_error: 0,
            open: false,
            spare: [0; 51],
        }
    }

    fn behave(
        state: &mut ConnectionState,
        event: &Event,
        around: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        let silence = around.now().wrapping_sub(state.last);
        let mut heard = || {
            state.longest_silence = state.longest_silence.max(silence);
            state.last = around.now();
            effects.deposit(1.0);
        };
        match event.code {
            OPENED => (state.open, state.opened, state.last) = (true, around.now(), around.now()),
            RECEIVED => {
                heard();
                state.received = (
                    state.received.0 + u64::from(event.value),
                    state.received.1 + 1,
                );
            }
            SENT => {
                heard();
                state.sent = (state.sent.0 + u64::from(event.value), state.sent.1 + 1);
            }
            FAILED => {
                (state.errors, state.last_error) = (state.errors.saturating_add(1), event.value)
            }
            CLOSED => effects.stop(),
            EXPIRE if silence >= event.value => effects.stop(),
            EXPIRE => {}
            _ => effects.not_understood(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stepper_of;

    #[test]
    fn a_connection_counts_its_traffic_and_leaves_when_closed_or_silent() {
        let mut stepper = stepper_of::<Connection>();
        let [closed, silent, busy] = [1, 2, 3].map(|resource| stepper.spawn(resource).unwrap());
        let open = [closed, silent, busy].map(|agent| Event::inform(agent, OPENED, 0));
        stepper.step(0, &open);
        stepper.step(
            700,
            &[
                Event::inform(busy, RECEIVED, 1_500),
                Event::inform(busy, SENT, 40),
            ],
        );
        stepper.step(1_000, &[Event::inform(closed, CLOSED, 0)]);
        stepper.sweep(Event::inform(busy, EXPIRE, 500), 0, 100);
        assert!(stepper.arena.get(closed).is_err() && stepper.arena.get(silent).is_err());
        let state = &stepper.arena.get(busy).unwrap().state;
        assert_eq!(
            (state.received, state.sent, state.longest_silence),
            ((1_500, 1), (40, 1), 700)
        );
        assert_eq!(stepper.counts.dropped, 0, "they left by themselves");
    }
}
