//! What becomes of a task, as a table: each row is what it is told and, beside it, what is said and ordered then.

use aios_actors::recovery::{BackoffKind, Decision, TaskPolicy};
use aios_protocols::{AgentId, Tier};
use aios_work::Looping;
use serde_json::json;

use super::*;
use crate::task::fallback;

mod ends;
mod figures;
mod text;
mod time;

/// An executor.
fn party(name: &str) -> Party {
    AgentId::new(Tier::Macro, "executor", name, "here")
        .unwrap()
        .into()
}

fn task() -> Task {
    Task {
        deadline_ms: 20_000,
        tokens: 100,
        ..Task::new("t", "sum", json!({"of": "all"}))
    }
}

/// One retry after a second, then this.
fn policies(then: Recourse) -> Policies {
    let mut policies = Policies::default();
    *policies.of_mut("sum") = TaskPolicy {
        retries: 1,
        backoff: BackoffKind::Exponential,
        then,
        ..TaskPolicy::USUAL
    };
    policies
}

fn rules(policies: &Policies) -> Rules<'_> {
    Rules {
        goal_id: "g",
        time: Duration::from_secs(100),
        task_deadline_ms: 30_000,
        policies,
    }
}

/// An order in a few words.
fn ordered(order: &Order) -> String {
    match order {
        Order::Prepare { feedback: None } => "prepare".to_owned(),
        Order::Prepare {
            feedback: Some(said),
        } => format!("prepare after {said:?}"),
        Order::Seek { to: None } => "seek".to_owned(),
        Order::Seek { to: Some(to) } => format!("seek {to}"),
        Order::Give(given) => format!("give {} #{}", given.operation, given.attempt),
        Order::Wait(time) => format!("wait {} ms", time.as_millis()),
        Order::JudgeResult => "judge".to_owned(),
        Order::JudgeText => "read".to_owned(),
        Order::Fallback(Fallback::Earlier { operation }) => {
            format!("look for an earlier {operation}")
        }
        Order::Fallback(Fallback::Others) => "look for others".to_owned(),
        Order::Fallback(Fallback::Simpler) => "look for less".to_owned(),
        Order::Fallback(Fallback::Propose { question }) => format!("ask: {question}"),
        Order::Fallback(Fallback::Decision { approval, within }) => {
            format!("await {approval} for {} s", within.as_secs())
        }
        Order::Fallback(Fallback::Spend { approval }) => format!("spend {approval}"),
    }
}

fn told(event: &TaskEvent) -> String {
    let mut told = format!("{:?}", event.status).to_lowercase();
    if let Some(agent) = &event.agent {
        told.push_str(&format!(" by {agent}"));
    }
    if let Some(reason) = &event.reason {
        told.push_str(&format!(": {reason}"));
    }
    told
}

fn said(aside: &Aside) -> String {
    match aside {
        Aside::Tell(event) => told(event),
        Aside::Cut(Ended::OverBudget(_)) => "cut by time".to_owned(),
        Aside::Cut(Ended::Looping(_)) => "cut by looping".to_owned(),
        Aside::Cut(Ended::TooDeep { .. }) => "cut by depth".to_owned(),
        Aside::Cut(other) => format!("cut: {other}"),
        Aside::WaitsFor(approval) => format!("waits for {approval}"),
        Aside::Taken(recourse) => format!("take {}", fallback::name(*recourse)),
    }
}

fn ended(finish: &Finish) -> Vec<String> {
    let report = &finish.report;
    let mut said = vec![told(&finish.event)];
    said.extend(report.recovered.iter().map(|how| format!("= {how}")));
    said.extend(
        finish
            .instead
            .iter()
            .map(|task| format!("as {}", task.tool)),
    );
    said.extend(finish.gap.iter().map(|gap| format!("gap {gap}")));
    said.extend(finish.note.iter().map(|note| format!("note {note}")));
    said.extend(finish.keep.iter().map(|args| format!("keep {args}")));
    said
}

/// Said and ordered when `a` has lost it and the policy has this in its place.
const LESS: &str =
    "take replan_and_simplify | retrying by a: why; something simpler is tried | look for less";
const OTHERS: &str =
    "take delegate | retrying by a: why; another executor is asked | look for others";
const EARLIER: &str = "take cached | retrying by a: why; an earlier result is looked for | look for an earlier g/t/earlier";
const HUMAN: &str = "take human | retrying by a: why; a human is asked | ask: \"Sums\" failed: why. Shall it be tried once more?";
/// The end with an earlier result, with one that was known, and with the planned one.
const FOUND: &str = "completed | = cached: an earlier result, 2 hours old | note Sums: taken from an earlier result, 2 hours old";
const KNOWN: &str = "completed | = simpler: known before | note Sums: known before";
const KEPT: &str = "completed by a | keep {\"of\":\"all\"}";
/// The end without any.
const NOTHING: &str = "take partial | failed by a: why";

