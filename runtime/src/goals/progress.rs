//! How one goal goes: what happened with it, where it stands, and whoever watches it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aios_control::{
    ControlError, ErrorKind, Event, EventKind, EventStream, GoalPhase, GoalState, Submit, Told,
    Written,
};
use aios_memory::StoreError;
use aios_work::content::{Answer, GoalStatus};
use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::register::{Register, State};
use crate::events::GoalEvent;

/// Events of one goal that are kept in memory; a goal of a thousand tasks has a few thousand, and whoever watches from the beginning misses
/// none unless it is that slow.
pub(super) const EVENTS_KEPT: usize = 1_024;

/// Bytes of a state that is kept in words for whoever asks next. Of each goal in memory there is one, some 130 at most, which are 8 MiB; a longer
/// one is written anew each time.
const WORDS_KEPT: usize = 64 * 1024;

/// What is wanted of a goal under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// That it goes on.
    On,
    /// That it is called off.
    Off,
    /// That it rests until somebody takes it up again.
    Rest,
}

/// How one goal goes.
pub(super) struct Progress {
    pub(super) goal_id: String,
    /// Whose it is.
    pub(super) tenant: String,
    pub(super) asked: Submit,
    log: Mutex<Log>,
    /// Told whenever the log has changed.
    news: watch::Sender<()>,
    pub(super) wanted: watch::Sender<Wanted>,
    register: Register,
    /// It has not begun again yet: the others come first.
    waits_its_turn: AtomicBool,
}

struct Log {
    events: VecDeque<Event>,
    last_seq: u64,
    phase: GoalPhase,
    answer: Option<Arc<Answer>>,
    error: Option<ControlError>,
    /// How it stands, in words; none since it stands otherwise.
    words: Option<Written>,
    /// How often it stood otherwise.
    changes: u64,
}

impl Progress {
    /// A goal that is taken up; `last_seq` numbers the last event from before, if it was taken up before.
    pub(super) fn new(
        register: Register,
        goal_id: String,
        tenant: String,
        asked: Submit,
        events: Vec<Event>,
    ) -> Self {
        let last_seq = events.last().map_or(0, |event| event.seq);
        Self {
            goal_id,
            tenant,
            asked,
            log: Mutex::new(Log {
                events: events.into(),
                last_seq,
                phase: GoalPhase::Running,
                answer: None,
                error: None,
                words: None,
                changes: 0,
            }),
            news: watch::Sender::new(()),
            wanted: watch::Sender::new(Wanted::On),
            register,
            waits_its_turn: AtomicBool::new(false),
        }
    }

