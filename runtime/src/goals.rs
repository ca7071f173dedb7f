//! The goals that came by the contract: what happens with each is kept while it is under way and for a while after, so that whoever watches
//! may come late, leave, and come again.

use std::collections::VecDeque;
use std::sync::Arc;

use aios_control::{
    ControlError, ErrorKind, Event, EventKind, EventStream, Events, GoalLine, GoalPhase, GoalState,
    Place, Submit, Submitted,
};
use aios_work::PlanFile;
use aios_work::content::Answer;
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::events::GoalEvent;
use crate::gateway::{Goal, GoalError, GoalRun, fresh_id};
use crate::node::Node;

/// Events of one goal that are kept; a goal of a thousand tasks has a few thousand, and whoever watches from the beginning misses none
/// unless it is that slow.
const EVENTS_KEPT: usize = 1_024;
/// Goals that may be under way at a time. Beyond a few they only wait for the same executors.
const RUNNING_MAX: usize = 64;
/// Goals that are over and can still be asked about; each keeps its answer and its last events.
const OVER_KEPT: usize = 64;

/// The goals of one node.
#[derive(Default)]
pub(crate) struct Goals {
    /// Oldest first.
    known: Mutex<VecDeque<Arc<Progress>>>,
    /// Held while a goal is taken up, so that the same one handed in twice at once is one.
    entrance: tokio::sync::Mutex<()>,
}

/// How one goal goes.
struct Progress {
    goal_id: String,
    asked: Submit,
    log: Mutex<Log>,
    /// Told whenever the log has changed.
    news: watch::Sender<()>,
    /// Raised when the goal is called off.
    off: watch::Sender<bool>,
}

struct Log {
    events: VecDeque<Event>,
    last_seq: u64,
    phase: GoalPhase,
    answer: Option<Arc<Answer>>,
    error: Option<ControlError>,
}

impl Progress {
    fn new(goal_id: String, asked: Submit) -> Self {
        Self {
            goal_id,
            asked,
            log: Mutex::new(Log {
                events: VecDeque::new(),
                last_seq: 0,
                phase: GoalPhase::Running,
                answer: None,
                error: None,
            }),
            news: watch::Sender::new(()),
            off: watch::Sender::new(false),
        }
    }

    fn phase(&self) -> GoalPhase {
        self.log.lock().phase
    }

    fn is_running(&self) -> bool {
        self.phase() == GoalPhase::Running
    }

    fn tell(&self, event: &GoalEvent) {
        let (kind, body) = match event {
            GoalEvent::Task(event) => (EventKind::Task, serde_json::to_value(event)),
            GoalEvent::Agent(event) => (EventKind::Agent, serde_json::to_value(event)),
        };
        // Their fields are text and numbers, which can always be written.
        let Ok(body) = body else { return };
        let mut log = self.log.lock();
        log.last_seq += 1;
        let seq = log.last_seq;
        log.events.push_back(Event { seq, kind, body });
        if log.events.len() > EVENTS_KEPT {
            log.events.pop_front();
        }
        drop(log);
        self.news.send_replace(());
    }

    fn end(&self, phase: GoalPhase, answer: Option<Arc<Answer>>, error: Option<ControlError>) {
        let mut log = self.log.lock();
        log.phase = phase;
        log.answer = answer;
        log.error = error;
        drop(log);
        self.news.send_replace(());
    }

    fn state(&self) -> GoalState {
        let log = self.log.lock();
        GoalState {
            goal_id: self.goal_id.clone(),
            phase: log.phase,
            last_seq: log.last_seq,
            answer: log.answer.clone(),
            error: log.error.clone(),
        }
    }

    /// Returns when the goal is over.
    async fn over(&self) {
        let mut news = self.news.subscribe();
        while self.is_running() {
            // The sender lies in this very goal, so it cannot be gone.
            let _ = news.changed().await;
        }
    }

    fn is_over(&self) -> ControlError {
        let message = format!("goal {} is over", self.goal_id);
        ControlError::new(ErrorKind::Conflict, message)
            .advise("ask for its answer, or hand it in again to go on with it")
    }
}

