//! What may be done after a crash, case by case.

use aios_work::run::{
    AfterFalls, Falls, Inquiry, Next, Outcome, Record, Resumption, State, Told, after_crash,
    resumption,
};
use aios_work::{Decision, Effect};

use crate::{
    accepted, asked, committed, decided, fell, here, inquired, intended, resulted, run, spent,
};

fn state(records: &[Record]) -> State {
    let mut state = State::default();
    state.apply(1, &accepted());
    for (at, record) in records.iter().enumerate() {
        state.apply(at as u64 + 2, record);
    }
    assert_eq!(state.oddities, [], "{records:?}");
    state
}

const OP: &str = "g-1/send";

fn begun(effect: Effect) -> Record {
    intended(OP, effect, 1)
}

fn done() -> Record {
    resulted(OP, Outcome::Done(here("sent")))
}

fn failed() -> Record {
    resulted(
        OP,
        Outcome::Failed {
            why: "no route".to_owned(),
        },
    )
}

fn inconclusive() -> Record {
    inquired(
        OP,
        Inquiry::Inconclusive {
            why: "keys live a day".to_owned(),
        },
    )
}

#[test]
fn each_unfinished_operation_goes_the_way_of_its_effect() {
    use Effect::{Ask, Pure, Query, Repeatable};
    let leave = |why: &str| Next::Leave {
        why: why.to_owned(),
    };
    let ask = |why: &str| Next::AskPerson {
        why: why.to_owned(),
    };
    let again = |again| Next::Repeat { again };
    let no = inquired(OP, Inquiry::NotHappened);
    let told = inquired(OP, Inquiry::Happened(Told::Result(here("sent"))));
    let happened = inquired(OP, Inquiry::Happened(Told::Nothing));
    let (q, yes, reject) = (
        asked("a-1", OP),
        decided("a-1", Decision::Accept),
        decided("a-1", Decision::Reject),
    );
    let unknown = "nobody can tell whether it happened";
    let cannot = "its provider cannot tell whether it happened (keys live a day)";
    let cases: Vec<(&str, Vec<Record>, Next)> = vec![
        ("never begun", vec![], leave("it was never begun")),
        ("pure, begun", vec![begun(Pure)], again(false)),
        ("repeatable, begun", vec![begun(Repeatable)], again(true)),
        ("query, begun", vec![begun(Query)], Next::AskProvider),
        ("ask, begun", vec![begun(Ask)], ask(unknown)),
        (
            "query, it did not happen",
            vec![begun(Query), no.clone()],
            again(true),
        ),
        (
            "query, it happened and the result is told",
            vec![begun(Query), told.clone()],
            Next::Commit,
        ),
        (
            "query, it happened and no more is told",
            vec![begun(Query), happened],
            ask("it happened, and its provider does not tell what it gave"),
        ),
        (
            "query, inconclusive",
            vec![begun(Query), inconclusive()],
            ask(cannot),
        ),
        (
            "query, inconclusive, then told",
            vec![begun(Query), inconclusive(), told],
            Next::Commit,
        ),
        (
            "query, begun again after the provider said no",
            vec![begun(Query), no, intended(OP, Query, 2)],
            Next::AskProvider,
        ),
        (
            "query, inconclusive, a person is asked",
            vec![begun(Query), inconclusive(), q.clone()],
            Next::AwaitPerson {
                approval: "a-1".to_owned(),
            },
        ),
        (
            "query, inconclusive, a person allows it",
            vec![begun(Query), inconclusive(), q.clone(), yes.clone()],
            Next::SpendThenRepeat {
                approval: "a-1".to_owned(),
            },
        ),
        (
            "ask, a person is asked",
            vec![begun(Ask), q.clone()],
            Next::AwaitPerson {
                approval: "a-1".to_owned(),
            },
        ),
        (
            "ask, a person allows it",
            vec![begun(Ask), q.clone(), yes.clone()],
            Next::SpendThenRepeat {
                approval: "a-1".to_owned(),
            },
        ),
        (
            "ask, a person forbids it",
            vec![begun(Ask), q.clone(), reject],
            leave("a person said that it is not to be done again"),
        ),
        (
            "ask, allowed and spent, and nobody knows whether it was begun",
            vec![begun(Ask), q.clone(), yes.clone(), spent("a-1")],
            ask(unknown),
        ),
        (
            "ask, allowed, spent, begun again, and it fell again",
            vec![
                begun(Ask),
                q.clone(),
                yes.clone(),
                spent("a-1"),
                intended(OP, Ask, 2),
            ],
            ask(unknown),
        ),
        (
            "ask, allowed before it was ever begun: no yes to doing it twice",
            vec![q, yes, begun(Ask)],
            ask(unknown),
        ),
        (
            "ask, a yes about another operation",
            vec![
                begun(Ask),
                asked("a-2", "g-1/other"),
                decided("a-2", Decision::Accept),
            ],
            ask(unknown),
        ),
        ("ask, result known", vec![begun(Ask), done()], Next::Commit),
        (
            "ask, result known, and begun again all the same",
            vec![begun(Ask), done(), intended(OP, Ask, 2)],
            Next::Commit,
        ),
        (
            "pure, result known",
            vec![begun(Pure), done()],
            Next::Commit,
        ),
        (
            "committed",
            vec![begun(Ask), done(), committed(OP)],
            Next::Over,
        ),
        (
            "failed",
            vec![begun(Repeatable), failed()],
            leave("no route"),
        ),
        (
            "called off",
            vec![begun(Repeatable), resulted(OP, Outcome::Cancelled)],
            leave("it was called off"),
        ),
        (
            "failed, then begun again",
            vec![begun(Repeatable), failed(), intended(OP, Repeatable, 2)],
            again(true),
        ),
    ];
    for (name, records, expected) in cases {
        let state = state(&records);
        assert_eq!(after_crash(&state.runs[&run()], OP), expected, "{name}");
    }
}

