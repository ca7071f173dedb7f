//! Work that keeps an order among siblings: the first start, and the restarts of one_for_all and rest_for_one.
//!
//! A group is two sets: who still has to stop (taken from the end) and who has to start (taken from the front), and at
//! most one child whose turn it is. A failure meanwhile only adds to the sets, so a plan is never abandoned half-way
//! and never runs twice.

use std::{collections::BTreeSet, time::Duration};

use super::{Cause, GROUP, Key, Phase, Step, Then};
use crate::strategy::{Restart, Strategy};

/// One ordered piece of work.
#[derive(Clone, Debug, Default)]
pub(super) struct Group {
    pub(super) stopping: BTreeSet<Key>,
    pub(super) starting: BTreeSet<Key>,
    /// Whose turn it is: told to stop, or starting.
    busy: Option<Key>,
    /// Who is waited for before anybody starts: it failed to start, or has a backoff.
    waits_for: Option<Key>,
    /// Until when it is waited for; starts are let go only by the group's timer.
    not_before: Option<Duration>,
    timer: Option<Duration>,
}

impl Group {
    /// Waits at least until then; a wait that is under way is not cut short.
    fn wait_until(&mut self, until: Duration) {
        self.not_before = self.not_before.max(Some(until));
    }

    /// Nothing is waited for: a timer left behind would cut short a later wait.
    fn wait_no_more(&mut self, timers: &mut BTreeSet<(Duration, Key)>) {
        self.not_before = None;
        if let Some(at) = self.timer.take() {
            timers.remove(&(at, GROUP));
        }
    }
}

