//! Significant children and automatic shutdown.

use super::*;

fn world(auto_shutdown: AutoShutdown, children: &[(&str, Policy)]) -> World {
    let settings = Settings {
        auto_shutdown,
        ..settings(Strategy::OneForOne, 2, SECOND)
    };
    World::booted(settings, children)
}

fn significant(policy: Policy) -> Policy {
    Policy {
        significant: true,
        ..policy
    }
}

#[test]
fn any_significant_ends_the_supervisor_at_the_first_end() {
    let mut world = world(
        AutoShutdown::AnySignificant,
        &[
            ("a", permanent()),
            ("b", significant(transient())),
            ("c", significant(temporary())),
        ],
    );
    world.exit("b", ExitReason::Normal);
    assert_eq!(world.take_log(), "auto-shutdown ask c ask a exit");
    assert_eq!(world.outcome, Some(Outcome::AutoShutdown));
}

#[test]
fn all_significant_waits_for_the_last() {
    let mut world = world(
        AutoShutdown::AllSignificant,
        &[
            ("a", permanent()),
            ("b", significant(transient())),
            ("c", significant(temporary())),
        ],
    );
    world.exit("c", ExitReason::Killed);
    assert_eq!(world.outcome, None);
    world.exit("b", ExitReason::Normal);
    assert_eq!(world.take_log(), "forget c auto-shutdown ask a exit");
}

#[test]
fn a_transient_significant_child_that_crashes_is_restarted() {
    let mut world = world(
        AutoShutdown::AnySignificant,
        &[("a", significant(transient()))],
    );
    world.crash("a");
    assert_eq!(
        (world.take_log().as_str(), &world.outcome),
        ("start a#2", &None)
    );
}

#[test]
fn a_temporary_significant_child_that_crashes_ends_the_supervisor() {
    let mut world = world(
        AutoShutdown::AnySignificant,
        &[("a", significant(temporary()))],
    );
    world.crash("a");
    assert_eq!(world.outcome, Some(Outcome::AutoShutdown));
}

#[test]
fn ordinary_children_end_without_consequence() {
    for auto_shutdown in [AutoShutdown::AnySignificant, AutoShutdown::AllSignificant] {
        let mut world = world(
            auto_shutdown,
            &[("a", temporary()), ("b", significant(temporary()))],
        );
        world.exit("a", ExitReason::Normal);
        assert_eq!(world.outcome, None);
    }
}

#[test]
fn terminate_by_order_does_not_trigger_it() {
    let mut world = world(
        AutoShutdown::AnySignificant,
        &[
            ("a", significant(transient())),
            ("b", significant(temporary())),
        ],
    );
    world.terminate("a");
    world.terminate("b");
    assert_eq!(world.outcome, None);
}

#[test]
fn siblings_stopped_by_a_group_restart_do_not_trigger_it() {
    let settings = Settings {
        auto_shutdown: AutoShutdown::AnySignificant,
        ..settings(Strategy::OneForAll, 2, SECOND)
    };
    let mut world = World::booted(
        settings,
        &[("a", permanent()), ("b", significant(transient()))],
    );
    world.crash("a");
    assert_eq!(
        (world.take_log().as_str(), &world.outcome),
        ("ask b start a#2 start b#2", &None)
    );
}
