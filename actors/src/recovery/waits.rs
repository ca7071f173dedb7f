//! Who waits for whom in one world, and which of them will wait for ever.
//!
//! An agent that asks from its handler takes no other message until the answer is there; one that asks from a job goes on with others. So
//! what waits is a handler, or the work on one conversation, and only a circle of these is a deadlock: two agents that ask each other from
//! jobs are none. Asks of principals are not entered, because nobody asks a principal.

use std::sync::Arc;
use std::time::Duration;

use aios_protocols::{ConversationId, Party, Timestamp};
use aios_supervisor::WaitGraph;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// What waits, or is waited for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiter {
    /// The agent.
    pub party: Party,
    /// The conversation it works on in a job; none for its handler.
    pub work: Option<ConversationId>,
}

/// A circle of agents that wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadlockView {
    /// Each waits for the next, the last for the first.
    pub agents: Vec<String>,
    /// The conversations they wait in, in the same order.
    pub conversations: Vec<String>,
    /// How long the youngest of the waits has lasted, in milliseconds: as long as the circle.
    pub for_ms: u64,
    /// In how many milliseconds the first deadline among them breaks the circle.
    pub breaks_in_ms: Option<u64>,
}

impl std::fmt::Display for DeadlockView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "deadlock: {}", self.agents.join(" waits for "))?;
        if let Some(first) = self.agents.first() {
            write!(f, " waits for {first}")?;
        }
        match self.breaks_in_ms {
            Some(ms) => write!(f, "; the first deadline breaks it in {ms} ms"),
            None => Ok(()),
        }
    }
}

/// The waits of one world. Cheap to clone; clones are the same waits.
#[derive(Clone, Debug, Default)]
pub struct Waits(Arc<Mutex<WaitGraph<Waiter>>>);

/// A wait under way; dropping it ends it.
pub(crate) struct Waiting {
    waits: Waits,
    who: Waiter,
    whom: [Waiter; 2],
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut graph = self.waits.0.lock();
        for whom in &self.whom {
            graph.done(&self.who, whom);
        }
    }
}

impl Waits {
    /// `who` asked `to` in a conversation and waits until the deadline. A circle that this closes is logged.
    pub(crate) fn begin(
        &self,
        who: Waiter,
        to: &Party,
        conversation: ConversationId,
        now: Timestamp,
        deadline: Duration,
    ) -> Waiting {
        // The answer needs the receiver's handler, and then whatever works on it.
        let whom = [None, Some(conversation)].map(|work| Waiter {
            party: to.clone(),
            work,
        });
        let since = Duration::from_micros(now.as_micros());
        let what = conversation.to_string();
        let closes = {
            let mut graph = self.0.lock();
            for whom in &whom {
                graph.wait(
                    who.clone(),
                    whom.clone(),
                    &what,
                    since,
                    Some(since + deadline),
                );
            }
            whom.iter().any(|whom| graph.waits(whom)) && graph.circle(&who).is_some()
        };
        if closes {
            metrics::counter!(DEADLOCKS_TOTAL).increment(1);
            for circle in self.deadlocks(now) {
                tracing::warn!(%circle, "agents wait for each other");
            }
        }
        Waiting {
            waits: self.clone(),
            who,
            whom,
        }
    }

    /// The circles there are now.
    #[must_use]
    pub fn deadlocks(&self, now: Timestamp) -> Vec<DeadlockView> {
        let now = Duration::from_micros(now.as_micros());
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let found = self.0.lock().deadlocks();
        found
            .into_iter()
            .map(|deadlock| DeadlockView {
                agents: deadlock
                    .circle
                    .iter()
                    .map(|waiter| waiter.party.to_string())
                    .collect(),
                conversations: deadlock
                    .waits
                    .iter()
                    .map(|wait| wait.what.clone())
                    .collect(),
                for_ms: deadlock
                    .waits
                    .iter()
                    .map(|wait| ms(now.saturating_sub(wait.since)))
                    .min()
                    .unwrap_or(0),
                breaks_in_ms: deadlock.breaks_at.map(|at| ms(at.saturating_sub(now))),
            })
            .collect()
    }

    /// Asks of agents under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Circles that an ask closed.
pub const DEADLOCKS_TOTAL: &str = "aios_agent_deadlocks_total";

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str) -> Party {
        format!("macro.{name}.001@local").parse().unwrap()
    }

    fn in_conversation(number: u8) -> ConversationId {
        ConversationId::new(at(0), [number; 10])
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_millis(1_000_000 + ms))
    }

    /// Rows: who asks (in which work, or in the handler), whom, in which conversation; the circles.
    #[test]
    fn only_a_circle_that_nobody_can_leave_is_a_deadlock() {
        type Ask = (&'static str, Option<u8>, &'static str, u8);
        let rows: [(&[Ask], usize); 6] = [
            // Two handlers wait for each other.
            (&[("a", None, "b", 1), ("b", None, "a", 2)], 1),
            // Two jobs that ask each other: each has its handler free.
            (&[("a", Some(8), "b", 1), ("b", Some(9), "a", 2)], 0),
            // A handler waits for a job that waits for the handler.
            (&[("a", None, "b", 1), ("b", Some(1), "a", 2)], 1),
            // The same, but that job works for somebody else.
            (&[("a", None, "b", 1), ("b", Some(7), "a", 2)], 0),
            // A long way round.
            (
                &[
                    ("a", None, "b", 1),
                    ("b", Some(1), "c", 2),
                    ("c", Some(2), "a", 3),
                ],
                1,
            ),
            // Many wait for one: no circle.
            (&[("a", None, "c", 1), ("b", None, "c", 2)], 0),
        ];
        for (asks, circles) in rows {
            let waits = Waits::default();
            let held: Vec<Waiting> = asks
                .iter()
                .map(|(who, work, whom, conversation)| {
                    let who = Waiter {
                        party: agent(who),
                        work: work.map(in_conversation),
                    };
                    waits.begin(
                        who,
                        &agent(whom),
                        in_conversation(*conversation),
                        at(0),
                        Duration::from_secs(5),
                    )
                })
                .collect();
            assert_eq!(waits.deadlocks(at(1_000)).len(), circles, "{asks:?}");
            drop(held);
            assert!(waits.is_empty(), "{asks:?}");
        }
    }

    #[test]
    fn the_report_names_the_circle_and_when_it_breaks() {
        let waits = Waits::default();
        let handler = |name| Waiter {
            party: agent(name),
            work: None,
        };
        let _one = waits.begin(
            handler("a"),
            &agent("b"),
            in_conversation(1),
            at(0),
            Duration::from_secs(9),
        );
        let _two = waits.begin(
            handler("b"),
            &agent("a"),
            in_conversation(2),
            at(500),
            Duration::from_secs(2),
        );
        let found = waits.deadlocks(at(1_000));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].for_ms, found[0].breaks_in_ms), (500, Some(1_500)));
        assert_eq!(
            found[0].to_string(),
            "deadlock: macro.a.001@local waits for macro.b.001@local waits for macro.a.001@local; the first deadline breaks it in 1500 ms"
        );
    }
}
