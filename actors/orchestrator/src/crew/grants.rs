//! What people gave single agents beside what their charters say, and what they took from them. It holds from the next tool call on.
//!
//! A charter says what an agent sets out with; a person may change their mind while it is at work. What they said is kept here by the agent's
//! name and looked at before each thought and each call; who keeps it through a restart of the node is whoever holds the crew.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

/// By the name of a tool: whether it was given, or taken.
pub type Changes = BTreeMap<String, bool>;

/// What was changed of all agents of a crew.
#[derive(Debug, Default)]
pub(super) struct Grants {
    changed: RwLock<HashMap<String, Changes>>,
    /// Grows with each change, so that whoever is at work sees that there was one.
    round: AtomicU64,
}

impl Grants {
    pub(super) fn set(&self, agent: &str, changes: Changes) {
        let mut changed = self.changed.write();
        match changes.is_empty() {
            true => changed.remove(agent),
            false => changed.insert(agent.to_owned(), changes),
        };
        self.round.fetch_add(1, Ordering::Release);
    }

    pub(super) fn of(&self, agent: &str) -> Changes {
        self.changed.read().get(agent).cloned().unwrap_or_default()
    }

    pub(super) fn is_taken(&self, agent: &str, tool: &str) -> bool {
        let changed = self.changed.read();
        { changed.get(agent) }.is_some_and(|changes| changes.get(tool) == Some(&false))
    }

    pub(super) fn round(&self) -> u64 {
        self.round.load(Ordering::Acquire)
    }
}

/// The tools that an agent has whose charter names these: those without what was taken, and what was given behind them.
#[must_use]
pub fn tools_with(charter: &[String], changes: &Changes) -> Vec<String> {
    let kept = charter
        .iter()
        .filter(|tool| changes.get(*tool) != Some(&false));
    let given = changes.iter().filter(|(_, given)| **given);
    let given = given
        .map(|(tool, _)| tool)
        .filter(|tool| !charter.contains(tool));
    kept.chain(given).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_gone_and_what_was_given_stands_behind_what_the_charter_names() {
        let charter = ["calc", "clock"].map(str::to_owned);
        for (changes, tools) in [
            (&[][..], &["calc", "clock"][..]),
            (&[("calc", false)], &["clock"]),
            (&[("calc", true)], &["calc", "clock"]),
            (&[("add", true), ("clock", false)], &["calc", "add"]),
            (&[("other", false)], &["calc", "clock"]),
        ] {
            let named = changes
                .iter()
                .map(|(tool, given)| ((*tool).to_owned(), *given));
            assert_eq!(tools_with(&charter, &named.collect()), tools, "{changes:?}");
        }
    }

    #[test]
    fn each_change_is_a_round_and_no_change_leaves_nothing_behind() {
        let grants = Grants::default();
        let before = grants.round();
        grants.set("a", [("calc".to_owned(), false)].into());
        assert!(grants.is_taken("a", "calc") && !grants.is_taken("b", "calc"));
        assert!(grants.round() > before);
        grants.set("a", Changes::new());
        assert!(!grants.is_taken("a", "calc") && grants.changed.read().is_empty());
    }
}
