use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Intensity;
use crate::event::Act;
use crate::testing::{COUNT, CURSED, Counter, DEPOSIT, ECHO, PANIC, SLEEP, STOP, TELL_AND_PANIC};

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
fn many_are_ended_as_one_by_one_and_those_not_there_are_told() {
    let (mut together, mut alone) = (
        stepper(Restart::Transient, 10),
        stepper(Restart::Transient, 10),
    );
    let agents: Vec<Handle> = (0..100).map(|i| together.spawn(i).unwrap()).collect();
    for i in 0..100 {
        assert_eq!(alone.spawn(i), Ok(agents[i as usize]));
    }
    for stepper in [&mut together, &mut alone] {
        stepper.step(
            1,
            &[event(agents[3], DEPOSIT, 5), event(agents[4], SLEEP, 0)],
        );
    }
    let leaving: Vec<Handle> = [3, 4, 99, 3, 50].map(|at| agents[at]).into();
    let mut refused = Vec::new();
    together.free_many(&leaving, |refusal| refused.push(refusal));
    let refused_alone: Vec<Refusal> = leaving
        .iter()
        .filter_map(|agent| alone.free(*agent).err())
        .collect();
    assert_eq!(refused, [Refusal::Stale(agents[3])]);
    assert_eq!(refused, refused_alone);
    let end = |stepper: &Stepper<Counter>| {
        let sum = stepper.pheromone_sum();
        (stepper.live(), stepper.asleep(), stepper.counts(), sum)
    };
    assert_eq!(end(&together), end(&alone));
    assert_eq!(together.spawn(7), alone.spawn(7));
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
