//! Children of one kind, added at run time (OTP's `simple_one_for_one`).

use super::*;

#[test]
fn only_the_child_that_ended_is_restarted() {
    let mut world = dynamic(&permanent());
    world.crash("b");
    assert_eq!(world.take_log(), "start b#2");
}

#[test]
fn a_child_that_is_done_is_forgotten_whatever_its_type() {
    for policy in [transient(), temporary()] {
        let mut world = dynamic(&policy);
        world.exit("b", ExitReason::Normal);
        assert_eq!(world.states(), "a:running c:running");
    }
}

#[test]
fn terminate_forgets_the_child() {
    let mut world = dynamic(&permanent());
    let ticket = world.terminate("b");
    assert_eq!(
        (world.answer(ticket), world.take_log().as_str()),
        ("ok", "ask b forget b")
    );
}

#[test]
fn all_are_asked_at_once_and_one_deadline_kills_who_is_left() {
    let mut world = dynamic(&permanent());
    world.habit("b", Habit::Deaf);
    world.tell(Input::Stop);
    assert_eq!(world.take_log(), "ask c ask b ask a");
    world.pass(ms(100));
    assert_eq!(world.take_log(), "kill b exit");
}

#[test]
fn one_restart_too_many_stops_all() {
    let mut world = dynamic(&permanent());
    for _ in 0..3 {
        world.crash("a");
    }
    assert_eq!(
        world.take_log(),
        "start a#2 start a#3 give-up ask c ask b exit"
    );
}

#[test]
fn a_child_that_declines_to_run_is_not_kept_whatever_its_type() {
    for policy in [permanent(), transient(), temporary()] {
        let mut world = World::booted(settings(Strategy::Dynamic, 2, SECOND), &[]);
        world.habit("a", Habit::Ignores);
        let asked = [
            world.start("a", policy.clone()),
            world.start("b", policy.clone()),
        ];
        assert_eq!(asked.map(|ticket| world.answer(ticket)), ["ok", "ok"]);
        assert_eq!(world.states(), "b:running", "{:?}", policy.restart);
        world.tell(Input::Stop);
        assert_eq!(world.outcome, Some(Outcome::Ordered));
    }
}

#[test]
fn a_child_that_declines_to_run_again_is_forgotten() {
    let mut world = dynamic(&permanent());
    world.habit("b", Habit::Ignores);
    world.crash("b");
    assert_eq!(world.take_log(), "start b#2 forget b");
    assert_eq!(world.states(), "a:running c:running");
}

#[test]
fn a_child_that_fails_to_start_is_not_kept() {
    let mut world = dynamic(&permanent());
    world.habit("d", Habit::FailsToStart);
    let ticket = world.start("d", permanent());
    assert_eq!(
        (world.answer(ticket), world.states().as_str()),
        ("start_failed", "a:running b:running c:running")
    );
}

#[test]
fn all_are_killed_at_once_when_the_template_says_so() {
    let mut world = dynamic(&Policy {
        shutdown: Shutdown::BrutalKill,
        ..permanent()
    });
    world.tell(Input::Stop);
    assert_eq!(world.take_log(), "kill c kill b kill a exit");
}

#[test]
fn the_end_of_a_significant_child_ends_the_supervisor() {
    let template = Policy {
        significant: true,
        ..temporary()
    };
    for (auto_shutdown, ends) in [
        (AutoShutdown::AnySignificant, 1),
        (AutoShutdown::AllSignificant, 3),
    ] {
        let settings = Settings {
            auto_shutdown,
            ..settings(Strategy::Dynamic, 2, SECOND)
        };
        let mut world = World::booted(settings, &[]);
        for id in ["a", "b", "c"] {
            world.start(id, template.clone());
        }
        for (at, id) in ["a", "b", "c"].into_iter().enumerate().take(ends) {
            assert_eq!(world.outcome, None, "{auto_shutdown:?} after {at} ends");
            world.exit(id, ExitReason::Normal);
        }
        assert_eq!(world.outcome, Some(Outcome::AutoShutdown));
    }
}
