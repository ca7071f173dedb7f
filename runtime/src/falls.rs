//! What fell and what its supervisor made of it, on record: each end that was no stop, each attempt at a restart with what became of the
//! messages in hand, each supervisor that gave up. A process that ends takes nothing of it along.
//!
//! An event lies in the store as `fell/{who}/{number}`, as JSON, whatever goals were under way with it. The last thousand stay.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use aios_control::{AgentHappened, InHand};
use aios_memory::{Store, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Where they lie.
pub(crate) const PREFIX: &str = "fell/";
/// The form that is written, and the newest that is read.
const FORM: u16 = 1;
/// So many stay: at three events for a restart some three hundred restarts.
const KEPT: usize = 1_024;
/// Goals that are named with one.
const GOALS: usize = 16;
/// Records read at once.
const PAGE: usize = 256;
/// They last so soon after they happened; one sync serves a burst.
pub(crate) const LASTING_WITHIN: Duration = Duration::from_millis(100);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fallen {
    form: u16,
    /// Its place among all of them.
    #[serde(skip)]
    pub(crate) number: u64,
    /// The goals that were under way then, as far as they are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) goals: Vec<String>,
    /// What happened.
    #[serde(flatten)]
    pub(crate) event: AgentHappened,
}

/// The record of one node.
pub(crate) struct Falls {
    store: Arc<dyn Store>,
    kept: Mutex<Kept>,
}

struct Kept {
    next: u64,
    /// Oldest first.
    keys: VecDeque<Vec<u8>>,
}

impl Falls {
    /// What is on record already.
    pub(crate) fn over(store: Arc<dyn Store>) -> Result<Self, StoreError> {
        let mut keys: Vec<(u64, Vec<u8>)> = all(store.as_ref())?
            .into_iter()
            .map(|(number, key, _)| (number, key))
            .collect();
        keys.sort_unstable();
        let kept = Kept {
            next: keys.last().map_or(1, |(number, _)| number + 1),
            keys: keys.into_iter().map(|(_, key)| key).collect(),
        };
        Ok(Self {
            store,
            kept: Mutex::new(kept),
        })
    }

    /// Writes down what happened while these goals were under way. It lasts with the next flush.
    pub(crate) fn write(&self, event: &AgentHappened, goals: Vec<String>) {
        let mut kept = self.kept.lock();
        let fallen = Fallen {
            form: FORM,
            number: kept.next,
            goals: goals.into_iter().take(GOALS).collect(),
            event: event.clone(),
        };
        let key = format!("{PREFIX}{}/{:020}", event.agent, fallen.number).into_bytes();
        let written = serde_json::to_vec(&fallen)
            .map_err(|error| error.to_string())
            .and_then(|bytes| {
                let put = self.store.put(&key, &bytes);
                put.map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            tracing::warn!(error, agent = %event.agent, "what fell is not on record");
            return;
        }
        kept.next += 1;
        kept.keys.push_back(key);
        while kept.keys.len() > KEPT
            && let Some(oldest) = kept.keys.pop_front()
        {
            if let Err(error) = self.store.delete(&oldest) {
                tracing::debug!(%error, "an old record stays");
            }
        }
    }

    /// Makes what was written lasting. Blocks for the disk.
    pub(crate) fn flush(&self) {
        if let Err(error) = self.store.flush() {
            tracing::warn!(%error, "what fell is not on record yet");
        }
    }
}

/// What happened while a goal was under way, oldest first, at most so many: the latest.
pub(crate) fn of_goal(
    store: &dyn Store,
    goal_id: &str,
    most: usize,
) -> Result<Vec<Fallen>, StoreError> {
    let mut found: Vec<Fallen> = all(store)?
        .into_iter()
        .filter_map(|(number, _, bytes)| read(number, &bytes))
        .filter(|fallen| fallen.goals.iter().any(|goal| goal == goal_id))
        .collect();
    found.sort_by_key(|fallen| fallen.number);
    found.drain(..found.len().saturating_sub(most));
    Ok(found)
}

/// A record as a sentence; none for one of a newer form.
pub(crate) fn said(bytes: &[u8]) -> Option<String> {
    read(0, bytes).map(|fallen| fallen.says())
}

fn read(number: u64, bytes: &[u8]) -> Option<Fallen> {
    let fallen: Fallen = serde_json::from_slice(bytes).ok()?;
    (fallen.form <= FORM).then_some(Fallen { number, ..fallen })
}

/// Number, key and bytes of one on record.
type Record = (u64, Vec<u8>, Vec<u8>);

fn all(store: &dyn Store) -> Result<Vec<Record>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None::<Vec<u8>>);
    loop {
        let page = store.scan_prefix(PREFIX.as_bytes(), after.as_deref(), PAGE)?;
        let Some((last, _)) = page.last() else {
            return Ok(found);
        };
        after = Some(last.clone());
        for (key, bytes) in page {
            let number = key.rsplit(|byte| *byte == b'/').next();
            let number = number.and_then(|number| std::str::from_utf8(number).ok()?.parse().ok());
            if let Some(number) = number {
                found.push((number, key, bytes));
            }
        }
    }
}

