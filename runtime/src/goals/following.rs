//! The goals that are held in memory: those under way, each followed to its end, and the last that are over.

use std::sync::Arc;
use std::time::Duration;

use aios_control::{ControlError, ErrorKind, GoalPhase};
use tokio::sync::watch;
use tokio::time::Instant;

use super::progress::{Progress, Wanted};
use super::register::State;
use super::{Goals, OVER_KEPT, RUNNING_MAX, RUNNING_OF_GUEST_MAX};
use crate::gateway::{GoalError, GoalRun, Ready};

/// What happened is lasting so soon: a crash takes no more than the last moment. One sync serves all goals.
const LASTING_WITHIN: Duration = Duration::from_millis(100);

impl Goals {
    /// Begins with a goal that is on record.
    pub(super) fn begin(&self, goal_id: &str, ready: Ready) -> GoalRun {
        let asked = self.register.asked(goal_id).ok().flatten();
        ready.accepted(asked.map(|asked| asked.begun_us())).begin()
    }

    pub(super) fn follow(&self, progress: Arc<Progress>, run: GoalRun) {
        self.enter(Arc::clone(&progress));
        tokio::spawn(follow(run, progress));
    }

    /// The goal of that name, if it is under way; an error if there is no room for another of the tenant. Guests have places among
    /// themselves, so that they leave the node's own tenant all of its own.
    pub(super) fn under_way(
        &self,
        tenant: &str,
        goal_id: &str,
    ) -> Result<Option<Arc<Progress>>, ControlError> {
        let known = self.known.lock();
        let running = known.iter().filter(|goal| goal.is_running());
        if let Some(same) = running.clone().find(|goal| goal.goal_id == goal_id) {
            return Ok(Some(Arc::clone(same)));
        }
        // Those that an earlier node left are under way too, though they are yet to be taken up: or with each fall of a busy node there would be
        // more of them.
        let left = self.left.lock();
        if left.iter().any(|kept| kept.goal_id == goal_id) {
            return Ok(None);
        }
        let left = left
            .iter()
            .map(|kept| self.whose(kept.asked.tenant.as_deref()));
        let known = running.map(|goal| goal.tenant.as_str());
        let whose: Vec<&str> = known.chain(left).collect();
        let of_tenant = whose.iter().filter(|whose| **whose == tenant).count();
        let of_guests = whose.iter().filter(|whose| **whose != self.tenant).count();
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
    pub(super) fn enter(&self, progress: Arc<Progress>) {
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
    pub(super) fn holds(&self, goal_id: &str) -> bool {
        let known = self.known.lock();
        known.iter().any(|goal| goal.goal_id == goal_id)
    }
}

/// Writes down what happens with a goal until it is over, called off or let rest.
pub(super) async fn follow(mut run: GoalRun, goal: Arc<Progress>) {
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

/// Returns when something else is wanted than that the goal goes on.
pub(super) async fn changed(wanted: &mut watch::Receiver<Wanted>) -> Wanted {
    // The sender lies in the goal that is followed, so it cannot be gone.
    let changed = wanted.wait_for(|wanted| *wanted != Wanted::On).await;
    changed.map_or(Wanted::Off, |wanted| *wanted)
}