impl Log {
    /// The first event after a number that is still kept.
    fn after(&self, seq: u64) -> Option<&Event> {
        let first = self.events.front()?.seq;
        let skipped = seq.saturating_add(1).saturating_sub(first);
        self.events.get(usize::try_from(skipped).ok()?)
    }
}

impl Goals {
    /// Takes a goal up. Handed in again while it is under way, it is the same one.
    pub(crate) async fn submit(
        &self,
        node: &Node,
        place: Place,
        asked: Submit,
    ) -> Result<Submitted, ControlError> {
        if place == Place::Elsewhere {
            absolute(asked.data.iter().chain([&asked.out]))?;
        }
        let goal_id = match &asked.goal_id {
            Some(goal_id) => goal_id.clone(),
            None => fresh_id()?,
        };
        let _entered = self.entrance.lock().await;
        if let Some(known) = self.under_way(&goal_id)? {
            if known.asked == asked {
                return Ok(Submitted { goal_id });
            }
            let message =
                format!("goal {goal_id} is under way with other words, files or another folder");
            return Err(ControlError::new(ErrorKind::Conflict, message)
                .advise("choose another id, or call it off first"));
        }
        let run = node.run(Goal::from(asked.clone()).id(&goal_id)).await?;
        let progress = Arc::new(Progress::new(goal_id.clone(), asked));
        self.enter(Arc::clone(&progress));
        tokio::spawn(follow(run, progress));
        Ok(Submitted { goal_id })
    }

    /// What would be done for a goal. It leaves no trace here: nothing of it is begun.
    pub(crate) async fn plan(
        &self,
        node: &Node,
        place: Place,
        asked: Submit,
    ) -> Result<PlanFile, ControlError> {
        if place == Place::Elsewhere {
            absolute(asked.data.iter().chain([&asked.out]))?;
        }
        Ok(node.plan(Goal::from(asked)).await?)
    }

