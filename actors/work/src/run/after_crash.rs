//! What to do after a crash, from nothing but what is written down.
//!
//! An operation that is committed is over. One whose result is known is committed and not begun again. Of one that was begun and of whose
//! end nobody heard, its tool's [`Effect`] says what may be done; where nobody can know, a person is asked, and that is the default.

use crate::run::{ApprovalState, Inquiry, OperationState, Outcome, Run, RunStatus, Told};
use crate::{Decision, Effect};

/// After so many falls of the node in one place a run is parked.
pub const FALLS_MAX: usize = 3;

/// What is to be done about one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is committed.
    Over,
    /// Commit it: its result is known, so it is not called again.
    Commit,
    /// Call it again. The key is the same; that it is needed is told to the tool by `again`.
    Repeat {
        /// Whether an earlier call may have been carried out.
        again: bool,
    },
    /// Ask the provider by the key whether it happened, and write down what it says.
    AskProvider,
    /// Ask a person whether it may be called again.
    AskPerson {
        /// What is not known, as the start of a question.
        why: String,
    },
    /// A person has been asked.
    AwaitPerson {
        /// Which question.
        approval: String,
    },
    /// A person said that it may be called again: spend this approval first, then repeat.
    SpendThenRepeat {
        /// Which approval.
        approval: String,
    },
    /// It is not called again: it failed, was called off, or a person said no. What follows is the plan's business.
    Leave {
        /// Why.
        why: String,
    },
}

/// What is to be done about an operation of a run that fell.
#[must_use]
pub fn after_crash(run: &Run, operation: &str) -> Next {
    let Some(state) = run.operations.get(operation) else {
        return Next::Leave {
            why: "it was never begun".to_owned(),
        };
    };
    if state.committed {
        return Next::Over;
    }
    if state.result().is_some() {
        return Next::Commit;
    }
    match state
        .attempts
        .last()
        .and_then(|attempt| attempt.outcome.as_ref())
    {
        Some(Outcome::Failed { why }) => Next::Leave { why: why.clone() },
        Some(Outcome::Cancelled) => Next::Leave {
            why: "it was called off".to_owned(),
        },
        Some(Outcome::Done(_)) => Next::Commit,
        None => uncertain(run, operation, state),
    }
}

fn uncertain(run: &Run, operation: &str, state: &OperationState) -> Next {
    match state.effect {
        Effect::Pure => Next::Repeat { again: false },
        Effect::Repeatable => Next::Repeat { again: true },
        Effect::Query => match state.attempts.last().and_then(|it| it.inquiries.last()) {
            None => Next::AskProvider,
            Some(Inquiry::Happened(Told::Result(_))) => Next::Commit,
            // What it gave is lost, and calling it again would do it twice.
            Some(Inquiry::Happened(Told::Nothing)) => person(
                run,
                operation,
                state,
                "it happened, and its provider does not tell what it gave",
            ),
            Some(Inquiry::NotHappened) => Next::Repeat { again: true },
            Some(Inquiry::Inconclusive { why }) => person(
                run,
                operation,
                state,
                &format!("its provider cannot tell whether it happened ({why})"),
            ),
        },
        Effect::Ask => person(run, operation, state, "nobody can tell whether it happened"),
    }
}

/// What the person says who was asked since the last attempt; asks if nobody was.
fn person(run: &Run, operation: &str, state: &OperationState, why: &str) -> Next {
    let begun = state.attempts.last().map_or(0, |attempt| attempt.sequence);
    let newest = run
        .approvals
        .iter()
        // A yes to an earlier attempt is no yes to this one.
        .filter(|(_, asked)| asked.operation == operation && asked.asked > begun)
        .max_by_key(|(_, asked)| asked.asked);
    let Some((name, asked)) = newest else {
        return Next::AskPerson {
            why: why.to_owned(),
        };
    };
    let approval = name.clone();
    match asked {
        ApprovalState { decision: None, .. } => Next::AwaitPerson { approval },
        ApprovalState {
            decision: Some(Decision::Reject),
            ..
        } => Next::Leave {
            why: "a person said that it is not to be done again".to_owned(),
        },
        // What was allowed was begun once, and nobody heard of its end either.
        ApprovalState { spent: true, .. } => Next::AskPerson {
            why: why.to_owned(),
        },
        ApprovalState { .. } => Next::SpendThenRepeat { approval },
    }
}

/// How a run goes on after a fall of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumption {
    /// Not at all: it is over, paused or parked.
    Not,
    /// With the others.
    Go,
    /// After the others have come to rest, one at a time: the node has fallen twice while it was at work, and whoever falls alone is known.
    Alone,
    /// It is to be parked.
    Park {
        /// Why.
        why: String,
        /// What was seen.
        evidence: Vec<String>,
    },
}

/// How a run goes on, the falls that are written down counted.
#[must_use]
pub fn resumption(run: &Run) -> Resumption {
    if run.status != RunStatus::Running {
        return Resumption::Not;
    }
    let falls = run.falls.len();
    if falls >= FALLS_MAX {
        let evidence = run
            .falls
            .iter()
            .map(|fall| {
                format!(
                    "epoch {}, {}: {}",
                    fall.epoch, fall.operation, fall.evidence
                )
            })
            .collect();
        return Resumption::Park {
            why: format!("the node fell {falls} times while this goal was at work"),
            evidence,
        };
    }
    if falls == FALLS_MAX - 1 {
        Resumption::Alone
    } else {
        Resumption::Go
    }
}
