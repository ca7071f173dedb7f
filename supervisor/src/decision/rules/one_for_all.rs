//! All children together.

use super::*;

#[test]
fn all_others_stop_in_reverse_and_all_start_in_order() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.crash("b");
    assert_eq!(
        world.take_log(),
        "ask c ask a start a#2 start b#2 start c#2"
    );
}

#[test]
fn a_group_restart_counts_once() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.crash("a");
    world.crash("b");
    assert_eq!(world.outcome, None);
    world.log.clear();
    world.crash("c");
    assert_eq!(world.take_log(), "give-up ask b ask a exit");
}

#[test]
fn a_normal_exit_of_a_transient_child_restarts_nobody() {
    let mut world = three(Strategy::OneForAll, &transient());
    world.exit("b", ExitReason::Normal);
    assert_eq!(
        (world.take_log().as_str(), world.states().as_str()),
        ("", "a:running b:finished c:running")
    );
}

#[test]
fn temporary_siblings_are_stopped_and_forgotten() {
    let children = [("a", permanent()), ("b", temporary()), ("c", permanent())];
    let mut world = World::booted(settings(Strategy::OneForAll, 2, SECOND), &children);
    world.crash("a");
    assert_eq!(world.take_log(), "ask c ask b forget b start a#2 start c#2");
}

#[test]
fn a_finished_sibling_runs_again_with_its_group() {
    let children = [("a", permanent()), ("b", transient())];
    let mut world = World::booted(settings(Strategy::OneForAll, 2, SECOND), &children);
    world.exit("b", ExitReason::Normal);
    world.crash("a");
    assert_eq!(world.take_log(), "start a#2 start b#2");
}

#[test]
fn a_terminated_sibling_stays_down_when_its_group_restarts() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.terminate("b");
    world.log.clear();
    world.crash("a");
    assert_eq!(world.take_log(), "ask c start a#2 start c#2");
    assert_eq!(world.states(), "a:running b:stopped c:running");
}

#[test]
fn a_sibling_that_ends_before_its_turn_to_be_asked_is_not_counted_again() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.habit("c", Habit::Manual);
    world.crash("b");
    world.crash("a");
    world.exit("c", ExitReason::Shutdown("shutdown".into()));
    world.pass(ms(0));
    world.habit("c", Habit::Good);
    assert_eq!(world.take_log(), "ask c start a#2 start b#2 start c#2");
    assert_eq!(world.tree.window.used(world.now), 1);
}

#[test]
fn one_restart_too_many_stops_all_in_reverse_and_starts_nobody() {
    let mut world = three(Strategy::OneForAll, &permanent());
    for _ in 0..2 {
        world.crash("b");
    }
    world.log.clear();
    world.crash("b");
    assert_eq!(world.take_log(), "give-up ask c ask a exit");
}
