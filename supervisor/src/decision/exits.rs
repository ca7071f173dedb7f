//! Starts that come off or fail, children that end: who comes back, and when is it too often.

use std::{sync::Arc, time::Duration};

use super::{Action, Cause, Key, Mode, Outcome, Phase, Step, Then};
use crate::{
    child_spec::StartError,
    events::EventKind,
    exit::ExitReason,
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
            Cause::Restart => self.restart(key, false, Some(error.to_string())),
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

    pub(super) fn exited(&mut self, key: Key, incarnation: u64, exit: ExitReason, warm: bool) {
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        if child.incarnation != incarnation || !child.phase.is_alive() {
            return;
        }
        let abnormal = exit.is_abnormal();
        let phase = child.phase;
        let restart = child.policy.restart;
        child.ended_with(exit.clone());
        self.emit_of(
            key,
            EventKind::Exited {
                incarnation,
                reason: exit,
            },
        );
        match phase {
            Phase::Stopping { then, .. } => self.stopped(key, then),
            // It went before its group's turn to ask it: gone is gone, and it is not counted again.
            _ if self.group_would_stop(key) => self.stopped(key, Then::Again),
            _ if self.is_closing() => self.stopped(key, Then::Down),
            _ => match restart {
                Restart::Permanent => self.restart(key, warm, None),
                Restart::Transient if abnormal => self.restart(key, warm, None),
                Restart::Transient | Restart::Temporary => self.finished(key),
            },
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

    /// Brings a child back, now or later, or gives up. `failed_start`: what went wrong with the last attempt, if it did
    /// not even start; then the next one goes through the mailbox, so that orders are heard in between.
    fn restart(&mut self, key: Key, warm: bool, failed_start: Option<String>) {
        let now = self.now;
        let retry = failed_start.is_some();
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        let ran = if retry {
            Duration::ZERO
        } else {
            now.saturating_sub(child.since)
        };
        let backoff = child.policy.backoff;
        let own_limit = child.policy.intensity;
        let past = child.past_mut();
        if backoff.is_none_or(|backoff| !retry && ran >= backoff.reset_after) {
            past.attempt = 0;
        }
        let own_allows = own_limit.is_none_or(|limit| {
            past.window
                .get_or_insert_with(|| Window::new(limit))
                .admit(now)
        });
        if !own_allows || !self.tree.window.admit(now) {
            let limit = if own_allows {
                self.tree.window.limit()
            } else {
                own_limit.unwrap_or_default()
            };
            return self.give_up(key, limit, failed_start);
        }
        past.attempt = past.attempt.saturating_add(1);
        past.restarts = past.restarts.saturating_add(1);
        let attempt = past.attempt;
        child.cause = Cause::Restart;
        let mut delay = match backoff {
            Some(backoff) => backoff.delay(attempt, &mut self.tree.rng),
            None => Duration::ZERO,
        };
        if let (true, Some(backoff)) = (warm, backoff) {
            delay = delay.mul_f64(backoff.warm);
        }
        self.emit_of(key, EventKind::Restarting { attempt, delay });
        let at_once = delay.is_zero() && !retry;
        if self.tree.settings.strategy.is_group() {
            self.set_phase(key, Phase::Waiting);
            self.leave_group_turn_silently(key);
            self.regroup(key, delay, !at_once);
        } else if at_once {
            self.begin_start(key);
        } else {
            self.set_phase(key, Phase::Backoff);
            self.set_timer(key, delay);
            self.leave_group_turn(key);
        }
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
