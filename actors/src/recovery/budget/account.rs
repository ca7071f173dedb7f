//! What a goal has spent, and where that is on record.

use std::sync::Arc;

use aios_memory::Store;
use aios_work::Spent;
use aios_work::content::ThoughtReport;
use serde::{Deserialize, Serialize};

/// Where the account of a goal is on record, so that a process that ends unasked takes nothing of it along.
pub(super) struct Record {
    pub store: Arc<dyn Store>,
    pub key: Vec<u8>,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Record")
    }
}

/// An account on record; what is set aside counts as spent, because after a crash nobody knows what the call took.
#[derive(Serialize, Deserialize)]
struct Recorded {
    calls: u64,
    tokens: u64,
    /// In thousandths of millionths; a number of this size is no JSON number everywhere.
    cost: String,
    /// None in what earlier versions kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    thoughts: Vec<ThoughtReport>,
}

/// Where budgets lie in the store.
const PREFIX: &str = "budget/";

/// The key under which the account of a goal is on record while it is under way, for whoever forgets goals: `budget/{tenant}\0{goal}`.
#[must_use]
pub fn budget_record(tenant: &str, goal: &str) -> Vec<u8> {
    format!("{PREFIX}{tenant}\0{goal}").into_bytes()
}

impl Record {
    pub(super) fn read(&self) -> Option<(Account, Vec<ThoughtReport>)> {
        let stored = self.store.get(&self.key);
        let stored = stored.unwrap_or_else(|error| {
            tracing::error!(%error, "what a goal has spent cannot be read; it begins with a full budget");
            None
        })?;
        let Ok(Recorded {
            calls,
            tokens,
            cost,
            thoughts,
        }) = serde_json::from_slice(&stored)
        else {
            tracing::error!("what a goal has spent is not readable; it begins with a full budget");
            return None;
        };
        let mut account = Account::default();
        account.spent.calls = calls;
        account.spent.tokens = tokens;
        account.set_cost(cost.parse().ok()?);
        Some((account, thoughts))
    }

    /// It lasts with the next thing that must.
    pub(super) fn write(&self, account: &Account, thoughts: &[ThoughtReport]) {
        let recorded = Recorded {
            calls: account.spent.calls,
            tokens: account.spent.tokens,
            cost: account.cost.to_string(),
            thoughts: thoughts.to_vec(),
        };
        // Numbers always have a JSON form.
        let bytes = serde_json::to_vec(&recorded).unwrap_or_default();
        if let Err(error) = self.store.put(&self.key, &bytes) {
            tracing::warn!(%error, "what a goal has spent could not be written down");
        }
    }

    pub(super) fn remove(&self) {
        if let Err(error) = self.store.delete(&self.key) {
            tracing::warn!(%error, "what a goal had spent stays on record");
        }
    }
}

/// What was spent, and exactly what it cost: thousandths of millionths, because prices are for a thousand tokens.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub spent: Spent,
    pub cost: u128,
}

impl Account {
    pub(super) fn take(&mut self, tokens: u64, cost: u128) {
        self.spent.tokens = self.spent.tokens.saturating_add(tokens);
        self.set_cost(self.cost.saturating_add(cost));
    }

    pub(super) fn give_back(&mut self, tokens: u64, cost: u128) {
        self.spent.tokens = self.spent.tokens.saturating_sub(tokens);
        self.set_cost(self.cost.saturating_sub(cost));
    }

    pub(super) fn set_cost(&mut self, cost: u128) {
        self.cost = cost;
        self.spent.money_micros = micros(cost);
    }
}

/// What tokens cost at a price for a thousand, in thousandths.
pub(super) fn cost(tokens: u64, price_micros: u64) -> u128 {
    u128::from(tokens) * u128::from(price_micros)
}

pub(super) fn micros(cost: u128) -> u64 {
    u64::try_from(cost.div_ceil(1_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use aios_memory::InMemoryStore;

    use super::*;

    #[test]
    fn what_was_spent_is_read_and_written_the_same() {
        let record = Record {
            store: Arc::new(InMemoryStore::new()),
            key: budget_record("local", "g"),
        };
        let read = |bytes: &[u8]| {
            record.store.put(&record.key, bytes).unwrap();
            record.read()
        };
        crate::golden::holds("budget", 1, read, |(account, thoughts)| {
            record.write(account, thoughts);
            record.store.get(&record.key).unwrap().unwrap()
        });
    }
}
