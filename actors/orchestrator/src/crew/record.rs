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
pub(super) struct Records(Mutex<HashMap<String, VecDeque<RunRecord>>>);

impl Records {
    /// Enters how a run of an agent stands, in the place of what was entered of it before.
    pub(super) fn enter(&self, agent: &str, record: RunRecord) {
        let mut agents = self.0.lock();
        if !agents.contains_key(agent) && agents.len() >= AGENTS {
            let silent = agents
                .iter()
                .min_by_key(|(_, runs)| runs.front().map(|run| run.began))
                .map(|(agent, _)| agent.clone());
            silent.map(|agent| agents.remove(&agent));
        }
        let runs = agents.entry(agent.to_owned()).or_default();
        match runs
            .iter_mut()
            .find(|run| run.operation == record.operation)
        {
            Some(run) => *run = record,
            None => {
                runs.push_front(record);
                runs.truncate(OF_ONE);
            }
        }
    }

    pub(super) fn of(&self, agent: &str) -> Vec<RunRecord> {
        self.0
            .lock()
            .get(agent)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
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
        records.enter("a", record("r39", 39, Outcome::Answered));
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
