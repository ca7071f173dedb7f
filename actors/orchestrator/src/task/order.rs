//! What a task is told, and what it asks for.

use std::time::Duration;

use aios_actors::recovery::{Decision, FailureKind};
use aios_protocols::Party;
use aios_supervisor::Recourse;
use aios_work::content::{TaskEvent, TaskReport};
use aios_work::{Ended, Looping, Task};
use serde_json::Value;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// Its turn has come.
    Due,
    /// This is what it is called with.
    Prepared(Value),
    /// The goal cannot pay for it, or there is nothing to call it with.
    Unprepared(String),
    /// It can be done now, by this one; without a name by whoever has the role.
    Free(Option<Party>),
    /// It would go round in a circle.
    Looping(Looping),
    /// A service that it needs rests after failures.
    Resting { service: String, last_error: String },
    /// A result came.
    Made { took_ms: f64 },
    /// None came; `ended` if a guard saw to that.
    Failed {
        kind: FailureKind,
        reason: String,
        ended: Option<Ended>,
    },
    /// The wait is over.
    Waited,
    /// The critic's word.
    Judged {
        passes: bool,
        score: f64,
        feedback: String,
    },
    /// The text is the one that was judged before.
    Unchanged,
    /// The critic has none.
    Unjudged(String),
    /// What came of a way out.
    Gone(Gone),
}

/// What is done next; each is answered by one event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    /// Say what it is called with now, after what the critic said of the text before.
    Prepare { feedback: Option<String> },
    /// Find somebody who can do it now; with `to`, that one alone.
    Seek { to: Option<Party> },
    /// Give it to them.
    Give(Assignment),
    /// Let so much time pass.
    Wait(Duration),
    /// Have the result in hand judged as one of the task.
    JudgeResult,
    /// Have the text in hand judged.
    JudgeText,
    /// Go a way out.
    Fallback(Fallback),
}

/// One attempt, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assignment {
    /// Without a name, whoever has the role.
    pub(crate) to: Option<Party>,
    /// The idempotency key: an executor does it once.
    pub(crate) operation: String,
    /// From 1.
    pub(crate) attempt: u32,
    pub(crate) deadline_ms: u64,
    /// How long an answer is waited for.
    pub(crate) patience: Duration,
}

/// What is said on the way; nothing comes back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Aside {
    /// To whoever watches.
    Tell(TaskEvent),
    /// A guard cut something short.
    Cut(Ended),
    /// Nobody decided about this approval in time.
    WaitsFor(String),
    /// This way out is gone.
    Taken(Recourse),
}

/// How the task ended. What it says of a result is said of the one in hand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finish {
    pub(crate) report: TaskReport,
    pub(crate) outcome: Result<(), String>,
    /// The task that was done in its place, if it was another.
    pub(crate) instead: Option<Task>,
    /// What the result lacks.
    pub(crate) gap: Option<String>,
    /// How an undiminished result was come by.
    pub(crate) note: Option<String>,
    /// The result was made as planned: it is kept as what these arguments give.
    pub(crate) keep: Option<Value>,
    /// The last thing that is told.
    pub(crate) event: TaskEvent,
}

/// What a way out asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fallback {
    /// An earlier accepted result of the same question over the same files; it would be this operation's.
    Earlier { operation: String },
    /// Whoever could do it.
    Others,
    /// Something less, by rules.
    Simpler,
    /// That a human is asked.
    Propose { question: String },
    /// A human's decision.
    Decision { approval: String, within: Duration },
    /// That an approval counts as used.
    Spend { approval: String },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Gone {
    /// The result in hand was accepted before.
    Earlier { age: String, score: Option<f64> },
    /// These could do it, those among them that had it already.
    Others(Vec<Party>),
    /// The result in hand needs nobody.
    Known { says: String },
    /// This can be done instead.
    Task { task: Box<Task>, says: String },
    /// Less would be nothing.
    NothingLess,
    /// The question is asked.
    Proposed { approval: String },
    /// A human's word.
    Decided(Decision, String),
    /// No human said anything in time.
    Undecided,
    /// It counts as used.
    Spent,
    /// It could not be done.
    Failed(String),
}

/// How far a way out is gone.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stop {
    Earlier,
    Others,
    Simpler,
    Proposing,
    /// About this approval.
    Deciding(String),
    /// This approval.
    Spending(String),
}
