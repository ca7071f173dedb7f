//! Restarts that fail or take long, and what is heard meanwhile.

use super::*;

#[test]
fn a_restart_that_fails_is_tried_again_and_each_try_counts() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("b", Habit::FailsToStart);
    world.crash("b");
    assert_eq!(
        world.take_log(),
        "start b#2",
        "the next try goes through the mailbox"
    );
    assert_eq!(world.states(), "a:running b:backoff c:running");
    world.pass(ms(0));
    assert_eq!(world.take_log(), "start b#3 give-up ask c ask a exit");
}

/// OTP counts a try when it makes it: an exit that is heard between a failed try and the next comes first.
#[test]
fn a_failed_try_counts_when_it_is_made_again() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("b", Habit::FailsToStart);
    world.crash("b");
    assert_eq!(world.tree.window.used(world.now), 1);
    world.crash("a");
    assert_eq!(world.take_log(), "start b#2 start a#2");
    world.pass(ms(0));
    assert_eq!(world.take_log(), "give-up ask c ask a exit");
}

/// An exit that restarts the group of a child that waits for its next try makes that try, and it counts once.
#[test]
fn a_group_restart_makes_the_try_that_was_waited_for() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut world = three(strategy, &permanent());
        world.habit("b", Habit::FailsToStart);
        world.crash("a");
        assert_eq!(
            world.states(),
            "a:running b:backoff c:waiting",
            "{strategy:?}"
        );
        world.log.clear();
        world.habit("b", Habit::Good);
        world.crash("a");
        assert_eq!(
            world.take_log(),
            "start a#3 start b#3 start c#2",
            "{strategy:?}"
        );
        assert_eq!(
            world.tree.next_deadline(),
            None,
            "{strategy:?}: nothing is waited for any more"
        );
        world.pass(ms(0));
        assert_eq!(
            (world.take_log().as_str(), world.tree.window.used(world.now)),
            ("", 2)
        );
    }
}

#[test]
fn terminating_the_child_that_cannot_start_lets_its_group_go_on() {
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut world = three(strategy, &permanent());
        world.habit("a", Habit::FailsToStart);
        world.crash("a");
        assert_eq!(world.states(), "a:backoff b:waiting c:waiting");
        world.log.clear();
        let ticket = world.terminate("a");
        assert_eq!(
            (world.answer(ticket), world.take_log().as_str()),
            ("ok", "start b#2 start c#2"),
            "{strategy:?}"
        );
        assert_eq!(world.tree.next_deadline(), None);
    }
}

/// A child whose restart by order failed was not told to stay down: it comes back with its group.
#[test]
fn a_restart_by_order_that_fails_takes_the_stop_order_back() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.terminate("b");
    world.habit("b", Habit::FailsToStart);
    world.restart("b");
    world.habit("b", Habit::Good);
    world.crash("a");
    assert_eq!(world.states(), "a:running b:running c:running");
}

#[test]
fn a_group_restart_that_fails_starts_over_with_the_one_that_failed() {
    for (strategy, expected) in [
        (Strategy::RestForOne, "start c#3"),
        (
            Strategy::OneForAll,
            "ask b ask a start a#3 start b#3 start c#3",
        ),
    ] {
        let mut world = three(strategy, &permanent());
        world.habit("c", Habit::FailsToStart);
        world.crash("a");
        world.log.clear();
        world.habit("c", Habit::Good);
        world.pass(ms(0));
        assert_eq!(world.take_log(), expected, "{strategy:?}");
        assert_eq!(world.states(), "a:running b:running c:running");
    }
}

#[test]
fn orders_are_heard_while_a_restart_keeps_failing() {
    let mut settings = settings(Strategy::OneForOne, 100, SECOND);
    settings.seed = 5;
    let mut world = World::booted(settings, &[("a", permanent()), ("b", permanent())]);
    world.habit("b", Habit::FailsToStart);
    world.crash("b");
    let asked = [
        world.restart("b"),
        world.delete("b"),
        world.start("b", permanent()),
    ];
    assert_eq!(
        asked.map(|ticket| world.answer(ticket)),
        ["restarting", "restarting", "already_present"]
    );
    let ticket = world.terminate("b");
    assert_eq!(
        (world.answer(ticket), world.states().as_str()),
        ("ok", "a:running b:stopped")
    );
    assert_eq!(world.tree.next_deadline(), None);
}

#[test]
fn orders_are_heard_while_a_restart_is_slow() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("b", Habit::SlowStart);
    world.crash("b");
    let asked = [world.restart("b"), world.delete("b")];
    assert_eq!(
        asked.map(|ticket| world.answer(ticket)),
        ["restarting", "restarting"]
    );
    assert_eq!(world.tree.counts().active, 2);
    let ticket = world.terminate("b");
    assert_eq!(
        (world.answer(ticket), world.take_log().as_str()),
        ("ok", "start b#2 ask b")
    );
}