    /// Makes lasting what was told; off the async threads, because the disk may take its time.
    pub(super) fn flush(&self) {
        let (register, goal_id) = (self.register.clone(), self.goal_id.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = register.flush() {
                tracing::warn!(%error, goal = goal_id, "the last of what happened is not lasting yet");
            }
        });
    }

    pub(super) fn waits_its_turn(&self, waits: bool) {
        self.waits_its_turn.store(waits, Ordering::Relaxed);
    }

    pub(super) fn is_waiting_its_turn(&self) -> bool {
        self.waits_its_turn.load(Ordering::Relaxed)
    }

    /// Writes down how it stands for the node that starts next.
    pub(super) fn settle(&self, recorded: &State) -> Result<(), StoreError> {
        self.register.settle(&self.goal_id, recorded, None)
    }

    pub(super) fn phase(&self) -> GoalPhase {
        self.log.lock().phase
    }

    pub(super) fn is_running(&self) -> bool {
        self.phase() == GoalPhase::Running
    }

    /// Whether nothing is left to do: its answer lacks nothing.
    pub(super) fn is_done(&self) -> bool {
        let log = self.log.lock();
        let status = log.answer.as_ref().map(|answer| answer.status);
        log.phase == GoalPhase::Answered
            && !matches!(status, Some(GoalStatus::Failed | GoalStatus::Partial))
    }

    pub(super) fn tell(&self, event: &GoalEvent) {
        let (kind, body) = match event {
            GoalEvent::Task(event) => (EventKind::Task, serde_json::to_value(event)),
            GoalEvent::Agent(event) => (EventKind::Agent, serde_json::to_value(event)),
        };
        // Their fields are text and numbers, which can always be written.
        let Ok(body) = body else { return };
        let mut log = self.log.lock();
        log.changed();
        log.last_seq += 1;
        let seq = log.last_seq;
        let event = Event { seq, kind, body };
        // Whoever watches now sees it all the same.
        if let Err(error) = self.register.tell(&self.goal_id, &event) {
            tracing::warn!(%error, goal = self.goal_id, seq, "what happened could not be written down");
        }
        log.events.push_back(event);
        if log.events.len() > EVENTS_KEPT {
            log.events.pop_front();
        }
        drop(log);
        self.news.send_replace(());
    }

    /// It is over, and on record as such before anybody is told.
    pub(super) fn end(
        &self,
        phase: GoalPhase,
        answer: Option<Arc<Answer>>,
        error: Option<ControlError>,
    ) {
        self.end_as(phase, answer, error.clone(), &State::ended(phase, error));
    }

    /// The same, where the record says something else: a goal that only this node gives up is under way for the next one.
    pub(super) fn end_as(
        &self,
        phase: GoalPhase,
        answer: Option<Arc<Answer>>,
        error: Option<ControlError>,
        recorded: &State,
    ) {
        let settled = self
            .register
            .settle(&self.goal_id, recorded, answer.as_deref());
        if let Err(error) = settled {
            tracing::error!(%error, goal = self.goal_id, "the end of a goal could not be written down; a node that starts again works on it anew");
        }
        let mut log = self.log.lock();
        log.changed();
        log.phase = phase;
        log.answer = answer;
        log.error = error;
        drop(log);
        self.news.send_replace(());
    }

    /// How it ended, from the record.
    pub(super) fn restore(&self, state: State, answer: Option<Arc<Answer>>) {
        let mut log = self.log.lock();
        log.changed();
        log.phase = state.phase;
        log.answer = answer;
        log.error = state.error;
    }

    pub(super) fn state(&self) -> GoalState {
        self.log.lock().state(&self.goal_id)
    }

    /// The same as it travels, put into words once as long as nothing changes; which are kept only if they are short.
    pub(super) fn words(&self) -> Option<Written> {
        let (state, changes) = {
            let log = self.log.lock();
            if let Some(words) = &log.words {
                return Some(words.clone());
            }
            (log.state(&self.goal_id), log.changes)
        };
        // By the way that other answers go, so that the words are the same whoever writes them; and without the lock, because it takes its time.
        let json = serde_json::to_value(&state).and_then(|state| serde_json::to_vec(&state));
        let json = json.ok()?;
        let is_short = json.len() <= WORDS_KEPT;
        let words = Written::new(json);
        let mut log = self.log.lock();
        if is_short && log.changes == changes {
            log.words = Some(words.clone());
        }
        Some(words)
    }

    /// Returns when the goal is over.
    pub(super) async fn over(&self) {
        let mut news = self.news.subscribe();
        while self.is_running() {
            // The sender lies in this very goal, so it cannot be gone.
            let _ = news.changed().await;
        }
    }

    pub(super) fn is_over(&self) -> ControlError {
        let message = format!("goal {} is over", self.goal_id);
        ControlError::new(ErrorKind::Conflict, message)
            .advise("ask for its answer, or hand it in again to go on with it")
    }

    pub(super) fn watched(self: Arc<Self>, after_seq: u64) -> Watch {
        Watch {
            news: self.news.subscribe(),
            goal: self,
            seen: after_seq,
        }
    }
}

impl Log {
    /// It stands otherwise from now on.
    fn changed(&mut self) {
        self.changes += 1;
        self.words = None;
    }

    fn state(&self, goal_id: &str) -> GoalState {
        GoalState {
            goal_id: goal_id.to_owned(),
            phase: self.phase,
            last_seq: self.last_seq,
            answer: self.answer.clone(),
            error: self.error.clone(),
        }
    }

