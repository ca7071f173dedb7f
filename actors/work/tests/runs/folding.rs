//! The same records give the same state, and what does not fit is kept as evidence and changes nothing.

use aios_work::run::{Inquiry, Outcome, Record, RunStatus, State};
use aios_work::{Decision, Effect};
use proptest::prelude::*;

use crate::{
    accepted, asked, committed, decided, every, here, inquired, intended, resulted, run, spent,
};

fn fold(records: &[Record]) -> State {
    let mut state = State::default();
    for (at, record) in records.iter().enumerate() {
        state.apply(at as u64 + 1, record);
    }
    state
}

#[test]
fn what_does_not_fit_changes_nothing_and_is_kept() {
    let begun = [accepted(), intended("o", Effect::Pure, 1)];
    let done = resulted("o", Outcome::Done(here("1")));
    let cases: Vec<(&str, Vec<Record>, &str)> = vec![
        (
            "a goal twice",
            vec![accepted()],
            "goal g-1 is accepted already",
        ),
        (
            "a result of nothing",
            vec![resulted("x", Outcome::Cancelled)],
            "operation x was never begun",
        ),
        (
            "a commit without a result",
            vec![committed("o")],
            "operation o has no result to commit",
        ),
        (
            "two results of one attempt",
            vec![done.clone(), done.clone()],
            "no attempt of operation o is under way",
        ),
        (
            "a result after the commit",
            vec![done.clone(), committed("o"), done.clone()],
            "operation o is committed already",
        ),
        (
            "begun again after the commit",
            vec![done.clone(), committed("o"), intended("o", Effect::Pure, 2)],
            "operation o is committed and was begun again",
        ),
        (
            "asked about after the commit",
            vec![
                done.clone(),
                committed("o"),
                inquired("o", Inquiry::NotHappened),
            ],
            "operation o is committed already",
        ),
        (
            "a decision of nothing",
            vec![decided("a", Decision::Accept)],
            "a was never asked",
        ),
        (
            "two decisions",
            vec![
                asked("a", "o"),
                decided("a", Decision::Reject),
                decided("a", Decision::Accept),
            ],
            "a is decided already",
        ),
        (
            "spending a no",
            vec![asked("a", "o"), decided("a", Decision::Reject), spent("a")],
            "a allows nothing",
        ),
        (
            "spending twice",
            vec![
                asked("a", "o"),
                decided("a", Decision::Accept),
                spent("a"),
                spent("a"),
            ],
            "a allows nothing",
        ),
        (
            "anything after the end",
            vec![
                Record::GoalCancelled {
                    run: run(),
                    by: "ann".to_owned(),
                },
                done,
            ],
            "the goal is over",
        ),
    ];
    for (name, records, why) in cases {
        let all = [begun.as_slice(), &records].concat();
        let state = fold(&all);
        let [oddity] = &state.oddities[..] else {
            panic!("{name}: {:?}", state.oddities);
        };
        assert_eq!(
            (oddity.sequence, oddity.why.as_str()),
            (all.len() as u64, why),
            "{name}"
        );
        let before = fold(&all[..all.len() - 1]);
        assert_eq!(state.runs, before.runs, "{name}");
    }
}

#[test]
fn a_request_asked_again_is_found_by_its_key() {
    let state = fold(&[accepted()]);
    let key = ("local".to_owned(), "request-7".to_owned());
    assert_eq!(state.requests[&key], "g-1");
    assert_eq!(state.runs[&run()].status, RunStatus::Running);
}

#[test]
fn a_run_that_is_over_is_forgotten_and_one_that_is_not_is_needed() {
    let cancelled = Record::GoalCancelled {
        run: run(),
        by: "ann".to_owned(),
    };
    let mut going = fold(&[accepted(), intended("o", Effect::Pure, 1)]);
    assert!(going.needs(&run()));
    assert_eq!((going.forget(u64::MAX), going.runs.len()), (0, 1));
    let mut over = fold(&[accepted(), cancelled]);
    assert!(!over.needs(&run()));
    assert_eq!(over.runs[&run()].changed, 2);
    assert_eq!((over.forget(2), over.requests.len()), (0, 1));
    assert_eq!((over.forget(3), over.requests.len()), (1, 0));
    assert!(over.runs.is_empty());
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let kinds = every().len();
    let one =
        (0..kinds, 0..3_u8).prop_map(|(kind, other)| match (every().swap_remove(kind).1, other) {
            (Record::Intended { .. }, 1) => intended("o-2", Effect::Ask, 1),
            (Record::Resulted { .. }, 1) => resulted("o-2", Outcome::Done(here("2"))),
            (Record::Committed { .. }, 1) => committed("o-2"),
            (record, _) => record,
        });
    proptest::collection::vec(one, 0..60).prop_map(|rest| [vec![accepted()], rest].concat())
}

proptest! {
    /// Whatever comes in whatever order: the same state, wherever the fold was interrupted and however often it saw a record.
    #[test]
    fn the_same_records_give_the_same_state(records in records(), cut in 0..60_usize) {
        let whole = fold(&records);
        let cut = cut.min(records.len());
        let saved = postcard::to_stdvec(&fold(&records[..cut])).unwrap();
        let mut state: State = postcard::from_bytes(&saved).unwrap();
        // Some come again, as they do behind a saved mark.
        for (at, record) in records.iter().enumerate().skip(cut.saturating_sub(5)) {
            state.apply(at as u64 + 1, record);
        }
        prop_assert_eq!(&state, &whole);
        prop_assert!(whole.oddities.len() <= 32);
    }

    /// No operation is committed twice, and none is without a result.
    #[test]
    fn what_is_committed_has_a_result(records in records()) {
        let state = fold(&records);
        for run in state.runs.values() {
            for operation in run.operations.values() {
                prop_assert!(!operation.committed || operation.result().is_some());
            }
        }
    }
}
