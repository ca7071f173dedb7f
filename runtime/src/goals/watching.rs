//! What whoever asks is told of a goal: how it stands, why, and what has happened.

use std::sync::Arc;

use aios_control::{
    ControlError, Event, EventStream, Events, Explained, GoalLine, GoalPhase, GoalState,
    HISTORY_MAX, PlanShown, Submit, Written,
};
use aios_work::ApprovalStatus;

use super::progress::Progress;
use super::recorded::standing;
use super::register::Kept;
use super::runs::left_open;
use super::{EXPLAINED_MAX, Goals, explain, plan, runs, unwritten};
use crate::node::Node;

impl Goals {
    /// A tenant's goal; another's is no more known than one that there never was.
    pub(super) fn find(&self, tenant: &str, goal_id: &str) -> Result<Arc<Progress>, ControlError> {
        let waking = self.is_waking();
        let in_memory = {
            let known = self.known.lock();
            known.iter().find(|goal| goal.goal_id == goal_id).cloned()
        };
        let found = match in_memory {
            Some(goal) => Some(goal),
            None => self.on_record(goal_id, waking).map_err(unwritten)?,
        };
        found.filter(|goal| goal.tenant == tenant).ok_or_else(|| {
            ControlError::unknown(format!("no goal {goal_id:?} is known to this node"))
                .advise("ask for the goals there are; one that ended long ago is not kept")
        })
    }

    /// What was asked with a tenant's goal.
    pub(crate) fn asked_of(&self, tenant: &str, goal_id: &str) -> Result<Submit, ControlError> {
        Ok(self.find(tenant, goal_id)?.asked.clone())
    }

    pub(crate) fn state(&self, tenant: &str, goal_id: &str) -> Result<GoalState, ControlError> {
        Ok(self.find(tenant, goal_id)?.state())
    }

    /// How a tenant's goal that is in memory stands, in words that lie ready.
    pub(crate) fn words(&self, tenant: &str, goal_id: &str) -> Option<Written> {
        let known = {
            let known = self.known.lock();
            known.iter().find(|goal| goal.goal_id == goal_id).cloned()
        };
        known.filter(|goal| goal.tenant == tenant)?.words()
    }

    /// Why a goal is where it is, and what can be done about it.
    pub(crate) fn explain(
        &self,
        node: &Node,
        tenant: &str,
        goal_id: &str,
    ) -> Result<Explained, ControlError> {
        let goal = self.find(tenant, goal_id)?;
        let events = self
            .register
            .events(goal_id, 0, EXPLAINED_MAX)
            .map_err(unwritten)?;
        let fell = self
            .register
            .fell(goal_id, explain::EVIDENCE_MAX)
            .map_err(unwritten)?;
        let unheard = left_open(node, tenant, goal_id)?;
        let approvals = node.approvals().map_err(|error| {
            ControlError::failed(format!("what humans are asked cannot be read: {error}"))
        })?;
        let open = approvals
            .into_iter()
            .filter(|approval| approval.goal == goal_id && approval.status == ApprovalStatus::Open)
            .map(|approval| (approval.id, approval.question))
            .collect();
        let view = node.view();
        let resting = view
            .breakers
            .into_iter()
            .filter(|breaker| breaker.state != "closed");
        Ok(explain::explain(explain::Case {
            state: goal.state(),
            waits_its_turn: goal.is_waiting_its_turn(),
            events: &events,
            fell,
            unheard,
            open,
            resting: resting.map(|breaker| breaker.service).collect(),
        }))
    }

    /// The plan of a goal and how far it has come.
    pub(crate) fn planned(
        &self,
        node: &Node,
        tenant: &str,
        goal_id: &str,
    ) -> Result<PlanShown, ControlError> {
        let goal = self.find(tenant, goal_id)?;
        let kept = runs::kept_plan(node, tenant, goal_id)?;
        let events = self
            .register
            .events(goal_id, 0, EXPLAINED_MAX)
            .map_err(unwritten)?;
        let state = goal.state();
        let handed_in = || goal.asked.plan.as_ref().map(|file| file.plan(goal_id));
        Ok(plan::shown(plan::Case {
            goal_id,
            phase: state.phase,
            plan: kept.or_else(handed_in),
            events: &events,
            answer: state.answer.as_deref(),
            now: node.system().now(),
        }))
    }

    /// All of a tenant's, newest first; before them those whose records cannot be read, each with the reason.
    pub(crate) fn list(&self, tenant: &str) -> Result<Vec<GoalLine>, ControlError> {
        let recorded = self.register.all().map_err(unwritten)?;
        let mut kept = recorded.kept;
        kept.retain(|kept| self.whose(kept.asked.tenant.as_deref()) == tenant);
        let waking = self.is_waking();
        let known = self.known.lock();
        let line = |kept: &Kept| {
            let live = known.iter().find(|goal| goal.goal_id == kept.goal_id);
            GoalLine {
                goal_id: kept.goal_id.clone(),
                text: kept.asked.goal.text.clone(),
                phase: live.map_or(standing(kept.state.phase, waking), |goal| goal.phase()),
                unreadable: None,
            }
        };
        let unread = recorded.unread.into_iter();
        let unread = unread.filter_map(|goal_id| self.unread(tenant, goal_id));
        Ok(unread.chain(kept.iter().rev().map(line)).collect())
    }

    /// A goal whose record cannot be read, if it is this tenant's: nobody works on it, and it is not gone.
    fn unread(&self, tenant: &str, goal_id: String) -> Option<GoalLine> {
        let (own, text, why) = match self.register.asked(&goal_id) {
            Ok(asked) => {
                let asked = asked?;
                let own = self.whose(asked.tenant.as_deref()) == tenant;
                let why = self.register.state(&goal_id).err()?;
                (own, asked.goal.text, why)
            }
            // Whose it was is lost with it, but for what its name says.
            Err(why) => (self.concerns(tenant, &goal_id), String::new(), why),
        };
        own.then(|| GoalLine {
            text,
            phase: GoalPhase::Interrupted,
            unreadable: Some(why.to_string()),
            goal_id,
        })
    }

    /// What has happened with a goal after an event.
    pub(crate) fn history(&self, tenant: &str, asked: &Events) -> Result<Vec<Event>, ControlError> {
        // One that is not known is refused as everywhere.
        let goal = self.find(tenant, &asked.goal_id)?;
        self.register
            .events(&goal.goal_id, asked.after_seq, HISTORY_MAX)
            .map_err(unwritten)
    }

    pub(crate) fn watch(
        &self,
        tenant: &str,
        events: &Events,
    ) -> Result<Box<dyn EventStream>, ControlError> {
        let goal = self.find(tenant, &events.goal_id)?;
        Ok(Box::new(goal.watched(events.after_seq)))
    }
}
