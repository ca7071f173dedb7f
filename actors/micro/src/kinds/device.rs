//! A device (accelerator, disk, network card): 512 bytes. Keeps a histogram of its latencies and says whether it is healthy.

use crate::effects::Effects;
use crate::event::{Act, Event};
use crate::kind::{Around, Kind, WholeLine};

/// An operation took `value` microseconds.
pub const DONE: u8 = 0;
/// An operation failed; `value` is the error number.
pub const FAILED: u8 = 1;
/// Asks whether it is healthy; answered by the same code with `arg` 1 or 0 and the median latency class in `value`.
pub const HEALTHY: u8 = 2;

/// Latency classes: class `i > 0` holds from `2^(i-1)` to `2^i` microseconds.
pub const CLASSES: usize = 32;
/// Part of the recent operations that may fail on a healthy device.
const TOLERATED: f32 = 0.1;

/// A device agent.
#[derive(Debug)]
pub struct Device;

/// What a device knows of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct DeviceState {
    /// Operations by latency class.
    pub latencies: [u64; CLASSES],
    /// Numbers of the last errors, as a ring.
    pub last_errors: [u32; 32],
    /// Operations that failed.
    pub failed: u64,
    /// Operations that did not.
    pub done: u64,
    /// Recent share of failures: a moving average over some thirty operations.
    pub failing: f32,
    spare: [u32; 21],
}

impl Kind for Device {
    const NAME: &'static str = "device";
    const BYTES: usize = 512;
    type Line = WholeLine;
    type State = DeviceState;

    fn birth(_: u64) -> DeviceState {
        DeviceState {
            latencies: [0; CLASSES],
            last_errors: [0; 32],
            failed: 0,
            done: 0,
            failing: 0.0,
            spare: [0; 21],
        }
    }

    fn behave(
        device: &mut DeviceState,
        event: &Event,
        _: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        let mut counted = |failed: f32| device.failing += (failed - device.failing) / 32.0;
        match event.code {
            DONE => {
                counted(0.0);
                device.done += 1;
                device.latencies
                    [((u32::BITS - event.value.leading_zeros()) as usize).min(CLASSES - 1)] += 1;
                effects.deposit(1.0);
            }
            FAILED => {
                counted(1.0);
                device.last_errors[device.failed as usize % 32] = event.value;
                device.failed += 1;
            }
            HEALTHY => {
                if let (Some(asker), Act::QueryIf) = (event.from, event.act) {
                    effects.inform(
                        asker,
                        HEALTHY,
                        u16::from(device.failing <= TOLERATED),
                        median(&device.latencies),
                    );
                }
            }
            _ => effects.not_understood(),
        }
    }
}

fn median(latencies: &[u64; CLASSES]) -> u32 {
    let half = latencies.iter().sum::<u64>().div_ceil(2);
    let mut seen = 0;
    let at = latencies.iter().position(|count| {
        seen += count;
        seen >= half
    });
    at.unwrap_or(0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stepper_of;

    #[test]
    fn a_device_knows_its_median_and_when_it_fails_too_often() {
        let mut stepper = stepper_of::<Device>();
        let device = stepper.spawn(0).unwrap();
        let events: Vec<Event> = [10, 100, 100, 100, 5_000]
            .map(|us| Event::inform(device, DONE, us))
            .into();
        stepper.step(0, &events);
        let state = stepper.arena.get(device).unwrap().state;
        assert_eq!((median(&state.latencies), state.done), (7, 5));
        assert!(state.failing <= TOLERATED);
        stepper.step(1, &[Event::inform(device, FAILED, 5); 8]);
        let state = stepper.arena.get(device).unwrap().state;
        assert!(state.failing > TOLERATED && state.last_errors[7] == 5);
    }
}
