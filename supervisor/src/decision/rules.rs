//! The rules of OTP's `supervisor` (its `supervisor_SUITE`, group by group) and of Pekko's typed supervision, each a
//! test named after the rule, on the pure core. `tests/` repeats the ones that depend on real actors.
//!
//! Where we differ on purpose:
//!
//! | OTP or Pekko | here | why |
//! |---|---|---|
//! | giving up exits with `shutdown`, so a transient supervisor stays down | giving up is a failure | an escalation that nobody answers is lost |
//! | a group restart also starts children stopped by `terminate_child` | it does not | "terminated" is somebody's decision; only `restart_child` takes it back |
//! | a failed restart is tried again at once, and no order is heard while a start is slow | the same count, but through the mailbox, or after a backoff; starts run in tasks | the mailbox is never held hostage |
//! | a start order during a group restart waits in the mailbox | it queues behind the group's starts | the same order, without blocking |
//! | Pekko restarts in place, keeping the mailbox | the actor is a new one; a `Mailbox` is kept beside it | one mechanism, and the state is surely gone |
//! | Pekko `resume` goes on with the state that failed | not offered | a state that met an error is not to be trusted |

use std::time::Duration;

use super::{
    Input, Mode, Order, Outcome, Settings,
    rig::{Habit, World, ms, policy, settings},
};
use crate::{
    backoff::Backoff,
    child_spec::{Policy, StartError},
    exit::ExitReason,
    intensity::Intensity,
    strategy::{AutoShutdown, Restart, Shutdown, Strategy},
};

const SECOND: Duration = Duration::from_secs(1);

fn permanent() -> Policy {
    policy(Restart::Permanent)
}

fn transient() -> Policy {
    policy(Restart::Transient)
}

fn temporary() -> Policy {
    policy(Restart::Temporary)
}

/// Three children under a strategy, at most two restarts in a second.
fn three(strategy: Strategy, policy: &Policy) -> World {
    let children = [
        ("a", policy.clone()),
        ("b", policy.clone()),
        ("c", policy.clone()),
    ];
    World::booted(settings(strategy, 2, SECOND), &children)
}

fn dynamic(policy: &Policy) -> World {
    let mut world = World::booted(settings(Strategy::Dynamic, 2, SECOND), &[]);
    for id in ["a", "b", "c"] {
        world.start(id, policy.clone());
    }
    world.log.clear();
    world
}

mod exits {
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
}

mod one_for_one {
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
        assert!(
            world
                .outcome
                .unwrap()
                .failure()
                .unwrap()
                .contains("2 restarts in 1s")
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
}

mod one_for_all {
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
}

mod rest_for_one {
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
}

mod dynamic_children {
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
}

mod shutdown {
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
}

mod significant {
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
}

mod start {
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
}

mod restart_failures {
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

