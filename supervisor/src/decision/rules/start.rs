//! The first start, and what is undone when it fails.

use super::*;

fn boot(habits: &[(&str, Habit)]) -> World {
    let mut world = World::new(settings(Strategy::OneForOne, 1, SECOND));
    for id in ["a", "b", "c"] {
        world.add(id, permanent());
    }
    for (id, habit) in habits {
        world.habit(id, *habit);
    }
    world.tell(Input::Boot);
    world
}

#[test]
fn children_start_in_order_and_then_the_supervisor_is_ready() {
    let mut world = boot(&[]);
    assert_eq!(world.take_log(), "start a#1 start b#1 start c#1");
    assert_eq!(
        (world.ready, world.tree.mode),
        (Some(Ok(())), Mode::Serving)
    );
}

#[test]
fn the_next_starts_only_when_the_last_has_started() {
    let mut world = boot(&[("b", Habit::SlowStart)]);
    assert_eq!(world.take_log(), "start a#1 start b#1");
    assert_eq!(world.ready, None);
    world.finish_start("b");
    assert_eq!(world.take_log(), "start c#1");
}

#[test]
fn a_failed_start_unwinds_what_had_started_in_reverse() {
    let mut world = boot(&[("c", Habit::FailsToStart)]);
    assert_eq!(
        world.take_log(),
        "start a#1 start b#1 start c#1 ask b ask a exit"
    );
    assert!(matches!(world.ready, Some(Err(StartError::Child { id, .. })) if &*id == "c"));
}

#[test]
fn a_child_that_declines_to_run_is_kept_as_finished() {
    let mut world = boot(&[("b", Habit::Ignores)]);
    assert_eq!(world.take_log(), "start a#1 start b#1 start c#1");
    assert_eq!(world.states(), "a:running b:finished c:running");
}

#[test]
fn a_temporary_child_that_declines_to_run_is_not_kept() {
    let mut world = World::new(settings(Strategy::OneForOne, 1, SECOND));
    world.add("a", temporary());
    world.habit("a", Habit::Ignores);
    world.tell(Input::Boot);
    assert_eq!((world.states().as_str(), world.ready), ("", Some(Ok(()))));
}

#[test]
fn a_child_that_crashes_while_later_ones_still_start_is_restarted() {
    let mut world = boot(&[("c", Habit::SlowStart)]);
    world.log.clear();
    world.crash("a");
    assert_eq!(world.take_log(), "start a#2");
    world.finish_start("c");
    assert_eq!(world.ready, Some(Ok(())));
}

#[test]
fn a_start_that_takes_too_long_counts_as_failed() {
    let mut world = World::new(settings(Strategy::OneForOne, 1, SECOND));
    world.add(
        "a",
        Policy {
            start_within: Some(ms(50)),
            ..permanent()
        },
    );
    world.habit("a", Habit::SlowStart);
    world.tell(Input::Boot);
    world.pass(ms(50));
    assert_eq!(world.take_log(), "start a#1 ask a exit");
    assert!(
        matches!(world.ready, Some(Err(StartError::Child { error, .. })) if error.contains("50ms"))
    );
}

#[test]
fn a_child_that_is_cleared_while_later_ones_still_start_leaves_their_order_alone() {
    let mut world = boot(&[("a", Habit::Lingers), ("b", Habit::SlowStart)]);
    world.crash("a");
    world.log.clear();
    world.clear("a");
    assert_eq!(world.take_log(), "start a#2", "c waits for b");
    world.finish_start("b");
    assert_eq!(world.take_log(), "start c#1");
}

#[test]
fn its_state_tells_where_a_supervisor_is_in_its_life() {
    use crate::SupervisorState;
    let mut world = boot(&[("b", Habit::SlowStart), ("c", Habit::Deaf)]);
    assert_eq!(world.tree.state(), SupervisorState::Starting);
    world.finish_start("b");
    assert_eq!(world.tree.state(), SupervisorState::Running);
    world.tell(Input::Stop);
    assert_eq!(world.tree.state(), SupervisorState::Stopping);
    world.pass(ms(100));
    assert_eq!(world.tree.state(), SupervisorState::Down);
}

#[test]
fn orders_in_the_first_start_leave_its_order_alone() {
    let mut world = boot(&[("b", Habit::SlowStart)]);
    world.log.clear();
    world.start("d", permanent());
    let deletes = ["c", "d"].map(|id| world.delete(id));
    assert_eq!(
        deletes.map(|ticket| world.answer(ticket)),
        ["restarting"; 2]
    );
    assert_eq!(world.take_log(), "");
    world.finish_start("b");
    assert_eq!(world.take_log(), "start c#1 start d#1");
}
