//! What goals came to, kept on the store: an answer is delivered once and can be read again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{MemoryError, Store};

/// A finished goal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoalResult {
    /// The goal's id.
    pub id: String,
    /// Whose it is.
    pub tenant: String,
    /// Who asked.
    pub principal: String,
    /// What was asked.
    pub goal: String,
    /// How it ended, such as `delivered` or `failed`.
    pub outcome: String,
    /// The answer as it was delivered.
    pub answer: String,
    /// The critic's score, if it came so far.
    pub score: Option<f64>,
    /// When it was asked, in microseconds since the Unix epoch.
    pub started_us: u64,
    /// When it ended, in microseconds since the Unix epoch.
    pub finished_us: u64,
}

/// The results of all goals.
#[derive(Clone)]
pub struct GoalResults {
    store: Arc<dyn Store>,
}

impl GoalResults {
    /// The results in a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Keeps a result, and flushes. Keeping the same goal again replaces it.
    pub fn put(&self, result: &GoalResult) -> Result<(), MemoryError> {
        for (what, name) in [("tenant", &result.tenant), ("goal id", &result.id)] {
            if name.is_empty() || name.len() > 256 {
                return Err(MemoryError::Length {
                    what,
                    asked: name.len(),
                    allowed: 256,
                });
            }
        }
        if result.tenant.contains('\0') {
            return Err(MemoryError::Namespace);
        }
        let before = self.get(&result.tenant, &result.id)?;
        let bytes = serde_json::to_vec(result).map_err(|error| MemoryError::Record {
            key: result.id.clone(),
            reason: error.to_string(),
        })?;
        // Listed first and for as long as it is there: a record that no list shows would never be forgotten.
        self.store.put(&time_key(result), &[])?;
        self.store.put(&key(&result.tenant, &result.id), &bytes)?;
        if let Some(before) = before.filter(|before| before.finished_us != result.finished_us) {
            self.store.delete(&time_key(&before))?;
        }
        self.store.flush()?;
        Ok(())
    }

    /// A tenant's result by the goal's id.
    pub fn get(&self, tenant: &str, id: &str) -> Result<Option<GoalResult>, MemoryError> {
        let key = key(tenant, id);
        let Some(bytes) = self.store.get(&key)? else {
            return Ok(None);
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| MemoryError::Record {
                key: String::from_utf8_lossy(&key).into_owned(),
                reason: error.to_string(),
            })
    }

    /// A tenant's last results, newest first.
    pub fn latest(&self, tenant: &str, limit: usize) -> Result<Vec<GoalResult>, MemoryError> {
        let mut found = Vec::new();
        for (key, _) in self.store.scan_prefix(&time_prefix(tenant), None, limit)? {
            if let Some(result) = id_of(&key, tenant)
                .map(|id| self.get(tenant, &id))
                .transpose()?
                .flatten()
            {
                found.push(result);
            }
        }
        Ok(found)
    }

    /// The ids of all of a tenant's results, those that ended longest ago first.
    pub fn ids(&self, tenant: &str) -> Result<Vec<String>, MemoryError> {
        let prefix = time_prefix(tenant);
        let mut ids = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.scan_prefix(&prefix, after.as_deref(), 256)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (time, _) in &page {
                let found = id_of(time, tenant).map(|id| self.get(tenant, &id));
                match found.transpose()?.flatten() {
                    Some(result) if time_key(&result) == *time => ids.push(result.id),
                    // Cut short when it was kept or forgotten.
                    _ => {
                        self.store.delete(time)?;
                    }
                }
            }
        }
        ids.reverse();
        Ok(ids)
    }

    /// Forgets a tenant's result; says whether it was there.
    pub fn forget(&self, tenant: &str, id: &str) -> Result<bool, MemoryError> {
        let Some(result) = self.get(tenant, id)? else {
            return Ok(false);
        };
        self.store.delete(&key(tenant, id))?;
        self.store.delete(&time_key(&result))?;
        self.store.flush()?;
        Ok(true)
    }
}

fn key(tenant: &str, id: &str) -> Vec<u8> {
    ["result/", tenant, "\0", id].concat().into_bytes()
}

fn time_prefix(tenant: &str) -> Vec<u8> {
    ["result-time/", tenant, "\0"].concat().into_bytes()
}

/// Times count down, so that a scan finds the newest first.
fn time_key(result: &GoalResult) -> Vec<u8> {
    let countdown = (u64::MAX - result.finished_us).to_be_bytes();
    [
        time_prefix(&result.tenant).as_slice(),
        &countdown,
        result.id.as_bytes(),
    ]
    .concat()
}

fn id_of(time_key: &[u8], tenant: &str) -> Option<String> {
    let id = time_key.get(time_prefix(tenant).len() + 8..)?;
    String::from_utf8(id.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InMemoryStore;

    fn result(tenant: &str, id: &str, finished_us: u64) -> GoalResult {
        GoalResult {
            id: id.into(),
            tenant: tenant.into(),
            principal: "user:alice@acme".into(),
            goal: "analyze Q3 sales".into(),
            outcome: "delivered".into(),
            answer: format!("answer of {id} at {finished_us}"),
            score: Some(0.9),
            started_us: 0,
            finished_us,
        }
    }

    #[test]
    fn the_newest_come_first_and_tenants_do_not_see_each_other() {
        let results = GoalResults::new(Arc::new(InMemoryStore::new()));
        for (tenant, id, at) in [
            ("acme", "g1", 10),
            ("acme", "g2", 30),
            ("acme", "g3", 20),
            ("acm", "g4", 99),
        ] {
            results.put(&result(tenant, id, at)).unwrap();
        }
        // Kept again later: it moves up and is there once.
        results.put(&result("acme", "g1", 40)).unwrap();
        let ids = |limit| -> Vec<String> {
            results
                .latest("acme", limit)
                .unwrap()
                .into_iter()
                .map(|result| result.id)
                .collect()
        };
        assert_eq!(ids(9), ["g1", "g2", "g3"]);
        assert_eq!(ids(2), ["g1", "g2"]);
        assert_eq!(results.get("acm", "g1").unwrap(), None);
        assert_eq!(
            results.get("acme", "g1").unwrap(),
            Some(result("acme", "g1", 40))
        );
        assert_eq!(results.ids("acme").unwrap(), ["g3", "g2", "g1"]);
        assert!(results.forget("acme", "g2").unwrap());
        assert!(!results.forget("acme", "g2").unwrap());
        assert!(!results.forget("acme", "g4").unwrap(), "another tenant's");
        assert_eq!(ids(9), ["g1", "g3"]);
        assert_eq!(results.ids("acme").unwrap(), ["g3", "g1"]);
        assert_eq!(results.latest("acm", 9).unwrap().len(), 1);
    }
}
