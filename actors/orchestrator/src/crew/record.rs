//! What the agents of a crew were asked last, for whoever looks: how far each came, what it cost, how it ended.

use std::collections::{HashMap, VecDeque};

use aios_protocols::Timestamp;
use aios_work::Spent;
use aios_work::content::NoAnswer;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Runs kept of one agent.
const OF_ONE: usize = 16;
/// Agents of which runs are kept; the one silent for longest makes room.
const AGENTS: usize = 1_024;

/// One question to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The work's name.
    pub operation: String,
    /// When it was begun last.
    pub began: Timestamp,
    /// Turns that were begun.
    pub turns: u32,
    /// What was spent, what is set aside included.
    pub spent: Spent,
    /// How it stands.
    pub outcome: Outcome,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::AtWork => "at_work",
            Self::Answered => "answered",
            Self::Left => "left",
            Self::Unanswered(_) => "unanswered",
        }
    }
}

/// How a question stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// It is worked on.
    AtWork,
    /// It was answered.
    Answered,
    /// Nobody waits for the answer any more.
    Left,
    /// There is no answer.
    Unanswered(NoAnswer),
}

#[derive(Default)]
pub(super) struct Records(Mutex<HashMap<String, Runs>>);

/// What is kept of one agent.
#[derive(Default)]
struct Runs {
    latest: VecDeque<RunRecord>,
    bill: Bill,
}

/// What an agent has cost since its node began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bill {
    /// Questions that were begun.
    pub questions: u64,
    /// All that was spent on them.
    pub spent: Spent,
}

impl Bill {
    fn add(&mut self, now: Spent, before: Spent) {
        let more = |now: u64, before: u64| now.saturating_sub(before);
        self.spent.calls += more(now.calls, before.calls);
        self.spent.tokens += more(now.tokens, before.tokens);
        self.spent.money_micros += more(now.money_micros, before.money_micros);
    }
}

impl Records {
    /// Enters how a run of an agent stands, in the place of what was entered of it before.
    pub(super) fn enter(&self, agent: &str, record: RunRecord) {
        let mut agents = self.0.lock();
        if !agents.contains_key(agent) && agents.len() >= AGENTS {
            let silent = agents
                .iter()
                .min_by_key(|(_, runs)| runs.latest.front().map(|run| run.began))
                .map(|(agent, _)| agent.clone());
            silent.map(|agent| agents.remove(&agent));
        }
        let runs = agents.entry(agent.to_owned()).or_default();
        let Runs { latest, bill } = runs;
        match latest
            .iter_mut()
            .find(|run| run.operation == record.operation)
        {
            Some(run) => {
                bill.add(record.spent, run.spent);
                *run = record;
            }
            None => {
                bill.questions += 1;
                bill.add(record.spent, Spent::default());
                latest.push_front(record);
                latest.truncate(OF_ONE);
            }
        }
    }

    pub(super) fn of(&self, agent: &str) -> Vec<RunRecord> {
        self.0
            .lock()
            .get(agent)
            .into_iter()
            .flat_map(|runs| &runs.latest)
            .cloned()
            .collect()
    }

    /// What was spent on a piece of work, whoever did it.
    pub(super) fn on(&self, operation: &str) -> Option<Spent> {
        let agents = self.0.lock();
        let runs = agents.values().flat_map(|runs| &runs.latest);
        let of_it = runs.filter(|run| run.operation == operation);
        of_it.map(|run| run.spent).max_by_key(|spent| spent.tokens)
    }

    /// What each agent has cost, by its name.
    pub(super) fn bills(&self) -> Vec<(String, Bill)> {
        let agents = self.0.lock();
        let mut bills: Vec<_> = agents
            .iter()
            .map(|(agent, runs)| (agent.clone(), runs.bill))
            .collect();
        bills.sort_by(|a, b| a.0.cmp(&b.0));
        bills
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_runs_of_each_agent_are_kept_and_no_more() {
        let records = Records::default();
        let record = |operation: &str, ms: u64, outcome| RunRecord {
            operation: operation.to_owned(),
            began: Timestamp::since_epoch(std::time::Duration::from_millis(ms)),
            turns: 1,
            spent: Spent::default(),
            outcome,
        };
        for at in 0..40 {
            records.enter("a", record(&format!("r{at}"), at, Outcome::AtWork));
        }
        let spent = Spent {
            calls: 1,
            tokens: 10,
            money_micros: 2,
        };
        let paid = |tokens, outcome| RunRecord {
            spent: Spent { tokens, ..spent },
            ..record("r39", 39, outcome)
        };
        records.enter("a", paid(10, Outcome::AtWork));
        records.enter("a", paid(25, Outcome::Answered));
        let bill = Bill {
            questions: 40,
            spent: Spent {
                tokens: 25,
                ..spent
            },
        };
        assert_eq!(
            records.bills(),
            [("a".to_owned(), bill)],
            "nothing is paid twice"
        );
        assert_eq!(records.on("r39").map(|spent| spent.tokens), Some(25));
        assert_eq!(records.on("r1"), None, "it is not on record any more");
        let runs = records.of("a");
        assert_eq!((runs.len(), runs[0].operation.as_str()), (OF_ONE, "r39"));
        assert_eq!(runs[0].outcome, Outcome::Answered);
        for at in 0..AGENTS as u64 {
            records.enter(&format!("b{at}"), record("r", 100 + at, Outcome::AtWork));
        }
        assert!(
            records.of("a").is_empty(),
            "the one silent for longest made room"
        );
        assert_eq!(records.of("b0").len(), 1);
    }
}