    /// The goal of that name, if it is under way; an error if there is no room for another.
    fn under_way(&self, goal_id: &str) -> Result<Option<Arc<Progress>>, ControlError> {
        let known = self.known.lock();
        let mut running = known.iter().filter(|goal| goal.is_running());
        if let Some(same) = running.clone().find(|goal| goal.goal_id == goal_id) {
            return Ok(Some(Arc::clone(same)));
        }
        if running.nth(RUNNING_MAX - 1).is_some() {
            let message =
                format!("goal {goal_id} would be one of more than {RUNNING_MAX} under way");
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

    fn find(&self, goal_id: &str) -> Result<Arc<Progress>, ControlError> {
        let known = self.known.lock();
        let found = known.iter().find(|goal| goal.goal_id == goal_id);
        found.cloned().ok_or_else(|| {
            ControlError::unknown(format!("no goal {goal_id:?} is known to this node"))
                .advise("ask for the goals there are; one that ended long ago is not kept")
        })
    }

    /// Calls a goal off, and returns when it is over.
    pub(crate) async fn cancel(&self, goal_id: &str) -> Result<(), ControlError> {
        let goal = self.find(goal_id)?;
        if !goal.is_running() {
            return Err(goal.is_over());
        }
        goal.off.send_replace(true);
        goal.over().await;
        // Its answer may have come in the same moment.
        match goal.phase() {
            GoalPhase::Cancelled => Ok(()),
            _ => Err(goal.is_over()),
        }
    }

    pub(crate) fn state(&self, goal_id: &str) -> Result<GoalState, ControlError> {
        Ok(self.find(goal_id)?.state())
    }

    /// All of them, newest first.
    pub(crate) fn list(&self) -> Vec<GoalLine> {
        let known = self.known.lock();
        let line = |goal: &Arc<Progress>| GoalLine {
            goal_id: goal.goal_id.clone(),
            text: goal.asked.text.clone(),
            phase: goal.phase(),
        };
        known.iter().rev().map(line).collect()
    }

    pub(crate) fn watch(&self, events: &Events) -> Result<Box<dyn EventStream>, ControlError> {
        let goal = self.find(&events.goal_id)?;
        Ok(Box::new(Watch {
            news: goal.news.subscribe(),
            goal,
            seen: events.after_seq,
        }))
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

/// Writes down what happens with a goal until it is over or called off.
async fn follow(mut run: GoalRun, goal: Arc<Progress>) {
    let mut off = goal.off.subscribe();
    loop {
        let event = tokio::select! {
            biased;
            () = raised(&mut off) => None,
            event = run.next() => Some(event),
        };
        match event {
            Some(Some(event)) => goal.tell(&event),
            Some(None) => break,
            None => {
                run.cancel().await;
                return goal.end(GoalPhase::Cancelled, None, None);
            }
        }
    }
    match run.answer().await {
        Ok(answer) => goal.end(GoalPhase::Answered, Some(Arc::new(answer)), None),
        Err(GoalError::Cancelled) => goal.end(GoalPhase::Cancelled, None, None),
        Err(error) => goal.end(GoalPhase::Failed, None, Some(error.into())),
    }
}

/// Returns when the goal is called off.
async fn raised(off: &mut watch::Receiver<bool>) {
    // The sender lies in the goal that is followed, so it cannot be gone.
    let _ = off.wait_for(|off| *off).await;
}

/// Somebody who watches a goal.
struct Watch {
    goal: Arc<Progress>,
    news: watch::Receiver<()>,
    /// The number of the last event that was handed out.
    seen: u64,
}

#[async_trait]
impl EventStream for Watch {
    async fn next(&mut self) -> Option<Event> {
        loop {
            self.news.mark_unchanged();
            {
                let log = self.goal.log.lock();
                if let Some(event) = log.after(self.seen) {
                    self.seen = event.seq;
                    return Some(event.clone());
                }
                if log.phase != GoalPhase::Running {
                    return None;
                }
            }
            self.news.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_goes_on_after_any_number_and_past_what_is_not_kept() {
        let event = |seq| Event {
            seq,
            kind: EventKind::Task,
            body: serde_json::Value::Null,
        };
        let mut log = Log {
            events: VecDeque::new(),
            last_seq: 9,
            phase: GoalPhase::Running,
            answer: None,
            error: None,
        };
        assert!(log.after(0).is_none());
        log.events.extend((5..=9).map(event));
        for (after, next) in [
            (0, Some(5)),
            (3, Some(5)),
            (4, Some(5)),
            (5, Some(6)),
            (8, Some(9)),
            (9, None),
            (u64::MAX, None),
        ] {
            let found = log.after(after).map(|event| event.seq);
            assert_eq!(found, next, "after {after}");
        }
    }

    #[test]
    fn what_is_over_makes_way_and_what_is_under_way_does_not() {
        let goals = Goals::default();
        let asked = |id: &str| Submit {
            goal_id: Some(id.to_owned()),
            text: "x".to_owned(),
            data: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        };
        let enter = |id: &str, phase| {
            let progress = Arc::new(Progress::new(id.to_owned(), asked(id)));
            if phase != GoalPhase::Running {
                progress.end(phase, None, None);
            }
            goals.enter(progress);
        };
        enter("first", GoalPhase::Running);
        for at in 0..OVER_KEPT + 10 {
            enter(&format!("over-{at}"), GoalPhase::Answered);
        }
        let listed = goals.list();
        assert_eq!(listed.len(), OVER_KEPT + 1);
        assert_eq!(listed[OVER_KEPT].goal_id, "first", "the oldest is kept");
        assert_eq!(listed[OVER_KEPT - 1].goal_id, "over-10");
        for at in 1..RUNNING_MAX {
            enter(&format!("running-{at}"), GoalPhase::Running);
        }
        let refused = goals.under_way("another").err().map(|error| error.kind);
        assert_eq!(refused, Some(ErrorKind::Busy));
        assert!(goals.under_way("first").unwrap().is_some());
    }
}
