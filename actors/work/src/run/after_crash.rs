//! What to do after a crash, from nothing but what is written down.
//!
//! An operation that is committed is over. One whose result is known is committed and not begun again. Of one that was begun and of whose
//! end nobody heard, its tool's [`Effect`] says what may be done; where nobody can know, a person is asked, and that is the default.

use serde::{Deserialize, Serialize};

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

/// What may be done about an operation that was begun and of whose end nobody heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unheard {
    /// Call it again, under the same key; `again` is told to the tool.
    Repeat {
        /// Whether the earlier call may have been carried out.
        again: bool,
    },
    /// Its provider can be asked by the key, by whoever keeps the run or by the tool itself when it is called again.
    AskProvider,
    /// Nobody but a person can know.
    AskPerson,
}

/// The rule, by what the tool says of being called twice. Whoever carries operations out goes by it, and so does [`after_crash`].
#[must_use]
pub fn unheard(effect: Effect) -> Unheard {
    match effect {
        Effect::Pure => Unheard::Repeat { again: false },
        Effect::Repeatable => Unheard::Repeat { again: true },
        Effect::Query => Unheard::AskProvider,
        Effect::Ask => Unheard::AskPerson,
    }
}

fn uncertain(run: &Run, operation: &str, state: &OperationState) -> Next {
    match unheard(state.effect) {
        Unheard::Repeat { again } => Next::Repeat { again },
        Unheard::AskProvider => match state.attempts.last().and_then(|it| it.inquiries.last()) {
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
        Unheard::AskPerson => person(run, operation, state, "nobody can tell whether it happened"),
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

/// How often in a row the node fell while a run was at work and came no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Falls {
    /// So often.
    #[serde(rename = "falls")]
    pub count: u32,
    /// How many of its operations were done when it fell last.
    #[serde(default)]
    pub done: usize,
}

/// What follows from the falls of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterFalls {
    /// It goes on with the others.
    Go,
    /// It goes on when the others have come to rest, one at a time: whoever falls alone is known.
    Alone,
    /// It is set aside with its evidence, and the others go on.
    Park,
}

impl Falls {
    /// One fall more, with so many operations done by now. A run that came further since is not what fells the node: the count begins anew.
    #[must_use]
    pub fn once_more(self, done: usize) -> Self {
        Self {
            count: if done > self.done { 1 } else { self.count + 1 },
            done: done.max(self.done),
        }
    }

    /// The one rule for a run whose node fell, wherever its falls are written down.
    #[must_use]
    pub fn lead_to(self) -> AfterFalls {
        let falls = self.count as usize;
        if falls >= FALLS_MAX {
            AfterFalls::Park
        } else if falls == FALLS_MAX - 1 {
            AfterFalls::Alone
        } else {
            AfterFalls::Go
        }
    }
}

/// How a run goes on after a fall of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumption {
    /// Not at all: it is over, paused or parked.
    Not,
    /// With the others.
    Go,
    /// After the others have come to rest, one at a time.
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
    let falls = Falls {
        count: u32::try_from(run.falls.len()).unwrap_or(u32::MAX),
        done: 0,
    };
    match falls.lead_to() {
        AfterFalls::Go => Resumption::Go,
        AfterFalls::Alone => Resumption::Alone,
        AfterFalls::Park => Resumption::Park {
            why: format!(
                "the node fell {} times while this goal was at work",
                falls.count
            ),
            evidence: run
                .falls
                .iter()
                .map(|fall| {
                    format!(
                        "epoch {}, {}: {}",
                        fall.epoch, fall.operation, fall.evidence
                    )
                })
                .collect(),
        },
    }
}
