//! What is done when a task cannot be done as it was planned. Which way is taken is [`RetryState`](aios_actors::recovery::RetryState)'s
//! to say; here it is gone, step by step, until there is a result or only the gap is left to be named. Pure, as `task::run` is.

use aios_actors::recovery::{Decision, FailureKind, Next as Retry};
use aios_protocols::Party;
use aios_supervisor::Recourse;
use aios_work::Task;
use aios_work::content::TaskStatus;

use crate::evidence;
use crate::task::run::{
    Aside, Fallback, Gone, Moment, Order, Stage, Stop, TaskRun, Then, Way, out_of_turn,
};

/// Characters of arguments that a person is shown.
const SHOWN: usize = 4_000;

impl TaskRun<'_> {
    /// The way it is on has led nowhere.
    pub(crate) fn lost(&mut self, then: Recourse, reason: String, now: Moment) -> Then {
        match std::mem::replace(&mut self.way, Way::Planned) {
            Way::Planned => self.turn(then, reason, now),
            Way::Delegated { others, .. } => self.delegate(others, reason, now),
            Way::Simpler { because, .. } => {
                self.turn(then, format!("{because}; nor simpler: {reason}"), now)
            }
            Way::Allowed { approval } => {
                if now.left.is_zero() {
                    // Cut short by the goal's time: asked again, the goal goes on from here and asks anew.
                    self.aside(Aside::WaitsFor(approval));
                }
                self.turn(then, reason, now)
            }
        }
    }

    /// Takes a way out.
    fn turn(&mut self, then: Recourse, reason: String, now: Moment) -> Then {
        self.aside(Aside::Taken(then));
        if then != Recourse::Partial {
            let told = format!("{reason}; {}", words(then));
            self.tell(TaskStatus::Retrying, Some(told));
        }
        match then {
            Recourse::Partial => Then::Over(Err(reason)),
            Recourse::Cached => {
                let operation = self.operation_of("earlier");
                self.stop(Stop::Earlier, Fallback::Earlier { operation }, reason)
            }
            Recourse::Delegate => self.stop(Stop::Others, Fallback::Others, reason),
            // Less than a text is the report's own paragraph, which takes its place anyhow.
            Recourse::ReplanAndSimplify if self.prose => self.next(reason, now),
            Recourse::ReplanAndSimplify => self.stop(Stop::Simpler, Fallback::Simpler, reason),
            Recourse::Human => {
                let question = format!(
                    "\"{}\" failed: {reason}. Shall it be tried once more?",
                    self.title
                );
                self.stop(Stop::Proposing, Fallback::Propose { question }, reason)
            }
        }
    }

    fn stop(&mut self, stop: Stop, ask: Fallback, reason: String) -> Then {
        self.stage = Stage::Fallback(stop, reason);
        Then::Go(Order::Fallback(ask))
    }

    /// Asks a person before anything is done: nobody but the model that planned it has wanted it yet.
    pub(crate) fn ask_first(&mut self) -> Then {
        let tool = &self.planned.tool;
        let args = self.args().to_string();
        let length = args.chars().count();
        if length > SHOWN {
            // Nobody says yes to what they were not shown.
            return Then::Over(Err(format!(
                "a person is asked before {tool} is called and is shown {SHOWN} characters of arguments at most; these have {length}"
            )));
        }
        let question = format!(
            "a model planned \"{}\": to call {tool} with {args}; what that changes nobody here knows. Shall it be done?",
            self.title
        );
        let reason = format!("a model planned this call of {tool}");
        self.stop(Stop::Proposing, Fallback::Propose { question }, reason)
    }

    /// The way out leads nowhere; the retry says what is left.
    fn next(&mut self, reason: String, now: Moment) -> Then {
        let then = match self.retry.failed(FailureKind::Broken, None) {
            Retry::Take(then) => then,
            Retry::Again { .. } => Recourse::Partial,
        };
        self.turn(then, reason, now)
    }

    /// The gap is named.
    fn gap(&mut self, reason: String, now: Moment) -> Then {
        self.turn(Recourse::Partial, reason, now)
    }

    /// What came of the last thing asked for, on the way out taken because of `reason`.
    pub(crate) fn gone(&mut self, stop: Stop, gone: Gone, reason: String, now: Moment) -> Then {
        match (stop, gone) {
            (Stop::Earlier, Gone::Earlier { age, score }) => {
                self.by_nobody();
                self.report.score = score;
                self.report.recovered = Some(format!("cached: an earlier result, {age} old"));
                self.note = Some(evidence::earlier(self.title, &age));
                self.found()
            }
            (Stop::Earlier, Gone::Failed(error)) => self.next(format!("{reason}; {error}"), now),
            (Stop::Others, Gone::Others(others)) => {
                let fresh = |other: &Party| !self.tried.contains(other);
                let others: Vec<_> = others.into_iter().filter(fresh).collect();
                if others.is_empty() {
                    return self.next(format!("{reason}; no other executor is there"), now);
                }
                self.delegate(others, reason, now)
            }
            (Stop::Simpler, Gone::NothingLess) => self.next(reason, now),
            (Stop::Simpler, Gone::Known { says }) => {
                self.by_nobody();
                self.report.recovered = Some(format!("simpler: {says}"));
                self.note = Some(evidence::known(self.title, &says));
                self.found()
            }
            (Stop::Simpler, Gone::Task { task, says }) => {
                let because = reason;
                let way = Way::Simpler {
                    task,
                    says,
                    because,
                };
                self.go(way, "simple".to_owned(), now)
            }
            (stop, gone) => self.decided(stop, gone, reason, now),
        }
    }

    /// Every executor that has not had it yet, once each.
    fn delegate(&mut self, mut others: Vec<Party>, reason: String, now: Moment) -> Then {
        if others.is_empty() {
            return self.gap(reason, now);
        }
        let to = others.remove(0);
        let variant = self.anew("delegated");
        self.go(Way::Delegated { to, others }, variant, now)
    }

    /// Once more, if a human says so before the goal must be delivered.
    fn decided(&mut self, stop: Stop, gone: Gone, reason: String, now: Moment) -> Then {
        match (stop, gone) {
            (Stop::Proposing, Gone::Proposed { approval }) => {
                let waiting = waiting(&reason, &approval);
                self.tell(TaskStatus::Pending, Some(waiting));
                let ask = Fallback::Decision {
                    approval: approval.clone(),
                    within: now.left,
                };
                self.stop(Stop::Deciding(approval), ask, reason)
            }
            (Stop::Proposing, Gone::Failed(error)) => {
                self.gap(format!("{reason}; nobody was asked: {error}"), now)
            }
            (Stop::Deciding(approval), Gone::Decided(Decision::Accept, _)) => {
                if now.left.is_zero() {
                    // Decided too late for this time: asked again, the goal goes on with the decision, which is not used yet.
                    self.aside(Aside::WaitsFor(approval.clone()));
                    return self.gap(format!("{reason}; approval {approval} came too late"), now);
                }
                // On record before anything is done: whatever falls from here on, it is not done a second time.
                let ask = Fallback::Spend {
                    approval: approval.clone(),
                };
                self.stop(Stop::Spending(approval), ask, reason)
            }
            (Stop::Deciding(approval), Gone::Decided(Decision::Reject, why)) => {
                let why = if why.is_empty() {
                    why
                } else {
                    format!(": {why}")
                };
                let rejected = format!("{reason}; a human rejected approval {approval}{why}");
                self.gap(rejected, now)
            }
            (Stop::Deciding(approval), Gone::Undecided) => {
                let waiting = waiting(&reason, &approval);
                self.aside(Aside::WaitsFor(approval));
                self.gap(waiting, now)
            }
            (Stop::Spending(_), Gone::Spent) if self.asks_first => {
                self.asks_first = false;
                self.attempt(now)
            }
            (Stop::Spending(approval), Gone::Spent) => {
                self.retry.approved();
                // Each yes has a try of its own, whatever became of the try of the last one.
                let variant = self.anew(&approval);
                self.go(Way::Allowed { approval }, variant, now)
            }
            (Stop::Deciding(_) | Stop::Spending(_), Gone::Failed(error)) => {
                self.gap(format!("{reason}; {error}"), now)
            }
            _ => out_of_turn(),
        }
    }

    /// The critic passed what was done on this way.
    pub(crate) fn accepted(&mut self) -> Then {
        let recovered = match &self.way {
            Way::Planned => None,
            Way::Delegated { to, .. } => Some(format!("delegated: done by {to}")),
            Way::Simpler {
                task,
                says,
                because,
            } => {
                self.instead = Some(Task::clone(task));
                self.gap = Some(format!("{}: {says}, because: {because}", self.title));
                Some(format!("simpler: {says}"))
            }
            Way::Allowed { approval } => {
                Some(format!("human: tried once more, approval {approval}"))
            }
        };
        if recovered.is_some() {
            self.report.recovered = recovered;
        }
        self.found()
    }
}

fn waiting(reason: &str, approval: &str) -> String {
    format!("{reason}; waits for a human's decision about approval {approval}")
}

/// The way out as metrics name it.
pub(crate) fn name(recourse: Recourse) -> &'static str {
    match recourse {
        Recourse::ReplanAndSimplify => "replan_and_simplify",
        Recourse::Cached => "cached",
        Recourse::Delegate => "delegate",
        Recourse::Partial => "partial",
        Recourse::Human => "human",
    }
}

fn words(recourse: Recourse) -> &'static str {
    match recourse {
        Recourse::ReplanAndSimplify => "something simpler is tried",
        Recourse::Cached => "an earlier result is looked for",
        Recourse::Delegate => "another executor is asked",
        Recourse::Partial => "the gap is named",
        Recourse::Human => "a human is asked",
    }
}
