//! The ladder by which a child leaves, written once: ask, wait, kill, wait; and the supervisor's own way out, which is
//! the ladder for every child in reverse start order.

use std::{collections::BTreeSet, sync::Arc};

use super::{Action, Cause, Key, Mode, Outcome, Phase, Step, Then};
use crate::{
    events::EventKind, exit::ExitReason, fault::StartError, order::OrderError, strategy::Shutdown,
};

impl<L> Step<'_, L> {
    /// First rung: asks a child that is alive to leave, or kills it at once if its spec says so.
    pub(super) fn begin_stop(&mut self, key: Key, then: Then) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let shutdown = child.policy.shutdown;
        let killed = shutdown == Shutdown::BrutalKill;
        self.set_phase(key, Phase::Stopping { then, killed });
        self.emit_of(key, EventKind::Stopping);
        match shutdown {
            Shutdown::BrutalKill => {
                self.out.push(Action::Kill { key });
                self.set_timer(key, self.tree.settings.kill_grace);
            }
            Shutdown::Timeout(limit) => {
                self.out.push(Action::Ask { key });
                self.set_timer(key, limit);
            }
            Shutdown::Infinity => self.out.push(Action::Ask { key }),
        }
    }

    /// Its time is up: kill it, or, if that has been done, say that it is stuck. A stuck child is never started again
    /// while it lives; only a supervisor on its way out gives it up.
    pub(super) fn stop_is_due(&mut self, key: Key) {
        if let Some(Phase::Stopping { killed: false, .. }) = self.phase_of(key) {
            self.emit_of(key, EventKind::KilledAtDeadline);
            self.kill_now(key);
            return;
        }
        self.report_stuck(key);
        if self.is_closing() {
            let Some(child) = self.tree.children.get_mut(&key) else {
                return;
            };
            child.leaving = false;
            child.ended_with(ExitReason::Abandoned);
            let phase = child.phase;
            self.out.push(Action::Abandon { key });
            match phase {
                Phase::Going => self.departed(key),
                _ => self.stopped(key, Then::Down),
            }
        }
    }

    /// It has ended; what it left behind has been told to go and is waited for.
    pub(super) fn wait_until_gone(&mut self, key: Key) {
        let then = Then::Down;
        self.set_phase(key, Phase::Stopping { then, killed: true });
        self.set_timer(key, self.tree.settings.kill_grace);
    }

    pub(super) fn kill_now(&mut self, key: Key) {
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        if let Phase::Stopping { then, .. } = child.phase {
            child.phase = Phase::Stopping { then, killed: true };
        }
        self.out.push(Action::Kill { key });
        self.set_timer(key, self.tree.settings.kill_grace);
    }

    /// Last rung: it is gone.
    pub(super) fn stopped(&mut self, key: Key, then: Then) {
        self.answer_waiters(key, Ok(key));
        if self.is_closing() {
            self.set_phase(key, Phase::Stopped);
            return self.advance_closing();
        }
        match then {
            Then::Down => {
                self.rest(key);
                self.leave_group_turn(key);
            }
            Then::Again => {
                self.stopped_for_group(key);
                self.leave_group_turn(key);
            }
            Then::StartFailed => {
                let limit = self
                    .tree
                    .children
                    .get(&key)
                    .and_then(|child| child.policy.start_within);
                let error =
                    StartError::Failed(format!("took longer than {:?}", limit.unwrap_or_default()));
                self.start_gone_wrong(key, error);
            }
        }
    }

    /// The supervisor leaves: nobody starts any more, everybody stops.
    pub(super) fn close(&mut self, outcome: Outcome) {
        if matches!(self.tree.mode, Mode::Closing { .. } | Mode::Closed) {
            return;
        }
        self.disband();
        let mut left = BTreeSet::new();
        let mut down = Vec::new();
        let mut asked = Vec::new();
        let mut going = Vec::new();
        for (key, child) in &mut self.tree.children {
            match child.phase {
                Phase::Stopping { .. } => {}
                Phase::Going => going.push(*key),
                Phase::Starting | Phase::Running => {
                    left.insert(*key);
                }
                Phase::Waiting | Phase::Clearing | Phase::Backoff => down.push(*key),
                Phase::Stopped | Phase::Finished => {}
            }
            if child.leaving && !child.phase.is_alive() && child.phase != Phase::Going {
                left.insert(*key);
            }
            if let Cause::New(ticket) | Cause::Again(ticket) = child.cause {
                if !child.phase.is_at_rest() {
                    asked.push(ticket);
                }
                child.cause = Cause::Restart;
            }
        }
        for key in down {
            self.set_phase(key, Phase::Stopped);
        }
        // They have been waited for before; on the way out there is an end to it.
        for key in going {
            self.set_timer(key, self.tree.settings.kill_grace);
        }
        for ticket in asked {
            self.answer(ticket, Err(OrderError::Stopping));
        }
        self.tree.mode = Mode::Closing { outcome, left };
        self.advance_closing();
    }

    pub(super) fn advance_closing(&mut self) {
        let in_order = !self.is_dynamic();
        loop {
            if in_order && self.tree.stopping > 0 {
                return;
            }
            let Mode::Closing { left, .. } = &mut self.tree.mode else {
                return;
            };
            match left.pop_last() {
                Some(key) => match self.tree.children.get(&key) {
                    Some(child) if matches!(child.phase, Phase::Starting | Phase::Running) => {
                        self.begin_stop(key, Then::Down);
                    }
                    Some(child) if child.leaving && !child.phase.is_alive() => {
                        self.wait_until_gone(key);
                    }
                    _ => {}
                },
                None if self.tree.stopping > 0 || !self.tree.going.is_empty() => return,
                None => return self.closed(),
            }
        }
    }

    fn closed(&mut self) {
        let Mode::Closing { outcome, .. } = std::mem::replace(&mut self.tree.mode, Mode::Closed)
        else {
            return;
        };
        if !self.tree.booted {
            self.out.push(Action::Ready(Err(match &outcome {
                Outcome::BootFailed { id, error } => StartError::Child {
                    supervisor: Arc::from(""),
                    id: Arc::clone(id),
                    error: error.to_string(),
                },
                Outcome::GaveUp { .. } => StartError::GaveUp(outcome.failure().unwrap_or_default()),
                Outcome::Ordered | Outcome::AutoShutdown => StartError::Cancelled,
            })));
        }
        self.emit(
            None,
            EventKind::Stopped {
                failure: outcome.failure().map(Into::into),
            },
        );
        self.out.push(Action::Exit(outcome));
    }
}
