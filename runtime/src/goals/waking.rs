//! Takes up again what was under way when the last node over the same store ended.

use std::sync::Arc;

use aios_control::{ControlError, GoalPhase, Submit};
use tokio::sync::Semaphore;

use super::following::{changed, follow};
use super::progress::{EVENTS_KEPT, Progress, Wanted};
use super::register::{Blame, Found, Kept, State};
use super::{Goals, unwritten};
use crate::gateway::GoalError;
use crate::node::Node;

impl Goals {
    /// Takes up what was under way when the last node over this store ended. One that the node falls over again and again is set aside.
    pub(crate) async fn wake(&self, node: &Node) {
        let (mut others, mut alone) = (Vec::new(), Vec::new());
        let explained = self.falls_are_explained();
        let next = || {
            let mut left = self.left.lock();
            (!left.is_empty()).then(|| left.remove(0))
        };
        while let Some(Kept {
            goal_id,
            asked,
            state,
        }) = next()
        {
            // Before a word of it is said.
            node.keeps_to_itself(&goal_id, asked.goal.private);
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
            let before = state.clone();
            let blame = self.blame(&goal_id);
            let (found, mut state) = match state.found(&goal_id, done, blame) {
                (Found::Alone, state) if explained => (Found::Resume, state.cleared()),
                found => found,
            };
            if found == Found::Leave {
                continue;
            }
            // On record before anything is done for it: should it end this node too, that was one time more.
            state.at_work = found == Found::Resume;
            if state == before {
                // It has waited its turn, and does again: a node that falls often spends its time on those that go on.
                self.register.stands(&goal_id, state.phase);
            } else if let Err(error) = self.register.settle(&goal_id, &state, None) {
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
                        // Only this node gives it up; the next one over the same store goes on with it.
                        Err(_) if node.is_stopping() => {
                            state.at_work = false;
                            if let Err(error) = self.register.settle(&goal_id, &state, None) {
                                tracing::error!(%error, goal = goal_id, "this stop counts as a fall of the goal");
                            }
                        }
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

    /// Whether a goal will be set aside that the node has ended over: then its falls are explained, and the others that were at work at them
    /// are under no suspicion any more.
    fn falls_are_explained(&self) -> bool {
        self.left.lock().iter().any(|kept| {
            let done = self.register.done(&kept.goal_id).unwrap_or_default();
            let blame = self.blame(&kept.goal_id);
            let (found, _) = kept.state.clone().found(&kept.goal_id, done, blame);
            found == Found::Park
        })
    }

    /// What is known of a goal's part in the end of the process before this one.
    fn blame(&self, goal_id: &str) -> Blame {
        match self.blamed.is_empty() {
            true => Blame::Unknown,
            false if self.blamed.contains(goal_id) => Blame::Seen,
            false => Blame::Another,
        }
    }

    /// A goal on record that cannot be worked on any more is over.
    pub(super) fn give_up(&self, goal_id: &str, error: ControlError) {
        tracing::error!(%error, goal = goal_id, "a goal cannot be worked on any more");
        let ended = State::ended(GoalPhase::Failed, Some(error));
        if let Err(error) = self.register.settle(goal_id, &ended, None) {
            tracing::error!(%error, goal = goal_id, "nor can that be written down");
        }
    }

    /// Works on a goal that is on record, from where it was.
    pub(super) async fn go_on(
        &self,
        node: &Node,
        goal_id: &str,
        tenant: &str,
        asked: Submit,
    ) -> Result<Arc<Progress>, ControlError> {
        let in_place = self.register.in_place(goal_id).map_err(unwritten)?;
        let goal = self.again(goal_id, tenant, asked.clone(), in_place)?;
        let ready = node.prepare(goal).await?;
        let progress = self.known_again(goal_id, tenant, asked)?;
        self.follow(Arc::clone(&progress), self.begin(goal_id, ready));
        Ok(progress)
    }

    /// How a goal goes that is on record, with the last of what happened.
    pub(super) fn known_again(
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
    let goals = &node.parts.goals;
    let in_place = goals.register.in_place(&goal.goal_id).map_err(unwritten);
    let again = in_place.and_then(|in_place| {
        goals.again(&goal.goal_id, &goal.tenant, goal.asked.clone(), in_place)
    });
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
    follow(goals.begin(&goal.goal_id, ready), goal).await;
}
