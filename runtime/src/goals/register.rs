//! The goals that were accepted, as they lie in the store: a goal is accepted when it is there, and a node that starts again knows what it
//! owes.
//!
//! Of each goal there are `goals/{id}/asked`, `goals/{id}/state`, `goals/{id}/answer` when there is one, and what happened, by number, under
//! `goals/{id}/event/`. Texts are JSON of a form that is numbered.

use std::collections::BTreeSet;
use std::sync::Arc;

use aios_control::{ControlError, ErrorKind, Event, EventKind, GoalPhase, Submit};
use aios_memory::{Store, StoreError};
use aios_work::content::{Answer, TaskEvent, TaskStatus};
use aios_work::run::{AfterFalls, Falls};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::runs::Origin;
use crate::falls::{self, Fallen};

/// Where the goals lie in the store.
const PREFIX: &str = "goals/";
/// The form that is written, and the newest that is read.
const FORM: u16 = 1;
/// Records read at once.
const PAGE: usize = 256;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    form: u16,
    /// Orders goals by when they were accepted; microseconds since 1970.
    pub(crate) at_us: u64,
    /// When it was last begun again after it was over, in the same form: its answer is another one then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    again_us: Option<u64>,
    /// Whose it is; the tenant of the node where it is not said, as in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    pub(crate) goal: Submit,
    /// How it came to be here.
    #[serde(default)]
    pub(crate) origin: Origin,
    /// Whether its files are named where they really lie, by somebody who may name some alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) in_place: bool,
}

impl Asked {
    /// When what is under way for it was begun: by that its answer is known from one that it had before.
    pub(crate) fn begun_us(&self) -> u64 {
        self.again_us.unwrap_or(self.at_us)
    }
}

/// How it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    form: u16,
    pub(crate) phase: GoalPhase,
    /// How often in a row a node has ended, unasked, while the goal was at work and came no further.
    #[serde(flatten)]
    pub(crate) falls: Falls,
    /// Whether it is at work, of one that is under way: a goal that waits for its turn is not, and is not what ends the node.
    #[serde(default = "yes")]
    pub(crate) at_work: bool,
    /// What it did was taken back: nobody goes on with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) undone: bool,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ControlError>,
}

/// What a node that starts does with a goal that it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// It is over, or waits for somebody to take it up again.
    Leave,
    /// It was under way: it goes on.
    Resume,
    /// The same, when the others have come to rest: it may be what ends the node.
    Alone,
    /// It was at work each of so many times that a node ended; it is set aside, and the others go on.
    Park,
}

/// What is known of a goal's part in the end of the process that worked on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Nothing: it may have been any that was at work.
    Unknown,
    /// Its tool was being worked on at that moment.
    Seen,
    /// Another's was, and not its own.
    Another,
}

const fn yes() -> bool {
    true
}

impl State {
    /// Under way, accepted a moment ago.
    pub(crate) const fn begun() -> Self {
        Self {
            form: FORM,
            phase: GoalPhase::Running,
            falls: Falls { count: 0, done: 0 },
            at_work: true,
            undone: false,
            error: None,
        }
    }

    /// Under way for the node that starts next: this one ends in good order.
    pub(crate) fn left() -> Self {
        Self {
            at_work: false,
            ..Self::begun()
        }
    }

    pub(crate) fn ended(phase: GoalPhase, error: Option<ControlError>) -> Self {
        Self {
            phase,
            error,
            ..Self::left()
        }
    }

    /// Over, with all that it did taken back.
    pub(crate) fn undone(error: ControlError) -> Self {
        Self {
            undone: true,
            ..Self::ended(GoalPhase::Cancelled, Some(error))
        }
    }

    /// Under less suspicion: what the node fell over, the last times at least, was another goal, which had fallen alone.
    pub(crate) fn cleared(mut self) -> Self {
        self.falls.count = self.falls.count.min(1);
        self
    }

