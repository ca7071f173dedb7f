//! Adding, stopping, restarting and removing children at run time.

use super::*;

/// Rows: state of the child, order, answer.
#[test]
fn every_order_has_one_answer_for_every_state() {
    type Prepare = fn(&mut World);
    let running: Prepare = |_| {};
    let stopped: Prepare = |world| {
        world.terminate("a");
    };
    let finished: Prepare = |world| world.exit("a", ExitReason::Normal);
    let backoff: Prepare = |world| {
        world.habit("a", Habit::FailsToStart);
        world.crash("a");
    };
    let starting: Prepare = |world| {
        world.habit("a", Habit::SlowStart);
        world.crash("a");
    };
    let stopping: Prepare = |world| {
        world.habit("a", Habit::Deaf);
        world.terminate("a");
    };
    let unknown: Prepare = |world| {
        world.terminate("a");
        world.delete("a");
    };
    // state, then the answers to start, restart, delete, kill, terminate
    let rows: [(&str, Prepare, [&str; 5]); 7] = [
        (
            "running",
            running,
            ["already_started", "running", "running", "ok", "ok"],
        ),
        (
            "stopped",
            stopped,
            ["already_present", "ok", "ok", "not_alive", "ok"],
        ),
        (
            "finished",
            finished,
            ["already_present", "ok", "ok", "not_alive", "ok"],
        ),
        (
            "backoff",
            backoff,
            [
                "already_present",
                "restarting",
                "restarting",
                "not_alive",
                "ok",
            ],
        ),
        (
            "starting",
            starting,
            ["already_started", "restarting", "restarting", "ok", "ok"],
        ),
        (
            "stopping",
            stopping,
            [
                "already_started",
                "restarting",
                "restarting",
                "ok",
                "none yet",
            ],
        ),
        (
            "unknown",
            unknown,
            ["ok", "not_found", "not_found", "not_found", "not_found"],
        ),
    ];
    for (state, prepare, expected) in rows {
        for (at, expected) in expected.into_iter().enumerate() {
            let mut world = World::booted(
                settings(Strategy::OneForOne, 9, SECOND),
                &[("a", transient())],
            );
            prepare(&mut world);
            let id = || "a".into();
            let ticket = match at {
                0 => world.start("a", transient()),
                1 => {
                    world.habit("a", Habit::Good);
                    world.restart("a")
                }
                2 => world.delete("a"),
                3 => world.order(Order::Kill { id: id() }),
                _ => world.terminate("a"),
            };
            assert_eq!(
                world.answer(ticket),
                expected,
                "order {at} to a child that is {state}"
            );
        }
    }
}

#[test]
fn a_new_child_that_fails_to_start_is_not_kept() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("d", Habit::FailsToStart);
    let ticket = world.start("d", permanent());
    assert_eq!(
        (world.answer(ticket), world.states().as_str()),
        ("start_failed", "a:running b:running c:running")
    );
}

#[test]
fn a_stopped_child_that_fails_to_start_stays_stopped() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.terminate("b");
    world.habit("b", Habit::FailsToStart);
    let ticket = world.restart("b");
    assert_eq!(
        (world.answer(ticket), world.states().as_str()),
        ("start_failed", "a:running b:stopped c:running")
    );
}

#[test]
fn a_start_order_during_a_group_restart_starts_after_the_group() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.habit("c", Habit::Manual);
    world.crash("a");
    world.start("d", permanent());
    world.habit("c", Habit::Good);
    world.exit("c", ExitReason::Shutdown("shutdown".into()));
    assert_eq!(
        world.take_log(),
        "ask c ask b start a#2 start b#2 start c#2 start d#1"
    );
}

#[test]
fn terminate_during_a_group_restart_keeps_that_child_down() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.habit("c", Habit::Manual);
    world.crash("a");
    world.terminate("c");
    world.terminate("a");
    world.exit("c", ExitReason::Shutdown("shutdown".into()));
    assert_eq!(world.states(), "a:stopped b:running c:stopped");
}