    /// The first event after a number that is still kept.
    fn after(&self, seq: u64) -> Option<&Event> {
        // Numbers may be left out, and there may be none after it.
        let after = self.events.partition_point(|event| event.seq <= seq);
        self.events.get(after)
    }
}

/// Somebody who watches a goal.
pub(super) struct Watch {
    goal: Arc<Progress>,
    news: watch::Receiver<()>,
    /// The number of the last event that was handed out.
    seen: u64,
}

#[async_trait]
impl EventStream for Watch {
    async fn next(&mut self) -> Option<Told> {
        loop {
            self.news.mark_unchanged();
            {
                let log = self.goal.log.lock();
                if let Some(event) = self.earlier(&log) {
                    self.seen = event.seq;
                    return Some(event.into());
                }
                if let Some(event) = log.after(self.seen) {
                    self.seen = event.seq;
                    return Some(event.clone().into());
                }
                if log.phase != GoalPhase::Running {
                    return None;
                }
            }
            self.news.changed().await.ok()?;
        }
    }
}

impl Watch {
    /// The next event, if it is not held in memory any more and is still on record.
    fn earlier(&self, log: &Log) -> Option<Event> {
        let first = log
            .events
            .front()
            .map_or(log.last_seq.saturating_add(1), |event| event.seq);
        if first <= self.seen.saturating_add(1) {
            return None;
        }
        let goal = &self.goal;
        let found = goal.register.events(&goal.goal_id, self.seen, 1).ok()?;
        found.into_iter().next().filter(|event| event.seq < first)
    }
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;

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
            words: None,
            changes: 0,
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
        log.events.extend([20, u64::MAX].map(event));
        for (after, next) in [
            (12, Some(20)),
            (20, Some(u64::MAX)),
            (u64::MAX - 1, Some(u64::MAX)),
            (u64::MAX, None),
        ] {
            let found = log.after(after).map(|event| event.seq);
            assert_eq!(found, next, "after {after}");
        }
    }

    #[tokio::test]
    async fn what_is_not_held_in_memory_any_more_is_told_from_the_record() {
        let register = Register::new(Arc::new(InMemoryStore::new()), Arc::new(|_, _, _| {}));
        let asked = Submit {
            goal_id: None,
            text: "x".to_owned(),
            data: Vec::new(),
            files: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        };
        register
            .accept(
                "g",
                &asked,
                "local",
                1,
                super::super::runs::Origin::Asked,
                false,
            )
            .unwrap();
        let goal = Arc::new(Progress::new(
            register,
            "g".to_owned(),
            "local".to_owned(),
            asked,
            Vec::new(),
        ));
        let told = EVENTS_KEPT + 300;
        // How it stands is in words once, and anew whenever it stands otherwise.
        let stands = |seq: usize, phase: &str| {
            let words = goal.words().unwrap();
            assert_eq!(goal.words().unwrap().json().as_ptr(), words.json().as_ptr());
            let said: serde_json::Value = serde_json::from_slice(words.json()).unwrap();
            assert_eq!(said, serde_json::to_value(goal.state()).unwrap());
            assert_eq!(
                (&said["last_seq"], &said["phase"]),
                (&seq.into(), &phase.into())
            );
        };
        for seq in 1..=told {
            let event = aios_work::content::AgentEvent {
                agent: "macro.planner.001@local".to_owned(),
                kind: "started".to_owned(),
                reason: None,
                supervisor: "macro".to_owned(),
            };
            goal.tell(&GoalEvent::Agent(event));
            stands(seq, "running");
        }
        goal.end(GoalPhase::Cancelled, None, None);
        stands(told, "cancelled");
        let mut watch = goal.watched(0);
        for seq in 1..=told {
            let event = watch.next().await.map(|event| event.seq);
            assert_eq!(event, u64::try_from(seq).ok());
        }
        assert!(watch.next().await.is_none());
    }
}