impl Fallen {
    /// What happened, in a sentence for a person.
    pub(crate) fn says(&self) -> String {
        let AgentHappened {
            agent,
            supervisor,
            kind,
            reason,
            incarnation,
            attempt,
            delay_ms,
            in_hand,
            ..
        } = &self.event;
        let why = reason.as_deref().unwrap_or("nobody said why");
        let number = incarnation.unwrap_or_default();
        match kind.as_str() {
            "exited" => format!("{agent}, incarnation {number}, ended: {why}"),
            "start_failed" => format!("{agent} did not start: {why}"),
            "restarting" => format!(
                "{agent} is started again, attempt {}, after {} ms",
                attempt.unwrap_or_default(),
                delay_ms.unwrap_or_default()
            ),
            "started" => format!(
                "{agent} is here again, incarnation {number}; {}",
                held(in_hand)
            ),
            "gave_up" => format!("{agent} gave up and left the decision to its parent: {why}"),
            "killed_by_link" => format!("{agent} was killed: {why}"),
            "killed_at_deadline" => format!("{agent} had not left by its deadline and was killed"),
            "stuck" => format!("{agent} blocks its thread and does not leave, whatever it is told"),
            other => format!("{agent} below {supervisor}: {other}"),
        }
    }
}

/// What became of the messages in hand.
fn held(in_hand: &Option<InHand>) -> String {
    let Some(InHand {
        again,
        given_up,
        more,
    }) = in_hand
    else {
        return "it had no message in hand".to_owned();
    };
    let named = |what: &str, held: &[aios_control::Held]| {
        let held = held
            .iter()
            .map(|held| format!("the {} of {}", held.act, held.sender));
        let held: Vec<String> = held.collect();
        (!held.is_empty()).then(|| format!("{what}: {}", held.join(", ")))
    };
    let mut said: Vec<String> = [
        named("handed over again", again),
        named("given up, and said to whoever sent it", given_up),
    ]
    .into_iter()
    .flatten()
    .collect();
    if *more > 0 {
        said.push(format!("and {more} more"));
    }
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use aios_control::Held;
    use aios_memory::InMemoryStore;

    use super::*;

    fn event(agent: &str, kind: &str) -> AgentHappened {
        AgentHappened {
            at: "2026-11-30T00:00:00Z".to_owned(),
            agent: agent.to_owned(),
            supervisor: "node/macro".to_owned(),
            kind: kind.to_owned(),
            reason: Some("failed: it broke".to_owned()),
            incarnation: Some(2),
            attempt: Some(1),
            delay_ms: Some(100),
            in_hand: None,
        }
    }

    #[test]
    fn the_last_of_many_stay_over_processes_and_each_is_found_by_the_goals_it_was_with() {
        let store: Arc<dyn Store> = Arc::new(InMemoryStore::new());
        for process in 0..3 {
            let falls = Falls::over(Arc::clone(&store)).unwrap();
            for at in 0..500 {
                let goals = if at == 499 {
                    vec!["g".to_owned()]
                } else {
                    Vec::new()
                };
                falls.write(
                    &event(&format!("macro.a.{}@local", at % 7), "exited"),
                    goals,
                );
            }
            let stay = all(store.as_ref()).unwrap().len();
            assert_eq!(stay, KEPT.min(500 * (process + 1)));
        }
        let of_goal = |most| of_goal(store.as_ref(), "g", most).unwrap();
        let numbers: Vec<u64> = of_goal(9).iter().map(|fallen| fallen.number).collect();
        assert_eq!(numbers, [500, 1_000, 1_500], "in their order");
        assert_eq!(of_goal(1)[0].number, 1_500, "the latest");
    }

    #[test]
    fn each_is_said_with_what_became_of_the_message_in_hand() {
        let request = Held {
            message: "m".to_owned(),
            act: "request".to_owned(),
            sender: "macro.planner.001@local".to_owned(),
            conversation: "c".to_owned(),
            deliveries: 1,
        };
        let again = AgentHappened {
            in_hand: Some(InHand {
                again: vec![request],
                ..InHand::default()
            }),
            ..event("macro.executor.001@local", "started")
        };
        for (event, expected) in [
            (
                event("macro.executor.001@local", "exited"),
                "macro.executor.001@local, incarnation 2, ended: failed: it broke",
            ),
            (
                event("macro.executor.001@local", "restarting"),
                "macro.executor.001@local is started again, attempt 1, after 100 ms",
            ),
            (
                again,
                "macro.executor.001@local is here again, incarnation 2; handed over again: the request of macro.planner.001@local",
            ),
            (
                event("node/macro", "gave_up"),
                "node/macro gave up and left the decision to its parent: failed: it broke",
            ),
        ] {
            let fallen = Fallen {
                form: FORM,
                number: 1,
                goals: Vec::new(),
                event,
            };
            let bytes = serde_json::to_vec(&fallen).unwrap();
            assert_eq!(said(&bytes).as_deref(), Some(expected));
        }
        assert_eq!(said(b"{\"form\":2}"), None);
    }

    #[test]
    fn every_form_that_was_ever_written_is_read() {
        let read = |bytes: &[u8]| read(7, bytes);
        let write = |fallen: &Fallen| serde_json::to_vec(fallen).unwrap();
        crate::golden::holds("fell", FORM, read, write);
        let golden = include_bytes!("../tests/golden/fell/1-exited.json");
        let fallen = read(golden).unwrap();
        assert_eq!((fallen.number, fallen.goals), (7, vec!["g".to_owned()]));
        assert_eq!(fallen.event, event("macro.executor.001@local", "exited"));
    }
}