/// What is told a task, with so much time left, and what follows.
struct Line(Event, u64, &'static str);

fn on(event: Event, follows: &'static str) -> Line {
    Line(event, 60, follows)
}

/// The same when the goal's time is over.
fn late(event: Event, follows: &'static str) -> Line {
    Line(event, 0, follows)
}

fn free(name: &str) -> Event {
    Event::Free(Some(party(name)))
}

fn made() -> Event {
    Event::Made { took_ms: 5.0 }
}

fn fails(kind: FailureKind) -> Event {
    Event::Failed {
        kind,
        reason: "why".to_owned(),
        ended: None,
    }
}

fn passes() -> Event {
    Event::Judged {
        passes: true,
        score: 0.9,
        feedback: String::new(),
    }
}

fn wrong() -> Event {
    Event::Judged {
        passes: false,
        score: 0.2,
        feedback: "not\nso".to_owned(),
    }
}

fn looping() -> Event {
    Event::Looping(Looping {
        act: "sum".to_owned(),
        times: 3,
        allowed: 2,
    })
}

fn resting() -> Event {
    Event::Resting {
        service: "tool.sum".to_owned(),
        last_error: "it fell".to_owned(),
    }
}

fn gone_wrong() -> Event {
    Event::Gone(Gone::Failed("none".to_owned()))
}

fn earlier() -> Event {
    Event::Gone(Gone::Earlier {
        age: "2 hours".to_owned(),
        score: Some(0.8),
    })
}

fn others(names: &[&str]) -> Event {
    Event::Gone(Gone::Others(names.iter().map(|name| party(name)).collect()))
}

fn less() -> Event {
    let simple = Task {
        tool: "count".to_owned(),
        args: json!({}),
        ..task()
    };
    Event::Gone(Gone::Task {
        task: Box::new(simple),
        says: "counted alone".to_owned(),
    })
}

fn known() -> Event {
    Event::Gone(Gone::Known {
        says: "known before".to_owned(),
    })
}

fn proposed() -> Event {
    Event::Gone(Gone::Proposed {
        approval: "a1".to_owned(),
    })
}

fn decided(decision: Decision, why: &str) -> Event {
    Event::Gone(Gone::Decided(decision, why.to_owned()))
}

/// Up to the order being held by `a`.
fn given() -> Vec<Line> {
    vec![
        on(Event::Due, "seek"),
        on(free("a"), "running by a | give g/t #1"),
    ]
}

/// Up to the decision that the goal waits for.
fn asked() -> Vec<Line> {
    let mut lines = given();
    lines.extend([
        on(fails(FailureKind::Broken), HUMAN),
        on(
            proposed(),
            "pending: why; waits for a human's decision about approval a1 | await a1 for 60 s",
        ),
    ]);
    lines
}

/// Up to one more try that a human allowed.
fn allowed() -> Vec<Line> {
    let mut lines = asked();
    lines.extend([
        on(decided(Decision::Accept, ""), "spend a1"),
        on(Event::Gone(Gone::Spent), "seek"),
        on(free("a"), "running by a | give g/t #2"),
    ]);
    lines
}

/// Judged wrong as often as it may be, the last time at `last`.
fn never_right(last: &'static str) -> Vec<Line> {
    let mut lines = given();
    lines.extend([
        on(made(), "judge"),
        on(wrong(), "seek"),
        on(free("a"), "running by a | give g/t/r1 #2"),
        on(made(), "judge"),
        on(wrong(), "seek"),
        on(free("a"), "running by a | give g/t/r2 #3"),
        on(made(), "judge"),
        on(wrong(), last),
    ]);
    lines
}

/// Up to the first text being ordered from `a`.
fn ordered_text() -> Vec<Line> {
    vec![
        on(Event::Due, "prepare"),
        on(Event::Prepared(json!(["first"])), "seek"),
        on(free("a"), "running by a | give g/t #1"),
    ]
}

/// Up to the first text being read.
fn written() -> Vec<Line> {
    let mut lines = ordered_text();
    lines.push(on(made(), "read"));
    lines
}

/// A row's name, what its policy puts in the place of a failed task, what it is told.
struct Row(&'static str, Recourse, Vec<Line>);

fn row(name: &'static str, then: Recourse, start: Vec<Line>, rest: Vec<Line>) -> Row {
    Row(name, then, start.into_iter().chain(rest).collect())
}

fn check(rows: Vec<Row>, prose: bool) {
    check_begun(rows, &|rules, task| match prose {
        true => TaskRun::prose(rules, task, "Sums"),
        false => TaskRun::figures(rules, task, "Sums", task.args.clone()),
    });
}

type Begun<'b> = &'b dyn for<'t> Fn(Rules<'t>, &'t Task) -> TaskRun<'t>;

fn check_begun(rows: Vec<Row>, begun: Begun<'_>) {
    let task = task();
    let over = OverBudget::late(Duration::ZERO, Duration::from_secs(100)).to_string();
    // Written short in the table.
    let mut short = vec![(over, "OVER")];
    short.extend(["a", "b", "c"].map(|name| (party(name).to_string(), name)));
    for Row(name, then, lines) in rows {
        let policies = policies(then);
        let mut run = Some(Box::new(begun(rules(&policies), &task)));
        for (number, Line(event, left, follows)) in lines.into_iter().enumerate() {
            let now = Moment {
                since: Duration::from_secs(number as u64),
                left: Duration::from_secs(left),
            };
            let told = run
                .take()
                .unwrap_or_else(|| panic!("{name}: over before {event:?}"));
            let at = format!("{name}, line {number}: {event:?}");
            let step = told.step(event, now);
            let mut got: Vec<String> = step.asides.iter().map(said).collect();
            match step.next {
                Next::Go(going, order) => {
                    got.push(ordered(&order));
                    run = Some(going);
                }
                Next::Over(finish) => {
                    got.extend(ended(&finish));
                    assert_eq!(finish.report.duration_ms, number as f64 * 1_000.0, "{at}");
                }
            }
            let got = short.iter().fold(got.join(" | "), |got, (long, short)| {
                got.replace(long, short)
            });
            assert_eq!(got, follows, "{at}");
        }
        assert!(run.is_none(), "{name}: it does not end");
    }
}