#[test]
fn a_goal_that_felled_its_node_three_times_is_parked_and_one_that_came_further_is_not() {
    let ways = |records: &[Record]| resumption(&state(records).runs[&run()]);
    let begun = begun(Effect::Pure);
    let falls: Vec<Record> = (1..=3).map(|epoch| fell(OP, epoch)).collect();
    let with = |falls: &[Record]| [std::slice::from_ref(&begun), falls].concat();
    assert_eq!(ways(&with(&[])), Resumption::Go);
    assert_eq!(ways(&with(&falls[..1])), Resumption::Go);
    assert_eq!(ways(&with(&falls[..2])), Resumption::Alone);
    let Resumption::Park { why, evidence } = ways(&with(&falls)) else {
        panic!("it goes on");
    };
    assert_eq!(why, "the node fell 3 times while this goal was at work");
    assert_eq!(evidence.len(), 3);
    assert_eq!(evidence[0], "epoch 1, g-1/send: killed by SIGABRT");
    // The same fall is told of two operations: it is one fall.
    let two = [
        intended("g-1/b", Effect::Pure, 1),
        fell("g-1/b", 1),
        fell("g-1/b", 2),
    ];
    assert_eq!(
        ways(&[with(&falls[..2]), two.to_vec()].concat()),
        Resumption::Alone
    );
    // It has come further since.
    let further = [
        done(),
        committed(OP),
        intended("g-1/b", Effect::Pure, 1),
        fell("g-1/b", 3),
    ];
    assert_eq!(
        ways(&[with(&falls[..2]), further.to_vec()].concat()),
        Resumption::Go
    );
    // A person lets it go on.
    let parked = Record::GoalParked {
        run: run(),
        why,
        evidence,
    };
    assert_eq!(
        ways(&[with(&falls), vec![parked.clone()]].concat()),
        Resumption::Not
    );
    let resumed = Record::GoalResumed {
        run: run(),
        by: "user:ann@local".to_owned(),
    };
    assert_eq!(
        ways(&[with(&falls), vec![parked, resumed]].concat()),
        Resumption::Go
    );
}

#[test]
fn falls_lead_to_going_on_with_the_others_then_alone_then_aside() {
    use AfterFalls::{Alone, Go, Park};
    // What was done at each fall, and what follows from the last.
    for (done, expected) in [
        (vec![], Go),
        (vec![0], Go),
        (vec![0, 0], Alone),
        (vec![0, 0, 0], Park),
        (vec![2, 2], Alone),
        (vec![0, 0, 1], Go),
        (vec![0, 0, 1, 1], Alone),
        (vec![0, 0, 1, 1, 1], Park),
        (vec![1, 2, 3, 4, 5], Go),
        // A result that was taken back is no progress.
        (vec![3, 2, 3], Park),
    ] {
        let falls = done
            .iter()
            .fold(Falls::default(), |falls, done| falls.once_more(*done));
        assert_eq!(falls.lead_to(), expected, "{done:?}");
    }
}
