//! A task whose result is prose.

use super::*;

/// The end with the first text.
const DONE: &str = "completed by a | keep [\"first\"]";

#[test]
fn a_text_is_written_again_with_what_the_critic_said_of_it() {
    use Recourse::ReplanAndSimplify as Simplify;
    let rows = vec![
        row("it passes", Simplify, written(), vec![on(passes(), DONE)]),
        row(
            "written again with what the critic said, kept as what it was first asked with",
            Simplify,
            written(),
            vec![
                on(wrong(), "prepare after \"not\\nso\""),
                on(Event::Prepared(json!(["second"])), "seek"),
                on(free("a"), "running by a | give g/t/r1 #2"),
                on(made(), "read"),
                on(passes(), DONE),
            ],
        ),
        row(
            "it never passes",
            Simplify,
            written(),
            vec![
                on(wrong(), "prepare after \"not\\nso\""),
                on(Event::Prepared(json!(["second"])), "seek"),
                on(free("a"), "running by a | give g/t/r1 #2"),
                on(made(), "read"),
                on(wrong(), "prepare after \"not\\nso\""),
                on(Event::Prepared(json!(["third"])), "seek"),
                on(free("a"), "running by a | give g/t/r2 #3"),
                on(made(), "read"),
                on(
                    wrong(),
                    "failed by a: the critic did not pass the text: not so",
                ),
            ],
        ),
        row(
            "told what is wrong, the writer says the same",
            Simplify,
            written(),
            vec![
                on(wrong(), "prepare after \"not\\nso\""),
                on(Event::Prepared(json!(["second"])), "seek"),
                on(free("a"), "running by a | give g/t/r1 #2"),
                on(made(), "read"),
                on(
                    Event::Unchanged,
                    "failed by a: the critic did not pass the text, and written again it was the same: not so",
                ),
            ],
        ),
        row(
            "the goal cannot pay",
            Simplify,
            vec![on(Event::Due, "prepare")],
            vec![on(
                Event::Unprepared("too dear".to_owned()),
                "failed: too dear",
            )],
        ),
        row(
            "the goal cannot pay for writing it again",
            Simplify,
            written(),
            vec![
                on(wrong(), "prepare after \"not\\nso\""),
                on(
                    Event::Unprepared("too dear".to_owned()),
                    "failed by a: too dear",
                ),
            ],
        ),
        row(
            "the critic is mute",
            Simplify,
            written(),
            vec![on(Event::Unjudged("mute".to_owned()), "failed by a: mute")],
        ),
    ];
    check(rows, true);
}

#[test]
fn a_text_that_cannot_be_ordered_as_planned_is_read_all_the_same() {
    use FailureKind::{Broken, Passing};
    use Recourse::{Cached, Delegate, ReplanAndSimplify as Simplify};
    let rows = vec![
        row(
            "nothing is less than a text",
            Simplify,
            ordered_text(),
            vec![on(
                fails(Broken),
                "take replan_and_simplify | retrying by a: why; something simpler is tried | take partial | failed: why",
            )],
        ),
        row(
            "an earlier text is read too, and one that does not pass is written anew, which can only fail once",
            Cached,
            ordered_text(),
            vec![
                on(fails(Broken), EARLIER),
                on(earlier(), "read"),
                on(wrong(), "prepare after \"not\\nso\""),
                on(Event::Prepared(json!(["second"])), "seek"),
                on(free("a"), "running by a | give g/t/r1 #2"),
                on(fails(Passing), "take partial | failed by a: why"),
            ],
        ),
        row(
            "another's text is judged as a result and read as a text",
            Delegate,
            ordered_text(),
            vec![
                on(fails(Broken), OTHERS),
                on(others(&["b"]), "seek b"),
                on(free("b"), "running by b | give g/t #2"),
                on(made(), "judge"),
                on(passes(), "read"),
                on(passes(), "completed by b | = delegated: done by b"),
            ],
        ),
        row(
            "what was done again under a name is not asked for under it as something else",
            Delegate,
            ordered_text(),
            vec![
                on(fails(Broken), OTHERS),
                on(others(&["b"]), "seek b"),
                on(free("b"), "running by b | give g/t #2"),
                on(made(), "judge"),
                on(wrong(), "seek b"),
                on(free("b"), "running by b | give g/t/r1 #3"),
                on(made(), "judge"),
                on(passes(), "read"),
                on(wrong(), "prepare after \"not\\nso\""),
                on(Event::Prepared(json!(["second"])), "seek"),
                on(free("a"), "running by a | give g/t/r2 #4"),
                on(made(), "read"),
                on(passes(), "completed by a | keep [\"first\"]"),
            ],
        ),
    ];
    check(rows, true);
}

#[test]
fn what_nobody_asked_for_ends_a_task() {
    use Recourse::Partial;
    let rows = vec![row(
        "what nobody asked for ends it",
        Partial,
        vec![on(Event::Due, "prepare")],
        vec![on(
            passes(),
            "failed: the task was told something that it had not asked for; report this as a bug",
        )],
    )];
    check(rows, true);
}
