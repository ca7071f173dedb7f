//! Restart types against every kind of exit.

use super::*;

/// Rows: restart type, exit, what the supervisor does.
#[test]
fn a_restart_type_decides_by_the_kind_of_exit() {
    let shutdown = || ExitReason::Shutdown("done".into());
    let failed = || ExitReason::Failed("boom".into());
    let back = "start a#2";
    let rows = [
        (permanent(), ExitReason::Normal, back),
        (permanent(), shutdown(), back),
        (permanent(), failed(), back),
        (permanent(), ExitReason::Killed, back),
        (permanent(), ExitReason::Cancelled, back),
        (transient(), ExitReason::Normal, ""),
        (transient(), shutdown(), ""),
        (transient(), failed(), back),
        (transient(), ExitReason::Killed, back),
        (transient(), ExitReason::Cancelled, back),
        (temporary(), ExitReason::Normal, "forget a"),
        (temporary(), shutdown(), "forget a"),
        (temporary(), failed(), "forget a"),
        (temporary(), ExitReason::Killed, "forget a"),
    ];
    for (policy, exit, expected) in rows {
        let mut world = World::booted(
            settings(Strategy::OneForOne, 1, SECOND),
            &[("a", policy.clone())],
        );
        world.exit("a", exit.clone());
        assert_eq!(
            world.take_log(),
            expected,
            "{:?} after {exit}",
            policy.restart
        );
    }
}

#[test]
fn a_finished_transient_child_keeps_its_spec_and_a_temporary_one_does_not() {
    let children = [("a", transient()), ("b", temporary())];
    let mut world = World::booted(settings(Strategy::OneForOne, 1, SECOND), &children);
    world.exit("a", ExitReason::Normal);
    world.exit("b", ExitReason::Normal);
    assert_eq!(world.states(), "a:finished");
}

#[test]
fn a_stale_exit_of_an_earlier_incarnation_changes_nothing() {
    let mut world = three(Strategy::OneForOne, &permanent());
    let key = world.key("a");
    world.crash("a");
    world.log.clear();
    world.tell(Input::Exited {
        key,
        incarnation: 1,
        exit: ExitReason::Killed,
        warm: false,
        gone: true,
    });
    assert_eq!(
        (world.take_log().as_str(), world.states().as_str()),
        ("", "a:running b:running c:running")
    );
}

/// The exit of a supervisor whose children are still dying, and what is heard before they are gone: decided when heard.
#[test]
fn an_exit_counts_when_it_is_heard_and_only_the_start_waits_for_what_is_left() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("a", Habit::Lingers);
    world.crash("a");
    assert_eq!(world.take_log(), "", "something of a is left");
    assert_eq!(world.states(), "a:waiting b:running c:running");
    assert_eq!(world.tree.window.used(world.now), 1);
    world.crash("b");
    assert_eq!(world.take_log(), "start b#2", "nobody else waits for that");
    world.clear("a");
    assert_eq!(world.take_log(), "start a#2");
    world.crash("c");
    assert_eq!(world.take_log(), "give-up ask b ask a");
}

/// Rows: strategy, who ends in this order (a lingers), what follows at once, what follows when all of a is gone.
#[test]
fn exits_are_counted_and_grouped_in_the_order_they_are_heard() {
    let rows = [
        (Strategy::OneForOne, "a b", "start b#2", "start a#2"),
        (
            Strategy::OneForOne,
            "a b c",
            "start b#2 give-up ask b",
            "exit",
        ),
        (
            Strategy::RestForOne,
            "a b",
            "ask c ask b",
            "start a#2 start b#2 start c#2",
        ),
        (
            Strategy::RestForOne,
            "b a",
            "ask c start b#2 start c#2 ask c ask b",
            "start a#2 start b#3 start c#3",
        ),
        (
            Strategy::OneForAll,
            "a c",
            "ask c ask b",
            "start a#2 start b#2 start c#2",
        ),
        (
            Strategy::OneForAll,
            "c a",
            "ask b ask a",
            "start a#2 start b#2 start c#2",
        ),
    ];
    for (strategy, ends, at_once, later) in rows {
        let mut world = three(strategy, &permanent());
        // All have ended before the first of them is heard.
        let inputs: Vec<Input> = ends
            .split(' ')
            .map(|id| {
                let key = world.key(id);
                world
                    .ends_leaving(key, ExitReason::Killed, id == "a")
                    .unwrap()
            })
            .collect();
        for input in inputs {
            world.tell(input);
        }
        assert_eq!(world.take_log(), at_once, "{strategy:?}: {ends}");
        world.clear("a");
        assert_eq!(world.take_log(), later, "{strategy:?}: {ends}");
    }
}

