//! An active route: 96 bytes. Eight next hops with a trail each; whoever asks is told the strongest.

use crate::decay::Tick;
use crate::effects::Effects;
use crate::event::{Act, Event};
use crate::kind::{Around, HalfLine, Kind};

/// A packet over next hop `value` (never 0) arrived and earned `arg` / 256.
pub const REWARD: u8 = 0;
/// Next hop `value` is gone.
pub const LOST: u8 = 1;
/// Asks for the best next hop; answered by the same code, `value` 0 if there is none.
pub const BEST: u8 = 2;

const HOPS: usize = 8;

/// A route agent.
#[derive(Debug)]
pub struct Route;

/// What a route knows of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct RouteState {
    /// Next hops; 0 is an empty place.
    pub hops: [u32; HOPS],
    /// The trail to each, as it was at `at`.
    pub trails: [f32; HOPS],
    /// When the trails were brought up to date.
    pub at: Tick,
    /// Rewards counted.
    pub rewards: u32,
}

impl Kind for Route {
    const NAME: &'static str = "route";
    const BYTES: usize = 96;
    type Line = HalfLine;
    type State = RouteState;

    fn birth(_: u64) -> RouteState {
        RouteState {
            hops: [0; HOPS],
            trails: [0.0; HOPS],
            at: 0,
            rewards: 0,
        }
    }

    fn behave(
        route: &mut RouteState,
        event: &Event,
        around: &Around<'_, Self>,
        effects: &mut Effects<'_>,
    ) {
        let faded = around.evaporated(around.now().wrapping_sub(route.at));
        route.trails.iter_mut().for_each(|trail| *trail *= faded);
        route.at = around.now();
        match event.code {
            REWARD if event.value != 0 => {
                let known = route.hops.iter().position(|hop| *hop == event.value);
                let place = known.unwrap_or_else(|| {
                    let weakest = weakest(&route.trails);
                    (route.hops[weakest], route.trails[weakest]) = (event.value, 0.0);
                    weakest
                });
                route.trails[place] += f32::from(event.arg) / 256.0;
                route.rewards += 1;
                effects.deposit(f32::from(event.arg) / 256.0);
            }
            LOST => {
                if let Some(place) = route.hops.iter().position(|hop| *hop == event.value) {
                    (route.hops[place], route.trails[place]) = (0, 0.0);
                }
            }
            BEST => {
                if let (Some(asker), Act::QueryIf) = (event.from, event.act) {
                    effects.inform(asker, BEST, 0, best(route));
                }
            }
            _ => effects.not_understood(),
        }
    }
}

fn weakest(trails: &[f32; HOPS]) -> usize {
    (1..HOPS).fold(0, |weakest, at| {
        if trails[at] < trails[weakest] {
            at
        } else {
            weakest
        }
    })
}

/// The next hop with the strongest trail; 0 if there is none.
pub fn best(route: &RouteState) -> u32 {
    let strongest = (1..HOPS).fold(0, |best, at| {
        if route.trails[at] > route.trails[best] {
            at
        } else {
            best
        }
    });
    route.hops[strongest]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stepper_of;

    fn rewarded(agent: crate::Handle, hop: u32, part: u16) -> Event {
        Event::new(agent, Act::Inform, REWARD, part, hop)
    }

    #[test]
    fn a_route_follows_the_reward_and_forgets_what_is_lost() {
        let mut stepper = stepper_of::<Route>();
        let route = stepper.spawn(0).unwrap();
        let best_now =
            |stepper: &crate::Stepper<Route>| best(&stepper.arena.get(route).unwrap().state);
        assert_eq!(best_now(&stepper), 0);
        stepper.step(0, &[rewarded(route, 5, 256), rewarded(route, 6, 128)]);
        assert_eq!(best_now(&stepper), 5);
        stepper.step(Route::HALF_LIFE.into(), &[rewarded(route, 6, 128)]);
        assert_eq!(best_now(&stepper), 6, "5 has halved, 6 has gained");
        stepper.step(Route::HALF_LIFE.into(), &[Event::inform(route, LOST, 6)]);
        assert_eq!(best_now(&stepper), 5);
    }

    #[test]
    fn a_ninth_hop_takes_the_place_of_the_weakest() {
        let mut stepper = stepper_of::<Route>();
        let route = stepper.spawn(0).unwrap();
        let events: Vec<Event> = (1..=9)
            .map(|hop| rewarded(route, hop, if hop == 4 { 1 } else { 256 }))
            .collect();
        stepper.step(0, &events);
        let state = stepper.arena.get(route).unwrap().state;
        assert_eq!(state.hops, [1, 2, 3, 9, 5, 6, 7, 8]);
    }
}
