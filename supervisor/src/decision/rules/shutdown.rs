//! The ladder by which children leave.

use super::*;

#[test]
fn children_stop_in_reverse_start_order() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.tell(Input::Stop);
    assert_eq!(world.take_log(), "ask c ask b ask a exit");
    assert_eq!(world.outcome, Some(Outcome::Ordered));
}

#[test]
fn the_next_is_asked_only_when_the_last_is_gone() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("c", Habit::Deaf);
    world.tell(Input::Stop);
    assert_eq!(world.take_log(), "ask c");
    world.pass(ms(99));
    assert_eq!(world.take_log(), "");
    world.pass(ms(1));
    assert_eq!(world.take_log(), "kill c ask b ask a exit");
}

#[test]
fn a_brutal_kill_does_not_ask() {
    let brutal = Policy {
        shutdown: Shutdown::BrutalKill,
        ..permanent()
    };
    let mut world = World::booted(settings(Strategy::OneForOne, 1, SECOND), &[("a", brutal)]);
    world.tell(Input::Stop);
    assert_eq!(world.take_log(), "kill a exit");
}

#[test]
fn infinity_waits_as_long_as_it_takes() {
    let patient = Policy {
        shutdown: Shutdown::Infinity,
        ..permanent()
    };
    let mut world = World::booted(settings(Strategy::OneForOne, 1, SECOND), &[("a", patient)]);
    world.habit("a", Habit::Deaf);
    world.tell(Input::Stop);
    world.pass(Duration::from_secs(1_000_000));
    assert_eq!(world.take_log(), "ask a");
    world.exit("a", ExitReason::Normal);
    assert_eq!(world.take_log(), "exit");
}

#[test]
fn an_abnormal_exit_on_the_way_out_restarts_nobody() {
    let mut world = three(Strategy::OneForAll, &permanent());
    world.habit("c", Habit::Deaf);
    world.tell(Input::Stop);
    world.crash("a");
    world.crash("c");
    assert_eq!(world.take_log(), "ask c ask b exit");
}

#[test]
fn a_child_that_blocks_its_thread_is_given_up_on_the_way_out_and_only_then() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("c", Habit::Blocked);
    let ticket = world.terminate("c");
    world.pass(ms(100));
    world.pass(ms(1_000));
    assert_eq!(
        (world.answer(ticket), world.take_log().as_str()),
        ("stuck", "ask c kill c stuck")
    );
    world.pass(ms(10_000));
    assert_eq!(
        world.states(),
        "a:running b:running c:stopping",
        "it is never started beside itself"
    );

    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("c", Habit::Blocked);
    world.tell(Input::Stop);
    world.pass(ms(2_000));
    assert_eq!(
        world.take_log(),
        "ask c kill c stuck abandon c ask b ask a exit"
    );
}

#[test]
fn a_stop_order_during_a_slow_start_calls_it_off() {
    let mut world = World::new(settings(Strategy::OneForOne, 1, SECOND));
    world.add("a", permanent());
    world.add("b", permanent());
    world.habit("b", Habit::SlowStart);
    world.tell(Input::Boot);
    world.log.clear();
    world.tell(Input::Stop);
    assert_eq!(world.take_log(), "ask b ask a exit");
    assert_eq!(world.ready, Some(Err(StartError::Cancelled)));
}

#[test]
fn whoever_goes_on_the_way_out_before_its_turn_is_done_with() {
    type Goes = fn(&mut World);
    let crashes: Goes = |world| world.crash("a");
    let fails_to_start: Goes = |world| {
        let failed = world.start_ends(world.key("a"), Err(StartError::Failed("no".into())));
        world.tell(failed.unwrap());
    };
    for (habit, goes) in [(Habit::Good, crashes), (Habit::SlowStart, fails_to_start)] {
        let mut world = three(Strategy::OneForOne, &permanent());
        world.habit("a", habit);
        world.habit("c", Habit::Deaf);
        world.crash("a");
        world.tell(Input::Stop);
        assert_eq!(world.take_log(), "start a#2 ask c");
        goes(&mut world);
        assert_eq!(world.states(), "a:stopped b:running c:stopping");
        world.pass(ms(100));
        assert_eq!(world.take_log(), "kill c ask b exit", "{habit:?}");
    }
}

#[test]
fn whoever_crashes_on_the_way_out_is_done_with_when_all_of_it_is_gone() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.habit("a", Habit::Lingers);
    world.habit("c", Habit::Deaf);
    world.tell(Input::Stop);
    world.crash("a");
    assert_eq!(world.states(), "a:stopping b:running c:stopping");
    world.clear("a");
    world.pass(ms(100));
    assert_eq!(world.take_log(), "ask c kill c ask b exit");
}

#[test]
fn whoever_asked_for_a_start_that_is_called_off_learns_it() {
    let mut world = three(Strategy::OneForOne, &permanent());
    world.default_habit = Habit::SlowStart;
    let tickets = [world.start("d", permanent()), world.start("e", permanent())];
    world.terminate("d");
    world.habit("a", Habit::Deaf);
    world.tell(Input::Stop);
    assert_eq!(
        tickets.map(|ticket| world.answer(ticket)),
        ["cancelled", "stopping"]
    );
}
