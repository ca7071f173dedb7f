//! A task whose result is figures or a file.

use super::*;

#[test]
fn what_becomes_of_a_task_with_figures_is_one_table() {
    let rows: Vec<Row> = [
        tried(),
        not_tried_again(),
        judged(),
        found_earlier(),
        done_by_others(),
        done_with_less(),
        allowed_by_a_human(),
        not_allowed(),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert!(rows.len() >= 25, "{}", rows.len());
    check(rows, false);
}

/// Up to a person's word about a task that only a model wants.
fn first_asked() -> Vec<Line> {
    vec![
        on(
            Event::Due,
            "ask: a model planned \"Sums\": to call sum with {\"of\":\"all\"}; what that changes nobody here knows. Shall it be done?",
        ),
        on(
            proposed(),
            "pending: a model planned this call of sum; waits for a human's decision about approval a1 | await a1 for 60 s",
        ),
    ]
}

#[test]
fn what_only_a_model_wants_is_done_when_a_person_has_said_yes() {
    use Recourse::{Human, Partial};
    let rows = vec![
        row(
            "said yes, it is done as it was planned",
            Partial,
            first_asked(),
            vec![
                on(decided(Decision::Accept, ""), "spend a1"),
                on(Event::Gone(Gone::Spent), "seek"),
                on(free("a"), "running by a | give g/t #1"),
                on(made(), "judge"),
                on(passes(), KEPT),
            ],
        ),
        row(
            "said no, nothing is done",
            Human,
            first_asked(),
            vec![on(
                decided(Decision::Reject, "not today"),
                "take partial | failed: a model planned this call of sum; a human rejected approval a1: not today",
            )],
        ),
        row(
            "nobody decides, and the goal waits",
            Partial,
            first_asked(),
            vec![on(
                Event::Gone(Gone::Undecided),
                "waits for a1 | take partial | failed: a model planned this call of sum; waits for a human's decision about approval a1",
            )],
        ),
        row(
            "nobody can be asked, nothing is done",
            Partial,
            vec![],
            vec![
                on(
                    Event::Due,
                    "ask: a model planned \"Sums\": to call sum with {\"of\":\"all\"}; what that changes nobody here knows. Shall it be done?",
                ),
                on(
                    gone_wrong(),
                    "take partial | failed: a model planned this call of sum; nobody was asked: none",
                ),
            ],
        ),
        row(
            "done in doubt, a person is asked once more",
            Human,
            first_asked(),
            vec![
                on(decided(Decision::Accept, ""), "spend a1"),
                on(Event::Gone(Gone::Spent), "seek"),
                on(free("a"), "running by a | give g/t #1"),
                on(fails(FailureKind::InDoubt), HUMAN),
                on(
                    proposed(),
                    "pending: why; waits for a human's decision about approval a1 | await a1 for 60 s",
                ),
                on(
                    decided(Decision::Reject, "enough"),
                    "take partial | failed: why; a human rejected approval a1: enough",
                ),
            ],
        ),
    ];
    check_begun(rows, &|rules, task| {
        TaskRun::figures(rules, task, "Sums", task.args.clone()).asking_first()
    });
}

/// Found, given, tried again.
fn tried() -> Vec<Row> {
    use FailureKind::{Malformed, Passing};
    use Recourse::{Partial, ReplanAndSimplify as Simplify};
    vec![
        row(
            "it is done and passes",
            Simplify,
            given(),
            vec![on(made(), "judge"), on(passes(), KEPT)],
        ),
        row(
            "nobody is named where anybody may do it",
            Simplify,
            vec![on(Event::Due, "seek")],
            vec![
                on(Event::Free(None), "running by macro.executor | give g/t #1"),
                on(made(), "judge"),
                on(
                    passes(),
                    "completed by macro.executor | keep {\"of\":\"all\"}",
                ),
            ],
        ),
        row(
            "what passes is tried again under the same name, by whoever is free",
            Simplify,
            given(),
            vec![
                on(fails(Passing), "retrying by a: why | wait 1000 ms"),
                on(Event::Waited, "seek"),
                on(free("b"), "running by b | give g/t #2"),
                on(made(), "judge"),
                on(passes(), "completed by b | keep {\"of\":\"all\"}"),
            ],
        ),
        row(
            "what was malformed is tried again at once, and no oftener than allowed",
            Partial,
            given(),
            vec![
                on(fails(Malformed), "retrying by a: why | wait 0 ms"),
                on(Event::Waited, "seek"),
                on(free("a"), "running by a | give g/t #2"),
                on(fails(Malformed), NOTHING),
            ],
        ),
    ]
}

/// Failures that trying again does not mend.
fn not_tried_again() -> Vec<Row> {
    use FailureKind::{BadInput, Broken, Spent};
    use Recourse::{Cached, Delegate, Human, Partial};
    vec![
        row(
            "what is broken is not tried again",
            Partial,
            given(),
            vec![on(fails(Broken), NOTHING)],
        ),
        row(
            "input that nobody can use goes to nobody else",
            Delegate,
            given(),
            vec![on(fails(BadInput), NOTHING)],
        ),
        row(
            "time and money are not given by a yes",
            Human,
            given(),
            vec![on(fails(Spent), NOTHING)],
        ),
        row(
            "an order too deep ends as a circle does",
            Cached,
            given(),
            vec![on(
                Event::Failed {
                    kind: FailureKind::Circling,
                    reason: "why".to_owned(),
                    ended: Some(Ended::TooDeep {
                        asked: 17,
                        allowed: 16,
                    }),
                },
                "cut by depth | take partial | failed by a: why",
            )],
        ),
        row(
            "a circle is left at once",
            Cached,
            vec![on(Event::Due, "seek")],
            vec![on(
                looping(),
                "cut by looping | take partial | failed: sum was done 3 times with the same arguments and nothing came of it, 2 allowed; it goes round in circles",
            )],
        ),
        row(
            "a tool that rests is given to nobody",
            Delegate,
            vec![on(Event::Due, "seek")],
            vec![on(
                resting(),
                "take partial | failed: tool sum is unavailable: tool.sum rests after repeated failures (it fell); try again in a while",
            )],
        ),
    ]
}

/// The critic.
fn judged() -> Vec<Row> {
    use Recourse::{Partial, ReplanAndSimplify as Simplify};
    vec![
        row(
            "judged wrong twice, then right: each time under a name of its own",
            Simplify,
            given(),
            vec![
                on(made(), "judge"),
                on(wrong(), "seek"),
                on(free("a"), "running by a | give g/t/r1 #2"),
                on(made(), "judge"),
                on(wrong(), "seek"),
                on(free("a"), "running by a | give g/t/r2 #3"),
                on(made(), "judge"),
                on(passes(), KEPT),
            ],
        ),
        row(
            "never right",
            Partial,
            never_right("take partial | failed by a: not so"),
            vec![],
        ),
        row(
            "not judged: it is not done again",
            Partial,
            given(),
            vec![
                on(made(), "judge"),
                on(
                    Event::Unjudged("mute".to_owned()),
                    "take partial | failed by a: mute",
                ),
            ],
        ),
    ]
}

/// An earlier result.
fn found_earlier() -> Vec<Row> {
    use FailureKind::Broken;
    use Recourse::Cached;
    vec![
        row(
            "an earlier result is nobody's and is not kept anew",
            Cached,
            given(),
            vec![on(fails(Broken), EARLIER), on(earlier(), FOUND)],
        ),
        row(
            "no earlier result: the gap is named, and nobody is blamed twice",
            Cached,
            given(),
            vec![
                on(fails(Broken), EARLIER),
                on(gone_wrong(), "take partial | failed: why; none"),
            ],
        ),
    ]
}

/// Other executors.
fn done_by_others() -> Vec<Row> {
    use FailureKind::{Broken, Passing};
    use Recourse::Delegate;
    vec![
        row(
            "another executor, under the same name while nothing was judged wrong",
            Delegate,
            given(),
            vec![
                on(fails(Broken), OTHERS),
                on(others(&["a", "b"]), "seek b"),
                on(free("b"), "running by b | give g/t #2"),
                on(made(), "judge"),
                on(passes(), "completed by b | = delegated: done by b"),
            ],
        ),
        row(
            "another executor, under another name after something was judged wrong, and then the next",
            Delegate,
            never_right(
                "take delegate | retrying by a: not so; another executor is asked | look for others",
            ),
            vec![
                on(others(&["a", "b", "c"]), "seek b"),
                on(free("b"), "running by b | give g/t/delegated #4"),
                on(fails(Passing), "seek c"),
                on(free("c"), "running by c | give g/t/delegated-2 #5"),
                on(made(), "judge"),
                on(passes(), "completed by c | = delegated: done by c"),
            ],
        ),
        row(
            "none of the others can",
            Delegate,
            given(),
            vec![
                on(fails(Broken), OTHERS),
                on(others(&["b", "c"]), "seek b"),
                on(resting(), "seek c"),
                on(free("c"), "running by c | give g/t #2"),
                on(fails(Broken), "take partial | failed by c: why"),
            ],
        ),
        row(
            "there are no others",
            Delegate,
            given(),
            vec![
                on(fails(Broken), OTHERS),
                on(
                    others(&["a"]),
                    "take partial | failed: why; no other executor is there",
                ),
            ],
        ),
    ]
}

/// Something simpler.
fn done_with_less() -> Vec<Row> {
    use FailureKind::{BadInput, Broken};
    use Recourse::ReplanAndSimplify as Simplify;
    vec![
        row(
            "less, known without anybody",
            Simplify,
            given(),
            vec![on(fails(BadInput), LESS), on(known(), KNOWN)],
        ),
        row(
            "less, by another task: its result has a gap",
            Simplify,
            given(),
            vec![
                on(fails(Broken), LESS),
                on(less(), "seek"),
                on(free("b"), "running by b | give g/t/simple #2"),
                on(made(), "judge"),
                on(wrong(), "seek"),
                on(free("b"), "running by b | give g/t/simple/r1 #3"),
                on(made(), "judge"),
                on(
                    passes(),
                    "completed by b | = simpler: counted alone | as count | gap Sums: counted alone, because: why",
                ),
            ],
        ),
        row(
            "nor less",
            Simplify,
            given(),
            vec![
                on(fails(Broken), LESS),
                on(less(), "seek"),
                on(
                    resting(),
                    "take partial | failed: why; nor simpler: tool count is unavailable: tool.sum rests after repeated failures (it fell); try again in a while",
                ),
            ],
        ),
        row(
            "less would be nothing",
            Simplify,
            given(),
            vec![
                on(fails(Broken), LESS),
                on(Event::Gone(Gone::NothingLess), "take partial | failed: why"),
            ],
        ),
    ]
}

/// A yes.
fn allowed_by_a_human() -> Vec<Row> {
    use FailureKind::Passing;
    use Recourse::Human;
    vec![
        row(
            "a human says yes, once more it is right",
            Human,
            allowed(),
            vec![
                on(made(), "judge"),
                on(
                    passes(),
                    "completed by a | = human: tried once more, approval a1",
                ),
            ],
        ),
        row(
            "a human says yes, once more it fails, less is done",
            Human,
            allowed(),
            vec![on(fails(Passing), LESS), on(known(), KNOWN)],
        ),
        row(
            "a human says yes to what was judged wrong: under the approval's name",
            Human,
            never_right(
                "take human | retrying by a: not so; a human is asked | ask: \"Sums\" failed: not so. Shall it be tried once more?",
            ),
            vec![
                on(
                    proposed(),
                    "pending: not so; waits for a human's decision about approval a1 | await a1 for 60 s",
                ),
                on(decided(Decision::Accept, "go on"), "spend a1"),
                on(Event::Gone(Gone::Spent), "seek"),
                on(free("a"), "running by a | give g/t/a1 #4"),
                on(made(), "judge"),
                on(
                    passes(),
                    "completed by a | = human: tried once more, approval a1",
                ),
            ],
        ),
    ]
}

/// No yes, or none that holds.
fn not_allowed() -> Vec<Row> {
    use FailureKind::Broken;
    use Recourse::Human;
    vec![
        row(
            "an approval that cannot be used up is not used",
            Human,
            asked(),
            vec![
                on(decided(Decision::Accept, ""), "spend a1"),
                on(gone_wrong(), "take partial | failed: why; none"),
            ],
        ),
        row(
            "a human says no",
            Human,
            asked(),
            vec![on(
                decided(Decision::Reject, "too dear"),
                "take partial | failed: why; a human rejected approval a1: too dear",
            )],
        ),
        row(
            "a human says no and not why",
            Human,
            asked(),
            vec![on(
                decided(Decision::Reject, ""),
                "take partial | failed: why; a human rejected approval a1",
            )],
        ),
        row(
            "no human says anything",
            Human,
            asked(),
            vec![late(
                Event::Gone(Gone::Undecided),
                "waits for a1 | take partial | failed: why; waits for a human's decision about approval a1",
            )],
        ),
        row(
            "the decision cannot be read",
            Human,
            asked(),
            vec![on(gone_wrong(), "take partial | failed: why; none")],
        ),
        row(
            "nobody can be asked",
            Human,
            given(),
            vec![
                on(fails(Broken), HUMAN),
                on(
                    gone_wrong(),
                    "take partial | failed: why; nobody was asked: none",
                ),
            ],
        ),
    ]
}
