//! The goals that came by the contract: accepted when they are on record, taken up again by a node that starts, and kept for a while after
//! they are over, so that whoever watches may come late, leave, and come again.

mod explain;
mod progress;
mod register;
mod runs;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aios_control::{
    Caller, ControlError, ErrorKind, Event, EventStream, Events, Explained, GoalLine, GoalPhase,
    GoalState, HISTORY_MAX, Place, Submit, Submitted,
};
use aios_memory::{Store, StoreError};
use aios_work::ApprovalStatus;
use aios_work::PlanFile;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::gateway::{Goal, GoalError, GoalRun, fresh_id};
use crate::node::Node;
use crate::rights::leads_to;
use progress::{EVENTS_KEPT, Progress, Wanted};
use register::{Found, Hold, Kept, Recorded, Register, State, is_over};
use runs::Origin;

/// Goals that may be under way at a time. Beyond a few they only wait for the same executors.
const RUNNING_MAX: usize = 64;
/// The same of one tenant that is not the node's own, so that none keeps the others out.
const RUNNING_OF_GUEST_MAX: usize = RUNNING_MAX / 4;
/// Goals that are over and held in memory with their last events; the others are on record.
const OVER_KEPT: usize = 64;
/// What happened is lasting so soon: a crash takes no more than the last moment. One sync serves all goals.
const LASTING_WITHIN: Duration = Duration::from_millis(100);
/// Events of a goal that are looked at to say why it waits; a goal of a thousand tasks has a few thousand.
const EXPLAINED_MAX: usize = 16_384;

/// The goals of one node.
pub(crate) struct Goals {
    register: Register,
    /// Whose a goal is of which it is not said.
    tenant: String,
    /// How many of each tenant stay on record; those that are not over always do.
    most: usize,
    /// All on record, oldest first.
    recorded: Mutex<VecDeque<Named>>,
    /// Those in memory, oldest first.
    known: Mutex<VecDeque<Arc<Progress>>>,
    /// Held while a goal is taken up, so that the same one handed in twice at once is one.
    entrance: tokio::sync::Mutex<()>,
    /// Whether those that were under way are still being taken up.
    waking: AtomicBool,
    /// Held while a goal is gone through again: each takes a node of its own.
    replays: Arc<Semaphore>,
}

/// Whose a goal is, and what it is called.
struct Named {
    tenant: String,
    goal_id: String,
}

impl Goals {
    /// The goals on record in a store, and how many are kept there.
    pub(crate) fn over(
        store: Arc<dyn Store>,
        tenant: &str,
        most: usize,
        hold: Hold,
    ) -> Result<Self, StoreError> {
        let register = Register::new(store, hold);
        let found = register.all()?;
        // Before any goal begins, which makes room by letting others leave.
        for kept in &found.kept {
            register.holds(&kept.goal_id, kept.state.phase);
        }
        for goal_id in &found.torn {
            // Of one that was being accepted there is nothing else yet; where there is, what is missing is lost, and nobody takes the rest away.
            if register.answer(goal_id)?.is_none() && register.last_seq(goal_id)? == 0 {
                register.forget(goal_id)?;
            } else {
                tracing::error!(
                    goal = goal_id,
                    "a part of this goal's record is lost; what is left stays"
                );
            }
        }
        let named = |kept: Kept| Named {
            tenant: kept.asked.tenant.unwrap_or_else(|| tenant.to_owned()),
            goal_id: kept.goal_id,
        };
        Ok(Self {
            register,
            tenant: tenant.to_owned(),
            most,
            recorded: Mutex::new(found.kept.into_iter().map(named).collect()),
            known: Mutex::default(),
            entrance: tokio::sync::Mutex::default(),
            waking: AtomicBool::new(true),
            replays: Arc::new(Semaphore::new(1)),
        })
    }

    /// The same, and `told` hears where each goal stands as soon as it is on record.
    pub(crate) fn telling(
        mut self,
        told: impl Fn(&str, GoalPhase) + Send + Sync + 'static,
    ) -> Self {
        self.register = self.register.telling(told);
        self
    }