    #[test]
    fn a_group_restart_that_fails_starts_over_with_the_one_that_failed() {
        for (strategy, expected) in [
            (Strategy::RestForOne, "start c#3"),
            (Strategy::OneForAll, "start a#3 start b#3 start c#3"),
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
            ["restarting", "restarting", "already_started"]
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
}

mod backoffs {
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
}

mod orders {
    use super::*;

    /// Rows: state of the child, order, answer.
    #[test]
    fn every_order_has_one_answer_for_every_state() {
        type Prepare = fn(&mut World);
        let running: Prepare = |_| {};
        let stopped: Prepare = |world| {
            world.terminate("a");
        };
        let finished: Prepare = |world| world.exit("a", ExitReason::Normal);
        let backoff: Prepare = |world| {
            world.habit("a", Habit::FailsToStart);
            world.crash("a");
        };
        let starting: Prepare = |world| {
            world.habit("a", Habit::SlowStart);
            world.crash("a");
        };
        let stopping: Prepare = |world| {
            world.habit("a", Habit::Deaf);
            world.terminate("a");
        };
        let unknown: Prepare = |world| {
            world.terminate("a");
            world.delete("a");
        };
        // state, then the answers to start, restart, delete, kill, terminate
        let rows: [(&str, Prepare, [&str; 5]); 7] = [
            (
                "running",
                running,
                ["already_started", "running", "running", "ok", "ok"],
            ),
            (
                "stopped",
                stopped,
                ["already_present", "ok", "ok", "not_alive", "ok"],
            ),
            (
                "finished",
                finished,
                ["already_present", "ok", "ok", "not_alive", "ok"],
            ),
            (
                "backoff",
                backoff,
                [
                    "already_started",
                    "restarting",
                    "restarting",
                    "not_alive",
                    "ok",
                ],
            ),
            (
                "starting",
                starting,
                ["already_started", "restarting", "restarting", "ok", "ok"],
            ),
            (
                "stopping",
                stopping,
                [
                    "already_started",
                    "restarting",
                    "restarting",
                    "ok",
                    "none yet",
                ],
            ),
            (
                "unknown",
                unknown,
                ["ok", "not_found", "not_found", "not_found", "not_found"],
            ),
        ];
        for (state, prepare, expected) in rows {
            for (at, expected) in expected.into_iter().enumerate() {
                let mut world = World::booted(
                    settings(Strategy::OneForOne, 9, SECOND),
                    &[("a", transient())],
                );
                prepare(&mut world);
                let id = || "a".into();
                let ticket = match at {
                    0 => world.start("a", transient()),
                    1 => {
                        world.habit("a", Habit::Good);
                        world.restart("a")
                    }
                    2 => world.delete("a"),
                    3 => world.order(Order::Kill { id: id() }),
                    _ => world.terminate("a"),
                };
                assert_eq!(
                    world.answer(ticket),
                    expected,
                    "order {at} to a child that is {state}"
                );
            }
        }
    }

    #[test]
    fn a_new_child_that_fails_to_start_is_not_kept() {
        let mut world = three(Strategy::OneForOne, &permanent());
        world.habit("d", Habit::FailsToStart);
        let ticket = world.start("d", permanent());
        assert_eq!(
            (world.answer(ticket), world.states().as_str()),
            ("start_failed", "a:running b:running c:running")
        );
    }

    #[test]
    fn a_stopped_child_that_fails_to_start_stays_stopped() {
        let mut world = three(Strategy::OneForOne, &permanent());
        world.terminate("b");
        world.habit("b", Habit::FailsToStart);
        let ticket = world.restart("b");
        assert_eq!(
            (world.answer(ticket), world.states().as_str()),
            ("start_failed", "a:running b:stopped c:running")
        );
    }

    #[test]
    fn a_start_order_during_a_group_restart_starts_after_the_group() {
        let mut world = three(Strategy::OneForAll, &permanent());
        world.habit("c", Habit::Manual);
        world.crash("a");
        world.start("d", permanent());
        world.habit("c", Habit::Good);
        world.exit("c", ExitReason::Shutdown("shutdown".into()));
        assert_eq!(
            world.take_log(),
            "ask c ask b start a#2 start b#2 start c#2 start d#1"
        );
    }

    #[test]
    fn terminate_during_a_group_restart_keeps_that_child_down() {
        let mut world = three(Strategy::OneForAll, &permanent());
        world.habit("c", Habit::Manual);
        world.crash("a");
        world.terminate("c");
        world.terminate("a");
        world.exit("c", ExitReason::Shutdown("shutdown".into()));
        assert_eq!(world.states(), "a:stopped b:running c:stopped");
    }

    #[test]
    fn orders_to_a_leaving_supervisor_are_declined() {
        let mut world = three(Strategy::OneForOne, &permanent());
        world.habit("c", Habit::Deaf);
        world.tell(Input::Stop);
        let asked = [
            world.start("d", permanent()),
            world.terminate("a"),
            world.restart("a"),
            world.delete("a"),
        ];
        assert_eq!(asked.map(|ticket| world.answer(ticket)), ["stopping"; 4]);
    }

    #[test]
    fn counts_tell_specs_active_supervisors_and_workers() {
        let nested = Policy {
            kind: crate::Kind::Supervisor,
            ..permanent()
        };
        let children = [("a", permanent()), ("b", nested), ("c", transient())];
        let mut world = World::booted(settings(Strategy::OneForOne, 1, SECOND), &children);
        world.exit("c", ExitReason::Normal);
        let counts = world.tree.counts();
        assert_eq!(
            (
                counts.specs,
                counts.active,
                counts.supervisors,
                counts.workers
            ),
            (3, 2, 1, 2)
        );
    }

    #[test]
    fn a_child_of_a_forgotten_name_gets_generations_of_its_own() {
        let mut world = three(Strategy::OneForOne, &permanent());
        world.crash("a");
        world.terminate("a");
        world.delete("a");
        world.log.clear();
        world.start("a", permanent());
        assert_eq!(world.take_log(), "start a#3");
    }
}
