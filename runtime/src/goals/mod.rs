//! The goals that came by the contract: accepted when they are on record, taken up again by a node that starts, and kept for a while after
//! they are over, so that whoever watches may come late, leave, and come again.
//!
//! Here is what is ordered of a goal. `recorded` says which are on record and for whom there is room, `following` carries one to its end,
//! `waking` takes up what an earlier node left, `watching` answers whoever asks, and `runs` does what can be done with one that rests.

mod explain;
mod following;
mod given;
mod plan;
mod progress;
mod recorded;
mod register;
mod runs;
mod waking;
mod watching;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aios_control::{Caller, ControlError, ErrorKind, GoalPhase, Place, Submit, Submitted};
use aios_memory::{Store, StoreError};
use aios_work::PlanFile;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::gateway::{Goal, fresh_id};
use crate::names;
use crate::node::Node;
use crate::rights::leads_to;
use given::given;
use progress::{Progress, Wanted};
use register::{Hold, Kept, Register};

/// Goals that may be under way at a time. Beyond a few they only wait for the same executors.
const RUNNING_MAX: usize = 64;
/// The same of one tenant that is not the node's own, so that none keeps the others out.
const RUNNING_OF_GUEST_MAX: usize = RUNNING_MAX / 4;
/// Goals that are over and held in memory with their last events; the others are on record.
const OVER_KEPT: usize = 64;
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
    /// Whose those are that an earlier version left on record of other tenants than the node's, under names that do not say so.
    guests: HashMap<String, String>,
    /// Those in memory, oldest first.
    known: Mutex<VecDeque<Arc<Progress>>>,
    /// Held while a goal is taken up, so that the same one handed in twice at once is one.
    entrance: tokio::sync::Mutex<()>,
    /// Those that an earlier node left under way, until they are taken up. The others are not looked at by a node that starts: there may be
    /// thousands.
    left: Mutex<Vec<Kept>>,
    /// Those whose tools were being worked on when the process before this one ended.
    blamed: BTreeSet<String>,
    /// Whether those are still being taken up.
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
            register.holds_known(kept);
        }
        for goal in &found.unread {
            tracing::error!(
                goal,
                "the record of a goal cannot be read; it does not go on"
            );
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
        let under_way = |kept: &&Kept| kept.state.phase == GoalPhase::Running;
        let left = found.kept.iter().filter(under_way).cloned().collect();
        let named = |kept: Kept| Named {
            tenant: kept.asked.tenant.unwrap_or_else(|| tenant.to_owned()),
            goal_id: kept.goal_id,
        };
        let mut guests = HashMap::new();
        for goal_id in &found.torn {
            let asked = register.asked(goal_id)?.and_then(|asked| asked.tenant);
            if let Some(guest) = asked.filter(|of| of != tenant) {
                guests.insert(goal_id.clone(), guest);
            }
        }
        let recorded: VecDeque<Named> = found.kept.into_iter().map(named).collect();
        let of_guests = recorded.iter().filter(|known| known.tenant != tenant);
        guests.extend(of_guests.map(|known| (known.goal_id.clone(), known.tenant.clone())));
        guests.retain(|goal_id, _| names::guest(goal_id).is_none());
        Ok(Self {
            register,
            tenant: tenant.to_owned(),
            most,
            recorded: Mutex::new(recorded),
            guests,
            known: Mutex::default(),
            entrance: tokio::sync::Mutex::default(),
            left: Mutex::new(left),
            blamed: BTreeSet::new(),
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

    /// The same, and if it is known whose tools were being worked on when the process before this one ended, no other goal counts that fall:
    /// it may have been another all the same, and then the next fall finds nobody at work.
    pub(crate) fn blaming(mut self, blamed: BTreeSet<String>) -> Self {
        self.blamed = blamed;
        self
    }

    /// None of those that were under way is taken up by itself.
    pub(crate) fn leave(&self) {
        self.left.lock().clear();
        self.waking.store(false, Ordering::Release);
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
        let in_place = node.confined(caller).is_some();
        // Where its files are written then has no link in it, and one that is found there later is somebody's who wants other files read. Of
        // somebody who may name some folders alone it was looked at already.
        if !in_place
            && let Some(out) = leads_to(Path::new(&asked.out))
                .as_deref()
                .and_then(Path::to_str)
        {
            asked.out = out.to_owned();
        }
        let goal_id = match &asked.goal_id {
            Some(goal_id) => goal_id.clone(),
            None => names::of_drawn(&self.tenant, tenant, fresh_id()?),
        };
        let given = match asked.files.is_empty() {
            true => None,
            false => {
                let own = own_folder(node, tenant, &asked.out, &goal_id)?;
                given(&mut asked, &own)?
            }
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
        let kept = match given {
            Some(given) => Some(given.keep().await?),
            None => None,
        };
        let goal = self.again(&goal_id, tenant, asked.clone(), in_place)?;
        let goal = goal.traced(caller.trace);
        let ready = node.prepare(goal).await?;
        self.may_be_called(&goal_id, tenant)?;
        self.is_not_undone(&goal_id)?;
        // It goes on with the steps that are there, and so stays what it was.
        let origin = self.register.origin(&goal_id).map_err(unwritten)?;
        self.accept_as(&goal_id, &asked, tenant, now_us(node), origin, in_place)?;
        if let Some(kept) = kept {
            kept.stay();
        }
        let register = self.register.clone();
        let (id, whose) = (goal_id.clone(), tenant.to_owned());
        let progress = Progress::new(register, id, whose, asked, Vec::new());
        let run = self.begin(&progress.goal_id, ready);
        self.follow(Arc::new(progress), run);
        Ok(Submitted { goal_id })
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
            .begin_again(goal_id, now_us(node))
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
        mut asked: Submit,
    ) -> Result<PlanFile, ControlError> {
        if caller.place == Place::Elsewhere {
            absolute(asked.data.iter().chain([&asked.out]))?;
        }
        let tenant = caller.principal.tenant();
        // Files that come with it lie there for as long as it is thought about.
        let given = match asked.files.is_empty() {
            true => None,
            false => {
                let own = own_folder(node, tenant, &asked.out, &fresh_id()?)?;
                given(&mut asked, &own)?
            }
        };
        let _kept = match given {
            Some(given) => Some(given.keep().await?),
            None => None,
        };
        let in_place = node.confined(caller).is_some();
        let goal = Goal::from(asked)
            .of_tenant(tenant)
            .in_place(in_place)
            .traced(caller.trace);
        Ok(node.plan(goal).await?)
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
}

/// The folder of a goal's own, of a name that it may have.
fn own_folder(
    node: &Node,
    tenant: &str,
    out: &str,
    goal_id: &str,
) -> Result<PathBuf, ControlError> {
    let named = Goal::new("x").id(goal_id).of_tenant(tenant).out(out);
    Ok(named.recorded(node.config())?.out_dir.into())
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
mod tests;