/// Rows: what is asked of a child that has ended while something of it is left; answer, states, log when that is gone.
#[test]
fn orders_to_a_child_that_is_not_quite_gone_are_answered_by_what_it_is() {
    type Ask = fn(&mut World) -> u64;
    let rows: [(&str, Ask, &str, &str); 4] = [
        (
            "start",
            |world| world.start("a", permanent()),
            "already_present",
            "start a#2",
        ),
        (
            "restart",
            |world| world.restart("a"),
            "restarting",
            "start a#2",
        ),
        (
            "delete",
            |world| world.delete("a"),
            "restarting",
            "start a#2",
        ),
        ("terminate", |world| world.terminate("a"), "none yet", ""),
    ];
    for (name, ask, answer, later) in rows {
        let mut world = three(Strategy::OneForOne, &permanent());
        world.habit("a", Habit::Lingers);
        world.crash("a");
        let ticket = ask(&mut world);
        assert_eq!(world.answer(ticket), answer, "{name}");
        world.clear("a");
        assert_eq!(world.take_log(), later, "{name}");
    }
}

#[test]
fn a_forgotten_child_is_unlisted_at_once_and_its_name_is_free_when_all_of_it_is_gone() {
    let mut world = three(Strategy::OneForOne, &temporary());
    world.habit("a", Habit::Lingers);
    world.crash("a");
    assert_eq!(world.states(), "b:running c:running");
    assert_eq!(
        (world.tree.counts().specs, world.tree.counts().workers),
        (2, 2)
    );
    let ticket = world.start("a", temporary());
    assert_eq!(
        (world.answer(ticket), world.take_log().as_str()),
        ("none yet", "")
    );
    world.clear("a");
    assert_eq!(
        (world.answer(ticket), world.take_log().as_str()),
        ("ok", "forget a start a#2")
    );
}

#[test]
fn what_an_ended_child_left_behind_is_waited_for_on_the_way_out_and_given_up_in_the_end() {
    for policy in [permanent(), transient(), temporary()] {
        for given_up in [false, true] {
            let mut world = three(Strategy::OneForOne, &policy);
            world.habit("b", Habit::Lingers);
            world.exit("b", ExitReason::Normal);
            world.tell(Input::Stop);
            assert_eq!(world.outcome, None, "{:?}", policy.restart);
            if given_up {
                world.pass(ms(1_000));
                assert!(
                    world.take_log().contains("stuck abandon b"),
                    "{:?}",
                    policy.restart
                );
            } else {
                world.clear("b");
            }
            assert_eq!(
                world.outcome,
                Some(Outcome::Ordered),
                "{:?}",
                policy.restart
            );
        }
    }
}

#[test]
fn a_restart_that_waits_too_long_for_what_is_left_says_so() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("a", Habit::Lingers);
    world.crash("a");
    world.pass(ms(1_000));
    assert_eq!(world.take_log(), "stuck");
    world.clear("a");
    assert_eq!(world.take_log(), "start a#2");
}

#[test]
fn its_record_tells_how_a_child_ended_and_how_often_it_was_restarted() {
    let mut world = three(Strategy::OneForOne, &permanent());
    let key = world.key("b");
    assert!(world.tree.children[&key].past().is_none());
    world.crash("b");
    world.exit("b", ExitReason::Killed);
    let past = world.tree.children[&key].past().unwrap();
    assert_eq!(
        (past.restarts, past.last_end()),
        (2, Some((2, &ExitReason::Killed)))
    );
}

/// Its start waits for what is left of it; one before it that has come to wait for a start meanwhile goes first.
#[test]
fn a_child_that_is_cleared_takes_its_turn_in_start_order() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.terminate("a");
    world.terminate("c");
    world.habit("b", Habit::Lingers);
    world.crash("b");
    world.log.clear();
    world.restart("a");
    world.clear("b");
    assert_eq!(world.take_log(), "start a#2 start b#2");

    let mut world = three(Strategy::RestForOne, &permanent());
    world.habit("b", Habit::Lingers);
    world.crash("b");
    world.log.clear();
    world.crash("a");
    assert_eq!(world.take_log(), "start a#2", "a does not wait for b");
    world.clear("b");
    assert_eq!(world.take_log(), "start b#2 start c#2");
}

#[test]
fn a_child_told_to_stop_is_down_when_all_of_it_is_gone() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("a", Habit::Lingers);
    let ticket = world.terminate("a");
    assert_eq!(
        (world.answer(ticket), world.states().as_str()),
        ("none yet", "a:stopping b:running c:running")
    );
    world.clear("a");
    assert_eq!(
        (world.answer(ticket), world.states().as_str()),
        ("ok", "a:stopped b:running c:running")
    );
}
