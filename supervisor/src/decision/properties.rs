//! Random trees under random lives. The rig checks after every action: restarts within intensity, start order, reverse
//! stop order, one incarnation at a time, nothing after terminate, one answer an order. At the end, a stopped
//! supervisor has always left.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{
    Input, Order, Settings,
    rig::{Habit, World, ms, settings},
};
use crate::{
    backoff::Backoff,
    exit::ExitReason,
    fault::StartError,
    intensity::Intensity,
    policy::Policy,
    strategy::{AutoShutdown, Restart, Shutdown, Strategy},
};

fn strategies() -> impl Strategy_<Value = Strategy> {
    prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne),
        Just(Strategy::Dynamic)
    ]
}

// proptest and supervision both have a `Strategy`.
use proptest::strategy::Strategy as Strategy_;

fn policies() -> impl Strategy_<Value = Policy> {
    let restart = prop_oneof![
        4 => Just(Restart::Permanent),
        2 => Just(Restart::Transient),
        1 => Just(Restart::Temporary)
    ];
    let shutdown = prop_oneof![
        1 => Just(Shutdown::BrutalKill),
        4 => (1_u64..200).prop_map(|limit| Shutdown::Timeout(ms(limit))),
        1 => Just(Shutdown::Infinity)
    ];
    let backoff = proptest::option::of((0_u64..100, 1.0_f64..3.0, 0.0_f64..1.0).prop_map(
        |(first, factor, jitter)| Backoff {
            first: ms(first),
            factor,
            jitter,
            max: ms(500),
            reset_after: ms(300),
            warm: 0.5,
        },
    ));
    let own = proptest::option::of((0_u32..5, 1_u64..1_000));
    let start_within = proptest::option::of(1_u64..100);
    (restart, shutdown, backoff, own, start_within, any::<bool>()).prop_map(
        |(restart, shutdown, backoff, own, start_within, significant)| Policy {
            restart,
            shutdown,
            backoff,
            significant: significant && restart != Restart::Permanent,
            intensity: own.map(|(restarts, within)| Intensity::new(restarts, ms(within))),
            start_within: start_within.map(ms),
            ..Policy::default()
        },
    )
}

/// One thing that happens. Indices are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    NextDeadline,
    FinishStart(usize),
    FailStart(usize),
    IgnoreStart(usize),
    End(usize, u8),
    EndLeaving(usize, u8),
    Clear(usize),
    Start(u8, Box<Policy>),
    Terminate(u8),
    Restart(u8),
    Delete(u8),
    Kill(u8),
    Stop,
}

fn steps() -> impl Strategy_<Value = Step> {
    let id = 0_u8..8;
    prop_oneof![
        4 => (0_u64..300).prop_map(Step::Pass),
        3 => Just(Step::NextDeadline),
        12 => any::<usize>().prop_map(Step::FinishStart),
        2 => any::<usize>().prop_map(Step::FailStart),
        1 => any::<usize>().prop_map(Step::IgnoreStart),
        8 => (any::<usize>(), 0_u8..5).prop_map(|(at, how)| Step::End(at, how)),
        4 => (any::<usize>(), 0_u8..5).prop_map(|(at, how)| Step::EndLeaving(at, how)),
        4 => any::<usize>().prop_map(Step::Clear),
        2 => (id.clone(), policies()).prop_map(|(id, policy)| Step::Start(id, Box::new(policy))),
        2 => id.clone().prop_map(Step::Terminate),
        2 => id.clone().prop_map(Step::Restart),
        1 => id.clone().prop_map(Step::Delete),
        1 => id.prop_map(Step::Kill),
        1 => Just(Step::Stop),
    ]
}

fn exit(how: u8) -> ExitReason {
    match how {
        0 => ExitReason::Normal,
        1 => ExitReason::Shutdown("done".into()),
        2 => ExitReason::Killed,
        3 => ExitReason::Cancelled,
        _ => ExitReason::Failed("boom".into()),
    }
}

fn pick<K: Copy>(keys: impl ExactSizeIterator<Item = K>, at: usize) -> Option<K> {
    let count = keys.len();
    (count > 0)
        .then(|| keys.into_iter().nth(at % count))
        .flatten()
}