    /// What a node that starts does, and how the goal stands then, with so many of its tasks done.
    pub(crate) fn found(mut self, goal_id: &str, done: usize, blame: Blame) -> (Found, Self) {
        if self.phase != GoalPhase::Running {
            return (Found::Leave, self);
        }
        if self.at_work && blame != Blame::Another {
            self.falls = self.falls.once_more(done);
        }
        self.at_work = false;
        match self.falls.lead_to() {
            AfterFalls::Go => (Found::Resume, self),
            AfterFalls::Alone => (Found::Alone, self),
            AfterFalls::Park => {
                self.phase = GoalPhase::Parked;
                let seen = match blame {
                    Blame::Seen => ", the last time in the middle of its tool's work",
                    Blame::Unknown | Blame::Another => "",
                };
                let message = format!(
                    "the node has ended {} times while goal {goal_id} was under way and came no further{seen}, so it was set aside",
                    self.falls.count
                );
                self.error = Some(
                    ControlError::new(ErrorKind::Failed, message).advise(format!(
                        "look at what it did last with `aios goal show {goal_id}`, then go on with `aios goal resume {goal_id}`, or call it off"
                    )),
                );
                (Found::Park, self)
            }
        }
    }
}

/// A goal as the store has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    pub(crate) goal_id: String,
    pub(crate) asked: Asked,
    pub(crate) state: State,
}

/// All that is on record.
pub(crate) struct Recorded {
    /// Goals, oldest first.
    pub(crate) kept: Vec<Kept>,
    /// Names of goals whose records cannot be read.
    pub(crate) unread: Vec<String>,
    /// Names of goals that are being accepted or forgotten; of a store that nobody writes to, what was when a process ended. Nobody was told
    /// that they are there.
    pub(crate) torn: Vec<String>,
}

/// The goals of a store.
#[derive(Clone)]
pub(crate) struct Register {
    store: Arc<dyn Store>,
    hold: Hold,
    told: Option<Arc<Told>>,
}

/// Who hears where a goal stands.
type Told = dyn Fn(&str, GoalPhase) + Send + Sync;

/// Told of a goal, and of its tenant if that is not the node's, whether somebody may go on with it, so that what was done for it is kept.
pub(crate) type Hold = Arc<dyn Fn(Option<&str>, &str, bool) + Send + Sync>;

impl Register {
    pub(crate) fn new(store: Arc<dyn Store>, hold: Hold) -> Self {
        Self {
            store,
            hold,
            told: None,
        }
    }

    /// The same, and `told` hears where each goal stands once that is on record.
    pub(crate) fn telling(
        mut self,
        told: impl Fn(&str, GoalPhase) + Send + Sync + 'static,
    ) -> Self {
        self.told = Some(Arc::new(told));
        self
    }

    /// Where a goal stands is on record.
    pub(super) fn stands(&self, goal_id: &str, phase: GoalPhase) {
        self.holds(goal_id, phase);
        if let Some(told) = &self.told {
            told(goal_id, phase);
        }
    }

