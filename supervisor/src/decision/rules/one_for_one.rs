//! One child, alone; and the limit that makes its supervisor give up.

use super::*;

#[test]
fn only_the_child_that_ended_is_restarted() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.crash("b");
    assert_eq!(world.take_log(), "start b#2");
}

#[test]
fn one_restart_too_many_stops_all_in_reverse_and_leaves_abnormally() {
    let mut world = three(Strategy::OneForOne, &permanent());
    for _ in 0..3 {
        world.crash("b");
    }
    assert_eq!(
        world.take_log(),
        "start b#2 start b#3 give-up ask c ask a exit"
    );
    assert_eq!(
        world.outcome.unwrap().failure().as_deref(),
        Some("child `b` exceeded 2 restarts in 1s; it last ended with: failed: boom")
    );
}

#[test]
fn restarts_outside_the_window_do_not_count() {
    let mut world = three(Strategy::OneForOne, &permanent());
    for _ in 0..20 {
        world.crash("b");
        world.pass(ms(501));
    }
    assert_eq!(world.states(), "a:running b:running c:running");
}

#[test]
fn restarts_of_different_children_share_the_window() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.crash("a");
    world.crash("b");
    world.crash("c");
    assert!(matches!(world.outcome, Some(Outcome::GaveUp { .. })));
}

#[test]
fn intensity_zero_gives_up_at_the_first_failure() {
    let mut world = World::booted(
        settings(Strategy::OneForOne, 0, SECOND),
        &[("a", permanent())],
    );
    world.crash("a");
    assert_eq!(world.take_log(), "give-up exit");
}

#[test]
fn a_childs_own_limit_makes_the_supervisor_give_up_too() {
    let own = Policy {
        intensity: Some(Intensity::new(1, SECOND)),
        ..permanent()
    };
    let mut world = World::booted(
        settings(Strategy::OneForOne, 100, SECOND),
        &[("a", permanent()), ("b", own)],
    );
    world.crash("b");
    world.crash("a");
    world.crash("a");
    assert_eq!(world.outcome, None);
    world.crash("b");
    assert!(
        world
            .outcome
            .unwrap()
            .failure()
            .unwrap()
            .contains("`b` exceeded 1 restarts")
    );
}
