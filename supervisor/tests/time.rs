//! Windows, backoffs and deadlines with real actors, to the millisecond, in paused time.

#![allow(clippy::unwrap_used)]

mod support;

use std::{sync::Arc, time::Duration};

use aios_supervisor::{
    Backoff, ChildHandle, ChildSpec, ChildState, Deadlines, EventKind, ExitReason, Missed, Options,
    OrderError, StartError, Strategy, Supervisor, SupervisorRef, SupervisorSpec, SupervisorState,
    TokioClock,
};
use support::*;
use tokio::time::{Instant, sleep};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The root alone would give up for good; below it, giving up is seen as an exit of `n`.
async fn under_a_root(spec: SupervisorSpec) -> (SupervisorRef, SupervisorRef) {
    let root = SupervisorSpec::new("root")
        .intensity(u32::MAX, ms(1))
        .child(ChildSpec::supervisor(spec));
    let root = Supervisor::start_with(root, options()).await.unwrap();
    let nested = root.supervisor("n").unwrap();
    (root, nested)
}

async fn crash(child: &ChildHandle) {
    tell(child, Do::Panic);
    // The restart takes no time on the clock, only turns.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Rows: milliseconds between crashes of one child, and whether its supervisor has given up after the last one.
#[tokio::test(start_paused = true)]
async fn a_supervisor_gives_up_within_its_window_and_not_a_millisecond_after() {
    let rows: [(&[u64], bool); 6] = [
        (&[0, 0], false),
        (&[0, 0, 0], true),
        (&[0, 99, 1], true),
        (&[0, 100, 1], false),
        (&[0, 50, 51, 50, 51, 50], false),
        (&[0, 50, 51, 49], true),
    ];
    for own in [false, true] {
        for (pauses, gave_up) in rows {
            let diary = Diary::default();
            let child_of_it = puppet("a", &diary);
            // The same limit once as the supervisor's and once as the child's own.
            let spec = if own {
                SupervisorSpec::new("n")
                    .intensity(1_000, LONG)
                    .child(child_of_it.intensity(2, ms(100)))
            } else {
                SupervisorSpec::new("n")
                    .intensity(2, ms(100))
                    .child(child_of_it)
            };
            let (root, nested) = under_a_root(spec).await;
            let a = child(&nested, "a");
            for pause in pauses {
                sleep(ms(*pause)).await;
                crash(&a).await;
            }
            let generation = child(&root, "n").incarnation();
            assert_eq!(
                generation,
                Some(if gave_up { 2 } else { 1 }),
                "{pauses:?}, own limit: {own}"
            );
            root.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_windows_of_a_child_and_of_its_supervisor_count_apart() {
    let diary = Diary::default();
    let spec = SupervisorSpec::new("n")
        .intensity(3, ms(1_000))
        .child(puppet("a", &diary).intensity(1, ms(10)))
        .child(puppet("b", &diary));
    let (root, nested) = under_a_root(spec).await;
    let (a, b) = (child(&nested, "a"), child(&nested, "b"));
    crash(&a).await;
    sleep(ms(11)).await;
    crash(&a).await;
    crash(&b).await;
    assert_eq!(
        child(&root, "n").incarnation(),
        Some(1),
        "neither is exceeded"
    );
    crash(&b).await;
    assert_eq!(
        child(&root, "n").incarnation(),
        Some(2),
        "four in all within a second"
    );
    root.stop().await;
}

/// How long each of so many crashes in a row keeps the child down.
async fn waits(root: &SupervisorRef, crashes: usize, pause: Duration) -> Vec<u128> {
    let a = child(root, "a");
    let mut waits = Vec::new();
    for _ in 0..crashes {
        sleep(pause).await;
        let (before, generation) = (Instant::now(), a.incarnation().unwrap());
        tell(&a, Do::Panic);
        a.newer_than(generation, 10 * LONG).await.unwrap();
        waits.push(before.elapsed().as_millis());
    }
    waits
}

async fn backing_off(backoff: Backoff, warm: bool, seed: u64) -> SupervisorRef {
    let diary = Diary::default();
    let spec = SupervisorSpec::new("root")
        .intensity(1_000, ms(1))
        .child(puppet("a", &diary).backoff(backoff).warm_when(move || warm));
    let options = Options { seed, ..options() };
    Supervisor::start_with(spec, options).await.unwrap()
}

fn plain() -> Backoff {
    Backoff {
        first: ms(100),
        factor: 2.0,
        max: ms(1_000),
        jitter: 0.0,
        reset_after: ms(5_000),
        warm: 0.1,
    }
}

/// The timer wheel rounds a wait up to the next millisecond.
fn assert_waits(waits: &[u128], expected: &[u128]) {
    assert_eq!(waits.len(), expected.len());
    for (wait, expected) in waits.iter().zip(expected) {
        assert!(
            (*expected..=expected + 1).contains(wait),
            "{waits:?}, expected {expected:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn waits_double_up_to_the_longest() {
    let root = backing_off(plain(), false, 1).await;
    assert_waits(
        &waits(&root, 6, ms(0)).await,
        &[100, 200, 400, 800, 1_000, 1_000],
    );
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_stable_run_forgets_the_waits_and_one_millisecond_less_does_not() {
    for (ran, expected) in [(5_000, [100, 100, 100]), (4_990, [100, 200, 400])] {
        let root = backing_off(plain(), false, 1).await;
        assert_waits(&waits(&root, 3, ms(ran)).await, &expected);
        root.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_warm_child_waits_a_tenth() {
    let root = backing_off(plain(), true, 1).await;
    assert_waits(&waits(&root, 4, ms(0)).await, &[10, 20, 40, 80]);
    root.stop().await;
}

#[tokio::test(start_paused = true)]
async fn jitter_shortens_by_at_most_its_share_and_follows_the_seed() {
    let jittery = Backoff {
        factor: 1.0,
        jitter: 0.5,
        ..plain()
    };
    let mut by_seed = Vec::new();
    for seed in [1, 1, 2] {
        let root = backing_off(jittery, false, seed).await;
        let waits = waits(&root, 20, ms(0)).await;
        assert!(
            waits.iter().all(|wait| (50..=101).contains(wait)),
            "{waits:?}"
        );
        by_seed.push(waits);
        root.stop().await;
    }
    assert_eq!(by_seed[0], by_seed[1], "the same seed, the same waits");
    assert_ne!(by_seed[0], by_seed[2]);
}

#[tokio::test(start_paused = true)]
async fn a_child_terminated_at_any_moment_of_its_backoff_never_comes_back() {
    for moment in [0, 1, 50, 99] {
        for strategy in [
            Strategy::OneForOne,
            Strategy::OneForAll,
            Strategy::RestForOne,
        ] {
            let diary = Diary::default();
            let spec = SupervisorSpec::new("root")
                .strategy(strategy)
                .intensity(9, LONG)
                .child(puppet("a", &diary).backoff(plain()))
                .child(puppet("b", &diary));
            let root = Supervisor::start_with(spec, options()).await.unwrap();
            let a = child(&root, "a");
            crash(&a).await;
            sleep(ms(moment)).await;
            root.terminate_child("a").await.unwrap();
            sleep(Duration::from_secs(24 * 3_600)).await;
            let view = a.view().unwrap();
            assert_eq!(
                (view.state, view.incarnation),
                (ChildState::Stopped, 1),
                "{strategy:?}, {moment} ms"
            );
            assert_eq!(child(&root, "b").view().unwrap().state, ChildState::Running);
            root.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_is_called_off_at_its_deadline_and_counts_as_failed() {
    for (takes, starts) in [(99, true), (101, false)] {
        let diary = Diary::default();
        let slow = Manner {
            slow_start: ms(takes),
            ..Manner::default()
        };
        let root = Supervisor::start_with(SupervisorSpec::new("root"), options())
            .await
            .unwrap();
        let before = Instant::now();
        let answer = root
            .start_child(puppet_like("a", &diary, slow).start_within(ms(100)))
            .await;
        let took = before.elapsed().as_millis();
        if starts {
            assert!(answer.is_ok() && (99..=101).contains(&took), "{took} ms");
        } else {
            assert!(
                matches!(&answer, Err(OrderError::Start(StartError::Failed(why))) if why.contains("100ms")),
                "{answer:?}"
            );
            assert!((100..=102).contains(&took), "{took} ms");
            assert_eq!(
                (root.count_children().specs, diary.take().as_str()),
                (0, "")
            );
        }
        root.stop().await;
        assert_eq!(diary.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_past_its_deadline_is_tried_again_until_the_limit() {
    let diary = Diary::default();
    let starts = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = Arc::clone(&starts);
    let sluggish = ChildSpec::from_fn("a", {
        let diary = diary.clone();
        move |context| {
            let manner = Manner {
                slow_start: if context.incarnation > 1 { LONG } else { ms(0) },
                ..Manner::default()
            };
            let arguments = ("a".to_string(), context.incarnation, diary.clone(), manner);
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            async move {
                Ok(
                    ractor::Actor::spawn_linked(None, Puppet, arguments, context.supervisor)
                        .await?,
                )
            }
        }
    })
    .start_within(ms(100));
    let spec = SupervisorSpec::new("root")
        .intensity(3, LONG)
        .child(sluggish);
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let before = Instant::now();
    tell(&child(&root, "a"), Do::Panic);
    root.gone().await;
    let took = before.elapsed().as_millis();
    assert!(
        (300..=306).contains(&took),
        "three tries of 100 ms: {took} ms"
    );
    assert_eq!(starts.load(std::sync::atomic::Ordering::Relaxed), 4);
    assert_eq!(diary.alive(), 0);
}

/// Failure is a missed deadline; who owes nothing may be silent for as long as it likes.
#[tokio::test(start_paused = true)]
async fn a_child_idle_for_24_hours_is_never_restarted() {
    let diary = Diary::default();
    let spec = SupervisorSpec::new("root")
        .intensity(0, ms(1))
        .children((0..50).map(|n| puppet(&format!("c{n}"), &diary)));
    let root = Supervisor::start_with(spec, options()).await.unwrap();
    let mut events = root.events();
    let mut deadlines = Deadlines::<Arc<str>, &str>::default();
    let clock = TokioClock::default();
    for _ in 0..24 * 60 {
        sleep(Duration::from_secs(60)).await;
        let now = aios_supervisor::Clock::now(&clock);
        assert_eq!(deadlines.missed(now), []);
    }
    assert_eq!(
        events.try_recv().map(|event| event.kind),
        Err(tokio::sync::broadcast::error::TryRecvError::Empty)
    );
    assert!(
        root.which_children()
            .iter()
            .all(|child| child.incarnation == 1 && child.restarts == 0)
    );

    // One that owes an answer and hangs is found out, at its deadline, and comes back by its policy.
    let now = aios_supervisor::Clock::now(&clock);
    deadlines.expect("c7".into(), "an answer", now + ms(250));
    tell(&child(&root, "c7"), Do::Hang);
    sleep(ms(249)).await;
    assert_eq!(deadlines.missed(now + ms(249)), []);
    let missed = deadlines.missed(now + ms(250));
    assert!(
        matches!(
            missed.as_slice(),
            [Missed {
                what: "an answer",
                ..
            }]
        ),
        "{missed:?}"
    );
    assert_eq!(root.state(), SupervisorState::Running);
    root.kill_child(&missed[0].who).await.unwrap();
    let exit = until_exit(&mut events, "c7").await;
    assert_eq!(exit, ExitReason::Killed);
    until(&mut events, |event| {
        matches!(event.kind, EventKind::GaveUp { .. })
    })
    .await;
    root.gone().await;
}