fn live(world: &mut World, step: Step) {
    let id = |n: u8| Arc::<str>::from(format!("c{n}"));
    let dynamic = world.tree.settings.strategy == Strategy::Dynamic;
    match step {
        Step::Pass(time) => world.pass(ms(time)),
        Step::NextDeadline => {
            if let Some(due) = world.tree.next_deadline() {
                world.pass(due.saturating_sub(world.now));
            }
        }
        Step::FinishStart(at) => end_start(world, at, Ok(())),
        Step::FailStart(at) => end_start(world, at, Err(StartError::Failed("no".into()))),
        Step::IgnoreStart(at) => end_start(world, at, Err(StartError::Ignored)),
        Step::End(at, how) => {
            if let Some(key) = pick(world.alive.keys().copied(), at) {
                let input = world.ends(key, exit(how)).unwrap();
                world.tell(input);
            }
        }
        Step::EndLeaving(at, how) => {
            if let Some(key) = pick(world.alive.keys().copied(), at) {
                let input = world.ends_leaving(key, exit(how), true).unwrap();
                world.tell(input);
            }
        }
        Step::Clear(at) => {
            if let Some(key) = pick(world.lingering.keys().copied(), at) {
                world.clear_at(key);
            }
        }
        Step::Start(n, policy) => {
            world.order(Order::Start {
                id: id(n),
                policy: Arc::new(*policy),
                live: (),
            });
        }
        Step::Terminate(n) => {
            world.order(Order::Terminate { id: id(n) });
        }
        Step::Restart(n) if !dynamic => {
            world.order(Order::Restart { id: id(n) });
        }
        Step::Delete(n) if !dynamic => {
            world.order(Order::Delete { id: id(n) });
        }
        Step::Kill(n) => {
            world.order(Order::Kill { id: id(n) });
        }
        Step::Restart(_) | Step::Delete(_) => {}
        Step::Stop => world.tell(Input::Stop),
    }
}

fn end_start(world: &mut World, at: usize, outcome: Result<(), StartError>) {
    if let Some(key) = pick(world.starting.keys().copied(), at) {
        let input = world.start_ends(key, outcome).unwrap();
        world.tell(input);
    }
}

/// Stops the supervisor and lets every child leave that has been told to.
fn wind_up(world: &mut World) {
    world.tell(Input::Stop);
    for _ in 0..1_000 {
        if world.outcome.is_some() {
            break;
        }
        while let Some(key) = world.starting.keys().next().copied() {
            let input = world.start_ends(key, Err(StartError::Cancelled)).unwrap();
            world.tell(input);
        }
        if let Some(key) = world.lingering.keys().next().copied() {
            world.clear_at(key);
        }
        if let Some(key) = world.alive.keys().last().copied() {
            let input = world.ends(key, ExitReason::Killed).unwrap();
            world.tell(input);
        }
        world.pass(Duration::from_secs(2));
    }
    assert!(
        world.outcome.is_some(),
        "a stopped supervisor leaves: {}",
        world.states()
    );
    assert!(world.ready.is_some(), "whoever waits for the start is told");
    assert!(
        world.open_tickets.is_empty(),
        "every order is answered: {:?}",
        world.open_tickets
    );
    assert_eq!(world.tree.next_deadline(), None, "no timer is left");
}

fn check(settings: Settings, children: Vec<Policy>, habit: Habit, story: Vec<Step>) {
    let mut world = World::new(settings);
    world.default_habit = habit;
    for (n, policy) in children.into_iter().enumerate() {
        world.add(&format!("c{n}"), policy);
    }
    world.tell(Input::Boot);
    for step in story {
        if world.outcome.is_some() {
            break;
        }
        live(&mut world, step);
    }
    wind_up(&mut world);
}

/// Few enough for every day; `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    ProptestConfig::default().cases.max(1_500)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn whatever_happens_the_promises_hold(
        strategy in strategies(),
        auto_shutdown in prop_oneof![
            Just(AutoShutdown::Never), Just(AutoShutdown::AnySignificant), Just(AutoShutdown::AllSignificant)
        ],
        intensity in (0_u32..8, 0_u64..2_000),
        children in proptest::collection::vec(policies(), 0..6),
        quick in any::<bool>(),
        story in proptest::collection::vec(steps(), 0..80),
    ) {
        let settings = Settings { auto_shutdown, ..settings(strategy, intensity.0, ms(intensity.1)) };
        let children = if strategy == Strategy::Dynamic { Vec::new() } else { children };
        let habit = if quick { Habit::Good } else { Habit::Manual };
        check(settings, children, habit, story);
    }
}
