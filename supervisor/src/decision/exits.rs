//! Starts that come off or fail, children that end: who comes back, and when is it too often.

use std::{sync::Arc, time::Duration};

use super::{Action, Cause, FailedStart, Key, Mode, Outcome, Phase, Step, Then};
use crate::{
    events::EventKind,
    exit::ExitReason,
    fault::StartError,
    intensity::Window,
    order::OrderError,
    strategy::{AutoShutdown, Restart},
};

impl<L> Step<'_, L> {
    pub(super) fn started(&mut self, key: Key, incarnation: u64) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        if child.incarnation != incarnation {
            return;
        }
        match child.phase {
            Phase::Starting => {
                let Some(child) = self.set_phase(key, Phase::Running) else {
                    return;
                };
                let cause = std::mem::replace(&mut child.cause, Cause::Restart);
                if let Some(past) = &mut child.past {
                    past.failed = None;
                }
                let id = Some(Arc::clone(&child.id));
                self.emit(id, EventKind::Started { incarnation });
                if let Cause::New(ticket) | Cause::Again(ticket) = cause {
                    self.answer(ticket, Ok(key));
                }
                self.end_turn(key);
                self.advance_group();
            }
            // The stop order crossed the start's success: the actor that is there now has not heard it.
            Phase::Stopping { killed, .. } => {
                self.emit_of(key, EventKind::Started { incarnation });
                self.out.push(if killed {
                    Action::Kill { key }
                } else {
                    Action::Ask { key }
                });
            }
            _ => {}
        }
    }

    pub(super) fn start_failed(&mut self, key: Key, incarnation: u64, error: StartError) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        if child.incarnation != incarnation {
            return;
        }
        match child.phase {
            Phase::Stopping { then, .. } => self.stopped(key, then),
            // On the way out nothing is tried again.
            Phase::Starting if self.is_closing() => self.stopped(key, Then::Down),
            Phase::Starting if error == StartError::Ignored => self.ignored(key),
            Phase::Starting => self.start_gone_wrong(key, error),
            _ => {}
        }
    }

    /// The start took longer than its spec allows: it is called off and, once gone, counts as failed.
    pub(super) fn start_too_slow(&mut self, key: Key) {
        // When everybody leaves, or its group does, its turn to be called off comes anyway.
        if !self.is_closing() && !self.group_would_stop(key) {
            self.begin_stop(key, Then::StartFailed);
        }
    }

    pub(super) fn start_gone_wrong(&mut self, key: Key, error: StartError) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let (id, cause) = (Arc::clone(&child.id), child.cause);
        self.emit_of(
            key,
            EventKind::StartFailed {
                error: error.to_string().into(),
            },
        );
        match cause {
            Cause::Boot => {
                self.set_phase(key, Phase::Stopped);
                self.close(Outcome::BootFailed { id, error });
            }
            Cause::New(ticket) => {
                self.answer(ticket, Err(OrderError::Start(error)));
                self.remove(key);
                self.leave_group_turn(key);
            }
            Cause::Again(ticket) => {
                self.answer(ticket, Err(OrderError::Start(error)));
                self.set_phase(key, Phase::Stopped);
                self.leave_group_turn(key);
            }
            Cause::Restart => self.restart_failed(key, error.to_string()),
        }
    }

    fn ignored(&mut self, key: Key) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let (cause, temporary) = (child.cause, child.policy.restart == Restart::Temporary);
        self.emit_of(key, EventKind::Ignored);
        if let Cause::New(ticket) | Cause::Again(ticket) = cause {
            self.answer(ticket, Ok(key));
        }
        if temporary || self.is_dynamic() {
            self.remove(key);
        } else {
            self.set_phase(key, Phase::Finished);
        }
        self.leave_group_turn(key);
    }

    /// What follows is decided now, whatever is still dying below it; only its next start waits for that.
    pub(super) fn exited(
        &mut self,
        key: Key,
        incarnation: u64,
        exit: ExitReason,
        warm: bool,
        gone: bool,
    ) {
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        if child.incarnation != incarnation || !child.phase.is_alive() {
            return;
        }
        let abnormal = exit.is_abnormal();
        let phase = child.phase;
        let restart = child.policy.restart;
        child.leaving = !gone;
        child.ended_with(exit.clone());
        self.emit_of(
            key,
            EventKind::Exited {
                incarnation,
                reason: exit,
            },
        );
        match phase {
            Phase::Stopping { then, .. } if gone => self.stopped(key, then),
            Phase::Stopping { .. } => {}
            // It went before its group's turn to ask it: gone is gone, and it is not counted again.
            _ if self.group_would_stop(key) => self.stopped(key, Then::Again),
            _ if self.is_closing() && gone => self.stopped(key, Then::Down),
            _ if self.is_closing() => self.wait_until_gone(key),
            _ => match restart {
                Restart::Permanent => self.restart(key, warm),
                Restart::Transient if abnormal => self.restart(key, warm),
                Restart::Transient | Restart::Temporary => self.finished(key),
            },
        }
    }

    /// What an ended child had left behind is gone.
    pub(super) fn gone(&mut self, key: Key, incarnation: u64) {
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        if child.incarnation != incarnation || !std::mem::take(&mut child.leaving) {
            return;
        }
        match child.phase {
            Phase::Stopping { then, .. } => self.stopped(key, then),
            Phase::Going => self.departed(key),
            Phase::Clearing => self.cleared(key),
            _ => {}
        }
    }

    /// Ended by itself and is not due to come back.
    fn finished(&mut self, key: Key) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let significant = child.policy.significant;
        if child.policy.restart == Restart::Temporary || self.is_dynamic() {
            self.remove(key);
        } else {
            self.set_phase(key, Phase::Finished);
        }
        let enough = match self.tree.settings.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => significant,
            AutoShutdown::AllSignificant => significant && self.tree.significant == 0,
        };
        if enough {
            self.emit(None, EventKind::AutoShutdown);
            self.close(Outcome::AutoShutdown);
        }
    }

    /// It ended and is due to come back: now, after a wait, or never, if that was once too often.
    fn restart(&mut self, key: Key, warm: bool) {
        if !self.charge(key) {
            return;
        }
        let delay = self.next_delay(key, warm);
        self.announce_restart(key, delay);
        if self.tree.settings.strategy.is_group() {
            self.leave_group_turn_silently(key);
            self.regroup(key, delay);
        } else if delay.is_zero() {
            self.begin_start(key);
        } else {
            self.back_off(key, delay);
        }
    }

    /// A restart did not come off. The next try goes through the mailbox, so that orders are heard in between, and counts
    /// when it is made.
    fn restart_failed(&mut self, key: Key, error: String) {
        let delay = self.next_delay(key, false);
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        child.past_mut().failed = Some(FailedStart { error, delay });
        if self.tree.settings.strategy.is_group() {
            self.leave_group_turn_silently(key);
            self.park_group(key, delay);
        } else {
            self.back_off(key, delay);
        }
    }

    fn back_off(&mut self, key: Key, delay: Duration) {
        self.set_phase(key, Phase::Backoff);
        self.set_timer(key, delay);
        self.leave_group_turn(key);
    }

    /// It has waited long enough.
    pub(super) fn backoff_is_over(&mut self, key: Key) {
        if self.try_again(key) {
            self.begin_start(key);
        }
    }

    /// Counts the try that is about to be made, unless its exit has been counted already; false when it is one too many.
    pub(super) fn try_again(&mut self, key: Key) -> bool {
        let child = self.tree.children.get_mut(&key);
        let failed = child.and_then(|child| child.past.as_mut()?.failed.take());
        let Some(FailedStart { error, delay }) = failed else {
            return true;
        };
        let allowed = self.charge_after(key, Some(error));
        if allowed {
            self.announce_restart(key, delay);
        }
        allowed
    }

    fn charge(&mut self, key: Key) -> bool {
        self.charge_after(key, None)
    }

    /// Counts a restart against the child's own limit and the supervisor's; gives up when it is one too many.
    fn charge_after(&mut self, key: Key, failed_start: Option<String>) -> bool {
        let now = self.now;
        let Some(child) = self.tree.children.get_mut(&key) else {
            return false;
        };
        let own_limit = child.policy.intensity;
        let past = child.past_mut();
        let own_allows = own_limit.is_none_or(|limit| {
            past.window
                .get_or_insert_with(|| Window::new(limit))
                .admit(now)
        });
        if own_allows && self.tree.window.admit(now) {
            return true;
        }
        let limit = if own_allows {
            self.tree.window.limit()
        } else {
            own_limit.unwrap_or_default()
        };
        self.give_up(key, limit, failed_start);
        false
    }

    /// How long its next start waits.
    fn next_delay(&mut self, key: Key, warm: bool) -> Duration {
        let now = self.now;
        let Some(child) = self.tree.children.get_mut(&key) else {
            return Duration::ZERO;
        };
        // A start that failed is no run.
        let ran = (child.phase == Phase::Running).then(|| now.saturating_sub(child.since));
        let backoff = child.policy.backoff;
        let past = child.past_mut();
        if backoff.is_none_or(|backoff| ran.is_some_and(|ran| ran >= backoff.reset_after)) {
            past.attempt = 0;
        }
        past.attempt = past.attempt.saturating_add(1);
        let attempt = past.attempt;
        let Some(backoff) = backoff else {
            return Duration::ZERO;
        };
        let delay = backoff.delay(attempt, &mut self.tree.rng);
        if warm {
            delay.mul_f64(backoff.warm)
        } else {
            delay
        }
    }

    fn announce_restart(&mut self, key: Key, delay: Duration) {
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        child.cause = Cause::Restart;
        let past = child.past_mut();
        past.restarts = past.restarts.saturating_add(1);
        let attempt = past.attempt;
        self.emit_of(key, EventKind::Restarting { attempt, delay });
    }

    fn give_up(&mut self, key: Key, limit: crate::Intensity, failed_start: Option<String>) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let id = Arc::clone(&child.id);
        let last = failed_start
            .or_else(|| child.past()?.last_exit.as_ref().map(ToString::to_string))
            .unwrap_or_default();
        self.set_phase(key, Phase::Stopped);
        self.emit_of(
            key,
            EventKind::GaveUp {
                restarts: limit.restarts,
                within: limit.within,
            },
        );
        self.close(Outcome::GaveUp { id, limit, last });
    }

    pub(super) fn set_cause(&mut self, key: Key, cause: Cause) {
        if let Some(child) = self.tree.children.get_mut(&key) {
            child.cause = cause;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.tree.mode, Mode::Closing { .. })
    }

    pub(super) fn is_dynamic(&self) -> bool {
        self.tree.settings.strategy == crate::Strategy::Dynamic
    }
}
