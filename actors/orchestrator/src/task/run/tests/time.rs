//! A task whose goal runs out of time.

use super::*;

#[test]
fn a_goal_without_time_orders_nothing_more() {
    use FailureKind::Passing;
    use Recourse::{Cached, Delegate, Partial};
    let rows = vec![
        row(
            "before it began",
            Partial,
            vec![],
            vec![late(
                Event::Due,
                "cut by time | take partial | failed: OVER",
            )],
        ),
        row(
            "an earlier result costs no time",
            Cached,
            vec![],
            vec![
                late(
                    Event::Due,
                    "cut by time | take cached | retrying: OVER; an earlier result is looked for | look for an earlier g/t/earlier",
                ),
                late(earlier(), FOUND),
            ],
        ),
        row(
            "with the order out",
            Partial,
            given(),
            vec![late(
                fails(Passing),
                "cut by time | take partial | failed by a: why",
            )],
        ),
        row(
            "a retry that would begin too late is not made",
            Partial,
            given(),
            vec![Line(fails(Passing), 1, "take partial | failed by a: why")],
        ),
        row(
            "while it waited",
            Delegate,
            given(),
            vec![
                on(fails(Passing), "retrying by a: why | wait 1000 ms"),
                late(Event::Waited, "cut by time | take partial | failed: OVER"),
            ],
        ),
        row(
            "when it was judged wrong",
            Partial,
            given(),
            vec![
                on(made(), "judge"),
                late(wrong(), "cut by time | take partial | failed by a: OVER"),
            ],
        ),
        row(
            "when it was judged right there is a result",
            Partial,
            given(),
            vec![on(made(), "judge"), late(passes(), KEPT)],
        ),
    ];
    check(rows, false);
}

#[test]
fn a_goal_without_time_goes_ways_out_that_take_none() {
    use FailureKind::Passing;
    use Recourse::{Delegate, Human};
    let rows = vec![
        row(
            "when others were found",
            Delegate,
            given(),
            vec![
                on(fails(FailureKind::Broken), OTHERS),
                late(
                    others(&["b", "c"]),
                    "cut by time | cut by time | take partial | failed: OVER",
                ),
            ],
        ),
        row(
            "when a human said yes: the yes is kept for the next time",
            Human,
            asked(),
            vec![late(
                decided(Decision::Accept, ""),
                "waits for a1 | take partial | failed: why; approval a1 came too late",
            )],
        ),
        row(
            "in the try that a human allowed: asked again, the goal goes on from there",
            Human,
            allowed(),
            vec![
                late(
                    fails(Passing),
                    "cut by time | waits for a1 | take replan_and_simplify | retrying by a: why; something simpler is tried | look for less",
                ),
                late(Event::Gone(Gone::NothingLess), "take partial | failed: why"),
            ],
        ),
    ];
    check(rows, false);
}

/// Rows: the task's own limit, the goal's for a task, what is left, all in milliseconds; what the attempt may take, how long it is waited for.
#[test]
fn an_attempt_may_take_what_the_tightest_limit_allows() {
    let rows = [
        (20_000, 30_000, 60_000, 20_000, 23_000),
        (90_000, 30_000, 60_000, 30_000, 33_000),
        // The policy's own.
        (90_000, 90_000, 60_000, 30_000, 33_000),
        (20_000, 30_000, 21_000, 20_000, 21_000),
        (20_000, 30_000, 7_000, 7_000, 7_000),
    ];
    for (task_ms, goal_ms, left_ms, deadline_ms, patience_ms) in rows {
        let task = Task {
            deadline_ms: task_ms,
            ..task()
        };
        let policies = policies(Recourse::Partial);
        let rules = Rules {
            task_deadline_ms: goal_ms,
            ..rules(&policies)
        };
        let now = Moment {
            since: Duration::ZERO,
            left: Duration::from_millis(left_ms),
        };
        let run = TaskRun::figures(rules, &task, "Sums", Value::Null);
        let Next::Go(run, _) = Box::new(run).step(Event::Due, now).next else {
            panic!("nobody is sought");
        };
        let Next::Go(_, Order::Give(given)) = run.step(free("a"), now).next else {
            panic!("nothing is ordered");
        };
        let patience = Duration::from_millis(patience_ms);
        assert_eq!(given.to, Some(party("a")));
        assert_eq!((given.deadline_ms, given.patience), (deadline_ms, patience));
    }
}