    /// Makes what was told of goals lasting.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.store.flush()
    }

    /// Says of a goal whether somebody may go on with it.
    pub(crate) fn holds(&self, goal_id: &str, phase: GoalPhase) {
        let tenant = self.asked(goal_id).ok().flatten();
        let tenant = tenant.and_then(|asked| asked.tenant);
        (self.hold)(tenant.as_deref(), goal_id, !is_over(phase));
    }

    /// The same of one that was just read.
    pub(crate) fn holds_known(&self, kept: &Kept) {
        let tenant = kept.asked.tenant.as_deref();
        (self.hold)(tenant, &kept.goal_id, !is_over(kept.state.phase));
    }

    /// Puts a goal on record. When this returns it is accepted, whatever becomes of this process.
    pub(crate) fn accept(
        &self,
        goal_id: &str,
        goal: &Submit,
        tenant: &str,
        now_us: u64,
        origin: Origin,
        in_place: bool,
    ) -> Result<(), StoreError> {
        // One of the same name that is over makes way, with all that happened. The very same goal, handed in again, does not: whoever was told
        // that it is accepted finds it, wherever in the middle of this the process ends. What was done for it is held throughout.
        let same = self.asked(goal_id)?.filter(|known| known.goal == *goal);
        if same.is_none() {
            self.store.delete(&key(goal_id, "asked"))?;
        }
        // Nor is it another goal while nobody has heard how it ended.
        let begun = self.state(goal_id).ok().flatten();
        let open = begun.is_some_and(|state| state.phase == GoalPhase::Running);
        let same = same.filter(|_| open);
        let asked = Asked {
            form: FORM,
            at_us: same.as_ref().map_or(now_us, |known| known.at_us),
            again_us: same.and_then(|known| known.again_us),
            tenant: Some(tenant.to_owned()),
            goal: goal.clone(),
            origin,
            in_place,
        };
        self.write(goal_id, "state", &State::begun())?;
        self.store.delete(&key(goal_id, "answer"))?;
        self.clear(&key(goal_id, "event/"))?;
        // Last, so that a goal that is seen is whole.
        self.write(goal_id, "asked", &asked)?;
        let lasting = self.store.flush();
        if lasting.is_err() {
            // Whoever asked is told that it is not accepted, so it must not be taken up when there is room again.
            self.forget(goal_id)?;
        } else {
            self.stands(goal_id, GoalPhase::Running);
        }
        lasting
    }

    /// Puts a goal on record as it stood elsewhere; what happened with it is there already. Lasting when this returns.
    #[expect(
        clippy::too_many_arguments,
        reason = "all that a record holds, each of a type of its own"
    )]
    pub(crate) fn take_in(
        &self,
        goal_id: &str,
        goal: &Submit,
        tenant: &str,
        now_us: u64,
        origin: Origin,
        state: &State,
        answer: Option<&Answer>,
    ) -> Result<(), StoreError> {
        let asked = Asked {
            form: FORM,
            at_us: now_us,
            again_us: None,
            tenant: Some(tenant.to_owned()),
            goal: goal.clone(),
            origin,
            in_place: false,
        };
        if let Some(answer) = answer {
            self.write(goal_id, "answer", answer)?;
        }
        self.write(goal_id, "state", state)?;
        self.write(goal_id, "asked", &asked)?;
        self.store.flush()?;
        self.stands(goal_id, state.phase);
        Ok(())
    }

    /// How a goal came to be here.
    pub(crate) fn origin(&self, goal_id: &str) -> Result<Origin, StoreError> {
        Ok(self
            .asked(goal_id)?
            .map(|asked| asked.origin)
            .unwrap_or_default())
    }

    /// Whether no link is followed on the way to its files.
    pub(crate) fn in_place(&self, goal_id: &str) -> Result<bool, StoreError> {
        Ok(self.asked(goal_id)?.is_some_and(|asked| asked.in_place))
    }

    /// A goal that rests, was set aside or is over is under way again; lasting when this returns. One that was over is told of anew.
    pub(crate) fn begin_again(&self, goal_id: &str, now_us: u64) -> Result<(), StoreError> {
        let over = self
            .state(goal_id)
            .ok()
            .flatten()
            .is_none_or(|state| is_over(state.phase));
        if over && let Some(mut asked) = self.asked(goal_id)? {
            asked.again_us = Some(now_us);
            self.write(goal_id, "asked", &asked)?;
        }
        self.settle(goal_id, &State::begun(), None)
    }

    /// Writes down how a goal stands; lasting when this returns.
    pub(crate) fn settle(
        &self,
        goal_id: &str,
        state: &State,
        answer: Option<&Answer>,
    ) -> Result<(), StoreError> {
        if let Some(answer) = answer {
            self.write(goal_id, "answer", answer)?;
        }
        self.write(goal_id, "state", state)?;
        self.store.flush()?;
        self.stands(goal_id, state.phase);
        Ok(())
    }

    /// Writes down what happened. It lasts with the next thing that must: a crash may take the last few.
    pub(crate) fn tell(&self, goal_id: &str, event: &Event) -> Result<(), StoreError> {
        self.write(goal_id, &event_key(event.seq), event)
    }

    pub(crate) fn state(&self, goal_id: &str) -> Result<Option<State>, StoreError> {
        self.read(goal_id, "state")
    }

    pub(crate) fn asked(&self, goal_id: &str) -> Result<Option<Asked>, StoreError> {
        self.read(goal_id, "asked")
    }

    pub(crate) fn answer(&self, goal_id: &str) -> Result<Option<Arc<Answer>>, StoreError> {
        self.read(goal_id, "answer")
    }

    /// What happened after an event, oldest first, at most so many.
    pub(crate) fn events(
        &self,
        goal_id: &str,
        after_seq: u64,
        most: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let prefix = key(goal_id, "event/");
        let after = key(goal_id, &event_key(after_seq));
        let page = self.store.scan_prefix(&prefix, Some(&after), most)?;
        let read = |(_, bytes): (Vec<u8>, Vec<u8>)| serde_json::from_slice(&bytes).ok();
        Ok(page.into_iter().filter_map(read).collect())
    }

    /// What fell while a goal was under way, as sentences, oldest first, at most so many: the latest.
    pub(crate) fn fell(&self, goal_id: &str, most: usize) -> Result<Vec<String>, StoreError> {
        let fallen = falls::of_goal(self.store.as_ref(), goal_id, most)?;
        let said = |fallen: &Fallen| format!("{}: {}", fallen.event.at, fallen.says());
        Ok(fallen.iter().map(said).collect())
    }

    /// How many of its tasks have a result that was accepted.
    pub(crate) fn done(&self, goal_id: &str) -> Result<usize, StoreError> {
        let (mut done, mut last) = (BTreeSet::new(), 0);
        loop {
            let page = self.events(goal_id, last, PAGE)?;
            let Some(event) = page.last() else {
                return Ok(done.len());
            };
            last = event.seq;
            let of_tasks = page.iter().filter(|event| event.kind == EventKind::Task);
            let told = of_tasks.filter_map(|event| event.read::<TaskEvent>().ok());
            let completed = told.filter(|task| task.status == TaskStatus::Completed);
            done.extend(completed.map(|task| task.task_id));
        }
    }

    /// The number of the last event; zero for none.
    pub(crate) fn last_seq(&self, goal_id: &str) -> Result<u64, StoreError> {
        let mut last = 0;
        loop {
            match self.events(goal_id, last, PAGE)?.last() {
                Some(event) => last = event.seq,
                None => return Ok(last),
            }
        }
    }

    /// All goals on record, oldest first, and what is left of others.
    pub(crate) fn all(&self) -> Result<Recorded, StoreError> {
        let (mut kept, mut unread, mut torn) = (Vec::new(), Vec::new(), Vec::new());
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self
                .store
                .scan_prefix(PREFIX.as_bytes(), after.as_deref(), 1)?;
            let Some((found, _)) = page.into_iter().next() else {
                break;
            };
            let name = String::from_utf8_lossy(&found[PREFIX.len()..]).into_owned();
            let goal_id = name.split('/').next().unwrap_or_default().to_owned();
            // Behind everything of this goal.
            let mut behind = key(&goal_id, "");
            behind.push(0xff);
            after = Some(behind);
            match (self.asked(&goal_id), self.state(&goal_id)) {
                (Ok(Some(asked)), Ok(Some(state))) => kept.push(Kept {
                    goal_id,
                    asked,
                    state,
                }),
                (Ok(_), Ok(_)) => torn.push(goal_id),
                _ => unread.push(goal_id),
            }
        }
        kept.sort_by(|a, b| (a.asked.at_us, &a.goal_id).cmp(&(b.asked.at_us, &b.goal_id)));
        Ok(Recorded { kept, unread, torn })
    }

    /// Takes a goal off the record, with its answer and all that happened.
    pub(crate) fn forget(&self, goal_id: &str) -> Result<(), StoreError> {
        // First, so that one that is cut short here is no goal any more.
        self.holds(goal_id, GoalPhase::Cancelled);
        self.store.delete(&key(goal_id, "asked"))?;
        self.clear(&key(goal_id, ""))
    }

    /// Takes away everything that begins so.
    fn clear(&self, prefix: &[u8]) -> Result<(), StoreError> {
        loop {
            let page = self.store.scan_prefix(prefix, None, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for (key, _) in page {
                self.store.delete(&key)?;
            }
        }
    }

    fn write(&self, goal_id: &str, part: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(value).map_err(|error| StoreError::Io {
            reason: format!("goal {goal_id} cannot be written: {error}"),
        })?;
        self.store.put(&key(goal_id, part), &bytes)
    }

    fn read<T: DeserializeOwned>(
        &self,
        goal_id: &str,
        part: &str,
    ) -> Result<Option<T>, StoreError> {
        let key = key(goal_id, part);
        let Some(bytes) = self.store.get(&key)? else {
            return Ok(None);
        };
        let unread = |_| StoreError::Corrupt {
            key: String::from_utf8_lossy(&key).into_owned(),
        };
        // A newer form may not mean what it reads as.
        let form: Form = serde_json::from_slice(&bytes).map_err(unread)?;
        if form.form > FORM {
            return Err(StoreError::Io {
                reason: format!(
                    "goal {goal_id} was written in form {} and this version reads up to {FORM}; use the version that wrote it, or a newer one",
                    form.form
                ),
            });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(unread)
    }
}

/// Whether nobody need go on with it.
pub(crate) const fn is_over(phase: GoalPhase) -> bool {
    matches!(
        phase,
        GoalPhase::Answered | GoalPhase::Failed | GoalPhase::Cancelled
    )
}

/// The number of a record's form; an answer has its own.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    form: u16,
}

