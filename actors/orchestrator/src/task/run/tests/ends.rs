//! That every task ends, whatever happens.

use proptest::prelude::*;

use super::*;

/// Retries of a policy below.
const RETRIES: u32 = 3;
/// Executors below.
const EXECUTORS: usize = 3;
/// Orders of one way: found, given and judged, as often as a result may be made.
const WAY: usize = 3 * (1 + REGENERATIONS as usize);
/// Orders of a text: said what with, tried with its waits, all ways and their questions, read; as often as it may be written.
const MOST: usize =
    (1 + REGENERATIONS as usize) * (2 + 3 * RETRIES as usize + WAY * (3 + EXECUTORS) + 6);

/// An answer to an order, the `n`th of those that are possible.
fn answer(order: &Order, n: usize) -> Event {
    use FailureKind::{BadInput, Broken, Circling, Malformed, Passing, Resting, Spent};
    let kinds = [
        Passing, Malformed, Broken, BadInput, Resting, Spent, Circling,
    ];
    let of = |events: Vec<Event>| events[n % events.len()].clone();
    let gone = |gone: Vec<Gone>| Event::Gone(gone[n % gone.len()].clone());
    let failed = || Gone::Failed("none".to_owned());
    match order {
        Order::Prepare { .. } => of(vec![
            Event::Prepared(json!([n])),
            Event::Prepared(json!([])),
            Event::Unprepared("too dear".to_owned()),
        ]),
        Order::Seek { .. } => of(vec![
            free("a"),
            free("b"),
            Event::Free(None),
            free("c"),
            free("a"),
            free("b"),
            looping(),
            resting(),
        ]),
        Order::Give(_) if !n.is_multiple_of(3) => made(),
        Order::Give(_) => fails(kinds[n / 3 % kinds.len()]),
        Order::Wait(_) => Event::Waited,
        Order::JudgeResult | Order::JudgeText => of(vec![
            passes(),
            wrong(),
            wrong(),
            wrong(),
            Event::Unjudged("mute".to_owned()),
        ]),
        Order::Fallback(Fallback::Earlier { .. }) => of(vec![earlier(), gone_wrong()]),
        Order::Fallback(Fallback::Others) => of(vec![others(&["a", "b", "c"]), others(&[])]),
        Order::Fallback(Fallback::Simpler) => {
            of(vec![less(), known(), Event::Gone(Gone::NothingLess)])
        }
        Order::Fallback(Fallback::Propose { .. }) => of(vec![proposed(), gone_wrong()]),
        Order::Fallback(Fallback::Decision { .. }) => gone(vec![
            Gone::Decided(Decision::Accept, String::new()),
            Gone::Decided(Decision::Reject, String::new()),
            Gone::Undecided,
            failed(),
        ]),
        Order::Fallback(Fallback::Spend { .. }) => gone(vec![Gone::Spent, failed()]),
    }
}

/// What was seen of a task so far.
#[derive(Default)]
struct Watch {
    orders: usize,
    given: u32,
    /// Times somebody was named for a failure.
    blamed: u32,
    /// The last name that work was ordered under, and those whose work was judged wrong.
    last: String,
    wrong: BTreeSet<String>,
}

impl Watch {
    fn aside(&mut self, aside: &Aside) -> Result<(), TestCaseError> {
        if let Aside::Tell(told) = aside {
            prop_assert!(told.status != TaskStatus::Completed);
            prop_assert!(told.status != TaskStatus::Failed);
            self.blamed += u32::from(told.status == TaskStatus::Retrying && told.agent.is_some());
        }
        Ok(())
    }

    fn order(&mut self, order: &Order, left: Duration, prose: bool) -> Result<(), TestCaseError> {
        self.orders += 1;
        prop_assert!(self.orders <= MOST, "{} orders and no end", self.orders);
        match order {
            Order::Seek { .. } => prop_assert!(!left.is_zero(), "an order without time"),
            Order::Give(assignment) => {
                self.given += 1;
                prop_assert_eq!(assignment.attempt, self.given);
                self.last.clone_from(&assignment.operation);
                // What was committed and judged wrong would only be given again.
                prop_assert!(prose || !self.wrong.contains(&self.last), "{}", self.last);
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(mut self, finish: &Finish) -> Result<(), TestCaseError> {
        let done = finish.outcome.is_ok();
        let status = finish.report.status;
        prop_assert_eq!(finish.report.attempts, self.given);
        prop_assert_eq!(done, status == TaskStatus::Completed);
        prop_assert_eq!(!done, status == TaskStatus::Failed);
        prop_assert_eq!(finish.event.status, status);
        self.blamed += u32::from(!done && finish.event.agent.is_some());
        prop_assert!(self.blamed <= self.given, "{} blamed", self.blamed);
        if !done {
            let said = (&finish.instead, &finish.gap, &finish.note, &finish.keep);
            prop_assert_eq!(said, (&None, &None, &None, &None));
        }
        Ok(())
    }
}

/// What a task goes through: its kind, its policy, its time in seconds, which of the possible answers come, and which comes out of turn.
type Fate = (bool, u32, Recourse, u64, Vec<usize>, Option<usize>);

fn fates() -> impl Strategy<Value = Fate> {
    let recourses = vec![
        Recourse::ReplanAndSimplify,
        Recourse::Cached,
        Recourse::Delegate,
        Recourse::Partial,
        Recourse::Human,
    ];
    (
        any::<bool>(),
        0..=RETRIES,
        prop::sample::select(recourses),
        // Mostly without end, so that it is not the time that ends a task.
        prop_oneof![1 => 0..200_u64, 3 => Just(1_000_000)],
        // A few that come again and again are what a circle is made of.
        prop_oneof![
            prop::collection::vec(0..840_usize, 1..4),
            prop::collection::vec(0..840_usize, 4..40),
        ],
        prop::option::weighted(0.2, 0..40_usize),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever happens, a task ends; that it ends once and nothing is ordered afterwards is in the type of [`Step`].
    #[test]
    fn every_task_ends_within_its_bound((prose, retries, then, time, choices, stray) in fates()) {
        let task = task();
        let mut policies = policies(then);
        policies.of_mut("sum").retries = retries;
        let mut run = Box::new(if prose {
            TaskRun::prose(rules(&policies), &task, "Sums")
        } else {
            TaskRun::figures(rules(&policies), &task, "Sums", task.args.clone())
        });
        let (mut event, mut watch) = (Event::Due, Watch::default());
        let finish = loop {
            let gone = watch.orders as u64;
            let now = Moment {
                since: Duration::from_secs(gone),
                left: Duration::from_secs(time.saturating_sub(gone)),
            };
            if matches!(event, Event::Judged { passes: false, .. }) {
                watch.wrong.insert(watch.last.clone());
            }
            let step = run.step(event, now);
            for aside in &step.asides {
                watch.aside(aside)?;
            }
            let order = match step.next {
                Next::Go(going, order) => {
                    run = going;
                    order
                }
                Next::Over(finish) => break finish,
            };
            watch.order(&order, now.left, prose)?;
            event = match stray {
                Some(at) if at == watch.orders => Event::Due,
                _ => answer(&order, choices[watch.orders % choices.len()]),
            };
        };
        watch.finish(&finish)?;
    }
}
