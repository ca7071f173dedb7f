//! Waits between restarts.

use super::*;

fn backing_off() -> Policy {
    let backoff = Backoff {
        first: ms(100),
        factor: 2.0,
        max: ms(300),
        jitter: 0.0,
        reset_after: ms(1_000),
        warm: 0.1,
    };
    Policy {
        backoff: Some(backoff),
        ..permanent()
    }
}

fn world(strategy: Strategy) -> World {
    let children = [("a", backing_off()), ("b", backing_off())];
    World::booted(settings(strategy, 100, SECOND), &children)
}

#[test]
fn waits_grow_and_are_forgotten_after_a_stable_run() {
    let mut world = world(Strategy::OneForOne);
    for wait in [100, 200, 300, 300] {
        world.crash("a");
        world.pass(ms(wait - 1));
        assert_eq!(world.states(), "a:backoff b:running", "{wait} ms");
        world.pass(ms(1));
        assert_eq!(world.states(), "a:running b:running", "{wait} ms");
    }
    world.pass(ms(1_000));
    world.crash("a");
    world.pass(ms(100));
    assert_eq!(world.states(), "a:running b:running");
}

#[test]
fn a_child_terminated_during_its_backoff_never_comes_back() {
    let mut world = world(Strategy::OneForOne);
    world.crash("a");
    world.terminate("a");
    world.log.clear();
    world.pass(Duration::from_secs(3_600));
    assert_eq!(
        (world.take_log().as_str(), world.states().as_str()),
        ("", "a:stopped b:running")
    );
    assert_eq!(world.tree.next_deadline(), None);
}

#[test]
fn a_warm_child_waits_less() {
    let mut world = world(Strategy::OneForOne);
    let key = world.key("a");
    world.alive.remove(&key);
    world.tell(Input::Exited {
        key,
        incarnation: 1,
        exit: ExitReason::Killed,
        warm: true,
        gone: true,
    });
    world.pass(ms(10));
    assert_eq!(world.states(), "a:running b:running");
}

#[test]
fn a_group_stops_at_once_and_starts_after_the_wait() {
    let mut world = world(Strategy::OneForAll);
    world.crash("a");
    assert_eq!(world.take_log(), "ask b");
    world.pass(ms(99));
    assert_eq!(world.take_log(), "");
    world.pass(ms(1));
    assert_eq!(world.take_log(), "start a#2 start b#2");
}

#[test]
fn a_stop_order_during_a_backoff_is_carried_out_at_once() {
    for strategy in [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ] {
        let mut world = world(strategy);
        world.crash("a");
        world.tell(Input::Stop);
        assert!(world.outcome.is_some(), "{strategy:?}");
        assert_eq!(world.tree.next_deadline(), None);
    }
}

#[test]
fn a_child_restarted_before_one_that_waits_waits_with_it() {
    let mut world = World::booted(
        settings(Strategy::RestForOne, 100, SECOND),
        &[("a", permanent()), ("b", backing_off())],
    );
    world.crash("b");
    world.pass(ms(40));
    world.crash("a");
    world.pass(ms(59));
    assert_eq!(world.take_log(), "");
    world.pass(ms(1));
    assert_eq!(world.take_log(), "start a#2 start b#2");
}