    /// None of those that were under way is taken up by itself.
    pub(crate) fn leave(&self) {
        self.waking.store(false, Ordering::Release);
    }

    /// How a goal stands that is on record and that nobody works on here.
    fn standing(&self, recorded: GoalPhase) -> GoalPhase {
        match recorded {
            // In a moment it is.
            GoalPhase::Running if self.waking.load(Ordering::Acquire) => GoalPhase::Running,
            GoalPhase::Running => GoalPhase::Interrupted,
            other => other,
        }
    }

    /// Takes a goal up. Handed in again while it is under way, it is the same one.
    pub(crate) async fn submit(
        &self,
        node: &Node,
        caller: &Caller,
        mut asked: Submit,
    ) -> Result<Submitted, ControlError> {
        let tenant = caller.principal.tenant();
        if caller.place == Place::Elsewhere {
            absolute(asked.data.iter().chain([&asked.out]))?;
        }
        // Where its files are written then has no link in it, and one that is found there later is somebody's who wants other files read.
        if let Some(out) = leads_to(Path::new(&asked.out))
            .as_deref()
            .and_then(Path::to_str)
        {
            asked.out = out.to_owned();
        }
        let goal_id = match &asked.goal_id {
            Some(goal_id) => goal_id.clone(),
            None => fresh_id()?,
        };
        let _entered = self.entrance.lock().await;
        if let Some(known) = self.under_way(tenant, &goal_id)? {
            if known.asked == asked && known.tenant == tenant {
                return Ok(Submitted { goal_id });
            }
            let message =
                format!("goal {goal_id} is under way with other words, files or another folder");
            return Err(ControlError::new(ErrorKind::Conflict, message)
                .advise("choose another id, or call it off first"));
        }
        // What cannot be worked on leaves no trace.
        let goal = self.again(&goal_id, tenant, asked.clone())?;
        let ready = node.prepare(goal).await?;
        self.may_be_called(&goal_id, tenant)?;
        self.is_not_undone(&goal_id)?;
        // It goes on with the steps that are there, and so stays what it was.
        let origin = self.register.origin(&goal_id).map_err(unwritten)?;
        self.accept_as(&goal_id, &asked, tenant, now_us(node), origin)?;
        let register = self.register.clone();
        let (id, whose) = (goal_id.clone(), tenant.to_owned());
        let progress = Progress::new(register, id, whose, asked, Vec::new());
        self.follow(Arc::new(progress), ready.begin());
        Ok(Submitted { goal_id })
    }

    /// Puts a goal on record.
    fn accept_as(
        &self,
        goal_id: &str,
        asked: &Submit,
        tenant: &str,
        now_us: u64,
        origin: Origin,
    ) -> Result<(), ControlError> {
        self.may_be_called(goal_id, tenant)?;
        self.make_room(tenant, goal_id)?;
        self.register
            .accept(goal_id, asked, tenant, now_us, origin)
            .map_err(unwritten)?;
        self.enter_record(tenant, goal_id);
        Ok(())
    }

    fn enter_record(&self, tenant: &str, goal_id: &str) {
        self.recorded.lock().push_back(Named {
            tenant: tenant.to_owned(),
            goal_id: goal_id.to_owned(),
        });
    }