impl<L> Step<'_, L> {
    /// `key` has ended and has to come back, and its strategy says who with it. They stop at once; the starts wait for
    /// `delay`.
    pub(super) fn regroup(&mut self, key: Key, delay: Duration) {
        let from = self.first_of_group(key);
        let mut group = self.tree.group.take().unwrap_or_default();
        // Whoever was waited for starts with this group now, so the try that failed is made by it and not counted.
        let caught_up = group.waits_for.take_if(|waiting| *waiting >= from);
        if caught_up.is_some() && group.not_before.is_some_and(|until| until <= self.now) {
            group.wait_no_more(&mut self.tree.timers);
        }
        // It has ended already, so it is not one of those that have to stop.
        self.set_phase(key, Phase::Waiting);
        let mut back = vec![(key, false)];
        for (sibling, child) in self.tree.children.range_mut(from..) {
            match child.phase {
                Phase::Running | Phase::Starting => {
                    group.stopping.insert(*sibling);
                }
                Phase::Clearing => back.push((*sibling, false)),
                // As in OTP, one that had finished runs again with its group; one stopped by order does not.
                Phase::Finished | Phase::Stopped if !child.barred => back.push((*sibling, true)),
                _ if caught_up == Some(*sibling) => back.push((*sibling, false)),
                _ => {}
            }
        }
        for (sibling, was_at_rest) in back {
            group.busy = group.busy.filter(|busy| *busy != sibling);
            group.starting.insert(sibling);
            self.set_phase(sibling, Phase::Waiting);
            if was_at_rest {
                self.set_cause(sibling, Cause::Restart);
            }
        }
        if !delay.is_zero() {
            if group.waits_for.is_none() {
                self.set_phase(key, Phase::Backoff);
                group.starting.remove(&key);
                group.waits_for = Some(key);
            }
            group.wait_until(self.now.saturating_add(delay));
        }
        self.tree.group = Some(group);
        self.advance_group();
    }

    /// `key` could not be started with its group: the others wait until it is tried again.
    pub(super) fn park_group(&mut self, key: Key, delay: Duration) {
        self.set_phase(key, Phase::Backoff);
        let group = self.tree.group.get_or_insert_default();
        let earlier = group.waits_for.replace(key);
        group.wait_until(self.now.saturating_add(delay));
        if let Some(earlier) = earlier {
            group.starting.insert(earlier);
            self.set_phase(earlier, Phase::Waiting);
        }
        self.advance_group();
    }

    fn first_of_group(&self, key: Key) -> Key {
        match self.tree.settings.strategy {
            Strategy::RestForOne => key,
            _ => Key(0),
        }
    }

    /// Takes the next step of the group's work, if it is anybody's turn.
    pub(super) fn advance_group(&mut self) {
        while let Some(mut group) = self.tree.group.take() {
            // One that is starting and has to stop again keeps nobody waiting: its turn to stop will come.
            group.busy = group.busy.filter(|busy| !group.stopping.contains(busy));
            if group.busy.is_some() {
                self.tree.group = Some(group);
                return;
            }
            if let Some(key) = group.stopping.pop_last() {
                let alive = self
                    .phase_of(key)
                    .is_some_and(|phase| matches!(phase, Phase::Starting | Phase::Running));
                group.busy = alive.then_some(key);
                self.tree.group = Some(group);
                if alive {
                    return self.begin_stop(key, Then::Again);
                }
                continue;
            }
            if let Some(until) = group.not_before {
                if group.timer != Some(until) {
                    if let Some(old) = group.timer.replace(until) {
                        self.tree.timers.remove(&(old, GROUP));
                    }
                    self.tree.timers.insert((until, GROUP));
                }
                self.tree.group = Some(group);
                return;
            }
            match group.starting.pop_first() {
                Some(key) => {
                    let waits = self.phase_of(key) == Some(Phase::Waiting);
                    group.busy = waits.then_some(key);
                    self.tree.group = Some(group);
                    if waits {
                        return self.begin_start(key);
                    }
                }
                None => return self.booted(),
            }
        }
    }

    /// The group's timer went off.
    pub(super) fn group_is_due(&mut self) {
        let mut waited_for = None;
        if let Some(group) = &mut self.tree.group {
            group.timer = None;
            group.not_before = None;
            waited_for = group.waits_for.take();
        }
        match waited_for {
            // As in OTP, the try that failed is made again from the beginning: those of its group that run stop first.
            Some(key) if self.try_again(key) => self.regroup(key, Duration::ZERO),
            Some(_) => {}
            None => self.advance_group(),
        }
    }

    /// Whether a start has to queue behind others.
    pub(super) fn starts_in_order(&self) -> bool {
        self.tree.group.is_some() || self.tree.settings.strategy.is_group()
    }

    /// Queues the start of a child that is down.
    pub(super) fn queue_start(&mut self, key: Key) {
        self.set_phase(key, Phase::Waiting);
        self.tree.group.get_or_insert_default().starting.insert(key);
        self.advance_group();
    }

    /// What kept a child from starting is gone. In a group somebody before it may have come to wait for a start meanwhile.
    pub(super) fn cleared(&mut self, key: Key) {
        match &mut self.tree.group {
            Some(group) if group.busy == Some(key) => {
                group.busy = None;
                group.starting.insert(key);
                self.set_phase(key, Phase::Waiting);
                self.advance_group();
            }
            _ => self.begin_start(key),
        }
    }

    /// A child that was told to stop for its group's sake is gone.
    pub(super) fn stopped_for_group(&mut self, key: Key) {
        let Some(child) = self.tree.children.get(&key) else {
            return;
        };
        let (temporary, cause) = (child.policy.restart == Restart::Temporary, child.cause);
        // A temporary child does not come back, unless its asker still waits for its first start.
        if temporary && cause == Cause::Restart {
            self.remove(key);
        } else {
            self.set_phase(key, Phase::Waiting);
            if let Some(group) = &mut self.tree.group {
                group.starting.insert(key);
            }
        }
    }

    pub(super) fn group_would_stop(&self, key: Key) -> bool {
        self.tree
            .group
            .as_ref()
            .is_some_and(|group| group.stopping.contains(&key))
    }

    /// Takes a child out of the group's plan. If the others waited for it, they do not any more.
    pub(super) fn leave_group(&mut self, key: Key) {
        if let Some(group) = &mut self.tree.group {
            group.stopping.remove(&key);
            group.starting.remove(&key);
            if group.waits_for.take_if(|waiting| *waiting == key).is_some() {
                group.wait_no_more(&mut self.tree.timers);
            }
        }
    }

    /// Its turn, if it was its turn, is over; the next one's begins.
    pub(super) fn leave_group_turn(&mut self, key: Key) {
        self.leave_group_turn_silently(key);
        self.advance_group();
    }

    pub(super) fn leave_group_turn_silently(&mut self, key: Key) {
        if let Some(group) = &mut self.tree.group {
            group.stopping.remove(&key);
        }
        self.end_turn(key);
    }

    pub(super) fn end_turn(&mut self, key: Key) {
        if let Some(group) = self
            .tree
            .group
            .as_mut()
            .filter(|group| group.busy == Some(key))
        {
            group.busy = None;
        }
    }

    /// Drops the group's plan and its timer.
    pub(super) fn disband(&mut self) {
        if let Some(at) = self.tree.group.take().and_then(|group| group.timer) {
            self.tree.timers.remove(&(at, GROUP));
        }
    }

    pub(super) fn phase_of(&self, key: Key) -> Option<Phase> {
        self.tree.children.get(&key).map(|child| child.phase)
    }
}
