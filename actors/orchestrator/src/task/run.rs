//! One task from its turn to its end, decided: who is asked, how often, what follows a failure or the critic's word.
//!
//! Pure: the state, what happened and the time give what is said aside and the one thing done next. Results themselves stay with the
//! shell, which carries the orders out (`task::shell`); what follows when the task cannot be done as it was planned is in `fallback`.

use std::collections::BTreeSet;
use std::time::Duration;

use aios_actors::recovery::{FailureKind, Next as Retry, Policies, RetryState};
use aios_protocols::Party;
use aios_supervisor::Recourse;
use aios_work::content::{TaskEvent, TaskReport, TaskStatus};
use aios_work::{Ended, FEEDBACK_MARK, OverBudget, REGENERATIONS, Task};
use serde_json::Value;

use crate::roles::EXECUTOR;

#[cfg(test)]
mod tests;

pub(crate) use super::order::{Aside, Assignment, Event, Fallback, Finish, Gone, Order, Stop};

/// What an order may take beyond its own deadline: an executor that hangs is found out, restarted and given the order again.
const ORDER_GRACE: Duration = Duration::from_secs(3);
/// No caller can see it: the shell answers what it was asked.
const OUT_OF_TURN: &str =
    "the task was told something that it had not asked for; report this as a bug";

/// What holds for every task of one goal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) goal_id: &'a str,
    /// What the goal was given.
    pub(crate) time: Duration,
    /// Most of one attempt, whatever the task allows.
    pub(crate) task_deadline_ms: u64,
    pub(crate) policies: &'a Policies,
}

/// The time, as a task sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Since its turn came.
    pub(crate) since: Duration,
    /// Until the goal's tasks end.
    pub(crate) left: Duration,
}

/// What follows an event. There is nothing to order a task with that has ended.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) asides: Vec<Aside>,
    pub(crate) next: Next<'a>,
}

/// Where the task stands after a step.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    Go(Box<TaskRun<'a>>, Order),
    Over(Box<Finish>),
}

/// The same inside a step.
pub(crate) enum Then {
    Go(Order),
    Over(Result<(), String>),
}

/// What was asked for last.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    New,
    Preparing,
    /// With what was left when the attempt began.
    Seeking(Duration),
    Giving,
    Waiting,
    JudgingResult,
    JudgingText,
    /// On a way out, because of this.
    Fallback(Stop, String),
}

/// How the task is done at present.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Way {
    Planned,
    /// By one who had not had it yet; then by the others.
    Delegated {
        to: Party,
        others: Vec<Party>,
    },
    /// Something less, because of this.
    Simpler {
        task: Box<Task>,
        says: String,
        because: String,
    },
    /// Once more, by this approval.
    Allowed {
        approval: String,
    },
}

/// A task on its way.
#[derive(Debug)]
pub(crate) struct TaskRun<'a> {
    rules: Rules<'a>,
    pub(crate) planned: &'a Task,
    pub(crate) title: &'a str,
    /// Its result is a text, judged as one and written again with the critic's feedback.
    pub(crate) prose: bool,
    /// What the planned task is called with.
    args: Value,
    /// What it was called with first: of that its result is kept.
    asked: Option<Value>,
    pub(crate) report: TaskReport,
    pub(crate) retry: RetryState,
    /// Executors that were given it.
    pub(crate) tried: BTreeSet<Party>,
    /// Who holds it, until whoever watches has heard how that went: one failure is told as one.
    holder: Option<String>,
    /// What the accepted result took whoever made it, in milliseconds; none if nobody made it for this goal.
    took: Option<f64>,
    /// A result was committed and judged wrong: asked for under the same name, it would be given again.
    rejected: bool,
    /// It may have been done under this name, though nobody heard of it: asked for under the same name, it would never be done.
    in_doubt: bool,
    /// Ways out that went on under a name of their own.
    renamed: u32,
    /// How often the text was written again.
    rewritten: u32,
    pub(crate) way: Way,
    /// What its work is called on this way, beside the task's own name.
    variant: String,
    /// How often the work was done again on this way because it was judged wrong.
    redone: u32,
    /// What its work is called on this way beside that, the first time excepted.
    revision: u32,
    /// The last of these numbers that was used without a variant: a name that was used is not used for other work.
    numbered: u32,
    /// What the critic said of the last text.
    said: String,
    pub(crate) stage: Stage,
    pub(crate) instead: Option<Task>,
    pub(crate) gap: Option<String>,
    pub(crate) note: Option<String>,
    asides: Vec<Aside>,
    /// A person is asked before it is done at all.
    pub(crate) asks_first: bool,
}