    /// Whether a tenant's goal may have this name. One of the same name makes way, but not another tenant's, of which nobody else is to know.
    fn may_be_called(&self, goal_id: &str, tenant: &str) -> Result<(), ControlError> {
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
    fn whose<'g>(&'g self, tenant: Option<&'g str>) -> &'g str {
        tenant.unwrap_or(&self.tenant)
    }

    /// Whether a goal is a tenant's own. One that did not come by the contract is of the node's tenant.
    pub(crate) fn concerns(&self, tenant: &str, goal_id: &str) -> bool {
        let recorded = self.register.asked(goal_id).ok().flatten();
        self.whose(recorded.and_then(|asked| asked.tenant).as_deref()) == tenant
    }

    /// Makes room for a tenant's goal: when it has too many the oldest of its own that are over leave, and never another's.
    fn make_room(&self, tenant: &str, goal_id: &str) -> Result<(), ControlError> {
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
    fn at_rest(&self, tenant: &str, goal_id: &str) -> Result<Arc<Progress>, ControlError> {
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
    fn is_free(&self, goal_id: &str, tenant: &str) -> Result<(), ControlError> {
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
    fn is_not_undone(&self, goal_id: &str) -> Result<(), ControlError> {
        let state = self.register.state(goal_id).map_err(unwritten)?;
        match state.filter(|state| state.undone) {
            None => Ok(()),
            Some(state) => Err(state.error.unwrap_or_else(|| {
                ControlError::new(ErrorKind::Conflict, format!("goal {goal_id} was undone"))
            })),
        }
    }

    /// A goal as it is asked for again.
    fn again(&self, goal_id: &str, tenant: &str, asked: Submit) -> Result<Goal, ControlError> {
        let goal = Goal::from(asked).id(goal_id).of_tenant(tenant);
        let origin = self.register.origin(goal_id).map_err(unwritten)?;
        Ok(match origin {
            // What was done elsewhere may have been done to the same world, and nobody here has said yes to it.
            Origin::Forked | Origin::Imported => goal.forked(),
            Origin::Asked => goal,
        })
    }

    fn follow(&self, progress: Arc<Progress>, run: GoalRun) {
        self.enter(Arc::clone(&progress));
        tokio::spawn(follow(run, progress));
    }

    /// Takes up what was under way when the last node over this store ended. One that the node falls over again and again is set aside.
    pub(crate) async fn wake(&self, node: &Node) {
        let Recorded { kept, unread, .. } = match self.register.all() {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "the goals on record cannot be read; none goes on");
                return self.leave();
            }
        };
        for goal in unread {
            tracing::error!(
                goal,
                "the record of a goal cannot be read; it does not go on"
            );
        }
        let (mut others, mut alone) = (Vec::new(), Vec::new());
        for Kept {
            goal_id,
            asked,
            state,
        } in kept
        {
            // What cannot be read is no progress.
            let done = self.register.done(&goal_id).unwrap_or_default();
            // From here to its beginning nobody else takes it up, calls it off or lets it rest; whoever has done so meanwhile is heard.
            let _entered = self.entrance.lock().await;
            let taken_up = self.holds(&goal_id);
            let state = self
                .register
                .state(&goal_id)
                .ok()
                .flatten()
                .unwrap_or(state);
            if taken_up {
                continue;
            }
            let (found, mut state) = state.found(&goal_id, done);
            if found == Found::Leave {
                continue;
            }
            // On record before anything is done for it: should it end this node too, that was one time more.
            state.at_work = found == Found::Resume;
            if let Err(error) = self.register.settle(&goal_id, &state, None) {
                tracing::error!(%error, goal = goal_id, "a goal cannot be taken up again");
                continue;
            }
            let falls = state.falls.count;
            let whose = self.whose(asked.tenant.as_deref());
            match found {
                Found::Leave => {}
                Found::Park => tracing::error!(
                    goal = goal_id,
                    falls,
                    "the node has ended over this goal again and again; it is set aside"
                ),
                Found::Resume => {
                    tracing::info!(goal = goal_id, falls, "taken up again");
                    match self.go_on(node, &goal_id, whose, asked.goal).await {
                        Ok(progress) => others.push(progress),
                        Err(error) => self.give_up(&goal_id, error),
                    }
                }
                Found::Alone => {
                    tracing::warn!(
                        goal = goal_id,
                        falls,
                        "it goes on alone, when the others have come to rest: the node has ended over it"
                    );
                    match self.known_again(&goal_id, whose, asked.goal) {
                        Ok(progress) => {
                            progress.waits_its_turn(true);
                            self.enter(Arc::clone(&progress));
                            alone.push((progress, state));
                        }
                        Err(error) => self.give_up(&goal_id, error),
                    }
                }
            }
        }
        self.leave();
        let (turns, others) = (Arc::new(Semaphore::new(1)), Arc::new(others));
        for (progress, state) in alone {
            let (turns, others) = (Arc::clone(&turns), Arc::clone(&others));
            tokio::spawn(in_turn(node.clone(), progress, state, others, turns));
        }
    }

    /// A goal on record that cannot be worked on any more is over.
    fn give_up(&self, goal_id: &str, error: ControlError) {
        tracing::error!(%error, goal = goal_id, "a goal cannot be worked on any more");
        let ended = State::ended(GoalPhase::Failed, Some(error));
        if let Err(error) = self.register.settle(goal_id, &ended, None) {
            tracing::error!(%error, goal = goal_id, "nor can that be written down");
        }
    }

    /// Works on a goal that is on record, from where it was.
    async fn go_on(
        &self,
        node: &Node,
        goal_id: &str,
        tenant: &str,
        asked: Submit,
    ) -> Result<Arc<Progress>, ControlError> {
        let goal = self.again(goal_id, tenant, asked.clone())?;
        let ready = node.prepare(goal).await?;
        let progress = self.known_again(goal_id, tenant, asked)?;
        self.follow(Arc::clone(&progress), ready.begin());
        Ok(progress)
    }

    /// How a goal goes that is on record, with the last of what happened.
    fn known_again(
        &self,
        goal_id: &str,
        tenant: &str,
        asked: Submit,
    ) -> Result<Arc<Progress>, ControlError> {
        let register = &self.register;
        let last = register.last_seq(goal_id).map_err(unwritten)?;
        let kept = u64::try_from(EVENTS_KEPT).unwrap_or(u64::MAX);
        let events = register
            .events(goal_id, last.saturating_sub(kept), EVENTS_KEPT)
            .map_err(unwritten)?;
        let (id, whose) = (goal_id.to_owned(), tenant.to_owned());
        let progress = Progress::new(register.clone(), id, whose, asked, events);
        Ok(Arc::new(progress))
    }

    /// Goes on with a goal that rests, was set aside, was called off or failed.
    pub(crate) async fn resume(
        &self,
        node: &Node,
        tenant: &str,
        goal_id: &str,
    ) -> Result<(), ControlError> {
        let _entered = self.entrance.lock().await;
        let known = self.find(tenant, goal_id)?;
        if self.under_way(tenant, goal_id)?.is_some() {
            return Err(ControlError::new(
                ErrorKind::Conflict,
                format!("goal {goal_id} is under way already"),
            )
            .advise("watch it, or ask why it waits"));
        }
        if known.is_done() {
            return Err(known.is_over());
        }
        self.is_not_undone(goal_id)?;
        self.register
            .settle(goal_id, &State::begun(), None)
            .map_err(unwritten)?;
        self.go_on(node, goal_id, tenant, known.asked.clone())
            .await
            .map(drop)
    }

    /// What would be done for a goal. It leaves no trace here: nothing of it is begun.
    pub(crate) async fn plan(
        &self,
        node: &Node,
        caller: &Caller,
        asked: Submit,
    ) -> Result<PlanFile, ControlError> {
        if caller.place == Place::Elsewhere {
            absolute(asked.data.iter().chain([&asked.out]))?;
        }
        let goal = Goal::from(asked).of_tenant(caller.principal.tenant());
        Ok(node.plan(goal).await?)
    }

    /// The goal of that name, if it is under way; an error if there is no room for another of the tenant. Guests have places among
    /// themselves, so that they leave the node's own tenant all of its own.
    fn under_way(
        &self,
        tenant: &str,
        goal_id: &str,
    ) -> Result<Option<Arc<Progress>>, ControlError> {
        let known = self.known.lock();
        let running = known.iter().filter(|goal| goal.is_running());
        if let Some(same) = running.clone().find(|goal| goal.goal_id == goal_id) {
            return Ok(Some(Arc::clone(same)));
        }
        let of_tenant = running.clone().filter(|goal| goal.tenant == tenant).count();
        let of_guests = running.filter(|goal| goal.tenant != self.tenant).count();
        let (most, full) = if tenant == self.tenant {
            (RUNNING_MAX, of_tenant >= RUNNING_MAX)
        } else if of_tenant >= RUNNING_OF_GUEST_MAX {
            (RUNNING_OF_GUEST_MAX, true)
        } else {
            (RUNNING_MAX, of_guests >= RUNNING_MAX)
        };
        if full {
            let message = format!("goal {goal_id} would be one of more than {most} under way");
            return Err(ControlError::new(ErrorKind::Busy, message)
                .advise("wait for one of them, or call one off"));
        }
        Ok(None)
    }

    /// Makes a goal known; one of the same name that is over makes way for it, and so does the oldest of those that are over when there
    /// are too many.
    fn enter(&self, progress: Arc<Progress>) {
        let mut known = self.known.lock();
        known.retain(|goal| goal.goal_id != progress.goal_id);
        known.push_back(progress);
        let over = known.iter().filter(|goal| !goal.is_running()).count();
        if over > OVER_KEPT
            && let Some(oldest) = known.iter().position(|goal| !goal.is_running())
        {
            known.remove(oldest);
        }
    }

    /// How many are under way now.
    pub(crate) fn under_way_now(&self) -> usize {
        self.known
            .lock()
            .iter()
            .filter(|goal| goal.is_running())
            .count()
    }

    /// Whether it was taken up here, whatever became of it since.
    fn holds(&self, goal_id: &str) -> bool {
        let known = self.known.lock();
        known.iter().any(|goal| goal.goal_id == goal_id)
    }

    /// A tenant's goal; another's is no more known than one that there never was.
    fn find(&self, tenant: &str, goal_id: &str) -> Result<Arc<Progress>, ControlError> {
        let in_memory = {
            let known = self.known.lock();
            known.iter().find(|goal| goal.goal_id == goal_id).cloned()
        };
        let found = match in_memory {
            Some(goal) => Some(goal),
            None => self.on_record(goal_id).map_err(unwritten)?,
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

    /// A goal that nobody works on here, as it is on record.
    fn on_record(&self, goal_id: &str) -> Result<Option<Arc<Progress>>, StoreError> {
        let register = &self.register;
        let (Some(asked), Some(mut state)) = (register.asked(goal_id)?, register.state(goal_id)?)
        else {
            return Ok(None);
        };
        state.phase = self.standing(state.phase);
        let last = register.last_seq(goal_id)?;
        let events = register.events(goal_id, last.saturating_sub(1), 1)?;
        let answer = register.answer(goal_id)?;
        let register = register.clone();
        let whose = self.whose(asked.tenant.as_deref()).to_owned();
        let progress = Progress::new(register, goal_id.to_owned(), whose, asked.goal, events);
        progress.restore(state, answer);
        Ok(Some(Arc::new(progress)))
    }

    /// Calls a goal off, and returns when it is over. One that rests or was set aside is given up.
    pub(crate) async fn cancel(&self, tenant: &str, goal_id: &str) -> Result<(), ControlError> {
        let goal = {
            let _entered = self.entrance.lock().await;
            let goal = self.find(tenant, goal_id)?;
            if waits_for_somebody(goal.phase()) {
                goal.end(GoalPhase::Cancelled, None, None);
                return Ok(());
            }
            goal
        };
        self.end_by(&goal, Wanted::Off, GoalPhase::Cancelled).await
    }

    /// Lets a goal rest: what it has done stays, and it goes on when somebody says so.
    pub(crate) async fn pause(&self, tenant: &str, goal_id: &str) -> Result<(), ControlError> {
        let goal = {
            let _entered = self.entrance.lock().await;
            let goal = self.find(tenant, goal_id)?;
            if goal.phase() == GoalPhase::Interrupted {
                goal.end(GoalPhase::Paused, None, None);
                return Ok(());
            }
            goal
        };
        self.end_by(&goal, Wanted::Rest, GoalPhase::Paused).await
    }

    async fn end_by(
        &self,
        goal: &Progress,
        wanted: Wanted,
        phase: GoalPhase,
    ) -> Result<(), ControlError> {
        if !goal.is_running() {
            return Err(goal.is_over());
        }
        goal.wanted.send_replace(wanted);
        goal.over().await;
        // Its answer may have come in the same moment.
        if goal.phase() == phase {
            Ok(())
        } else {
            Err(goal.is_over())
        }
    }

    pub(crate) fn state(&self, tenant: &str, goal_id: &str) -> Result<GoalState, ControlError> {
        Ok(self.find(tenant, goal_id)?.state())
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
            open,
            resting: resting.map(|breaker| breaker.service).collect(),
        }))
    }

    /// All of a tenant's, newest first.
    pub(crate) fn list(&self, tenant: &str) -> Result<Vec<GoalLine>, ControlError> {
        let mut kept = self.register.all().map_err(unwritten)?.kept;
        kept.retain(|kept| self.whose(kept.asked.tenant.as_deref()) == tenant);
        let known = self.known.lock();
        let line = |kept: &Kept| {
            let live = known.iter().find(|goal| goal.goal_id == kept.goal_id);
            GoalLine {
                goal_id: kept.goal_id.clone(),
                text: kept.asked.goal.text.clone(),
                phase: live.map_or(self.standing(kept.state.phase), |goal| goal.phase()),
            }
        };
        Ok(kept.iter().rev().map(line).collect())
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

/// A path from another process says nothing unless it is absolute: the node may stand in another folder.
pub(crate) fn absolute<'p>(
    mut paths: impl Iterator<Item = &'p String>,
) -> Result<(), ControlError> {
    match paths.find(|path| !path.starts_with('/')) {
        None => Ok(()),
        Some(path) => Err(ControlError::invalid(format!(
            "the path {path:?} is not absolute, and the node may stand in another folder"
        ))
        .advise("write the path from the root on")),
    }
}

/// Writes down what happens with a goal until it is over, called off or let rest.
async fn follow(mut run: GoalRun, goal: Arc<Progress>) {
    let mut wanted = goal.wanted.subscribe();
    let mut unflushed: Option<Instant> = None;
    loop {
        let event = tokio::select! {
            biased;
            wanted = changed(&mut wanted) => Err(wanted),
            () = at(unflushed) => {
                unflushed = None;
                goal.flush();
                continue;
            }
            event = run.next() => Ok(event),
        };
        match event {
            Ok(Some(event)) => {
                goal.tell(&event);
                unflushed.get_or_insert_with(|| Instant::now() + LASTING_WITHIN);
            }
            Ok(None) => break,
            Err(wanted) => {
                run.cancel().await;
                let phase = match wanted {
                    Wanted::Rest => GoalPhase::Paused,
                    Wanted::On | Wanted::Off => GoalPhase::Cancelled,
                };
                return goal.end(phase, None, None);
            }
        }
    }
    match run.answer().await {
        Ok(answer) => goal.end(GoalPhase::Answered, Some(Arc::new(answer)), None),
        Err(GoalError::Cancelled) => goal.end(GoalPhase::Cancelled, None, None),
        // Only this node gives it up; the next one over the same store goes on with it.
        Err(error @ GoalError::Stopping) => {
            goal.end_as(GoalPhase::Failed, None, Some(error.into()), &State::left())
        }
        Err(error) => goal.end(GoalPhase::Failed, None, Some(error.into())),
    }
}

/// Returns at that moment; never for none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Works on a goal that may be what ends the node: when the others have come to rest, and no two at a time.
async fn in_turn(
    node: Node,
    goal: Arc<Progress>,
    mut state: State,
    others: Arc<Vec<Arc<Progress>>>,
    turns: Arc<Semaphore>,
) {
    let mut wanted = goal.wanted.subscribe();
    let turn = async {
        for other in others.iter() {
            other.over().await;
        }
        turns.acquire().await
    };
    let _turn = tokio::select! {
        biased;
        wanted = changed(&mut wanted) => {
            let phase = match wanted {
                Wanted::Rest => GoalPhase::Paused,
                Wanted::On | Wanted::Off => GoalPhase::Cancelled,
            };
            return goal.end(phase, None, None);
        }
        () = node.stops() => {
            let error = ControlError::from(GoalError::Stopping);
            return goal.end_as(GoalPhase::Failed, None, Some(error), &state);
        }
        turn = turn => turn,
    };
    let again = node
        .parts
        .goals
        .again(&goal.goal_id, &goal.tenant, goal.asked.clone());
    let again = match again {
        Ok(again) => again,
        Err(error) => return goal.end(GoalPhase::Failed, None, Some(error)),
    };
    let ready = match node.prepare(again).await {
        Ok(ready) => ready,
        Err(GoalError::Stopping) => {
            let error = ControlError::from(GoalError::Stopping);
            return goal.end_as(GoalPhase::Failed, None, Some(error), &state);
        }
        Err(error) => return goal.end(GoalPhase::Failed, None, Some(error.into())),
    };
    state.at_work = true;
    if let Err(error) = goal.settle(&state) {
        return goal.end_as(GoalPhase::Failed, None, Some(unwritten(error)), &state);
    }
    goal.waits_its_turn(false);
    follow(ready.begin(), goal).await;
}

/// Returns when something else is wanted than that the goal goes on.
async fn changed(wanted: &mut watch::Receiver<Wanted>) -> Wanted {
    // The sender lies in the goal that is followed, so it cannot be gone.
    let changed = wanted.wait_for(|wanted| *wanted != Wanted::On).await;
    changed.map_or(Wanted::Off, |wanted| *wanted)
}

fn waits_for_somebody(phase: GoalPhase) -> bool {
    matches!(
        phase,
        GoalPhase::Interrupted | GoalPhase::Paused | GoalPhase::Parked
    )
}

fn now_us(node: &Node) -> u64 {
    node.system().now().as_micros()
}

fn unwritten(error: StoreError) -> ControlError {
    ControlError::failed(format!("the record of goals cannot be used: {error}"))
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;

    use super::*;

    #[test]
    fn what_is_over_makes_way_and_what_is_under_way_does_not() {
        let goals = Goals::over(
            Arc::new(InMemoryStore::new()),
            "local",
            500,
            Arc::new(|_, _, _| {}),
        )
        .unwrap();
        let asked = |id: &str| Submit {
            goal_id: Some(id.to_owned()),
            text: "x".to_owned(),
            data: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        };
        let enter_of = |tenant: &str, id: &str, phase| {
            let register = goals.register.clone();
            let progress = Arc::new(Progress::new(
                register,
                id.to_owned(),
                tenant.to_owned(),
                asked(id),
                Vec::new(),
            ));
            if phase != GoalPhase::Running {
                progress.end(phase, None, None);
            }
            goals.enter(progress);
        };
        let enter = |id: &str, phase| enter_of("local", id, phase);
        enter("first", GoalPhase::Running);
        for at in 0..OVER_KEPT + 10 {
            enter(&format!("over-{at}"), GoalPhase::Answered);
        }
        let listed: Vec<_> = {
            let known = goals.known.lock();
            known
                .iter()
                .rev()
                .map(|goal| goal.goal_id.clone())
                .collect()
        };
        assert_eq!(listed.len(), OVER_KEPT + 1);
        assert_eq!(listed[OVER_KEPT], "first", "the oldest is kept");
        assert_eq!(listed[OVER_KEPT - 1], "over-10");
        for at in 1..RUNNING_MAX {
            enter(&format!("running-{at}"), GoalPhase::Running);
        }
        let refused = |tenant: &str| {
            let room = goals.under_way(tenant, "another");
            room.err().map(|error| error.kind)
        };
        assert_eq!(refused("local"), Some(ErrorKind::Busy));
        assert!(goals.under_way("local", "first").unwrap().is_some());
        // Guests have places of their own, and none of them has all.
        for at in 0..RUNNING_OF_GUEST_MAX {
            assert_eq!(refused("acme"), None, "{at}");
            enter_of("acme", &format!("acme-{at}"), GoalPhase::Running);
        }
        assert_eq!(refused("acme"), Some(ErrorKind::Busy));
        assert_eq!(refused("other"), None);
    }

    #[test]
    fn guests_take_no_place_of_the_nodes_own_tenant_and_push_nothing_of_others_off_the_record() {
        let goals = Goals::over(
            Arc::new(InMemoryStore::new()),
            "local",
            4,
            Arc::new(|_, _, _| {}),
        )
        .unwrap();
        let asked = Submit {
            goal_id: None,
            text: "x".to_owned(),
            data: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        };
        let accept = |tenant: &str, goal_id: &str, at| {
            goals
                .accept_as(goal_id, &asked, tenant, at, Origin::Asked)
                .unwrap();
            let state = State::ended(GoalPhase::Answered, None);
            goals.register.settle(goal_id, &state, None).unwrap();
        };
        accept("local", "mine", 1);
        for at in 2..12 {
            accept("acme", &format!("acme-{at}"), at);
        }
        assert_eq!(goals.list("local").unwrap().len(), 1);
        assert_eq!(goals.list("acme").unwrap().len(), 4);
        for at in 0..RUNNING_MAX {
            let progress = Progress::new(
                goals.register.clone(),
                format!("running-{at}"),
                format!("guest-{}", at / RUNNING_OF_GUEST_MAX),
                asked.clone(),
                Vec::new(),
            );
            goals.enter(Arc::new(progress));
        }
        let room = |tenant: &str| goals.under_way(tenant, "another").is_ok();
        assert!(!room("guest-4"), "the guests are many enough");
        assert!(room("local"));
    }

    #[test]
    fn a_goal_that_was_carried_out_elsewhere_asks_first_however_it_is_taken_up() {
        let goals = Goals::over(
            Arc::new(InMemoryStore::new()),
            "local",
            4,
            Arc::new(|_, _, _| {}),
        )
        .unwrap();
        let asked = Submit {
            goal_id: None,
            text: "x".to_owned(),
            data: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        };
        for (at, goal_id, origin, asks) in [
            (1, "asked", Origin::Asked, false),
            (2, "forked", Origin::Forked, true),
            (3, "imported", Origin::Imported, true),
        ] {
            goals
                .accept_as(goal_id, &asked, "local", at, origin)
                .unwrap();
            let goal = goals.again(goal_id, "local", asked.clone()).unwrap();
            let request = goal.recorded(&crate::config::Config::default()).unwrap();
            assert_eq!(request.forked, asks, "{goal_id}");
        }
    }

    #[test]
    fn of_those_that_are_over_the_oldest_leave_the_record() {
        let goals = Goals::over(
            Arc::new(InMemoryStore::new()),
            "local",
            4,
            Arc::new(|_, _, _| {}),
        )
        .unwrap();
        let asked = Submit {
            goal_id: None,
            text: "x".to_owned(),
            data: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        };
        for (at, phase) in [
            (1, GoalPhase::Running),
            (2, GoalPhase::Answered),
            (3, GoalPhase::Parked),
            (4, GoalPhase::Cancelled),
            (5, GoalPhase::Failed),
            (6, GoalPhase::Answered),
        ] {
            let goal_id = format!("g{at}");
            goals
                .accept_as(&goal_id, &asked, "local", at, Origin::Asked)
                .unwrap();
            let state = State::ended(phase, None);
            goals.register.settle(&goal_id, &state, None).unwrap();
        }
        goals
            .accept_as("g7", &asked, "local", 7, Origin::Asked)
            .unwrap();
        let taken = goals
            .accept_as("g7", &asked, "acme", 8, Origin::Asked)
            .unwrap_err();
        assert_eq!(taken.kind, ErrorKind::Conflict, "it is another tenant's");
        assert_eq!(goals.list("acme").unwrap(), []);
        let unseen = goals.state("acme", "g7").unwrap_err();
        assert_eq!(unseen.kind, ErrorKind::Unknown);
        let listed = goals.list("local").unwrap();
        let ids: Vec<_> = listed.iter().map(|line| line.goal_id.as_str()).collect();
        assert_eq!(
            ids,
            ["g7", "g6", "g3", "g1"],
            "the newest, and whatever is not over"
        );
    }
}
