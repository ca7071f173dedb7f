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
    });
    assert_eq!(
        (world.take_log().as_str(), world.states().as_str()),
        ("", "a:running b:running c:running")
    );
}