impl<'a> TaskRun<'a> {
    /// A task whose result is figures or a file: done, judged, and done again if it was judged wrong.
    pub(crate) fn figures(rules: Rules<'a>, task: &'a Task, title: &'a str, args: Value) -> Self {
        Self {
            asked: Some(args.clone()),
            args,
            prose: false,
            ..Self::prose(rules, task, title)
        }
    }

    /// A task whose result is prose: written, judged, and written again with the critic's feedback. Prose that never passes is no failure
    /// of the goal; the report's own paragraph takes its place.
    pub(crate) fn prose(rules: Rules<'a>, task: &'a Task, title: &'a str) -> Self {
        Self {
            rules,
            planned: task,
            title,
            prose: true,
            args: Value::Null,
            asked: None,
            report: TaskReport {
                id: task.id.clone(),
                tool: task.tool.clone(),
                status: TaskStatus::Pending,
                attempts: 0,
                score: None,
                duration_ms: 0.0,
                agent: None,
                recovered: None,
            },
            retry: RetryState::new(rules.policies.of(&task.tool).retry()),
            tried: BTreeSet::new(),
            holder: None,
            took: None,
            rejected: false,
            in_doubt: false,
            renamed: 0,
            rewritten: 0,
            way: Way::Planned,
            variant: String::new(),
            redone: 0,
            revision: 0,
            numbered: 0,
            said: String::new(),
            stage: Stage::New,
            instead: None,
            gap: None,
            note: None,
            asides: Vec::new(),
            asks_first: false,
        }
    }

    /// The same, with a person asked before it is done at all.
    pub(crate) fn asking_first(self) -> Self {
        Self {
            asks_first: true,
            ..self
        }
    }

    /// The task as it is done at present.
    pub(crate) fn task(&self) -> &Task {
        match &self.way {
            Way::Simpler { task, .. } => task,
            _ => self.planned,
        }
    }

    /// What that one is called with.
    pub(crate) fn args(&self) -> &Value {
        match &self.way {
            Way::Simpler { task, .. } => &task.args,
            _ => &self.args,
        }
    }

