//! A child and those started after it.

use super::*;

#[test]
fn those_after_it_stop_in_reverse_and_start_in_order() {
    for (victim, expected) in [
        ("a", "ask c ask b start a#2 start b#2 start c#2"),
        ("b", "ask c start b#2 start c#2"),
        ("c", "start c#2"),
    ] {
        let mut world = three(Strategy::RestForOne, &permanent());
        world.crash(victim);
        assert_eq!(world.take_log(), expected, "{victim} ended");
    }
}

#[test]
fn giving_up_stops_those_before_it_too() {
    let mut world = three(Strategy::RestForOne, &permanent());
    for _ in 0..3 {
        world.crash("b");
    }
    assert!(world.take_log().ends_with("give-up ask c ask a exit"));
}

#[test]
fn an_earlier_child_that_ends_meanwhile_widens_the_restart() {
    let mut world = three(Strategy::RestForOne, &permanent());
    world.habit("c", Habit::Manual);
    world.crash("b");
    world.crash("a");
    world.exit("c", ExitReason::Shutdown("shutdown".into()));
    world.habit("c", Habit::Good);
    assert_eq!(world.take_log(), "ask c start a#2 start b#2 start c#2");
}

#[test]
fn temporary_children_after_it_are_stopped_and_forgotten() {
    let children = [
        ("a", permanent()),
        ("b", temporary()),
        ("c", permanent()),
        ("d", temporary()),
    ];
    let mut world = World::booted(settings(Strategy::RestForOne, 2, SECOND), &children);
    world.crash("c");
    assert_eq!(world.take_log(), "ask d forget d start c#2");
    world.crash("a");
    assert_eq!(world.take_log(), "ask c ask b forget b start a#2 start c#3");
}

#[test]
fn those_before_it_are_left_alone_whatever_they_are() {
    let children = [("a", temporary()), ("b", transient()), ("c", permanent())];
    let mut world = World::booted(settings(Strategy::RestForOne, 2, SECOND), &children);
    world.exit("b", ExitReason::Normal);
    world.crash("c");
    assert_eq!(world.take_log(), "start c#2");
    assert_eq!(world.states(), "a:running b:finished c:running");
}
