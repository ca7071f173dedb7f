//! What people ask of a running supervisor. Every order gets exactly one answer.

use std::sync::Arc;

use super::{Action, Cause, Key, Mode, Order, Phase, Step, Then, Ticket};
use crate::{
    events::EventKind, fault::StartError, order::OrderError, policy::Policy, strategy::Restart,
};

impl<L> Step<'_, L> {
    pub(super) fn order(&mut self, order: Order<L>, ticket: Ticket) {
        if matches!(self.tree.mode, Mode::Closing { .. } | Mode::Closed) {
            if let Order::Start { live, .. } = order {
                self.out.push(Action::Discard(live));
            }
            return self.answer(ticket, Err(OrderError::Stopping));
        }
        match order {
            Order::Start { id, policy, live } => self.order_start(id, policy, live, ticket),
            Order::Terminate { id } => self.on_child(id, ticket, Self::order_terminate),
            Order::Restart { id } => self.on_child(id, ticket, Self::order_restart),
            Order::Delete { id } => self.on_child(id, ticket, Self::order_delete),
            Order::Kill { id } => self.on_child(id, ticket, Self::order_kill),
        }
    }

    fn on_child(
        &mut self,
        id: Arc<str>,
        ticket: Ticket,
        act: fn(&mut Self, Key, Phase, Arc<str>, Ticket),
    ) {
        match self
            .tree
            .key_of(&id)
            .and_then(|key| Some((key, self.phase_of(key)?)))
        {
            Some((key, phase)) => act(self, key, phase, id, ticket),
            None => self.answer(ticket, Err(OrderError::NotFound { id })),
        }
    }

    fn order_start(&mut self, id: Arc<str>, policy: Arc<Policy>, live: L, ticket: Ticket) {
        let new = self
            .tree
            .insert(Arc::clone(&id), policy, Cause::New(ticket), self.now, live);
        let key = match new {
            Ok(key) => key,
            Err((key, live)) => {
                self.out.push(Action::Discard(live));
                let error = if self.is_down(key) {
                    OrderError::AlreadyPresent { id }
                } else {
                    OrderError::AlreadyStarted { id }
                };
                return self.answer(ticket, Err(error));
            }
        };
        if self.starts_in_order() {
            self.queue_start(key);
        } else {
            self.begin_start(key);
        }
    }

    /// Whether it has run before and does not now, be it for good or between two incarnations.
    fn is_down(&self, key: Key) -> bool {
        self.tree
            .children
            .get(&key)
            .is_some_and(|child| match child.phase {
                Phase::Waiting | Phase::Clearing | Phase::Backoff => child.cause == Cause::Restart,
                phase => phase.is_at_rest(),
            })
    }

    fn order_terminate(&mut self, key: Key, phase: Phase, _id: Arc<str>, ticket: Ticket) {
        let Some(child) = self.tree.children.get_mut(&key) else {
            return;
        };
        child.barred = true;
        match phase {
            // It has ended, but not all of it has gone.
            Phase::Waiting
            | Phase::Clearing
            | Phase::Backoff
            | Phase::Stopped
            | Phase::Finished
                if child.leaving =>
            {
                self.leave_group(key);
                self.call_off_start(key);
                self.wait_for_end(key, ticket);
                self.wait_until_gone(key);
            }
            // One that had finished would have run again with its group; now it does not.
            Phase::Stopped | Phase::Finished | Phase::Going => {
                self.set_phase(key, Phase::Stopped);
                self.answer(ticket, Ok(key));
            }
            Phase::Waiting | Phase::Clearing | Phase::Backoff => {
                self.leave_group(key);
                self.call_off_start(key);
                self.rest(key);
                self.answer(ticket, Ok(key));
                self.leave_group_turn(key);
            }
            Phase::Starting | Phase::Running => {
                self.leave_group(key);
                self.call_off_start(key);
                self.wait_for_end(key, ticket);
                self.begin_stop(key, Then::Down);
            }
            Phase::Stopping { killed, .. } => {
                self.call_off_start(key);
                self.wait_for_end(key, ticket);
                if let Some(child) = self.tree.children.get_mut(&key) {
                    child.phase = Phase::Stopping {
                        then: Then::Down,
                        killed,
                    };
                }
            }
        }
    }

    fn order_restart(&mut self, key: Key, phase: Phase, id: Arc<str>, ticket: Ticket) {
        match phase {
            Phase::Stopped | Phase::Finished => {
                if let Some(child) = self.tree.children.get_mut(&key) {
                    child.cause = Cause::Again(ticket);
                    child.barred = false;
                }
                if self.starts_in_order() {
                    self.queue_start(key);
                } else {
                    self.begin_start(key);
                }
            }
            Phase::Running => self.answer(ticket, Err(OrderError::Running { id })),
            _ => self.answer(ticket, Err(OrderError::Restarting { id })),
        }
    }

    fn order_delete(&mut self, key: Key, phase: Phase, id: Arc<str>, ticket: Ticket) {
        match phase {
            Phase::Stopped | Phase::Finished => {
                self.remove(key);
                self.answer(ticket, Ok(key));
            }
            // Down until its group's turn comes to it: as in OTP, it may go.
            Phase::Waiting if self.is_down(key) => {
                self.leave_group(key);
                self.remove(key);
                self.answer(ticket, Ok(key));
                self.advance_group();
            }
            Phase::Running => self.answer(ticket, Err(OrderError::Running { id })),
            _ => self.answer(ticket, Err(OrderError::Restarting { id })),
        }
    }

    fn order_kill(&mut self, key: Key, phase: Phase, id: Arc<str>, ticket: Ticket) {
        match phase {
            Phase::Running | Phase::Starting => {
                self.out.push(Action::Kill { key });
                self.answer(ticket, Ok(key));
            }
            Phase::Stopping { .. } => {
                self.kill_now(key);
                self.answer(ticket, Ok(key));
            }
            _ => self.answer(ticket, Err(OrderError::NotAlive { id })),
        }
    }

    /// Whoever asked for a start that will not happen now learns it.
    pub(super) fn call_off_start(&mut self, key: Key) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        if let Cause::New(ticket) | Cause::Again(ticket) = child.cause {
            self.set_cause(key, Cause::Restart);
            self.answer(ticket, Err(OrderError::Start(StartError::Cancelled)));
        }
    }

    fn wait_for_end(&mut self, key: Key, ticket: Ticket) {
        if let Some(child) = self.tree.children.get_mut(&key) {
            child.past_mut().waiters.push(ticket);
        }
    }

    /// A child that is down stays down; one without a future is forgotten.
    pub(super) fn rest(&mut self, key: Key) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        if child.policy.restart == Restart::Temporary || self.is_dynamic() {
            self.remove(key);
        } else {
            self.set_phase(key, Phase::Stopped);
        }
    }

    pub(super) fn answer_waiters(&mut self, key: Key, answer: Result<Key, OrderError>) {
        let past = self
            .tree
            .children
            .get_mut(&key)
            .and_then(|child| child.past.as_mut());
        let waiters = past.map(|past| std::mem::take(&mut past.waiters));
        for ticket in waiters.unwrap_or_default() {
            self.answer(ticket, answer.clone());
        }
    }

    pub(super) fn report_stuck(&mut self, key: Key) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let id = Arc::clone(&child.id);
        self.emit_of(key, EventKind::Stuck);
        self.answer_waiters(key, Err(OrderError::Stuck { id }));
    }
}