    /// What follows.
    pub(crate) fn step(mut self: Box<Self>, event: Event, now: Moment) -> Step<'a> {
        let then = self.follow(event, now);
        let asides = std::mem::take(&mut self.asides);
        let next = match then {
            Then::Go(order) => Next::Go(self, order),
            Then::Over(outcome) => Next::Over(Box::new(self.finish(outcome, now))),
        };
        Step { asides, next }
    }

    fn follow(&mut self, event: Event, now: Moment) -> Then {
        let stage = std::mem::replace(&mut self.stage, Stage::New);
        match (stage, event) {
            (Stage::New, Event::Due) if self.prose => self.prepare(None),
            (Stage::New, Event::Due) if self.asks_first => self.ask_first(),
            (Stage::New, Event::Due) | (Stage::Waiting, Event::Waited) => self.attempt(now),
            (Stage::Preparing, Event::Prepared(args)) => {
                self.asked.get_or_insert_with(|| args.clone());
                self.args = args;
                self.attempt(now)
            }
            (Stage::Preparing, Event::Unprepared(reason)) => Then::Over(Err(reason)),
            (Stage::Seeking(left), event) => self.sought(event, left, now),
            (Stage::Giving, event) => self.given(event, now),
            (Stage::JudgingResult, event) => self.judged(event, now),
            (Stage::JudgingText, event) => self.read(event),
            (Stage::Fallback(stop, reason), Event::Gone(gone)) => {
                self.gone(stop, gone, reason, now)
            }
            _ => out_of_turn(),
        }
    }

    /// The text is written, or written again.
    fn prepare(&mut self, feedback: Option<String>) -> Then {
        (self.way, self.variant, self.redone) = (Way::Planned, String::new(), 0);
        self.revision = match feedback {
            Some(_) => self.number(),
            None => 0,
        };
        (self.instead, self.gap, self.note) = (None, None, None);
        self.report.recovered = None;
        self.stage = Stage::Preparing;
        Then::Go(Order::Prepare { feedback })
    }

    /// Goes another way, from its beginning.
    pub(crate) fn go(&mut self, way: Way, variant: String, now: Moment) -> Then {
        (self.way, self.variant, self.redone, self.revision) = (way, variant, 0, 0);
        self.attempt(now)
    }

    /// The number under which the work is done again.
    fn number(&mut self) -> u32 {
        if !self.variant.is_empty() {
            return self.revision + 1;
        }
        self.numbered += 1;
        self.numbered
    }

    /// One attempt, if the goal has time.
    pub(crate) fn attempt(&mut self, now: Moment) -> Then {
        if now.left.is_zero() {
            let late = OverBudget::late(now.left, self.rules.time);
            return self.failed(FailureKind::Spent, late.to_string(), now);
        }
        self.stage = Stage::Seeking(now.left);
        let to = match &self.way {
            Way::Delegated { to, .. } => Some(to.clone()),
            _ => None,
        };
        Then::Go(Order::Seek { to })
    }

    fn sought(&mut self, event: Event, left: Duration, now: Moment) -> Then {
        match event {
            Event::Free(by) => self.give(by, left),
            Event::Looping(looping) => {
                let reason = looping.to_string();
                self.aside(Aside::Cut(Ended::Looping(looping)));
                self.failed(FailureKind::Circling, reason, now)
            }
            Event::Resting {
                service,
                last_error,
            } => {
                // Without how long it still rests: a human may be asked in these words, and they must be the same the next time.
                let reason = format!(
                    "tool {} is unavailable: {service} rests after repeated failures ({last_error}); try again in a while",
                    self.task().tool
                );
                self.failed(FailureKind::Resting, reason, now)
            }
            _ => out_of_turn(),
        }
    }

    fn give(&mut self, to: Option<Party>, left: Duration) -> Then {
        self.report.attempts += 1;
        self.tried.extend(to.clone());
        let name = to
            .as_ref()
            .map_or_else(|| EXECUTOR.to_owned(), ToString::to_string);
        self.report.agent = Some(name);
        self.holder.clone_from(&self.report.agent);
        self.tell(TaskStatus::Running, None);
        self.stage = Stage::Giving;
        let task = self.task();
        let allowed = self.rules.policies.of(&task.tool).attempt_timeout_ms;
        let deadline_ms = task
            .deadline_ms
            .min(self.rules.task_deadline_ms)
            .min(allowed)
            .min(u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1));
        Then::Go(Order::Give(Assignment {
            to,
            operation: self.operation(),
            attempt: self.report.attempts,
            deadline_ms,
            patience: (Duration::from_millis(deadline_ms) + ORDER_GRACE).min(left),
        }))
    }

    /// The idempotency key of its work.
    fn operation(&self) -> String {
        let mut operation = self.operation_of(&self.variant);
        if self.revision > 0 {
            operation.push_str(&format!("/r{}", self.revision));
        }
        operation
    }

    /// The same for the first time on a way.
    pub(crate) fn operation_of(&self, variant: &str) -> String {
        let mut operation = format!("{}/{}", self.rules.goal_id, self.task().id);
        if !variant.is_empty() {
            operation.push('/');
            operation.push_str(variant);
        }
        operation
    }

    fn given(&mut self, event: Event, now: Moment) -> Then {
        match event {
            Event::Made { took_ms } => {
                self.took = Some(took_ms);
                if self.prose && self.way == Way::Planned {
                    self.judge_text()
                } else {
                    self.stage = Stage::JudgingResult;
                    Then::Go(Order::JudgeResult)
                }
            }
            Event::Failed {
                kind,
                reason,
                ended,
            } => {
                self.in_doubt |= kind == FailureKind::InDoubt;
                self.asides.extend(ended.map(Aside::Cut));
                self.failed(kind, reason, now)
            }
            _ => out_of_turn(),
        }
    }

    /// An attempt came to nothing: once more, or a way out.
    fn failed(&mut self, kind: FailureKind, reason: String, now: Moment) -> Then {
        if now.left.is_zero() {
            let late = OverBudget::late(now.left, self.rules.time);
            self.aside(Aside::Cut(Ended::OverBudget(late)));
        }
        match self.retry.failed(kind, Some(now.left)) {
            Retry::Take(then) => self.lost(then, reason, now),
            Retry::Again { after } => {
                self.tell(TaskStatus::Retrying, Some(reason));
                self.stage = Stage::Waiting;
                Then::Go(Order::Wait(after))
            }
        }
    }

    fn judged(&mut self, event: Event, now: Moment) -> Then {
        let reason = match event {
            Event::Judged {
                passes,
                score,
                feedback,
            } => {
                self.report.score = Some(score);
                if passes {
                    return self.accepted();
                }
                self.rejected = true;
                if self.redone < REGENERATIONS {
                    self.redone += 1;
                    self.revision = self.number();
                    return self.attempt(now);
                }
                feedback.replace('\n', " ")
            }
            // Only a result that was judged can be judged better the next time.
            Event::Unjudged(reason) => reason,
            _ => return out_of_turn(),
        };
        // Trying is over, whatever the policy would have allowed.
        let then = match self.retry.failed(FailureKind::Broken, Some(now.left)) {
            Retry::Take(then) => then,
            Retry::Again { .. } => Recourse::Partial,
        };
        self.lost(then, reason, now)
    }

    /// There is a result, however it was come by. Prose is still to be read as such.
    pub(crate) fn found(&mut self) -> Then {
        if self.prose {
            self.judge_text()
        } else {
            Then::Over(Ok(()))
        }
    }

    fn judge_text(&mut self) -> Then {
        self.stage = Stage::JudgingText;
        Then::Go(Order::JudgeText)
    }

    fn read(&mut self, event: Event) -> Then {
        match event {
            Event::Judged {
                passes,
                score,
                feedback,
            } => {
                self.report.score = Some(score);
                if passes {
                    return Then::Over(Ok(()));
                }
                self.rejected = true;
                self.said.clone_from(&feedback);
                if self.rewritten < REGENERATIONS {
                    self.rewritten += 1;
                    return self.prepare(Some(feedback));
                }
                self.unread("the critic did not pass the text")
            }
            // Told its faults, the writer said the same again: it would a third time, and the critic would too.
            Event::Unchanged => {
                self.unread("the critic did not pass the text, and written again it was the same")
            }
            Event::Unjudged(reason) => Then::Over(Err(reason)),
            _ => out_of_turn(),
        }
    }

    fn unread(&self, why: &str) -> Then {
        // The mark is for the writer: people read the faults.
        let said = self.said.replace(&format!("{FEEDBACK_MARK} "), "");
        let said = said.replace(FEEDBACK_MARK, "");
        Then::Over(Err(format!("{why}: {}", said.replace('\n', " "))))
    }

    fn finish(&mut self, outcome: Result<(), String>, now: Moment) -> Finish {
        self.report.status = match outcome {
            Ok(()) => TaskStatus::Completed,
            Err(_) => TaskStatus::Failed,
        };
        self.report.duration_ms = now.since.as_secs_f64() * 1_000.0;
        if outcome.is_err() {
            (self.instead, self.gap, self.note) = (None, None, None);
        }
        let as_planned =
            outcome.is_ok() && self.instead.is_none() && self.report.recovered.is_none();
        let event = TaskEvent {
            score: self.report.score,
            // Time in the tool alone: who was asked is not the slower for a wait, a judgement or a human.
            duration_ms: self.took.filter(|_| outcome.is_ok()),
            ..self.event(self.report.status, outcome.as_ref().err().cloned())
        };
        Finish {
            report: self.report.clone(),
            outcome,
            instead: self.instead.take(),
            gap: self.gap.take(),
            note: self.note.take(),
            keep: self.asked.take().filter(|_| as_planned),
            event,
        }
    }

    pub(crate) fn aside(&mut self, aside: Aside) {
        self.asides.push(aside);
    }

    /// The task moved, and why.
    pub(crate) fn tell(&mut self, status: TaskStatus, reason: Option<String>) {
        let event = self.event(status, reason);
        self.aside(Aside::Tell(event));
    }

    fn event(&mut self, status: TaskStatus, reason: Option<String>) -> TaskEvent {
        TaskEvent {
            attempt: self.report.attempts,
            agent: self.named(status),
            reason,
            ..untold(self.rules.goal_id, self.planned, self.title, status)
        }
    }

    /// Who is to be named with this status. Routes are learned from it, so a failure is laid at its holder's door once.
    fn named(&mut self, status: TaskStatus) -> Option<String> {
        match status {
            TaskStatus::Retrying | TaskStatus::Failed => self.holder.take(),
            TaskStatus::Completed => self.report.agent.clone(),
            _ => self.holder.clone(),
        }
    }

    /// The result was found or known; nobody made it.
    pub(crate) fn by_nobody(&mut self) {
        self.report.agent = None;
        self.took = None;
    }

    /// The name under which the task is done once more: the same while nothing was judged wrong, because then what was committed may
    /// still be right, and a new one each time after that.
    pub(crate) fn anew(&mut self, word: &str) -> String {
        if !self.rejected && !self.in_doubt {
            return String::new();
        }
        self.renamed += 1;
        match self.renamed {
            1 => word.to_owned(),
            more => format!("{word}-{more}"),
        }
    }
}

/// A task at a status, of which nothing more is said.
pub(crate) fn untold(goal_id: &str, task: &Task, title: &str, status: TaskStatus) -> TaskEvent {
    TaskEvent {
        goal_id: goal_id.to_owned(),
        task_id: task.id.clone(),
        tool: task.tool.clone(),
        title: title.to_owned(),
        status,
        attempt: 0,
        agent: None,
        score: None,
        duration_ms: None,
        reason: None,
        at: None,
        judged: None,
        tokens: None,
    }
}

pub(crate) fn out_of_turn() -> Then {
    Then::Over(Err(OUT_OF_TURN.to_owned()))
}