#[test]
fn orders_to_a_leaving_supervisor_are_declined() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("c", Habit::Deaf);
    world.tell(Input::Stop);
    let asked = [
        world.start("d", permanent()),
        world.terminate("a"),
        world.restart("a"),
        world.delete("a"),
    ];
    assert_eq!(asked.map(|ticket| world.answer(ticket)), ["stopping"; 4]);
}

#[test]
fn counts_tell_specs_active_supervisors_and_workers() {
    let nested = Policy {
        kind: crate::Kind::Supervisor,
        ..permanent()
    };
    let children = [("a", permanent()), ("b", nested), ("c", transient())];
    let mut world = World::booted(settings(Strategy::OneForOne, 1, SECOND), &children);
    world.exit("c", ExitReason::Normal);
    let counts = world.tree.counts();
    assert_eq!(
        (
            counts.specs,
            counts.active,
            counts.supervisors,
            counts.workers
        ),
        (3, 2, 1, 2)
    );
    world.terminate("b");
    world.delete("b");
    let counts = world.tree.counts();
    assert_eq!((counts.supervisors, counts.workers), (0, 2));
    let counts = dynamic(&permanent()).tree.counts();
    assert_eq!((counts.specs, counts.workers), (1, 3), "one template");
}

#[test]
fn a_child_of_a_forgotten_name_gets_generations_of_its_own() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.crash("a");
    world.terminate("a");
    world.delete("a");
    world.log.clear();
    world.start("a", permanent());
    assert_eq!(world.take_log(), "start a#3");
    assert_eq!(world.tree.ceiling(), 3);
    world.terminate("a");
    world.delete("a");
    assert_eq!(world.tree.ceiling(), 3, "also when it is forgotten");
}

#[test]
fn a_new_child_that_declines_to_run_is_kept_unless_it_is_temporary() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("d", Habit::Ignores);
    world.habit("e", Habit::Ignores);
    let asked = [world.start("d", permanent()), world.start("e", temporary())];
    assert_eq!(asked.map(|ticket| world.answer(ticket)), ["ok", "ok"]);
    assert_eq!(world.states(), "a:running b:running c:running d:finished");
}

#[test]
fn restarts_by_order_do_not_count() {
    let mut world = World::booted(
        settings(Strategy::OneForOne, 1, SECOND),
        &[("a", permanent())],
    );
    for _ in 0..20 {
        world.terminate("a");
        let ticket = world.restart("a");
        assert_eq!(world.answer(ticket), "ok");
    }
    assert_eq!(world.tree.window.used(world.now), 0);
    world.crash("a");
    assert_eq!(world.states(), "a:running");
}

#[test]
fn children_are_listed_in_start_order_and_restarts_keep_it() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.start("d", permanent());
    world.crash("a");
    world.terminate("b");
    world.restart("b");
    assert_eq!(world.states(), "a:running b:running c:running d:running");
}

#[test]
fn a_child_between_two_incarnations_is_a_spec_but_not_active() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("b", Habit::SlowStart);
    world.crash("b");
    let counts = world.tree.counts();
    assert_eq!((counts.specs, counts.active, counts.workers), (3, 2, 3));
    world.finish_start("b");
    assert_eq!(world.tree.counts().active, 3);
}

#[test]
fn children_that_stand_alone_start_side_by_side() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.default_habit = Habit::SlowStart;
    world.start("d", permanent());
    world.start("e", permanent());
    assert_eq!(world.take_log(), "start d#1 start e#1");
}

/// As in OTP, one that is down until its group's turn comes to it can be deleted.
#[test]
fn a_child_that_waits_for_its_group_can_be_deleted() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut world = three(strategy, &permanent());
        world.habit("a", Habit::FailsToStart);
        world.crash("a");
        assert_eq!(world.states(), "a:backoff b:waiting c:waiting");
        world.log.clear();
        world.habit("a", Habit::Good);
        let ticket = world.delete("b");
        world.pass(ms(0));
        assert_eq!(
            (world.answer(ticket), world.take_log().as_str()),
            ("ok", "forget b start a#3 start c#2"),
            "{strategy:?}"
        );
    }
}
