//! Which goals are on record, whose they are, what they may be called and how many of them stay.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use aios_control::{ControlError, ErrorKind, GoalPhase, Submit};
use aios_memory::StoreError;

use super::progress::Progress;
use super::register::is_over;
use super::runs::Origin;
use super::{Goals, Named, RUNNING_MAX, unwritten};
use crate::gateway::Goal;
use crate::names;

impl Goals {
    /// Puts a goal on record.
    pub(super) fn accept_as(
        &self,
        goal_id: &str,
        asked: &Submit,
        tenant: &str,
        now_us: u64,
        origin: Origin,
        in_place: bool,
    ) -> Result<(), ControlError> {
        self.may_be_called(goal_id, tenant)?;
        self.make_room(tenant, goal_id)?;
        self.register
            .accept(goal_id, asked, tenant, now_us, origin, in_place)
            .map_err(unwritten)?;
        self.enter_record(tenant, goal_id);
        Ok(())
    }

    pub(super) fn enter_record(&self, tenant: &str, goal_id: &str) {
        self.recorded.lock().push_back(Named {
            tenant: tenant.to_owned(),
            goal_id: goal_id.to_owned(),
        });
    }

    /// Whether a tenant's goal may have this name. One of the same name makes way, but not another tenant's, of which nobody else is to know.
    pub(super) fn may_be_called(&self, goal_id: &str, tenant: &str) -> Result<(), ControlError> {
        if let Some(known) = self.register.asked(goal_id).map_err(unwritten)?
            && self.whose(known.tenant.as_deref()) != tenant
        {
            let message = format!("a goal cannot be called {goal_id} here");
            return Err(ControlError::new(ErrorKind::Conflict, message)
                .advise("choose another id, or none for a fresh one"));
        }
        Ok(())
    }

    /// Whose a goal is, as its record says.
    pub(super) fn whose<'g>(&'g self, tenant: Option<&'g str>) -> &'g str {
        tenant.unwrap_or(&self.tenant)
    }

    /// Whether a goal is a tenant's own. Its name says so, also when nothing else is known of it any more: what is told late of a guest's goal that
    /// has left the record is nobody else's. One that did not come by the contract is of the node's tenant. Asked for each event that somebody
    /// is told, so nothing is read for it.
    pub(crate) fn concerns(&self, tenant: &str, goal_id: &str) -> bool {
        match names::guest(goal_id) {
            Some(guest) => tenant != self.tenant && guest == names::of(tenant),
            None => self.whose(self.guests.get(goal_id).map(String::as_str)) == tenant,
        }
    }

    /// Makes room for a tenant's goal: when it has too many the oldest of its own that are over leave, and never another's.
    pub(super) fn make_room(&self, tenant: &str, goal_id: &str) -> Result<(), ControlError> {
        let mut recorded = self.recorded.lock();
        let other = |known: &Named| known.tenant == tenant && known.goal_id != goal_id;
        let others = |recorded: &VecDeque<Named>| {
            let others = recorded.iter().filter(|known| other(known));
            others.count()
        };
        let mut at = 0;
        while others(&recorded) >= self.most && at < recorded.len() {
            let oldest = &recorded[at].goal_id;
            let state = self.register.state(oldest).map_err(unwritten)?;
            if other(&recorded[at]) && state.is_none_or(|state| is_over(state.phase)) {
                self.register.forget(oldest).map_err(unwritten)?;
                recorded.remove(at);
            } else {
                at += 1;
            }
        }
        let others = others(&recorded);
        if others >= self.most.max(RUNNING_MAX) {
            let most = self.most;
            let message = format!(
                "{others} goals are under way or wait for somebody, and storage.results keeps {most}"
            );
            return Err(ControlError::new(ErrorKind::Busy, message).advise(
                "`aios goal list` shows those that are paused, parked or interrupted: resume or cancel some, or raise storage.results",
            ));
        }
        recorded.retain(|known| known.goal_id != goal_id);
        Ok(())
    }

    /// A goal that nobody works on.
    pub(super) fn at_rest(
        &self,
        tenant: &str,
        goal_id: &str,
    ) -> Result<Arc<Progress>, ControlError> {
        let found = self.find(tenant, goal_id)?;
        if self.under_way(tenant, goal_id)?.is_some() {
            return Err(ControlError::new(
                ErrorKind::Conflict,
                format!("goal {goal_id} is under way"),
            )
            .advise("wait for its answer, or let it rest first"));
        }
        Ok(found)
    }

    /// Whether a name is nobody's yet.
    pub(super) fn is_free(&self, goal_id: &str, tenant: &str) -> Result<(), ControlError> {
        self.may_be_called(goal_id, tenant)?;
        let taken =
            self.holds(goal_id) || self.register.asked(goal_id).map_err(unwritten)?.is_some();
        if taken {
            return Err(ControlError::new(
                ErrorKind::Conflict,
                format!("a goal {goal_id} is on record already"),
            )
            .advise("choose another name"));
        }
        Ok(())
    }

    /// What a goal did may have been taken back; then its steps do not hold any more.
    pub(super) fn is_not_undone(&self, goal_id: &str) -> Result<(), ControlError> {
        let state = self.register.state(goal_id).map_err(unwritten)?;
        match state.filter(|state| state.undone) {
            None => Ok(()),
            Some(state) => Err(state.error.unwrap_or_else(|| {
                ControlError::new(ErrorKind::Conflict, format!("goal {goal_id} was undone"))
            })),
        }
    }

    /// A goal as it is asked for again.
    pub(super) fn again(
        &self,
        goal_id: &str,
        tenant: &str,
        asked: Submit,
        in_place: bool,
    ) -> Result<Goal, ControlError> {
        let goal = Goal::from(asked)
            .id(goal_id)
            .of_tenant(tenant)
            .in_place(in_place);
        let origin = self.register.origin(goal_id).map_err(unwritten)?;
        Ok(match origin {
            // What was done elsewhere may have been done to the same world, and nobody here has said yes to it.
            Origin::Forked | Origin::Imported => goal.forked(),
            Origin::Asked => goal,
        })
    }

    /// Whether what an earlier process left is still being taken up. Whoever looks for a goal among those that are worked on asks this first:
    /// one that is taken up in between is in neither place.
    pub(super) fn is_waking(&self) -> bool {
        self.waking.load(Ordering::Acquire)
    }

    /// A goal that nobody worked on here, as it is on record.
    pub(super) fn on_record(
        &self,
        goal_id: &str,
        waking: bool,
    ) -> Result<Option<Arc<Progress>>, StoreError> {
        let register = &self.register;
        let (Some(asked), Some(mut state)) = (register.asked(goal_id)?, register.state(goal_id)?)
        else {
            return Ok(None);
        };
        state.phase = standing(state.phase, waking);
        let last = register.last_seq(goal_id)?;
        let events = register.events(goal_id, last.saturating_sub(1), 1)?;
        let answer = register.answer(goal_id)?;
        let register = register.clone();
        let whose = self.whose(asked.tenant.as_deref()).to_owned();
        let progress = Progress::new(register, goal_id.to_owned(), whose, asked.goal, events);
        progress.restore(state, answer);
        Ok(Some(Arc::new(progress)))
    }
}

/// How a goal stands that is on record and that nobody works on here.
pub(super) const fn standing(recorded: GoalPhase, waking: bool) -> GoalPhase {
    match recorded {
        // In a moment somebody does.
        GoalPhase::Running if !waking => GoalPhase::Interrupted,
        other => other,
    }
}