fn key(goal_id: &str, part: &str) -> Vec<u8> {
    [PREFIX, goal_id, "/", part].concat().into_bytes()
}

/// In the order of the numbers.
fn event_key(seq: u64) -> String {
    format!("event/{seq:020}")
}

#[cfg(test)]
mod tests {
    use aios_memory::{Entry, InMemoryStore, Swap};
    use parking_lot::Mutex;

    use super::*;

    fn asked(text: &str) -> Submit {
        Submit {
            goal_id: None,
            text: text.to_owned(),
            data: Vec::new(),
            files: Vec::new(),
            out: "/out".to_owned(),
            private: false,
            plan: None,
        }
    }

    fn event(seq: u64) -> Event {
        Event {
            seq,
            kind: EventKind::Task,
            body: serde_json::Value::Null,
        }
    }

    #[test]
    fn what_a_node_that_starts_does_with_a_goal() {
        use Blame::{Another, Seen, Unknown};
        use GoalPhase::{Answered, Cancelled, Failed, Parked, Paused, Running};
        for (phase, at_work, blame, falls, done, found, then) in [
            (Running, true, Unknown, 0, 0, Found::Resume, (Running, 1)),
            (Running, true, Unknown, 1, 0, Found::Alone, (Running, 2)),
            (Running, true, Unknown, 2, 0, Found::Park, (Parked, 3)),
            (Running, true, Unknown, 2, 1, Found::Resume, (Running, 1)),
            // It was not at work, so it is not what ended the node.
            (Running, false, Unknown, 0, 0, Found::Resume, (Running, 0)),
            (Running, false, Unknown, 2, 0, Found::Alone, (Running, 2)),
            (Parked, false, Unknown, 3, 9, Found::Leave, (Parked, 3)),
            (Paused, false, Unknown, 0, 9, Found::Leave, (Paused, 0)),
            (Answered, false, Unknown, 0, 9, Found::Leave, (Answered, 0)),
            (Failed, false, Unknown, 2, 9, Found::Leave, (Failed, 2)),
            (
                Cancelled,
                false,
                Unknown,
                0,
                9,
                Found::Leave,
                (Cancelled, 0),
            ),
            // Whose tool was being worked on is known, and nobody else is blamed.
            (Running, true, Seen, 0, 0, Found::Resume, (Running, 1)),
            (Running, true, Seen, 2, 0, Found::Park, (Parked, 3)),
            (Running, true, Another, 0, 0, Found::Resume, (Running, 0)),
            (Running, true, Another, 1, 0, Found::Resume, (Running, 1)),
            (Running, true, Another, 2, 0, Found::Alone, (Running, 2)),
        ] {
            let state = State {
                phase,
                at_work,
                falls: Falls {
                    count: falls,
                    done: 0,
                },
                ..State::begun()
            };
            let (what, after) = state.found("g", done, blame);
            assert_eq!(what, found, "{phase:?} after {falls}");
            assert_eq!(
                (after.phase, after.falls.count),
                then,
                "{phase:?} after {falls}"
            );
            assert!(!after.at_work, "it is not taken up yet");
            assert_eq!(after.error.is_some(), what == Found::Park);
        }
    }