#[test]
fn a_start_that_comes_off_just_after_it_was_called_off_is_stopped_again() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("b", Habit::Manual);
    world.crash("b");
    world.terminate("b");
    world.finish_start("b");
    assert_eq!(world.take_log(), "start b#2 ask b ask b");
    world.exit("b", ExitReason::Shutdown("shutdown".into()));
    assert_eq!(world.states(), "a:running b:stopped c:running");
}

/// OTP's three hanging restart loops: whatever the strategy, a restart that never succeeds blocks nobody.
#[test]
fn stop_orders_counts_and_listings_are_heard_while_a_restart_keeps_failing() {
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
        Strategy::Dynamic,
    ] {
        let mut world = World::booted(settings(strategy, 1_000, SECOND), &[]);
        for id in ["a", "b", "c"] {
            world.start(id, permanent());
        }
        world.habit("b", Habit::FailsToStart);
        world.crash("b");
        for _ in 0..100 {
            world.tell(Input::Tick);
            let counts = world.tree.counts();
            assert_eq!(counts.workers, 3, "{strategy:?}");
            assert!(counts.active < 3, "{strategy:?}");
            assert!(
                world.states().contains("b:backoff") || world.states().contains("b:waiting"),
                "{strategy:?}: {}",
                world.states()
            );
        }
        world.log.clear();
        world.tell(Input::Stop);
        assert_eq!(world.outcome, Some(Outcome::Ordered), "{strategy:?}");
        assert!(
            !world.take_log().contains("start"),
            "{strategy:?}: nothing starts on the way out"
        );
    }
}

/// Whoever is due to stop anyway, on the way out or with its group, is not called off before its turn.
#[test]
fn a_start_that_takes_too_long_keeps_its_turn_to_be_stopped() {
    let policy = Policy {
        start_within: Some(ms(50)),
        ..permanent()
    };
    let mut world = three(Strategy::OneForOne, &policy);
    world.habit("a", Habit::SlowStart);
    world.habit("c", Habit::Deaf);
    world.crash("a");
    world.tell(Input::Stop);
    assert_eq!(world.take_log(), "start a#2 ask c");
    world.pass(ms(60));
    assert_eq!(world.take_log(), "", "c is not gone yet");
    world.pass(ms(40));
    assert_eq!(world.take_log(), "kill c ask b ask a exit");

    let mut world = three(Strategy::RestForOne, &policy);
    world.terminate("b");
    world.habit("b", Habit::SlowStart);
    world.habit("c", Habit::Deaf);
    world.restart("b");
    world.crash("a");
    assert_eq!(world.take_log(), "ask b start b#2 ask c");
    world.pass(ms(60));
    assert_eq!(world.take_log(), "", "c is not gone yet");
    world.pass(ms(40));
    assert_eq!(world.take_log(), "kill c ask b start a#2 start b#3");
}

#[test]
fn a_group_whose_tries_are_used_up_starts_nobody() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.habit("a", Habit::FailsToStart);
    world.crash("a");
    world.log.clear();
    world.pass(ms(0));
    assert_eq!(world.take_log(), "start a#3 give-up exit");
}

/// A child that cannot be started with its group is waited for in place of another one, which then starts with it, and
/// not before its own wait is over.
#[test]
fn a_start_that_fails_while_its_group_waits_cuts_no_wait_short() {
    let backoff = Backoff {
        first: ms(100),
        jitter: 0.0,
        ..Backoff::default()
    };
    let a = Policy {
        backoff: Some(backoff),
        ..permanent()
    };
    let b = Policy {
        start_within: Some(ms(50)),
        ..permanent()
    };
    let mut world = World::booted(
        settings(Strategy::OneForAll, 9, SECOND),
        &[("a", a), ("b", b)],
    );
    world.habit("b", Habit::Manual);
    world.crash("b");
    world.pass(ms(50));
    assert_eq!(world.take_log(), "ask a start a#2 start b#2 ask b");
    world.crash("a");
    assert_eq!(world.states(), "a:backoff b:stopping");
    let cancelled = world.start_ends(world.key("b"), Err(StartError::Cancelled));
    world.tell(cancelled.unwrap());
    world.pass(ms(99));
    assert_eq!(world.states(), "a:waiting b:backoff");
    assert_eq!(world.take_log(), "");
    world.pass(ms(1));
    assert_eq!(world.take_log(), "start a#3 start b#3");
}