    #[test]
    fn a_state_of_before_there_were_turns_was_at_work() {
        let earlier = br#"{"form":1,"phase":"running","falls":1,"done":2}"#;
        let read: State = serde_json::from_slice(earlier).unwrap();
        let falls = Falls { count: 1, done: 2 };
        assert_eq!((read.at_work, read.falls), (true, falls));
        let written = serde_json::to_value(&read).unwrap();
        assert_eq!(
            (&written["falls"], &written["done"]),
            (&1.into(), &2.into())
        );
    }

    #[test]
    fn goals_come_back_oldest_first_and_half_accepted_ones_do_not() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let register = Register::new(Arc::clone(&store), Arc::new(|_, _, _| {}));
        register
            .accept("b", &asked("second"), "local", 2, Origin::Asked, false)
            .unwrap();
        register
            .accept("a", &asked("third"), "local", 3, Origin::Asked, false)
            .unwrap();
        register
            .accept("a.b", &asked("first"), "local", 1, Origin::Asked, false)
            .unwrap();
        store
            .put(
                b"goals/half/asked",
                &store.get(b"goals/b/asked").unwrap().unwrap(),
            )
            .unwrap();
        store.put(b"goals/torn/state", b"{").unwrap();
        store.put(b"goals/torn/asked", b"{").unwrap();
        store.put(b"goal/other", b"x").unwrap();
        let Recorded { kept, unread, torn } = register.all().unwrap();
        let texts: Vec<_> = kept
            .iter()
            .map(|kept| kept.asked.goal.text.as_str())
            .collect();
        assert_eq!(texts, ["first", "second", "third"]);
        assert_eq!(unread, ["torn"]);
        assert_eq!(torn, ["half"], "nobody was told of it");
        assert!(store.get(b"goal/other").unwrap().is_some());
    }

    /// A store of a process that ends after so many writes: the others never were.
    struct Ends {
        store: InMemoryStore,
        left: Mutex<usize>,
    }

    impl Ends {
        fn writes(&self) -> Result<(), StoreError> {
            let mut left = self.left.lock();
            *left = left.checked_sub(1).ok_or_else(|| StoreError::Io {
                reason: "the process has ended".to_owned(),
            })?;
            Ok(())
        }
    }

    impl Store for Ends {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.store.get(key)
        }

        fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
            self.writes()?;
            self.store.put(key, value)
        }

        fn delete(&self, key: &[u8]) -> Result<bool, StoreError> {
            self.writes()?;
            self.store.delete(key)
        }

        fn scan_prefix(
            &self,
            prefix: &[u8],
            after: Option<&[u8]>,
            limit: usize,
        ) -> Result<Vec<Entry>, StoreError> {
            self.store.scan_prefix(prefix, after, limit)
        }

        fn compare_and_swap(
            &self,
            key: &[u8],
            expected: Option<&[u8]>,
            new: Option<&[u8]>,
        ) -> Result<Swap, StoreError> {
            self.store.compare_and_swap(key, expected, new)
        }

        fn flush(&self) -> Result<(), StoreError> {
            self.store.flush()
        }
    }

    #[test]
    fn a_goal_that_was_accepted_is_found_wherever_the_process_ends_while_it_is_handed_in_again() {
        let mut whole = 0;
        for writes in 0..20 {
            let ends = Arc::new(Ends {
                store: InMemoryStore::new(),
                left: Mutex::new(usize::MAX),
            });
            let held = Arc::new(Mutex::new(Vec::new()));
            let tells = Arc::clone(&held);
            let hold: Hold = Arc::new(move |_, _, is_held| tells.lock().push(is_held));
            let register = Register::new(Arc::clone(&ends) as Arc<dyn Store>, hold);
            let accept =
                |now| register.accept("g", &asked("x"), "local", now, Origin::Asked, false);
            accept(1).unwrap();
            for seq in 1..=5 {
                register.tell("g", &event(seq)).unwrap();
            }
            let answered = State::ended(GoalPhase::Answered, None);
            register
                .settle("g", &answered, Some(&Answer::none("g")))
                .unwrap();
            held.lock().clear();
            *ends.left.lock() = writes;
            if accept(2).is_ok() {
                whole += 1;
                assert_eq!(register.last_seq("g").unwrap(), 0);
                assert!(register.answer("g").unwrap().is_none());
            }
            assert!(
                held.lock().iter().all(|held| *held),
                "what was done for it is never let go of"
            );
            let Recorded { kept, torn, .. } = register.all().unwrap();
            assert_eq!((kept.len(), torn), (1, vec![]), "after {writes} writes");
            let phase = kept[0].state.phase;
            assert!(
                phase == GoalPhase::Running || writes == 0,
                "after {writes} writes it is {phase:?}"
            );
        }
        assert!(whole > 0, "it is handed in again as a whole, too");
    }

    #[test]
    fn one_that_was_over_is_told_of_anew_and_one_that_rested_is_not() {
        let register = Register::new(Arc::new(InMemoryStore::new()), Arc::new(|_, _, _| {}));
        register
            .accept("g", &asked("x"), "local", 1, Origin::Asked, false)
            .unwrap();
        let begun_us = || register.asked("g").unwrap().unwrap().begun_us();
        for (phase, now, begun) in [
            (GoalPhase::Paused, 2, 1),
            (GoalPhase::Parked, 3, 1),
            (GoalPhase::Failed, 4, 4),
            (GoalPhase::Paused, 5, 4),
            (GoalPhase::Answered, 6, 6),
        ] {
            register
                .settle("g", &State::ended(phase, None), None)
                .unwrap();
            register.begin_again("g", now).unwrap();
            assert_eq!(begun_us(), begun, "{phase:?}");
        }
        // The very same, handed in while it is under way, is what it was.
        register
            .accept("g", &asked("x"), "local", 7, Origin::Asked, false)
            .unwrap();
        assert_eq!(begun_us(), 6);
        assert_eq!(register.asked("g").unwrap().unwrap().at_us, 1);
    }

    #[test]
    fn what_happened_is_read_from_any_number_on() {
        let register = Register::new(Arc::new(InMemoryStore::new()), Arc::new(|_, _, _| {}));
        register
            .accept("g", &asked("x"), "local", 1, Origin::Asked, false)
            .unwrap();
        assert_eq!(register.last_seq("g").unwrap(), 0);
        for seq in 1..=1_200 {
            register.tell("g", &event(seq)).unwrap();
        }
        assert_eq!(register.last_seq("g").unwrap(), 1_200);
        let seqs = |after, most| -> Vec<u64> {
            let events = register.events("g", after, most).unwrap();
            events.iter().map(|event| event.seq).collect()
        };
        assert_eq!(seqs(0, 2), [1, 2]);
        assert_eq!(seqs(9, 3), [10, 11, 12], "by number and not by letter");
        assert!(seqs(1_200, 3).is_empty());
        register
            .accept("g", &asked("again"), "local", 2, Origin::Asked, false)
            .unwrap();
        assert!(seqs(0, 3).is_empty(), "asked for anew it begins anew");
    }

    #[test]
    fn a_form_of_a_later_version_is_refused_by_its_number() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        let register = Register::new(Arc::clone(&store), Arc::new(|_, _, _| {}));
        register
            .accept("g", &asked("x"), "local", 1, Origin::Asked, false)
            .unwrap();
        let bytes = store.get(b"goals/g/state").unwrap().unwrap();
        let later = String::from_utf8(bytes)
            .unwrap()
            .replace("\"form\":1", "\"form\":2");
        store.put(b"goals/g/state", later.as_bytes()).unwrap();
        let refused = register.state("g").unwrap_err().to_string();
        assert!(
            refused.contains("form 2") && refused.contains("newer"),
            "{refused}"
        );
        let Recorded { kept, unread, .. } = register.all().unwrap();
        assert!(kept.is_empty());
        assert_eq!(unread, ["g"]);
    }
}
